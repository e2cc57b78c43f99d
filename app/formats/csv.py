"""Comma-separated text of one array: a sample in every line, perhaps below a line of names.

A good text takes the straight way: with its line ends made brackets it is JSON, which `json_numbers` reads without an
object per number. Whatever is not plainly good (a number like ``.5``, a word, a line that is too short) takes the
second look, line by line, which reads more ways to write a number and says which line and column is wrong. Both go
through the text in blocks, so that no copy of it is made.
"""

import codecs
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.formats.elements import refused
from app.formats.errors import DecodeError, Malformed, NotANumber, OutOfRange, Ragged
from app.formats.json_numbers import BLOCK_BYTES, Block, Text, numbers_in, occurrences
from app.formats.json_numerals import ACCELERATED
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.errors import Fault
from app.losses.refusals import sentence

__all__ = ["read"]

_MOST_FAULTS = 20
_LONGEST_HEADING = 1 << 22
_NUMBER = rb"[ \t]*+[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+[ \t]*+"
_CELL = re.compile(_NUMBER)
_NAN = rb"[ \t]*+[+-]?+(?:nan|inf(?:inity)?|n/?a)[ \t]*+"
_NOT_FINITE = re.compile(_NAN, re.IGNORECASE)
_LINES = {separator: re.compile(rb"%b(?:%b%b)*+" % (_NUMBER, separator, _NUMBER)) for separator in (b",", b";")}
_NAME = rb"(?!%b(?:SEPARATOR|\Z))[ \t]*+[\"'#A-Za-z_\x80-\xff][^SEPARATOR]*+" % _NAN
_HEADINGS = {
    separator: re.compile(
        rb"NAME(?:SEPARATORNAME)*+".replace(b"NAME", _NAME).replace(b"SEPARATOR", separator), re.IGNORECASE
    )
    for separator in (b",", b";")
}
_NEGATIVE_ZERO = re.compile(rb"-0[,;\s]")
_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Table(NamedTuple):
    """The lines of a text that hold numbers.

    Attributes
    ----------
    start, stop
        Where they are, the end of the last line left out.
    first
        The number of the first one, counted from 1.
    separator
        What stands between the numbers of a line.
    width
        How many numbers the first one has.
    block_bytes
        How long the blocks are into which they are cut.
    """

    start: int
    stop: int
    first: int
    separator: bytes
    width: int
    block_bytes: int


def read(  # noqa: PLR0913 - where the text is, and what to heed
    name: str,
    body: Body,
    start: int = 0,
    stop: int | None = None,
    *,
    accelerated: bool = ACCELERATED,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
    block_bytes: int = BLOCK_BYTES,
) -> NDArray[np.float64]:
    """Read numbers between commas or semicolons, a sample in every line.

    Parameters
    ----------
    name
        The array, for refusals.
    body, start, stop
        UTF-8, perhaps with a byte order mark. The first line is passed over if all of its cells are names. The
        separator is a semicolon if the first line of numbers has one, and the decimal mark always a point.
    accelerated
        Whether simdjson reads the numbers; without it the answer is the same and takes longer.
    scratch
        Gives the room for the array.
    checkpoint
        Called between blocks of text; what it raises passes through.
    block_bytes
        How long a block may be, cells that are longer excepted; it is for tests to make it short.

    Returns
    -------
    numpy.ndarray
        float64, every number correctly rounded, shape (lines, columns), or (lines,) where there is one column.

    Raises
    ------
    Malformed
        Not UTF-8.
    NotANumber, OutOfRange, Ragged
        Cells and lines that are not those of an array, by line and column, counted from 1 (and by index, as always).
    """
    end = len(body) if stop is None else stop
    _check_encoding(name, body, start, end, checkpoint)
    table = _table(body, start, end, block_bytes)
    if table.start == table.stop:
        detail = "holds no numbers; a sample in every line is wanted"
        raise refused(Ragged, name, detail)
    try:
        found = numbers_in(_as_json(body, table), accelerated=accelerated, scratch=scratch, checkpoint=checkpoint)
    except (msgspec.MsgspecError, ValueError):
        found = None
    if found is not None and (found.all() or not _has_negative_zeros(body, table, checkpoint)):
        return found
    return _second_look(name, body, table, scratch, checkpoint)


def _table(body: Body, start: int, stop: int, block_bytes: int) -> _Table:
    """Find the lines that hold numbers."""
    if body[start : start + len(codecs.BOM_UTF8)] == codecs.BOM_UTF8:
        start += len(codecs.BOM_UTF8)
    rest = b""
    while start < stop and not rest:
        tail = body[max(start, stop - BLOCK_BYTES) : stop]
        rest = tail.rstrip(b"\r\n")
        stop -= len(tail) - len(rest)
    first, end = 1, _end(body, b"\n", start, stop)
    if _is_heading(body[start : min(end, start + _LONGEST_HEADING + 1)]):
        first, start = 2, min(end + 1, stop)
        end = _end(body, b"\n", start, stop)
    separator = b";" if _end(body, b";", start, end) < end else b","
    return _Table(start, stop, first, separator, occurrences(separator, body, start, end) + 1, block_bytes)


def _end(body: Body, mark: bytes, start: int, stop: int) -> int:
    """Find the first mark; `stop` if there is none."""
    for place in range(start, stop, BLOCK_BYTES):
        found = body[place : min(place + BLOCK_BYTES, stop)].find(mark)
        if found >= 0:
            return place + found
    return stop


def _is_heading(line: bytes) -> bool:
    """Tell whether a line holds a name in every cell, and not what is meant as a number."""
    names = _HEADINGS[b";" if b";" in line else b","]
    return len(line) <= _LONGEST_HEADING and names.fullmatch(line.removesuffix(b"\r")) is not None


def _check_encoding(name: str, body: Body, start: int, stop: int, checkpoint: Checkpoint) -> None:
    """Refuse what is not UTF-8."""
    problem = "begins with the mark of UTF-16 or UTF-32" if body[start : start + 4].startswith(_MARKS) else ""
    place, line = start, 1
    while place < stop and not problem:
        checkpoint()
        block = body[place : min(place + BLOCK_BYTES, stop)]
        taken = len(block)
        if not block.isascii():
            try:
                taken = codecs.utf_8_decode(block, "strict", place + taken == stop)[1]
            except UnicodeDecodeError as error:
                problem = f"is not UTF-8 (byte {place + error.start - start}, line "
                problem += f"{line + block.count(10, 0, error.start)})"
        line += block.count(10, 0, taken)
        place += taken
    if problem:
        detail = f"{problem}; a .npy file, or text in UTF-8 is wanted"
        raise refused(Malformed, name, detail)


def _cuts(body: Body, table: _Table) -> Iterator[tuple[int, int, bool]]:
    """Cut lines into blocks: where each begins, where it ends, and whether a line ends there."""
    start = table.start
    while table.stop - start > table.block_bytes:
        block = body[start : start + table.block_bytes]
        cut = block.rfind(b"\n")
        ends = cut >= 0
        if not ends:
            cut = block.rfind(table.separator)
        stop = start + cut if cut >= 0 else _end_of_cell(body, table, start + table.block_bytes)
        ends = ends or body[stop : stop + 1] != table.separator
        yield start, stop, ends
        start = stop + 1
    if start <= table.stop:
        yield start, table.stop, True


def _end_of_cell(body: Body, table: _Table, start: int) -> int:
    """Find the end of a cell that is longer than a block."""
    line = _end(body, b"\n", start, table.stop)
    return _end(body, table.separator, start, line)


def _as_json(body: Body, table: _Table) -> Text:
    """Let the lines be lists; where each has one number, let all be one list."""

    def blocks() -> Iterator[Block]:
        return _blocks(body, table)

    def count() -> int:
        return occurrences(table.separator + b"\n", body, table.start, table.stop) + 1

    return Text(min(table.width, 2), blocks, count)


def _blocks(body: Body, table: _Table) -> Iterator[Block]:
    """Give the blocks of a text in JSON.

    Raises
    ------
    ValueError
        If there is anything in it that means something else in JSON.
    """
    rank = min(table.width, 2)
    strangers = (b"[", b"]", *((b",",) if table.separator == b";" else ()), *((table.separator,) if rank == 1 else ()))
    opened = 0
    for start, stop, ends in _cuts(body, table):
        text = body[start:stop]
        if any(stranger in text for stranger in strangers) or (rank == 1 and not ends):
            raise ValueError("no table that is also JSON")
        if table.separator == b";":
            text = text.replace(b";", b",")
        text = text.replace(b"\n", b"," if rank == 1 else b"],[")
        left = 0 if stop == table.stop else 1 if ends else rank
        yield Block(b"[" * (rank - opened) + text + b"]" * (rank - left), opened, left)
        opened = left


def _has_negative_zeros(body: Body, table: _Table, checkpoint: Checkpoint) -> bool:
    """Tell whether there is an integer -0, which has no sign in JSON."""
    for start in range(table.start, table.stop, BLOCK_BYTES):
        checkpoint()
        if _NEGATIVE_ZERO.search(body[start : min(start + BLOCK_BYTES + 2, table.stop)]):
            return True
    return body[max(table.start, table.stop - 2) : table.stop] == b"-0"


def _rows(body: Body, table: _Table, checkpoint: Checkpoint) -> Iterator[tuple[bytes, bool]]:
    """Give the lines one by one, or pieces of those that are very long, and whether the line ends there."""
    for start, stop, ends in _cuts(body, table):
        checkpoint()
        *lines, last = body[start:stop].split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r"), True
        yield last.removesuffix(b"\r") if ends else last, ends


def _second_look(name: str, body: Body, table: _Table, scratch: Scratch, checkpoint: Checkpoint) -> NDArray[np.float64]:
    """Read a text line by line, or say what is wrong with it and where."""
    separator, width, pattern = table.separator, table.width, _LINES[table.separator]
    flat = scratch.empty(occurrences(separator + b"\n", body, table.start, table.stop, checkpoint) + 1)
    faults: list[tuple[type[DecodeError], Fault]] = []
    index = column = filled = 0
    is_good = True
    for row, ends in _rows(body, table, checkpoint):
        place, count = f"line {table.first + index}", row.count(separator) + 1
        if pattern.fullmatch(row):
            read = np.fromiter(map(float, row.split(separator)), np.float64, count)
            for offset in np.flatnonzero(np.isinf(read))[:_MOST_FAULTS].tolist():
                detail = f"({place}, column {column + offset + 1}) is beyond the range of a double"
                faults.append((OutOfRange, Fault((name, index, column + offset), detail)))
            flat[filled : filled + count] = read
            filled += count
        else:
            is_good = False
            faults += itertools.islice(_cells(name, row.split(separator), index, column, place), _MOST_FAULTS)
        column += count
        if ends:
            if is_good and column != width:
                detail = f"({place}) has {column} numbers; {width} are wanted, as in the line of the first numbers"
                faults.append((Ragged, Fault((name, index), detail)))
            index, column, is_good = index + 1, 0, True
        if len(faults) >= _MOST_FAULTS:
            break
    if faults:
        listed = [fault for _, fault in faults[:_MOST_FAULTS]]
        raise faults[0][0](sentence(listed[:1]), *listed)
    return flat.reshape((-1, width) if width > 1 else -1)


def _cells(
    name: str, cells: list[bytes], index: int, before: int, place: str
) -> Iterator[tuple[type[DecodeError], Fault]]:
    """Find the cells of a line that are no numbers; so many cells are before them in it."""
    for column, cell in enumerate(cells, before):
        if not _CELL.fullmatch(cell):
            what = "is empty" if not cell.strip() else "is NaN or infinite" if _NOT_FINITE.fullmatch(cell) else ""
            what = what or ("has a decimal comma" if b"," in cell else "is not a number")
            detail = f"({place}, column {column + 1}) {what}; a finite number with a decimal point is wanted"
            yield NotANumber, Fault((name, index, column), detail)

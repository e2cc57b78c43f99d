"""Comma-separated text of one array: a sample in every line, perhaps below a line of names.

A good text takes the straight way: with its line ends made brackets it is JSON, which `json_numbers` reads without an
object per number. Whatever is not plainly good (a number like ``.5``, a word, a line that is too short) takes the
second look, line by line, which reads more ways to write a number and says which line and column is wrong. Both go
through the text in blocks, so that no copy of it is made.
"""

import codecs
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
_LONGEST_CELL = 1 << 20  # longer than a block: what is longer still is one cell
_ENDLESS = b"\xff"  # stands for such a cell; no text in UTF-8 has it
_NUMERAL = rb"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"
_NUMBER = rb"[ \t]*+%b[ \t]*+" % _NUMERAL
_CELL = re.compile(_NUMBER)
_NAN = rb"[ \t]*+[+-]?+(?:nan|inf(?:inity)?|n/?a)[ \t]*+"
_WANTED = "a finite number with a decimal point is wanted"
_WRONG = tuple(  # what a cell may be that is no number, and what is said then
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), words)
    for pattern, words in (
        (re.escape(_ENDLESS), f"has more than {_LONGEST_CELL:,} characters; {_WANTED}"),
        (rb"\s*+", f"is empty; {_WANTED}"),
        (_NAN, f"is NaN or infinite; {_WANTED}"),
        (rb".*,.*", f"has a decimal comma; {_WANTED}"),
        (rb"[ \t]*+([\"'])%b\1[ \t]*+" % _NUMBER, f"is not a number as it is in quotes; {_WANTED}, without quotes"),
        (
            rb"[ \t]*+%b(?:[ \t]++%b)++[ \t]*+" % (_NUMERAL, _NUMERAL),
            "is not a number but several with blanks between them; commas or semicolons are wanted there",
        ),
        (rb".*", f"is not a number; {_WANTED}"),
    )
)
_LINES = {separator: re.compile(rb"%b(?:[%b\n]%b)*+" % (_NUMBER, separator, _NUMBER)) for separator in (b",", b";")}
_NO_VALUE = (  # what programs write where a value is missing: were it taken for a name, a sample would be lost
    rb"[ \t]*+[\"']?+(?:[+-]?+nan|[+-]?+inf(?:inity)?|#?n/?a|<?na>?|null|none"
    rb"|#(?:div/0!|value!|ref!|num!|name\?|null!))[\"']?+[ \t]*+"
)
_NAME = rb"(?!%b(?:SEPARATOR|\Z))[ \t]*+[\"'#A-Za-z_\x80-\xff][^SEPARATOR]*+" % _NO_VALUE
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
        UTF-8, perhaps with a byte order mark. The first line is passed over if all of its cells are names; what stands
        for a missing value, such as ``null`` or ``#N/A``, is none. The separator is a semicolon if the first line of
        numbers has one, and the decimal mark always a point.
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
    table = _table(body, start, end, block_bytes, checkpoint)
    if table.start == table.stop:
        detail = "holds no numbers; a sample in every line is wanted"
        raise refused(Ragged, name, detail)
    try:
        found = numbers_in(
            _as_json(body, table, checkpoint), accelerated=accelerated, scratch=scratch, checkpoint=checkpoint
        )
    except (msgspec.MsgspecError, ValueError):
        found = None
    if found is not None and not (_has_zeros(found, checkpoint) and _has_negative_zeros(body, table, checkpoint)):
        return found
    return _second_look(name, body, table, scratch, checkpoint)


def _has_zeros(found: NDArray[np.float64], checkpoint: Checkpoint) -> bool:
    """Tell whether a number is 0, looking at a block at a time: the array may lie on disk."""
    flat = found.reshape(-1)
    for start in range(0, flat.size, BLOCK_BYTES):
        checkpoint()
        if not flat[start : start + BLOCK_BYTES].all():
            return True
    return False


def _table(body: Body, start: int, stop: int, block_bytes: int, checkpoint: Checkpoint) -> _Table:
    """Find the lines that hold numbers."""
    if body[start : start + len(codecs.BOM_UTF8)] == codecs.BOM_UTF8:
        start += len(codecs.BOM_UTF8)
    rest = b""
    while start < stop and not rest:
        checkpoint()
        tail = body[max(start, stop - BLOCK_BYTES) : stop]
        rest = tail.rstrip(b"\r\n")
        stop -= len(tail) - len(rest)
    first, end = 1, _end(body, b"\n", start, stop, checkpoint)
    if _is_heading(body[start : min(end, start + _LONGEST_HEADING + 1)]):
        first, start = 2, min(end + 1, stop)
        end = _end(body, b"\n", start, stop, checkpoint)
    separator = b";" if _end(body, b";", start, end, checkpoint) < end else b","
    width = occurrences(separator, body, start, end, checkpoint) + 1
    return _Table(start, stop, first, separator, width, block_bytes)


def _end(body: Body, mark: bytes, start: int, stop: int, checkpoint: Checkpoint) -> int:
    """Find the first mark; `stop` if there is none."""
    for place in range(start, stop, BLOCK_BYTES):
        checkpoint()
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


def _cuts(body: Body, table: _Table, checkpoint: Checkpoint) -> Iterator[tuple[int, int, bool]]:
    """Cut lines into blocks: where each begins, where it ends, and whether a line ends there."""
    start = table.start
    while table.stop - start > table.block_bytes:
        block = body[start : start + table.block_bytes]
        cut = block.rfind(b"\n")
        ends = cut >= 0
        if not ends:
            cut = block.rfind(table.separator)
        stop = start + cut if cut >= 0 else _end_of_cell(body, table, start + table.block_bytes, checkpoint)
        ends = ends or body[stop : stop + 1] != table.separator
        yield start, stop, ends
        start = stop + 1
    if start <= table.stop:
        yield start, table.stop, True


def _end_of_cell(body: Body, table: _Table, start: int, checkpoint: Checkpoint) -> int:
    """Find the end of a cell that is longer than a block."""
    line = _end(body, b"\n", start, table.stop, checkpoint)
    return _end(body, table.separator, start, line, checkpoint)


def _as_json(body: Body, table: _Table, checkpoint: Checkpoint) -> Text:
    """Let the lines be lists; where each has one number, let all be one list."""

    def blocks() -> Iterator[Block]:
        return _blocks(body, table, checkpoint)

    def count() -> int:
        return occurrences(table.separator + b"\n", body, table.start, table.stop, checkpoint) + 1

    return Text(min(table.width, 2), blocks, count)


def _blocks(body: Body, table: _Table, checkpoint: Checkpoint) -> Iterator[Block]:
    """Give the blocks of a text in JSON.

    Raises
    ------
    ValueError
        If there is anything in it that means something else in JSON, or a cell that is longer than any number.
    """
    rank = min(table.width, 2)
    strangers = (b"[", b"]", *((b",",) if table.separator == b";" else ()), *((table.separator,) if rank == 1 else ()))
    opened = 0
    for start, stop, ends in _cuts(body, table, checkpoint):
        if stop - start > _LONGEST_CELL:
            raise ValueError("a cell that is longer than any number")
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


def _second_look(name: str, body: Body, table: _Table, scratch: Scratch, checkpoint: Checkpoint) -> NDArray[np.float64]:
    """Read a text line by line, or say what is wrong with it and where."""
    count = occurrences(table.separator + b"\n", body, table.start, table.stop, checkpoint) + 1
    reading = _Reading(name, table, scratch.empty(count))
    for start, stop, ends in _cuts(body, table, checkpoint):
        checkpoint()
        text = body[start:stop].replace(b"\r\n", b"\n") if stop - start <= _LONGEST_CELL else _ENDLESS
        reading.read(text.removesuffix(b"\r") if ends else text, ends=ends)
        if len(reading.faults) >= _MOST_FAULTS:
            break
    if reading.faults:
        listed = [fault for _, fault in reading.faults[:_MOST_FAULTS]]
        raise reading.faults[0][0](sentence(listed[:1]), *listed)
    return reading.flat.reshape((-1, table.width) if table.width > 1 else -1)


@dataclass(slots=True)
class _Reading:
    """How far the second look is.

    Attributes
    ----------
    flat, filled
        The numbers, and how many there are.
    faults
        What is wrong, in the order of the text; some twenty at most.
    index, column, is_good
        Of the line that is being read: its index, how many cells it had so far, and whether all were numbers.
    """

    name: str
    table: _Table
    flat: NDArray[np.float64]
    filled: int = 0
    faults: list[tuple[type[DecodeError], Fault]] = field(default_factory=list)
    index: int = 0
    column: int = 0
    is_good: bool = True

    def read(self, text: bytes, *, ends: bool) -> None:
        """Go on by some lines, the last of which may not end here."""
        if ends and not self.column and self._read_good_lines(text):
            return
        *lines, last = text.split(b"\n")
        for line in lines:
            self._read_line(line, ends=True)
            if len(self.faults) >= _MOST_FAULTS:
                return
        self._read_line(last, ends=ends)

    def _read_good_lines(self, text: bytes) -> bool:
        """Read whole lines at once, if nothing is wrong with any of them."""
        separator, width = self.table.separator, self.table.width
        if not _LINES[separator].fullmatch(text):
            return False
        if any(line.count(separator) != width - 1 for line in text.split(b"\n")):
            return False
        cells = text.replace(b"\n", separator).split(separator)
        if not self._keep(cells):
            return False
        self.index += len(cells) // width
        return True

    def _read_line(self, line: bytes, *, ends: bool) -> None:
        """Read a line or a piece of one, cell by cell if something is wrong with it."""
        separator, width = self.table.separator, self.table.width
        place, cells = f"line {self.table.first + self.index}", line.split(separator)
        if not (_LINES[separator].fullmatch(line) and self._keep(cells)):
            found = _cells(self.name, cells, self.index, self.column, place)
            self.faults += itertools.islice(found, _MOST_FAULTS)
            self.is_good = False
        self.column += len(cells)
        if ends:
            if self.is_good and self.column != width:
                detail = f"({place}) has {self.column} numbers; {width} are wanted, as in the line of the first numbers"
                self.faults.append((Ragged, Fault((self.name, self.index), detail)))
            self.index, self.column, self.is_good = self.index + 1, 0, True

    def _keep(self, cells: list[bytes]) -> bool:
        """Put numbers behind those that are there, if a double can hold them all."""
        read = np.fromiter(map(float, cells), np.float64, len(cells))
        if not np.isfinite(read).all():
            return False
        self.flat[self.filled : self.filled + len(read)] = read
        self.filled += len(read)
        return True


def _cells(
    name: str, cells: list[bytes], index: int, before: int, place: str
) -> Iterator[tuple[type[DecodeError], Fault]]:
    """Find the cells of a line that are no numbers of a double's range; so many cells are before them in it."""
    for column, cell in enumerate(cells, before):
        if _CELL.fullmatch(cell):
            if math.isinf(float(cell)):
                detail = f"({place}, column {column + 1}) is beyond the range of a double"
                yield OutOfRange, Fault((name, index, column), detail)
        else:
            detail = f"({place}, column {column + 1}) {_what_is_wrong(cell)}"
            yield NotANumber, Fault((name, index, column), detail)


def _what_is_wrong(cell: bytes) -> str:
    """Say what a cell is instead of a number, and what to do."""
    return next(words for pattern, words in _WRONG if pattern.fullmatch(cell))

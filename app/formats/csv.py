"""Comma-separated text of one array: a sample in every line, perhaps below a line of names.

A good text takes the straight way: with its line ends made brackets it is JSON, which `json_numbers` reads without an
object per number. Whatever is not plainly good (a number like ``.5``, a word, a line that is too short) takes the
second look, line by line, which reads more ways to write a number and says which line and column is wrong.
"""

import codecs
import itertools
import re
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.formats.elements import refused
from app.formats.errors import DecodeError, Malformed, NotANumber, OutOfRange, Ragged
from app.formats.json_numbers import numbers
from app.losses.errors import Fault
from app.losses.refusals import sentence

__all__ = ["read"]

_MOST_FAULTS = 20
_NUMBER = rb"[ \t]*+[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+[ \t]*+"
_CELL = re.compile(_NUMBER)
_NOT_FINITE = re.compile(rb"[ \t]*+[+-]?+(?:nan|inf(?:inity)?|n/?a)[ \t]*+", re.IGNORECASE)
_LINES = {separator: re.compile(rb"%b(?:%b%b)*+" % (_NUMBER, separator, _NUMBER)) for separator in (b",", b";")}
_NAME = re.compile(rb"[ \t]*+[\"'#A-Za-z_\x80-\xff]")
_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(name: str, text: bytes) -> NDArray[np.float64]:
    """Read numbers between commas or semicolons, a sample in every line.

    Parameters
    ----------
    name
        The array, for refusals.
    text
        UTF-8, perhaps with a byte order mark. The first line is passed over if all of its cells are names. The
        separator is a semicolon if the first line of numbers has one, and the decimal mark always a point.

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
    _check_encoding(name, text)
    body = text.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").rstrip(b"\n")
    line = 1
    if _is_heading(_first_line(body)):
        body = body[len(_first_line(body)) + 1 :]
        line = 2
    separator = b";" if b";" in _first_line(body) else b","
    if not body:
        detail = "holds no numbers; a sample in every line is wanted"
        raise refused(Ragged, name, detail)
    found = _straight(body, separator)
    if found is None:
        found = _second_look(name, body, separator, line)
    return found[:, 0] if found.shape[1] == 1 else found


def _first_line(body: bytes) -> bytes:
    """Cut the first line out."""
    end = body.find(b"\n")
    return body if end < 0 else body[:end]


def _is_heading(line: bytes) -> bool:
    """Tell whether a line holds a name in every cell, and not what is meant as a number."""
    cells = line.split(b";" if b";" in line else b",")
    return all(_NAME.match(cell) and not _NOT_FINITE.fullmatch(cell) for cell in cells)


def _check_encoding(name: str, text: bytes) -> None:
    """Refuse what is not UTF-8."""
    problem = "begins with the mark of UTF-16 or UTF-32" if text.startswith(_MARKS) else ""
    if not problem:
        try:
            if not text.isascii():
                text.decode()
        except UnicodeDecodeError as error:
            problem = f"is not UTF-8 (byte {error.start}, line {text.count(10, 0, error.start) + 1})"
    if problem:
        detail = f"{problem}; a .npy file, or text in UTF-8 is wanted"
        raise refused(Malformed, name, detail)


def _straight(body: bytes, separator: bytes) -> NDArray[np.float64] | None:
    """Read a text whose numbers are written as in JSON; None if there is any doubt."""
    if b"[" in body or b"]" in body or (separator == b";" and b"," in body):
        return None
    if body.endswith(b"-0") or any(b"-0" + end in body for end in (separator, b"\n", b" ", b"\t")):
        return None  # an integer in JSON, and so without a sign
    rows = body.replace(b";", b",") if separator == b";" else body
    try:
        return numbers(b"[[%b]]" % rows.replace(b"\n", b"],["), max_rank=2)
    except (msgspec.MsgspecError, ValueError):
        return None


def _second_look(name: str, body: bytes, separator: bytes, first: int) -> NDArray[np.float64]:
    """Read a text line by line, or say what is wrong with it and where."""
    pattern = _LINES[separator]
    rows: list[NDArray[np.float64]] = []
    faults: list[tuple[type[DecodeError], Fault]] = []
    width = _first_line(body).count(separator) + 1
    for index, row in enumerate(body.split(b"\n")):
        place = f"line {first + index}"
        count = row.count(separator) + 1
        if not pattern.fullmatch(row):
            faults += itertools.islice(_cells(name, row.split(separator), index, place), _MOST_FAULTS)
        elif count != width:
            detail = f"({place}) has {count} numbers; {width} are wanted, as in the line of the first numbers"
            faults.append((Ragged, Fault((name, index), detail)))
        else:
            values = np.fromiter(map(float, row.split(separator)), np.float64, count)
            for column in np.flatnonzero(np.isinf(values))[:_MOST_FAULTS].tolist():
                detail = f"({place}, column {column + 1}) is beyond the range of a double"
                faults.append((OutOfRange, Fault((name, index, column), detail)))
            rows.append(values)
        if len(faults) >= _MOST_FAULTS:
            break
    if faults:
        listed = [fault for _, fault in faults[:_MOST_FAULTS]]
        raise faults[0][0](sentence(listed[:1]), *listed)
    return np.array(rows)


def _cells(name: str, cells: list[bytes], index: int, place: str) -> Iterator[tuple[type[DecodeError], Fault]]:
    """Find the cells of a line that are no numbers."""
    for column, cell in enumerate(cells):
        if not _CELL.fullmatch(cell):
            what = "is empty" if not cell.strip() else "is NaN or infinite" if _NOT_FINITE.fullmatch(cell) else ""
            what = what or ("has a decimal comma" if b"," in cell else "is not a number")
            detail = f"({place}, column {column + 1}) {what}; a finite number with a decimal point is wanted"
            yield NotANumber, Fault((name, index, column), detail)

"""The second look at a JSON body: what exactly is wrong with it, and where.

It decides about every body that is not plainly good, so it is a decoder of its own: what turns out to be good after
all (empty arrays, keys written with escapes, many options) is returned. It never makes a Python object per element:
texts are scanned by compiled patterns and NumPy, block by block, and only the first 20 faults are looked up, so that
neither time nor memory grows with the number of faults.

The order is that of a reader: encoding, grammar, depth, the top level, then the fields as they come.
"""

import codecs
import difflib
import functools
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.formats.errors import (
    DecodeError,
    DuplicateField,
    Malformed,
    NotAnObject,
    NotANumber,
    NullField,
    OutOfRange,
    Ragged,
    UnknownField,
)
from app.formats.json_numbers import EMPTY, lattice, numbers, outline
from app.formats.submission import ARRAYS, Submission
from app.losses.errors import Fault

__all__ = ["DOUBLE_DIGITS", "second_look"]

Path = tuple[str | int, ...]

DOUBLE_DIGITS = 309
"""How many digits the largest integer has that a double can hold: a longer one is out of range whatever the limit."""

_MOST_FAULTS = 20
_MOST_MEMBERS = 100_000
_LONGEST_NAME = 40
_BLOCK_BYTES = 1 << 18
_WHITE = b" \t\n\r"

_MARKS = (  # the longer mark first: UTF-32's begins with UTF-16's
    ("UTF-32", codecs.BOM_UTF32_LE),
    ("UTF-32", codecs.BOM_UTF32_BE),
    ("UTF-16", codecs.BOM_UTF16_LE),
    ("UTF-16", codecs.BOM_UTF16_BE),
    ("UTF-8 with a byte order mark", codecs.BOM_UTF8),
)
_ZEROS = (  # without a mark, the zero bytes beside ASCII characters tell
    ("UTF-32", re.compile(rb"\0\0\0[^\0]|[^\0]\0\0\0")),
    ("UTF-16", re.compile(rb"\0[^\0]|[^\0]\0")),
)
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))
_NOT_FINITE = re.compile(rb"[-+]?(?:nan|inf(?:inity)?)\b", re.IGNORECASE)
_REASONS = (  # a part of the parser's message, and what we say
    ("truncated", "the document ends before it is complete"),
    ("trailing comma", "a comma stands before a closing bracket"),
    ("trailing characters", "something follows the end of the document"),
    ("number", "a number is not written as JSON wants it"),
    ("escape", "a string has an escape that JSON does not know"),
    ("surrogate", "a string has half of a surrogate pair"),
    ("", "the character there does not belong"),
)

_KINDS = {
    b"n": "null",
    b"t": "a boolean",
    b"f": "a boolean",
    b'"': "a string",
    b"{": "an object",
    b"[": "a list",
}
_NOT_A_NUMBER = re.compile(rb'[ntf"{](?:ull|rue|alse)?+')
_CLOSED_LIST = re.compile(rb"\[,*+\]")
_PUNCTUATION_RUN = re.compile(rb"[\[\]]|,+")
_NOT_PUNCTUATION = bytes(set(range(256)) - set(b"[],"))
_SPACE, _QUOTE, _COLON, _COMMA, _OPEN, _CLOSE = b' ":,{}'
_STEP = np.zeros(256, np.int8)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1


@dataclass(slots=True)
class _Findings:
    """The faults of a body in the order of the document: the first few, and how many there are in all."""

    kinds: list[type[DecodeError]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    count: int = 0

    @property
    def room(self) -> int:
        """How many faults may still be listed."""
        return _MOST_FAULTS - len(self.faults)

    def add(self, kind: type[DecodeError], path: Path, detail: str) -> None:
        """Count a fault, and list it while there is room."""
        self.count += 1
        if self.room > 0:
            self.kinds.append(kind)
            self.faults.append(Fault(path, detail))

    def refuse(self) -> NoReturn:
        """Raise the kind of the first fault."""
        first = self.faults[0]
        detail = f"{_spelled(first.path)} {first.detail}{'' if first.detail.endswith('?') else '.'}"
        if self.count > 1:
            unlisted = self.count - len(self.faults)
            detail += f" {len(self.faults)} faults are listed" + (
                f", and {unlisted} more were found." if unlisted else "."
            )
        raise self.kinds[0](detail, *self.faults)


@dataclass(slots=True)
class _Trail:
    """Turns ascending positions in the text of nested lists into indices, in one pass over the text."""

    text: bytes
    position: int = 0
    indices: list[int] = field(default_factory=list)

    def at(self, position: int) -> tuple[int, ...]:
        """Count the commas of each list that is open at a position."""
        while self.position < position:
            stop = min(position, self.position + _BLOCK_BYTES)
            rest = self.text[self.position : stop].translate(None, _NOT_PUNCTUATION)
            self.position = stop
            while (shorter := _CLOSED_LIST.sub(b"", rest)) != rest:
                rest = shorter
            for run in _PUNCTUATION_RUN.findall(rest):
                if run == b"[":
                    self.indices.append(0)
                elif run == b"]":
                    self.indices.pop()
                else:
                    self.indices[-1] += len(run)
        return tuple(self.indices)


class _Layout(NamedTuple):
    """A document with the content of its strings blanked, byte for byte, and where its members are.

    Attributes
    ----------
    text
        The document: of each string only the opening quote is left, the rest is spaces.
    colons, commas
        The offsets of the punctuation of the outermost object, the first of them.
    members
        How many members that has.
    """

    text: bytes
    colons: NDArray[np.intp]
    commas: NDArray[np.intp]
    members: int


def second_look(body: bytes, fields: frozenset[str], *, max_depth: int, max_integer_digits: int) -> Submission:
    """Decode a body field by field and refuse what is wrong with exact places; as `app.formats.json.decode` says."""
    _check_encoding(body)
    _check_grammar(body)
    layout = _laid_out(body, max_depth)
    findings = _Findings()
    kind = _KINDS.get(layout.text.lstrip(_WHITE)[:1], "a number")
    if kind != "an object":
        message = f"The document is {kind}; an object with the fields {_listed(fields)} is wanted."
        raise NotAnObject(message)

    arrays: dict[str, NDArray[np.float64]] = {}
    options: dict[str, object] = {}
    seen = set()
    for name, value in _members(body, layout):
        if name not in fields:
            hint = _advice(name, fields) if findings.room > 0 else ""
            findings.add(UnknownField, (_shown(name),), f"is no field of this request; {hint}")
        elif name in seen:
            findings.add(DuplicateField, (name,), "is there more than once; one of them is wanted")
        elif name in ARRAYS:
            seen.add(name)
            array = _array(name, body[value], layout.text[value], max_integer_digits, findings)
            arrays |= {} if array is None else {name: array}
        else:
            seen.add(name)
            options |= _option(name, body[value], layout.text[value], max_integer_digits, findings)
    findings.count += max(0, layout.members - _MOST_MEMBERS)
    if findings.count:
        findings.refuse()
    return Submission({name: arrays[name] for name in ARRAYS if name in arrays}, options)


def _check_encoding(body: bytes) -> None:
    """Refuse what is not plain UTF-8."""
    for name, mark in _MARKS:
        if body.startswith(mark):
            message = f"The body is {name} (byte 0); UTF-8 without a byte order mark is wanted."
            raise Malformed(message, offset=0)
    for name, zeros in _ZEROS:
        if zeros.match(body):
            message = f"The body looks like {name} (byte 0); UTF-8 is wanted."
            raise Malformed(message, offset=0)
    start = 0
    while start < len(body):  # in blocks: a text that is not ASCII would take up to four times the memory
        block = body[start : start + _BLOCK_BYTES]
        try:
            start += codecs.utf_8_decode(block, "strict", start + len(block) == len(body))[1]
        except UnicodeDecodeError as error:
            raise _malformed(body, start + error.start, "the text is not UTF-8") from None


def _check_grammar(body: bytes) -> None:
    """Refuse what is not JSON, at the first byte that is wrong."""
    if not body.strip(_WHITE):
        message = "The body is empty; a JSON object is wanted."
        raise Malformed(message, offset=len(body))
    # The parser blames no byte for half a surrogate pair at the end of a string. A backslash before u counts unless
    # another one escapes it.
    lone = _LONE_SURROGATE.search(body.replace(rb"\\", b"__")) if rb"\u" in body else None
    wrong, reason = (lone.start(), "surrogate") if lone else (len(body), "")
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except RecursionError:
        return  # far deeper than any limit, and the layout finds where
    except msgspec.DecodeError as error:
        offset = _blamed(body, str(error))
        if offset < wrong or not lone:
            wrong, reason = offset, str(error)
    if reason:
        for start in range(max(0, wrong - 2), wrong + 1):
            if _NOT_FINITE.match(body, start):
                raise _malformed(
                    body,
                    start,
                    "JSON has no NaN and no infinity, and no loss is defined there; finite numbers are wanted",
                )
        raise _malformed(body, wrong, next(words for part, words in _REASONS if part in reason))


def _blamed(body: bytes, message: str) -> int:
    """Take the offset from the parser's message, and mend it where the parser points beside the byte that is wrong."""
    place = re.search(r"\(byte (\d+)\)", message)
    if not place:
        return len(body)
    offset = int(place[1])
    if "trailing characters" in message:
        return offset - 1
    start = offset - 1
    for literal in (b"true", b"false", b"null"):
        if body[start:offset] == literal[:1]:
            pairs = zip(literal, body[start : start + 5], strict=False)
            return start + sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return offset


def _malformed(body: bytes, offset: int, what: str) -> Malformed:
    """Say what is wrong at an offset, and on which line and column that is, counted from 1 and in characters."""
    line = body.count(b"\n", 0, offset) + 1
    begin = body.rfind(b"\n", 0, offset) + 1
    column = len(body[begin:offset].translate(None, _CONTINUATION_BYTES)) + 1
    message = f"The body cannot be read as JSON at line {line}, column {column} (byte {offset}): {what}."
    return Malformed(message, offset=offset)


def _laid_out(body: bytes, max_depth: int) -> _Layout:
    """Blank the strings of a document and find its members; refuse it if it nests too deeply."""
    # Once escaped backslashes and quotes are gone, every quote opens or closes a string.
    source = np.frombuffer(body.replace(rb"\\", b"__").replace(rb"\"", b"__"), np.uint8)
    calm = np.empty_like(source)
    colons, commas, members = [], [], 0
    within, depth = np.False_, np.int32(0)
    for start in range(0, len(source), _BLOCK_BYTES):
        block = source[start : start + _BLOCK_BYTES]
        quotes = block == _QUOTE
        after = np.logical_xor.accumulate(quotes) ^ within  # inside a string after this byte
        text = np.where(after ^ quotes, np.uint8(_SPACE), block)
        depths = np.cumsum(_STEP[text], dtype=np.int32) + depth
        deep = np.flatnonzero(depths > max_depth)
        if deep.size:
            raise _malformed(body, start + int(deep[0]), f"lists and objects nest deeper than {max_depth} levels")
        calm[start : start + _BLOCK_BYTES] = text
        outermost = depths == 1
        found = np.flatnonzero(outermost & (text == _COLON))
        if members <= _MOST_MEMBERS:  # so that the last member to be looked at has its comma too
            colons.append(start + found)
            commas.append(start + np.flatnonzero(outermost & (text == _COMMA)))
        members += len(found)
        within, depth = after[-1], depths[-1]
    return _Layout(calm.tobytes(), np.concatenate(colons), np.concatenate(commas), members)


def _members(body: bytes, layout: _Layout) -> Iterator[tuple[str, slice]]:
    """Give the names of the first members of the outermost object, and where their values are."""
    start, last = body.index(b"{") + 1, body.rindex(b"}")
    for index, colon in enumerate(layout.colons[:_MOST_MEMBERS].tolist()):
        stop = int(layout.commas[index]) if index < len(layout.commas) else last
        name = msgspec.json.decode(body[start:colon], type=str)
        text = layout.text[colon + 1 : stop]
        begin = stop - len(text.lstrip(_WHITE))
        yield name, slice(begin, stop)
        start = stop + 1


def _array(
    name: str, raw: bytes, text: bytes, max_integer_digits: int, findings: _Findings
) -> NDArray[np.float64] | None:
    """Read the array of one field, or add what is wrong with it to the findings and give None."""
    text = _without_objects(text)
    if not text.startswith(b"["):
        kind = _KINDS.get(text[:1])
        wanted = "nested lists of numbers are wanted" + (
            "; leave the field out to go without" if kind == "null" else ""
        )
        findings.add(NotANumber if kind else Ragged, (name,), f"is {kind or 'a number'}; {wanted}")
        return None

    faults = sum(text.count(mark) for mark in (b"n", b"t", b"f", b'"', b"{"))
    if faults:
        trail = _Trail(text)
        listed = findings.room
        for found in itertools.islice(_NOT_A_NUMBER.finditer(text), listed):
            kind = _KINDS[found[0][:1]]
            findings.add(NotANumber, (name, *trail.at(found.start())), f"is {kind}; a finite number is wanted")
        findings.count += max(0, faults - listed)
        return None

    punctuation = outline(text)
    shape, regular = lattice(punctuation)
    if punctuation != regular:
        findings.add(Ragged, *_irregularity(name, punctuation, shape, regular))
        return None
    if 0 in shape:
        return np.empty(shape)

    trail = _Trail(text)
    detail = _out_of_range(max_integer_digits)
    beyond = _beyond_range(text, max_integer_digits)
    for position in itertools.islice(beyond, findings.room):
        findings.add(OutOfRange, (name, *trail.at(position)), detail)
    findings.count += sum(1 for _ in beyond)
    return None if findings.count else numbers(raw, max_rank=len(shape))


def _without_objects(text: bytes) -> bytes:
    """Blank the content of the objects in a text without strings: of each only the opening brace is left."""
    if b"{" not in text:
        return text
    calm = np.frombuffer(text, np.uint8).copy()
    depth = np.int32(0)
    for start in range(0, len(calm), _BLOCK_BYTES):
        block = calm[start : start + _BLOCK_BYTES]
        opens, closes = block == _OPEN, block == _CLOSE
        depths = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32) + depth
        block[((depths > 0) | closes) & ~(opens & (depths == 1))] = _SPACE
        depth = depths[-1]
    return calm.tobytes()


def _irregularity(name: str, punctuation: bytes, shape: tuple[int, ...], regular: bytes) -> tuple[Path, str]:
    """Say where and how an outline first differs from the one that it should have."""
    common = min(len(punctuation), len(regular))
    here, there = (np.frombuffer(text, np.uint8, common) for text in (punctuation, regular))
    place = int(np.argmax(here != there))
    found, wanted = punctuation[place : place + 1], regular[place : place + 1]
    path = _Trail(punctuation).at(place)
    if wanted == b"[" and found != EMPTY:
        return (name, *path), f"is a number; a list is wanted, as at {_spelled((name, *(0 for _ in path)))}"
    if found == b"[" and wanted != EMPTY:
        return (name, *path), f"is a list; a number is wanted, as at {_spelled((name, *(0 for _ in path)))}"
    *outer, last = path
    if found == EMPTY:
        length = "of length 0"
    elif found == b"]":
        length = f"of length {last + 1}"
    else:  # it goes on; how far is plain to see if it holds numbers only
        rest = punctuation[place : punctuation.index(b"]", place)]
        known = found == b"," and b"[" not in rest
        length = f"of length {last + 1 + len(rest)}" if known else f"longer than {shape[len(outer)]}"
    example = _spelled((name, *(0 for _ in outer)))
    return (name, *outer), f"is a list {length}; length {shape[len(outer)]} is wanted, as in {example}"


def _beyond_range(text: bytes, max_integer_digits: int) -> Iterator[int]:
    """Find the numerals that no double can hold, or that are integers of too many digits, in a text without strings."""
    for found in _suspects(min(200, max_integer_digits + 1)).finditer(text):
        numeral = found[0]
        digits = len(numeral) - numeral.startswith(b"-")
        if math.isinf(float(numeral)) or (digits > max_integer_digits and numeral.removeprefix(b"-").isdigit()):
            yield found.start()


@functools.lru_cache(maxsize=4)
def _suspects(digits: int) -> re.Pattern[bytes]:
    """Make the pattern of numerals with so many digits before the point, or with an exponent of 100 and more.

    With at most 199 digits and an exponent below 100 a number stays below 1e299, and need not be tried.
    """
    return re.compile(
        rb"(?<![0-9.eE+-])-?+"
        rb"(?:[0-9]{%d,}+(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+"
        rb"|[0-9]++(?:\.[0-9]++)?+[eE]\+?+0*+[1-9][0-9]{2,}+)" % digits
    )


def _out_of_range(max_integer_digits: int) -> str:
    return (
        "is a number out of range; a double between -1.8e308 and 1.8e308 is wanted, "
        f"and an integer of at most {max_integer_digits} digits"
    )


def _option(name: str, raw: bytes, text: bytes, max_integer_digits: int, findings: _Findings) -> dict[str, object]:
    """Read the option of one field, or add what is wrong with it to the findings and give nothing."""
    if raw.strip(_WHITE) == b"null":
        findings.add(NullField, (name,), "is null; leave the field out or give it a value")
    elif any(True for _ in _beyond_range(text, max_integer_digits)):
        findings.add(OutOfRange, (name,), _out_of_range(max_integer_digits))
    else:
        return {name: msgspec.json.decode(raw)}
    return {}


def _advice(name: str, fields: frozenset[str]) -> str:
    """Name the field that was probably meant, or all there are."""
    near = difflib.get_close_matches(name[:_LONGEST_NAME].casefold(), sorted(fields), n=1)
    return f"did you mean {near[0]}?" if near else f"its fields are {_listed(fields)}"


def _listed(fields: frozenset[str]) -> str:
    first = [name for name in ARRAYS if name in fields]
    return ", ".join(first + sorted(fields - set(first)))


def _shown(name: str) -> str:
    """Shorten the name of an unknown field until it takes at most 40 characters, those of its escapes counted."""
    shown = name[:_LONGEST_NAME]
    while len(shown.encode("unicode_escape")) > _LONGEST_NAME:
        shown = shown[:-1]
    return shown


def _spelled(path: Path) -> str:
    """Write a path as people do: x[3][1]."""
    name, *indices = path
    shown = str(name).encode("unicode_escape").decode("ascii")
    return shown + "".join(f"[{index}]" for index in indices)

"""The second look at a JSON body: what exactly is wrong with it, and where.

It decides about every body that is not plainly good, so it is a decoder of its own: what turns out to be good after
all (empty arrays, names and options written with escapes, long options) is returned. It never makes a Python object
per element, and takes no long text in one piece: texts are scanned by compiled patterns and NumPy, block by block, so
that no other thread waits long and no copy of the body is made. The first 20 faults are listed, and after the first
thousand it stops to count; what is too long to be an option is refused by its length.

The order is that of a reader: encoding, grammar, depth, the top level, then the fields as they come.
"""

import codecs
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
from app.formats.fields import advice, listed, unknown
from app.formats.json_members import LONGEST_OPTION
from app.formats.json_numbers import blocks
from app.formats.json_numerals import flat_numbers
from app.formats.json_outline import EMPTY, STEP, WHITE, Lattice, lattice, outline
from app.formats.scratch import Body, Scratch
from app.formats.submission import ARRAYS, Submission
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.errors import Fault, InvalidOption, spelled
from app.losses.refusals import sentence
from app.variables import variable

__all__ = ["DOUBLE_DIGITS", "Circumstances", "second_look"]

Path = tuple[str | int, ...]

DOUBLE_DIGITS = 309
"""How many digits the largest integer has that a double can hold: a longer one is out of range whatever the limit."""

_MOST_FAULTS = 20
_MOST_COUNTED = 1000
_BLOCK_BYTES = 1 << 18

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
_LONGEST_ESCAPE = 12  # a pair of surrogates
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(rb"%b(?!%b)|%b(?<!%b%b)" % (_HIGH, _LOW, _LOW, _HIGH, _LOW))
_HIGH_SURROGATE = re.compile(_HIGH)
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
_STRANGERS = (b"n", b"t", b"f", b'"', b"{")
_NOT_A_NUMBER = re.compile(b"[%b]" % b"".join(_STRANGERS))  # none of which is in the rest of null, true and false
# A name as far as anything looks at it: `nearest` takes no more, and no field is as long.
_NAME = re.compile(rb'"(?:%b%b|\\u[0-9a-fA-F]{4}|\\.|[^"\\\x80-\xff]|[\xc0-\xff][\x80-\xbf]++){0,64}+' % (_HIGH, _LOW))
_NOT_PUNCTUATION = bytes(set(range(256)) - set(b"[],"))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OUT_OF_RANGE = (
    "is a number out of range; a double between -1.8e308 and 1.8e308 is wanted,"
    " and no number of more than a million characters"
)
_SPACE, _QUOTE, _COLON, _COMMA, _OPEN, _CLOSE = b' ":,{}'


@dataclass(slots=True)
class _Findings:
    """The faults of a body in the order of the document: the first few, and how many there are in all."""

    kind: type[DecodeError | InvalidOption] = DecodeError
    faults: list[Fault] = field(default_factory=list)
    spoken: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, kind: type[DecodeError | InvalidOption], path: Path, detail: str) -> None:
        """Count a fault, and list it while there is room."""
        self.list(kind, Fault(path, detail), Fault(path, detail))

    def list(self, kind: type[DecodeError | InvalidOption], fault: Fault, spoken: Fault) -> None:
        """Count a fault whose place is written in another way than a path is; refuse where it is one too many."""
        self.count += 1
        if self.count == 1:
            self.kind = kind
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)
            self.spoken.append(spoken)
        if self.count == _MOST_COUNTED:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raise the kind of the first fault."""
        if self.count < _MOST_COUNTED:
            raise self.kind(sentence(self.spoken, self.count), *self.faults)
        counted = f"There are {_MOST_COUNTED} faults or more; the first {len(self.faults)} are listed."
        raise self.kind(f"{sentence(self.spoken)} {counted}", *self.faults)


@dataclass(slots=True)
class _Trail:
    """Follows the text of nested lists, or their outline, and knows the index at which it has arrived."""

    indices: list[int] = field(default_factory=list)

    def follow(self, text: bytes) -> None:
        """Go on by a piece of text."""
        marks = text.translate(None, _NOT_PUNCTUATION)
        if b"[" not in marks and b"]" not in marks:
            if marks:
                self.indices[-1] += len(marks)
            return
        codes = np.frombuffer(marks, np.uint8)
        depths = np.cumsum(STEP[codes], dtype=np.int32) + np.int32(len(self.indices))
        commas = codes == _COMMA
        last = int(depths[-1])
        lowest = min(int(depths.min()), len(self.indices))  # the lists down there have been open all the time
        del self.indices[lowest:]
        if lowest:
            self.indices[-1] += int(np.count_nonzero(commas & (depths == lowest)))
        for depth in range(lowest + 1, last + 1):
            below = np.flatnonzero(depths < depth)
            opened = int(below[-1]) + 1 if below.size else 0
            depths, commas = depths[opened:], commas[opened:]
            self.indices.append(int(np.count_nonzero(commas & (depths == depth))))

    def follow_to(self, body: Body, start: int, stop: int) -> None:
        """Go on by a stretch of text without strings, in blocks."""
        for place in range(start, stop, _BLOCK_BYTES):
            self.follow(body[place : min(place + _BLOCK_BYTES, stop)])


class _Member(NamedTuple):
    """A field of the document, its name as far as it matters, and where its value is."""

    name: str
    start: int
    stop: int


class _Layout(NamedTuple):
    """Where the members of a document are: the first of them, more than are looked at if there are that many.

    Attributes
    ----------
    start
        The offset of the first byte that is no white space.
    colons, commas
        The offsets of the punctuation of the outermost object.
    """

    start: int
    colons: list[int]
    commas: list[int]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decoder heeds; see `app.formats.json.decode`."""

    max_depth: int
    max_integer_digits: int
    accelerated: bool
    scratch: Scratch
    checkpoint: Checkpoint


def second_look(body: Body, fields: frozenset[str], heeded: Circumstances) -> Submission:
    """Decode a body field by field and refuse what is wrong with exact places; as `app.formats.json.decode` says."""
    _check_encoding(body, heeded.checkpoint)
    _check_grammar(body)
    heeded.checkpoint()
    layout = _laid_out(body, heeded, most_members=_MOST_COUNTED + len(fields))
    kind = _KINDS.get(body[layout.start : layout.start + 1], "a number")
    if kind != "an object":
        raise NotAnObject(f"The document is {kind}; an object with the fields {listed(fields)} is wanted.")

    findings = _Findings()
    arrays: dict[str, NDArray[np.float64]] = {}
    options: dict[str, object] = {}
    seen = set()
    for member in _members(body, layout):
        name = member.name
        if name not in fields:
            detail = f"is no field of this request; {advice(name, fields)}"
            findings.list(UnknownField, *unknown(name, detail))
        elif name in seen:
            findings.add(DuplicateField, (name,), "is there more than once; one of them is wanted")
        elif name in ARRAYS:
            seen.add(name)
            array = _array(body, member, heeded, findings)
            arrays |= {} if array is None else {name: array}
        else:
            seen.add(name)
            options |= _option(body, member, heeded.max_integer_digits, findings)
    if findings.count:
        findings.refuse()
    return Submission.of(arrays, options)


def _check_encoding(body: Body, checkpoint: Checkpoint) -> None:
    """Refuse what is not plain UTF-8."""
    for name, mark in _MARKS:
        if body[: len(mark)] == mark:
            raise Malformed(f"The body is {name} (byte 0); UTF-8 without a byte order mark is wanted.", offset=0)
    for name, zeros in _ZEROS:
        if zeros.match(body):
            raise Malformed(f"The body looks like {name} (byte 0); UTF-8 is wanted.", offset=0)
    start = 0
    while start < len(body):  # in blocks: a text that is not ASCII would take up to four times the memory
        checkpoint()
        block = body[start : start + _BLOCK_BYTES]
        try:
            start += codecs.utf_8_decode(block, "strict", start + len(block) == len(body))[1]
        except UnicodeDecodeError as error:
            raise _malformed(body, start + error.start, "the text is not UTF-8") from None


def _check_grammar(body: Body) -> None:
    """Refuse what is not JSON, at the first byte that is wrong."""
    if _after_white(body, 0, len(body)) == len(body):
        raise Malformed("The body is empty; a JSON object is wanted.", offset=len(body))
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except RecursionError:
        return  # far deeper than any limit, and the layout finds where
    except msgspec.DecodeError as error:
        wrong, reason = _blamed(body, str(error)), str(error)
    else:
        return
    # The parser finds half a surrogate pair, but says where the string ends or nothing.
    halves = (
        start + found.start()
        for start, piece in _pieces(body, 0, len(body))
        if (rb"\ud" in piece or rb"\uD" in piece) and (found := _LONE_SURROGATE.search(piece))
    )
    half = next(halves, len(body))
    if half < wrong:
        wrong, reason = half, "surrogate"
    for start in range(max(0, wrong - 2), wrong + 1):
        if _NOT_FINITE.match(body, start):
            raise _malformed(
                body,
                start,
                "JSON has no NaN and no infinity, and no loss is defined there; finite numbers are wanted",
            )
    raise _malformed(body, wrong, next(words for part, words in _REASONS if part in reason))


def _blamed(body: Body, message: str) -> int:
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


def _malformed(body: Body, offset: int, what: str) -> Malformed:
    """Say what is wrong at an offset, and on which line and column that is, counted from 1 and in characters."""
    line = sum(block.count(b"\n") for block in _slices(body, 0, offset)) + 1
    begin = body.rfind(b"\n", 0, offset) + 1
    column = sum(len(block.translate(None, _CONTINUATION_BYTES)) for block in _slices(body, begin, offset)) + 1
    return Malformed(
        f"The body cannot be read as JSON at line {line}, column {column} (byte {offset}): {what}.", offset=offset
    )


def _slices(body: Body, start: int, stop: int, checkpoint: Checkpoint = go_on) -> Iterator[bytes]:
    """Cut a text into blocks wherever they end."""
    for place in range(start, stop, _BLOCK_BYTES):
        checkpoint()
        yield body[place : min(place + _BLOCK_BYTES, stop)]


def _after_white(body: Body, start: int, stop: int) -> int:
    """Find the first byte that is no white space."""
    while start < stop:
        block = body[start : min(start + _BLOCK_BYTES, stop)]
        rest = block.lstrip(WHITE)
        start += len(block) - len(rest)
        if rest:
            break
    return start


def _pieces(body: Body, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Cut a text into pieces, never in an escape or between surrogates; escaped backslashes become other characters."""
    while start < stop:
        piece = body[start : min(start + _BLOCK_BYTES, stop)]
        if b"\\" in piece:
            piece = piece.replace(rb"\\", b"__")
            tail = piece.find(b"\\", len(piece) - _LONGEST_ESCAPE) if start + len(piece) < stop else -1
            if tail >= 0:
                half = _LONGEST_ESCAPE // 2
                piece = piece[: tail - half if _HIGH_SURROGATE.match(piece, tail - half) else tail]
        yield start, piece
        start += len(piece)


def _calm(body: Body, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Give a text, which begins outside any string, in pieces: of each string the opening quote, the rest is spaces."""
    within = False
    for offset, piece in _pieces(body, start, stop):
        if b'"' not in piece:
            yield offset, b" " * len(piece) if within else piece
            continue
        # Once escaped backslashes and quotes are gone, every quote opens or closes a string.
        source = np.frombuffer(piece.replace(rb"\"", b"__"), np.uint8)
        quotes = source == _QUOTE
        after = np.logical_xor.accumulate(quotes) ^ within  # inside a string after this byte
        yield offset, np.where(after ^ quotes, np.uint8(_SPACE), source).tobytes()
        within = bool(after[-1])


def _calmer(body: Body, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Give a text as `_calm` does, and of each object the opening brace only."""
    depth = 0
    for offset, text in _calm(body, start, stop):
        if not depth and b"{" not in text:
            yield offset, text
            continue
        codes = np.frombuffer(text, np.uint8)
        opens, closes = codes == _OPEN, codes == _CLOSE
        depths = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32) + np.int32(depth)
        hidden = ((depths > 0) | closes) & ~(opens & (depths == 1))
        yield offset, np.where(hidden, np.uint8(_SPACE), codes).tobytes()
        depth = int(depths[-1])


def _laid_out(body: Body, heeded: Circumstances, most_members: int) -> _Layout:
    """Find the members of a document; refuse it if it nests too deeply, as far as it is looked at."""
    layout = _Layout(_after_white(body, 0, len(body)), [], [])
    depth, max_depth = 0, heeded.max_depth
    for start, text in _calm(body, 0, len(body)):
        heeded.checkpoint()
        depths = np.cumsum(STEP[np.frombuffer(text.translate(None, _NOT_BRACKETS), np.uint8)], dtype=np.int32) + depth
        if depth <= 1 or (depths.size and depths.min() <= 1) or (depths.size and depths.max() > max_depth):
            codes = np.frombuffer(text, np.uint8)
            everywhere = np.cumsum(STEP[codes], dtype=np.int32) + np.int32(depth)
            deep = np.flatnonzero(everywhere > max_depth)
            if deep.size:
                what = f"lists and objects nest deeper than {max_depth} levels ({variable('max_json_depth')})"
                raise _malformed(body, start + int(deep[0]), what)
            outermost = everywhere == 1
            layout.colons.extend((start + np.flatnonzero(outermost & (codes == _COLON))).tolist())
            layout.commas.extend((start + np.flatnonzero(outermost & (codes == _COMMA))).tolist())
            if len(layout.colons) > most_members:
                break
        depth = int(depths[-1]) if depths.size else depth
    return layout


def _members(body: Body, layout: _Layout) -> Iterator[_Member]:
    """Give each member that was found; its name has its first 64 characters at least."""
    start = layout.start + 1
    for colon, stop in zip(layout.colons, (*layout.commas, body.rfind(b"}")), strict=False):
        found = _NAME.match(body, _after_white(body, start, colon))
        assert found  # noqa: S101 - the grammar has been checked: there is a string
        name = msgspec.json.decode(found[0] + b'"', type=str)
        yield _Member(name, _after_white(body, colon + 1, stop), stop)
        start = stop + 1


def _array(body: Body, member: _Member, heeded: Circumstances, findings: _Findings) -> NDArray[np.float64] | None:
    """Read the array of one field, or add what is wrong with it to the findings and give None."""
    name, start, stop = member
    first = body[start : start + 1]
    if first != b"[":
        kind = _KINDS.get(first)
        wanted = "nested lists of numbers are wanted" + (
            "; leave the field out to go without" if kind == "null" else ""
        )
        findings.add(NotANumber if kind else Ragged, (name,), f"is {kind or 'a number'}; {wanted}")
        return None

    if any(mark in block for block in _slices(body, start, stop, heeded.checkpoint) for mark in _STRANGERS):
        trail = _Trail()
        for _, text in _calmer(body, start, stop):
            heeded.checkpoint()
            done = 0
            for found in _NOT_A_NUMBER.finditer(text):
                trail.follow(text[done : found.start()])
                done = found.start()
                findings.add(NotANumber, (name, *trail.indices), f"is {_KINDS[found[0]]}; a finite number is wanted")
            trail.follow(text[done:])
        return None

    pieces = outline(body, start, stop, heeded.checkpoint)
    layout = lattice(pieces)
    if layout.wanted:
        findings.add(Ragged, *_irregularity(name, layout, pieces))
        return None
    if 0 in layout.shape:
        return np.empty(layout.shape)
    return _finite(body, member, layout.shape, heeded, findings)


def _finite(
    body: Body, member: _Member, shape: tuple[int, ...], heeded: Circumstances, findings: _Findings
) -> NDArray[np.float64] | None:
    """Read the numbers of a regular array, or add those that are out of range to the findings and give None."""
    name, first, stop = member
    flat = heeded.scratch.empty(math.prod(shape))
    filled, before = 0, findings.count
    trail, done = _Trail(), first
    for start, block in blocks(body, first, stop):
        heeded.checkpoint()
        try:
            read = flat_numbers(block, accelerated=heeded.accelerated)
        except msgspec.DecodeError:
            suspected = True
        else:
            suspected = heeded.max_integer_digits < DOUBLE_DIGITS
            flat[filled : filled + len(read)] = read
            filled += len(read)
        for place, detail in _beyond_range(block, heeded.max_integer_digits) if suspected else ():
            trail.follow_to(body, done, start + place)
            done = start + place
            findings.add(OutOfRange, (name, *trail.indices), detail)
    return flat.reshape(shape) if findings.count == before else None


def _irregularity(name: str, lattice: Lattice, pieces: Iterator[bytes]) -> tuple[Path, str]:
    """Say where and how an outline, whose other pieces are given, first differs from the one that it should have."""
    found, wanted, path = lattice.rest[:1], lattice.wanted, lattice.place
    if wanted == b"[" and found != EMPTY:
        return (name, *path), f"is a number; a list is wanted, as at {spelled((name, *(0 for _ in path)))}"
    if found == b"[" and wanted != EMPTY:
        return (name, *path), f"is a list; a number is wanted, as at {spelled((name, *(0 for _ in path)))}"
    *outer, last = path
    promised = lattice.shape[len(outer)]
    if found == EMPTY:
        length = "of length 0"
    elif found == b"]":
        length = f"of length {last + 1}"
    else:  # it goes on; how far is plain to see if it holds numbers only
        more, end, _ = lattice.rest.partition(b"]")
        known, count = found == b"," and b"[" not in more, len(more)
        while known and not end:
            more, end, _ = next(pieces).partition(b"]")
            known, count = b"[" not in more, count + len(more)
        length = f"of length {last + 1 + count}" if known else f"longer than {promised}"
    example = spelled((name, *(0 for _ in outer)))
    return (name, *outer), f"is a list {length}; length {promised} is wanted, as in {example}"


def _beyond_range(text: bytes, max_integer_digits: int) -> Iterator[tuple[int, str]]:
    """Find the numerals that no double can hold, or that are integers of too many digits, in a text without strings.

    Yields
    ------
    place, detail
        Where it begins, and what is wrong with it, as the end of a sentence.
    """
    for found in _suspects(min(200, max_integer_digits + 1)).finditer(text):
        numeral = found[0].removeprefix(b"-")
        if len(numeral) > max_integer_digits and numeral.isdigit():
            most = f"{max_integer_digits} digits ({variable('max_integer_digits')})"
            yield found.start(), f"is an integer of more than {most}; a double between -1.8e308 and 1.8e308 is wanted"
        elif math.isinf(float(numeral)):
            yield found.start(), _OUT_OF_RANGE


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


def _option(body: Body, member: _Member, max_integer_digits: int, findings: _Findings) -> dict[str, object]:
    """Read the option of one field, or add what is wrong with it to the findings and give nothing."""
    name, start, stop = member
    raw = body[start:stop].rstrip(WHITE)
    if raw == b"null":
        findings.add(NullField, (name,), "is null; leave the field out or give it a value")
    elif len(raw) > LONGEST_OPTION:
        kind = _KINDS.get(raw[:1], "a number")
        findings.add(InvalidOption, (name,), f"is {kind} of more than {LONGEST_OPTION:,} bytes; no option is so long")
    elif beyond := next(_beyond_range(b"".join(text for _, text in _calm(raw, 0, len(raw))), max_integer_digits), None):
        findings.add(OutOfRange, (name,), beyond[1])
    else:
        return {name: msgspec.json.decode(raw)}
    return {}

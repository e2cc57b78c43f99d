"""The JSON text of one array becomes a float64 array, with no Python object kept per number.

The text is looked at twice, block by block, so that neither it nor anything as long as it is ever copied whole. Its
*outline* is what is left when numerals and white space are deleted, ``[[,],[,]]`` for a (2, 2) array; an array is
regular exactly if its outline goes on as its first lists of each depth promise. The numerals are read in blocks of flat
text, with the brackets blanked, so the Python floats of one block at a time are all that exists beside the text and
the array. A later, faster parser takes the place of `numbers`.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["EMPTY", "STEP", "Lattice", "blocks", "lattice", "numbers", "outline", "values"]

EMPTY = b"_"
"""What stands in the outline of an empty list, which would otherwise look like that of a list of one number."""

STEP = np.zeros(256, np.int8)
"""By how much each byte changes the depth."""
STEP[list(b"[{")], STEP[list(b"]}")] = 1, -1

_BLOCK_BYTES = 1 << 17
_LONGEST_NUMERAL = 1 << 20
_NUMERAL = b"0123456789+-.eE"
_WHITE = b" \t\n\r"
_BRACKETS_AS_SPACES = bytes.maketrans(b"[]", b"  ")
_FLAT = msgspec.json.Decoder(list[float])


def numbers(raw: bytes | msgspec.Raw, *, max_rank: int = 32) -> NDArray[np.float64]:
    """Read nested lists of numbers.

    Parameters
    ----------
    raw
        A JSON value whose grammar has been checked (`msgspec` does so where it slices a document).
    max_rank
        How deep the lists may nest.

    Returns
    -------
    numpy.ndarray
        float64, in C order, any rank from 1 on; every number correctly rounded.

    Raises
    ------
    ValueError, msgspec.DecodeError
        If the value is anything but the nested lists of a non-empty array of finite numbers, or nested too deeply.
        Which of these it is and where, a second look has to find out.
    """
    view = memoryview(raw)
    found = lattice(_bare_outline(view), max_rank=max_rank)
    if found.wanted:
        raise ValueError("not a regular array")
    flat = np.empty(math.prod(found.shape))
    filled = 0
    for _, block in blocks(view):
        read = values(block)
        flat[filled : filled + len(read)] = read
        filled += len(read)
    if filled != flat.size:  # the one list of an array like [[]]: its outline is that of [[0]]
        raise ValueError("an empty array")
    return flat.reshape(found.shape)


def blocks(view: memoryview) -> Iterator[tuple[int, bytes]]:
    """Cut a list's text at commas into blocks of at most `_BLOCK_BYTES`, or of one numeral if that is longer.

    Yields
    ------
    offset, block
        Where it begins, and its text; a numeral of more than a mebibyte is replaced by one that is out of range.
    """
    start = 0
    while start + _BLOCK_BYTES < len(view):
        block = bytes(view[start : start + _BLOCK_BYTES])
        comma = block.rfind(b",")
        if comma < 0:
            start = _after(view, start, _WHITE + b"[]")
            stop = _after(view, start, _NUMERAL)
            yield start, bytes(view[start:stop]) if stop - start <= _LONGEST_NUMERAL else b"1e999"
            start = _after(view, stop, _WHITE + b"[]") + 1  # behind the comma there
        else:
            yield start, block[:comma]
            start += comma + 1
    if start < len(view):
        yield start, bytes(view[start:])


def _after(view: memoryview, start: int, characters: bytes) -> int:
    """Find the first byte that is none of the characters."""
    while start < len(view):
        block = bytes(view[start : start + _BLOCK_BYTES])
        rest = block.lstrip(characters)
        start += len(block) - len(rest)
        if rest:
            break
    return start


def values(block: bytes) -> NDArray[np.float64]:
    """Read the numerals of a block, in the order of the text whatever their nesting.

    Raises
    ------
    msgspec.DecodeError
        If there is anything else, an empty list included, or a number that no double can hold.
    """
    read = _FLAT.decode(b"[%b]" % block.translate(_BRACKETS_AS_SPACES))
    return np.fromiter(read, np.float64, len(read))


def outline(view: memoryview) -> Iterator[bytes]:
    """Delete numerals and white space from nested lists of numbers, and mark empty lists with `EMPTY`, in pieces."""
    held = b""  # an opening bracket whose fellow may be in the next block
    for start in range(0, len(view), _BLOCK_BYTES):
        text = held + bytes(view[start : start + _BLOCK_BYTES]).translate(None, _WHITE)
        held = b"[" if text.endswith(b"[") else b""
        text = text.removesuffix(held)
        yield text.replace(b"[]", b"[%b]" % EMPTY).translate(None, _NUMERAL)


def _bare_outline(view: memoryview) -> Iterator[bytes]:
    """Delete numerals and white space only, which is faster and does for arrays that are not empty."""
    for start in range(0, len(view), _BLOCK_BYTES):
        yield bytes(view[start : start + _BLOCK_BYTES]).translate(None, _NUMERAL + _WHITE)


class Lattice(NamedTuple):
    """What the outline of an array says about its shape.

    Attributes
    ----------
    shape
        The lengths of the first list of each depth, outermost first; where the array is not regular, 0 for the lists
        that had not ended when this was found.
    wanted
        What belongs in the first place of the outline that does not fit; empty where the array is regular.
    place
        That place as an index, as many items of each list that is open there as have ended.
    rest
        The rest of the piece of outline from that place on; the pieces that follow have not been asked for.
    """

    shape: tuple[int, ...]
    wanted: bytes = b""
    place: tuple[int, ...] = ()
    rest: bytes = b""


def lattice(pieces: Iterable[bytes], *, max_rank: int = 32) -> Lattice:
    """Compare the outline of an array with the one that its first lists promise.

    Parameters
    ----------
    pieces
        The outline of a list from its beginning, in pieces of any length.
    max_rank
        How deep the lists may nest.

    Raises
    ------
    ValueError
        If it is not the outline of a list, or nested too deeply.
    """
    pieces = iter(pieces)
    rank, piece = 0, b""
    for opening in pieces:
        piece = opening.lstrip(b"[")
        rank += len(opening) - len(piece)
        if piece or rank > max_rank:
            break
    if not 0 < rank <= max_rank:
        raise ValueError("not an array, or nested too deeply")
    promise = _Promise(rank)
    position = rank
    for text in itertools.chain((piece,), pieces):
        rest = text
        while rest:
            wanted = promise.text(position, position + len(rest))
            if rest == wanted:
                position += len(rest)
                break
            place = int(np.argmax(np.frombuffer(rest, np.uint8) != np.frombuffer(wanted, np.uint8)))
            rest, there = rest[place:], wanted[place : place + 1]
            position += place
            if rest.startswith(EMPTY) and position == rank:
                length = 0
            elif rest.startswith(b"]") and there == b"," and promise.fits(position):
                length = promise.length(position)
            else:
                shape = (0,) * (rank - len(promise.lengths)) + promise.lengths
                return Lattice(shape, there, promise.index(position), rest)
            promise.end_list(length)
            if len(promise.lengths) == rank:
                return Lattice(promise.lengths)
    raise ValueError("not an array")


class _Promise:
    """What an array's outline will be if it goes on as it began, the list whose end is not known going on for ever.

    Parameters
    ----------
    rank
        How many lists open at the beginning.

    Attributes
    ----------
    lengths
        Of the first list of each depth whose end has been seen, the innermost last.
    """

    def __init__(self, rank: int) -> None:
        self.lengths: tuple[int, ...] = ()
        self._first = rank  # where the items of the list begin whose end is not known
        self._periods = [1]  # of the items of each level: numbers, lists of numbers, and so on; with their commas
        self._texts = [b","]  # of an item and its comma, for the levels where that is short

    def fits(self, position: int) -> bool:
        """Tell whether the list may end at a position, which is after an item."""
        return (position - self._first + 1) % self._periods[-1] == 0

    def length(self, position: int) -> int:
        """Count the items of the list if it ends at a position."""
        return (position - self._first + 1) // self._periods[-1]

    def index(self, position: int) -> tuple[int, ...]:
        """Turn an offset into an index."""
        found = [0] * (self._first - 1)
        level, offset, inside = len(self._periods), position - self._first + 1, True
        while inside:
            level -= 1
            item, offset = divmod(offset - 1, self._periods[level])
            found.append(item)
            inside = 0 < offset < self._periods[level] - 1
        return tuple(found)

    def end_list(self, length: int) -> None:
        """Learn the length of the list, so that from now on the one around it goes on for ever."""
        inside = length * self._periods[-1] - 1 if length else len(EMPTY)
        self._periods.append(inside + 3)
        if inside + 3 <= _BLOCK_BYTES:
            self._texts.append(b"[%b]," % ((self._texts[-1] * length)[:-1] if length else EMPTY))
        self.lengths = (length, *self.lengths)
        self._first -= 1

    def text(self, start: int, stop: int) -> bytes:
        """Give the outline between two offsets."""
        return self._items(len(self._periods) - 1, start - self._first, stop - self._first)

    def _items(self, level: int, start: int, stop: int) -> bytes:
        """Give a stretch of endless items, which are lists of that level or, for 0, numbers."""
        period = self._periods[level]
        if level < len(self._texts):
            skipped = start % period
            return (self._texts[level] * -(-(skipped + stop - start) // period))[skipped : skipped + stop - start]
        parts = []
        while start < stop:
            offset = start % period
            if offset in (0, period - 2, period - 1):
                parts.append({0: b"[", period - 2: b"]", period - 1: b","}[offset])
            else:
                parts.append(self._items(level - 1, offset - 1, min(offset + stop - start, period - 2) - 1))
            start += len(parts[-1])
        return b"".join(parts)

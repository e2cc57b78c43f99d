"""The outline of an array's JSON text: what is left when numerals and white space are deleted.

``[[,],[,]]`` is the outline of a (2, 2) array. An array is regular exactly if its outline goes on as its first lists of
each depth promise; so its shape is proved, or the first place that does not fit is found, by comparing two texts.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from app.formats.scratch import Body
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["EMPTY", "NUMERAL", "STEP", "WHITE", "Lattice", "lattice", "outline"]

EMPTY = b"_"
"""What stands in the outline of an empty list, which would otherwise look like that of a list of one number."""

STEP = np.zeros(256, np.int8)
"""By how much each byte changes the depth."""
STEP[list(b"[{")], STEP[list(b"]}")] = 1, -1

NUMERAL = b"0123456789+-.eE"
"""The bytes that numerals are made of."""

WHITE = b" \t\n\r"
"""The bytes that are white space in JSON."""

_BLOCK_BYTES = 1 << 17


def outline(body: Body, start: int, stop: int, checkpoint: Checkpoint = go_on) -> Iterator[bytes]:
    """Delete numerals and white space from nested lists of numbers, and mark empty lists with `EMPTY`, in pieces."""
    held = b""  # an opening bracket whose fellow may be in the next block
    for place in range(start, stop, _BLOCK_BYTES):
        checkpoint()
        text = held + body[place : min(place + _BLOCK_BYTES, stop)].translate(None, WHITE)
        held = b"[" if text.endswith(b"[") else b""
        text = text.removesuffix(held)
        yield text.replace(b"[]", b"[%b]" % EMPTY).translate(None, NUMERAL)


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

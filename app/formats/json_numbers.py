"""The JSON text of one array becomes a float64 array, with no Python object kept per number.

The text is cut at commas into blocks that fit the cache. The lists that are open at a cut are closed there and opened
again behind it, so that each block is a document of its own: a parser checks its grammar and reads its numerals. That
the lists are regular is proved in one of two ways. Long lists are measured, block by block, by asking simdjson for
their lengths. Of short ones there are too many to ask, and msgspec cannot be asked; then the `app.formats.json_outline`
of the text is compared with the one that it should have, before the numerals are read.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.formats.json_numerals import ACCELERATED, REFUSALS, numbers_of, parsed
from app.formats.json_outline import NUMERAL, WHITE, lattice
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["BLOCK_BYTES", "Block", "Text", "blocks", "many_lists", "numbers", "numbers_in", "occurrences"]

BLOCK_BYTES = 1 << 17
"""How much text is read at once: some 0.2 ms, and it stays in the cache with the numbers that come of it."""

_COUNTED_BYTES = 1 << 16  # at once: what is found out about each byte then leaves room in the cache for other things
_LONGEST_NUMERAL = 1 << 20
_SHORT_LIST = 128  # bytes; it takes as long to ask for the length of a list as to compare so many
_HEAD_BYTES = 1 << 12
_OPENING = re.compile(rb"[\[ \t\n\r]*+")


class Block(NamedTuple):
    """A stretch of an array's text from one comma, or its beginning, to another, or its end.

    Attributes
    ----------
    text
        Without those commas; where it is a view, nothing has been copied yet.
    opened, left
        How many lists are open before and after it.
    """

    text: bytes | memoryview
    opened: int
    left: int

    def whole(self) -> bytes:
        """Make it a document, with all of its lists."""
        return b"".join((b"[" * self.opened, self.text, b"]" * self.left))


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an array, as it is read.

    Attributes
    ----------
    rank
        How many lists open at its beginning.
    blocks
        Gives its blocks, each time from the beginning.
    count
        Counts its numbers, as far as that is known by counting commas.
    """

    rank: int
    blocks: Callable[[], Iterator[Block]]
    count: Callable[[], int]


def numbers(  # noqa: PLR0913 - where the text is, and what to heed
    body: Body,
    start: int = 0,
    stop: int | None = None,
    *,
    max_rank: int = 32,
    accelerated: bool = ACCELERATED,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
    block_bytes: int = BLOCK_BYTES,
) -> NDArray[np.float64]:
    """Read nested lists of numbers.

    Parameters
    ----------
    body, start, stop
        The text, from the first bracket to the last.
    max_rank
        How deep the lists may nest.
    accelerated
        Whether simdjson reads it, or msgspec alone; it is for tests to say no where it is there.
    scratch
        Gives the room for the array.
    checkpoint
        Called before each block.
    block_bytes
        How long a block may be, numerals that are longer excepted; it is for tests to make it short.

    Returns
    -------
    numpy.ndarray
        float64, in C order, any rank from 1 on; every number correctly rounded.

    Raises
    ------
    ValueError, msgspec.DecodeError
        If the text is anything but the nested lists of a non-empty array of finite numbers, or nested too deeply, or
        has a numeral longer than a mebibyte. Which of these it is and where, a second look has to find out.
    """
    end = len(body) if stop is None else stop
    opening = _OPENING.match(body[start : min(start + _HEAD_BYTES, end)])
    assert opening is not None  # noqa: S101 - it matches anything
    rank = opening[0].count(b"[")
    if not 0 < rank <= max_rank:
        raise ValueError("not an array, or nested too deeply")

    def cut() -> Iterator[Block]:
        return _cut(body, start, end, rank, block_bytes)

    def count() -> int:
        return occurrences(b",", body, start, end, checkpoint) + 1

    return numbers_in(Text(rank, cut, count), accelerated=accelerated, scratch=scratch, checkpoint=checkpoint)


def _cut(body: Body, start: int, stop: int, rank: int, block_bytes: int) -> Iterator[Block]:
    """Cut the text of an array at commas; what is cut wrongly, because it is no array, is no good block either."""
    opened, view = 0, memoryview(body)
    while stop - start > block_bytes:
        comma = body.rfind(b",", start, start + block_bytes)
        if comma < 0:
            comma = body.find(b",", start + block_bytes, min(start + _LONGEST_NUMERAL, stop))
        if comma < 0:
            break
        end = body[max(start, comma - _HEAD_BYTES) : comma].translate(None, WHITE)
        left = rank - (len(end) - len(end.rstrip(b"]")))
        if left <= 0:
            raise ValueError("something follows the array")
        yield Block(view[start:comma], opened, left)
        start, opened = comma + 1, left
    if stop - start > _LONGEST_NUMERAL:
        raise ValueError("a very long numeral, or very much white space")
    yield Block(view[start:stop], opened, 0)


def occurrences(characters: bytes, body: Body, start: int, stop: int, checkpoint: Checkpoint = go_on) -> int:
    """Count the bytes of a text that are among the characters; several times as fast as `bytes.count` does."""
    found = 0
    for place in range(start, stop, _COUNTED_BYTES):
        checkpoint()
        codes = np.frombuffer(body, np.uint8, min(_COUNTED_BYTES, stop - place), place)
        found += sum(int(np.count_nonzero(codes == character)) for character in characters)
    return found


def many_lists(count: int, length: int) -> bool:
    """Tell whether a text of some length has so many lists that one should not ask for the length of each."""
    return count * _SHORT_LIST > length + _HEAD_BYTES


def numbers_in(text: Text, *, accelerated: bool, scratch: Scratch, checkpoint: Checkpoint) -> NDArray[np.float64]:
    """Read the numbers of a text that is cut into blocks, and prove its shape; as `numbers` says."""
    measured = _measured(text, scratch, checkpoint) if accelerated else None
    if measured is not None:
        return measured
    found = lattice(_outlines(text, checkpoint), max_rank=text.rank)
    if found.wanted:
        raise ValueError("not a regular array")
    flat, filled = scratch.empty(math.prod(found.shape)), 0
    for block in text.blocks():
        checkpoint()
        read = numbers_of(block.whole(), accelerated=accelerated)
        flat[filled : filled + len(read)] = read
        filled += len(read)
    return _full(flat, filled).reshape(found.shape)


def _full(flat: NDArray[np.float64], filled: int) -> NDArray[np.float64]:
    """Refuse an array that is not full: somewhere in its text, nothing stands where a number should."""
    if filled != flat.size:
        raise ValueError("an empty list, or a comma too many")
    return flat


def _outlines(text: Text, checkpoint: Checkpoint) -> Iterator[bytes]:
    """Delete numerals and white space only, which does for arrays that are not empty."""
    comma = b""
    for block in text.blocks():
        checkpoint()
        yield comma + bytes(block.text).translate(None, NUMERAL + WHITE)
        comma = b","


def _measured(text: Text, scratch: Scratch, checkpoint: Checkpoint) -> NDArray[np.float64] | None:
    """Read numbers and measure lists in one pass; None if the lists are too many, or a number is too long for that."""
    lengths, flat, filled = _Lengths(text.rank), np.empty(0), 0
    for block in text.blocks():
        checkpoint()
        whole = block.whole()
        lists = int(np.count_nonzero(np.frombuffer(whole, np.uint8) == ord("[")))
        if many_lists(lists, len(whole)):
            return None
        read = _measured_block(whole, block, lists, lengths)
        if read is None:
            return None
        if not filled:
            flat = scratch.empty(text.count())
        flat[filled : filled + len(read)] = read
        filled += len(read)
    return _full(flat, filled).reshape(lengths.shape)


def _measured_block(whole: bytes, block: Block, lists: int, lengths: "_Lengths") -> NDArray[np.float64] | None:
    """Read one block and add the lengths of its lists; None if simdjson cannot read it and msgspec can."""
    try:
        root = parsed(whole)
        read = np.frombuffer(root.as_buffer(of_type="d"))
    except REFUSALS:
        numbers_of(whole, accelerated=False)
        return None
    if lengths.add(root, block.opened, block.left) != lists:
        raise ValueError("a list among numbers")
    return read


class _Lengths:
    """Measures the lists of an array block by block.

    Parameters
    ----------
    rank
        How deep the lists nest.

    Attributes
    ----------
    shape
        The length of the lists of each depth, outermost first, 0 where none has ended.
    """

    def __init__(self, rank: int) -> None:
        self.shape = [0] * rank
        self._begun = [0] * rank  # how many items have ended of the list of each depth that is open

    def add(self, root: Any, opened: int, left: int) -> int:  # noqa: ANN401 - a proxy
        """Measure the lists of a block.

        Parameters
        ----------
        root
            The outermost list of the block; it holds numbers and lists only.
        opened, left
            How many of its lists go on from the block before, and into the one behind.

        Returns
        -------
        int
            How many lists it has down to the depth that is known; if it has more, there are some where numbers belong.

        Raises
        ------
        ValueError
            If a list is empty, or not as long as others of its depth, or a number stands where a list belongs.
        """
        lists, count = [root], 0
        for depth in range(len(self.shape)):
            try:
                lengths = list(map(len, lists))
            except TypeError:
                raise ValueError("a number among lists") from None
            count += len(lists)
            # A list that is cut has an item on either side of the cut: else there would be nothing beside a comma.
            if 0 in lengths:
                raise ValueError("an empty list")
            if opened > depth:
                lengths[0] += self._begun[depth]
            if left > depth:
                self._begun[depth] = lengths.pop() - (left > depth + 1)  # its last item may be a list that goes on
            self._compare(depth, {*lengths})
            lists = list(itertools.chain.from_iterable(lists)) if depth + 1 < len(self.shape) else []
        return count

    def _compare(self, depth: int, lengths: set[int]) -> None:
        """Compare the lengths of lists that have ended with that of the first of their depth."""
        if self.shape[depth]:
            lengths.add(self.shape[depth])
        if len(lengths) > 1:
            raise ValueError("not a regular array")
        self.shape[depth] = max(lengths, default=0)


def blocks(body: Body, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Cut a list's text at commas into blocks of at most `BLOCK_BYTES`, or of one numeral if that is longer.

    Yields
    ------
    place, block
        Where it begins, and its text; a numeral of more than a mebibyte is replaced by one that is out of range.
    """
    while start + BLOCK_BYTES < stop:
        block = body[start : start + BLOCK_BYTES]
        comma = block.rfind(b",")
        if comma < 0:
            start = _after(body, start, stop, WHITE + b"[]")
            end = _after(body, start, stop, NUMERAL)
            yield start, body[start:end] if end - start <= _LONGEST_NUMERAL else b"1e999"
            start = _after(body, end, stop, WHITE + b"[]") + 1  # behind the comma there
        else:
            yield start, block[:comma]
            start += comma + 1
    if start < stop:
        yield start, body[start:stop]


def _after(body: Body, start: int, stop: int, characters: bytes) -> int:
    """Find the first byte that is none of the characters."""
    while start < stop:
        block = body[start : min(start + BLOCK_BYTES, stop)]
        rest = block.lstrip(characters)
        start += len(block) - len(rest)
        if rest:
            break
    return start

"""The JSON text of one array becomes a float64 array, with no Python object kept per number.

The text is looked at twice. Its *outline* is what is left when numerals and white space are deleted, ``[[,],[,]]`` for
a (2, 2) array; it fixes the shape, and an array is regular exactly if its outline is the one that its first rows
promise. The numerals are read in blocks of flat text, with the brackets blanked, so the Python floats of one block
at a time are all that exists beside the text and the array. A later, faster parser takes the place of `numbers`.
"""

import math
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["EMPTY", "lattice", "numbers", "outline"]

EMPTY = b"_"
"""What stands in the outline of an empty list, which would otherwise look like that of a list of one number."""

_BLOCK_BYTES = 1 << 17
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
    punctuation = b"".join(
        bytes(view[start : start + _BLOCK_BYTES]).translate(None, _NUMERAL + _WHITE)
        for start in range(0, len(view), _BLOCK_BYTES)
    )
    if not punctuation.startswith(b"[") or punctuation.startswith(b"[" * (max_rank + 1)):
        message = "not an array, or nested too deeply"
        raise ValueError(message)
    shape, regular = lattice(punctuation)
    if punctuation != regular:
        message = "not a regular array"
        raise ValueError(message)
    flat = np.empty(math.prod(shape))
    filled = 0
    for block in _blocks(view):
        values = _FLAT.decode(b"[%b]" % block.translate(_BRACKETS_AS_SPACES))
        flat[filled : filled + len(values)] = np.fromiter(values, np.float64, len(values))
        filled += len(values)
    if filled != flat.size:  # the one list of an array like [[]]: its outline is that of [[0]]
        message = "an empty array"
        raise ValueError(message)
    return flat.reshape(shape)


def outline(text: bytes) -> bytes:
    """Delete numerals and white space from nested lists of numbers, and mark empty lists with `EMPTY`."""
    return text.translate(None, _WHITE).replace(b"[]", b"[%b]" % EMPTY).translate(None, _NUMERAL)


def lattice(punctuation: bytes) -> tuple[tuple[int, ...], bytes]:
    """Predict the shape and the whole outline of an array from its first rows.

    Parameters
    ----------
    punctuation
        The outline of a list.

    Returns
    -------
    shape
        The lengths of the first list of each depth, outermost first. Where the array is not regular it is complete
        from the depth of the first irregularity inwards, and left-padded with zeros.
    regular
        The outline of a regular array, equal to `punctuation` exactly if that is regular; otherwise they differ at the
        first place that does not fit.
    """
    rank = len(punctuation) - len(punctuation.lstrip(b"["))
    end = punctuation.find(b"]")
    inside = punctuation[rank:end]
    length = 0 if inside == EMPTY else len(inside.partition(b"[")[0]) + 1
    lengths = [length]
    unit = b"[%b]" % (b"," * (length - 1) if length else EMPTY)
    for depth in range(2, rank + 1):  # of the list to predict, counted from the innermost
        if not punctuation.startswith(unit, rank - depth + 1):
            break
        # A list ends no sooner than the first list inside it; one that has no such end is not regular anyway.
        end = punctuation.find(b"]" * depth, max(end, 0))
        stop = end + depth - 1 if end >= 0 else len(punctuation)
        length = math.ceil((stop - (rank - depth + 1) + 1) / (len(unit) + 1))
        lengths.append(length)
        unit = b"[%b%b]" % ((unit + b",") * (length - 1), unit)
    shape = (0,) * (rank - len(lengths)) + tuple(reversed(lengths))
    return shape, b"[" * (rank - len(lengths)) + unit


def _blocks(view: memoryview) -> Iterator[bytes]:
    """Cut a list's text at commas into blocks of some `_BLOCK_BYTES`, or of one numeral if that is longer."""
    start, size = 0, _BLOCK_BYTES
    while start + size < len(view):
        block = bytes(view[start : start + size])
        comma = block.rfind(b",")
        if comma < 0:
            size *= 2
            continue
        yield block[:comma]
        start, size = start + comma + 1, _BLOCK_BYTES
    yield bytes(view[start:])

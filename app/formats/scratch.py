"""Where a body lies while it is read, and where decoders put what they make of it.

A body is `bytes`, or a mapped file where it is large: both are found in, cut and viewed alike, but a cut copies, and a
mapped file has no `startswith`. What a decoder makes (numbers of a text, an inflated member) may be as large; it asks a
`Scratch` for the room, and need not know whether that is memory or a file.
"""

import mmap
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["IN_MEMORY", "Body", "Scratch"]

Body = bytes | mmap.mmap
"""A request's body, whole; a mapped file is read-only."""


class Scratch(Protocol):
    """Gives room for what a decoder makes; it is given back when nothing refers to it any more."""

    def empty(self, count: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Give an array of `count` elements, shape (count,), that holds anything until it is written to."""

    def bytes(self, count: int) -> memoryview:
        """Give `count` bytes to write to."""


class _Memory:
    """Always gives memory."""

    def empty(self, count: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Give an array."""
        return np.empty(count, dtype)

    def bytes(self, count: int) -> memoryview:
        """Give bytes."""
        return memoryview(bytearray(count))


IN_MEMORY: Scratch = _Memory()
"""What a decoder uses that is given no other."""

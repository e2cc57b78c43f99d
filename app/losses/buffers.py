"""Memory that a thread uses again for every chunk, so that what is made of a chunk costs no allocation.

A fresh array of half a MiB comes from the system page by page, and goes back to it: for simple losses that takes as
long as the arithmetic, and for two threads, whose pages are in one address space, longer. Buffers also begin at a cache
line, which NumPy's own arrays do not: a difference of two arrays takes half the time there.

Nobody gives a buffer back. One is free when no array but the one in the list lies in its memory.
"""

import threading
from math import prod
from sys import getrefcount
from typing import Final

import numpy as np

from app.losses.arrays import Array

__all__ = ["BUFFER_ELEMENTS", "spare"]

BUFFER_ELEMENTS: Final = 65_536
"""How many elements a buffer holds: those of a chunk."""

_FEWEST_ELEMENTS: Final = 4_096  # what is smaller costs an allocation less than a look through the list
_MOST_BUFFERS: Final = 12  # more than any loss has at once: 6 MiB for a thread
_LINE: Final = 64
_UNUSED: Final = getrefcount(object()) + 1  # what is counted of memory to which only the view in the list refers


class _Buffers(threading.local):
    """The buffers of one thread; they go when it ends."""

    def __init__(self) -> None:
        self.kept: list[Array] = []


_buffers: Final = _Buffers()


def spare(shape: tuple[int, ...]) -> Array:
    """Give an array of float64 in C order whose elements are not set, like `numpy.empty`.

    It may be kept for as long as one likes.
    """
    size = prod(shape)
    if not _FEWEST_ELEMENTS <= size <= BUFFER_ELEMENTS:
        return np.empty(shape)
    kept = _buffers.kept
    for lines in kept:
        if getrefcount(lines.base) == _UNUSED:
            return lines[:size].reshape(shape)
    if len(kept) == _MOST_BUFFERS:
        return np.empty(shape)
    memory = np.empty(BUFFER_ELEMENTS + _LINE // 8)
    first = -memory.ctypes.data % _LINE // 8
    kept.append(memory[first : first + BUFFER_ELEMENTS])
    return kept[-1][:size].reshape(shape)

"""Memory for a body: bytes that nobody has written to, on large pages where the system has some."""

import ctypes
import io
import mmap
from typing import Final

__all__ = ["HUGE_PAGE_BYTES", "room"]

HUGE_PAGE_BYTES: Final = 2**21
"""How large a large page is on most machines; where they are larger, those that lie within are advised all the same."""

_FEWEST_PAGES: Final = 2
"""For how many large pages at least the system is asked: of so many, one lies within, wherever they begin."""

_unwritten: Final = ctypes.pythonapi.PyBytes_FromStringAndSize
"""Gives so many bytes that have not been written to: zeros in their place would take as long as a fold over them."""
_unwritten.restype = ctypes.py_object
_unwritten.argtypes = [ctypes.c_char_p, ctypes.c_ssize_t]

_ADVICE: Final[int | None] = getattr(mmap, "MADV_HUGEPAGE", None)
_madvise: Final = ctypes.CDLL(None).madvise if _ADVICE is not None else None
if _madvise is not None:  # pragma: no branch
    _madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def room(count: int) -> io.BytesIO:
    """Give room for so many bytes, whose content is whatever was there; nothing of it counts until it is touched.

    A large page has one entry in the processor's table of pages, where small ones have 512. What has just arrived is
    read from one end to the other, mostly no longer from a cache: that is a tenth sooner done (docs/decisions/0021).

    Parameters
    ----------
    count
        How many bytes, at least 2: of one there are shared objects.

    Raises
    ------
    MemoryError
        There are not so many.
    """
    made = io.BytesIO(_unwritten(None, count))
    if _madvise is not None and count >= _FEWEST_PAGES * HUGE_PAGE_BYTES:
        with made.getbuffer() as place:
            first = ctypes.addressof(ctypes.c_char.from_buffer(place))
        begin = -(-first // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
        stop = (first + count) // HUGE_PAGE_BYTES * HUGE_PAGE_BYTES
        _madvise(begin, stop - begin, _ADVICE)  # a system that does not take it has small pages, as ever
    return made

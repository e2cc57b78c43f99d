"""Room for bodies: what is written to it is what is given out, without a copy, on large pages where there are some."""

import ctypes
import mmap
from pathlib import Path

import pytest

from app.spool.room import HUGE_PAGE_BYTES, room

SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.parametrize("count", [70_000, 2 * HUGE_PAGE_BYTES - 1, 2 * HUGE_PAGE_BYTES, 5 * HUGE_PAGE_BYTES + 17])
def test_what_is_written_is_given_out_without_a_copy(count: int) -> None:
    content = bytes(range(256)) * (count // 256 + 1)
    made = room(count)
    with made.getbuffer() as place:
        assert len(place) == count
        place[:] = content[:count]
        there = ctypes.addressof(ctypes.c_char.from_buffer(place))
    body = made.getvalue()
    assert body == content[:count]
    assert ctypes.cast(ctypes.c_char_p(body), ctypes.c_void_p).value == there
    assert made.getvalue() is body


def test_what_cannot_be_had_is_a_lack_of_memory() -> None:
    with pytest.raises(MemoryError):
        room(2**62)


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="only Linux is asked for large pages")
@pytest.mark.skipif(not SETTING.exists(), reason="this Linux has no large pages")
def test_the_system_is_asked_for_large_pages() -> None:
    made = room(8 * HUGE_PAGE_BYTES)
    with made.getbuffer() as place:
        middle = ctypes.addressof(ctypes.c_char.from_buffer(place)) + len(place) // 2
    assert "hg" in flags_at(middle)


def flags_at(address: int) -> list[str]:
    """Give the flags of the mapping in which an address lies."""
    inside = False
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        first, *rest = line.split()
        if "-" in first and not first.endswith(":"):
            begin, stop = (int(end, 16) for end in first.split("-"))
            inside = begin <= address < stop
        elif inside and first == "VmFlags:":
            return rest
    return []

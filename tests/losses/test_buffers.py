"""Memory that is used again is never used twice at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.losses.buffers import BUFFER_ELEMENTS, spare


def test_no_two_arrays_share_memory_while_both_are_there() -> None:
    held = [spare((5000 + place,)) for place in range(30)]
    for place, array in enumerate(held):
        array[:] = place
    assert all((array == place).all() for place, array in enumerate(held))


def test_a_part_of_an_array_keeps_its_memory() -> None:
    array = spare((100, 70))
    array[:] = 1.0
    part = array.T[3:5]
    del array
    others = [spare((7000,)) for _ in range(20)]
    for other in others:
        other[:] = 2.0
    assert (part == 1.0).all()


def test_memory_that_nobody_has_is_used_again() -> None:
    first = spare((80, 90))
    address = first.ctypes.data
    del first
    assert spare((6000,)).ctypes.data == address


@pytest.mark.parametrize("shape", [(64, 64), (1, BUFFER_ELEMENTS), (5, 4, 300)])
def test_buffers_begin_at_a_cache_line(shape: tuple[int, ...]) -> None:
    array = spare(shape)
    assert array.shape == shape
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    assert array.ctypes.data % 64 == 0


@pytest.mark.parametrize("shape", [(), (0, 5), (3,), (2, BUFFER_ELEMENTS)])
def test_any_shape_is_possible(shape: tuple[int, ...]) -> None:
    assert spare(shape).shape == shape


def test_each_thread_has_its_own() -> None:
    both = threading.Barrier(2, timeout=30)

    def fill(number: float) -> bool:
        for _ in range(50):
            array = spare((9000,))
            array[:] = number
            both.wait()
            if not (array == number).all():
                return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(fill, (1.0, 2.0)))

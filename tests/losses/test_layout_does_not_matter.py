"""Memory layout, byte order and dtype carry no meaning: the same numbers give the same bits."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from app.engines import local
from app.losses import Batch, Objective, collapse, divergence_elementwise, elementwise, gradients
from tests.losses.cases import Arrays, arrays_for, assert_same_bits, every_loss, reported


def strided(array: NDArray[Any]) -> NDArray[Any]:
    wide = np.zeros((*array.shape[:-1], 3 * array.shape[-1]), array.dtype)
    wide[..., 1::3] = array
    return wide[..., 1::3]


def backwards(array: NDArray[Any]) -> NDArray[Any]:
    return array[::-1].copy()[::-1]


def unaligned(array: NDArray[Any]) -> NDArray[Any]:
    packed = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    packed[...] = array
    return packed


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    frozen = array.copy()
    frozen.flags.writeable = False
    return frozen


def swapped(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder(">"))


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "backwards": backwards,
    "unaligned": unaligned,
    "read-only": read_only,
    "big-endian": swapped,
    "big-endian Fortran": lambda array: np.asfortranarray(swapped(array)),
}


@every_loss
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_bits(loss: str, layout: str) -> None:
    arrays = arrays_for(loss, samples=40, features=(6, 11), weighted=True)
    laid_out = {name: LAYOUTS[layout](array) for name, array in arrays.items()}
    assert_same_bits(reported(laid_out, loss), reported(arrays, loss))


@every_loss
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, ">f2", ">f4"])
def test_float_types_give_the_same_bits(loss: str, dtype: DTypeLike) -> None:
    arrays = arrays_for(loss, samples=40, features=(66,), weighted=True)
    narrow = {name: array.astype(dtype) for name, array in arrays.items()}
    # Eleven bits of a float16 hold every number of this batch but some weights: they are compared as they arrive.
    wide = {name: array.astype(np.float64) for name, array in narrow.items()}
    assert_same_bits(reported(narrow, loss), reported(wide, loss))


@every_loss
@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "<i2", ">i2", "u2", "i4", ">u4", "i8", ">u8"])
def test_integers_and_booleans_give_the_same_bits(loss: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    narrow: Arrays = {name: rng.integers(0, 2, (9, 5)).astype(dtype) for name in ("x", "mu", "logvar")}
    narrow["y"] = np.ones((9, 5), dtype)  # above 0, as one of the losses wants it
    narrow["sample_weight"] = np.arange(9).astype(dtype)
    wide = {name: array.astype(np.float64) for name, array in narrow.items()}
    assert_same_bits(reported(narrow, loss), reported(wide, loss))


def test_bytes_do_not_wrap_around() -> None:
    arrays = {"x": np.array([[200]], np.uint8), "y": np.array([[10]], np.uint8)}
    assert reported(arrays).variants["sum_mean"].total == 36_100.0


def test_half_precision_does_not_overflow() -> None:
    arrays = {"x": np.array([[300.0]], np.float16), "y": np.array([[0.0]], np.float16)}
    assert reported(arrays).variants["sum_mean"].total == 90_000.0


def test_lists_are_arrays_too() -> None:
    assert reported({"x": [[0, 1]], "y": [[2.0, 1.0]]}).variants["sum_mean"].total == 4.0


def everything(arrays: Arrays) -> Iterator[object]:
    """Make whatever can be asked for."""
    batch, objective = Batch.of(arrays), Objective.of(beta=0.5)
    yield elementwise(batch, objective)
    yield divergence_elementwise(batch)
    yield gradients(batch, objective, local.run(batch, objective))
    yield collapse(batch, objective, reported(arrays, beta=0.5))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("samples", [5, 90])
def test_what_is_asked_for_by_name_has_the_same_bits(layout: str, samples: int) -> None:
    arrays = arrays_for("squared_error", samples=samples, features=(6, 11), latents=(2, 2), weighted=True)
    laid_out = {name: LAYOUTS[layout](array) for name, array in arrays.items()}
    for found, wanted in zip(everything(laid_out), everything(arrays), strict=True):
        assert_same_bits({"": found}, {"": wanted})

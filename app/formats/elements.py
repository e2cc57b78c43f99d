"""The elements of an array as they lie in a body: from bytes, a type and a shape to an array.

It is a view, with one exception: a large array in Fortran order is copied into C order. The service folds samples, and
in Fortran order a sample has a number in every page of the file; each chunk of samples would read all of it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from app.formats.errors import DecodeError, Malformed
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.errors import Fault
from app.losses.refusals import sentence

__all__ = ["MOST_AXES", "array_of", "refused"]

MOST_AXES = 32
_MOST_ELEMENTS = 2**48
_LOOKED_AT = 2**22
_LARGE_BYTES = 2**23
_FEW, _MANY = 64, 2**22  # features: below, every chunk of samples reads few pages; above, no batch is taken
_TILE = 128, 4096


def refused(kind: type[DecodeError], name: str, detail: str) -> DecodeError:
    """Make the refusal of one array or member of a body, by its name.

    Parameters
    ----------
    kind
        What is wrong.
    name
        Whose fault it is.
    detail
        The end of the sentence that begins with the name.
    """
    fault = Fault((name,), detail)
    return kind(sentence([fault]), fault)


def array_of(  # noqa: PLR0913 - the parts of every binary layout
    name: str,
    data: Body | memoryview,
    start: int,
    stop: int,
    *,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    fortran: bool = False,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
) -> NDArray[np.generic]:
    """View bytes as an array, after sizes have been compared in integers that do not overflow.

    Parameters
    ----------
    name
        The array, for the refusal.
    data, start, stop
        Where its elements lie.
    dtype
        Their type: numbers or booleans, either byte order.
    shape
        What the header says; no length is negative.
    fortran
        Whether the first index varies fastest.
    scratch
        Gives room for a copy.
    checkpoint
        Called between pieces of work.

    Returns
    -------
    numpy.ndarray
        A view of `data`, perhaps unaligned, in whichever order the elements have; or a copy in C order.

    Raises
    ------
    Malformed
        The bytes that are there are not those that the shape asks for, or a boolean is neither 0 nor 1.
    """
    if len(shape) > MOST_AXES:
        raise refused(Malformed, name, f"has more than {MOST_AXES} axes")
    wanted, there = math.prod(shape) * dtype.itemsize, stop - start
    for axis, length in enumerate(shape):
        if length > _MOST_ELEMENTS:
            raise refused(Malformed, name, f"has a header that makes axis {axis} longer than any body")
    if wanted != there:
        more = "fewer" if there < wanted else "more"
        raise refused(Malformed, name, f"has {there} bytes of elements, {more} than its type and shape ask for")
    if math.prod(max(1, length) for length in shape) > _MOST_ELEMENTS:  # and so there are none: one axis has length 0
        raise refused(Malformed, name, "has a header with more elements than any body, but for an empty axis")
    flat = np.frombuffer(data, dtype, math.prod(shape), start)
    if dtype.kind == "b":
        for place in range(0, flat.size, _LOOKED_AT):
            checkpoint()
            if int(flat[place : place + _LOOKED_AT].view(np.uint8).max()) > 1:
                raise refused(Malformed, name, "holds booleans that are neither 0 nor 1")
    if fortran and flat.nbytes > _LARGE_BYTES and _FEW < math.prod(shape[1:]) <= _MANY:
        return _in_c_order(flat, shape, scratch, checkpoint)
    return flat.reshape(shape, order="F" if fortran else "C")


def _in_c_order(
    flat: NDArray[np.generic], shape: tuple[int, ...], scratch: Scratch, checkpoint: Checkpoint
) -> NDArray[np.generic]:
    """Copy elements from Fortran order into C order, a tile of features and samples at a time."""
    samples, features = shape[0], math.prod(shape[1:])
    source = flat.reshape(features, samples)
    target = scratch.empty(flat.size, flat.dtype).reshape(samples, features)
    places = np.arange(features).reshape(shape[1:], order="F").ravel()  # where each feature lies among those of source
    width, height = _TILE
    for left in range(0, features, width):
        rows = places[left : left + width]
        for top in range(0, samples, height):
            checkpoint()
            tile = source[rows, top : top + height]
            checkpoint()
            target[top : top + height, left : left + width] = tile.T
    return target.reshape(shape)

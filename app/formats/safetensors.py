"""safetensors: a JSON header that says where each tensor lies, then the tensors; the options are in the query.

The header is as strict as the format: tensors lie one after the other, without a gap or an overlap, and end with the
file. Tensors are views of the body, but for BF16, which NumPy does not have and which becomes float32, exactly.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.formats.elements import array_of, refused
from app.formats.errors import DuplicateField, Malformed, TooLarge, WrongDtype
from app.formats.fields import check_names
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.formats.submission import ARRAYS, Submission
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["MEDIA_TYPE", "decode"]

MEDIA_TYPE = "application/vnd.safetensors"

_METADATA = "__metadata__"
_LENGTH_BYTES = 8
_LONGEST_HEADER = 2**20
_MOST_TENSORS = 8
_WIDENED = 2**20
_KEYS = {"dtype", "shape", "data_offsets"}
_DTYPES = {
    "BOOL": "|b1",
    **{f"{letter}{8 * size}": f"<{letter.lower()}{size}" for letter in "IU" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "BF16": "<u2",
}


def decode(
    body: Body, fields: frozenset[str], *, scratch: Scratch = IN_MEMORY, checkpoint: Checkpoint = go_on
) -> Submission:
    """Read tensors by name.

    Parameters
    ----------
    body
        The file.
    fields
        The names of all fields that the endpoint knows; tensors are the arrays among them.
    scratch
        Gives room for BF16 that becomes float32.
    checkpoint
        Called between pieces of work.

    Returns
    -------
    Submission
        Arrays of any real type, in C order; no options.

    Raises
    ------
    Malformed
        Not such a file, or tensors that do not lie one after the other; the tensor is named.
    WrongDtype
        A type that is not read, such as F8_E4M3.
    UnknownField, DuplicateField
        A tensor that is no array of the request, or is there twice.
    TooLarge
        More tensors than are taken.
    """
    header, begin = _header(body)
    tensors = [(name, row) for name, row in header if name != _METADATA]
    if len(tensors) > _MOST_TENSORS:  # those of one name count too: there may be a hundred thousand of them
        raise TooLarge(f"There may be at most {_MOST_TENSORS} tensors.")
    check_names([name for name, _ in tensors], fields & {*ARRAYS}, "array of this request")
    rows = {name: _Row(name, row) for name, row in tensors}
    arrays = {}
    position = 0
    for name, row in sorted(rows.items(), key=lambda item: (item[1].start, item[1].stop)):
        if row.start != position:
            how = "overlap the tensor before it" if row.start < position else "leave a gap before them"
            raise refused(Malformed, name, f"has elements that {how} (byte {position} of the data)")
        if begin + row.stop > len(body):
            raise refused(Malformed, name, "has elements beyond the end of the body")
        arrays[name] = row.array(body, begin, scratch, checkpoint)
        position = row.stop
    if begin + position != len(body):
        raise Malformed(f"Something follows the last tensor (byte {begin + position}).", offset=begin + position)
    return Submission.of(arrays, {})


def _header(body: Body) -> tuple[list[tuple[str, Any]], int]:
    """Read the header: what it has of each tensor, and where the data begin."""
    length = int.from_bytes(body[:_LENGTH_BYTES], "little")
    begin = _LENGTH_BYTES + length
    if len(body) < _LENGTH_BYTES or begin > len(body):
        detail = "The body is no safetensors file, or not a whole one: it ends within its header; what"
        raise Malformed(f"{detail} safetensors.numpy.save_file writes is wanted.", offset=len(body))
    if length > _LONGEST_HEADER:
        raise Malformed(f"The header of a safetensors file may have at most {_LONGEST_HEADER} bytes.", offset=0)
    message = "The header of the safetensors file (byte 8) is not a JSON object."
    if body[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{":
        raise Malformed(message, offset=_LENGTH_BYTES)
    try:
        found = json.loads(body[_LENGTH_BYTES:begin].decode(), object_pairs_hook=_Pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # among them UnicodeDecodeError, and integers of thousands of digits
        raise Malformed(message, offset=_LENGTH_BYTES) from None
    metadata = [row for name, row in found if name == _METADATA]
    if len(metadata) > 1:
        raise refused(DuplicateField, _METADATA, "is there more than once; one of them is wanted")
    if metadata and not (isinstance(metadata[0], _Pairs) and all(isinstance(value, str) for _, value in metadata[0])):
        raise refused(Malformed, _METADATA, "does not hold strings by name")
    return found, begin


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, whose names may be there twice."""


def _no_constant(_: str) -> None:
    """Refuse NaN and infinity, which are no JSON."""
    raise ValueError


class _Row:
    """What the header says of one tensor, looked at.

    Parameters
    ----------
    name
        The tensor's.
    row
        What the header has under that name.

    Raises
    ------
    Malformed, WrongDtype
        It does not have just dtype, shape and data_offsets, or has one of another kind.
    """

    def __init__(self, name: str, row: Any) -> None:  # noqa: ANN401 - any JSON value
        if not isinstance(row, _Pairs) or len(row) != len(_KEYS) or {key for key, _ in row} != _KEYS:
            raise refused(Malformed, name, "is not described by just dtype, shape and data_offsets")
        self.name = name
        said = dict(row)
        tag, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
        if not isinstance(tag, str):
            raise refused(Malformed, name, "has a dtype that is not a string")
        if tag not in _DTYPES:
            raise refused(WrongDtype, name, f"is of a type that is not read; there are {', '.join(_DTYPES)}")
        for what, numbers in (("a shape", shape), ("data_offsets", offsets)):
            if type(numbers) is not list or not all(type(number) is int and number >= 0 for number in numbers):
                raise refused(Malformed, name, f"has {what} other than a list of whole numbers from 0 on")
        if len(offsets) != len(("start", "stop")) or offsets[0] > offsets[1]:
            raise refused(Malformed, name, "has data_offsets other than a start and a stop")
        self.tag: str = tag
        self.shape = tuple(shape)
        self.start, self.stop = offsets

    def array(self, body: Body, begin: int, scratch: Scratch, checkpoint: Checkpoint) -> NDArray[np.generic]:
        """View the tensor."""
        dtype = np.dtype(_DTYPES[self.tag])
        start, stop = begin + self.start, begin + self.stop
        found = array_of(self.name, body, start, stop, dtype=dtype, shape=self.shape, checkpoint=checkpoint)
        if self.tag != "BF16":
            return found
        halves = found.reshape(-1)
        whole = scratch.empty(halves.size, np.uint32)
        for place in range(0, halves.size, _WIDENED):  # each is the upper half of a float32
            checkpoint()
            np.left_shift(halves[place : place + _WIDENED], 16, out=whole[place : place + _WIDENED], dtype=np.uint32)
        return whole.view(np.float32).reshape(self.shape)

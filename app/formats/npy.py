"""The ``.npy`` layout of one array (versions 1.0 to 3.0), which npz archives and forms carry.

The header is matched against a pattern and never evaluated; nothing is unpickled. What the header says is compared
with the bytes that are there before anything is allocated, and the array is a view of them.
"""

import re

import numpy as np
from numpy.typing import NDArray

from app.formats.elements import array_of, refused
from app.formats.errors import Malformed, WrongDtype
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["MAGIC", "read"]

MAGIC = b"\x93NUMPY"

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
_LONGEST_HEADER = 10_000
_MOST_DIGITS = 19

_KINDS = frozenset(
    np.dtype(scalar).str[1:]
    for scalar in (
        *(np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
        *(np.float16, np.float32, np.float64, np.longdouble),
    )
)
_TAKEN = "booleans, integers and floats of 2 to 16 bytes"

_TEXT = rb"'[^'\\\n]*+'|\"[^\"\\\n]*+\""
_ITEM = rb"\s*+(%b)\s*+:\s*+(%b|True|False|\([-\d,\sL]*+\))\s*+" % (_TEXT, _TEXT)
_HEADER = re.compile(rb"\s*+\{(?:%b(?:,|(?=\})))++\s*+\}\s*+" % _ITEM)
_ITEMS = re.compile(_ITEM)
_COUNT = rb"\s*+-?+(?:0|[1-9]\d*+)L?+\s*+"
_SHAPE = re.compile(rb"\((?:%b,|%b(?:,%b)++,?+)?\s*+\)" % (_COUNT, _COUNT, _COUNT))
_DTYPE = re.compile(r"([<>|=]?)([a-zA-Z?][0-9]*(?:\[[^]]*\])?)")
_RECORDS = re.compile(rb"['\"]descr['\"]\s*+:\s*+[\[(]")


def read(  # noqa: PLR0913 - where it lies, and what is handed on
    name: str,
    data: Body | memoryview,
    start: int,
    stop: int,
    *,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
) -> NDArray[np.generic]:
    """View a ``.npy`` file as an array.

    Parameters
    ----------
    name
        The array, for refusals.
    data, start, stop
        Where the file lies in a body.
    scratch
        Gives room for a copy of what lies in an order that cannot be read in pieces.
    checkpoint
        Called between pieces of work.

    Returns
    -------
    numpy.ndarray
        A view of `data`, of any real type and byte order, in C or Fortran order; see `app.formats.elements`.

    Raises
    ------
    Malformed
        Not such a file, a header that is not as NumPy writes it, or not the bytes that it promises.
    WrongDtype
        Elements that are objects, records, texts, times, complex numbers or nothing at all.
    """
    lead = bytes(data[start : min(stop, start + len(MAGIC) + 2 + max(_LENGTH_BYTES.values()))])
    if not lead.startswith(MAGIC):
        raise refused(Malformed, name, "is no .npy file: its first bytes are not those of the format")
    version = (lead[6], lead[7]) if len(lead) > len(MAGIC) + 1 else None
    if version not in _LENGTH_BYTES:
        raise refused(Malformed, name, "is a .npy file of an unknown version (byte 6); 1.0, 2.0 or 3.0 is wanted")
    begin = start + len(MAGIC) + 2 + _LENGTH_BYTES[version]
    length = int.from_bytes(data[begin - _LENGTH_BYTES[version] : begin], "little")
    if begin > stop or length > stop - begin:
        raise refused(Malformed, name, f"is a .npy file that ends within its header, after {stop - start} bytes")
    if length > _LONGEST_HEADER:
        raise refused(Malformed, name, f"has a .npy header of more than {_LONGEST_HEADER} bytes")
    dtype, shape, fortran = _header(name, bytes(data[begin : begin + length]))
    return array_of(
        name,
        data,
        begin + length,
        stop,
        dtype=dtype,
        shape=shape,
        fortran=fortran,
        scratch=scratch,
        checkpoint=checkpoint,
    )


def _header(name: str, text: bytes) -> tuple[np.dtype[np.generic], tuple[int, ...], bool]:
    """Read the header: type, shape and whether the order is Fortran's."""
    if _RECORDS.search(text):
        raise refused(WrongDtype, name, f"holds records; {_TAKEN} are taken")
    items = _ITEMS.findall(text) if _HEADER.fullmatch(text) else []
    header = {key[1:-1]: value for key, value in items}
    if len(items) != len(header) or header.keys() != {b"descr", b"fortran_order", b"shape"}:
        raise refused(
            Malformed, name, "has a .npy header that is not a dictionary of just descr, fortran_order and shape"
        )
    dtype = _dtype(name, header[b"descr"])
    order = header[b"fortran_order"]
    if order not in (b"True", b"False"):
        raise refused(Malformed, name, "has a .npy header whose fortran_order is neither True nor False")
    return dtype, _shape(name, header[b"shape"]), order == b"True"


def _dtype(name: str, value: bytes) -> np.dtype[np.generic]:
    """Read descr, such as '<f8'."""
    found = _DTYPE.fullmatch(value[1:-1].decode("latin-1")) if value[:1] in b"'\"" else None
    if found is None:
        raise refused(Malformed, name, "has a .npy header whose descr names no type")
    order, kind = found.groups()
    if kind not in _KINDS:
        words = {"O": "objects, which would have to be unpickled", "c": "complex numbers"}
        words |= {"V": "raw bytes, as which NumPy writes bfloat16 and float8 too"}
        words |= {"S": "texts", "a": "texts", "U": "texts", "M": "dates", "m": "durations"}
        raise refused(WrongDtype, name, f"holds {words.get(kind[0], 'elements of another type')}; {_TAKEN} are taken")
    return np.dtype(order + kind)


def _shape(name: str, value: bytes) -> tuple[int, ...]:
    """Read shape, such as (3, 4)."""
    if not _SHAPE.fullmatch(value):
        raise refused(Malformed, name, "has a .npy header whose shape is not a tuple of whole numbers")
    texts = value.translate(None, b"() \t\r\n\v\fL").strip(b",")
    lengths = texts.split(b",") if texts else []
    for axis, length in enumerate(lengths):
        if length.startswith(b"-"):
            raise refused(Malformed, name, f"has a .npy header that makes the length of axis {axis} negative")
        if len(length) > _MOST_DIGITS:
            raise refused(Malformed, name, f"has a .npy header that makes axis {axis} longer than any body")
    return tuple(map(int, lengths))

"""JSON: one document in, one document out.

A good body takes the straight way: one pass splits the document into its fields without reading a number, then each
array's text is read by itself. Whatever is not plainly good, for any reason at all, takes the second look of
`app.formats.json_faults`, which is as strict and finds every fault and its place; so the straight way has no messages.
"""

import functools
import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from app.formats.json_faults import DOUBLE_DIGITS, LONGEST_OPTION, second_look
from app.formats.json_numbers import numbers
from app.formats.reply import Reply
from app.formats.submission import ARRAYS, Submission

__all__ = ["MEDIA_TYPE", "decode", "encode"]

MEDIA_TYPE = "application/json"

_ABSENT = msgspec.Raw(b"")
_FEW = 32
_MOST_STRINGS = 4096
_LONG_INTEGER = re.compile(rb"[0-9]{%d}" % DOUBLE_DIGITS)


def decode(body: bytes, fields: frozenset[str], *, max_depth: int = 32, max_integer_digits: int = 320) -> Submission:
    """Read a JSON object whose arrays are nested lists of numbers.

    Parameters
    ----------
    body
        The document, UTF-8 without a byte order mark.
    fields
        The names of all fields that the endpoint knows; those of `ARRAYS` hold arrays, the others options.
    max_depth
        How deep objects and lists may nest, the document itself included; at most 65, as NumPy has at most 64 axes.
    max_integer_digits
        How long an integer may be. Below 309, where a double could still hold it, every body takes the second look.

    Returns
    -------
    Submission
        float64 arrays in C order, any rank from 1 on, possibly of size 0; options as plain Python values.

    Raises
    ------
    Malformed
        Not JSON, not UTF-8, or nested too deeply; with the offset in bytes.
    NotAnObject
        JSON, but no object.
    UnknownField, DuplicateField, NotANumber, NullField, OutOfRange, Ragged
        What is wrong with the fields, named for the first fault in the document; the first 20 faults are listed.
    InvalidOption
        An option that is longer than any can be, 16 KiB; its content is not read.
    """
    found = _straight(body, fields, max_depth, max_integer_digits)
    if found is None:
        return second_look(body, fields, max_depth=max_depth, max_integer_digits=max_integer_digits)
    return found


def _straight(body: bytes, fields: frozenset[str], max_depth: int, max_integer_digits: int) -> Submission | None:
    """Decode a body that is plainly good; None if there is any doubt."""
    strings = _plain_strings(body)
    if max_integer_digits < DOUBLE_DIGITS or strings is None:
        return None
    try:
        envelope = msgspec.json.decode(body, type=_envelope(fields))
        raws = {name: raw for name in envelope.__struct_fields__ if (raw := getattr(envelope, name)) is not _ABSENT}
        texts = {name: raw for name, raw in raws.items() if name not in ARRAYS}
        if any(len(raw) > LONGEST_OPTION for raw in texts.values()):
            return None
        texts = {name: bytes(raw) for name, raw in texts.items()}
        # Of a field that is there twice, msgspec silently keeps the last: its key and its strings are quotes too many.
        quotes = 2 * len(raws) + sum(text.count(b'"') for text in texts.values())
        if 2 * strings != quotes or not all(_is_plain(text, max_depth) for text in texts.values()):
            return None
        arrays = {name: numbers(raws[name], max_rank=max_depth - 1) for name in ARRAYS if name in raws}
        return Submission(arrays, {name: msgspec.json.decode(text) for name, text in texts.items()})
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _plain_strings(body: bytes) -> int | None:
    """Count the strings of a body; None if there are many, or a long one, or escapes: the parser is slow on those."""
    if b"\\" in body:
        return None
    position = 0
    for count in range(_MOST_STRINGS):
        start = body.find(b'"', position)
        if start < 0:
            return count
        position = body.find(b'"', start + 1, start + LONGEST_OPTION) + 1
        if not position:
            return None
    return None


def _is_plain(option: bytes, max_depth: int) -> bool:
    """Tell whether the text of an option may be decoded as it is."""
    return (
        option != b"null" and option.count(b"[") + option.count(b"{") < max_depth and not _LONG_INTEGER.search(option)
    )


@functools.lru_cache(maxsize=16)
def _envelope(fields: frozenset[str]) -> type[msgspec.Struct]:
    """Make the type of documents that have some of these fields and no others, each a slice of the body."""
    columns = [(name, msgspec.Raw, msgspec.field(default=_ABSENT)) for name in sorted(fields)]
    return msgspec.defstruct("Envelope", columns, forbid_unknown_fields=True)


def encode(reply: Reply) -> bytes:
    """Write a reply as one JSON document, each array in place of its placeholder, every double in its shortest form.

    Raises
    ------
    ValueError
        If a number is not finite, which would silently become null, or if an array has no placeholder. Both are faults
        of this service and never of a caller: the core refuses results that are not finite.
    """
    document = dict(reply.summary)
    _check_finite(document.values())
    ours: dict[str, dict[str, Any]] = {}
    for place, array in reply.arrays.items():
        # Of a few numbers, Python tells sooner than NumPy whether they are finite.
        finite = all(map(math.isfinite, array.flat)) if array.size <= _FEW else np.isfinite(array).all()
        if not finite:
            raise ValueError(f"{place} is not finite")
        _fill(document, place, array, ours)
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _check_finite(values: Iterable[Any]) -> None:
    """Look for floats that are not finite in all that lies in some JSON values."""
    for value in values:
        kind = type(value)
        if kind is float:
            if value - value != 0.0:
                raise ValueError("a number of the summary is not finite")
        elif kind is dict:
            _check_finite(value.values())
        elif kind is list or kind is tuple:
            _check_finite(value)


def _fill(document: dict[str, Any], place: str, array: NDArray[np.float64], ours: dict[str, dict[str, Any]]) -> None:
    """Put an array in the place of its placeholder; `ours` are the parts that are copied, for the reply to stay."""
    *way, last = place.split(".")
    passed = ""
    for name in way:
        passed += f".{name}"
        if passed not in ours:
            inner = document.get(name)
            if type(inner) is not dict:
                raise ValueError(f"no placeholder for {place}")
            ours[passed] = document[name] = inner.copy()
        document = ours[passed]
    if document.get(last, array) is not None:
        raise ValueError(f"no placeholder for {place}")
    document[last] = array

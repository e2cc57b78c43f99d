"""JSON: one document in, one document out.

A good body takes the straight way: its fields are found without reading a number, then each array's text is read by
itself; or, where the body is short and simdjson installed, all of it in one piece. Whatever is not plainly good, for
any reason at all, takes the second look of `app.formats.json_faults`, which is as strict and finds every fault and its
place; so the straight way has no messages.
"""

import math
import re
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from app.formats.json_faults import DOUBLE_DIGITS, Circumstances, second_look
from app.formats.json_members import Member, members
from app.formats.json_numbers import numbers
from app.formats.json_numerals import ACCELERATED
from app.formats.json_short import SHORT_BYTES, short
from app.formats.reply import Reply
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.formats.submission import ARRAYS, Submission
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["MEDIA_TYPE", "decode", "encode"]

MEDIA_TYPE = "application/json"

_FEW = 32
_LONGEST_NUMBER = 25
"""How many bytes a double takes at most, with its comma."""

_SUMMARY_BYTES = 2**16
_BRIEF_BYTES = 2**16
"""How long a text may be for a search through it to be over before its numbers are looked at, one by one."""

_LONG_INTEGER = re.compile(rb"[0-9]{%d}" % DOUBLE_DIGITS)


def decode(  # noqa: PLR0913 - what there is to heed
    body: Body,
    fields: frozenset[str],
    *,
    max_depth: int = 32,
    max_integer_digits: int = 320,
    accelerated: bool = ACCELERATED,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
) -> Submission:
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
    accelerated
        Whether simdjson reads the numbers; without it the answer is the same and takes longer.
    scratch
        Gives the room for arrays, those of short bodies excepted.
    checkpoint
        Called between blocks of text; what it raises passes through.

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
    heeded = Circumstances(max_depth, max_integer_digits, accelerated, scratch, checkpoint)
    found = None
    if max_integer_digits >= DOUBLE_DIGITS:
        if accelerated and isinstance(body, bytes) and len(body) <= SHORT_BYTES:
            found = short(body, fields, max_depth)
        found = found or _straight(body, fields, heeded)
    return found or second_look(body, fields, heeded)


def _straight(body: Body, fields: frozenset[str], heeded: Circumstances) -> Submission | None:
    """Decode a body that is plainly good; None if there is any doubt."""
    found = members(body, fields, heeded.checkpoint)
    if found is None:
        return None
    texts = {name: body[place.start : place.stop] for name, place in found.items() if name not in ARRAYS}
    if not all(_is_plain(text, heeded.max_depth) for text in texts.values()):
        return None
    try:
        options = {name: msgspec.json.decode(text) for name, text in texts.items()}
        arrays = {name: _array(body, found[name], heeded) for name in ARRAYS if name in found}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return Submission(arrays, options)


def _array(body: Body, place: Member, heeded: Circumstances) -> NDArray[np.float64]:
    """Read the array of one field."""
    return numbers(
        body,
        place.start,
        place.stop,
        max_rank=heeded.max_depth - 1,
        accelerated=heeded.accelerated,
        scratch=heeded.scratch,
        checkpoint=heeded.checkpoint,
    )


def _is_plain(option: bytes, max_depth: int) -> bool:
    """Tell whether the text of an option may be decoded as it is."""
    return (
        option != b"null" and option.count(b"[") + option.count(b"{") < max_depth and not _LONG_INTEGER.search(option)
    )


def encode(reply: Reply) -> bytes:
    """Write a reply as one JSON document, each array in place of its placeholder, every double in its shortest form.

    Raises
    ------
    ValueError
        If a number is not finite, which would silently become null, or if an array has no placeholder. Both are faults
        of this service and never of a caller: the core refuses results that are not finite.
    """
    document = dict(reply.summary)
    ours = {"": document}
    for place, array in reply.arrays.items():
        way, _, last = place.rpartition(".")
        inner = ours[way] if way in ours else _opened(way, ours)
        if inner is None or inner.get(last, array) is not None:
            raise ValueError(f"no placeholder for {place}")
        inner[last] = array
    _check_room(sum(array.size for array in reply.arrays.values()))
    text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    # As null orjson also writes what is not finite: there are then more than belong there.
    if len(text) > _BRIEF_BYTES or text.count(b"null") > reply.nulls:
        _check_finite(reply)
    return text


def _check_room(numbers: int) -> None:
    """Find out whether there is memory for the text of so many numbers: orjson would not survive a lack of it.

    It doubles its room as it needs more, and has the old one beside the new one for a while.

    Raises
    ------
    MemoryError
        There is none.
    """
    if numbers > _FEW:
        np.empty(3 * (_LONGEST_NUMBER * numbers + _SUMMARY_BYTES), np.uint8)  # given back at once, and never touched


def _check_finite(reply: Reply) -> None:
    """Look for numbers that are not finite in all that a reply holds."""
    for place, array in reply.arrays.items():
        # Of a few numbers, Python tells sooner than NumPy whether they are finite.
        finite = all(map(math.isfinite, array.flat)) if array.size <= _FEW else np.isfinite(array).all()
        if not finite:
            raise ValueError(f"{place} is not finite")
    waiting: list[Any] = [reply.summary.values()]
    while waiting:
        for value in waiting.pop():
            kind = type(value)
            if kind is float:
                if value - value != 0.0:
                    raise ValueError("a number of the summary is not finite")
            elif kind is dict:
                waiting.append(value.values())
            elif kind is list or kind is tuple:
                waiting.append(value)


def _opened(place: str, ours: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Copy the part of a document at a place, and those around it, for the reply to stay; None if there is none.

    `ours` are the copies.
    """
    way, _, last = place.rpartition(".")
    outer = ours[way] if way in ours else _opened(way, ours)
    inner = None if outer is None else outer.get(last)
    if outer is None or type(inner) is not dict:
        return None
    ours[place] = outer[last] = copied = inner.copy()
    return copied

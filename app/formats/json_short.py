"""A short JSON document is read in one piece, by simdjson, where that is installed."""

import math
from codecs import BOM_UTF8
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.formats.json_members import LONGEST_OPTION
from app.formats.json_numbers import many_lists, occurrences
from app.formats.json_numerals import REFUSALS, parsed
from app.formats.submission import ARRAYS, Submission

__all__ = ["SHORT_BYTES", "short"]

SHORT_BYTES = 1 << 19
"""How long a short document is at most: it takes half a millisecond, in which no other thread runs."""

_FEW_BYTES = 1 << 10
_LEVELS = 2
_LONGEST_TEXT = 1 << 10
_MOST_ITEMS = 100
_MOST_STRINGS = 200
_NAMES_OF_ARRAYS = {name.encode() for name in ARRAYS}
_SCALARS = (str, int, float)
_NUMBERS = (float, int)


def short(body: bytes, fields: frozenset[str], max_depth: int) -> Submission | None:
    """Decode a short body that is plainly good; None if there is any doubt, or if another way is better.

    Parameters
    ----------
    body
        At most `SHORT_BYTES`.
    fields
        The names of all fields that the endpoint knows.
    max_depth
        How deep objects and lists may nest.
    """
    if len(body) > LONGEST_OPTION and _text_of_options(body) > LONGEST_OPTION:
        return None
    lists = _opening_brackets(body)
    if max_depth < _LEVELS or many_lists(lists, len(body)) or b"\\" in body or body.startswith(BOM_UTF8):
        return None
    try:
        return _submission(parsed(body), fields, max_depth, lists)
    except (ValueError, TypeError, AttributeError, *REFUSALS):
        return None


def _opening_brackets(body: bytes) -> int:
    """Count the opening brackets; `bytes.count` stops at each of them, and NumPy takes a while to begin."""
    if len(body) <= _FEW_BYTES:
        return body.count(b"[")
    return occurrences(b"[", body, 0, len(body))


def _text_of_options(body: bytes) -> int:
    """Measure all text outside the arrays of a document without escapes; at once beyond the limit if it has many."""
    length = 0
    start = body.find(b'"')
    for _ in range(_MOST_STRINGS):
        stop = body.find(b'"', start + 1)
        if start < 0 or stop < 0:
            return length
        following = body.find(b'"', stop + 1)
        behind = body[stop + 1 : stop + 4].lstrip()
        if not (behind.startswith(b":") and body[start + 1 : stop] in _NAMES_OF_ARRAYS):
            length += (following if following > 0 else len(body)) - start
        start = following
    return LONGEST_OPTION + 1


def _submission(document: Any, fields: frozenset[str], max_depth: int, lists: int) -> Submission | None:  # noqa: ANN401
    """Take the arrays and options out of a parsed document that has so many opening brackets, those in strings too."""
    names = list(document.keys())  # which only an object has
    if not fields.issuperset(names) or len({*names}) < len(names):
        return None
    arrays, options = {}, {}
    for name in ARRAYS:
        if name in names:
            array, within = _array(document[name])
            arrays[name] = array
            lists -= within
            if array.ndim >= max_depth:
                return None
    for name in names:
        if name not in arrays:
            option, within = _option(document[name])
            options[name] = option
            lists -= within
    # Every opening bracket begins a list that was measured; were there one more, a list would stand among numbers.
    return None if lists else Submission(arrays, options)


def _array(root: Any) -> tuple[NDArray[np.float64], int]:  # noqa: ANN401 - a proxy
    """Read nested lists, and count them down to the depth at which the first number is."""
    flat = np.frombuffer(root.as_buffer(of_type="d"))  # refuses all but lists and numbers
    shape: list[int] = []
    count, first = 0, root
    while not isinstance(first, _NUMBERS):
        # One list after the other, again from the outermost: to make a proxy takes less time than to keep it.
        lists: Any = (root,)
        for _ in shape:
            lists = chain.from_iterable(lists)
        lengths = {*map(len, lists)}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError("not a regular array, or an empty one")
        count += math.prod(shape)
        shape += lengths
        first = first[0]
    return flat.reshape(shape), count


def _option(value: Any) -> tuple[Any, int]:  # noqa: ANN401 - any JSON value
    """Take an option that is one value or a short list of values, and count the opening brackets in its text."""
    is_list = hasattr(value, "as_list")
    items = value.as_list() if is_list else [value]
    texts = [item for item in items if isinstance(item, str)]
    if len(items) > _MOST_ITEMS or sum(map(len, texts)) > _LONGEST_TEXT or not all(map(str.isascii, texts)):
        raise ValueError("a long option, or one in letters that no name has")
    if not all(isinstance(item, _SCALARS) for item in items):
        raise ValueError("an option that is more than a list of values")
    return items if is_list else value, is_list + sum(text.count("[") for text in texts)

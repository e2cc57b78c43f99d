"""Options that come as text, in a query or a form, become what JSON would have said; what they mean is not asked here.

A text that is written like a number is a number, one with commas is a list, and any other is a string. A list may also
be given by repeating its name. So ``beta=0.5`` is ``{"beta": 0.5}`` and ``include=elementwise,gradients`` is
``{"include": ["elementwise", "gradients"]}``.
"""

import re
from collections.abc import Iterable
from typing import Any

from app.formats.errors import Malformed
from app.formats.fields import check_names
from app.formats.submission import ARRAYS, LISTS, REPEATED

__all__ = ["MOST_OPTIONS", "options_of"]

MOST_OPTIONS = 8
"""How many options there may be; those that are repeated to make a list count once."""

_MOST_TEXTS = 256
_NUMBER = re.compile(r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+")
_SHORT_INTEGER = re.compile(r"[+-]?+[0-9]{1,18}")


def options_of(texts: Iterable[tuple[str, str]], fields: frozenset[str]) -> dict[str, Any]:
    """Take options as names and texts.

    Parameters
    ----------
    texts
        In the order in which they came.
    fields
        The names of all fields that the endpoint knows; the arrays among them are no options.

    Returns
    -------
    dict
        Numbers, strings and lists of those, by name.

    Raises
    ------
    UnknownField, DuplicateField
        A name that is no option, or one that cannot be a list and is there twice.
    Malformed
        More than `MOST_OPTIONS`.
    """
    given: dict[str, list[str]] = {}
    names = []
    for count, (name, text) in enumerate(texts):
        if name not in given or name not in REPEATED:
            names.append(name)
        if len(names) > MOST_OPTIONS or count >= _MOST_TEXTS:
            raise Malformed(f"There may be at most {MOST_OPTIONS} options.")
        given.setdefault(name, []).append(text)
    check_names(names, fields - {*ARRAYS}, "option of this request")
    return {name: _value(name, parts) for name, parts in given.items()}


def _value(name: str, texts: list[str]) -> Any:  # noqa: ANN401 - what JSON could hold
    """Read the texts of one option."""
    items = [item.strip() for text in texts for item in text.split(",")]
    if name in LISTS:
        return [_scalar(item) for item in items] if items != [""] else []
    return _scalar(items[0]) if len(items) == 1 else [_scalar(item) for item in items]


def _scalar(text: str) -> float | str:
    """Read one text: an integer, another number, or a string."""
    if _SHORT_INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text

"""Which bodies are brief: so short, and so plain, that their answer is there before a thread would have begun.

Nothing interrupts what is done in the event loop, and nobody else is served meanwhile. So a body is brief only if its
answer takes no longer than a piece of text of which a large body is read, whatever its numbers are and whatever is
wrong with it; ``python -m benchmarks.brief`` tries the worst. Forms are never brief: a table may have faults to list.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from app.formats.json import MEDIA_TYPE as JSON
from app.formats.npz import MEDIA_TYPE as NPZ
from app.formats.safetensors import MEDIA_TYPE as SAFETENSORS
from app.formats.scratch import IN_MEMORY, Body

__all__ = ["BRIEF_BYTES", "BriefScratch", "LongError", "is_brief"]

BRIEF_BYTES = 16 * 1024
"""How long a brief body is at most, and what it inflates to: so many numbers, if they have a byte each."""

_MOST_QUOTES: Final = 32
_LONGEST_QUERY: Final = 128
_MOST_PARAMETERS: Final = 8


def is_brief(body: Body, media_type: str, query: str) -> bool:
    """Tell whether a body is brief, as far as can be seen without reading it; `BriefScratch` sees to the rest.

    Parameters
    ----------
    body
        A request's, whole.
    media_type
        In which format it is.
    query
        The options that come with it, as they are written.
    """
    return (
        isinstance(body, bytes)
        and len(body) <= BRIEF_BYTES
        and media_type in _PLAIN
        and _is_plain_query(query)
        and _PLAIN[media_type](body)
    )


def _is_plain_query(query: str) -> bool:
    """Tell whether a query names nothing to include, not even by an escape, and only a few options."""
    return not query or (
        len(query) <= _LONGEST_QUERY
        and query.count("&") < _MOST_PARAMETERS
        and "include" not in query
        and "%" not in query
    )


def _is_plain_json(body: bytes) -> bool:
    """Tell whether a document names nothing to include; an escape could hide the name of that option.

    There is no need for many strings; for each that is out of place a nearest name may have to be found.
    """
    return body.count(b'"') <= _MOST_QUOTES and b'"include"' not in body and b"\\" not in body


def _is_plain_file(_: bytes) -> bool:
    """Take any file of arrays: there are only a few of them in one, and no options."""
    return True


_PLAIN: Final[Mapping[str, Callable[[bytes], bool]]] = MappingProxyType(
    {JSON: _is_plain_json, NPZ: _is_plain_file, SAFETENSORS: _is_plain_file}
)


class LongError(Exception):
    """A short body inflates to more than is brief."""


class BriefScratch:
    """Memory for what is made of a brief body, but not for inflating it to more than `BRIEF_BYTES`."""

    def __init__(self) -> None:
        self._left = BRIEF_BYTES

    def empty(self, count: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Give an array: for numbers that are all in the body."""
        return IN_MEMORY.empty(count, dtype)

    def bytes(self, count: int) -> memoryview:
        """Give bytes: for what is inflated.

        Raises
        ------
        LongError
            They are too many, with those that were given before.
        """
        self._left -= count
        if self._left < 0:
            raise LongError
        return IN_MEMORY.bytes(count)

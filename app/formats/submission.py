"""What every decoder returns: the arrays and the options of one request, not yet looked at."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from app.formats.aside import Check
from app.losses.batch import ARRAY_NAMES

__all__ = ["ARRAYS", "LISTS", "REPEATED", "Submission", "awaiting"]

ARRAYS = ARRAY_NAMES
"""The names under which arrays travel, in every format."""

LISTS = ("include", "batch_sizes")
"""The names of options that are lists: where options are texts, those are lists even with one item or none."""

REPEATED = (*LISTS, "observed")
"""The names of options that may be lists: where options are texts, those may be there more than once."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The content of a request body, whatever its format.

    Attributes
    ----------
    arrays
        By name (a subset of `ARRAYS`), any shape, any real dtype. An absent one is not in it.
    options
        Everything else, by name, as plain Python values, unchecked: the edge knows which options there are.
    checks
        What is still being looked at, in the order of the body; only where a decoder was given an `Aside`.
    """

    arrays: Mapping[str, NDArray[np.generic]]
    options: Mapping[str, Any]
    checks: tuple[Check, ...] = ()

    @classmethod
    def of(
        cls, arrays: Mapping[str, NDArray[np.generic]], options: Mapping[str, Any], checks: tuple[Check, ...] = ()
    ) -> Self:
        """Put the arrays into the order of `ARRAYS`, in whichever the body had them."""
        return cls({name: arrays[name] for name in ARRAYS if name in arrays}, options, checks)

    def checked(self) -> ExitStack:
        """Give the context in which the arrays are worked with; at its end nothing is looked at any more.

        If something is wrong with the body, the end raises the first of it, whatever the work has made of such arrays.

        Raises
        ------
        DecodeError
            As the decoder, if it had not been given an `Aside`.
        """
        return awaiting(self.checks) if self.checks else _NOTHING


_NOTHING: Final = ExitStack()
"""Waits for nothing. It has no state, so all may use it."""


def awaiting(checks: Iterable[Check]) -> ExitStack:
    """Give a context whose end waits for all of some checks, and raises what the first of them does."""
    stack = ExitStack()
    for check in checks:
        stack.callback(check)  # the last one is called first, and what the first one raises is what is left
    return stack

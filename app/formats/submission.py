"""What every decoder returns: the arrays and the options of one request, not yet looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.losses.batch import ARRAY_NAMES

__all__ = ["ARRAYS", "LISTS", "Submission"]

ARRAYS = ARRAY_NAMES
"""The names under which arrays travel, in every format."""

LISTS = ("include", "batch_sizes")
"""The names of options that are lists: where options are texts, those are lists even with one item or none."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The content of a request body, whatever its format.

    Attributes
    ----------
    arrays
        By name (a subset of `ARRAYS`), any shape, any real dtype. An absent one is not in it.
    options
        Everything else, by name, as plain Python values, unchecked: the edge knows which options there are.
    """

    arrays: Mapping[str, NDArray[np.generic]]
    options: Mapping[str, Any]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]], options: Mapping[str, Any]) -> Self:
        """Put the arrays into the order of `ARRAYS`, in whichever the body had them."""
        return cls({name: arrays[name] for name in ARRAYS if name in arrays}, options)

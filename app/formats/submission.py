"""What every decoder returns: the arrays and the options of one request, not yet looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARRAYS", "Submission"]

ARRAYS = ("x", "y", "mu", "logvar", "sample_weight")
"""The names under which arrays travel, in every format."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The content of a request body, whatever its format.

    Attributes
    ----------
    arrays
        By name (a subset of `ARRAYS`), any shape, any real dtype. Absent and null arrays are not in it.
    options
        Everything else, by name, as plain Python values, unchecked: the edge knows which options there are.
    """

    arrays: Mapping[str, NDArray[np.generic]]
    options: Mapping[str, Any]

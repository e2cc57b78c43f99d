"""What every encoder takes: the mirror image of a submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of an answer, whatever its format.

    Attributes
    ----------
    summary
        The document without its arrays: nested dictionaries, lists, strings, finite numbers and None. Where an array
        belongs it holds None as a placeholder, so that the fields keep their order.
    arrays
        float64 arrays in C order by their place in the document: ``"per_sample.reconstruction.sum"``.
    nulls
        How many None are in the summary that are no placeholders, where whoever made it knows that without looking.
    """

    summary: Mapping[str, Any]
    arrays: Mapping[str, NDArray[np.float64]]
    nulls: int = 0

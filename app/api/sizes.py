"""How large a batch may be, and the answer to it: asked when the arrays are known and nothing has been computed.

A body of a gigabyte may hold a hundred million samples of one number each, and every vector of an answer has a number
for each sample. Neither the size of the body nor that of an array says what an answer costs; this does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from app.losses import Batch, Fault
from app.losses.refusals import sentence
from app.problems import BATCH_TOO_LARGE, Problem, RefusedError
from app.variables import variable

__all__ = ["ANY_SIZE", "Sizes"]

_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is taken, and what is answered.

    Attributes
    ----------
    samples
        How many samples a batch may have.
    features
        How many features, or latents, a sample may have.
    answer_bytes
        How many bytes the arrays of an answer may have.
    """

    samples: int
    features: int
    answer_bytes: int

    def check_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Look at the shapes of arrays before their values are.

        Raises
        ------
        RefusedError
            413: the first array that has too many samples, or samples that are too large.
        """
        for name, array in arrays.items():
            samples, features = len(array) if array.ndim else 1, math.prod(array.shape[1:])
            if samples > self.samples:
                raise _refused((name,), f"has {samples} samples; at most {self.samples} are taken", "max_samples")
            if features > self.features:
                what = f"has {features} numbers in a sample; at most {self.features} are taken"
                raise _refused((name,), what, "max_features")

    def check_answer(self, batch: Batch, include: Sequence[str]) -> None:
        """Look at how large the arrays of an answer would be.

        Raises
        ------
        RefusedError
            413: too large. It names the largest thing that was to be included, or else `x`.
        """
        x, mu = batch.size * batch.feature_count, batch.size * (batch.latent_count or 0)
        matrices = {"elementwise": x, "kl_elementwise": mu, "gradients": x + 2 * mu}
        asked = {name: count for name, count in matrices.items() if name in include}
        vectors = 2 if batch.mu is None else 8  # sums and means of the terms, and each with each in the totals
        wanted = _NUMBER_BYTES * (vectors * batch.size + sum(asked.values()))
        if wanted > self.answer_bytes:
            what = f"asks for an answer whose arrays have {wanted} bytes; at most {self.answer_bytes} are written"
            largest = max(asked, key=lambda name: asked[name], default=None)
            place = ("x",) if largest is None else ("include", include.index(largest))
            raise _refused(place, what, "max_answer_bytes")


ANY_SIZE = Sizes(2**63, 2**63, 2**63)
"""Nothing is too large."""


def _refused(place: tuple[str | int, ...], what: str, field: str) -> RefusedError:
    """Make a refusal that names a place, and the setting that allows more."""
    fault = Fault(place, f"{what} ({variable(field)})")
    return RefusedError(Problem(BATCH_TOO_LARGE, sentence([fault]), (fault,)))

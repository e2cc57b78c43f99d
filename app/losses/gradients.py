"""The slope of R + beta K: what an optimiser would see of the objective ``sum_mean+sum_mean``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import Array
from app.losses.batch import Batch
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.divergence import divergence_slopes
from app.losses.errors import Fault, Overflow
from app.losses.objective import Objective
from app.losses.refusals import refusal
from app.losses.tally import Tally

__all__ = ["Gradients", "gradients"]


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """Derivatives of R + beta K, each in the shape of the array; `mu` and `logvar` are None without a KL term.

    Those of the total of any other variant follow: times a for `y`, times b for `mu` and `logvar`.
    """

    y: Array
    mu: Array | None
    logvar: Array | None


@np.errstate(all="ignore")  # what overflows is not finite, and is refused by name
def gradients(batch: Batch, objective: Objective, tally: Tally, checkpoint: Checkpoint = go_on) -> Gradients:
    """Differentiate a batch that has been tallied.

    ``dR/dy_ij = w_i / W dl_ij/dy``, ``beta dK/dmu_ij = beta w_i / W mu_ij``, and
    ``beta dK/dlogvar_ij = beta w_i / W (exp(logvar_ij) - 1) / 2``.

    Raises
    ------
    Overflow
        A derivative beyond double precision: the first element of the first array that has one.
    """
    by_y = np.empty((batch.size, batch.feature_count))
    by_mu = np.empty((batch.size, batch.latent_count or 0))
    by_logvar = np.empty_like(by_mu)
    for chunk in batch.chunks(checkpoint=checkpoint):
        n = len(chunk.x)
        here = slice(chunk.start, chunk.start + n)
        share = (np.ones(n) if chunk.weight is None else chunk.weight)[:, np.newaxis] / tally.weight.value
        np.multiply(objective.slope(chunk.x, chunk.y), share, out=by_y[here])
        if chunk.mu is not None and chunk.logvar is not None:
            slopes = divergence_slopes(chunk.mu, chunk.logvar)
            for found, slope in zip((by_mu, by_logvar), slopes, strict=True):
                np.multiply(slope, share * objective.beta, out=found[here])
    y = _in_shape(batch, "y", by_y, batch.y)
    if batch.mu is None or batch.logvar is None:
        return Gradients(y, None, None)
    mu, logvar = _in_shape(batch, "mu", by_mu, batch.mu), _in_shape(batch, "logvar", by_logvar, batch.logvar)
    return Gradients(y, mu, logvar)


def _in_shape(batch: Batch, name: str, found: Array, uploaded: NDArray[np.generic]) -> Array:
    """Check a gradient, (N, elements), and give it the shape that was uploaded."""
    finite = np.isfinite(found)
    if not finite.all():
        first = batch.index(name, int(np.argmin(finite)))
        raise refusal(Overflow, Fault(first, "has a gradient beyond double precision, past 1.8e308"))
    found += 0.0  # no -0.0 in an answer
    return found.reshape(uploaded.shape)

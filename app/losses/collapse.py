"""What a Gaussian objective allows at its optimum, known from the targets alone before anything is trained.

A decoder that ignores its latents can answer with the mean of the data, at the price of its total variance; so at the
optimum ``effective_beta * K`` is at most that. And a linear autoencoder keeps exactly those principal directions whose
variance exceeds the decoder's (Lucas, Tucker, Grosse and Norouzi, "Don't blame the ELBO!", NeurIPS 2019).

Samples are taken relative to one of them before anything is averaged, with what that rounds away carried along: a
constant feature then has a variance of exactly zero, and a mean that is 1e8 times the spread costs no digit.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import EPS, Array
from app.losses.batch import Batch
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.doubled import two_sum
from app.losses.elementwise import LOSSES
from app.losses.errors import Fault, InvalidOption, Overflow
from app.losses.objective import Objective
from app.losses.refusals import refusal
from app.losses.report import Report
from app.losses.summation import Sum, VectorSum, batch_sum, column_sums, row_sums
from app.losses.variants import DIGITS

__all__ = ["LARGEST_SPECTRUM", "Collapse", "Forecast", "collapse"]

LARGEST_SPECTRUM: Final = 2048
"""The most eigenvalues that are computed by default: the time grows with the cube of min(N, D)."""

_BLOCK_ELEMENTS: Final = 262_144


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one variant allows.

    Attributes
    ----------
    kl_upper_bound
        total_variance / effective_beta in nats, None where effective beta is 0.
    linear_directions
        How many eigenvalues exceed the implied decoder variance.
    """

    kl_upper_bound: float | None
    linear_directions: int


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """The forecast of a batch.

    Attributes
    ----------
    total_variance
        Sum over features of the weighted variance over the batch (divided by W, not N - 1).
    covariance_spectrum
        Eigenvalues of the weighted covariance, largest first, none negative: min(N, D) of them, where N leaves out
        samples of weight 0. Those below what rounding leaves of a zero are zero.
    variants
        One forecast for each variant.
    """

    total_variance: float
    covariance_spectrum: Array
    variants: Mapping[str, Forecast]


@dataclass(frozen=True, slots=True, eq=False)
class _Centre:
    """Where the data lie.

    Attributes
    ----------
    weight
        Weights times a power of two that brings the largest of them to [1, 2), (N,). Samples of weight 0 take no part.
    total
        Their sum.
    origin
        A sample with the largest weight, (D,). Its distance from the mean is at most sqrt(N) standard deviations, so
        that the rounding of `mean`, which enters the variance squared, is harmless.
    mean
        Weighted mean of the samples relative to the origin, (D,).
    farthest
        The index of the sample with the element farthest from the origin.
    exponent
        No element lies farther than ``2**exponent`` from its mean; deviations are taken over that, for their squares
        not to overflow.
    """

    weight: Array
    total: Sum
    origin: Array
    mean: Array
    farthest: int
    exponent: int

    def deviations(self, x: Array, features: slice = slice(None)) -> tuple[Array, Array]:
        """How far some features of samples, (n, d), lie from the mean over ``2**exponent``, as hi + lo."""
        distance, low = two_sum(x, -self.origin[features])
        deviation, lower = two_sum(distance, -self.mean[features])
        return np.ldexp(deviation, -self.exponent), np.ldexp(low + lower, -self.exponent)


def collapse(  # noqa: PLR0913 - two of them say how much may be asked for
    batch: Batch,
    objective: Objective,
    report: Report,
    checkpoint: Checkpoint = go_on,
    *,
    largest: int = LARGEST_SPECTRUM,
    setting: str = "",
) -> Collapse:
    """Forecast what each variant lets through the latents, from x alone.

    Parameters
    ----------
    batch, objective, report
        A batch that has been tallied, and what was found.
    checkpoint
        Called between pieces of the work. The last piece, the search for eigenvalues, cannot be stopped.
    largest
        The most eigenvalues that are computed.
    setting
        What an operator changes to allow more, for the refusal.

    Raises
    ------
    InvalidOption
        The loss is not a squared error, there is no mu and logvar, or min(N, D) is above `largest`.
    Overflow
        A variance or a bound beyond double precision.
    """
    if objective.loss.squared_error_factor is None:
        able = [row.name for row in LOSSES.values() if row.squared_error_factor is not None]
        raise _unavailable(f"is there for {' and '.join(able)} only, not for {objective.loss.name}")
    if batch.mu is None:
        raise _unavailable("needs mu and logvar")
    if min(batch.size, batch.feature_count) > largest:
        sizes = f"{batch.size} samples of {batch.feature_count} features"
        limit = f"{largest} ({setting})" if setting else str(largest)
        raise _unavailable(f"takes at most {limit} samples, or as many features, and this batch has {sizes}")
    with np.errstate(all="ignore"):  # what overflows is not finite, and is refused by name
        centre = _centre(batch, checkpoint)
        squares, spectrum = _squares(batch, centre, checkpoint), _spectrum(batch, centre, checkpoint)
        spectrum = np.ldexp(spectrum / centre.total.value, 2 * centre.exponent)
    with localcontext(DIGITS):
        total_variance = float(squares.exact() / centre.total.exact() * Decimal(4) ** centre.exponent)
    if math.isinf(total_variance):
        raise _too_far(centre.farthest)
    forecasts = {}
    for name, variant in report.variants.items():
        beta, bound = variant.effective_beta, None
        if beta:
            bound = total_variance / beta
            if math.isinf(bound):
                path = ("beta",) if total_variance < 1 / beta else ("x", centre.farthest)
                what = f"takes kl_upper_bound of {name} beyond double precision, past 1.8e308"
                raise refusal(Overflow, Fault(path, what))
        alive = np.count_nonzero(spectrum > (variant.implied_decoder_variance or 0.0))
        forecasts[name] = Forecast(bound, int(alive))
    return Collapse(total_variance, spectrum, forecasts)


def _unavailable(why: str) -> InvalidOption:
    """Refuse to forecast."""
    return refusal(InvalidOption, Fault(("include",), f'holds "collapse", which {why}'))


def _too_far(sample: int) -> Overflow:
    """Refuse samples that are too far apart."""
    what = "lies so far from the others that the variance is beyond double precision, past 1.8e308"
    return refusal(Overflow, Fault(("x", sample), what))


def _blocks(batch: Batch, weight: Array, checkpoint: Checkpoint) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Go through the samples that have a weight: their indices, (n,), and x, (n, D)."""
    rows = max(1, _BLOCK_ELEMENTS // batch.feature_count)
    for start in range(0, batch.size, rows):
        checkpoint()
        kept = np.flatnonzero(weight[start : start + rows])
        if kept.size:
            yield start + kept, batch.block("x", start, start + rows)[kept]


def _centre(batch: Batch, checkpoint: Checkpoint) -> _Centre:
    """Find the mean, relative to one of the samples."""
    given = batch.weights()
    weight = np.ones(batch.size) if given is None else np.ldexp(given, 1 - math.frexp(float(given.max()))[1])
    heaviest = int(np.argmax(weight))
    origin = batch.block("x", heaviest, heaviest + 1)[0]
    moments, largest, farthest = VectorSum(np.zeros_like(origin), np.zeros_like(origin)), 0.0, heaviest
    for indices, x in _blocks(batch, weight, checkpoint):
        distance = x - origin
        moments += VectorSum(*column_sums(distance * weight[indices, np.newaxis]))
        reach = np.abs(distance).max(axis=1)
        if reach.max() > largest:
            largest, farthest = float(reach.max()), int(indices[np.argmax(reach)])
    if math.isinf(largest):
        raise _too_far(farthest)
    total = batch_sum(weight, np.zeros_like(weight))
    # The mean lies among the samples, so that no sample is farther from it than twice the largest distance.
    exponent = math.frexp(largest)[1] + 1
    return _Centre(weight, total, origin, moments.value / total.value, farthest, exponent)


def _squares(batch: Batch, centre: _Centre, checkpoint: Checkpoint) -> Sum:
    """Sum the weighted squares of all deviations."""
    squares = Sum()
    for indices, x in _blocks(batch, centre.weight, checkpoint):
        hi, lo = centre.deviations(x)
        squares += batch_sum(*row_sums(hi * hi + 2.0 * hi * lo), centre.weight[indices])
    return squares


def _spectrum(batch: Batch, centre: _Centre, checkpoint: Checkpoint) -> Array:
    """Find the eigenvalues of the sum of weighted outer products of deviations, largest first.

    Those that are not 0 are the same for the (D, D) matrix of features and for the (N, N) matrix of samples; the
    smaller one is built, a block at a time.
    """
    kept = np.flatnonzero(centre.weight)
    root = np.sqrt(centre.weight)[:, np.newaxis]
    size = min(len(kept), batch.feature_count)
    matrix = np.zeros((size, size))
    if batch.feature_count <= len(kept):
        for indices, x in _blocks(batch, centre.weight, checkpoint):
            deviations = centre.deviations(x)[0] * root[indices]
            matrix += deviations.T @ deviations
    else:
        flat = batch.x.reshape(batch.size, -1)
        width = max(1, _BLOCK_ELEMENTS // len(kept))
        for start in range(0, batch.feature_count, width):
            checkpoint()
            features = slice(start, start + width)
            x = flat[kept, features].astype(np.float64)
            deviations = centre.deviations(x, features)[0] * root[kept]
            matrix += deviations @ deviations.T
    checkpoint()
    eigenvalues = np.linalg.eigvalsh(matrix)[::-1]
    # What rounding makes of a zero is about this large; nothing is claimed of eigenvalues below it.
    return np.where(eigenvalues > size * EPS * eigenvalues[0], eigenvalues, 0.0)

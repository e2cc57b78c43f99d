"""What one pass over a chunk keeps of it: sums that add up. Everything after it is arithmetic on a few numbers.

A tally holds per-sample sums as two vectors hi and lo, and sums over the batch as `Sum`, so that the digits do not
depend on how the batch was cut. Sums over the batch are over ``batch.weight_exponent``-scaled weights, as chunks are.
"""

import functools
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import numpy as np

from app.losses.arrays import Array
from app.losses.batch import Chunk
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.divergence import divergence
from app.losses.domains import REAL
from app.losses.elementwise import CLAMPED_BELOW, LOSSES, Claim, binary_cross_entropy, squared_error
from app.losses.errors import Fault, OutOfDomain, Overflow
from app.losses.objective import Objective
from app.losses.refusals import refusal
from app.losses.summation import Sum, VectorSum, batch_sum, column_sums, row_sums

__all__ = ["BEYOND_FLOAT16", "Counts", "Tally", "Term", "latent_to_blame", "tally"]

_OF_LOGITS: Final = next(row.name for row in LOSSES.values() if row.cross_entropy_of == "logits")
BEYOND_FLOAT16: Final = 65_520.0
"""The first number that float16 rounds to infinity: half a unit beyond its largest, 65,504."""

_LOG_BEYOND_FLOAT16: Final = math.log(BEYOND_FLOAT16)
_LOG_BEYOND_FLOAT32: Final = math.log(2.0**128 - 2.0**103)


class Term(NamedTuple):
    """One term of the loss, summed over the features (or latents).

    Attributes
    ----------
    hi, lo
        Each sample's sum, shape (n,), as ``hi + lo``.
    total
        The weighted sum over the samples.
    """

    hi: Array
    lo: Array
    total: Sum

    @classmethod
    def of(cls, elements: Array, weight: Array | None, *, non_negative: bool = False) -> Self:
        """Sum the elements of each sample, (n, D), and those sums over the samples with weights (n,) or None.

        Elements that are known not to be negative are summed sooner.
        """
        hi, lo = row_sums(elements, non_negative=non_negative)
        return cls(hi, lo, batch_sum(hi, lo, weight))

    @classmethod
    def joined(cls, terms: "list[Self]") -> Self:
        """Join the terms of consecutive chunks."""
        total = functools.reduce(operator.add, (term.total for term in terms))
        return cls(np.concatenate([term.hi for term in terms]), np.concatenate([term.lo for term in terms]), total)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many elements have something about them that the loss alone does not show.

    Attributes
    ----------
    soft_targets
        Of a cross-entropy: targets other than 0 and 1, in samples that have a weight.
    entropy
        Of a cross-entropy: the targets' entropy in nats, weighted and summed over features and samples.
    clamped_logs
        Of the cross-entropy of probabilities: elements in which a logarithm that matters lies below -100.
    beyond_float16, beyond_float32
        Elements of logvar whose exponential lies beyond that type.
    """

    soft_targets: int = 0
    entropy: Sum = field(default_factory=Sum)
    clamped_logs: int = 0
    beyond_float16: int = 0
    beyond_float32: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.soft_targets + other.soft_targets,
            self.entropy + other.entropy,
            self.clamped_logs + other.clamped_logs,
            self.beyond_float16 + other.beyond_float16,
            self.beyond_float32 + other.beyond_float32,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """The sums of some consecutive samples of a batch; tallies of neighbours add up.

    Attributes
    ----------
    start
        Index of the first sample.
    weight
        Sum of the sample weights; their number where there are none.
    reconstruction
        The elementwise loss, summed.
    divergence
        The KL divergence, summed; None without mu and logvar.
    per_latent
        The KL divergence of each latent dimension, weighted and summed over the samples, shape (L,).
    squared_error
        For Gaussian losses that are not a multiple of it, the squared error, summed.
    counts
        What warnings are made of.
    """

    start: int
    weight: Sum
    reconstruction: Term
    divergence: Term | None
    per_latent: VectorSum | None
    squared_error: Term | None
    counts: Counts

    def __add__(self, other: Self) -> Self:
        return self.of_all((self, other))

    @classmethod
    def of_all(cls, tallies: Iterable[Self]) -> Self:
        """Add tallies up, at least one, in whatever order they come: they are joined by `start`."""
        parts = sorted(tallies, key=operator.attrgetter("start"))
        if len(parts) == 1:
            return parts[0]
        divergences = [part.divergence for part in parts if part.divergence is not None]
        per_latent = [part.per_latent for part in parts if part.per_latent is not None]
        squared_errors = [part.squared_error for part in parts if part.squared_error is not None]
        return cls(
            start=parts[0].start,
            weight=functools.reduce(operator.add, (part.weight for part in parts)),
            reconstruction=Term.joined([part.reconstruction for part in parts]),
            divergence=Term.joined(divergences) if divergences else None,
            per_latent=functools.reduce(operator.add, per_latent) if per_latent else None,
            squared_error=Term.joined(squared_errors) if squared_errors else None,
            counts=functools.reduce(operator.add, (part.counts for part in parts)),
        )


@np.errstate(all="ignore")  # what overflows is not finite, and is refused by name
def tally(chunk: Chunk, objective: Objective, checkpoint: Checkpoint = go_on) -> Tally:
    """Sum up a chunk, touching each of its arrays once.

    The checkpoint is called only where what is wrong is counted in the whole batch. That values are finite is seen
    from their sums: those of NaN or infinity are neither.

    Raises
    ------
    NotFinite
        As `Chunk.check_finite` does.
    OutOfDomain
        A value of x or y where the loss is not defined: the first of each array, and how many there are in all.
    Overflow
        A sample whose loss or divergence lies beyond double precision: the first.
    """
    _check_domains(chunk, objective, checkpoint)
    positive = Claim.NON_NEGATIVE in objective.loss.claims
    reconstruction = Term.of(objective.value(chunk.x, chunk.y), chunk.weight, non_negative=positive)
    _check_samples(chunk, reconstruction, ("x",), f"has a {objective.loss.name}", checkpoint)
    squares = None
    if objective.loss.decoder_variance is not None and objective.loss.squared_error_factor is None:
        squares = Term.of(squared_error(chunk.x, chunk.y), chunk.weight, non_negative=True)
        _check_samples(chunk, squares, ("x",), "has a squared error", checkpoint)
    kl, per_latent = _tally_divergence(chunk, checkpoint)
    return Tally(
        start=chunk.start,
        weight=Sum(float(len(chunk.x))) if chunk.weight is None else _sum(chunk.weight),
        reconstruction=reconstruction,
        divergence=kl,
        per_latent=per_latent,
        squared_error=squares,
        counts=_counts(chunk, objective),
    )


def _sum(a: Array) -> Sum:
    """Sum a vector."""
    return batch_sum(a, np.zeros_like(a))


def _tally_divergence(chunk: Chunk, checkpoint: Checkpoint) -> tuple[Term | None, VectorSum | None]:
    """Sum up the KL divergence by sample and by latent dimension."""
    if chunk.mu is None or chunk.logvar is None:
        return None, None
    elements = divergence(chunk.mu, chunk.logvar)
    term = Term.of(elements, chunk.weight, non_negative=True)
    if not (math.isfinite(term.total.value) or np.isfinite(term.hi).all()):
        chunk.check_finite(checkpoint)
        sample = int(np.argmin(np.isfinite(term.hi)))
        name = latent_to_blame(chunk.mu[sample], chunk.logvar[sample])
        _check_samples(chunk, term, (name,), "has a KL divergence", checkpoint)
    weighted = elements if chunk.weight is None else elements * chunk.weight[:, np.newaxis]
    return term, VectorSum(*column_sums(weighted, non_negative=True))


@np.errstate(divide="ignore")  # the logarithm of a mean of 0
def latent_to_blame(mu: Array, logvar: Array) -> str:
    """Tell which of a sample's latents, (L,) each, makes its KL divergence large: the name of the array.

    Where each of them alone overflows, mu^2 and exp(logvar) are compared as logarithms.
    """
    prior = np.zeros_like(mu)
    of_mu, of_logvar = (float(divergence(*alone).max()) for alone in ((mu, prior), (prior, logvar)))
    if of_mu == of_logvar:
        of_mu, of_logvar = 2 * float(np.log(np.abs(mu).max())), float(logvar.max())
    return "logvar" if of_logvar >= of_mu else "mu"


def _check_samples(chunk: Chunk, term: Term, path: tuple[str], what: str, checkpoint: Checkpoint) -> None:
    """Refuse a chunk in which a sample's sum is not finite; where the sum of all of them is finite, each is."""
    if math.isfinite(term.total.value):
        return
    finite = np.isfinite(term.hi)
    if not finite.all():
        chunk.check_finite(checkpoint)
        sample = chunk.start + int(np.argmin(finite))
        raise refusal(Overflow, Fault((*path, sample), f"{what} beyond double precision, which ends at 1.8e308"))


def _check_domains(chunk: Chunk, objective: Objective, checkpoint: Checkpoint) -> None:
    """Refuse a chunk with values where the loss is not defined."""
    loss = objective.loss
    faults = []
    for name, block, domain in (("x", chunk.x, loss.x_domain), ("y", chunk.y, loss.y_domain)):
        if domain == REAL or (first := domain.first_outside(block)) is None:
            continue
        chunk.check_finite(checkpoint)
        batch = chunk.batch
        cuts = batch.cuts(checkpoint=checkpoint)
        count = sum(int(np.count_nonzero(~domain.inside(batch.block(name, *cut)))) for cut in cuts)
        all_told = "the only such value" if count == 1 else f"the first of {count} such values in {name}"
        detail = f"is out of the domain of {loss.name}, {all_told}; {name} is to be {_wanted(domain.text)}"
        if name == "y" and loss.cross_entropy_of == "probabilities":
            detail += f", and for logits there is {_OF_LOGITS}"
        faults.append(Fault(batch.index(name, chunk.start * block.shape[1] + first), detail))
    if faults:
        raise refusal(OutOfDomain, *faults)


def _wanted(domain: str) -> str:
    """Give a domain's text as the end of "is to be"."""
    return f"in {domain}" if domain.startswith("[") else domain


def _counts(chunk: Chunk, objective: Objective) -> Counts:
    """Count what warnings are made of."""
    soft_targets, entropy, clamped = 0, Sum(), 0
    if objective.loss.cross_entropy_of is not None:
        soft = (chunk.x != 0) & (chunk.x != 1)
        soft_targets = int(np.count_nonzero(soft if chunk.weight is None else soft[chunk.weight > 0]))
        if soft_targets:
            # The cross-entropy of the targets with themselves is their entropy.
            entropy = Term.of(binary_cross_entropy(chunk.x, chunk.x), chunk.weight).total
    if objective.loss.cross_entropy_of == "probabilities":
        # No double lies between 1 - e^-100 and 1; a logarithm that is multiplied by 0 does not matter.
        clamped = int(np.count_nonzero((chunk.y < CLAMPED_BELOW) & (chunk.x > 0)))
        clamped += int(np.count_nonzero((chunk.y == 1) & (chunk.x < 1)))
    beyond_float16, beyond_float32 = 0, 0
    if chunk.logvar is not None and chunk.logvar.max() > _LOG_BEYOND_FLOAT16:
        beyond_float16 = int(np.count_nonzero(chunk.logvar > _LOG_BEYOND_FLOAT16))
        beyond_float32 = int(np.count_nonzero(chunk.logvar > _LOG_BEYOND_FLOAT32))
    return Counts(soft_targets, entropy, clamped, beyond_float16, beyond_float32)

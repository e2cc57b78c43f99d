"""A tally becomes a report: arithmetic on a handful of numbers, and on vectors with one entry for each sample."""

import math
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Final, NamedTuple

import numpy as np

from app.losses.arrays import Array
from app.losses.batch import Batch
from app.losses.cautions import Caution, cautions
from app.losses.errors import Fault, Overflow
from app.losses.objective import Objective
from app.losses.reduction import TERM_REDUCTIONS
from app.losses.refusals import refusal
from app.losses.summation import Sum
from app.losses.tally import Tally, Term, latent_to_blame
from app.losses.variants import DIGITS, Blame, Figures, Variant, publish, variants

__all__ = ["Latent", "PerSample", "Report", "Shape", "Terms", "report"]

_ACTIVE_NATS: Final = 0.01


class Shape(NamedTuple):
    """Sizes of a batch: N, the feature axes and their product D, the latent axes and their product L."""

    batch: int
    features: tuple[int, ...]
    feature_count: int
    latents: tuple[int, ...] | None
    latent_count: int | None


class PerSample(NamedTuple):
    """Vectors of shape (N,): a term by the reduction over its features or latents.

    Attributes
    ----------
    reconstruction, kl
        ``"sum"`` and ``"mean"``; kl is None without one.
    total
        ``"sum+sum"``, ``"sum+mean"``, ``"mean+sum"`` and ``"mean+mean"``: reconstruction + beta * kl.
    """

    reconstruction: Mapping[str, Array]
    kl: Mapping[str, Array] | None
    total: Mapping[str, Array] | None


class Terms(NamedTuple):
    """Each term in its four reductions; kl is None without one."""

    reconstruction: Mapping[str, float]
    kl: Mapping[str, float] | None


class Latent(NamedTuple):
    """The weighted mean divergence of each latent dimension in nats, (L,), and how many are above 0.01."""

    kl_per_dimension: Array
    active_units: int


class Report(NamedTuple):
    """Everything that is said of a batch. Fields as in docs/contract.md ("The answer"); all numbers are finite."""

    loss: str
    beta: float
    shape: Shape
    per_sample: PerSample
    terms: Terms
    variants: Mapping[str, Variant]
    latent: Latent | None
    optimal_decoder_variance: float | None
    warnings: tuple[Caution, ...]


def report(batch: Batch, tally: Tally, objective: Objective) -> Report:
    """Derive all variants, diagnostics and warnings from the tally of a whole batch.

    Raises
    ------
    Overflow
        A number beyond double precision: the sample or the option that takes it there.
    """
    _check_sums(batch, tally)
    reconstruction = _by_reduction(tally.reconstruction, batch.feature_count)
    kl = None if tally.divergence is None else _by_reduction(tally.divergence, batch.latent_count or 1)
    totals = None if kl is None else _totals(batch, reconstruction, kl, objective.beta)
    with localcontext(DIGITS):
        figures = _figures(batch, tally, objective)
        blame = _blame(batch, figures, reconstruction["sum"], None if kl is None else kl["sum"])
        found = variants(figures, blame)
        latent = _latent(tally)
        optimal = figures.mean_squared_error
        return Report(
            loss=objective.loss.name,
            beta=objective.beta,
            shape=Shape(
                batch=batch.size,
                features=batch.feature_shape,
                feature_count=batch.feature_count,
                latents=batch.latent_shape,
                latent_count=batch.latent_count,
            ),
            per_sample=PerSample(reconstruction, kl, totals),
            terms=_terms(found),
            variants=found,
            latent=latent,
            optimal_decoder_variance=None if optimal is None else publish(optimal, "optimal_decoder_variance", blame),
            warnings=cautions(tally, figures, None if latent is None else latent.active_units, found),
        )


def _check_sums(batch: Batch, tally: Tally) -> None:
    """Refuse a batch whose samples are finite but whose weighted sums are not."""
    if not math.isfinite(tally.weight.value):
        raise refusal(Overflow, Fault(("sample_weight",), "has a sum beyond double precision, past 1.8e308"))
    for term in (tally.reconstruction, tally.divergence, tally.squared_error):
        if term is not None and not math.isfinite(term.total.value):
            weight = batch.weights()
            with np.errstate(over="ignore", invalid="ignore"):
                running = np.cumsum(term.hi if weight is None else term.hi * weight)
            # Where only the last rounding goes past the range, the last sample is the one that takes it there.
            sample = int(np.append(np.flatnonzero(~np.isfinite(running)), batch.size - 1)[0])
            place = _of_kl(batch, sample)[0] if term is tally.divergence else ("x", sample)
            what = "takes the sum over the batch beyond double precision, past 1.8e308"
            raise refusal(Overflow, Fault(place, what))


def _by_reduction(term: Term, count: int) -> Mapping[str, Array]:
    """Sum and mean over the features (or latents) of each sample."""
    sums = term.hi + term.lo
    return {"sum": sums, "mean": sums / count}


def _totals(
    batch: Batch, reconstruction: Mapping[str, Array], kl: Mapping[str, Array], beta: float
) -> Mapping[str, Array]:
    """Add reconstruction + beta * kl of each sample, in all four reductions."""
    with np.errstate(over="ignore"):  # what overflows is refused below
        weighted = {way: beta * vector for way, vector in kl.items()}
        totals = {f"{r}+{k}": reconstruction[r] + weighted[k] for r in reconstruction for k in weighted}
    for total in totals.values():
        finite = np.isfinite(total)
        if np.count_nonzero(finite) < finite.size:
            sample = int(np.argmin(finite))
            by_x = abs(float(reconstruction["sum"][sample])) / 2 > beta * (float(kl["sum"][sample]) / 2)
            places = (("x", sample),) if by_x else _of_kl(batch, sample, beta)
            what = f"takes the total of sample {sample} beyond double precision, past 1.8e308"
            raise refusal(Overflow, *(Fault(place, what) for place in places))
    return totals


def _of_kl(batch: Batch, sample: int, beta: float | Decimal = 1) -> tuple[tuple[str | int, ...], ...]:
    """Say where the KL term of a sample comes from: the array that makes it large, and beta if that does too."""
    name = latent_to_blame(*(batch.block(name, sample, sample + 1)[0] for name in ("mu", "logvar")))
    return ((name, sample), ("beta",)) if beta > 1 else ((name, sample),)


def _figures(batch: Batch, tally: Tally, objective: Objective) -> Figures:
    """Divide the sums by W and D, as far as every variant needs them."""
    weight = +tally.weight.exact()

    def mean(total: Sum) -> Decimal:
        return total.exact() / weight

    reconstruction = mean(tally.reconstruction.total)
    error, factor = None, objective.loss.squared_error_factor
    if factor is not None:
        error = reconstruction * Decimal(factor) / batch.feature_count
    elif tally.squared_error is not None:
        error = mean(tally.squared_error.total) / batch.feature_count
    return Figures(
        reconstruction=reconstruction,
        kl=None if tally.divergence is None else mean(tally.divergence.total),
        beta=Decimal(objective.beta),
        weight=weight * Decimal(2) ** batch.weight_exponent if batch.weight_exponent else weight,
        feature_count=batch.feature_count,
        latent_count=batch.latent_count,
        decoder_variance=objective.decoder_variance,
        mean_squared_error=error,
        parameters=objective.parameters,
    )


def _blame(batch: Batch, figures: Figures, reconstruction: Array, kl: Array | None) -> Blame:
    """Make the function that finds what took a quantity beyond double precision."""

    def blame(quantity: str) -> tuple[tuple[str | int, ...], ...]:
        enters: dict[tuple[str | int, ...], Decimal] = {}
        if quantity == "total" and kl is not None and figures.kl is not None:
            if figures.beta * figures.kl >= abs(figures.reconstruction):
                return _of_kl(batch, int(np.argmax(kl)), figures.beta)
            return (("x", int(np.argmax(np.abs(reconstruction)))),)
        if quantity in ("optimal_variance", "optimal_decoder_variance"):
            enters["x", int(np.argmax(np.abs(reconstruction)))] = abs(figures.reconstruction)
        if quantity in ("effective_beta", "implied_decoder_variance"):
            enters["beta",] = figures.beta
        if quantity in ("implied_decoder_variance", "optimal_variance"):
            enters |= {(name,): _distance(Decimal(value)) for name, value in figures.parameters.items()}
        if batch.sample_weight is not None:
            enters["sample_weight",] = _distance(figures.weight)
        return (max(enters, key=lambda path: enters[path]),)

    return blame


def _distance(factor: Decimal) -> Decimal:
    """Tell how far a factor above 0 is from 1, in either direction."""
    return max(factor, 1 / factor)


def _terms(found: Mapping[str, Variant]) -> Terms:
    """Read each term's four reductions off the variants."""
    if len(found) == len(TERM_REDUCTIONS):
        return Terms({way: variant.reconstruction for way, variant in found.items()}, None)
    pairs = {way: found[f"{way}+{way}"] for way in TERM_REDUCTIONS}
    kl = {way: pair.kl for way, pair in pairs.items() if pair.kl is not None}
    return Terms({way: pair.reconstruction for way, pair in pairs.items()}, kl)


def _latent(tally: Tally) -> Latent | None:
    """Average the divergence of each latent dimension over the batch."""
    if tally.per_latent is None:
        return None
    per_dimension = tally.per_latent.value / tally.weight.value
    return Latent(per_dimension, int(np.count_nonzero(per_dimension > _ACTIVE_NATS)))

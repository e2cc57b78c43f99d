"""All reductions from the two weighted totals: each variant is a factor times R + effective beta K.

The arithmetic is decimal, with more digits than a `Sum` has, and each number is rounded to double precision once, where
it is published. So whatever a number is made of, its error is that of the elements plus half an eps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import lru_cache
from math import isfinite
from typing import Final, NamedTuple

from app.losses.errors import Fault, Overflow
from app.losses.reduction import TITLES, VARIANTS, batch_reductions_agree, factors
from app.losses.refusals import refusal

__all__ = ["DIGITS", "Blame", "Figures", "KlWeightFor", "Variant", "publish", "variants"]

DIGITS: Final = Context(prec=40, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""The decimal context of everything between a tally and a report: 8 digits more than two doubles have."""

Blame = Callable[[str], tuple[tuple[str | int, ...], ...]]
"""Says which arrays and samples, and which options, took a quantity beyond double precision."""


class Figures(NamedTuple):
    """The handful of numbers from which every variant follows.

    Attributes
    ----------
    reconstruction
        R: the reconstruction term, sum over features and weighted mean over the batch.
    kl
        K: the same of the KL divergence, None without one.
    beta
        Weight of the KL term.
    weight
        W, the sum of the sample weights.
    feature_count, latent_count
        D and L; L is None without a KL divergence.
    decoder_variance
        Variance of a Gaussian decoder at effective beta 1, None where the loss is not Gaussian.
    mean_squared_error
        Of Gaussian losses, otherwise None.
    parameters
        Those of the loss.
    """

    reconstruction: Decimal
    kl: Decimal | None
    beta: Decimal
    weight: Decimal
    feature_count: int
    latent_count: int | None
    decoder_variance: Decimal | None
    mean_squared_error: Decimal | None
    parameters: Mapping[str, float]


class KlWeightFor(NamedTuple):
    """The weight to put on a variant's KL term, instead of beta, to reach something.

    Attributes
    ----------
    unit_beta
        An effective beta of 1.
    optimal_variance
        An implied decoder variance that is the optimal one; None where the loss is not Gaussian.
    """

    unit_beta: float
    optimal_variance: float | None


class Variant(NamedTuple):
    """One way to reduce both terms. Fields and formulas are those of docs/contract.md ("Variants").

    There are 16 in every answer, and a tuple takes a third of the time to make that a frozen record takes.

    Attributes
    ----------
    title
        The id in words.
    reconstruction, kl, total
        The terms in this reduction, and reconstruction + beta * kl; kl is None without one.
    scale, effective_beta
        total = scale * (R + effective_beta * K), where R and K are the terms as ``sum_mean``.
    implied_decoder_variance
        The fixed variance of the Gaussian decoder whose negative ELBO this total is; None where there is none.
    batch_reductions_agree
        Whether both terms are reduced over the batch in the same way.
    kl_weight_for
        None without a KL term.
    """

    title: str
    reconstruction: float
    kl: float | None
    total: float
    scale: float
    effective_beta: float | None
    implied_decoder_variance: float | None
    batch_reductions_agree: bool
    kl_weight_for: KlWeightFor | None


def publish(value: Decimal | float, quantity: str, blame: Blame, variant: str | None = None) -> float:
    """Round a number to double precision, the only time that this happens to it.

    Parameters
    ----------
    value
        With all its digits; or rounded before.
    quantity
        What it is.
    blame
        Tells the places from the quantity, should the number lie beyond double precision.
    variant
        Whose it is, if a variant's.

    Raises
    ------
    Overflow
        It lies beyond double precision.
    """
    published = float(value)
    if isfinite(published):
        return published
    whose = "" if variant is None else f" of {variant}"
    what = f"takes {quantity}{whose} beyond double precision, past 1.8e308"
    raise refusal(Overflow, *(Fault(place, what) for place in blame(quantity)))


@dataclass(frozen=True, slots=True)
class _Weighing:
    """What a variant makes of the KL term's weight, whatever the values of the terms.

    Attributes
    ----------
    title, of_reconstruction, of_kl, batch_reductions_agree
        What its id says.
    exact_unit_beta
        `unit_beta` with all its digits.
    unit_beta, effective_beta, implied_decoder_variance
        In double precision, or infinite.
    sound
        Whether none of those is infinite.
    """

    title: str
    of_reconstruction: str
    of_kl: str
    batch_reductions_agree: bool
    exact_unit_beta: Decimal
    unit_beta: float
    effective_beta: float
    implied_decoder_variance: float | None
    sound: bool

    def check(self, variant: str, blame: Blame) -> None:
        """Refuse numbers that lie beyond double precision.

        Raises
        ------
        Overflow
            The first of them.
        """
        publish(self.effective_beta, "effective_beta", blame, variant)
        publish(self.implied_decoder_variance or 0.0, "implied_decoder_variance", blame, variant)
        publish(self.unit_beta, "unit_beta", blame, variant)


@lru_cache(maxsize=128)
def _scales(count: int, weight: Decimal) -> tuple[Mapping[str, Decimal], Mapping[str, float]]:
    """Give `factors` in the decimal context `DIGITS`, and the same in double precision, or infinite."""
    exact = factors(count, weight)
    return exact, {way: float(factor) for way, factor in exact.items()}


@lru_cache(maxsize=64)  # whoever trains sends batches of one size
def _weighings(
    feature_count: int, latent_count: int, weight: Decimal, beta: Decimal, variance: Decimal | None
) -> Mapping[str, _Weighing]:
    """Work out what every variant makes of the weight of the KL term, in the decimal context `DIGITS`."""
    (a, _), (b, _) = _scales(feature_count, weight), _scales(latent_count, weight)
    found = {}
    for variant in VARIANTS:
        of_reconstruction, _, of_kl = variant.partition("+")
        unit_beta = a[of_reconstruction] / b[of_kl]
        effective_beta = beta / unit_beta
        implied = None if variance is None else float(effective_beta * variance)
        rounded = (float(unit_beta), float(effective_beta))
        found[variant] = _Weighing(
            title=TITLES[variant],
            of_reconstruction=of_reconstruction,
            of_kl=of_kl,
            batch_reductions_agree=batch_reductions_agree(variant),
            exact_unit_beta=unit_beta,
            unit_beta=rounded[0],
            effective_beta=rounded[1],
            implied_decoder_variance=implied,
            sound=all(map(isfinite, (*rounded, implied or 0.0))),
        )
    return found


def variants(figures: Figures, blame: Blame) -> Mapping[str, Variant]:
    """Derive all variants: 4 without a KL divergence, 16 with one, in the order of the vocabulary.

    To be called in the decimal context `DIGITS`.

    Raises
    ------
    Overflow
        A number that lies beyond double precision.
    """
    a, scales = _scales(figures.feature_count, figures.weight)
    for way, scale in scales.items():
        publish(scale, "scale", blame, way)
    reconstructions = {way: figures.reconstruction * factor for way, factor in a.items()}
    published = {way: publish(value, "reconstruction", blame, way) for way, value in reconstructions.items()}
    if figures.kl is None or figures.latent_count is None:
        return {
            way: Variant(TITLES[way], value, None, value, scales[way], None, None, True, None)
            for way, value in published.items()
        }
    b, _ = _scales(figures.latent_count, figures.weight)
    kls = {way: figures.kl * factor for way, factor in b.items()}
    published_kls = {way: publish(kl, "kl", blame, way) for way, kl in kls.items()}
    variance, error = figures.decoder_variance, figures.mean_squared_error
    best = None if variance is None or error is None else error / variance
    weighted = {way: figures.beta * kl for way, kl in kls.items()}
    found = {}
    weighings = _weighings(figures.feature_count, figures.latent_count, figures.weight, figures.beta, variance)
    for name, weighing in weighings.items():
        of_reconstruction, of_kl = weighing.of_reconstruction, weighing.of_kl
        total = float(reconstructions[of_reconstruction] + weighted[of_kl])
        optimal = None if best is None else float(best * weighing.exact_unit_beta)
        if not (weighing.sound and isfinite(total) and isfinite(optimal or 0.0)):
            publish(total, "total", blame, name)
            weighing.check(name, blame)
            publish(optimal or 0.0, "optimal_variance", blame, name)
        found[name] = Variant(
            weighing.title,
            published[of_reconstruction],
            published_kls[of_kl],
            total,
            scales[of_reconstruction],
            weighing.effective_beta,
            weighing.implied_decoder_variance,
            weighing.batch_reductions_agree,
            KlWeightFor(weighing.unit_beta, optimal),
        )
    return found

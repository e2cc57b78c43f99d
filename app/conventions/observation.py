"""What each code base would report for a batch, from the few numbers that the service has of it.

The arithmetic is decimal, as in the report, and each number is rounded to double precision once, where it is published:
it is off by half an eps more than the terms that it is made of. A total of terms of either sign is compared to the sum
of their magnitudes, as everywhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Final

from app.conventions.convention import GAUSSIAN, UNREDUCED, Convention, Recipe
from app.conventions.table import CONVENTIONS
from app.losses.elementwise import LOSSES
from app.losses.variants import DIGITS

__all__ = ["Extent", "LeftOut", "Observed", "Reading", "losses_needed", "observe", "observe_all"]


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a batch is.

    Attributes
    ----------
    samples
        N, the length of axis 0.
    weight
        W, the sum of the sample weights; N where there are none.
    features
        Lengths of the feature axes, outermost first; empty where x has rank 1.
    latents
        Lengths of the latent axes, or None without mu and logvar.
    """

    samples: int
    weight: float
    features: tuple[int, ...]
    latents: tuple[int, ...] | None

    def symbols(self) -> Mapping[str, float]:
        """Return the values of the symbols of `SYMBOLS`; those of the latents only where there are any."""
        return {name: float(value) for name, value in self.exact_symbols().items()}

    def exact_symbols(self) -> Mapping[str, Decimal]:
        """Return the same in decimals."""
        last = self.features[-1] if self.features else 1
        found = {
            "N": Decimal(self.weight),
            "mean_weight": DIGITS.divide(Decimal(self.weight), self.samples),
            "other_axes": Decimal(math.prod(self.features[:-1])),
            "channels": Decimal(last if len(self.features) >= _AXES_OF_AN_IMAGE else 1),
            "ln_2pi": _LN_2PI,
            "D": Decimal(math.prod(self.features)),
        }
        if self.latents is not None:
            found["L"] = Decimal(math.prod(self.latents))
            found["last_latent_axis"] = Decimal(self.latents[-1] if len(self.latents) > 1 else 1)
        return found


@dataclass(frozen=True, slots=True)
class Reading:
    """The reconstruction term of a batch under one loss.

    Attributes
    ----------
    loss
        Name of the loss.
    parameters
        Its parameters (`delta`, `variance`), all of them.
    reconstruction
        R, the term's ``sum_mean``.
    """

    loss: str
    parameters: Mapping[str, float]
    reconstruction: float


@dataclass(frozen=True, slots=True)
class Observed:
    """What a code base would report for the batch: ``total = scale * (R + effective_beta * K) + constant``.

    Attributes
    ----------
    id
        The convention.
    when
        Its setting; None where there is only one.
    loss
        The loss in whose units R is: the one of the reading.
    reconstruction
        Its reconstruction term, factor and constant included; None where it has none.
    kl
        Its KL term before the weight; None where it has none.
    kl_weight
        What it multiplies its KL term with; None where it has none.
    total
        ``reconstruction + kl_weight * kl``.
    scale, effective_beta
        As in the formula above, R and K being the batch's ``sum_mean``; None where a term is missing: without a KL
        term there is no effective beta, without a reconstruction neither of the two.
    constant
        What its number has beyond a multiple of the two terms: 0 but where one Gaussian loss is told by another.
    caveat
        What its own number has besides, which the batch does not tell; or None.
    """

    id: str
    when: str | None
    loss: str
    reconstruction: float | None
    kl: float | None
    kl_weight: float | None
    total: float
    scale: float | None
    effective_beta: float | None
    constant: float
    caveat: str | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A convention whose number the batch does not tell.

    Attributes
    ----------
    id
        The convention.
    reason
        Why, as the end of a sentence that begins with its project.
    """

    id: str
    reason: str


_AXES_OF_AN_IMAGE: Final = 3
_LN_2PI: Final = Decimal("1.8378770664093454835606594728112352797227949472756")


def losses_needed(loss: str, parameters: Mapping[str, float]) -> tuple[tuple[str, Mapping[str, float]], ...]:
    """Return the further losses that a batch has to be tallied with so that every row can speak that can.

    Each is a fold of its own, with a `Reading` as its outcome; one that refuses the batch (values out of its domain)
    is handed to `observe_all` as refused instead. ``squared_error`` costs no fold after a Gaussian loss: it is D times
    the report's optimal decoder variance. After a cross entropy of logits there are none: y then are logits, and
    nothing else can be said about them.

    Parameters
    ----------
    loss, parameters
        What the batch has been tallied with.

    Returns
    -------
    tuple
        Names with parameters, in the order of the catalogue of losses.
    """
    if LOSSES[loss].cross_entropy_of == "logits":
        return ()
    asked = Reading(loss, parameters, 0.0)
    needed = {name: own for name, own, recipes in _NEEDS if not any(_told_by(asked, recipe) for recipe in recipes)}
    return tuple((name, needed[name]) for name in LOSSES if name in needed)


def observe_all(
    readings: Sequence[Reading],
    kl: float | None,
    extent: Extent,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> tuple[tuple[Observed, ...], tuple[LeftOut, ...]]:
    """Return what every convention would report, and which cannot be told, each in the order of the catalogue.

    Parameters
    ----------
    readings, kl, extent
        As of `observe`.
    refused
        Why a loss that was needed has no reading, by name: "is not defined for this batch: ...".
    """
    outcomes = [observe(convention, readings, kl, extent, refused) for convention in CONVENTIONS.values()]
    observed = tuple(one for outcome in outcomes if not isinstance(outcome, LeftOut) for one in outcome)
    return observed, tuple(outcome for outcome in outcomes if isinstance(outcome, LeftOut))


def observe(
    convention: Convention,
    readings: Sequence[Reading],
    kl: float | None,
    extent: Extent,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Observed, ...] | LeftOut:
    """Return what one convention would report for a batch: one number for each of its settings.

    Its parameters have their defaults, save those of the loss itself, which are the reading's unless the row fixes
    them. The first reading that tells the row anything is the one that is used, so the loss that was asked for comes
    first.

    Parameters
    ----------
    convention
        A row.
    readings
        The batch's reconstruction term, the loss that was asked for first; at least one.
    kl
        K, the KL term's ``sum_mean``; None without mu and logvar.
    extent
        The size of the batch.
    refused
        As of `observe_all`.

    Returns
    -------
    tuple or LeftOut
        A row that is not affine, leaves the reduction to its caller, has another loss or divergence, or whose number
        is beyond double precision, is left out.
    """
    if convention.not_affine is not None:
        return LeftOut(convention.id, f"is no affine combination of the two terms, {convention.not_affine}")
    reasons: list[str] = []
    symbols = extent.exact_symbols()
    for reading in readings:
        found: list[Observed] = []
        with localcontext(DIGITS):
            for recipe in convention.recipes:
                outcome = (
                    _obstacle(recipe, kl)
                    or _observe(convention, recipe, reading, kl, symbols)
                    or _absence(recipe, refused)
                )
                if isinstance(outcome, str):
                    reasons.append(outcome)
                else:
                    found.append(outcome)
        if found:
            return tuple(found)
    return LeftOut(convention.id, reasons[0])


def _obstacle(recipe: Recipe, kl: float | None) -> str | None:
    """Say why no reading whatever tells what a recipe gives; None where one might."""
    if not recipe.is_reduced:
        returned = UNREDUCED[recipe.reconstruction or recipe.kl or ""]
        return f"returns {returned} and leaves the reduction to its caller"
    if recipe.other_loss is not None:
        return f"has a loss that is none of ours: {recipe.other_loss}"
    if _charges_kl(recipe) and recipe.divergence != GAUSSIAN:
        return f"has another divergence than that of mu and logvar: {recipe.divergence}"
    if _charges_kl(recipe) and kl is None:
        return "has a KL term, and the batch has no mu and logvar"
    return None


def _absence(recipe: Recipe, refused: Mapping[str, str]) -> str:
    """Say which loss would have to be tallied for a recipe."""
    needed = _tallied_as(recipe.losses[0], recipe)[0]
    return f"needs {needed}, which {refused.get(needed, 'was not computed for this batch')}"


def _charges_kl(recipe: Recipe) -> bool:
    """Tell whether a recipe has a KL term that counts: one of another divergence, weighted with 0, does not."""
    if recipe.kl is None or recipe.divergence == GAUSSIAN:
        return recipe.kl is not None
    return not (recipe.weight.names <= recipe.parameters.keys() and recipe.weight.value(recipe.parameters) == 0)


def _observe(
    convention: Convention, recipe: Recipe, reading: Reading, kl: float | None, symbols: Mapping[str, Decimal]
) -> Observed | str | None:
    """Return what one setting of a convention gives; a reason where that is no double; None if the loss is another."""
    relation = _told_by(reading, recipe)
    if relation is None:
        return None
    names = {**symbols, **{name: Decimal(value) for name, value in recipe.parameters.items()}}
    factor, offset = relation
    constant = zero = Decimal(0)
    reconstruction = scale = reduced = weight = effective_beta = None
    if recipe.scale is not None:
        scale = recipe.scale.exact(names) * factor
        constant = recipe.scale.exact(names) * (offset + recipe.constant.exact(names)) * names["D"]
        reconstruction = scale * Decimal(reading.reconstruction) + constant
    if recipe.kl_reduction is not None and kl is not None and _charges_kl(recipe):
        reduced, weight = recipe.kl_reduction.exact(names) * Decimal(kl), recipe.weight.exact(names)
        if recipe.effective_beta is not None:
            effective_beta = recipe.effective_beta.exact(names) / factor
    total = (reconstruction or zero) + (weight or zero) * (reduced or zero)
    observed = Observed(
        id=convention.id,
        when=recipe.when,
        loss=reading.loss,
        reconstruction=_rounded(reconstruction),
        kl=_rounded(reduced),
        kl_weight=_rounded(weight),
        total=float(total),
        scale=_rounded(scale),
        effective_beta=_rounded(effective_beta),
        constant=float(constant),
        caveat=convention.caveat,
    )
    numbers = (observed.total, observed.reconstruction, observed.kl, observed.scale, observed.effective_beta)
    if not all(math.isfinite(number or 0.0) for number in numbers):
        return "gives a number beyond double precision"
    return observed


def _rounded(number: Decimal | None) -> float | None:
    """Round a number to double precision, if there is one."""
    return None if number is None else float(number)


def _told_by(reading: Reading, recipe: Recipe) -> tuple[Decimal, Decimal] | None:
    """Return how a recipe's loss follows from a reading's, its own name before those of its kin; None if it does not.

    A recipe without a reconstruction follows from any.
    """
    if not recipe.losses:
        return Decimal(1), Decimal(0)
    names = sorted(recipe.losses, key=lambda name: name != reading.loss)
    return next(filter(None, (_relation(reading, name, recipe) for name in names)), None)


def _relation(reading: Reading, loss: str, recipe: Recipe) -> tuple[Decimal, Decimal] | None:
    """Return factor and constant such that an element of `loss` is ``factor * l + constant``; None if it is not so."""
    row, read = LOSSES[loss], LOSSES[reading.loss]
    fixed = {name: recipe.parameters[name] for name in row.parameters if name in recipe.parameters}
    if any(reading.parameters.get(name, value) != value for name, value in fixed.items()):
        return None
    if row.unit == read.unit:
        units = Decimal(row.units({**reading.parameters, **fixed})) / Decimal(read.units(reading.parameters))
        return units, Decimal(0)
    if read.squared_error_factor is not None and loss == "gaussian_nll" and fixed:
        variance = Decimal(fixed["variance"])
        return Decimal(read.squared_error_factor) / (2 * variance), (_LN_2PI + variance.ln()) / 2
    return None


def _tallied_as(loss: str, recipe: Recipe) -> tuple[str, Mapping[str, float]]:
    """Return the loss, with its parameters, by whose tally a recipe's loss is told."""
    if loss == "gaussian_nll" and "variance" in recipe.parameters:
        return "squared_error", {}
    name = LOSSES[loss].unit
    return name, {own: recipe.parameters.get(own, default) for own, default in LOSSES[name].parameters.items()}


def _tellable(convention: Convention) -> list[Recipe]:
    """Return the recipes of a convention that some reading could tell."""
    if convention.not_affine is not None:
        return []
    return [recipe for recipe in convention.recipes if recipe.losses and _obstacle(recipe, kl=0.0) is None]


def _needs() -> tuple[tuple[str, Mapping[str, float], tuple[Recipe, ...]], ...]:
    """Return for each convention with a loss of ours what to tally for it, and its recipes.

    A row whose loss has a parameter that only a caller knows, `torch-gaussian-nll`, needs nothing: it speaks when it
    is asked about.
    """
    rows = []
    for convention in CONVENTIONS.values():
        recipes = _tellable(convention)
        if recipes:
            name, parameters = _tallied_as(recipes[0].losses[0], recipes[0])
            if parameters.keys() <= recipes[0].parameters.keys():
                rows.append((name, MappingProxyType(parameters), tuple(recipes)))
    return tuple(rows)


_NEEDS: Final = _needs()

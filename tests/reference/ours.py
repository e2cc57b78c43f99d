"""Our side: the batches that are compared, and everything that the service knows of one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.conventions import CONVENTIONS, Extent, LeftOut, Reading, Recipe, observe
from app.engines import local
from app.losses import (
    EPS,
    Batch,
    Gradients,
    Objective,
    Report,
    divergence_elementwise,
    elementwise,
    gradients,
    report,
)

__all__ = [
    "PARAMETERS",
    "REDUCTIONS",
    "SHAPES",
    "Array",
    "Arrays",
    "Ours",
    "batch",
    "kl_scale",
    "labels",
    "near_the_prior",
    "number",
    "recipe_of",
    "small_errors",
]

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

#: Features and latents of the batches by name, and how many samples; images have their channels last, as in Keras.
SHAPES: Final[Mapping[str, tuple[int, tuple[int, ...], tuple[int, ...]]]] = {
    "vectors": (7, (90,), (10,)),
    "images": (6, (8, 5, 3), (4,)),
    "grey images": (6, (8, 5, 1), (4,)),
    "one-hot text": (5, (120, 4), (3,)),
    "audio": (6, (8,), (4, 9)),
    "graph": (9, (9,), (2,)),
}

#: What a loss is compared with, beside its defaults.
PARAMETERS: Final[Mapping[str, tuple[dict[str, float], ...]]] = {
    "huber": ({"delta": 1.0}, {"delta": 0.25}),
    "smooth_l1": ({"delta": 1.0}, {"delta": 0.25}),
    "gaussian_nll": ({"variance": 1.0}, {"variance": 0.0025}),
}

#: By id how an (N, D) matrix is reduced: the same words in NumPy, which every array library here understands.
REDUCTIONS: Final = {
    "sum_mean": lambda elements: elements.sum(1).mean(0),
    "mean_mean": lambda elements: elements.mean(1).mean(0),
    "sum_sum": lambda elements: elements.sum(1).sum(0),
    "mean_sum": lambda elements: elements.mean(1).sum(0),
}


def batch(loss: str, name: str = "vectors", *, weighted: bool = False, dtype: str = "float64") -> Arrays:
    """Make a batch that a loss is defined for: ordinary numbers, none at an end of a domain.

    Parameters
    ----------
    loss
        A name of the catalogue.
    name
        A key of `SHAPES`.
    weighted
        Whether samples have weights.
    dtype
        What its numbers are rounded to.
    """
    size, features, latents = SHAPES[name]
    rng = np.random.default_rng(sum(map(ord, loss + name)))
    x, y = rng.uniform(0.01, 0.99, (size, *features)), rng.uniform(0.01, 0.99, (size, *features))
    match loss:
        case "binary_cross_entropy":
            x[:, : features[0] // 2] = x[:, : features[0] // 2].round()
        case "binary_cross_entropy_with_logits":
            x[:, : features[0] // 2] = x[:, : features[0] // 2].round()
            y = rng.normal(0, 3, y.shape)
        case "poisson_nll":
            x, y = rng.poisson(4, x.shape).astype(float), rng.gamma(4, size=y.shape) + 0.1
        case "squared_log_error":
            x, y = rng.gamma(2, size=x.shape), rng.gamma(2, size=y.shape)
        case _:
            pass
    arrays: Arrays = {"x": x, "y": y, "mu": rng.normal(size=(size, *latents))}
    arrays["logvar"] = rng.normal(-1, 1, (size, *latents))
    if weighted:
        arrays["sample_weight"] = rng.uniform(0.5, 2, size)
    return {key: array.astype(dtype) for key, array in arrays.items()}


def near_the_prior(distance: float) -> tuple[Array, Array]:
    """Draw (mu, logvar) of 2000 latents as near to the prior as a collapsed posterior is."""
    rng = np.random.default_rng(12)
    return rng.normal(0, distance, 2000), rng.normal(0, distance, 2000)


def labels(*, soft: bool) -> tuple[Array, Array]:
    """Draw (x, y), labels and logits as a decoder has them."""
    rng = np.random.default_rng(13)
    x, y = rng.uniform(size=2000), rng.normal(0, 3, 2000)
    return (x if soft else x.round()), y


def small_errors() -> tuple[Array, Array]:
    """Draw (x, y) next to each other: a decoder that has nearly learned its batch."""
    rng = np.random.default_rng(14)
    x = rng.uniform(0.1, 0.9, 2000)
    return x, x + rng.normal(0, 1e-6, 2000)


@dataclass(frozen=True, slots=True, eq=False)
class Ours:
    """What the service says of a batch under a loss."""

    arrays: Arrays
    objective: Objective
    batch: Batch
    report: Report
    elements: Array
    divergence: Array
    slopes: Gradients
    extent: Extent

    @classmethod
    def of(cls, arrays: Arrays, loss: str, **parameters: float) -> "Ours":
        """Compute everything, with a beta of 1."""
        made, objective = Batch.of(arrays), Objective.of(loss, **parameters)
        tally = local.run(made, objective)
        divergence = divergence_elementwise(made)
        assert divergence is not None
        weight = float(arrays["sample_weight"].sum()) if "sample_weight" in arrays else float(made.size)
        return cls(
            arrays=arrays,
            objective=objective,
            batch=made,
            report=report(made, tally, objective),
            elements=elementwise(made, objective),
            divergence=divergence,
            slopes=gradients(made, objective, tally),
            extent=Extent(made.size, weight, made.feature_shape, made.latent_shape),
        )

    @property
    def reconstruction(self) -> Mapping[str, float]:
        """The reconstruction term by the id of its reduction."""
        return self.report.terms.reconstruction

    @property
    def kl(self) -> Mapping[str, float]:
        """The KL term by the id of its reduction."""
        assert self.report.terms.kl is not None
        return self.report.terms.kl

    def symbols(self, recipe: Recipe, **others: float) -> dict[str, float]:
        """Return the values of all names in a recipe's formulas."""
        return {**self.extent.symbols(), **recipe.parameters, **others}


def recipe_of(row: str, when: str | None) -> Recipe:
    """Find a setting of a row of the catalogue."""
    (found,) = (recipe for recipe in CONVENTIONS[row].recipes if recipe.when == when)
    return found


def kl_scale(recipe: Recipe, names: Mapping[str, float]) -> float | None:
    """Return what a setting multiplies K with in its total; None without a KL term that counts."""
    if recipe.kl_reduction is None or recipe.weight.value(names) == 0:
        return None
    return recipe.weight.value(names) * recipe.kl_reduction.value(names)


def number(row: str, recipe: Recipe, ours: Ours, **others: float) -> tuple[float, float]:
    """Return what a setting of a row gives, by its formulas, and the sum of the magnitudes of its terms.

    Each term is our reduction of it times the row's factor or weight; where a symbol has another value than the batch
    says (`others`: what counts as a feature), it is the row's scale times R, and so for K. Rows of which the service
    itself tells a number must have told the same one.
    """
    names = ours.symbols(recipe, **others)
    terms = []
    if recipe.reconstruction is not None and recipe.scale is not None:
        by_variant = recipe.factor.value(names) * ours.reconstruction[recipe.reconstruction]
        by_scale = recipe.scale.value(names) * ours.reconstruction["sum_mean"]
        constant = recipe.scale.value(names) * recipe.constant.value(names) * names["D"]
        terms += [by_scale if others else by_variant, constant]
    by_scale_of_k = kl_scale(recipe, names)
    if recipe.kl is not None and by_scale_of_k is not None:
        by_variant = recipe.weight.value(names) * ours.kl[recipe.kl]
        terms.append(by_scale_of_k * ours.kl["sum_mean"] if others else by_variant)
    total, size = math.fsum(terms), math.fsum(map(abs, terms))
    if recipe.losses or recipe.reconstruction is None:
        told = observe(CONVENTIONS[row], [_reading(ours)], ours.kl["sum_mean"], ours.extent)
        if not isinstance(told, LeftOut):
            (one,) = (observed.total for observed in told if observed.when == recipe.when)
            assert abs(one - total) <= 8 * EPS * size, f"{row}: the service says {one}, its terms {total}"
    return total, size


def _reading(ours: Ours) -> Reading:
    """Return what the service hands to the catalogue."""
    return Reading(ours.report.loss, ours.objective.parameters, ours.reconstruction["sum_mean"])

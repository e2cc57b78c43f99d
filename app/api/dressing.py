"""A report becomes a reply: the contract's fields in its order, who uses each variant, and what else was asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.conventions import Extent, Reading, losses_needed, observe_all, used_by
from app.engines.local import run
from app.formats.reply import Reply
from app.losses import (
    Batch,
    Fault,
    InvalidOption,
    LossInputError,
    Objective,
    Report,
    Tally,
    collapse,
    divergence_elementwise,
    elementwise,
    gradients,
    report,
)

__all__ = ["dress"]

Arrays = dict[str, NDArray[np.float64]]


def dress(batch: Batch, objective: Objective, include: Sequence[str]) -> Reply:
    """Compute everything that a request asks for, and lay it out.

    Parameters
    ----------
    batch, objective
        What is computed.
    include
        What else to answer with: names of `app.api.options.Include`, in any order; twice is as good as once.

    Raises
    ------
    LossInputError
        Whatever the core refuses; if it is something in `include`, the path leads to that item.
    """
    tally = run(batch, objective)
    found = report(batch, tally, objective)
    arrays: Arrays = {}
    summary = {
        "loss": found.loss,
        "beta": found.beta,
        "shape": _shape(found),
        "per_sample": _per_sample(found, arrays),
        "terms": {"reconstruction": dict(found.terms.reconstruction), "kl": _or_none(found.terms.kl)},
        "variants": _variants(found),
        "latent": _latent(found, arrays),
        "optimal_decoder_variance": found.optimal_decoder_variance,
        "warnings": [{"code": warning.code, "detail": warning.detail} for warning in found.warnings],
    }
    for name, make in _EXTRAS.items():
        if name in include:
            try:
                summary[name] = make(batch, objective, tally, found, arrays)
            except InvalidOption as error:
                raise InvalidOption(error.detail, Fault(("include", include.index(name)), _reason(error))) from None
    return Reply(summary, arrays)


def _reason(error: InvalidOption) -> str:
    """Give the end of the sentence that the core says about the option."""
    return error.faults[0].detail


def _or_none(found: Mapping[str, float] | None) -> dict[str, float] | None:
    """Copy a mapping if there is one."""
    return None if found is None else dict(found)


def _placed(found: Mapping[str, NDArray[np.float64]] | None, place: str, arrays: Arrays) -> dict[str, None] | None:
    """Put arrays at their places, and give what holds them in the summary."""
    if found is None:
        return None
    arrays.update({f"{place}.{name}": array for name, array in found.items()})
    return dict.fromkeys(found)


def _shape(found: Report) -> dict[str, Any]:
    """Lay out the sizes."""
    shape = found.shape
    return {
        "batch": shape.batch,
        "features": list(shape.features),
        "feature_count": shape.feature_count,
        "latents": None if shape.latents is None else list(shape.latents),
        "latent_count": shape.latent_count,
    }


def _per_sample(found: Report, arrays: Arrays) -> dict[str, Any]:
    """Lay out the vectors."""
    return {
        name: _placed(getattr(found.per_sample, name), f"per_sample.{name}", arrays)
        for name in ("reconstruction", "kl", "total")
    }


def _variants(found: Report) -> dict[str, Any]:
    """Lay out the variants, with those who use them."""
    return {
        name: {
            "title": variant.title,
            "reconstruction": variant.reconstruction,
            "kl": variant.kl,
            "total": variant.total,
            "scale": variant.scale,
            "effective_beta": variant.effective_beta,
            "implied_decoder_variance": variant.implied_decoder_variance,
            "batch_reductions_agree": variant.batch_reductions_agree,
            "kl_weight_for": None
            if variant.kl_weight_for is None
            else {
                "unit_beta": variant.kl_weight_for.unit_beta,
                "optimal_variance": variant.kl_weight_for.optimal_variance,
            },
            "used_by": list(used_by(found.loss, name)),
        }
        for name, variant in found.variants.items()
    }


def _latent(found: Report, arrays: Arrays) -> dict[str, Any] | None:
    """Lay out the diagnostics of the latents."""
    if found.latent is None:
        return None
    arrays["latent.kl_per_dimension"] = found.latent.kl_per_dimension
    return {"kl_per_dimension": None, "active_units": found.latent.active_units}


def _elementwise(batch: Batch, objective: Objective, _: Tally, __: Report, arrays: Arrays) -> None:
    """Add the loss of each element."""
    arrays["elementwise"] = elementwise(batch, objective)


def _kl_elementwise(batch: Batch, _: Objective, __: Tally, ___: Report, arrays: Arrays) -> None:
    """Add the KL divergence of each element."""
    matrix = divergence_elementwise(batch)
    if matrix is None:
        detail = "asks for kl_elementwise, which needs mu and logvar"
        raise InvalidOption(f"include {detail}.", Fault(("include",), detail))
    arrays["kl_elementwise"] = matrix


def _gradients(batch: Batch, objective: Objective, tally: Tally, _: Report, arrays: Arrays) -> dict[str, None]:
    """Add the slopes of R + beta K."""
    found = gradients(batch, objective, tally)
    named = {"y": found.y, "mu": found.mu, "logvar": found.logvar}
    arrays.update({f"gradients.{name}": array for name, array in named.items() if array is not None})
    return dict.fromkeys(named)


def _collapse(batch: Batch, objective: Objective, _: Tally, found: Report, arrays: Arrays) -> dict[str, Any]:
    """Add the forecast."""
    forecast = collapse(batch, objective, found)
    arrays["collapse.covariance_spectrum"] = forecast.covariance_spectrum
    return {
        "total_variance": forecast.total_variance,
        "covariance_spectrum": None,
        "variants": {
            name: {"kl_upper_bound": variant.kl_upper_bound, "linear_directions": variant.linear_directions}
            for name, variant in forecast.variants.items()
        },
    }


def _conventions(batch: Batch, objective: Objective, _: Tally, found: Report, __: Arrays) -> list[dict[str, Any]]:
    """Add what known code bases would report, after a pass over the batch for each further loss that they have."""
    asked = Reading(found.loss, objective.parameters, found.terms.reconstruction["sum_mean"])
    readings, refused = [asked], {}
    for loss, parameters in losses_needed(found.loss, objective.parameters):
        other = Objective.of(loss, **parameters)
        try:
            total = report(batch, run(batch, other), other).terms.reconstruction["sum_mean"]
        except LossInputError as error:
            refused[loss] = f"is not defined for this batch: {error.detail}"
        else:
            readings.append(Reading(loss, other.parameters, total))
    kl = None if found.terms.kl is None else found.terms.kl["sum_mean"]
    weight = found.variants[next(name for name in found.variants if name.startswith("sum_sum"))].scale
    extent = Extent(found.shape.batch, weight, found.shape.features, found.shape.latents)
    observed, _left_out = observe_all(readings, kl, extent, refused)
    return [
        {
            "id": one.id,
            "when": one.when,
            "loss": one.loss,
            "reconstruction": one.reconstruction,
            "kl": one.kl,
            "kl_weight": one.kl_weight,
            "total": one.total,
            "scale": one.scale,
            "effective_beta": one.effective_beta,
            "constant": one.constant,
            "caveat": one.caveat,
        }
        for one in observed
    ]


_EXTRAS: Final[Mapping[str, Callable[[Batch, Objective, Tally, Report, Arrays], Any]]] = {
    "elementwise": _elementwise,
    "kl_elementwise": _kl_elementwise,
    "gradients": _gradients,
    "collapse": _collapse,
    "conventions": _conventions,
}
"""How each thing that can be included is made: it puts its arrays at their places and returns the rest."""

"""What the numbers of a report alone do not show, each with a stable code."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from app.losses.arrays import Array
from app.losses.tally import BEYOND_FLOAT16, Tally
from app.losses.variants import Figures, Variant

__all__ = ["Caution", "cautions"]

_TOO_HEAVY: Final = 10


class Caution(NamedTuple):
    """One thing to know about a batch or a variant.

    Attributes
    ----------
    code
        Stable: ``bce_targets_not_binary``, ``bce_log_clamped``, ``logvar_overflows_float16``,
        ``logvar_overflows_float32``, ``all_latents_inactive``, ``sum_overflows_float16`` or ``kl_overweighted``.
    detail
        A sentence or two for a person.
    """

    code: str
    detail: str


def cautions(
    tally: Tally, figures: Figures, active_units: int | None, variants: Mapping[str, Variant]
) -> tuple[Caution, ...]:
    """Say everything that is to be said about a batch, in the order of docs/contract.md ("The answer")."""
    return (
        *_of_targets(tally, figures),
        *_of_latents(tally, active_units),
        *_of_sums(tally, variants),
        *_of_weights(figures, variants),
    )


def _of_targets(tally: Tally, figures: Figures) -> Iterator[Caution]:
    counts = tally.counts
    if counts.soft_targets:
        per_sample = counts.entropy.value / tally.weight.value
        per_element = per_sample / figures.feature_count
        yield Caution(
            "bce_targets_not_binary",
            f"{_elements(counts.soft_targets)} of x {_are(counts.soft_targets)} neither 0 nor 1, so the loss cannot "
            f"reach 0. The lowest reachable value is the entropy of the targets: {per_sample!r} nats per sample, "
            f"{per_element!r} per element.",
        )
    if counts.clamped_logs:
        yield Caution(
            "bce_log_clamped",
            f"In {_elements(counts.clamped_logs)} a logarithm lies below -100 and was clamped there, where the loss "
            f"is flat: its gradient is 0.",
        )


def _of_latents(tally: Tally, active_units: int | None) -> Iterator[Caution]:
    counts = tally.counts
    for bits, beyond, limit in ((16, counts.beyond_float16, "11.09"), (32, counts.beyond_float32, "88.72")):
        if beyond:
            yield Caution(
                f"logvar_overflows_float{bits}",
                f"{_elements(beyond)} of logvar {_are(beyond)} above {limit}, where exp(logvar) is beyond float{bits}.",
            )
    if active_units == 0:
        yield Caution(
            "all_latents_inactive",
            "No latent dimension has a KL divergence above 0.01 nats: the posterior is the prior, and the latents say "
            "nothing about x.",
        )


def _of_sums(tally: Tally, variants: Mapping[str, Variant]) -> Iterator[Caution]:
    beyond: dict[str, None] = {}
    for variant, values in variants.items():
        if abs(values.reconstruction) >= BEYOND_FLOAT16:
            beyond[f"reconstruction {variant.partition('+')[0]}"] = None
        if values.kl is not None and values.kl >= BEYOND_FLOAT16:
            beyond[f"kl {variant.partition('+')[2]}"] = None
    terms = [("reconstruction", tally.reconstruction), ("kl", tally.divergence)]
    for term, sums in terms:
        count = 0 if sums is None else _count_beyond_float16(sums.hi)
        if count:
            beyond[f"{term} of {count} {'sample' if count == 1 else 'samples'}"] = None
    if beyond:
        yield Caution("sum_overflows_float16", f"Beyond 65504, the end of float16: {', '.join(beyond)}.")


def _count_beyond_float16(sums: Array) -> int:
    """Count the sums, (n,), that float16 cannot hold; one of them sooner than NumPy would."""
    if len(sums) == 1:
        return int(abs(float(sums[0])) >= BEYOND_FLOAT16)
    return int(np.count_nonzero(np.abs(sums) >= BEYOND_FLOAT16))


def _of_weights(figures: Figures, variants: Mapping[str, Variant]) -> Iterator[Caution]:
    if figures.mean_squared_error is None:
        return
    optimal = float(figures.mean_squared_error)
    for name, variant in variants.items():
        implied, weights = variant.implied_decoder_variance, variant.kl_weight_for
        if implied is None or weights is None or implied <= _TOO_HEAVY * optimal:
            continue
        said = f"{name}: the implied decoder variance is {implied:.4g}"
        if optimal:
            said += (
                f" and the optimal one {optimal:.4g}. A weight of {weights.optimal_variance:.4g} on this variant's KL "
                f"term would make them equal."
            )
        else:
            said += ". The reconstruction is perfect, so the optimal one is 0, and no weight makes them equal."
        yield Caution("kl_overweighted", said)


def _elements(count: int) -> str:
    """Say a number of elements in words."""
    return "1 element" if count == 1 else f"{count} elements"


def _are(count: int) -> str:
    """Give the verb for a number of elements."""
    return "is" if count == 1 else "are"

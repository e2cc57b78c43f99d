"""The vocabulary of reductions: how an (N, D) matrix becomes one number, and what each way is called.

An id spells the reductions in the order in which they are applied. Of a term it is ``<features>_<batch>``; of a total,
``<reconstruction term>+<KL term>``. All of them are the same weighted sum times a factor, so no array is read here.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

__all__ = ["TERM_REDUCTIONS", "TITLES", "VARIANTS", "batch_reductions_agree", "factors"]

TERM_REDUCTIONS = ("sum_mean", "mean_mean", "sum_sum", "mean_sum")
"""The four reductions of a term: sum or mean over the features (latents), then mean or sum over the batch."""

VARIANTS = tuple(f"{reconstruction}+{kl}" for reconstruction in TERM_REDUCTIONS for kl in TERM_REDUCTIONS)
"""The sixteen totals of a reconstruction and a KL term."""


def _title(variant: str) -> str:
    """Say an id in words."""
    within, across = variant.partition("+")[0].split("_")
    title = f"{within} over features, {across} over batch"
    if "+" in variant:
        within, across = variant.partition("+")[2].split("_")
        title += f"; KL: {within} over latents, {across} over batch"
    return title


TITLES: Mapping[str, str] = MappingProxyType({variant: _title(variant) for variant in (*TERM_REDUCTIONS, *VARIANTS)})
"""Every id of a term's reduction and of a total, in words."""


def batch_reductions_agree(variant: str) -> bool:
    """Tell whether both terms of a total are reduced over the batch in the same way.

    The eight totals of which this holds are what adding the KL vector to the reconstruction vector before the batch
    reduction gives; the others mix mean and sum, and are often mistakes.
    """
    reconstruction, _, kl = variant.partition("+")
    return reconstruction.split("_")[1] == kl.split("_")[1]


def factors(count: int, weight: Decimal) -> Mapping[str, Decimal]:
    """Each reduction of a term, as a multiple of its ``sum_mean``.

    Parameters
    ----------
    count
        D for the reconstruction, L for the KL divergence.
    weight
        W, the sum of the sample weights; N where there are none.

    Returns
    -------
    Mapping
        ``{"sum_mean": 1, "mean_mean": 1/D, "sum_sum": W, "mean_sum": W/D}``, to the precision of the decimal context.
    """
    return {"sum_mean": Decimal(1), "mean_mean": 1 / Decimal(count), "sum_sum": weight, "mean_sum": weight / count}

"""The loss of a batch in every reduction, as one writes it with NumPy; those who are measured beside us compute this.

It imports NumPy alone, so that every environment of `benchmarks.peers` has what it takes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "document", "totals", "vectors"]

Array = NDArray[Any]


def vectors(x: Array, y: Array, mu: Array | None = None, logvar: Array | None = None) -> dict[str, Array]:
    """Reduce both terms over everything but the batch.

    Parameters
    ----------
    x, y
        Targets and reconstructions, shape (N, D).
    mu, logvar
        Means and logarithms of variances, shape (N, L); both or neither.

    Returns
    -------
    dict
        ``reconstruction_sum`` and ``reconstruction_mean``, with latents also ``kl_sum`` and ``kl_mean``; shape (N,).

    Raises
    ------
    ValueError
        The shapes do not agree.
    """
    if x.shape != y.shape:
        raise ValueError("x and y differ in shape")
    squares = np.square(x - y, dtype=np.float64)
    found = {"reconstruction_sum": squares.sum(axis=1), "reconstruction_mean": squares.mean(axis=1)}
    if mu is not None and logvar is not None:
        if mu.shape != logvar.shape or len(mu) != len(x):
            raise ValueError("mu and logvar differ in shape, or from x in length")
        divergence = 0.5 * (np.exp(logvar) + np.square(mu) - 1 - logvar)
        found |= {"kl_sum": divergence.sum(axis=1), "kl_mean": divergence.mean(axis=1)}
    return found


def totals(found: Mapping[str, Array], beta: float = 1.0) -> dict[str, float]:
    """Reduce the vectors over the batch: 4 totals, or 16 where there is a KL term.

    Parameters
    ----------
    found
        What `vectors` gave.
    beta
        The weight of the KL term.
    """
    terms = {
        term: {
            f"{inner}_{outer}": float(getattr(found[f"{term}_{inner}"], outer)())
            for outer in ("mean", "sum")
            for inner in ("sum", "mean")
        }
        for term in ("reconstruction", "kl")
        if f"{term}_sum" in found
    }
    if "kl" not in terms:
        return terms["reconstruction"]
    return {
        f"{one}+{other}": reconstruction + beta * kl
        for one, reconstruction in terms["reconstruction"].items()
        for other, kl in terms["kl"].items()
    }


def document(  # noqa: PLR0913 - the fields of a request
    x: Array,
    y: Array,
    mu: Array | None = None,
    logvar: Array | None = None,
    beta: float = 1.0,
    *,
    with_elements: bool = False,
) -> dict[str, Any]:
    """Lay the answer out as lists and numbers, so that any JSON writer takes it.

    Parameters
    ----------
    x, y, mu, logvar, beta
        As of `vectors` and `totals`.
    with_elements
        Whether the matrix of squared errors is wanted too.

    Raises
    ------
    ValueError
        As `vectors` does.
    """
    found = vectors(x, y, mu, logvar)
    per_sample: dict[str, Any] = {
        term: {"sum": found[f"{term}_sum"].tolist(), "mean": found[f"{term}_mean"].tolist()} if known else None
        for term, known in (("reconstruction", True), ("kl", "kl_sum" in found))
    }
    per_sample["total"] = (
        {
            f"{one}+{other}": (found[f"reconstruction_{one}"] + beta * found[f"kl_{other}"]).tolist()
            for one in ("sum", "mean")
            for other in ("sum", "mean")
        }
        if "kl_sum" in found
        else None
    )
    latents = None if mu is None else mu.shape[1]
    variants = {
        name: {"total": total, **_weights(name, x.shape, latents, beta)} for name, total in totals(found, beta).items()
    }
    elements = np.square(x - y, dtype=np.float64).tolist() if with_elements else None
    return {"beta": beta, "per_sample": per_sample, "variants": variants, "elementwise": elements}


def _weights(variant: str, shape: tuple[int, ...], latents: int | None, beta: float) -> dict[str, float | None]:
    """Say how a variant scales the objective, and how much the KL term weighs in it."""
    term, _, kl = variant.partition("+")
    size = {"sum_mean": 1.0, "mean_mean": 1 / shape[1], "sum_sum": shape[0], "mean_sum": shape[0] / shape[1]}
    if latents is None:
        return {"scale": size[term], "effective_beta": None}
    other = {"sum_mean": 1.0, "mean_mean": 1 / latents, "sum_sum": shape[0], "mean_sum": shape[0] / latents}
    return {"scale": size[term], "effective_beta": beta * other[kl] / size[term]}

"""The headline: every number of a report, a matrix, a gradient or a forecast is within 4 eps of 50-digit arithmetic.

Each batch is made of one kind of hard input of the contract. The worst error seen of every quantity of every loss goes
into the table that a run ends with.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.engines import local
from app.losses import (
    LOSSES,
    Batch,
    Objective,
    Overflow,
    collapse,
    divergence_elementwise,
    elementwise,
    gradients,
    report,
)
from tests import batches, exact
from tests.losses.cases import Arrays, numbers_of, reported, weighted_or_not

FOUR_EPS = 4.0
LARGEST = float(np.finfo(np.float64).max)
SHAPE = (5, 8)

LOSS_CASES = [
    pytest.param(loss, kind, parameters, id=f"{loss}-{kind}-{parameters or ''}")
    for loss in LOSSES
    for parameters in batches.PARAMETERS.get(loss, ({},))
    for kind in batches.hard_pairs(loss)
]


def filled(vector: NDArray[np.float64], shape: tuple[int, ...] = SHAPE) -> NDArray[np.float64]:
    return np.resize(vector, shape)


def weights_for(weighted: bool) -> Arrays:  # noqa: FBT001 - the parameter of every test here
    return {"sample_weight": np.array([0.3, 1e-3, 7.0, 0.0, 1.1])} if weighted else {}


def exact_numbers(nested: object, path: str = "") -> dict[str, Any]:
    """List what the oracle wants by where a report has it, as `numbers_of` does; what is absent is left out."""
    if isinstance(nested, Mapping):
        found: dict[str, Any] = {}
        for name, value in nested.items():
            found |= exact_numbers(value, f"{path}.{name}" if path else str(name))
        return found
    return {} if nested is None else {path: nested}


def quantity(path: str) -> str:
    """Name the row of the table that a number belongs to: where it is, without the reduction."""
    parts = path.split(".")
    if parts[0] == "variants":
        return f"variants.{parts[-1]}"
    return ".".join(parts[:2])


def compared(
    arrays: Mapping[str, NDArray[Any]], loss: str, beta: float, parameters: Mapping[str, float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compute everything, and what everything ought to be, both by name."""
    wanted = exact.answer(arrays, loss, beta=beta, parameters=parameters, gradients=True)
    batch, objective = Batch.of(arrays), Objective.of(loss, beta=beta, **parameters)
    tally = local.run(batch, objective)
    numbers = numbers_of(report(batch, tally, objective))
    numbers |= numbers_of(
        {
            "elementwise": elementwise(batch, objective),
            "kl_elementwise": divergence_elementwise(batch),
            "gradients": gradients(batch, objective, tally),
        }
    )
    given = ("beta", "shape", "active_units", "batch_reductions_agree")
    return (
        {path: number for path, number in numbers.items() if not {*path.split(".")} & {*given}},
        exact_numbers(
            {
                "per_sample": wanted.per_sample,
                "terms": wanted.terms,
                "variants": wanted.variants,
                "latent": {"kl_per_dimension": wanted.kl_per_dimension},
                "optimal_decoder_variance": wanted.mean_squared_error if LOSSES[loss].decoder_variance else None,
                "elementwise": wanted.elementwise,
                "kl_elementwise": wanted.kl_elementwise,
                "gradients": wanted.gradients,
            }
        ),
    )


def check(kind: str, arrays: Mapping[str, NDArray[Any]], loss: str, beta: float = 1.0, **parameters: float) -> None:
    """Hold every quantity to 4 eps, and a refusal to something that really lies beyond double precision."""
    try:
        found, wanted = compared(arrays, loss, beta, parameters)
    except Overflow:
        numbers = exact_numbers(dataclasses.asdict(exact.answer(arrays, loss, beta=beta, parameters=parameters)))
        assert max(number for path, number in numbers.items() if path.endswith("bound")) > LARGEST / 2
        return
    assert found.keys() == wanted.keys()
    for path, number in wanted.items():
        eps = exact.worst(found[path], number if isinstance(number, Sequence) else [number])
        assert exact.reading(quantity(path), loss, kind, eps) <= FOUR_EPS, path


@pytest.mark.parametrize(("loss", "kind", "parameters"), LOSS_CASES)
def test_every_number_of_every_loss_with_kl_and_weights(loss: str, kind: str, parameters: dict[str, float]) -> None:
    x, y = batches.hard_pairs(loss)[kind]
    mu, logvar = batches.hard_latents()["within 0.0001 of the prior"]
    latents = {"mu": filled(mu, (5, 3)), "logvar": filled(logvar, (5, 3))}
    arrays = {"x": filled(x), "y": filled(y), **latents, **weights_for(weighted=True)}
    check(kind, arrays, loss, 0.7, **parameters)


@pytest.mark.parametrize(("loss", "kind", "parameters"), LOSS_CASES)
def test_every_number_of_every_loss_alone(loss: str, kind: str, parameters: dict[str, float]) -> None:
    x, y = (vector[::-1] for vector in batches.hard_pairs(loss)[kind])
    check(kind, {"x": filled(x), "y": filled(y)}, loss, **parameters)


@pytest.mark.parametrize("kind", batches.hard_latents())
@pytest.mark.parametrize("beta", [1.0, 0.1, 1e-7, 1e5])
@weighted_or_not
def test_every_number_of_hard_latents(kind: str, beta: float, *, weighted: bool) -> None:
    mu, logvar = batches.hard_latents()[kind]
    x, y = batches.hard_pairs("squared_error")["ordinary"]
    arrays = {"x": filled(x), "y": filled(y), "mu": filled(mu), "logvar": filled(logvar), **weights_for(weighted)}
    check(kind, arrays, "squared_error", beta)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(data=st.data(), loss=st.sampled_from(tuple(LOSSES)), beta=st.sampled_from([0.0, 0.3, 1.0, 250.0]))
def test_every_number_of_any_batch(data: st.DataObject, loss: str, beta: float) -> None:
    check("any batch", data.draw(batches.batches(loss)), loss, beta)


@pytest.mark.parametrize(
    "name", ["TINY", "VAE", "ONE_SAMPLE", "ONE_FEATURE", "SUBNORMAL", "HUGE", "NEARLY_PRIOR", "UINT8"]
)
def test_every_number_of_the_named_batches(name: str) -> None:
    check(name, getattr(batches, name), "squared_error", 4.0)


def test_a_million_elements() -> None:
    rng = np.random.default_rng(0)
    # Multiples of 2^-20 whose squares are exact: then integers give the exact sums.
    x, y = (rng.integers(0, 2**20, (1000, 1000)) for _ in "xy")
    squares = [sum(row) for row in ((x - y) ** 2).astype(object)]
    found = reported({"x": np.asfortranarray(x / 2**20), "y": y / 2**20})
    with mpmath.workdps(60):
        rows = [exact.number(mpmath.mpf(row) / 2**40) for row in squares]
        total = exact.number(mpmath.mpf(sum(squares)) / 2**40)
        assert exact.worst(found.per_sample.reconstruction["sum"], rows) <= 0.5
        for name, factor in {"sum_sum": 1, "sum_mean": 1000, "mean_sum": 1000, "mean_mean": 10**6}.items():
            eps = exact.error(found.terms.reconstruction[name], total / mpmath.mpf(factor))
            assert exact.reading("terms.reconstruction", "squared_error", "a million elements", eps) <= 0.5


def _spread(kind: str) -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(5, 7))
    return {
        "ordinary": noise,
        "mean of 1e8 spreads": noise + 1e8,
        "mean of 1e12 spreads": noise * 1e-4 + 1e8,
        "constant features": np.where(np.arange(7) % 2, 0.1, noise),
        "constant": np.full((5, 7), 1 / 3),
        "one far sample": np.vstack([noise[:4], noise[4] + 1e9]),
        "first sample far": np.vstack([noise[:1] - 1e9, noise[1:]]),
        "huge": noise * 1e150,
        "tiny": noise * 1e-140,
        "unlike features": noise * 10.0 ** np.arange(-120, 160, 40),
        "one feature": noise[:, :1] + 1e6,
        "one sample": noise[:1],
        # Differences that are not exact: rounded away, their low parts would cost 1.9 eps.
        "low parts": np.array([[17.060367410393724, -5.845368145180052, -111.36533492415093]]).T,
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "ordinary",
        "mean of 1e8 spreads",
        "mean of 1e12 spreads",
        "constant features",
        "constant",
        "one far sample",
        "first sample far",
        "huge",
        "tiny",
        "unlike features",
        "one feature",
        "one sample",
        "low parts",
    ],
)
@weighted_or_not
def test_total_variance_and_the_bounds(kind: str, *, weighted: bool) -> None:
    x = _spread(kind)
    n = len(x)
    arrays = {"x": x, "y": x, "mu": np.ones((n, 2)), "logvar": np.zeros((n, 2))}
    if weighted:
        arrays["sample_weight"] = np.array([0.3, 1e-3, 7.0, 0.0, 1.1])[:n]
    wanted = exact.answer(arrays, beta=0.3, collapse=True)
    batch, objective = Batch.of(arrays), Objective.of(beta=0.3)
    found = collapse(batch, objective, reported(arrays, beta=0.3))
    eps = exact.error(found.total_variance, wanted.total_variance)
    assert exact.reading("total_variance", "squared_error", kind, eps) <= 1  # what is rounded away is carried along
    for name, forecast in found.variants.items():
        bound = wanted.total_variance / wanted.variants[name]["effective_beta"].value
        assert forecast.kl_upper_bound is not None
        eps = exact.error(forecast.kl_upper_bound, bound)
        assert exact.reading("kl_upper_bound", "squared_error", kind, eps) <= FOUR_EPS

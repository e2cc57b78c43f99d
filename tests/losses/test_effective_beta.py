"""What is optimised: gradients of two variants are parallel exactly when their effective beta is equal."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.engines import local
from app.losses import VARIANTS, Batch, Objective, Report, gradients
from tests.losses.cases import Arrays, arrays_for, every_loss, reported, weighted_or_not


def gradient(arrays: Arrays, loss: str, beta: float) -> NDArray[np.float64]:
    """Give the gradient of R + beta K by everything, as one vector."""
    batch, objective = Batch.of(arrays), Objective.of(loss, beta=beta)
    found = gradients(batch, objective, local.run(batch, objective))
    assert found.mu is not None
    assert found.logvar is not None
    return np.concatenate([found.y.ravel(), found.mu.ravel(), found.logvar.ravel()])


def gradients_of_variants(arrays: Arrays, loss: str, found: Report) -> Mapping[str, NDArray[np.float64]]:
    """Give the gradient of the total of each variant."""
    by_variant = {}
    for name, variant in found.variants.items():
        assert variant.effective_beta is not None
        by_variant[name] = variant.scale * gradient(arrays, loss, variant.effective_beta)
    return by_variant


@every_loss
@weighted_or_not
def test_two_variants_are_parallel_exactly_when_effective_beta_is_equal(loss: str, *, weighted: bool) -> None:
    arrays = arrays_for(loss, weighted=weighted)
    found = reported(arrays, loss, beta=2.0)
    directions = {
        name: vector / np.linalg.norm(vector) for name, vector in gradients_of_variants(arrays, loss, found).items()
    }
    equal = 0
    for left, right in combinations(VARIANTS, 2):
        parallel = bool(np.abs(directions[left] - directions[right]).max() < 1e-12)
        betas = [found.variants[name].effective_beta for name in (left, right)]
        assert parallel == (betas[0] == pytest.approx(betas[1], rel=1e-12, abs=0))
        equal += parallel
    assert equal == 4  # the eight that agree over the batch: mean or sum there is only a scale


@every_loss
@weighted_or_not
def test_each_total_changes_as_its_scaled_gradient_says(loss: str, *, weighted: bool) -> None:
    arrays = arrays_for(loss, weighted=weighted)
    names = ("y", "mu", "logvar")
    rng = np.random.default_rng(1)
    step = {name: rng.normal(size=arrays[name].shape) * 1e-7 for name in names}
    if loss in {"absolute_error", "huber", "smooth_l1"}:  # stay away from kinks
        step["y"] = np.where(np.abs(np.abs(arrays["x"] - arrays["y"]) - 0.5) < 0.48, step["y"], 0.0)
    inside = [name for name in names if name != "y"]
    ahead, behind = (
        reported(arrays | {name: arrays[name] + sign * step[name] for name in ("y", *inside)}, loss, beta=3.0)
        for sign in (1, -1)
    )
    direction = np.concatenate([step[name].ravel() for name in names])
    found = reported(arrays, loss, beta=3.0)
    for name, slope in gradients_of_variants(arrays, loss, found).items():
        change = (ahead.variants[name].total - behind.variants[name].total) / 2
        assert change == pytest.approx(float(slope @ direction), rel=1e-5, abs=1e-12 * abs(found.variants[name].total))

"""Gradients of R + beta K: the slopes, shared out by weight, in the shapes that were uploaded."""

import numpy as np
import pytest

from app.engines import local
from app.losses import EPS, Batch, Gradients, Objective, Overflow, gradients
from app.losses.divergence import divergence_slopes
from tests.losses.cases import Arrays, arrays_for, every_loss, weighted_or_not


def gradients_of(arrays: Arrays, loss: str = "squared_error", **options: float) -> Gradients:
    batch, objective = Batch.of(arrays), Objective.of(loss, **options)
    return gradients(batch, objective, local.run(batch, objective))


@every_loss
@weighted_or_not
def test_each_sample_has_its_share_of_the_slope(loss: str, *, weighted: bool) -> None:
    arrays = arrays_for(loss, features=(2, 3), latents=(2, 2), weighted=weighted)
    weight = arrays.get("sample_weight", np.ones(6))
    share = (weight / weight.sum())[:, np.newaxis, np.newaxis]
    found = gradients_of(arrays, loss, beta=0.3)
    slope = Objective.of(loss).slope(arrays["x"], arrays["y"])
    by_mu, by_logvar = divergence_slopes(arrays["mu"], arrays["logvar"])
    for name, ours, wanted in (
        ("y", found.y, share * slope),
        ("mu", found.mu, 0.3 * share * by_mu),
        ("logvar", found.logvar, 0.3 * share * by_logvar),
    ):
        assert ours is not None
        assert ours.shape == arrays[name].shape
        np.testing.assert_allclose(ours, wanted, rtol=4 * EPS)


@every_loss
def test_without_kl_there_is_the_gradient_by_y_alone(loss: str) -> None:
    found = gradients_of(arrays_for(loss, latents=None), loss)
    assert found.mu is None
    assert found.logvar is None
    np.testing.assert_array_equal(found.y, gradients_of(arrays_for(loss), loss).y)


def test_chunks_are_put_together_in_order() -> None:
    x = np.arange(200_000.0).reshape(100_000, 2)
    found = gradients_of({"x": x, "y": np.zeros_like(x)})
    np.testing.assert_allclose(found.y, -2 * x / 100_000, rtol=2 * EPS)


def test_one_number_a_sample_keeps_its_shape() -> None:
    numbers = np.arange(4.0)
    found = gradients_of({"x": numbers, "y": numbers + 1, "mu": numbers, "logvar": 0 * numbers}, beta=4.0)
    np.testing.assert_array_equal(found.y, [0.5] * 4)
    assert found.mu is not None
    np.testing.assert_array_equal(found.mu, numbers)


def test_there_is_no_negative_zero() -> None:
    found = gradients_of({"x": np.zeros(2), "y": np.zeros(2), "mu": -np.zeros(2), "logvar": -np.zeros(2)}, beta=0.0)
    for array in (found.y, found.mu, found.logvar):
        assert array is not None
        assert not np.signbit(array).any()


def test_a_gradient_beyond_double_precision_names_its_element() -> None:
    # The loss is about 1 - log(1e-320) = 738; its slope is -1/y.
    arrays = {"x": np.ones((3, 2, 2)), "y": np.ones((3, 2, 2))}
    arrays["y"][1, 0, 1] = 1e-320
    with pytest.raises(Overflow) as caught:
        gradients_of(arrays, "poisson_nll")
    assert caught.value.faults[0].path == ("y", 1, 0, 1)

"""Sample weights: 2 is the sample twice, 0 is as if it were not there, all 1 is none given."""

import numpy as np
import pytest

from app.engines import local
from app.losses import EPS, Batch, Objective, Overflow, collapse, gradients
from tests.losses.cases import Arrays, arrays_for, assert_close, assert_same_bits, every_loss, refused, reported


def with_weights(arrays: Arrays, *weights: float) -> Arrays:
    return arrays | {"sample_weight": np.array(weights)}


def but_vectors(name: str) -> bool:
    return not name.startswith(("per_sample", "shape"))


@every_loss
def test_ones_are_none_given(loss: str) -> None:
    arrays = arrays_for(loss)
    assert_same_bits(reported(with_weights(arrays, *[1.0] * 6), loss), reported(arrays, loss))


@every_loss
def test_a_weight_of_two_is_the_sample_twice(loss: str) -> None:
    arrays = arrays_for(loss)
    twice = {name: array[[0, 1, 1, 2, 3, 4, 5, 5]] for name, array in arrays.items()}
    found = reported(with_weights(arrays, 1, 2, 1, 1, 1, 2), loss)
    assert_close(found, reported(twice, loss), eps=1, where=but_vectors)
    assert found.shape.batch == 6


@every_loss
def test_a_weight_of_zero_is_as_if_the_sample_were_not_there(loss: str) -> None:
    arrays = arrays_for(loss)
    fewer = {name: array[[0, 2, 3, 5]] for name, array in arrays.items()}
    found = reported(with_weights(arrays, 1, 0, 1, 1, 0, 1), loss)
    assert_close(found, reported(fewer, loss), eps=1, where=but_vectors)


@every_loss
def test_doubling_all_weights_doubles_sums_over_the_batch_and_nothing_else(loss: str) -> None:
    arrays = arrays_for(loss, weighted=True)
    found = reported(arrays | {"sample_weight": 2 * arrays["sample_weight"]}, loss)
    wanted = reported(arrays, loss)
    for name, number in found.terms.reconstruction.items():
        assert number == (2 if name.endswith("sum") else 1) * wanted.terms.reconstruction[name]
    assert found.optimal_decoder_variance == wanted.optimal_decoder_variance
    assert_same_bits(found.per_sample, wanted.per_sample)


@every_loss
@pytest.mark.parametrize("exponent", [-900, -1000, 500])
def test_weights_of_any_magnitude_keep_their_digits(loss: str, exponent: int) -> None:
    arrays = arrays_for(loss, weighted=True)
    tiny = np.ldexp(arrays["sample_weight"], exponent)
    found, wanted = reported(arrays | {"sample_weight": tiny}, loss), reported(arrays, loss)
    for name, number in found.terms.reconstruction.items():
        factor = exponent if name.endswith("sum") else 0
        assert number == np.ldexp(wanted.terms.reconstruction[name], factor)
    assert found.variants["mean_mean+sum_mean"] == wanted.variants["mean_mean+sum_mean"]
    assert_same_bits(found.latent, wanted.latent)


def test_tiny_weights_do_not_drown_tiny_losses() -> None:
    arrays = {"x": np.full((2, 1), 1e-100), "y": np.zeros((2, 1)), "sample_weight": np.full(2, 1e-200)}
    assert reported(arrays).terms.reconstruction["mean_mean"] == pytest.approx(1e-200, rel=4 * EPS, abs=0)


@pytest.mark.parametrize("weight", [1e-5, 1e-10, 1e-15, 1e-18, 1e-30, 1e-300, 0.49, 1.0])
@pytest.mark.parametrize("size", [1, 1000])
def test_weights_of_any_size_leave_a_tiny_loss_its_digits(weight: float, size: int) -> None:
    column = np.full((size, 1), 3e-150)
    arrays = {"x": 0 * column, "y": column, "mu": column, "logvar": 0 * column, "sample_weight": np.full(size, weight)}
    found = reported(arrays)
    assert found.terms.reconstruction["sum_mean"] == pytest.approx(9e-300, rel=2 * EPS, abs=0)
    assert found.terms.kl is not None
    assert found.terms.kl["sum_mean"] == pytest.approx(4.5e-300, rel=2 * EPS, abs=0)
    assert found.latent is not None
    assert found.latent.kl_per_dimension[0] == pytest.approx(4.5e-300, rel=2 * EPS, abs=0)


@pytest.mark.parametrize("weight", [1e-18, 1e-5, 0.2, 0.4])
def test_light_samples_do_not_overflow_on_the_way_to_a_mean(weight: float) -> None:
    """Their sum over the batch does not, so neither may what it is made of."""
    losses = np.array([1.7e308, 1.5e308])
    arrays = {"x": losses, "y": 0 * losses, "sample_weight": np.full(2, weight)}
    found = reported(arrays, "absolute_error").terms.reconstruction
    assert found["sum_mean"] == pytest.approx(1.6e308, rel=2 * EPS)
    assert found["sum_sum"] == pytest.approx(1.6e308 * (2 * weight), rel=2 * EPS)


@pytest.mark.parametrize(("weight", "fits"), [(1e300, True), (1e303, False)])
def test_heavy_samples_overflow_where_their_sum_does(weight: float, *, fits: bool) -> None:
    arrays = {"x": np.full(2, 7e5), "y": np.zeros(2), "sample_weight": np.full(2, weight)}
    if fits:
        found = reported(arrays, "absolute_error").terms.reconstruction
        assert found["sum_mean"] == 7e5
        assert found["sum_sum"] == pytest.approx(1.4e306, rel=2 * EPS)
    else:
        assert refused(arrays, Overflow, "absolute_error").faults[0].path == ("x", 0)


def test_weights_of_ordinary_size_are_not_copied() -> None:
    weight = np.array([0.25, 0.25, 3.0])
    batch = Batch.of({"x": np.ones(3), "y": np.ones(3), "sample_weight": weight})
    found = batch.weights()
    assert found is not None
    assert np.shares_memory(found, weight)


@every_loss
def test_gradients_follow_the_weights(loss: str) -> None:
    def gradient(arrays: Arrays) -> object:
        batch, objective = Batch.of(arrays), Objective.of(loss)
        return gradients(batch, objective, local.run(batch, objective))

    arrays = arrays_for(loss)
    assert_same_bits(gradient(with_weights(arrays, *[1.0] * 6)), gradient(arrays))
    weighted = gradient(with_weights(arrays, 1, 0, 1, 1, 0, 1))
    fewer = gradient({name: array[[0, 2, 3, 5]] for name, array in arrays.items()})
    assert isinstance(weighted, type(fewer))
    for name in ("y", "mu", "logvar"):
        np.testing.assert_array_equal(getattr(weighted, name)[[0, 2, 3, 5]], getattr(fewer, name))
        assert not getattr(weighted, name)[[1, 4]].any()


@pytest.mark.parametrize("features", [2, 9], ids=["narrow", "wide"])
def test_the_forecast_follows_the_weights(features: int) -> None:
    def forecast(arrays: Arrays) -> object:
        return collapse(Batch.of(arrays), Objective.of(), reported(arrays))

    arrays = arrays_for("squared_error", features=(features,))
    same = [forecast(with_weights(arrays, *[1.0] * 6)), forecast(arrays)]
    assert_same_bits(*same)
    fewer = {name: array[[0, 2, 3, 5]] for name, array in arrays.items()}
    found, wanted = forecast(with_weights(arrays, 1, 0, 1, 1, 0, 1)), forecast(fewer)
    assert_close(found, wanted, eps=4, where=lambda name: "spectrum" not in name)
    twice = {name: array[[0, 1, 1, 2, 3, 4, 5]] for name, array in arrays.items()}
    assert_close(
        forecast(with_weights(arrays, 1, 2, 1, 1, 1, 1)),
        forecast(twice) if features == 2 else forecast(with_weights(arrays, 0.5, 1, 0.5, 0.5, 0.5, 0.5)),
        eps=4,
        where=lambda name: name == "total_variance",
    )

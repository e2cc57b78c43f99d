"""The forecast: what the targets alone say about how much of the latents an objective lets live."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.losses import EPS, LOSSES, VARIANTS, Batch, Collapse, InvalidOption, Objective, Overflow, collapse
from app.losses.collapse import LARGEST_SPECTRUM
from tests.losses.cases import Arrays, arrays_for, reported, weighted_or_not

SQUARED = ("squared_error", "half_squared_error")


def with_latents(x: NDArray[Any], **more: NDArray[Any]) -> Arrays:
    latents = np.ones((len(x), 2))
    return {"x": x, "y": x, "mu": latents, "logvar": 0 * latents, **more}


def forecast(arrays: Arrays, loss: str = "squared_error", beta: float = 1.0) -> Collapse:
    batch = Batch.of(arrays)
    return collapse(batch, Objective.of(loss, beta=beta), reported(arrays, loss, beta=beta))


def variances(arrays: Arrays) -> NDArray[np.float64]:
    """Compute the variances along the principal directions as squared singular values, another way to get them."""
    flat = arrays["x"].reshape(len(arrays["x"]), -1)
    share = arrays.get("sample_weight", np.ones(len(flat)))[:, np.newaxis]
    share = share / share.sum()
    return np.linalg.svd(np.sqrt(share) * (flat - (share * flat).sum(axis=0)), compute_uv=False) ** 2


@weighted_or_not
@pytest.mark.parametrize(
    ("samples", "features"),
    [(50, (7,)), (7, (5, 10)), (12, (12,)), (1, (3,)), (9, ()), (3000, (130,)), (130, (3000,))],
    ids=str,
)
def test_the_spectrum_is_that_of_the_covariance(samples: int, features: tuple[int, ...], *, weighted: bool) -> None:
    arrays = arrays_for("squared_error", samples=samples, features=features, weighted=weighted)
    found = forecast(arrays)
    size = min(samples, int(np.prod(features)))
    wanted = variances(arrays)
    assert found.covariance_spectrum.shape == (size,)
    np.testing.assert_allclose(found.covariance_spectrum, wanted, rtol=0, atol=1e-12 * max(wanted[0], EPS))
    assert (np.diff(found.covariance_spectrum) <= 0).all()
    assert (found.covariance_spectrum >= 0).all()
    assert found.total_variance == pytest.approx(float(found.covariance_spectrum.sum()), rel=1e-12, abs=0)


@pytest.mark.parametrize("loss", SQUARED)
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_bounds_and_directions_follow_from_each_variant(loss: str, beta: float) -> None:
    arrays = arrays_for(loss, samples=40, features=(8,))
    found, variants = forecast(arrays, loss, beta), reported(arrays, loss, beta=beta).variants
    spectrum = variances(arrays)
    assert tuple(found.variants) == VARIANTS
    for name, variant in variants.items():
        assert variant.effective_beta is not None
        assert variant.implied_decoder_variance is not None
        bound = found.variants[name].kl_upper_bound
        assert bound == (pytest.approx(found.total_variance / variant.effective_beta, rel=EPS, abs=0) if beta else None)
        alive = np.count_nonzero(spectrum > variant.implied_decoder_variance)
        assert found.variants[name].linear_directions == alive
    assert {each.linear_directions for each in found.variants.values()} > ({0} if beta else set())


def test_version_2_with_a_summed_kl_lets_at_most_a_quarter_of_a_nat_through() -> None:
    # The largest variance of a number in [0, 1] is 1/4: half of the samples at either end.
    x = np.repeat([[0.0], [1.0]], 50, axis=0) * np.ones(90)
    found = forecast(with_latents(x))
    assert found.total_variance == 90 / 4
    assert found.variants["mean_mean+sum_mean"].kl_upper_bound == 0.25
    assert found.variants["sum_mean+sum_mean"].kl_upper_bound == 22.5
    assert found.variants["sum_mean+sum_mean"].linear_directions == 1
    assert found.variants["mean_mean+sum_mean"].linear_directions == 0  # 22.5 does not exceed 45


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)], ids=["narrow", "wide"])
def test_directions_without_variance_are_exactly_zero(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(shape[0], 2)) @ rng.normal(size=(2, shape[1])) + 1e3
    found = forecast(with_latents(flat), beta=0.0)
    assert np.count_nonzero(found.covariance_spectrum) == 2
    assert {each.linear_directions for each in found.variants.values()} == {2}


@weighted_or_not
def test_constant_features_have_no_variance_at_all(*, weighted: bool) -> None:
    x = np.tile([0.1, 1 / 3, 1e300, -7e-300], (1001, 1))
    more = {"sample_weight": np.random.default_rng(0).random(1001)} if weighted else {}
    found = forecast(with_latents(x, **more))
    assert found.total_variance == 0.0
    assert not found.covariance_spectrum.any()
    assert {each.kl_upper_bound for each in found.variants.values()} == {0.0}


@pytest.mark.parametrize("exponent", [-400, 300, 500])
@pytest.mark.parametrize("shape", [(40, 6), (6, 40)], ids=["narrow", "wide"])
def test_magnitudes_scale_out(exponent: int, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    found, wanted = forecast(with_latents(np.ldexp(x, exponent))), forecast(with_latents(x))
    assert found.total_variance == np.ldexp(wanted.total_variance, 2 * exponent)
    np.testing.assert_array_equal(found.covariance_spectrum, np.ldexp(wanted.covariance_spectrum, 2 * exponent))


def test_squares_may_overflow_where_their_mean_does_not() -> None:
    x = np.zeros((1000, 1))
    x[::2] = 2e154
    assert forecast(with_latents(x), beta=1e4).total_variance == pytest.approx(1e308, rel=4 * EPS, abs=0)


@pytest.mark.parametrize(("far", "near"), [(1.7e308, -1.7e308), (1e200, 0.0)])
def test_a_variance_beyond_double_precision_names_the_farthest_sample(far: float, near: float) -> None:
    x = np.full((5, 2), near)
    x[3, 1] = far
    with pytest.raises(Overflow) as caught:
        forecast(with_latents(x))
    assert caught.value.faults[0].path == ("x", 3)


@pytest.mark.parametrize(("size", "beta", "path"), [(1.0, 1e-308, ("beta",)), (1e153, 1e-6, ("x", 9))])
def test_a_bound_beyond_double_precision_names_what_took_it_there(
    size: float, beta: float, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(Overflow) as caught:
        forecast(with_latents(size * np.arange(10.0)), beta=beta)
    assert caught.value.faults[0].path == path


def test_samples_without_weight_may_lie_anywhere() -> None:
    x = np.array([[1e300], [1.0], [3.0], [-1e300]])
    found = forecast(with_latents(x, sample_weight=np.array([0.0, 1.0, 1.0, 0.0])))
    assert found.total_variance == 1.0
    np.testing.assert_array_equal(found.covariance_spectrum, [1.0])


def test_a_block_in_which_no_sample_has_weight_is_passed_over() -> None:
    x = np.zeros((300_000, 1))
    x[-1], x[-2] = 1.0, 3.0
    weight = np.zeros(300_000)
    weight[-2:] = 1
    assert forecast(with_latents(x, sample_weight=weight)).total_variance == 1.0


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - set(SQUARED)))
def test_there_is_no_forecast_for_other_losses(loss: str) -> None:
    with pytest.raises(InvalidOption, match=loss) as caught:
        forecast(arrays_for(loss), loss)
    assert caught.value.faults[0].path == ("include",)


def test_there_is_no_forecast_without_latents() -> None:
    with pytest.raises(InvalidOption, match="mu and logvar") as caught:
        forecast(arrays_for("squared_error", latents=None))
    assert caught.value.faults[0].path == ("include",)


@pytest.mark.parametrize("shape", [(4, 4), (4, 9), (9, 4)])
def test_there_is_no_forecast_of_too_many_directions(shape: tuple[int, int]) -> None:
    arrays = with_latents(np.random.default_rng(0).random(shape))
    batch, objective, made = Batch.of(arrays), Objective.of(), reported(arrays)
    assert len(collapse(batch, objective, made, largest=4).covariance_spectrum) == 4
    for setting, said in (("", "at most 3 samples"), ("LIMIT", r"at most 3 \(LIMIT\) samples")):
        with pytest.raises(InvalidOption, match=said) as caught:
            collapse(batch, objective, made, largest=3, setting=setting)
        assert caught.value.faults[0].path == ("include",)


def test_there_is_a_limit_where_none_is_given() -> None:
    with pytest.raises(InvalidOption, match=str(LARGEST_SPECTRUM)):
        forecast(with_latents(np.zeros((LARGEST_SPECTRUM + 1, LARGEST_SPECTRUM + 1), np.uint8)))

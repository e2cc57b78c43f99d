"""The KL term: exact near the prior and far from it, zero at it, positive elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.losses.divergence import divergence, divergence_slopes
from tests import exact
from tests.batches import hard_latents

every_kind = pytest.mark.parametrize("kind", hard_latents(1))


@every_kind
def test_the_divergence_is_exact_on_hard_inputs(kind: str) -> None:
    mu, logvar = hard_latents()[kind]
    wanted = [exact.kl(*pair) for pair in zip(mu.tolist(), logvar.tolist(), strict=True)]
    assert exact.reading("element", "kl", kind, exact.worst(divergence(mu, logvar), wanted)) <= 2.5


@every_kind
def test_its_slopes_are_exact_on_hard_inputs(kind: str) -> None:
    mu, logvar = hard_latents()[kind]
    by_mu, by_logvar = divergence_slopes(mu, logvar)
    np.testing.assert_array_equal(by_mu, mu)
    wanted = [exact.kl_slope(each) for each in logvar.tolist()]
    assert exact.reading("slope", "kl", kind, exact.worst(by_logvar, wanted)) <= 1


@given(mu=st.floats(-1e150, 1e150), logvar=st.floats(-1e150, 709))
def test_the_divergence_is_never_negative(mu: float, logvar: float) -> None:
    assert divergence(np.array([mu]), np.array([logvar]))[0] >= 0


def test_at_the_prior_it_is_nothing_at_all() -> None:
    mu, logvar = np.array([0.0, -0.0, 0.0]), np.array([0.0, 0.0, -0.0])
    found = divergence(mu, logvar)
    assert found.tolist() == [0, 0, 0]
    assert not np.signbit(found).any()


def test_with_unit_variance_it_is_half_the_squared_mean() -> None:
    assert divergence(np.array([3.0, -4.0]), np.zeros(2)).tolist() == [4.5, 8.0]


def test_the_series_meets_the_formula() -> None:
    """Where one hands over to the other, at 1 and -1, the values of neighbours differ by no more than rounding."""
    for end in (1.0, -1.0):
        outside = np.nextafter(end, 2 * end)
        across = divergence(np.zeros(2), np.array([end, outside]))
        alone = np.append(divergence(np.zeros(1), np.array([end])), divergence(np.zeros(1), np.array([outside])))
        np.testing.assert_array_equal(across, alone)
        # The slope of log g is at most 2.4 in magnitude there, so one ulp of v moves g by less than 3 eps of it.
        assert abs(across[1] - across[0]) <= 6 * exact.EPS * across[0]


def test_a_mean_or_a_variance_beyond_the_range_is_infinite_without_a_warning() -> None:
    found = divergence(np.array([1e200, 0.0]), np.array([0.0, 710.0]))
    assert found.tolist() == [math.inf, math.inf]
    assert divergence_slopes(np.zeros(1), np.array([710.0]))[1][0] == math.inf


def test_half_the_square_of_a_mean_overflows_no_sooner_than_it_must() -> None:
    assert math.isfinite(divergence(np.array([1.5e154]), np.zeros(1))[0])


def test_tiny_means_underflow_to_the_nearest_tiny_number() -> None:
    mu = [1e-160, 2e-162, 1e-200]
    for found, each in zip(divergence(np.array(mu), np.zeros(3)).tolist(), mu, strict=True):
        assert abs(found - each * (each / 2)) <= exact.SMALLEST


def test_mu_and_logvar_are_left_alone() -> None:
    mu, logvar = np.full((2, 2), 0.5), np.array([[0.5, 2.0], [-3.0, 0.0]])
    for each in (mu, logvar):
        each.flags.writeable = False
    assert divergence(mu, logvar).shape == (2, 2)
    for slope in divergence_slopes(mu, logvar):
        assert slope.flags.writeable
        assert not np.shares_memory(slope, mu)
        assert not np.shares_memory(slope, logvar)

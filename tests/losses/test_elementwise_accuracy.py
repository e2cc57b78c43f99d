"""Every element of every loss and slope against the oracle, on the hard inputs of the contract."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.losses.arrays import Array
from app.losses.elementwise import LOSSES, Loss
from tests import exact
from tests.batches import PARAMETERS, hard_pairs, pairs

Function = Callable[..., Array]

# Of the contract's 4 eps an element may use this much: sums, weights and means want some too.
ELEMENTS_SHARE: Final = 2.5

every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
every_function = pytest.mark.parametrize(
    "function",
    [function for row in LOSSES.values() for function in (row.value, row.slope)],
    ids=[f"{name}-{what}" for name in LOSSES for what in ("value", "slope")],
)
hard = pytest.mark.parametrize(
    ("loss", "parameters", "kind"),
    [
        pytest.param(row, parameters, kind, id=f"{name}-{'-'.join(map(str, parameters.values()))}-{kind}")
        for name, row in LOSSES.items()
        for parameters in PARAMETERS.get(name, ({},))
        for kind in hard_pairs(name, 1)
    ],
)


def elements(x: Array, y: Array) -> list[tuple[float, float]]:
    return list(zip(x.ravel().tolist(), y.ravel().tolist(), strict=True))


@hard
def test_a_value_is_exact_on_hard_inputs(loss: Loss, parameters: dict[str, float], kind: str) -> None:
    x, y = hard_pairs(loss.name)[kind]
    found = loss.value(x, y, **parameters)
    off = exact.worst(found, [exact.value(loss.name, *pair, **parameters) for pair in elements(x, y)])
    assert exact.reading("element", loss.name, kind, off) <= ELEMENTS_SHARE


@hard
def test_a_slope_is_exact_on_hard_inputs(loss: Loss, parameters: dict[str, float], kind: str) -> None:
    x, y = hard_pairs(loss.name)[kind]
    found = loss.slope(x, y, **parameters)
    off = exact.worst(found, [exact.slope(loss.name, *pair, **parameters) for pair in elements(x, y)])
    assert exact.reading("slope", loss.name, kind, off) <= ELEMENTS_SHARE


@every_loss
@given(data=st.data())
def test_a_value_and_its_slope_are_exact_wherever_hypothesis_looks(loss: Loss, data: st.DataObject) -> None:
    x, y = data.draw(pairs(loss.name))
    for found, wanted in ((loss.value(x, y), exact.value), (loss.slope(x, y), exact.slope)):
        assert exact.worst(found, [wanted(loss.name, *pair) for pair in elements(x, y)]) <= ELEMENTS_SHARE


@pytest.mark.parametrize("loss", ["squared_error", "half_squared_error", "huber", "smooth_l1", "log_cosh"])
def test_a_square_that_underflows_is_the_nearest_tiny_number(loss: str) -> None:
    x = np.array([1.5e-162, 2e-162, 1e-160, 3e-155, 1e-170, 1e-200, 5e-324])
    y = np.zeros(x.shape)
    found = LOSSES[loss].value(x, y)
    # Two units of the smallest double: the square and its half are rounded one after the other.
    for each, pair in zip(found.tolist(), elements(x, y), strict=True):
        assert abs(each - float(exact.value(loss, *pair).value)) <= 2 * exact.SMALLEST
    assert found[-2:].tolist() == [0.0, 0.0]


def test_a_confident_logit_that_is_right_costs_next_to_nothing() -> None:
    x, y = np.array([1.0, 0.0, 1.0]), np.array([740.0, -745.0, 1e150])
    found = LOSSES["binary_cross_entropy_with_logits"].value(x, y)
    assert exact.worst(found, [exact.value("binary_cross_entropy_with_logits", *each) for each in elements(x, y)]) == 0
    assert found[2] == 0


@pytest.mark.parametrize(
    ("x", "y", "value"),
    [(0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 0.0, 100.0), (0.0, 1.0, 100.0), (0.25, 0.0, 25.0), (0.25, 1.0, 75.0)],
)
def test_a_clamped_logarithm_counts_100_and_0_log_0_is_0(x: float, y: float, value: float) -> None:
    found = LOSSES["binary_cross_entropy"].value(np.array([x]), np.array([y]))
    assert found[0] == value
    assert not np.signbit(found[0])


@pytest.mark.parametrize(
    ("x", "y", "slope"),
    [(0.25, 0.0, 0.75), (0.25, 1e-44, 0.75), (0.25, 1.0, -0.25), (0.0, 1.0, 0.0), (1.0, 1.0, -1.0), (1.0, 0.0, 0.0)],
)
def test_a_clamped_logarithm_has_slope_0(x: float, y: float, slope: float) -> None:
    found = LOSSES["binary_cross_entropy"].slope(np.array([x]), np.array([y]))
    assert found[0] == slope


@every_loss
def test_no_loss_of_0_is_negative(loss: Loss) -> None:
    x = np.array([0.0, 0.25, 1.0])
    y = x + (loss.y_domain.low == 0.0) * 2.0**-1074 * (x == 0) * (not loss.y_domain.low_belongs)
    found = loss.value(x, y)
    assert not np.signbit(found[found == 0]).any()


@every_function
def test_a_function_leaves_its_arguments_alone_and_gives_a_new_array(function: Function) -> None:
    x, y = np.full((2, 3), 0.25), np.full((2, 3), 0.5)
    for each in (x, y):
        each.flags.writeable = False
    found = function(x, y)
    assert found.flags.writeable
    assert not np.shares_memory(found, x)
    assert not np.shares_memory(found, y)
    assert (x == 0.25).all()
    assert (y == 0.5).all()


@every_function
def test_a_function_takes_any_shape_and_layout(function: Function) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(size=(3, 4, 5)), rng.uniform(size=(3, 4, 5))
    flat = function(x.ravel(), y.ravel()).reshape(x.shape)
    np.testing.assert_array_equal(function(x, y), flat)
    np.testing.assert_array_equal(function(np.asfortranarray(x), np.asfortranarray(y)), flat)
    np.testing.assert_array_equal(function(x[:, ::2], y[:, ::2]), flat[:, ::2])


@every_function
def test_an_element_does_not_depend_on_its_neighbours(function: Function) -> None:
    """Near and far elements take different formulas: which one must be each element's own affair."""
    x, y = np.array([0.1, 0.9, 0.5, 1.0, 0.0]), np.array([0.1 + 1e-9, 0.01, 1e-45, 1.0, 0.5])
    alone = [function(x[i : i + 1], y[i : i + 1])[0] for i in range(5)]
    np.testing.assert_array_equal(function(x, y), alone)
    far = np.array([0.5]), np.array([0.5])
    np.testing.assert_array_equal(function(*far), function(np.append(far[0], x), np.append(far[1], y))[:1])


@pytest.mark.parametrize("loss", ["squared_error", "half_squared_error", "gaussian_nll"])
def test_a_square_beyond_the_range_is_infinite_without_a_warning(loss: str) -> None:
    assert LOSSES[loss].value(np.array([1e200]), np.array([0.0]))[0] == math.inf


def test_half_a_square_overflows_no_sooner_than_it_must() -> None:
    found = LOSSES["half_squared_error"].value(np.array([1.5e154]), np.array([0.0]))
    assert exact.error(float(found[0]), exact.value("half_squared_error", 1.5e154, 0.0)) <= ELEMENTS_SHARE


@pytest.mark.parametrize(("e", "variance"), [(1e200, 1e150), (1e-200, 1e-300)])
def test_gaussian_nll_needs_no_square_that_leaves_the_range(e: float, variance: float) -> None:
    found = LOSSES["gaussian_nll"].value(np.array([e]), np.zeros(1), variance=variance)
    assert exact.error(float(found[0]), exact.value("gaussian_nll", e, 0.0, variance=variance)) <= ELEMENTS_SHARE


def test_a_difference_beyond_the_range_is_infinite_without_a_warning() -> None:
    for loss in ("absolute_error", "huber", "smooth_l1", "log_cosh"):
        assert LOSSES[loss].value(np.array([1.7e308]), np.array([-1.7e308]))[0] == math.inf


def test_next_to_one_over_two_pi_the_constant_of_gaussian_nll_keeps_its_digits() -> None:
    variance = 0.15915494309189535
    found = LOSSES["gaussian_nll"].value(np.zeros(1), np.zeros(1), variance=variance)
    wanted = exact.value("gaussian_nll", 0.0, 0.0, variance=variance)
    assert exact.error(float(found[0]), wanted) <= 0.5
    assert abs(found[0]) < exact.EPS

"""What can be asked: losses by name or alias, their own parameters, and a beta."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from app.losses import LOSSES, InvalidOption, Objective, UnknownLoss
from tests.losses.cases import every_loss

WRONG_NUMBERS = [float("nan"), float("inf"), float("-inf"), -1.0, 10**400, -(10**400)]


@every_loss
def test_defaults_are_those_of_the_loss(loss: str) -> None:
    objective = Objective.of(loss)
    assert objective.loss is LOSSES[loss]
    assert objective.parameters == LOSSES[loss].parameters
    assert objective.beta == 1.0


@every_loss
def test_every_alias_means_its_loss(loss: str) -> None:
    for alias in LOSSES[loss].aliases:
        assert Objective.of(alias) == Objective.of(loss)


def test_without_a_name_it_is_the_squared_error() -> None:
    assert Objective.of().loss.name == "squared_error"


def test_nobody_changes_what_others_ask() -> None:
    parameters: Any = Objective.of("huber", delta=2).parameters
    with pytest.raises(TypeError, match="assignment"):
        parameters["delta"] = 3.0


def test_who_asked_before_does_not_matter() -> None:
    for beta, delta in ((1, 2), (1.0, 2.0), (True, 2), (1.0, 3.0), (0.5, 2.0), (-0.0, 2.0), (0.0, 2.0)):
        objective = Objective.of("huber", beta=beta, delta=delta)
        assert repr((objective.beta, objective.parameters["delta"])) == repr((abs(float(beta)), float(delta)))


def test_parameters_reach_value_slope_and_variance() -> None:
    x, y = np.zeros(1), np.full(1, 4.0)
    objective = Objective.of("huber", delta=2)
    assert objective.value(x, y) == 2 * (4 - 1)
    assert objective.slope(x, y) == 2
    assert objective.decoder_variance is None
    assert Objective.of("gaussian_nll", variance=0.25).decoder_variance == Decimal("0.25")
    assert Objective.of("mse").decoder_variance == Decimal("0.5")


@pytest.mark.parametrize("beta", WRONG_NUMBERS)
def test_a_beta_out_of_range_is_refused(beta: float) -> None:
    with pytest.raises(InvalidOption) as caught:
        Objective.of(beta=beta)
    assert [fault.path for fault in caught.value.faults] == [("beta",)]


@pytest.mark.parametrize("value", [*WRONG_NUMBERS, 0.0, -0.0])
@pytest.mark.parametrize(("loss", "name"), [("huber", "delta"), ("smooth_l1", "delta"), ("gaussian_nll", "variance")])
def test_a_parameter_out_of_range_is_refused(loss: str, name: str, value: float) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(InvalidOption) as caught:
        Objective.of(loss, **options)
    assert [fault.path for fault in caught.value.faults] == [(name,)]
    assert "> 0" in caught.value.detail


@every_loss
def test_a_parameter_that_the_loss_does_not_have_names_those_that_do(loss: str) -> None:
    if "delta" not in LOSSES[loss].parameters:
        with pytest.raises(InvalidOption, match="only huber and smooth_l1 have it") as caught:
            Objective.of(loss, delta=1.0)
        assert [fault.path for fault in caught.value.faults] == [("delta",)]
    if "variance" not in LOSSES[loss].parameters:
        with pytest.raises(InvalidOption, match="only gaussian_nll has it"):
            Objective.of(loss, variance=1.0)
    with pytest.raises(InvalidOption, match="no loss has it"):
        Objective.of(loss, gamma=1.0)


def test_every_wrong_option_is_named() -> None:
    with pytest.raises(InvalidOption) as caught:
        Objective.of("huber", delta=-1, variance=1, beta=-1)
    assert [fault.path for fault in caught.value.faults] == [("delta",), ("variance",), ("beta",)]


def test_an_unknown_loss_comes_first() -> None:
    with pytest.raises(UnknownLoss):
        Objective.of("hubris", beta=-1)


def test_the_smallest_and_largest_options_are_taken() -> None:
    assert Objective.of("huber", delta=5e-324, beta=1.7e308).parameters == {"delta": 5e-324}
    assert not np.signbit(Objective.of(beta=-0.0).beta)

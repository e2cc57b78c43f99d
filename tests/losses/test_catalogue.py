"""The rows of the catalogue: the eleven that were promised first, found by any name, closed to writing."""

import dataclasses
from typing import Any, cast

import numpy as np
import pytest

from app.losses.arrays import EPS
from app.losses.elementwise import LOSSES, Loss, find
from app.losses.errors import UnknownLoss

# docs/contract.md, "Losses": name, aliases, domains of x and y, parameters.
CONTRACT = {
    "squared_error": (("mse",), "real", "real", {}),
    "half_squared_error": (("l2",), "real", "real", {}),
    "absolute_error": (("mae", "l1"), "real", "real", {}),
    "huber": ((), "real", "real", {"delta": 1.0}),
    "smooth_l1": ((), "real", "real", {"delta": 1.0}),
    "log_cosh": ((), "real", "real", {}),
    "binary_cross_entropy": (("bce",), "[0, 1]", "[0, 1]", {}),
    "binary_cross_entropy_with_logits": (("bce_with_logits",), "[0, 1]", "real", {}),
    "gaussian_nll": ((), "real", "real", {"variance": 1.0}),
    "poisson_nll": ((), ">= 0", "> 0", {}),
    "squared_log_error": (("msle",), "> -1", "> -1", {}),
}

every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def test_the_catalogue_begins_with_the_losses_that_were_promised_in_their_order() -> None:
    assert list(LOSSES)[: len(CONTRACT)] == list(CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_row_has_the_aliases_domains_and_parameters_that_were_promised(name: str) -> None:
    loss = LOSSES[name]
    assert (loss.aliases, loss.x_domain.text, loss.y_domain.text, dict(loss.parameters)) == CONTRACT[name]


@every_loss
def test_a_row_is_found_by_its_name_and_by_each_alias(loss: Loss) -> None:
    assert all(find(name) is loss for name in (loss.name, *loss.aliases))


def test_no_two_rows_share_a_name_or_alias() -> None:
    names = [name for row in LOSSES.values() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


@every_loss
def test_a_row_explains_itself(loss: Loss) -> None:
    assert loss.title[0].isupper()
    assert loss.note.endswith(".")
    assert {"e", "x", "y"} & set(loss.formula)
    assert loss.latex.count("{") == loss.latex.count("}")
    assert loss.latex.count(r"\left") == loss.latex.count(r"\right")
    assert (loss.value.__doc__ or "").startswith("Compute")
    assert (loss.slope.__doc__ or "").startswith("Compute")


@every_loss
def test_a_slope_takes_the_parameters_of_its_value(loss: Loss) -> None:
    assert dataclasses.replace(loss, value=loss.slope).parameters == loss.parameters


def test_gaussian_losses_say_which_decoder_variance_they_stand_for() -> None:
    said = {name: row.decoder_variance for name, row in LOSSES.items() if row.decoder_variance is not None}
    assert said.keys() & CONTRACT.keys() == {"squared_error", "half_squared_error", "gaussian_nll"}
    assert said["squared_error"]() == 0.5
    assert said["half_squared_error"]() == 1
    assert said["gaussian_nll"](variance=0.3) == 0.3


@every_loss
def test_a_multiple_is_so_many_times_its_unit_which_is_a_multiple_of_nothing(loss: Loss) -> None:
    unit, parameters = LOSSES[loss.unit], dict.fromkeys(loss.parameters, 0.5)
    assert (unit.multiple, unit.units(parameters)) == (None, 1.0)
    if unit is loss:
        return
    x, y = np.array([0.25, 1.0, 0.0]), np.array([0.75, 0.125, 0.5])
    logits = np.log(y / (1 - y)) if loss.cross_entropy_of == "logits" else y
    shared = {name: parameters[name] for name in unit.parameters}
    wanted = loss.units(parameters) * unit.value(x, y, **shared)
    np.testing.assert_allclose(loss.value(x, logits, **parameters), wanted, rtol=4 * EPS)


def test_the_squared_errors_know_their_factor() -> None:
    factors = {name: row.squared_error_factor for name, row in LOSSES.items() if row.squared_error_factor is not None}
    assert factors == {"squared_error": 1, "half_squared_error": 2}


@pytest.mark.parametrize(
    ("name", "near"),
    [("hubre", "huber"), ("MSE", "mse"), ("squared-error", "squared_error"), ("bce_logits", "bce_with_logits")],
)
def test_an_unknown_name_is_answered_with_the_nearest_known_ones(name: str, near: str) -> None:
    with pytest.raises(UnknownLoss, match="did you mean") as caught:
        find(name)
    assert near in caught.value.detail
    assert caught.value.faults[0].path == ("loss",)
    assert name not in caught.value.detail


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("mse_loss", "mse"), ("MSELoss", "mse"), ("bce_loss", "bce"), ("BCEWithLogitsLoss", "bce_with_logits"),
     ("l1_loss", "l1"), ("SmoothL1Loss", "smooth_l1"), ("log-cosh-loss", "log_cosh")],
)  # fmt: skip
def test_a_name_as_frameworks_have_it_leads_to_that_loss_first(name: str, nearest: str) -> None:
    with pytest.raises(UnknownLoss, match=rf"did you mean {nearest}\b"):
        find(name)


def test_a_name_that_is_like_no_other_is_answered_with_all_of_them() -> None:
    with pytest.raises(UnknownLoss) as caught:
        find("???")
    assert all(name in caught.value.detail for name in LOSSES)


def test_the_catalogue_cannot_be_written_to() -> None:
    with pytest.raises(TypeError):
        cast("dict[str, Any]", LOSSES)["mine"] = LOSSES["huber"]
    with pytest.raises(TypeError):
        cast("dict[str, float]", LOSSES["huber"].parameters)["delta"] = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        LOSSES["huber"].name = "mine"  # type: ignore[misc]

"""Options are taken strictly, and what is wrong is named by its place."""

from typing import get_args

import pytest

from app.api.options import FIELDS, Include, Options
from app.formats.submission import ARRAYS
from app.losses import LOSSES, InvalidOption, Objective, UnknownLoss
from tests.inprocess import InProcess
from tests.refusals import assert_problem

BATCH = {"x": [1.0, 2.0], "y": [2.0, 1.0]}


def test_every_parameter_of_every_loss_is_an_option() -> None:
    parameters = {name for loss in LOSSES.values() for name in loss.parameters}
    assert set(Options.model_fields) == {"loss", "beta", "include"} | parameters
    assert {*ARRAYS, *Options.model_fields} == FIELDS


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"loss": 1}, ["/loss"]),
        ({"loss": ["mse"]}, ["/loss"]),
        ({"loss": True}, ["/loss"]),
        ({"beta": "1"}, ["/beta"]),
        ({"beta": True}, ["/beta"]),
        ({"beta": -1}, ["/beta"]),
        ({"beta": -5e-324}, ["/beta"]),
        ({"beta": [1]}, ["/beta"]),
        ({"beta": {}}, ["/beta"]),
        ({"loss": "huber", "delta": 0}, ["/delta"]),
        ({"loss": "huber", "delta": -0.0}, ["/delta"]),
        ({"loss": "huber", "delta": -1}, ["/delta"]),
        ({"loss": "gaussian_nll", "variance": False}, ["/variance"]),
        ({"delta": 1}, ["/delta"]),
        ({"loss": "huber", "variance": 1.0}, ["/variance"]),
        ({"include": "gradients"}, ["/include"]),
        ({"include": {"gradients": True}}, ["/include"]),
        ({"include": [1]}, ["/include/0"]),
        ({"include": ["gradients"] * 65}, ["/include"]),
        ({"include": ["gradients", "gradient", ["x"]]}, ["/include/1", "/include/2"]),
        ({"include": ["elementwise", "kl_elementwise"]}, ["/include/1"]),
        ({"include": ["gradients", "collapse"]}, ["/include/1"]),
        ({"beta": -1, "include": 3}, ["/beta", "/include"]),
    ],
)
def test_an_invalid_option_is_named(client: InProcess, given: dict[str, object], pointers: list[str]) -> None:
    assert_problem(client.loss(**BATCH, **given), "invalid-option", pointers=pointers)


@pytest.mark.parametrize(
    "name", ["mean_squared_error", "", "MSE ", "\u0000", "n" * 10_000, "\U0001f600", "constructor"]
)
def test_an_unknown_loss_is_named_without_repeating_it(client: InProcess, name: str) -> None:
    answer = client.loss(**BATCH, loss=name)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/loss"
    assert len(name) < 20 or name not in answer.text


def test_the_nearest_loss_is_told(client: InProcess) -> None:
    document = assert_problem(client.loss(**BATCH, loss="hubber"), "unknown-loss", pointers=["/loss"])
    assert "huber" in document["detail"]


def test_collapse_needs_squared_errors(client: InProcess) -> None:
    batch = BATCH | {"mu": [1.0, 2.0], "logvar": [0.0, 0.0], "loss": "mae", "include": ["collapse"]}
    assert_problem(client.loss(**batch), "invalid-option", pointers=["/include/0"])


@pytest.mark.parametrize(
    "given",
    [{"include": []}, {"include": ["gradients"] * 64}, {"beta": 0}, {"beta": -0.0}, {"beta": 3}, {"loss": "l1"}],
)
def test_a_valid_option_is_taken(client: InProcess, given: dict[str, object]) -> None:
    assert client.loss(**BATCH, **given).status_code == 200


def test_options_that_no_format_should_let_through_are_refused() -> None:
    with pytest.raises(InvalidOption) as refusal:
        Options.of({"detla": 1, "beta": float("nan"), "delta": 10**400})
    assert {fault.path[0] for fault in refusal.value.faults} == {"detla", "beta", "delta"}
    assert refusal.value.detail.endswith(".")
    assert "There is more to mend in" in refusal.value.detail


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({"delta": "1"}, "delta is not valid; a finite number > 0 is wanted."),
        ({"beta": "1"}, "beta is not valid; a finite number >= 0 is wanted."),
        ({"loss": 1}, "loss is not valid; the name or alias of a loss, a string, is wanted."),
        ({"include": 1}, "include is not valid; a list of at most 64 strings is wanted."),
        ({"include": ["a"]}, f"include[0] is none of {', '.join(get_args(Include))}."),
        ({"detla": 1}, "detla is not a known option; there are loss, delta, variance, beta, include."),
        (
            {"beta": -1, "include": ["a", "b"]},
            "beta is not valid; a finite number >= 0 is wanted. There is more to mend in include.",
        ),
    ],
)
def test_what_is_wanted_is_said_in_the_words_of_its_row(given: dict[str, object], detail: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        Options.of(given)
    assert refusal.value.detail == detail


def test_a_loss_is_asked_for_by_name() -> None:
    with pytest.raises(UnknownLoss):
        Options.of({"loss": "huge"}).objective()
    objective = Options.of({"loss": "huber", "delta": 2}).objective()
    assert objective.parameters == {"delta": 2.0}


def test_names_longer_than_any_are_not_found() -> None:
    assert max(len(name) for loss in LOSSES.values() for name in (loss.name, *loss.aliases)) < 64


def test_of_an_enormous_name_only_the_beginning_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(Objective, "of", lambda loss, **_: looked_up.append(loss))
    Options.of({"loss": "ab" * 1_000_000}).objective()
    assert looked_up == ["ab" * 32]


def test_an_enormous_list_makes_one_fault(client: InProcess) -> None:
    answer = client.loss(**BATCH, include=["gradient"] * 100_000)
    assert_problem(answer, "invalid-option", pointers=["/include"])

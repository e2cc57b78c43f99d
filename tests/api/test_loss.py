"""POST /loss: the answer of the contract, field by field, and what `include` adds to it."""

import json

import numpy as np
import pytest

from app.losses import LOSSES, VARIANTS
from tests.inprocess import InProcess, a_client

PLAIN = {"x": [[1, 2, 3], [4, 5, 6]], "y": [[2, 1, 1], [2, 3, 4]]}
TINY = PLAIN | {"mu": [[1, 1], [2, 0]], "logvar": [[0, 0], [0, 0]]}
TERMS = ["sum_mean", "mean_mean", "sum_sum", "mean_sum"]


def test_a_batch_that_can_be_checked_in_the_head(client: InProcess) -> None:
    answer = client.loss(**TINY)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found["loss"] == "squared_error"
    assert found["beta"] == 1.0
    assert found["shape"] == {
        "batch": 2,
        "features": [3],
        "feature_count": 3,
        "latents": [2],
        "latent_count": 2,
    }
    assert found["per_sample"]["reconstruction"] == {"sum": [6.0, 12.0], "mean": [2.0, 4.0]}
    assert found["per_sample"]["kl"] == {"sum": [1.0, 2.0], "mean": [0.5, 1.0]}
    assert found["per_sample"]["total"] == {
        "sum+sum": [7.0, 14.0],
        "sum+mean": [6.5, 13.0],
        "mean+sum": [3.0, 6.0],
        "mean+mean": [2.5, 5.0],
    }
    assert found["terms"]["reconstruction"] == {"sum_mean": 9.0, "mean_mean": 3.0, "sum_sum": 18.0, "mean_sum": 6.0}
    assert found["terms"]["kl"] == {"sum_mean": 1.5, "mean_mean": 0.75, "sum_sum": 3.0, "mean_sum": 1.5}
    assert found["latent"] == {"kl_per_dimension": [1.25, 0.25], "active_units": 2}
    assert found["optimal_decoder_variance"] == 3.0
    variant = found["variants"]["mean_mean+sum_mean"]
    used_by = variant.pop("used_by")
    assert variant == {
        "title": "mean over features, mean over batch; KL: sum over latents, mean over batch",
        "reconstruction": 3.0,
        "kl": 1.5,
        "total": 4.5,
        "scale": 1 / 3,
        "effective_beta": 3.0,
        "implied_decoder_variance": 1.5,
        "batch_reductions_agree": True,
        "kl_weight_for": {"unit_beta": 1 / 3, "optimal_variance": 2.0},
    }
    assert "antixk-vanilla" in used_by


def test_the_fields_come_in_the_order_of_the_contract(client: InProcess) -> None:
    everything = ["conventions", "collapse", "gradients", "kl_elementwise", "elementwise"]
    found = client.loss(**TINY, include=everything).json()
    assert [*found] == [
        "loss",
        "beta",
        "shape",
        "per_sample",
        "terms",
        "variants",
        "latent",
        "optimal_decoder_variance",
        "warnings",
        *reversed(everything),
    ]
    assert [*found["variants"]] == [*VARIANTS]
    assert [*found["terms"]["kl"]] == TERMS


def test_without_latents_there_are_four_variants_and_nulls(client: InProcess) -> None:
    found = client.loss(**PLAIN).json()
    assert [*found["variants"]] == TERMS
    assert found["shape"]["latents"] is None
    assert found["shape"]["latent_count"] is None
    assert found["per_sample"]["kl"] is None
    assert found["per_sample"]["total"] is None
    assert found["terms"]["kl"] is None
    assert found["latent"] is None
    variant = found["variants"]["mean_mean"]
    assert variant["total"] == variant["reconstruction"] == 3.0
    for name in ("kl", "effective_beta", "implied_decoder_variance", "kl_weight_for"):
        assert variant[name] is None
    assert "elementwise" not in found


def test_what_is_included_has_the_shape_of_its_array(client: InProcess) -> None:
    x = np.arange(24.0).reshape(2, 3, 2, 2)
    mu = np.arange(8.0).reshape(2, 2, 2) / 8
    batch = {"x": x.tolist(), "y": (x / 2).tolist(), "mu": mu.tolist(), "logvar": (mu / 4).tolist()}
    found = client.loss(**batch, include=["elementwise", "kl_elementwise", "gradients"]).json()
    assert np.shape(found["elementwise"]) == x.shape
    assert np.shape(found["kl_elementwise"]) == mu.shape
    np.testing.assert_array_equal(found["elementwise"], np.square(x / 2))
    shapes = {name: np.shape(array) for name, array in found["gradients"].items()}
    assert shapes == {"y": x.shape, "mu": mu.shape, "logvar": mu.shape}


def test_gradients_of_a_plain_autoencoder_have_no_latents(client: InProcess) -> None:
    found = client.loss(**PLAIN, include=["gradients"]).json()
    assert found["gradients"]["y"] == [[1.0, -1.0, -2.0], [-2.0, -2.0, -2.0]]
    assert found["gradients"]["mu"] is None
    assert found["gradients"]["logvar"] is None


def test_to_ask_twice_is_to_ask_once(client: InProcess) -> None:
    once = client.loss(**PLAIN, include=["elementwise"])
    twice = client.loss(**PLAIN, include=["elementwise", "elementwise"])
    assert once.content == twice.content


def test_collapse_has_a_forecast_for_every_variant(client: InProcess) -> None:
    found = client.loss(**TINY, include=["collapse"]).json()["collapse"]
    assert [*found] == ["total_variance", "covariance_spectrum", "variants"]
    assert found["total_variance"] == 6.75
    assert [*found["variants"]] == [*VARIANTS]
    assert found["variants"]["mean_mean+sum_mean"] == {"kl_upper_bound": 2.25, "linear_directions": 1}


def test_collapse_names_the_setting_that_bounds_it() -> None:
    with a_client(max_spectrum=1) as client:
        answer = client.loss(x=[[1, 2], [3, 4]], y=[[1, 2], [3, 4]], mu=[1, 2], logvar=[0, 0], include=["collapse"])
    assert answer.status_code == 422
    assert "at most 1 (LOSSGRID_MAX_SPECTRUM) samples" in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == "/include/0"


def test_collapse_has_no_bound_without_a_kl_weight(client: InProcess) -> None:
    found = client.loss(**TINY, beta=0, include=["collapse"]).json()["collapse"]
    assert {variant["kl_upper_bound"] for variant in found["variants"].values()} == {None}


def test_conventions_report_what_their_code_would(client: InProcess) -> None:
    unit = {
        "x": [[0, 1, 1], [1, 0, 1]],
        "y": [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]],
        "mu": [[1], [1]],
        "logvar": [[0], [0]],
    }
    rows = {(row["id"], row["when"]): row for row in client.loss(**unit, include=["conventions"]).json()["conventions"]}
    bce = rows["pytorch-examples-vae", None]
    assert bce["loss"] == "binary_cross_entropy"
    assert bce["total"] == pytest.approx(6 * np.log(2) + 2 * 0.5, rel=1e-15)
    assert bce["effective_beta"] == 1.0


def test_conventions_whose_loss_is_not_defined_are_left_out(client: InProcess) -> None:
    rows = client.loss(**TINY, include=["conventions"]).json()["conventions"]
    assert rows
    assert "pytorch-examples-vae" not in {row["id"] for row in rows}
    assert "binary_cross_entropy" not in {row["loss"] for row in rows}


def test_conventions_of_a_plain_autoencoder_have_no_kl(client: InProcess) -> None:
    rows = client.loss(**PLAIN, include=["conventions"]).json()["conventions"]
    assert rows
    assert {row["effective_beta"] for row in rows} == {None}


@pytest.mark.parametrize("name", [name for loss in LOSSES.values() for name in (loss.name, *loss.aliases)])
def test_every_name_of_every_loss_is_taken(client: InProcess, name: str) -> None:
    answer = client.loss(x=[[1, 0]], y=[[0.25, 0.5]], loss=name)
    assert answer.status_code == 200
    assert answer.json()["loss"] in LOSSES
    assert name in (answer.json()["loss"], *LOSSES[answer.json()["loss"]].aliases)


def test_a_parameter_changes_its_loss(client: InProcess) -> None:
    batch = {"x": [[4.0]], "y": [[0.0]], "loss": "huber"}
    assert client.loss(**batch).json()["terms"]["reconstruction"]["sum_mean"] == 3.5
    assert client.loss(**batch, delta=2).json()["terms"]["reconstruction"]["sum_mean"] == 6.0


def test_weights_weigh(client: InProcess) -> None:
    found = client.loss(**PLAIN, sample_weight=[1, 3]).json()
    assert found["terms"]["reconstruction"]["sum_sum"] == 42.0
    assert found["terms"]["reconstruction"]["sum_mean"] == 10.5


def test_a_batch_of_one_number_has_one_feature(client: InProcess) -> None:
    found = client.loss(x=[2], y=[0], mu=[0], logvar=[0]).json()
    assert found["shape"] == {"batch": 1, "features": [], "feature_count": 1, "latents": [], "latent_count": 1}
    assert {variant["reconstruction"] for variant in found["variants"].values()} == {4.0}


def test_the_deepest_array_that_the_limit_allows_is_answered(client: InProcess) -> None:
    x = "[" * 31 + "3" + "]" * 31
    answer = client.raw(f'{{"x": {x}, "y": {x}, "include": ["elementwise", "gradients"]}}'.encode())
    assert answer.status_code == 200
    assert answer.json()["shape"]["features"] == [1] * 30
    assert json.dumps(answer.json()["elementwise"]).count("[") == 31


def test_a_warning_has_a_code_and_a_detail(client: InProcess) -> None:
    found = client.loss(x=[[0.5, 0.5]], y=[[0.0, 0.0]], loss="bce_with_logits").json()["warnings"]
    assert [warning["code"] for warning in found] == ["bce_targets_not_binary"]
    assert "0.6931" in found[0]["detail"]

"""Every example of the document runs as it is, and every answer is what the schema says."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.api.examples import REQUESTS
from app.losses import LOSSES
from tests.contract.schemas import DOCUMENT, assert_conforms
from tests.inprocess import InProcess

SAMPLES = Path(__file__).parents[2] / "samples"
BODY = DOCUMENT["paths"]["/loss"]["post"]["requestBody"]["content"]
EXAMPLES = [
    pytest.param(media_type, example["value"], id=f"{media_type} {name}")
    for media_type, content in BODY.items()
    for name, example in content.get("examples", {}).items()
]
EVERYTHING = ["elementwise", "kl_elementwise", "gradients", "collapse", "conventions"]


def test_the_promised_examples_are_there() -> None:
    assert [*BODY["application/json"]["examples"]] == ["digits", "question", "tiny", "soft_labels"]
    for example in BODY["application/json"]["examples"].values():
        assert example["summary"]
        assert example["description"]
        assert len(json.dumps(example["value"])) < 4000


@pytest.mark.parametrize(("media_type", "value"), EXAMPLES)
def test_an_example_runs_and_its_answer_conforms(client: InProcess, media_type: str, value: dict[str, Any]) -> None:
    assert_conforms(value, "LossRequest")
    answer = client.request("POST", "/loss", content=json.dumps(value), headers={"content-type": media_type})
    assert answer.status_code == 200
    assert_conforms(answer.json(), "LossAnswer")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("latents", [True, False], ids=["with latents", "without"])
def test_every_loss_conforms_with_everything_included(client: InProcess, loss: str, *, latents: bool) -> None:
    batch: dict[str, Any] = {"x": [[0.0, 1.0], [1.0, 0.5]], "y": [[0.25, 0.5], [0.5, 0.75]], "loss": loss}
    include = [name for name in EVERYTHING if latents or name not in ("kl_elementwise", "collapse")]
    if latents:
        batch |= {"mu": [[[0.5]], [[1.0]]], "logvar": [[[0.0]], [[-1.0]]], "sample_weight": [1, 0.5]}
    if "squared_error" not in loss:
        include = [name for name in include if name != "collapse"]
    answer = client.loss(**batch, include=include)
    assert answer.status_code == 200
    assert_conforms(answer.json(), "LossAnswer")
    assert set(include) <= set(answer.json())


def test_the_catalogue_conforms(client: InProcess) -> None:
    for row in client.get("/losses").json():
        assert_conforms(row, "LossRow")
        assert client.get(f"/losses/{row['name']}").json() == row


@pytest.mark.parametrize(("path", "schema"), [("/healthz", "HealthAnswer"), ("/readyz", "ReadinessAnswer")])
def test_health_conforms(client: InProcess, path: str, schema: str) -> None:
    assert_conforms(client.get(path).json(), schema)


def test_the_schema_can_refuse() -> None:
    with pytest.raises(jsonschema.ValidationError):
        assert_conforms({"status": "ok", "more": 1}, "HealthAnswer")


@pytest.mark.parametrize("name", ["digits", "question"])
def test_an_example_is_the_beginning_of_its_sample(name: str) -> None:
    sample = json.loads(next(SAMPLES.glob(f"{name}*.json")).read_text(encoding="utf-8"))
    value = REQUESTS[name]["value"]
    for array in {"x", "y", "mu", "logvar"} & sample.keys():
        assert value[array] == sample[array][:3]


def test_the_digits_show_what_a_mean_over_the_pixels_does_to_a_vae(client: InProcess) -> None:
    found = client.loss(**REQUESTS["digits"]["value"]).json()
    assert found["variants"]["mean_mean+sum_mean"]["effective_beta"] == 64.0
    assert found["variants"]["mean_mean+sum_mean"]["implied_decoder_variance"] == 32.0
    assert found["collapse"]["variants"]["mean_mean+sum_mean"]["linear_directions"] == 0


def test_the_question_is_a_factor_of_ninety(client: InProcess) -> None:
    terms = client.loss(**REQUESTS["question"]["value"]).json()["terms"]["reconstruction"]
    assert terms["sum_mean"] == pytest.approx(90 * terms["mean_mean"], rel=1e-15)


def test_the_tiny_batch_is_what_its_description_says(client: InProcess) -> None:
    found = client.loss(**REQUESTS["tiny"]["value"]).json()
    assert found["per_sample"]["reconstruction"]["sum"] == [6.0, 12.0]
    assert found["per_sample"]["kl"]["sum"] == [1.0, 2.0]
    assert found["terms"]["reconstruction"]["sum_mean"] == 9.0


def test_the_answer_in_the_document_is_the_true_one(client: InProcess) -> None:
    content = DOCUMENT["paths"]["/loss"]["post"]["responses"]["200"]["content"]["application/json"]
    assert [*content["examples"]] == ["tiny"]
    assert content["examples"]["tiny"]["value"] == client.loss(**REQUESTS["tiny"]["value"]).json()


def test_soft_labels_warn(client: InProcess) -> None:
    found = client.loss(**REQUESTS["soft_labels"]["value"]).json()
    assert [warning["code"] for warning in found["warnings"]] == ["bce_targets_not_binary"]

"""POST /loss/identify: a printed number, and which loss of which code it is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.api.identify import MOST_BATCHES, answer
from app.conventions import CONVENTIONS, used_by
from app.formats import Format
from app.formats.json import encode
from app.formats.submission import Submission
from app.losses import InvalidOption
from tests.contract.schemas import DOCUMENT, assert_conforms
from tests.formats.files import form, npy, npz, safetensors
from tests.inprocess import InProcess
from tests.refusals import assert_problem

PLAIN: dict[str, Any] = {"x": [[1, 2, 3], [4, 5, 6]], "y": [[2, 1, 1], [2, 3, 4]]}
TINY = PLAIN | {"mu": [[1, 1], [2, 0]], "logvar": [[0, 0], [0, 0]]}
DIGITS = json.loads((Path(__file__).parents[2] / "samples/digits_vae.json").read_text(encoding="utf-8"))
OPERATION = DOCUMENT["paths"]["/loss/identify"]["post"]
EXAMPLES = OPERATION["requestBody"]["content"]["application/json"]["examples"]


def asked(client: InProcess, **fields: object) -> dict[str, Any]:
    """Post a question that is answered, and hold the answer against the schema."""
    response = client.request("POST", "/loss/identify", json=fields)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    assert_conforms(found, "IdentifyAnswer")
    return found


def refused(client: InProcess, slug: str, pointers: list[str], **fields: object) -> dict[str, Any]:
    """Post a question that is refused."""
    return assert_problem(client.request("POST", "/loss/identify", json=fields), slug, pointers=pointers)


def a_colour_image(seed: int = 0) -> dict[str, Any]:
    """Make a batch of seven colour images between 0 and 1, whose sizes have no factors in common."""
    rng = np.random.default_rng(seed)
    return {
        "x": rng.uniform(size=(7, 5, 11, 3)).tolist(),
        "y": rng.uniform(0.01, 0.99, size=(7, 5, 11, 3)).tolist(),
        "mu": rng.normal(size=(7, 13)).tolist(),
        "logvar": rng.normal(size=(7, 13)).tolist(),
    }


def formulas(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the first explanation, and what is the same number."""
    first = found["explanations"][0]
    return [first, *first["ambiguous_with"]]


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy", "poisson_nll"])
def test_every_variant_is_found_first(client: InProcess, loss: str) -> None:
    batch = a_colour_image()
    for name, variant in client.loss(**batch, loss=loss).json()["variants"].items():
        first = asked(client, **batch, loss=loss, observed=variant["total"], rtol=1e-9)["explanations"][0]
        assert (first["loss"], first["variant"], first["factor"], first["beta"]) == (loss, name, "1", 1.0)
        assert first["value"] == pytest.approx(variant["total"], rel=1e-14)
        assert first["used_by"] == variant["used_by"]


def test_the_answer_has_the_fields_that_are_promised(client: InProcess) -> None:
    found = asked(client, **TINY, observed=4.5, rtol=1e-6)
    assert [*found] == [
        "verdict",
        "rtol",
        "candidates",
        "expected_by_chance",
        "explanation_count",
        "explanations",
        "skipped",
    ]
    first = found["explanations"][0]
    assert first["formula"] == "mean_mean(squared_error) + sum_mean(kl)"
    assert first["term"] == "total"
    assert first["conventions"] == [{"id": "antixk-vanilla", "when": "validation"}]
    assert first["used_by"] == list(used_by("squared_error", "mean_mean+sum_mean"))
    assert [one["loss"] for one in found["skipped"]] == ["binary_cross_entropy", "binary_cross_entropy_with_logits"]
    assert "out of the domain" in found["skipped"][0]["reason"]


def test_nothing_is_found_for_a_number_that_is_nothing(client: InProcess) -> None:
    found = asked(client, **TINY, observed=4.4567891)
    assert found["verdict"]["code"] == "none"
    assert found["explanations"] == []
    assert found["candidates"] > 1000


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_it_is(client: InProcess, name: str) -> None:
    value = EXAMPLES[name]["value"]
    assert_conforms(value, "IdentifyRequest")
    assert (
        asked(client, **value)["explanations"][0]["formula"]
        == {
            "tiny": "mean_mean(squared_error) + sum_mean(kl)",
            "several": "sum_sum(squared_error)",
            "digits": "sum_mean(binary_cross_entropy) + sum_mean(kl)",
        }[name]
    )


# --- conventions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared_error", "gaussian_nll", "smooth_l1", "binary_cross_entropy_with_logits"])
def test_every_convention_is_found_from_the_number_that_it_would_report(client: InProcess, loss: str) -> None:
    batch = a_colour_image() | {"loss": loss}
    rows = client.loss(**batch, include=["conventions"]).json()["conventions"]
    missed = []
    for row in rows:
        found = asked(client, **batch, observed=row["total"], rtol=1e-9)
        if {"id": row["id"], "when": row["when"]} not in [use for one in formulas(found) for use in one["conventions"]]:
            missed.append((row["id"], row["when"]))
    assert len(rows) > 10
    assert missed == []


def test_torch_means_with_a_summed_divergence_are_found_by_name(client: InProcess) -> None:
    batch = a_colour_image()
    terms = client.loss(**batch).json()["terms"]
    mse = terms["reconstruction"]["mean_mean"]
    assert {"id": "torch-mse-loss", "when": "reduction='mean', the default"} in formulas(
        asked(client, **batch, observed=mse)
    )[0]["conventions"]
    training = asked(client, **batch, observed=mse + 0.00025 * terms["kl"]["sum_mean"], rtol=1e-7)
    first = training["explanations"][0]
    assert (first["formula"], first["beta"]) == ("mean_mean(squared_error) + 0.00025 * sum_mean(kl)", 0.00025)
    assert {"id": "antixk-vanilla", "when": "training"} in first["conventions"]


@pytest.mark.parametrize(
    ("loss", "variant", "digits", "id_"),
    [
        ("squared_error", "mean_mean+sum_mean", 4, "keras-2016-07-stylefix"),
        ("binary_cross_entropy", "sum_sum+sum_sum", 6, "pytorch-examples-vae"),
        ("binary_cross_entropy", "mean_mean+mean_mean", 5, "keras-2016-05-first"),
        ("squared_error", "mean_mean+mean_mean", 5, "ethanluoyc-vae"),
        ("squared_error", "sum_sum+sum_sum", 7, "ctallec-world-models"),
    ],
)
def test_what_a_training_script_prints_of_the_digits_leads_to_it(
    client: InProcess, loss: str, variant: str, digits: int, id_: str
) -> None:
    batch = {name: DIGITS[name] for name in ("x", "y", "mu", "logvar")}
    named = CONVENTIONS[id_].losses[0]
    total = client.loss(**batch, loss=named).json()["variants"][variant]["total"]
    printed = float(f"{total:.{digits}g}")
    found = asked(client, **batch, loss=loss, observed=printed, rtol=0.5 * 10.0 ** (1 - digits))
    first = found["explanations"][0]
    assert (first["loss"], first["variant"], first["factor"]) == (named, variant, "1")
    assert id_ in [use["id"] for use in first["conventions"]]
    assert found["verdict"]["code"] == "unique"


def test_a_formula_of_its_own_is_written_with_its_parameters(client: InProcess) -> None:
    batch = a_colour_image()
    terms = client.loss(**batch).json()["terms"]
    number = 255 * terms["reconstruction"]["sum_mean"] + 4 * terms["kl"]["sum_mean"]
    first = asked(client, **batch, observed=number, rtol=1e-9)["explanations"][0]
    assert first["formula"] == "255 * sum_mean(squared_error) + beta * sum_mean(kl), beta = 4"
    assert first["factor"] == "255"
    assert first["beta"] == pytest.approx(4 / 255)
    assert first["conventions"] == [{"id": "disentangling-vae-gaussian", "when": None}]


def test_a_mean_over_the_last_axis_is_a_factor(client: InProcess) -> None:
    batch = a_colour_image()
    total = client.loss(**batch, loss="bce").json()["variants"]["sum_sum+sum_sum"]["reconstruction"]
    first = asked(client, **batch, observed=total / 3, rtol=1e-9, loss="bce")["explanations"][0]
    assert first["formula"] == "1/C * sum_sum(binary_cross_entropy)"
    assert {"id": "keras-bce", "when": "reduction='sum'"} in first["conventions"]


def test_a_variance_that_a_convention_fixes_is_its_parameter(client: InProcess) -> None:
    batch = a_colour_image()
    row = CONVENTIONS["alibi-detect-outliervae"]
    gaussian = client.loss(**batch, loss="gaussian_nll", variance=0.0025).json()["variants"]["sum_mean+mean_mean"]
    first = asked(client, **batch, observed=gaussian["total"], rtol=1e-9)["explanations"][0]
    assert first["parameters"] == {"variance": 0.0025}
    assert first["conventions"] == [{"id": row.id, "when": None}]


def test_without_latents_no_convention_has_a_divergence(client: InProcess) -> None:
    found = asked(client, **PLAIN, observed=3.0)
    uses = [use["id"] for use in found["explanations"][0]["conventions"]]
    assert "torch-mse-loss" in uses
    assert "antixk-vanilla" not in uses


def test_a_divergence_alone_is_used_by_none_but_layers(client: InProcess) -> None:
    batch = a_colour_image()
    kl = client.loss(**batch).json()["terms"]["kl"]
    first = asked(client, **batch, observed=kl["sum_sum"], rtol=1e-9)["explanations"][0]
    assert (first["term"], first["loss"], first["used_by"], first["parameters"]) == ("kl", None, [], {})
    assert "chainer-gaussian-kl" in [use["id"] for use in first["conventions"]]


# --- several batches ------------------------------------------------------------------------------


def test_several_batches_tell_a_sum_from_a_mean(client: InProcess) -> None:
    batch = {"x": [[1, 2, 3], [4, 5, 6], [0, 1, 0]], "y": [[2, 1, 1], [2, 3, 4], [0, 0, 0]]}
    alone = asked(client, x=batch["x"][:1], y=batch["y"][:1], observed=6)
    assert alone["verdict"]["code"] == "ambiguous"
    both = asked(client, **batch, observed=[6, 13], batch_sizes=[1, 2])
    assert both["verdict"]["code"] == "unique"
    assert both["explanations"][0]["variant"] == "sum_sum"
    assert both["explanations"][0]["value"] == [6.0, 13.0]
    mean = asked(client, **batch, observed=[6, 6.5], batch_sizes=[1, 2])
    assert mean["explanations"][0]["variant"] == "sum_mean"


def test_a_list_of_one_is_the_whole_batch(client: InProcess) -> None:
    found = asked(client, **TINY, observed=[4.5])
    assert found["explanations"][0]["value"] == [4.5]
    assert asked(client, **TINY, observed=[4.5], batch_sizes=[2])["explanations"] == found["explanations"]


def test_as_many_batches_as_are_allowed_are_answered(client: InProcess) -> None:
    x = [[float(i), 1.0] for i in range(MOST_BATCHES)]
    observed = [i * i + 1.0 for i in range(MOST_BATCHES)]
    found = asked(client, x=x, y=[[0, 0]] * MOST_BATCHES, observed=observed, batch_sizes=[1] * MOST_BATCHES)
    assert found["explanations"][0]["variant"] == "sum_mean"


# --- what is taken, and what is refused -----------------------------------------------------------


def test_the_options_of_a_loss_are_taken(client: InProcess) -> None:
    batch = a_colour_image() | {"loss": "huber", "delta": 0.25, "beta": 0.5, "sample_weight": [1, 2, 3, 4, 5, 6, 0]}
    total = client.loss(**batch).json()["variants"]["mean_sum+sum_mean"]["total"]
    first = asked(client, **batch, observed=total, rtol=1e-9, include=["gradients"])["explanations"][0]
    assert (first["loss"], first["parameters"], first["beta"]) == ("huber", {"delta": 0.25}, 0.5)
    assert first["variant"] == "mean_sum+sum_mean"


def test_what_a_loss_refuses_is_refused(client: InProcess) -> None:
    refused(client, "out-of-domain", ["/x/0/1", "/y/0/0"], **PLAIN, observed=1, loss="bce")
    refused(client, "unknown-loss", ["/loss"], **PLAIN, observed=1, loss="msse")
    refused(client, "invalid-option", ["/delta"], **PLAIN, observed=1, delta=1)
    refused(client, "unknown-field", ["/obseved"], **PLAIN, obseved=1)
    refused(client, "missing-field", ["/logvar"], **PLAIN, mu=[[1], [1]], observed=1)
    refused(client, "shape-mismatch", ["/y"], x=[1, 2], y=[1], observed=1)
    refused(client, "overflow", ["/x/0"], x=[1e200], y=[0], observed=1)


def test_a_loss_that_overflows_is_skipped_if_it_was_not_asked_about(client: InProcess) -> None:
    found = asked(client, x=[1e200, 1.0], y=[0, 0], loss="mae", observed=5e199)
    assert found["explanations"][0]["formula"] == "sum_mean(absolute_error)"
    assert "squared_error" in [one["loss"] for one in found["skipped"]]


def test_what_is_missing_is_asked_for(client: InProcess) -> None:
    document = refused(client, "missing-field", ["/observed"], **PLAIN)
    assert "the number that was printed" in document["detail"]
    refused(client, "missing-field", ["/x", "/y"])
    document = refused(client, "missing-field", ["/batch_sizes"], **PLAIN, observed=[1, 2])
    assert "how many samples" in document["detail"]


@pytest.mark.parametrize(
    ("observed", "pointers"),
    [
        ("0.0231", ["/observed"]),
        (True, ["/observed"]),
        ({}, ["/observed"]),
        ([], ["/observed"]),
        ([1.0] * 101, ["/observed"]),
        ([1, "2", [3]], ["/observed/1", "/observed/2"]),
    ],
    ids=["text", "truth", "object", "none", "101", "items"],
)
def test_what_is_no_number_is_refused_with_what_is_wanted(
    client: InProcess, observed: object, pointers: list[str]
) -> None:
    document = refused(client, "invalid-option", pointers, **PLAIN, observed=observed)
    assert "a finite number, or a list of 1 to 100 of them" in document["detail"]


def test_a_million_observed_numbers_are_refused_unread(client: InProcess) -> None:
    document = refused(client, "invalid-option", ["/observed"], **PLAIN, observed=[1.0] * 1_000_000)
    assert "is a list of more than 16,384 bytes" in document["detail"]


def test_null_nan_and_what_no_double_holds_are_refused(client: InProcess) -> None:
    refused(client, "null-field", ["/observed"], **PLAIN, observed=None)
    headers = {"content-type": "application/json"}
    for text, slug in (
        ("NaN", "malformed-body"),
        ("Infinity", "malformed-body"),
        ("1e400", "number-out-of-range"),
        ("9" * 400, "number-out-of-range"),
    ):
        body = f'{{"x": [1], "y": [2], "observed": {text}}}'.encode()
        assert_problem(client.request("POST", "/loss/identify", content=body, headers=headers), slug)


@pytest.mark.parametrize("number", [10**400, float("nan"), float("-inf"), np.float64("inf"), None])
def test_whatever_a_format_hands_over_is_looked_at(number: object) -> None:
    def decode(_: bytes, __: frozenset[str], **___: int) -> Submission:
        arrays = {"x": np.ones((2, 2)), "y": np.zeros((2, 2))}
        return Submission(arrays, {"observed": [1.0, number], "batch_sizes": [1, 1]})

    form = Format("application/json", decode, encode)
    with pytest.raises(InvalidOption) as caught:
        answer(b"", form, form, max_depth=32, max_integer_digits=1000)
    assert caught.value.faults[0].path == ("observed", 1)


@pytest.mark.parametrize("rtol", [0, -1e-4, 1e-13, 0.11, "1e-4", True, [1e-4]])
def test_an_impossible_tolerance_is_refused(client: InProcess, rtol: object) -> None:
    document = refused(client, "invalid-option", ["/rtol"], **PLAIN, observed=3.0, rtol=rtol)
    assert "from 1e-12 to 0.1" in document["detail"]


def test_everything_that_is_wrong_is_named_at_once(client: InProcess) -> None:
    document = refused(
        client, "invalid-option", ["/observed", "/rtol", "/batch_sizes"], **PLAIN, observed="1", rtol=7, batch_sizes=1
    )
    assert "There is more to mend in rtol and batch_sizes." in document["detail"]


@pytest.mark.parametrize("sizes", [2, "2", [2.0], [True], [0, 2], [-1, 3], [[2]], {}])
def test_sizes_that_are_none_are_refused(client: InProcess, sizes: object) -> None:
    refused(client, "invalid-option", ["/batch_sizes"], **PLAIN, observed=3.0, batch_sizes=sizes)


@pytest.mark.parametrize(
    ("observed", "sizes"), [([1, 2], [2]), (1, []), (1, [1, 1]), ([1, 2], [1, 2]), (1, [3]), ([1], [10**30])]
)
def test_sizes_that_do_not_fit_are_refused(client: InProcess, observed: object, sizes: list[int]) -> None:
    refused(client, "shape-mismatch", ["/batch_sizes"], **PLAIN, observed=observed, batch_sizes=sizes)


def test_a_batch_without_weight_is_refused(client: InProcess) -> None:
    batch = PLAIN | {"sample_weight": [1, 0], "observed": [1, 2], "batch_sizes": [1, 1]}
    refused(client, "out-of-domain", ["/sample_weight/1"], **batch)


@pytest.mark.parametrize("query", ["", "?rtol=1e-6"], ids=["body", "query"])
def test_the_same_question_in_every_format_has_the_same_answer(client: InProcess, query: str) -> None:
    batch = {"x": np.array([[1, 2, 3], [4, 5, 6], [0, 1, 0]]), "y": np.array([[2, 1, 1], [2, 3, 4], [0, 0, 0]])}
    options = {"observed": [6, 13], "batch_sizes": [1, 2], "beta": 0.5}
    wanted = asked(client, **{name: array.tolist() for name, array in batch.items()}, **options, rtol=1e-6)
    texts = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in options.items()}
    parts = [(name, npy(array)) for name, array in batch.items()], [(name, str(text)) for name, text in texts.items()]
    bodies = {
        "multipart/form-data; boundary=bound": form(*parts[0], *parts[1], *([] if query else [("rtol", "1e-6")])),
        "application/x-npz": npz(**batch),
        "application/vnd.safetensors": safetensors(**batch),
    }
    for media_type, body in bodies.items():
        asks = query if "form" in media_type else "?rtol=1e-6&" + "&".join(f"{key}={one}" for key, one in texts.items())
        address, headers = "/loss/identify" + asks, {"content-type": media_type}
        assert client.request("POST", address, content=body, headers=headers).json() == wanted


@pytest.mark.parametrize("observed", [[6, 13], [6]], ids=["two", "one"])
def test_a_list_of_observed_numbers_may_repeat_its_name(client: InProcess, observed: list[int]) -> None:
    batch = {"x": [[1, 2, 3], [4, 5, 6], [0, 1, 0]], "y": [[2, 1, 1], [2, 3, 4], [0, 0, 0]]}
    sizes = [1, 2] if len(observed) > 1 else [3]
    wanted = asked(client, **batch, observed=observed if len(observed) > 1 else 6, batch_sizes=sizes)
    repeated = [("observed", str(one)) for one in observed] + [("batch_sizes", str(one)) for one in sizes]
    query = "&".join(f"{name}={text}" for name, text in repeated)
    assert client.request("POST", f"/loss/identify?{query}", json=batch).json() == wanted
    body = form(*((name, npy(np.array(array))) for name, array in batch.items()), *repeated)
    headers = {"content-type": "multipart/form-data; boundary=bound"}
    assert client.request("POST", "/loss/identify", content=body, headers=headers).json() == wanted


def test_the_way_in_and_out_is_that_of_a_loss(client: InProcess) -> None:
    assert_problem(client.get("/loss/identify"), "method-not-allowed")
    plain = {"content-type": "text/plain"}
    refusal = client.request("POST", "/loss/identify", content=b"{}", headers=plain)
    assert_problem(refusal, "unsupported-media-type")
    assert "application/json" in refusal.headers["accept-post"]
    html = {"accept": "text/html"}
    assert_problem(client.request("POST", "/loss/identify", json=PLAIN, headers=html), "not-acceptable")


@pytest.mark.parametrize("number", [5e-324, -5e-324, 1.7e308, -1.7e308, 1e-300, 0, -0.0])
@pytest.mark.parametrize("loss", ["squared_error", "gaussian_nll", "log_cosh"])
def test_whatever_the_number_and_the_batch_it_is_answered(client: InProcess, number: float, loss: str) -> None:
    for x, y in (([1.0, 2.0], [1.0, 2.0]), ([1e100, 1.0], [-1e100, 3.0]), ([5e-324, 0.0], [0.0, 1e-310])):
        for weights in ({}, {"sample_weight": [1e-100, 1e-105]}, {"sample_weight": [1e5, 1e-100]}):
            latents = {"mu": [0.0, 1e-200], "logvar": [0.0, 0.0]}
            asked(client, x=x, y=y, **latents, **weights, loss=loss, observed=number, rtol=0.1)

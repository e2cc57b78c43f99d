"""A batch is not larger than the settings say, nor is the answer to it, and that is found before it is computed."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from app.api import loss
from tests.formats.files import npz
from tests.inprocess import InProcess, a_client
from tests.refusals import assert_problem

X = np.zeros((6, 2, 2))
MU = np.zeros((6, 3))


def ask(client: InProcess, query: str = "", path: str = "/loss", **arrays: Any) -> httpx.Response:  # noqa: ANN401 - whatever NumPy takes
    headers = {"content-type": "application/x-npz"}
    return client.request("POST", path + query, content=npz(**arrays), headers=headers)


@pytest.mark.parametrize("path", ["/loss", "/loss/identify?observed=1"])
@pytest.mark.parametrize(
    ("arrays", "place"),
    [
        ({"x": X, "y": X}, "/x"),
        ({"x": X[:5], "y": X}, "/y"),
        ({"x": X[:5], "y": X[:5], "sample_weight": np.ones(6)}, "/sample_weight"),
    ],
)
def test_more_samples_than_are_taken(path: str, arrays: dict[str, Any], place: str) -> None:
    with a_client(max_samples=5) as client:
        document = assert_problem(ask(client, path=path, **arrays), "batch-too-large", pointers=[place])
        assert "6 samples; at most 5 are taken (LOSSGRID_MAX_SAMPLES)" in document["detail"]
        assert ask(client, path=path, x=X[:5], y=X[:5]).status_code == 200


@pytest.mark.parametrize("path", ["/loss", "/loss/identify?observed=1"])
def test_samples_that_are_larger_than_are_taken(path: str) -> None:
    with a_client(max_features=3) as client:
        document = assert_problem(ask(client, path=path, x=X, y=X), "batch-too-large", pointers=["/x"])
        assert "4 numbers in a sample; at most 3 are taken (LOSSGRID_MAX_FEATURES)" in document["detail"]
        wide: dict[str, Any] = {"x": X[:, 0], "y": X[:, 0], "mu": X, "logvar": X}
        assert_problem(ask(client, path=path, **wide), "batch-too-large", pointers=["/mu"])
        assert ask(client, path=path, **wide | {"mu": MU, "logvar": MU}).status_code == 200


def test_an_array_without_axes_is_refused_for_that(client: InProcess) -> None:
    assert_problem(ask(client, x=1.0, y=2.0), "shape-mismatch")


@pytest.mark.parametrize(
    ("arrays", "include", "numbers", "place"),
    [
        ({}, [], 12, "/x"),
        ({"mu": MU, "logvar": MU}, [], 48, "/x"),
        ({}, ["collapse", "conventions"], 12, "/x"),
        ({}, ["conventions", "elementwise"], 36, "/include/1"),
        ({"mu": MU, "logvar": MU}, ["kl_elementwise"], 66, "/include/0"),
        ({"mu": MU, "logvar": MU}, ["elementwise", "gradients", "kl_elementwise"], 150, "/include/1"),
    ],
)
def test_an_answer_that_would_be_too_large(
    monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Any], include: list[str], numbers: int, place: str
) -> None:
    query = f"?include={','.join(include)}"
    with a_client(max_answer_bytes=8 * numbers) as client:
        # collapse is not there without mu and logvar, but neither is it too large
        assert ask(client, query, x=X, y=X, **arrays).status_code == (422 if "collapse" in include else 200)
    monkeypatch.setattr(loss, "dress", lambda *_: pytest.fail("it was computed"))
    with a_client(max_answer_bytes=8 * numbers - 1) as client:
        answer = ask(client, query, x=X, y=X, **arrays)
        document = assert_problem(answer, "batch-too-large", pointers=[place])
        assert f"{8 * numbers} bytes; at most {8 * numbers - 1}" in document["detail"]
        assert "LOSSGRID_MAX_ANSWER_BYTES" in document["detail"]


def test_the_size_of_an_answer_is_what_is_counted() -> None:
    query = "?include=elementwise,kl_elementwise,gradients"
    with a_client() as client:
        answer = ask(client, query, x=X, y=X, mu=MU, logvar=MU)

    def count(node: Any) -> int:  # noqa: ANN401 - any JSON value
        if isinstance(node, dict):
            return sum(map(count, node.values()))
        return sum(map(count, node)) if isinstance(node, list) else isinstance(node, float)

    document = json.loads(answer.content)
    fields = ("per_sample", "elementwise", "kl_elementwise", "gradients")
    assert sum(count(document[name]) for name in fields) == 48 + 24 + 18 + 60

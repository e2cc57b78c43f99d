"""Whoever is compared computes the same."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from app.losses import Batch, Objective, report, tally
from benchmarks.batches import Size, arrays, upload
from benchmarks.services import limit, usual
from benchmarks.services.reductions import Array, document, totals, vectors

SIZES = [Size(1, 10), Size(6, 5), Size(6, 5, 3)]
MAX_FEATURES = 5


async def asked(application: Any, target: str, body: bytes) -> tuple[int, bytes]:  # noqa: ANN401 - an ASGI application
    """Post a body in two pieces; return the status and the answer."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "asgi": {"version": "3.0"},
        "server": ("host", 80),
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }
    pieces = [{"body": body[:10], "more_body": True}, {"body": body[10:], "more_body": False}]
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", **pieces.pop(0)}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


def reported(batch: Mapping[str, Array]) -> dict[str, float]:
    """Compute every total with the core of the service."""
    made, objective = Batch.of(dict(batch)), Objective.of("squared_error")
    (chunk,) = made.chunks()
    return {name: one.total for name, one in report(made, tally(chunk, objective), objective).variants.items()}


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_function_that_all_others_have_is_ours(size: Size) -> None:
    batch = arrays(size)
    expected = reported(batch)
    assert totals(vectors(**batch)) == pytest.approx(expected)
    variants = document(batch["x"], batch["y"], batch.get("mu"), batch.get("logvar"))["variants"]
    assert {name: one["total"] for name, one in variants.items()} == pytest.approx(expected)


def test_the_function_knows_what_a_variant_amounts_to() -> None:
    batch = arrays(Size(6, 5, 3))
    variants = document(batch["x"], batch["y"], batch["mu"], batch["logvar"], beta=2.0)["variants"]
    assert variants["mean_mean+sum_mean"]["effective_beta"] == pytest.approx(10)
    assert variants["mean_sum+mean_mean"]["scale"] == pytest.approx(6 / 5)
    assert variants["mean_sum+mean_mean"]["effective_beta"] == pytest.approx(2 / 3 / (6 / 5))


@pytest.mark.parametrize("names", [{"x": "y"}, {"mu": "x"}])
def test_the_function_refuses_shapes_that_differ(names: dict[str, str]) -> None:
    batch = arrays(Size(6, 5, 3))
    batch |= {name: batch[other][:, :2] for name, other in names.items()}
    with pytest.raises(ValueError, match="differ"):
        vectors(**batch)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_usual_service_answers(size: Size) -> None:
    batch = arrays(size)
    status, answer = asyncio.run(asked(usual.app, "/loss", upload("JSON", batch, ("elementwise",)).body))
    assert status == 200
    read = json.loads(answer)
    assert {name: one["total"] for name, one in read["variants"].items()} == pytest.approx(reported(batch))
    np.testing.assert_allclose(read["elementwise"], (batch["x"] - batch["y"]) ** 2)
    assert len(read["per_sample"]["reconstruction"]["sum"]) == size.samples


@pytest.mark.parametrize(
    "body", [b'{"x":[[1.0]]}', b'{"x":[[1.0]],"y":[[1.0,2.0]]}', b'{"x":[[1.0],[1.0,2.0]],"y":[]}']
)
def test_the_usual_service_refuses(body: bytes) -> None:
    status, _ = asyncio.run(asked(usual.app, "/loss", body))
    assert status == 422


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/bytes", "npz float32"),
        ("/json", "JSON"),
        ("/gzip-json", "JSON, gzip"),
        ("/deflate", "npz float64, compressed"),
        ("/csv", "form of .csv"),
    ],
)
def test_the_limit_answers_as_long_as_it_is_told(path: str, form: str) -> None:
    body = upload(form, arrays(Size(6, 5, 3))).body
    assert asyncio.run(asked(limit.app, f"{path}?123", body)) == (200, b" " * 123)
    assert asyncio.run(asked(limit.app, "/echo", body)) == (200, body)


@pytest.mark.parametrize(
    ("path", "body"), [("/json", b'{"x":[[1.0,]]}'), ("/gzip-json", gzip.compress(b"{")), ("/deflate", b"PK")]
)
def test_the_limit_does_the_work(path: str, body: bytes) -> None:
    with pytest.raises(Exception, match=r"JSON|zip|parse|TAPE|structure"):
        asyncio.run(asked(limit.app, f"{path}?1", body))

"""The example of every kind of problem, as its page and OpenAPI show it, is what the service really says."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import anyio
import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Query

from app.api.errors import KIND_OF
from app.formats.errors import DecodeError
from app.losses import LossInputError, Objective
from app.problems import EXAMPLE_INSTANCE, KINDS, render
from tests.formats.files import npz
from tests.inprocess import InProcess, a_client, a_scope, an_app

X = [[0.0, 1.0], [1.0, 0.0]]
Y = [[0.5, 0.5], [0.5, 0.5]]
BATCH: Final[Mapping[str, object]] = MappingProxyType({"x": X, "y": Y})

Ask = Callable[[InProcess], httpx.Response]


def raw(body: str, **headers: str) -> Ask:
    return lambda client: client.raw(body.encode(), **headers)


def loss(**fields: object) -> Ask:
    return lambda client: client.loss(**{**BATCH, **fields})


def archive(**arrays: Any) -> Ask:  # noqa: ANN401 - whatever NumPy takes
    body = npz(**{"x": X, "y": Y} | arrays)
    return lambda client: client.raw(body, content_type="application/x-npz")


def request(method: str, path: str, **headers: str) -> Ask:
    return lambda client: client.request(method, path, headers=headers)


def not_ready(client: InProcess) -> httpx.Response:
    client.app.state.capacity.close()
    return client.loss(**BATCH)


REQUESTS: Final[Mapping[str, Ask]] = {
    "malformed-body": raw('{"x": [[0, NaN]]}'),
    "not-found": request("GET", "/losses/hubber"),
    "method-not-allowed": request("GET", "/loss"),
    "not-acceptable": raw("{}", accept="text/html"),
    "body-too-large": raw("{}", content_length="67108865"),
    "batch-too-large": archive(x=np.zeros(1_000_001, "u1")),
    "unsupported-media-type": request("POST", "/loss"),
    "unsupported-content-encoding": raw("{}", content_encoding="br"),
    "not-an-object": raw("[[0, 1]]"),
    "unknown-field": loss(logVar=[[0], [0]]),
    "duplicate-field": raw('{"x": [0, 1], "x": [0, 1], "y": [0, 1]}'),
    "missing-field": raw('{"x": [0, 1]}'),
    "not-a-number": loss(x=[[0, 1], ["0.5", 0]]),
    "null-field": loss(beta=None),
    "number-out-of-range": raw('{"x": [[0, 1], [1, 1e999]], "y": [[0, 1], [1, 0]]}'),
    "ragged-array": loss(x=[[0, 1], [1]]),
    "shape-mismatch": loss(y=[[0.5], [0.5]]),
    "wrong-type": archive(x=np.array(X, complex)),
    "not-finite": archive(y=[[0.5, np.nan], [0.5, np.inf]]),
    "out-of-domain": loss(y=[[0.5, 1.2], [0.5, 0.5]], loss="binary_cross_entropy"),
    "unknown-loss": loss(loss="hubber"),
    "invalid-option": loss(delta=2),
    "overflow": loss(x=[[0, 1], [1, 1e200]]),
    "not-ready": not_ready,
}
"""A request for every kind that a client of the service can meet by what it sends."""


def assert_is_the_example(document: dict[str, Any], slug: str) -> None:
    shown = json.loads(render(KINDS[slug].example, EXAMPLE_INSTANCE))
    assert {**document, "instance": EXAMPLE_INSTANCE} == shown


@pytest.mark.parametrize(("slug", "ask"), REQUESTS.items(), ids=REQUESTS)
def test_an_example_is_what_the_service_says(slug: str, ask: Ask) -> None:
    with a_client() as client:
        assert_is_the_example(ask(client).json(), slug)


def answer_to(app: FastAPI, *headers: tuple[bytes, bytes], leaves: bool = False) -> dict[str, Any]:
    """Post the head of a request, then leave or be silent; give the problem that is answered."""
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        if not leaves:
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's messages are looser than that
        sent.append(message)

    asyncio.run(app(a_scope(*headers), receive, send))
    found: dict[str, Any] = json.loads(sent[1]["body"])
    return found


def test_the_example_of_a_client_that_leaves() -> None:
    assert_is_the_example(answer_to(an_app(), (b"host", b"localhost"), leaves=True), "incomplete-body")


def test_the_example_of_a_client_that_names_no_host() -> None:
    assert_is_the_example(answer_to(an_app()), "bad-host")


def test_the_example_of_a_client_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    wait = asyncio.timeout

    def briefly(seconds: float) -> asyncio.Timeout:
        asked.append(seconds)
        return wait(0.01)

    monkeypatch.setattr("app.gates.silence.asyncio.timeout", briefly)
    assert_is_the_example(answer_to(an_app(), (b"host", b"localhost")), "request-timeout")
    assert asked == [8]


def test_the_examples_of_what_no_request_should_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_client() as client:

        async def number(count: int = Query()) -> None:
            raise AssertionError(count)

        client.app.add_api_route("/number", number)
        assert_is_the_example(client.get("/number").json(), "invalid-request")

        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Objective, "of", fail)
        assert_is_the_example(client.loss(**BATCH).json(), "internal-error")

        def starve(*_: object, **__: object) -> None:
            raise MemoryError

        monkeypatch.setattr(Objective, "of", starve)
        answer = client.loss(**BATCH)
        assert answer.headers["retry-after"] == "5"
        assert_is_the_example(answer.json(), "out-of-memory")


def test_the_example_of_a_spool_without_room() -> None:
    with a_client(spool_directory="/no such place", spool_threshold_bytes=1) as client:
        assert_is_the_example(client.loss(**BATCH).json(), "spool-full")


def test_the_examples_of_a_service_that_has_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr("app.api.loss.answer", lambda *_, **__: b"%d" % go.wait(20))
    in_a_thread = {**BATCH, "include": []}  # a brief body includes nothing

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        app = an_app(computing_threads=2)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            posted = [asyncio.create_task(client.post("/loss", json=in_a_thread)) for _ in range(34)]
            while app.state.capacity.waiting_count < 32:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.01)
            refused = await client.post("/loss", json=in_a_thread)
            app.state.capacity._too_long(next(iter(app.state.capacity._running)))  # noqa: SLF001 - as after 60 s
            done, _ = await asyncio.wait(posted, return_when=asyncio.FIRST_COMPLETED)
            go.set()
            await asyncio.wait(posted)
            return refused, done.pop().result()

    full, late = asyncio.run(ask())
    assert_is_the_example(full.json(), "over-capacity")
    assert_is_the_example(late.json(), "computing-too-long")


def test_the_examples_of_whom_is_let_in(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-some-length\n", "ascii")
    with a_client(tokens_file=str(tokens)) as client:
        assert_is_the_example(client.loss(**BATCH).json(), "unauthorized")
    with a_client(rate_per_minute=60) as client:
        for _ in range(60):
            client.raw(b"")
        assert_is_the_example(client.raw(b"").json(), "too-many-requests")


def test_whatever_is_refused_has_its_kind() -> None:
    assert {*DecodeError.__subclasses__(), *LossInputError.__subclasses__()} == {*KIND_OF}


def test_every_kind_is_provoked() -> None:
    by_hand = {
        "incomplete-body",
        "bad-host",
        "unauthorized",
        "too-many-requests",
        "request-timeout",
        "invalid-request",
        "internal-error",
        "spool-full",
        "out-of-memory",
        "over-capacity",
        "computing-too-long",
    }
    below = {"head-too-large"}  # the application is not even called; tests/e2e/test_protocol.py
    assert {*REQUESTS} | by_hand | below == set(KINDS)

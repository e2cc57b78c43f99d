"""Whoever goes beyond a limit is told by which setting it can be changed: every limit, gone beyond once."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx
import numpy as np
import pytest

from app.gates.intake import FREE_BYTES
from app.losses.checkpoint import Checkpoint
from app.settings import Settings, limits
from app.variables import variable
from tests.e2e.process import Running, running
from tests.e2e.test_protocol import BATCH, HEALTH, LOSS, answers
from tests.formats.files import npz
from tests.inprocess import InProcess, a_client

PATIENCE = 20
IN_A_THREAD = BATCH[:-1] + b', "include": []}'
"""A body that is not brief."""

Ask = Callable[[InProcess], httpx.Response]


def posted(body: bytes, content_type: str = "application/json", **headers: str) -> Ask:
    return lambda client: client.raw(body, content_type=content_type, **headers)


def zeros(count: int) -> bytes:
    return npz(compressed=True, x=np.zeros(count, np.uint8))


def twice(client: InProcess) -> httpx.Response:
    client.raw(BATCH)
    return client.raw(BATCH)


def endless(*_: object, checkpoint: Checkpoint, **__: object) -> bytes:
    """Compute until a checkpoint says that it is enough."""
    while True:
        time.sleep(0.01)
        checkpoint()


def for_ever(client: InProcess) -> httpx.Response:
    """Post what takes too long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.api.loss.answer", endless)
        return client.raw(IN_A_THREAD)


def beside(client: InProcess) -> httpx.Response:
    """Post while somebody else has the only thread."""
    capacity = client.app.state.capacity

    async def stays() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def ask() -> httpx.Response:
        other = asyncio.create_task(capacity.run(lambda checkpoint: endless(checkpoint=checkpoint), stays))
        await asyncio.sleep(0)
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            headers = {"content-type": "application/json"}
            answer = await asking.post("/loss", content=IN_A_THREAD, headers=headers)
        other.cancel()
        return answer

    return client.run(ask())


IN_PROCESS: Final[dict[str, list[tuple[dict[str, int], Ask]]]] = {
    "rate_per_minute": [({"rate_per_minute": 1}, twice)],
    "max_json_bytes": [
        ({"max_json_bytes": 10}, posted(BATCH)),
        ({"max_json_bytes": 100}, posted(gzip.compress(b" " * 101), content_encoding="gzip")),
    ],
    "max_upload_bytes": [
        ({"max_upload_bytes": 10}, posted(zeros(1), "application/x-npz")),
        ({"max_upload_bytes": 2**20}, posted(zeros(2**20 + 1), "application/x-npz")),
        ({"max_upload_bytes": 100}, posted(gzip.compress(bytes(101)), "application/x-npz", content_encoding="gzip")),
    ],
    "max_expansion": [
        ({"max_expansion": 3}, posted(zeros(2**20 + 1), "application/x-npz")),
        (
            {"max_expansion": 3},
            posted(gzip.compress(bytes(FREE_BYTES + 1)), "application/x-npz", content_encoding="gzip"),
        ),
    ],
    "max_samples": [({"max_samples": 1}, posted(b'{"x": [1, 2], "y": [1, 2]}'))],
    "max_features": [({"max_features": 1}, posted(BATCH))],
    "max_answer_bytes": [({"max_answer_bytes": 8}, posted(BATCH))],
    "max_json_depth": [({"max_json_depth": 2}, posted(BATCH))],
    "max_integer_digits": [
        ({"max_integer_digits": 17}, posted(b'{"x": [1], "y": [123456789012345678]}')),
        ({"max_integer_digits": 17}, posted(b'{"x": [1], "y": [1], "beta": 123456789012345678}')),
        ({}, posted(b'{"x": [1], "y": [%s]}' % (b"9" * 321))),
    ],
    "max_spectrum": [
        (
            {"max_spectrum": 1},
            posted(
                b'{"x": [[1, 2], [2, 1]], "y": [[1, 2], [2, 1]], "mu": [[0], [1]], "logvar": [[0], [0]],'
                b' "include": ["collapse"]}'
            ),
        )
    ],
    "max_waiting": [({"computing_threads": 1, "max_waiting": 0}, beside)],
    "computing_seconds": [({"computing_seconds": 1}, for_ever)],
}
"""How the application is set up, and what is asked of it."""

TIGHT: Final = {
    "head_seconds": 2,
    "max_head_bytes": 1024,
    "max_head_lines": 8,
    "max_chunks": 2,
    "silence_seconds": 1,
    "max_connections": 8,
    "upload_grace_seconds": 1,
    "min_upload_bytes_per_second": 100_000,
    "graceful_seconds": 1,
}
CHUNKED = LOSS + b"Transfer-Encoding: chunked\r\n\r\n"


def crowd(server: Running) -> bytes:
    """Ask while there are as many connections as there may be."""
    with ExitStack() as stack:
        for _ in range(TIGHT["max_connections"]):
            other = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            other.sendall(HEALTH[:5])
        time.sleep(0.2)
        return sent(LOSS + b"Content-Length: 2\r\n\r\n{}")(server)


def sent(*pieces: bytes, pause: float = 0.0) -> Callable[[Running], bytes]:
    """Send pieces with pauses, and read the answer."""

    def ask(server: Running) -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return ask


def ended(server: Running) -> bytes:
    """Upload to a service that is told to end."""
    head = LOSS + b"Content-Length: 100000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head)
        server.process.terminate()
        for _ in range(3):  # no silence of a second
            time.sleep(0.4)
            connection.sendall(b" " * 10)
        return b"".join(iter(lambda: connection.recv(65536), b""))


ON_A_WIRE: Final[dict[str, Callable[[Running], bytes]]] = {
    "head_seconds": sent(HEALTH[:-2]),
    "max_head_bytes": sent(HEALTH[:-2] + b"X: " + b"y" * 1024 + b"\r\n\r\n"),
    "max_head_lines": sent(HEALTH[:-2] + b"X: y\r\n" * 8 + b"\r\n"),
    "max_chunks": sent(CHUNKED + b"1\r\n \r\n" * 3),
    "silence_seconds": sent(CHUNKED),
    "max_connections": crowd,
    "upload_grace_seconds": sent(CHUNKED, b"1\r\n \r\n", b"1\r\n \r\n", pause=0.7),
    "min_upload_bytes_per_second": sent(CHUNKED, b"1\r\n \r\n", b"1\r\n \r\n", pause=0.7),
    "graceful_seconds": ended,
}
"""What is sent to a service that is set up as `TIGHT` says; the last one ends it."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Serve, with limits that are soon gone beyond."""
    with running(**TIGHT) as found:
        yield found


def assert_named(name: str, status: int, document: dict[str, Any]) -> None:
    """Check that a problem names the setting of a limit, and has the status that is listed for it."""
    (row,) = (limit for limit in limits(Settings()) if limit.name == name)
    assert variable(name) in document["detail"]
    assert status == document["status"] == row.beyond


@pytest.mark.parametrize(
    ("name", "settings", "ask"), [(name, *case) for name, cases in IN_PROCESS.items() for case in cases]
)
def test_beyond_a_limit_its_setting_is_named(name: str, settings: dict[str, int], ask: Ask) -> None:
    with a_client(**settings) as client:
        answer = ask(client)
    assert_named(name, answer.status_code, answer.json())


@pytest.mark.parametrize(("name", "ask"), ON_A_WIRE.items(), ids=ON_A_WIRE)
def test_beyond_a_limit_of_connections_its_setting_is_named(
    server: Running, name: str, ask: Callable[[Running], bytes]
) -> None:
    ((status, _, body),) = answers(ask(server))
    assert_named(name, status, json.loads(body))


def test_every_limit_that_refuses_is_gone_beyond() -> None:
    assert {*IN_PROCESS, *ON_A_WIRE} == {limit.name for limit in limits(Settings()) if limit.beyond is not None}

"""A request that does not name exactly one host is refused, before anything of it is looked at."""

import asyncio
import json

import pytest

from app.gates import Journal, OneHost
from tests.gates.asgi import Message, Receive, Send, silent


def status_of(*hosts: bytes) -> tuple[int, str]:
    """Send a request with these Host headers through the gate, and give the status and the kind of problem."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    headers = [(b"accept", b"*/*"), *((b"host", host) for host in hosts)]
    asyncio.run(Journal(OneHost(silent))({"type": "http", "method": "POST", "headers": headers}, receive, send))
    status = sent[0]["status"]
    return status, json.loads(sent[1]["body"])["type"] if status != 200 else ""


@pytest.mark.parametrize(
    "host",
    [
        b"a",
        b"127.0.0.1:8000",
        b"localhost:",
        b"[::1]:8000",
        b"[fe80::1%eth0]",
        b"my_service.example.org",
        b"xn--bcher-kva.example",
    ],
)
def test_one_host_passes(host: bytes) -> None:
    assert status_of(host) == (200, "")


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        (b"a", b"a"),
        (b"a", b"b"),
        (b"",),
        (b"a, b",),
        (b"a,b",),
        (b"a b",),
        (b"a/b",),
        (b"user@a",),
        (b"a?b",),
        (b"a#b",),
        (b"a:80:80",),
        (b"a:port",),
        (b"::1",),
        (b"[::1",),
        ("\u00e9".encode(),),
        (b"a\n",),
    ],
)
def test_no_host_or_two_or_what_is_none_is_refused(hosts: tuple[bytes, ...]) -> None:
    assert status_of(*hosts) == (400, "/problems/bad-host")


def test_what_is_not_http_passes() -> None:
    seen = []

    async def app(scope: Message, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    asyncio.run(OneHost(app)({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan"]

"""A request that does not name exactly one host is refused, before anything of it is looked at."""

import asyncio
import json
from typing import Any

import pytest

from app.gates import Journal, OneHost
from app.gates.host import LOOPBACK_NAMES, is_loopback
from tests.gates.asgi import Message, Receive, Send, silent


def status_of(*hosts: bytes, path: str = "/loss", root_path: str = "", **gate: Any) -> tuple[int, str]:  # noqa: ANN401 - the gate's
    """Send a request with these Host headers through the gate, and give the status and the kind of problem."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    headers = [(b"accept", b"*/*"), *((b"host", host) for host in hosts)]
    scope = {"type": "http", "method": "POST", "path": root_path + path, "root_path": root_path, "headers": headers}
    asyncio.run(Journal(OneHost(silent, **gate))(scope, receive, send))
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


NAMES = ("loss.example.org", "*.Example.net", "[::1]", "10.0.0.7")


@pytest.mark.parametrize(
    "host",
    [
        b"loss.example.org",
        b"LOSS.example.ORG:8443",
        b"loss.example.org.",
        b"a.example.net",
        b"b.a.example.net.:80",
        b"[::1]:8000",
        b"10.0.0.7:",
    ],
)
def test_a_name_of_the_service_passes(host: bytes) -> None:
    assert status_of(host, names=NAMES) == (200, "")


@pytest.mark.parametrize(
    "host", [b"example.org", b"example.net", b"xexample.net", b"loss.example.org.evil.example", b"localhost", b"[::2]"]
)
def test_another_name_is_refused(host: bytes) -> None:
    assert status_of(host, names=NAMES) == (400, "/problems/bad-host")


@pytest.mark.parametrize("host", [b"localhost:8000", b"LOCALHOST", b"127.0.0.1", b"[::1]:80", b"lossgrid.localhost"])
def test_the_machine_itself_has_its_names(host: bytes) -> None:
    assert status_of(host, names=LOOPBACK_NAMES) == (200, "")


@pytest.mark.parametrize("host", [b"rebound.example", b"127.0.0.1.rebound.example", b"0.0.0.0", b"a"])
def test_a_page_that_had_its_name_lead_here_is_refused(host: bytes) -> None:
    assert status_of(host, names=LOOPBACK_NAMES) == (400, "/problems/bad-host")


def test_a_probe_may_ask_by_any_one_name() -> None:
    asked: dict[str, Any] = {"names": NAMES, "probes": frozenset({"/healthz"})}
    assert status_of(b"172.17.0.2:8000", path="/healthz", **asked) == (200, "")
    assert status_of(b"172.17.0.2:8000", path="/healthz", root_path="/grid", **asked) == (200, "")
    assert status_of(b"172.17.0.2:8000", path="/loss", **asked) == (400, "/problems/bad-host")
    assert status_of(b"a", b"b", path="/healthz", **asked) == (400, "/problems/bad-host")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("Localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - looked at, never bound
        ("::", False),
        ("192.168.1.2", False),
        ("lossgrid", False),
    ],
)
def test_a_loopback_address_is_known(host: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_loopback(host) is expected

"""Only a known proxy is believed when it says whom a request comes from."""

import asyncio

import pytest

from app.gates import Forwarded
from tests.gates.asgi import Message, Receive, Send

PROXIES = ("10.0.0.0/8", "192.168.1.1", "::1")


def client_of(peer: str | None, *forwarded: str, kind: str = "http") -> str | None:
    """Send a request from a peer through the gate, and give whom the application takes for the client."""
    seen: list[str | None] = []

    async def app(scope: Message, _: Receive, __: Send) -> None:
        seen.append(scope["client"][0] if scope["client"] else None)

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": kind, "client": (peer, 1) if peer else None, "headers": headers}
    asyncio.run(Forwarded(app, proxies=PROXIES)(scope, receive, send))
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.1.2.3", ["203.0.113.9"], "203.0.113.9"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.1.2.3", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["198.51.100.1", "203.0.113.9, 192.168.1.1"], "203.0.113.9"),
        ("10.1.2.3", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("::ffff:10.1.2.3", ["203.0.113.9, ::ffff:192.168.1.1"], "203.0.113.9"),
        ("::ffff:203.0.113.1", ["198.51.100.1"], "::ffff:203.0.113.1"),
        ("10.1.2.3", ["team token=admin"], "10.1.2.3"),
        ("10.1.2.3", ["nonsense, 10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", ["fe80::1%status=200"], "10.1.2.3"),
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("not an address", ["198.51.100.1"], "not an address"),
        (None, ["198.51.100.1"], None),
    ],
)
def test_the_last_address_that_is_no_known_proxy_is_the_client(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    assert client_of(peer, *forwarded) == expected


def test_what_is_not_http_passes() -> None:
    assert client_of("10.1.2.3", "198.51.100.1", kind="websocket") == "10.1.2.3"

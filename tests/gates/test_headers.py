"""Every answer tells a browser what it must not do with it."""

import asyncio

from app.gates import Headers
from app.gates.headers import HEADERS
from tests.gates.asgi import Connection, Message, Receive, Send, silent


async def framed(_: Message, __: Receive, send: Send) -> None:
    headers = [(b"content-security-policy", b"default-src 'self'")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def test_an_answer_gets_what_it_does_not_have() -> None:
    answered = Connection().through(Headers(silent)).answered
    assert answered == {name.decode(): value.decode() for name, value in HEADERS}
    assert answered["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answered["content-security-policy"]
    assert "frame-ancestors 'none'" in answered["content-security-policy"]


def test_a_page_keeps_its_own_policy() -> None:
    answered = Connection().through(Headers(framed)).answered
    assert answered["content-security-policy"] == "default-src 'self'"
    assert answered["referrer-policy"] == "no-referrer"


def test_what_is_not_http_passes() -> None:
    seen: list[str] = []

    async def app(scope: Message, _: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await send({"type": "lifespan.startup.complete"})

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        seen.append(message["type"])

    asyncio.run(Headers(app)({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan", "lifespan.startup.complete"]

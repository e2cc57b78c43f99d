"""HEAD is GET to the application, and everything else is what it is."""

import asyncio

import pytest

from app.gates import HeadAsGet
from tests.gates.asgi import Message, Receive, Send


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        ({"type": "http", "method": "HEAD"}, {"type": "http", "method": "GET"}),
        ({"type": "http", "method": "POST"}, {"type": "http", "method": "POST"}),
        ({"type": "lifespan"}, {"type": "lifespan"}),
    ],
)
def test_the_method_that_the_application_sees(scope: Message, shown: Message) -> None:
    seen: list[Message] = []

    async def app(scope: Message, _: Receive, __: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    asyncio.run(HeadAsGet(app)(dict(scope), receive, send))
    assert seen == [shown]

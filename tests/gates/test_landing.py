"""Bodies that have come with their heads: nothing is put in their way, and no limit is passed over for it."""

import asyncio
from collections.abc import Callable

import pytest

from app.gates import BodyLimit, Journal, Silence
from app.gates.asgi import Scope
from app.gates.landing import FAST_BYTES, comes_fast, is_whole, offer_landing, tell_whole
from tests.gates.asgi import App, Connection, Message, Receive, Send, echo

LIMIT = 10


def limited(app: App) -> App:
    return BodyLimit(app, bytes=LIMIT, setting="LOSSGRID_MAX_JSON_BYTES")


def impatient(app: App) -> App:
    return Silence(app, seconds=0.05)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "not whole"])
@pytest.mark.parametrize("headers", [[(b"content-length", b"10")], []], ids=["with a body", "without"])
@pytest.mark.parametrize("gate", [limited, impatient])
def test_only_a_body_that_is_still_coming_is_watched(
    gate: Callable[[App], App], headers: list[tuple[bytes, bytes]], *, whole: bool
) -> None:
    seen: list[Receive] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        seen.append(receive)

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    scope: Scope = {"type": "http", "http_version": "1.1", "headers": headers, "state": {}}
    if whole:
        tell_whole(scope)
    assert is_whole(scope) is whole
    asyncio.run(called(gate(app), scope, receive, send))
    assert (seen == [receive]) is whole


async def called(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Call an application: what `asyncio.run` takes is a coroutine, and not whatever can be awaited."""
    await app(scope, receive, send)


class Whole(Connection):
    """A client whose body has come with the head."""

    async def serve(self, app: App) -> None:
        """Run the request to its end."""

        async def told(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {}
            tell_whole(scope)
            await app(scope, receive, send)

        await super().serve(told)


def test_a_whole_body_at_the_limit_passes() -> None:
    assert Whole([b"x" * LIMIT], {"content-length": str(LIMIT)}).through(impatient(limited(echo))).body == b"x" * LIMIT


@pytest.mark.parametrize("headers", [{"content-length": str(LIMIT + 1)}, {"transfer-encoding": "chunked"}], ids=str)
def test_a_whole_body_over_the_limit_is_refused(headers: dict[str, str]) -> None:
    found = Whole([b"x" * (LIMIT + 1)], headers).through(BodyLimit(Journal(limited(echo)), bytes=100, setting="A"))
    assert found.status == 413


def test_nobody_knows_where_no_server_says_so() -> None:
    assert not is_whole({"type": "http"})
    assert not is_whole({"type": "http", "state": {}})


@pytest.mark.parametrize(("begun", "fast"), [(0, False), (FAST_BYTES - 1, False), (FAST_BYTES, True)])
def test_a_body_comes_fast_if_much_of_it_came_with_its_head(begun: int, *, fast: bool) -> None:
    scope: Scope = {"state": {}}
    assert not comes_fast(scope)
    offer_landing(scope, lambda _: False, lambda: begun)
    assert comes_fast(scope) is fast
    tell_whole(scope)
    assert not comes_fast(scope)
    assert not comes_fast({"type": "http"})

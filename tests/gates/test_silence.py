"""A body that makes no progress is refused and its connection closed; one that is slow, or is computed on, is not."""

import asyncio
import json
import time

import pytest

from app.gates import BodyLimit, Journal, Silence
from tests.gates.asgi import App, Connection, Message, Receive, Send, echo, silent

SETTING = "LOSSGRID_SILENCE_SECONDS"


def impatient(app: App, seconds: float = 0.05) -> App:
    return BodyLimit(Journal(Silence(app, seconds=seconds)), bytes=1000, setting="LOSSGRID_MAX_JSON_BYTES")


@pytest.fixture(autouse=True)
def _brief_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gates.intake.LINGER_SECONDS", 0.05)


class Stalling(Connection):
    """A client that sends its pieces, then nothing more, though its body is not complete."""

    async def serve(self, app: App) -> None:
        """Run the request to its end."""
        waiting = list(self.pieces)

        async def unfinished(scope: Message, _: Receive, send: Send) -> None:
            async def receive() -> Message:
                if waiting:
                    return {"type": "http.request", "body": waiting.pop(0), "more_body": True}
                await asyncio.sleep(3600)
                raise AssertionError

            await app(scope, receive, send)

        await super().serve(unfinished)


@pytest.mark.parametrize("headers", [{"content-length": "10"}, {"transfer-encoding": "chunked"}], ids=str)
@pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"b"]], ids=len)
def test_a_stalled_body_is_refused_and_the_connection_closed(headers: dict[str, str], pieces: list[bytes]) -> None:
    found = Stalling(pieces, headers).through(impatient(echo))
    document = json.loads(found.body)
    assert found.status == document["status"] == 408
    assert document["type"] == "/problems/request-timeout"
    assert document["detail"] == f"Nothing of the body arrived for 0.05 s ({SETTING})."
    assert found.answered["connection"] == "close"
    assert found.complete


def test_a_body_that_nobody_waits_for_may_stall() -> None:
    assert Stalling([], {"content-length": "10"}).through(impatient(silent)).status == 200


def test_a_slow_body_passes_as_long_as_it_goes_on() -> None:
    async def dripping(scope: Message, receive: Receive, send: Send) -> None:
        async def receive_late() -> Message:
            await asyncio.sleep(0.1)
            return await receive()

        await impatient(echo, 0.5)(scope, receive_late, send)

    found = Connection([b"x"] * 8, {"content-length": "8"}).through(dripping)
    assert (found.status, found.body) == (200, b"x" * 8)


def test_after_the_body_the_client_may_be_silent_for_as_long_as_it_likes() -> None:
    async def patient(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.2)
        await silent(scope, receive, send, b"%.1f" % (time.monotonic() - begun))

    found = Connection([b"x"], {"content-length": "1"}).through(impatient(patient))
    assert (found.status, found.body) == (200, b"0.2")


def test_the_time_that_the_application_takes_is_not_the_clients() -> None:
    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.2)
        await echo(scope, receive, send)

    assert Connection([b"a", b"b"], {"content-length": "2"}).through(impatient(slow)).body == b"b"


def test_what_is_not_http_passes() -> None:
    seen = []

    async def app(scope: Message, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    asyncio.run(Silence(app, seconds=1)({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan"]

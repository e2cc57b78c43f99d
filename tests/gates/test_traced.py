"""A span says of a request what the log says, and nothing that a client made up."""

from collections.abc import Mapping
from typing import Any

from opentelemetry import trace

from app.gates import Journal, Traced
from app.gates.entry import entry_of, routes_of
from app.problems import OVERFLOW, RefusedError
from tests.gates.asgi import Connection, Message, Receive, Send, silent


class Span(trace.NonRecordingSpan):
    """A span that keeps its attributes."""

    def __init__(self) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.told: dict[str, Any] = {"url.path": "/secret", "url.query": "q=secret"}

    def is_recording(self) -> bool:
        """Say that it does."""
        return True

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Keep attributes."""
        self.told |= attributes


async def working(scope: Message, receive: Receive, send: Send) -> None:
    entry_of(scope).stages["decode"] = 0.25
    await silent(scope, receive, send)


async def refusing(_: Message, __: Receive, ___: Send) -> None:
    raise RefusedError(OVERFLOW.example)


def traced(app: Any, **connection: Any) -> tuple[Connection, dict[str, Any]]:  # noqa: ANN401 - an application
    """Send a request through the gate, and give its connection and what its span was told."""
    with trace.use_span(span := Span()):
        found = Connection(**connection).through(Traced(Journal(app, route_of=routes_of(["/loss"]))))
    return found, span.told


def test_a_span_has_the_route_the_id_and_the_stages() -> None:
    connection, told = traced(working)
    assert told == {
        "url.path": "/loss",
        "url.query": "",
        "lossgrid.request_id": connection.answered["x-request-id"],
        "lossgrid.decode_seconds": 0.25,
    }


def test_a_refusal_is_told_by_its_kind_and_a_path_that_leads_nowhere_not_at_all() -> None:
    _, told = traced(refusing, path="/secret")
    assert told["lossgrid.problem"] == "overflow"
    assert told["url.path"] == "unknown"
    assert "secret" not in str(told)


def test_without_a_span_and_for_what_is_not_http_nothing_is_told() -> None:
    assert Connection().through(Traced(Journal(silent))).status == 200
    connection, told = traced(silent, kind="lifespan")
    assert connection.status == 200
    assert told == {"url.path": "/secret", "url.query": "q=secret"}

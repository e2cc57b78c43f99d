"""Every answer has an id, and whatever goes wrong below is a problem that says nothing of it, and a line in the log."""

import _thread
import json
import logging
import threading
from typing import Any

import pytest

from app.gates import Journal
from app.gates.entry import Entry, routes_of
from app.problems import NOT_FOUND, RefusedError
from tests.gates.asgi import Connection, Message, Receive, Send, echo, silent


async def failing(_: Message, __: Receive, ___: Send) -> None:
    message = "the secret of the house"
    raise KeyError(message)


async def failing_late(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await failing(scope, receive, send)


def test_every_answer_has_an_id_of_its_own() -> None:
    found = {Connection([b""]).through(Journal(silent)).answered["x-request-id"] for _ in range(3)}
    assert len(found) == 3
    assert all(name.startswith("urn:uuid:") for name in found)


def test_what_was_not_foreseen_is_answered_without_a_word_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "lossgrid"):
        found = Connection([b""]).through(Journal(failing))
    document = json.loads(found.body)
    assert found.status == document["status"] == 500
    assert document["type"] == "/problems/internal-error"
    assert document["instance"] == found.answered["x-request-id"]
    assert b"secret" not in found.body
    assert document["instance"] in caplog.text
    assert "the secret of the house" in caplog.text


async def starving(_scope: object, _receive: object, _send: Send) -> None:
    raise MemoryError


async def cramped(_scope: object, _receive: object, _send: Send) -> None:
    threading.Thread(target=print).start()


async def starving_late(_scope: object, _receive: object, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise MemoryError


def test_a_lack_of_memory_is_a_refusal_and_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lossgrid"):
        found = Connection([b""]).through(Journal(starving))
    assert (found.status, found.answered["retry-after"]) == (503, "5")
    assert json.loads(found.body)["type"] == "/problems/out-of-memory"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with pytest.raises(MemoryError):
        Connection([b""]).through(Journal(starving_late))


def test_a_lack_of_threads_is_a_refusal_as_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threading, "_start_new_thread", no_thread)
    with caplog.at_level(logging.WARNING, "lossgrid"):
        assert Connection([b""]).through(Journal(cramped)).status == 503
    assert [record.getMessage().split(" ", 1)[1] for record in caplog.records] == ["found no thread"]


def no_thread(*_: object) -> None:
    """Do as the system does when there are too many threads."""
    raise _thread.error("can't start new thread")


def test_an_answer_that_has_begun_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection([b""])
    with caplog.at_level(logging.ERROR, "lossgrid"), pytest.raises(KeyError):
        connection.through(Journal(failing_late))
    assert (connection.status, connection.body, connection.complete) == (200, b"", False)
    assert connection.answered["x-request-id"] in caplog.text


def test_a_request_that_has_ended_is_handed_on_once() -> None:
    closed: list[Entry] = []
    connection = Connection([b"ab", b"c"], path="/loss")
    connection.through(Journal(echo, route_of=routes_of(["/loss"]), closed=[closed.append]))
    (entry,) = closed
    assert entry.name == connection.answered["x-request-id"]
    assert (entry.method, entry.route, entry.status, entry.problem) == ("POST", "/loss", 200, "")
    assert (entry.bytes_in, entry.bytes_out) == (3, 3)
    assert entry.ended > entry.began


async def refusing(_: Message, __: Receive, ___: Send) -> None:
    raise RefusedError(NOT_FOUND.example)


@pytest.mark.parametrize(("app", "status", "slug"), [(refusing, 404, "not-found"), (failing, 500, "internal-error")])
def test_a_refusal_is_noted_by_its_kind(app: Any, status: int, slug: str) -> None:  # noqa: ANN401 - an application
    closed: list[Entry] = []
    connection = Connection([b""]).through(Journal(app, closed=[closed.append]))
    (entry,) = closed
    assert (entry.status, entry.problem, entry.bytes_out) == (status, slug, len(connection.body))


async def leaving(_: Message, __: Receive, ___: Send) -> None:
    """Answer nothing."""


async def refusing_late(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await refusing(scope, receive, send)


def test_a_request_without_an_answer_is_handed_on_too() -> None:
    closed: list[Entry] = []
    Connection([b""]).through(Journal(leaving, closed=[closed.append]))
    with pytest.raises(RefusedError):
        Connection([b""]).through(Journal(refusing_late, closed=[closed.append]))
    assert [entry.status for entry in closed] == [0, 200]
    assert all(entry.seconds >= 0 for entry in closed)

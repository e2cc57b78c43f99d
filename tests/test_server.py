"""How a service ends, in process: what it still takes, what it still answers, and what it refuses when time is over."""

import asyncio
import gc
import json
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import FrameType
from typing import Any

import httpx
import pytest

from app import server
from app.gates.lines import configuration
from app.losses.checkpoint import Checkpoint
from app.protocol import Limits, StrictProtocol
from app.server import Farewell, serve
from tests.inprocess import an_app

PATIENCE = 20
AT_ONCE = 6
HEAD = b"POST /loss HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BATCH = b'{"x": [1], "y": [2], "include": []}'
"""One that is answered in a thread: a brief one includes nothing."""


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Put back what serving changes in the process, and let the signals that end a service do nothing after it."""

    def heard(_signal: int, _frame: FrameType | None) -> Any:  # noqa: ANN401 - what signal.signal wants of a handler
        return None

    handlers = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    found = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in ("uvicorn", "lossgrid")
    }
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name, (before, level) in found.items():
        logging.getLogger(name).handlers[:] = before
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).propagate = True
    gc.unfreeze()


def served(visit: Callable[[int], None], farewell: Farewell, **settings: Any) -> float:  # noqa: ANN401 - any settings
    """Serve while a visitor does something in a thread, and then is told to end; give the seconds that this took."""
    app = an_app(**settings)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    def run() -> None:
        while not httpx.get(f"http://127.0.0.1:{port}/readyz").is_success:
            time.sleep(0.05)
        visit(port)

    with ThreadPoolExecutor(1) as threads:
        visiting = threads.submit(run)
        visiting.add_done_callback(lambda _: end())
        logged = configuration("warning", "text")
        serve(app, listening, limits=Limits(PATIENCE), farewell=farewell, logging=logged)
        ended = time.monotonic()
        visiting.result(PATIENCE)
    return ended


def end(number: signal.Signals = signal.SIGTERM) -> None:
    """Tell this process to end."""
    os.kill(os.getpid(), number)


def everything(connection: socket.socket) -> bytes:
    """Read a connection to its end."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_no_time_is_spent_on_garbage_when_the_service_has_ended() -> None:
    served(lambda _: None, Farewell(0, 1))
    assert gc.get_freeze_count()


def test_requests_are_taken_while_load_balancers_notice() -> None:
    seen: list[int] = []
    began: list[float] = []

    def visit(port: int) -> None:
        began.append(time.monotonic())
        end()
        end()  # which changes nothing
        time.sleep(0.3)
        seen.append(httpx.get(f"http://127.0.0.1:{port}/readyz").status_code)
        seen.append(httpx.get(f"http://127.0.0.1:{port}/healthz").status_code)
        seen.append(httpx.post(f"http://127.0.0.1:{port}/loss", json=json.loads(BATCH)).status_code)

    ended = served(visit, Farewell(drain_seconds=2, graceful_seconds=5))
    assert seen == [503, 200, 200]
    assert ended - began[0] >= 2


@pytest.mark.parametrize("hurried", [False, True], ids=["the time is over", "a second Ctrl+C"])
def test_when_the_time_is_over_what_is_in_flight_is_refused(monkeypatch: pytest.MonkeyPatch, *, hurried: bool) -> None:
    answers: list[bytes] = []
    stopped, began = threading.Event(), threading.Event()
    told: list[float] = []

    def answer(*_: object, checkpoint: Checkpoint, **__: object) -> bytes:
        began.set()
        try:
            while True:
                time.sleep(0.01)
                checkpoint()
        finally:
            stopped.set()

    monkeypatch.setattr("app.api.loss.answer", answer)

    def visit(port: int) -> None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as uploading,
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as chunking,
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as computing,
        ):
            uploading.sendall(HEAD + b"Content-Length: 100\r\n\r\n" + BATCH)
            chunking.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            computing.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BATCH) + BATCH)
            assert began.wait(PATIENCE)
            time.sleep(0.2)
            told.append(time.monotonic())
            end()
            if hurried:
                time.sleep(0.5)
                end(signal.SIGINT)
            answers.extend(everything(one) for one in (uploading, chunking, computing))

    farewell = Farewell(drain_seconds=0, graceful_seconds=PATIENCE if hurried else 0.5)
    ended = served(visit, farewell, computing_threads=1)
    for found in answers:
        assert found.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in found
        assert json.loads(found.partition(b"\r\n\r\n")[2])["type"] == "/problems/not-ready"
    assert len(answers) == 3
    assert stopped.wait(PATIENCE)
    assert 0.5 <= ended - told[0] < 6


@pytest.mark.parametrize(
    ("soft", "hard", "set_to"),
    [
        (100, 5000, [(1000, 5000)]),
        (100, 500, [(500, 500)]),
        (100, resource.RLIM_INFINITY, [(1000, resource.RLIM_INFINITY)]),
        (1000, 5000, []),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, []),
    ],
)
def test_there_may_be_as_many_files_as_connections_need(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, set_to: list[tuple[int, int]]
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    server._allow_files(1000)  # noqa: SLF001 - a process cannot lower its own limits and raise them again
    assert found == set_to


def test_several_connections_are_accepted_in_one_turn_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that came while the loop was busy, those after the first need not wait for as many turns."""
    turns, accepted = [0], []
    loops: list[asyncio.AbstractEventLoop] = []
    made = StrictProtocol.connection_made

    def noted(self: StrictProtocol, transport: asyncio.Transport) -> None:
        made(self, transport)
        accepted.append(turns[0])
        loops.append(asyncio.get_running_loop())

    monkeypatch.setattr(StrictProtocol, "connection_made", noted)

    def visit(port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            assert client.get("/healthz").status_code == 200
        accepted.clear()
        loop = loops[0]
        come = threading.Event()

        def turn() -> None:
            turns[0] += 1
            loop.call_soon(turn)

        def be_busy() -> None:
            come.wait(timeout=PATIENCE)
            turn()

        loop.call_soon_threadsafe(be_busy)
        with ExitStack() as stack:
            for _ in range(AT_ONCE):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            come.set()
            until = time.monotonic() + PATIENCE
            while len(accepted) < AT_ONCE and time.monotonic() < until:
                time.sleep(0.01)

    served(visit, Farewell(0, 0.5))
    assert len(accepted) == AT_ONCE
    assert accepted[-1] - accepted[0] <= 2

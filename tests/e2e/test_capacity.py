"""Capacity on real connections: everybody is answered, and work for those who have left is stopped."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.losses.checkpoint import Checkpoint
from app.main import create_app
from app.protocol import Limits
from app.settings import Settings
from tests.e2e.process import running
from tests.e2e.test_protocol import BATCH, HEALTH, LOSS, answers, assert_refused, serving, statuses

PATIENCE = 20
IN_A_THREAD = BATCH[:-1] + b', "include": []}'
"""A body that is not brief."""
POST = LOSS + b"Content-Length: %d\r\n\r\n" % len(IN_A_THREAD) + IN_A_THREAD


class Endless:
    """Computes until it is let go, or stopped at a checkpoint."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.stopped = threading.Semaphore(0)
        self.go = threading.Event()
        self.capacity: Any = None

    def until_so_many_wait(self, count: int) -> None:
        """Wait until the queue is that long."""
        deadline = time.monotonic() + PATIENCE
        while self.capacity.waiting_count != count:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def answer(self, *_: object, checkpoint: Checkpoint, **__: object) -> bytes:
        """Stand in for the real one."""
        self.begun.release()
        try:
            while not self.go.wait(0.01):
                checkpoint()
        except BaseException:
            self.stopped.release()
            raise
        return b'{"done":true}'


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endless]:
    """Let POST /loss compute without end."""
    found = Endless()
    monkeypatch.setattr("app.api.loss.answer", found.answer)
    yield found
    found.go.set()


@pytest.fixture
def port(work: Endless) -> Iterator[int]:
    """Serve with room for one that computes and one that waits."""
    app = create_app(Settings(computing_threads=1, max_waiting=1, allowed_hosts="*"))
    work.capacity = app.state.capacity
    with serving(app, Limits(20)) as found:
        yield found
        work.go.set()


def connect(port: int, *pieces: bytes) -> socket.socket:
    """Open a connection and send something."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    for piece in pieces:
        connection.sendall(piece)
    return connection


def everything(connection: socket.socket) -> list[tuple[int, dict[str, str], bytes]]:
    """Read a connection to its end, and take the answers apart."""
    with connection:
        return answers(b"".join(iter(lambda: connection.recv(65536), b"")))


def test_the_work_for_a_client_that_has_left_is_stopped(port: int, work: Endless) -> None:
    with connect(port, POST):
        assert work.begun.acquire(timeout=PATIENCE)
        assert not work.stopped.acquire(timeout=0.3)
    assert work.stopped.acquire(timeout=PATIENCE)  # long before its deadline


def test_a_client_that_has_left_does_not_wait_any_more(port: int, work: Endless) -> None:
    with connect(port, POST):
        assert work.begun.acquire(timeout=PATIENCE)
        for _ in range(5):
            with connect(port, POST):
                work.until_so_many_wait(1)
            work.until_so_many_wait(0)
        with connect(port, POST) as waiting:
            work.until_so_many_wait(1)
            (refused,) = everything(connect(port, LOSS + b"Connection: close\r\nContent-Length: 1000000\r\n\r\n"))
            assert "LOSSGRID_MAX_WAITING" in assert_refused(refused, 503, "over-capacity")
            assert int(refused[1]["retry-after"]) >= 1
            work.go.set()
            assert waiting.recv(12) == b"HTTP/1.1 200"


def test_who_sends_the_next_request_has_not_left(port: int, work: Endless) -> None:
    connection = connect(port, POST)
    assert work.begun.acquire(timeout=PATIENCE)
    time.sleep(0.2)
    connection.sendall(HEALTH + HEALTH[:-2] + b"Connection: close\r\n\r\n")
    time.sleep(0.2)
    work.go.set()
    assert statuses(everything(connection)) == [200, 200, 200]


def test_a_computation_that_takes_too_long_is_refused_and_stopped(work: Endless) -> None:
    with serving(create_app(Settings(computing_seconds=1, allowed_hosts="*")), Limits(20)) as port:
        connection = connect(port, POST)
        assert work.begun.acquire(timeout=PATIENCE)
        assert work.stopped.acquire(timeout=PATIENCE)
        ((status, headers, body),) = everything(connection)
    assert status == 503
    assert json.loads(body)["type"] == "/problems/computing-too-long"
    assert "1 s (LOSSGRID_COMPUTING_SECONDS)" in json.loads(body)["detail"]
    assert int(headers["retry-after"]) >= 1


def test_of_a_hundred_at_once_each_is_answered() -> None:
    rows = [[column / 7 for column in range(100)] for _ in range(50)]
    body = json.dumps({"x": rows, "y": rows[::-1]}).encode()
    request = LOSS + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    found: list[tuple[int, dict[str, str], bytes]] = []
    with running() as server:
        clients = [
            threading.Thread(target=lambda: found.extend(everything(connect(server.port, request)))) for _ in range(100)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert httpx.get(f"{server.url}/healthz").is_success
        assert "Traceback" not in server.output()
    assert len(found) == 100
    assert {*statuses(found)} <= {200, 503}
    assert statuses(found).count(200) >= 2
    assert len({answer for status, _, answer in found if status == 200}) == 1
    assert all(int(headers["retry-after"]) >= 1 for status, headers, _ in found if status == 503)

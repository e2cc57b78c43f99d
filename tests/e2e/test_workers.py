"""Several workers in a real service: it goes on when one dies, and nothing is lost when it ends."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.workers import is_possible
from tests.e2e.process import EXIT_SECONDS, Running, running, start
from tests.e2e.test_server import TINY, everything, upload

PATIENCE = 20

pytestmark = pytest.mark.skipif(not is_possible(), reason="this system cannot fork")


def children(process: int) -> list[int]:
    """Give the processes that a process has forked."""
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()]


def until_there_are(server: Running, count: int, without: int = 0) -> list[int]:
    """Wait for workers."""
    deadline = time.monotonic() + PATIENCE
    while len(found := children(server.process.pid)) != count or without in found:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.05)
    return found


@pytest.fixture
def two() -> Iterator[Running]:
    """Run a service with two workers."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("no /proc to see the workers in")
    with running(workers=2) as server:
        until_there_are(server, 2)
        yield server


def test_it_greets_once_and_each_worker_serves(two: Running) -> None:
    assert two.output().count("Ctrl+C stops it") == 1
    assert httpx.post(f"{two.url}/loss", json=TINY).is_success


def test_a_worker_that_is_killed_is_replaced_and_the_service_goes_on(two: Running) -> None:
    victim = children(two.process.pid)[0]
    failed, answered, done = list[str](), list[int](), threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                answered.append(httpx.post(f"{two.url}/loss", json=TINY).status_code)
            except httpx.TransportError as error:  # what the killed one was about to answer
                failed.append(str(error))

    client = threading.Thread(target=ask)
    client.start()
    time.sleep(0.3)
    os.kill(victim, signal.SIGKILL)
    before = len(answered)
    until_there_are(two, 2, without=victim)
    time.sleep(0.3)
    done.set()
    client.join()
    assert set(answered) == {200}
    assert len(answered) > before
    assert len(failed) <= 1
    assert f"worker {victim} ended with -9" in two.output()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_get_their_whole_answer(two: Running, ending: signal.Signals) -> None:
    with ExitStack() as stack:
        uploads = []
        for _ in range(6):
            connection, rest = upload(two, json.dumps(TINY).encode())
            uploads.append((stack.enter_context(connection), rest))
        two.process.send_signal(ending)
        time.sleep(0.5)
        for connection, rest in uploads:
            connection.sendall(rest)
        answers = [everything(connection) for connection, _ in uploads]
    assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 6
    assert two.process.wait(EXIT_SECONDS) == 0
    assert "Traceback" not in two.output()


def test_stalled_uploads_do_not_hold_up_the_end(two: Running) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(upload(two, json.dumps(TINY).encode())[0])
        assert two.end(signal.SIGTERM, within=EXIT_SECONDS) == 0
    assert "Traceback" not in two.output()
    assert "killed" not in two.output()


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.2])
def test_a_signal_while_the_workers_begin_ends_them(seconds: float) -> None:
    with start(workers=2) as server:
        time.sleep(seconds)
        assert server.end(signal.SIGTERM) in {0, -signal.SIGTERM}
        assert "Traceback" not in server.output()


def test_workers_end_when_the_one_that_looks_after_them_is_killed() -> None:
    with start(workers=2) as server:
        server.wait_until_ready()
        found = until_there_are(server, 2)
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{one}").exists() for one in found):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", server.port)):  # noqa: PT011 - refused
            pass

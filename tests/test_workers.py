"""Several processes on one socket: they are replaced when they die, and end when they are told to."""

import errno
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from app import workers
from app.watchdog import CUT_OFF
from app.workers import is_possible, supervise

PATIENCE = 20


@pytest.fixture(autouse=True)
def _forking() -> None:
    """Leave these tests out where no process can be forked."""
    if not is_possible():
        pytest.skip("this system cannot fork")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Give a socket to share."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def signed(folder: Path) -> list[int]:
    """Give the ids of the processes that have begun."""
    return [int(path.name) for path in folder.iterdir()]


def serving(folder: Path) -> Callable[[], None]:
    """Make what a worker does: sign, and wait for the end."""

    def serve() -> None:
        (folder / str(os.getpid())).touch()
        while True:
            time.sleep(0.02)

    return serve


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    """Do something beside the main thread, and then have this process told to end."""

    def run() -> None:
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("count", [1, 3])
def test_so_many_work_until_a_signal_comes(tmp_path: Path, listening: socket.socket, count: int) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    thread = meanwhile(lambda: until(lambda: len(signed(tmp_path)) == count))
    assert supervise(count, serving(tmp_path), listening, end_seconds=PATIENCE) == 0
    thread.join()
    assert listening.fileno() == -1
    assert multiprocessing.active_children() == []
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert signal.set_wakeup_fd(-1) == -1


def test_one_that_dies_is_replaced(
    tmp_path: Path, listening: socket.socket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.1)

    def kill() -> None:
        until(lambda: len(signed(tmp_path)) == 2)
        os.kill(signed(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(signed(tmp_path)) == 3)

    thread = meanwhile(kill)
    with caplog.at_level(logging.WARNING, "lossgrid"):
        assert supervise(2, serving(tmp_path), listening, end_seconds=PATIENCE) == 0
    thread.join()
    assert [message for message in caplog.messages if "ended with -9" in message] == caplog.messages[:1]
    assert len(caplog.messages) == 1


def test_the_successor_of_one_that_dies_has_its_name(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.1)
    ended: list[str] = []

    def serve() -> None:
        (tmp_path / f"{os.getpid()}").write_text(multiprocessing.current_process().name, encoding="ascii")
        time.sleep(PATIENCE)

    def names() -> list[str]:
        return sorted(path.read_text(encoding="ascii") for path in tmp_path.iterdir())

    def kill() -> None:
        until(lambda: names() == ["1", "2", "3"])
        (victim,) = (path.name for path in tmp_path.iterdir() if path.read_text(encoding="ascii") == "2")
        os.kill(int(victim), signal.SIGKILL)
        until(lambda: names() == ["1", "2", "2", "3"])

    thread = meanwhile(kill)
    assert supervise(3, serve, listening, end_seconds=PATIENCE, ended=ended.append) == 0
    thread.join()
    assert ended == ["2"]


def test_where_the_system_gives_no_process_it_is_tried_again(
    tmp_path: Path, listening: socket.socket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.1)
    failures = [0, 0, 0]
    start = ForkProcess.start

    def starting(process: ForkProcess) -> None:
        if failures and len(signed(tmp_path)) == 2:
            failures.pop()
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        start(process)

    monkeypatch.setattr(ForkProcess, "start", starting)

    def kill() -> None:
        until(lambda: len(signed(tmp_path)) == 2)
        os.kill(signed(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(signed(tmp_path)) == 3)

    thread = meanwhile(kill)
    assert supervise(2, serving(tmp_path), listening, end_seconds=PATIENCE) == 0
    thread.join()
    assert failures == []
    assert caplog.messages.count("no worker could be begun: resource temporarily unavailable") == 3
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_one_that_is_told_to_end_is_replaced_and_not_while_all_end(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PAUSE_SECONDS", PATIENCE)

    def kill() -> None:
        until(lambda: len(signed(tmp_path)) == 1)
        os.kill(signed(tmp_path)[0], signal.SIGTERM)
        time.sleep(0.5)

    thread = meanwhile(kill)
    started = time.monotonic()
    assert supervise(1, serving(tmp_path), listening, end_seconds=PATIENCE) == 0
    thread.join()
    assert time.monotonic() - started < PATIENCE / 2
    assert len(signed(tmp_path)) == 1


def test_one_that_cannot_begin_ends_all(tmp_path: Path, listening: socket.socket) -> None:
    def serve() -> None:
        if not signed(tmp_path):
            (tmp_path / "0").touch()
            sys.exit(3)
        serving(tmp_path)()

    assert supervise(2, serve, listening, end_seconds=PATIENCE) == 3
    assert multiprocessing.active_children() == []


def test_one_that_does_not_end_is_killed(
    tmp_path: Path, listening: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    def serve() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        serving(tmp_path)()

    thread = meanwhile(lambda: until(lambda: len(signed(tmp_path)) == 1))
    started = time.monotonic()
    assert supervise(1, serve, listening, end_seconds=0.5) == CUT_OFF
    thread.join()
    assert 0.5 <= time.monotonic() - started < PATIENCE
    assert "is killed" in caplog.messages[-1]


def test_one_that_ends_badly_is_told_of_by_the_exit_code(tmp_path: Path, listening: socket.socket) -> None:
    def serve() -> None:
        try:
            serving(tmp_path)()
        finally:
            os._exit(4)

    thread = meanwhile(lambda: until(lambda: len(signed(tmp_path)) == 1))
    assert supervise(1, serve, listening, end_seconds=PATIENCE) == CUT_OFF
    thread.join()


def test_a_worker_ends_with_the_one_that_looks_after_it(tmp_path: Path) -> None:
    alive, lifeline = os.pipe()
    worker = multiprocessing.get_context("fork").Process(
        target=workers._work,  # noqa: SLF001 - the parent that dies would be that of the tests
        args=(serving(tmp_path), alive, lifeline),
    )
    worker.start()
    until(lambda: len(signed(tmp_path)) == 1)
    os.close(lifeline)
    worker.join(PATIENCE)
    assert worker.exitcode == 0
    os.close(alive)

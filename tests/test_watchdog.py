"""A process that was told to end does, whatever holds it; one that was not is left alone."""

import logging
import queue
import threading
import time

import pytest

from app import watchdog
from app.watchdog import CUT_OFF, Watchdog

PATIENCE = 20


def a_watchdog() -> tuple[Watchdog, queue.Queue[tuple[int, float]]]:
    """Give one that tells when it would have ended the process, and how."""
    found = queue.Queue[tuple[int, float]]()
    return Watchdog(lambda code: found.put((code, time.monotonic()))), found


def test_nothing_is_ended_that_was_not_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.01)
    _, ended = a_watchdog()
    with pytest.raises(queue.Empty):
        ended.get(timeout=0.3)


@pytest.mark.parametrize("given", [[0.4], [0.4, 60], [60, 0.4], [0.0, 0.4]], ids=str)
def test_it_ends_when_the_shortest_time_is_over(given: list[float]) -> None:
    dog, ended = a_watchdog()
    told = time.monotonic()
    for seconds in given:
        dog.end_within(seconds)
    code, at = ended.get(timeout=PATIENCE)
    assert code == CUT_OFF
    assert min(given) <= at - told < min(given) + 2
    assert ended.empty()


def test_the_log_says_which_threads_are_left_and_where(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()
    holding = threading.Thread(target=go.wait, name="a-thread-that-holds")
    holding.start()
    dog, ended = a_watchdog()
    with caplog.at_level(logging.ERROR, "lossgrid"):
        dog.end_within(0)
        ended.get(timeout=PATIENCE)
    go.set()
    holding.join()
    (message,) = caplog.messages
    assert "a-thread-that-holds at threading.py:" in message
    assert "MainThread at " in message
    assert "lossgrid-watchdog" not in message


def test_a_log_that_nobody_reads_does_not_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(watchdog, "_say_what_is_left", lambda: go.wait(PATIENCE))
    dog, ended = a_watchdog()
    told = time.monotonic()
    dog.end_within(0)
    assert ended.get(timeout=PATIENCE)[1] - told < PATIENCE / 2
    go.set()


def test_without_a_thread_for_the_log_it_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dog, ended = a_watchdog()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    dog.end_within(0)
    assert ended.get(timeout=PATIENCE)[0] == CUT_OFF

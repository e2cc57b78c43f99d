"""Several processes that serve on one socket, and the one that looks after them.

That one has the application imported and the socket bound before it forks, so a worker begins in no time, shares the
memory of the code with the others, and can be replaced as fast when it dies. It serves nothing itself.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Any, Final

from app.watchdog import CUT_OFF

__all__ = ["is_possible", "names_of", "supervise"]

log = logging.getLogger("lossgrid")

BEGINNING_SECONDS = 5.0
"""A worker that fails within this time would fail again."""

PAUSE_SECONDS = 1.0
"""How long at least a worker and its successor are apart, so that deaths in a row do not use up the machine."""

RETRY_SECONDS = 5.0
"""After which it is tried again to begin a worker for which the system had no process, or no memory."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def is_possible() -> bool:
    """Whether the system can fork a process."""
    return "fork" in multiprocessing.get_all_start_methods()


def names_of(count: int) -> list[str]:
    """Give the names of so many workers."""
    return [str(number) for number in range(1, count + 1)]


def supervise(
    count: int,
    serve: Callable[[], None],
    listening: socket.socket,
    *,
    end_seconds: float,
    ended: Callable[[str], None] = lambda _: None,
) -> int:
    """Keep workers running until SIGTERM or Ctrl+C, and give the exit code. Only for the main thread.

    Parameters
    ----------
    count
        How many there are. One that dies is replaced.
    serve
        What a worker does, until it is sent SIGTERM.
    listening
        What they share; closed here when they are told to end, so that it is closed when they have closed theirs.
    end_seconds
        How long they may take to end; those that take longer are killed.
    ended
        Told the name of every worker that has died, before another one has it: they are called "1" to `count`.

    Returns
    -------
    int
        0 after a signal; 1 if a worker did not end as it should after that, or had to be killed; that of a worker that
        could not even begin, after the others have been ended.
    """
    # A pipe whose other end closes when this process dies, however it does: no worker outlives it.
    alive, lifeline = os.pipe()
    workers: dict[ForkProcess, float] = {}

    def begin() -> bool:
        """Begin a worker, if the system gives a process."""
        taken = {worker.name for worker in workers}
        name = next(name for name in names_of(count) if name not in taken)
        worker = multiprocessing.get_context("fork").Process(target=_work, name=name, args=(serve, alive, lifeline))
        # A signal that comes before the worker has handlers of its own must not be lost on ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            worker.start()
        except OSError as error:
            log.error("no worker could be begun: %s", (error.strerror or str(error)).lower())  # noqa: TRY400 - no fault of ours
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        workers[worker] = time.monotonic()
        return True

    with _signals() as heard:
        code = 0
        while not code:
            while len(workers) < count and not wait([heard], 0) and begin():
                pass
            ready = wait(
                [heard, *(worker.sentinel for worker in workers)], RETRY_SECONDS if len(workers) < count else None
            )
            if heard in ready:
                break
            for worker in [worker for worker in workers if worker.sentinel in ready]:
                worker.join()
                lived = time.monotonic() - workers.pop(worker)
                log.warning("worker %s ended with %s after %.0f s", worker.pid, worker.exitcode, lived)
                ended(worker.name)
                if (worker.exitcode or 0) > 0 and lived < BEGINNING_SECONDS:
                    code = worker.exitcode or 0
                else:
                    wait([heard], max(0.0, PAUSE_SECONDS - lived))
        listening.close()
        if not _end([*workers], end_seconds):
            code = code or CUT_OFF
    os.close(lifeline)
    os.close(alive)
    return code


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Turn signals into something that can be waited for, together with other things, whichever thread takes them."""
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = {number: signal.signal(number, _heard) for number in _SIGNALS}
    descriptor = signal.set_wakeup_fd(told.fileno())
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        heard.close()
        told.close()


def _heard(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: the byte that Python writes for the signal is what counts."""


def _end(workers: list[ForkProcess], seconds: float) -> bool:
    """Have workers end, kill those that do not, and say whether that was not necessary."""
    deadline = time.monotonic() + seconds
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.exitcode is None:
            log.error("worker %s did not end in %g s and is killed", worker.pid, seconds)
            worker.kill()
            worker.join()
    return all(worker.exitcode == 0 for worker in workers)


def _work(serve: Callable[[], None], alive: int, lifeline: int) -> None:
    """Be a worker."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, _stop)
    os.close(lifeline)
    # Begun while signals are blocked, so that it never takes one.
    threading.Thread(target=_die_with, args=(alive,), name="lossgrid-lifeline", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    serve()


def _die_with(alive: int) -> None:
    """End this process as SIGTERM does when the one that looks after it is gone."""
    with contextlib.suppress(OSError):
        os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(_signal: int, _frame: FrameType | None) -> Any:  # noqa: ANN401 - what signal.signal wants of a handler
    """End a worker: before it serves, and once uvicorn has finished and passes the signal on."""
    sys.exit(0)

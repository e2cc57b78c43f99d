"""How much is computed at once, how many requests may wait for it, and how long any of them may take.

Requests are computed in threads of our own, not in those that the framework shares with everything else. When all are
busy a request waits, in the order of arrival; beyond a short queue it is refused at once, with a problem that says when
to come back. Whoever leaves while waiting gives up the place; whoever leaves while computing, or computes for too long,
has the work stopped at its next checkpoint.
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final, Generic, TypeVar

from starlette.requests import ClientDisconnect

from app.losses.checkpoint import Checkpoint
from app.problems import COMPUTING_TOO_LONG, NOT_READY, OVER_CAPACITY, Kind, Problem, RefusedError
from app.threads import Threads
from app.variables import variable

__all__ = ["Capacity", "StoppedError"]

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

SHORT_WAIT_SECONDS = 0.1
"""A wait that nobody minds: the queue is never shortened below what is done in this time."""

WATCH_AFTER_SECONDS = 0.02
"""When it is first looked whether a client is still there: most requests are answered before, and need no watching."""

_LONGEST_RETRY_SECONDS: Final = 600
_NEWEST: Final = 1 / 8
"""The weight of the newest service time in their moving average."""


class StoppedError(BaseException):
    """Raised by a checkpoint whose work nobody waits for any more; no ``except Exception`` on the way may keep it."""


class Capacity:
    """Lets some requests compute and some wait, and refuses the others.

    It belongs to the event loop in which its coroutines run, and only its checkpoints are called elsewhere.

    Parameters
    ----------
    at_once
        How many computations run at the same time.
    waiting
        How many more requests may wait; fewer where they would wait for more than twice the usual service time.
    seconds
        How long one computation may take.
    """

    def __init__(self, *, at_once: int, waiting: int, seconds: float) -> None:
        self.at_once = at_once
        self.waiting = waiting
        self.seconds = seconds
        self._average: float | None = None
        self._running: dict[_Job[Any], asyncio.TimerHandle] = {}
        self._queue: deque[_Job[Any]] = deque()
        self._threads = Threads(at_once, "lossgrid-computing")
        self._coming: dict[object, float] = {}  # bodies that are awaited, and until when each counts
        self._closed = False

    @property
    def running_count(self) -> int:
        """How many computations are running, those included that have been told to stop and have not yet."""
        return len(self._running)

    @property
    def waiting_count(self) -> int:
        """How many requests are waiting."""
        return len(self._queue)

    @property
    def has_room(self) -> bool:
        """Whether work that came now would not have to wait."""
        return len(self._running) < self.at_once

    @property
    def service_seconds(self) -> float | None:
        """How long a computation takes, a moving average; None before the first."""
        return self._average

    def check(self) -> None:
        """Refuse a request if it could not even wait: to be asked before its body is read.

        Raises
        ------
        RefusedError
            There is no place (503), or the service is stopping (503).
        """
        coming = 0
        if self._coming:
            now = time.monotonic()
            coming = sum(until > now for until in self._coming.values())
        self._admit(coming)

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """Count a request whose body comes fast as one that waits, for as long as the body may still take.

        So of many large bodies in one moment no more are read than there are places. But they count for no longer than
        nobody minds a wait: who stops sending, or has just begun to send slowly, holds nobody's place.
        """
        body = object()
        self._coming[body] = time.monotonic() + SHORT_WAIT_SECONDS
        try:
            yield
        finally:
            del self._coming[body]

    def _admit(self, coming: int = 0) -> None:
        """Refuse a request for which there is no place beside those that are here, and so many that are coming."""
        if self._closed:
            raise self._refusal(NOT_READY, NOT_READY.detail)
        running, waiting = len(self._running), len(self._queue)
        if running + waiting + coming >= self.at_once + self._places():
            others = f", {waiting} wait and {coming} are arriving" if coming else f" and {waiting} wait"
            detail = (
                f"{running} requests are computed{others}, which is all that the service takes at its present pace"
                f" ({variable('max_waiting')})."
            )
            raise self._refusal(OVER_CAPACITY, detail)

    async def run(self, work: Callable[[Checkpoint], T], receive: Receive) -> T:
        """Have work done in a thread, as soon as it is its turn.

        Parameters
        ----------
        work
            What is to be done; it calls the checkpoint that it is given often, and lets pass what that raises.
        receive
            The request's, which nobody else may be reading from: its body has been read.

        Raises
        ------
        RefusedError
            There is no place to wait in, the work takes too long, or the service stops (503 each).
        ClientDisconnect
            The client has left.
        """
        self._admit()
        loop = asyncio.get_running_loop()
        job: _Job[T] = _Job(work, loop, self._done)
        if self.has_room:
            self._start(job)
        else:
            self._queue.append(job)
        watch = loop.call_later(WATCH_AFTER_SECONDS, job.watch, receive)
        try:
            return await job.answer
        finally:
            watch.cancel()
            job.leave()
            if job in self._queue:
                self._queue.remove(job)
            del job  # likewise: in a circle of references the body would outlive its request

    def run_here(self, work: Callable[[], T]) -> T:
        """Do brief work in the event loop, where it is done before a thread would have begun; only where there is room.

        Nothing stops it, and nobody else is served meanwhile.
        """
        started = time.perf_counter()
        result = work()
        self._learn(time.perf_counter() - started)
        return result

    def close(self) -> None:
        """Refuse whatever computes, waits or comes: the time for that is over."""
        self._closed = True
        for job in [*self._running, *self._queue]:
            job.give_up(self._refusal(NOT_READY, NOT_READY.detail))

    def _places(self) -> int:
        """Count the places to wait in: as many as are free again within twice the service time, or in no time."""
        if not self._average:
            return self.waiting
        soon = int(SHORT_WAIT_SECONDS / self._average * self.at_once)
        return min(self.waiting, max(2 * self.at_once, soon))

    def _refusal(self, kind: Kind, detail: str) -> RefusedError:
        """Make a refusal that says when there will be room: when all those have been served that are here now."""
        here = len(self._running) + len(self._queue)
        # What has been running for long may well run for as long again, whatever others take.
        oldest = max(
            (job.loop.time() - clock.when() + self.seconds for job, clock in self._running.items()), default=0.0
        )
        wait = math.ceil(max((self._average or 0) * here / self.at_once, oldest))
        return RefusedError(
            Problem(kind, detail, headers={"Retry-After": str(min(max(1, wait), _LONGEST_RETRY_SECONDS))})
        )

    def _start(self, job: "_Job[Any]") -> None:
        """Set a job's deadline, and have it begin when the event loop has looked at whatever else has come by now.

        From then on the two take turns at the interpreter's lock, and the loop would come to those last who came first:
        of a hundred requests in one moment, to those that are to be refused.
        """
        self._running[job] = job.loop.call_later(self.seconds, self._too_long, job)
        job.loop.call_soon(self._begin, job)

    def _begin(self, job: "_Job[Any]") -> None:
        """Give a job to a thread; who waits for it is told if there is none."""
        try:
            self._threads.run(job.compute)
        except MemoryError as error:
            job.give_up(error)
            self._running.pop(job).cancel()
            self._go_on()

    def _too_long(self, job: "_Job[Any]") -> None:
        """Give a job up that has had its time; the thread is free when the work has noticed."""
        detail = f"The computation took more than {self.seconds:g} s ({variable('computing_seconds')})."
        self._learn(self.seconds)  # at least
        job.give_up(self._refusal(COMPUTING_TOO_LONG, detail))

    def _done(self, job: "_Job[Any]", seconds: float) -> None:
        """Go on with the next request."""
        self._running.pop(job).cancel()
        if not job.stop.asked:
            self._learn(seconds)
        self._go_on()

    def _go_on(self) -> None:
        """Start those that wait, as far as there is room."""
        while self._queue and self.has_room:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                self._start(waiting)

    def _learn(self, seconds: float) -> None:
        """Take a computation into the average."""
        self._average = seconds if self._average is None else self._average + (seconds - self._average) * _NEWEST


class _Stop:
    """Whether work is asked to stop: all that it is given of its job, so that no error of it leads back there."""

    def __init__(self) -> None:
        self.asked = False

    def checkpoint(self) -> None:
        """Stop the work if nobody waits for it any more. Called in its threads."""
        if self.asked:
            raise StoppedError


class _Job(Generic[T]):
    """One piece of work, and who waits for it."""

    def __init__(
        self,
        work: Callable[[Checkpoint], T],
        loop: asyncio.AbstractEventLoop,
        done: Callable[["_Job[T]", float], None],
    ) -> None:
        self.work: Callable[[Checkpoint], T] | None = work
        self.loop = loop
        self.done = done
        self.answer: asyncio.Future[T] = loop.create_future()
        self.stop = _Stop()
        self.watching: asyncio.Task[None] | None = None

    def compute(self) -> None:
        """Do the work, and tell the event loop. Called in the thread."""
        started = time.perf_counter()
        work, self.work = self.work, None
        assert work is not None  # noqa: S101 - a job is given to one thread, once
        result: T | None = None
        failure: BaseException | None = None
        try:
            self.stop.checkpoint()
            result = work(self.stop.checkpoint)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the one who waits
            failure = error
        seconds = time.perf_counter() - started
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the service has ended without this
            self.loop.call_soon_threadsafe(self.finish, result, failure, seconds)
        del self, work, result, failure  # an error's traceback leads here, and from the job to the error

    def finish(self, result: T | None, failure: BaseException | None, seconds: float) -> None:
        """Hand over what came out of it, unless nobody waits. Called in the event loop."""
        if self.answer.done():
            pass
        elif failure is not None:
            self.answer.set_exception(failure)
        else:
            self.answer.set_result(result)  # type: ignore[arg-type]  # what the work gave
        self.done(self, seconds)

    def give_up(self, reason: Exception) -> None:
        """Tell whoever waits why there will be no answer, and let the work stop."""
        self.stop.asked = True
        if not self.answer.done():
            self.answer.set_exception(reason)

    def leave(self) -> None:
        """Stop what is not finished: nobody waits for it any more."""
        self.stop.asked = self.stop.asked or self.answer.cancelled()
        if self.watching is not None:
            self.watching.cancel()

    def watch(self, receive: Receive) -> None:
        """Begin to look whether the client is still there."""
        self.watching = self.loop.create_task(self._watched(receive))

    async def _watched(self, receive: Receive) -> None:
        """Give the job up when the client has left."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.give_up(ClientDisconnect())

"""Threads of our own: whoever gives them work has an answer, or is told that there is no thread.

`threading.Thread.start` waits until the new thread has begun. One that finds no memory for its first call ends without
a word, and whoever began it waits for ever (CPython's issue 140746): in the event loop, and with it the whole service.
The threads of AnyIO and of `concurrent.futures` are begun in that way, so nothing here is given to them.
"""

import _thread
import asyncio
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, Generic, TypeVar
from weakref import WeakSet

__all__ = ["IDLE_THREAD_SECONDS", "Threads", "wait_for_awaited"]

T = TypeVar("T")

IDLE_THREAD_SECONDS = 10.0
"""How long a thread waits for work before it ends."""

_LOOK_SECONDS: Final = 0.02


class Threads:
    """Threads that do what they are given, begun when there is more than they can do, and ended when idle.

    Parameters
    ----------
    most
        How many there may be.
    name
        What they are called where somebody lists the threads of the process.
    awaited
        Whether `wait_for_awaited` waits for what they have been given. If not, work that never ends cannot hold up the
        end of the process.
    """

    def __init__(self, most: int, name: str, *, awaited: bool = False) -> None:
        self._most = most
        self._name = name
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0
        self._free = 0  # threads without a task, less tasks without a thread
        if awaited:
            _AWAITED.add(self)

    @property
    def is_idle(self) -> bool:
        """Whether all that was given has been done."""
        return self._free == self._count

    def run(self, task: Callable[[], None]) -> None:
        """Have something done in one of the threads; it may not raise.

        Raises
        ------
        MemoryError
            There is no thread, and the system gives none.
        """
        with self._lock:
            self._tasks.put(task)
            if self._free <= 0 and self._count < self._most:
                if _begun(self._serve, self._name):
                    self._count += 1
                    self._free += 1
                elif not self._count:
                    self._tasks.get_nowait()
                    raise MemoryError
            self._free -= 1

    async def aside(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in one of the threads.

        A cancel scope that ends meanwhile waits until it has returned; a task that is cancelled by itself does not.

        Raises
        ------
        MemoryError
            As `run`; whatever the function raises passes through.
        """
        from anyio import CancelScope  # noqa: PLC0415 - engines are also used where there is no server, and no AnyIO

        call = _Call(asyncio.get_running_loop(), function, arguments)
        self.run(call.compute)
        with CancelScope(shield=True):
            await call.outcome
        try:
            return call.result()
        finally:
            del call  # it has the error, whose traceback leads here

    def _serve(self) -> None:
        """Do one thing after another, until there is none for a while."""
        while True:
            try:
                task = self._tasks.get(timeout=IDLE_THREAD_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._free > 0:
                        self._free -= 1
                        self._count -= 1
                        return
                continue  # something is about to come
            task()
            del task
            with self._lock:
                self._free += 1


class _Call(Generic[T]):
    """One call of a function in a thread, and who waits for it in an event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, function: Callable[..., T], arguments: tuple[object, ...]
    ) -> None:
        self.loop = loop
        self.function = function
        self.arguments = arguments
        self.outcome: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()

    def compute(self) -> None:
        """Call it, and tell the event loop. Called in the thread."""
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the one who waits
            failure = error
        with suppress(RuntimeError):  # the event loop is closed: the service has ended without this
            self.loop.call_soon_threadsafe(self.finish, result, failure)
        del self, result, failure  # an error's traceback leads here, and from the call to the error

    def finish(self, result: T | None, failure: BaseException | None) -> None:
        """Hand over what came out of it, unless nobody waits. Called in the event loop."""
        if not self.outcome.done():
            self.outcome.set_result((result, failure))

    def result(self) -> T:
        """Give the result, when there is one."""
        result, failure = self.outcome.result()
        if failure is None:
            return result  # type: ignore[return-value]  # what the function gave
        try:
            raise failure
        finally:
            del self, failure  # likewise, and in a circle of references a body would outlive its request


class _Birth:
    """What a new thread says to the one that begins it."""

    def __init__(self) -> None:
        self.lives = False
        self.told = threading.Lock()
        self.told.acquire()


def _begun(work: Callable[[], None], name: str) -> bool:
    """Begin a thread, and tell whether it lives: it has all that it needs by then, and is at work."""
    birth = _Birth()
    try:
        _thread.start_new_thread(next, (_life(birth, work, name), None))
    except (RuntimeError, MemoryError):  # the system gives none
        return False
    birth.told.acquire()
    return birth.lives


def _life(birth: _Birth, work: Callable[[], None], name: str) -> Iterator[None]:
    """Say that there is a thread, or that there is none, and work.

    It is a generator since the frame of one is made by whoever makes it. That of a function is made in the new thread,
    of which the first needs 16 KiB from the system: where they cannot be had, nothing runs that could say so. Here that
    first call is one that may fail. It goes through C: where the interpreter makes a call by itself and finds no
    memory, CPython 3.11 counts the function as let go twice, and falls over it later.
    """
    introduce = partial(_introduce, name)
    try:
        introduce()
        birth.lives = True
    except MemoryError:
        return
    finally:
        birth.told.release()
    work()
    yield


def _introduce(name: str) -> None:
    """Make the thread in which this is called known to those that list threads, and to debuggers and coverage."""
    threading.current_thread().name = name
    sys.settrace(threading.gettrace())


_AWAITED: Final = WeakSet[Threads]()


def wait_for_awaited() -> None:
    """Wait until all has been done that may not be left undone: at the end of a process, which waits for no thread."""
    for threads in list(_AWAITED):
        while not threads.is_idle:
            time.sleep(_LOOK_SECONDS)

"""Threads of our own do what they are given, or say that they cannot: nobody waits for one that never was."""

import _thread
import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from app import threads as room
from app.threads import Threads, wait_for_awaited

PATIENCE = 20
"""Seconds after which a test gives up; nothing here takes more than a fraction of one."""

NO_MEMORY_TO_BEGIN = """
import resource, time
import app.threads
from app.threads import Threads

app.threads.IDLE_THREAD_SECONDS = 0.0
threads, refused, done, begun = Threads(1, "brief"), 0, [], 1

def pages():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

def settled():
    while threads._count or len(done) < begun:
        pass
    time.sleep(0.001)

threads.run(lambda: done.append(None))
usual = resource.getrlimit(resource.RLIMIT_AS)
for _ in range(40):
    for more in range(0, 65_536, 4096):
        settled()
        resource.setrlimit(resource.RLIMIT_AS, (pages() + more, usual[1]))
        try:
            threads.run(lambda: done.append(None))
        except MemoryError:
            refused += 1
        else:
            begun += 1
        resource.setrlimit(resource.RLIMIT_AS, usual)
settled()
print(refused > 0, len(done) == begun > 1)
"""
"""Begin threads while there is less and less than 64 KiB left; the stack of the one before is there, and taken again.
"""


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other threads
            await asyncio.sleep(0.005)


def no_thread(*_: object) -> None:
    """Stand in for the system where it gives none."""
    raise RuntimeError("can't start new thread")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit is known on Linux only")
def test_a_thread_without_memory_to_begin_is_not_waited_for() -> None:
    found = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", NO_MEMORY_TO_BEGIN],
        cwd=Path(__file__).parents[1],
        timeout=3 * PATIENCE,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "True True\n", "")


def test_they_are_used_again_and_end_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "IDLE_THREAD_SECONDS", 0.3)
    count = _thread._count  # noqa: SLF001 - threads that live, whoever began them

    async def test() -> None:
        threads, before = Threads(2, "some"), count()
        names = {await threads.aside(lambda: threading.current_thread().name) for _ in range(5)}
        assert names == {"some"}
        assert before < count() <= before + 2  # one may still be putting its things away
        await until(lambda: count() == before)
        assert await threads.aside(lambda: 1) == 1

    asyncio.run(test())


def test_one_that_has_been_promised_work_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "IDLE_THREAD_SECONDS", 0.001)
    threads, done = Threads(1, "some"), list[threading.Thread]()

    async def test() -> None:
        threads._free = -1  # noqa: SLF001 - the moment between two of its lines: promised before there is a thread
        threads._count = 1  # noqa: SLF001
        thread = threading.Thread(target=threads._serve, daemon=True)  # noqa: SLF001
        thread.start()
        await asyncio.sleep(0.1)
        assert thread.is_alive()
        threads._tasks.put(lambda: done.append(threading.current_thread()))  # noqa: SLF001
        await until(lambda: done == [thread])
        threads._free = 1  # noqa: SLF001
        await until(lambda: not thread.is_alive())

    asyncio.run(test())


def test_where_the_system_gives_none_the_one_that_there_is_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        threads, go = Threads(2, "some"), threading.Event()
        with monkeypatch.context() as patched:
            patched.setattr(_thread, "start_new_thread", no_thread)
            with pytest.raises(MemoryError):
                await threads.aside(lambda: 1)
        first = asyncio.ensure_future(threads.aside(go.wait, PATIENCE))
        await asyncio.sleep(0)
        with monkeypatch.context() as patched:
            patched.setattr(_thread, "start_new_thread", no_thread)
            second = asyncio.ensure_future(threads.aside(lambda: 2))
            await asyncio.sleep(0)
        go.set()
        assert [await first, await second] == [True, 2]

    asyncio.run(test())


@pytest.mark.parametrize("error", [ZeroDivisionError, StopIteration, KeyboardInterrupt])
def test_whatever_is_raised_has_an_answer(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    async def test() -> type[BaseException] | None:
        async with asyncio.timeout(PATIENCE):
            try:
                await Threads(1, "some").aside(fail)
            except BaseException as caught:  # noqa: BLE001 - which of them it is, is the question
                return type(caught)
            return None

    # A coroutine cannot raise StopIteration.
    assert asyncio.run(test()) is (RuntimeError if error is StopIteration else error)


def test_nothing_of_a_call_that_failed_is_kept() -> None:
    class Body:
        """Something that can be referred to weakly."""

    async def test() -> None:
        body = Body()
        kept = weakref.ref(body)

        def fail(_: Body) -> None:
            raise ZeroDivisionError

        threads = Threads(1, "some")
        with pytest.raises(ZeroDivisionError) as caught:
            await threads.aside(fail, body)
        del body, caught
        await until(lambda: kept() is None)

    gc.disable()
    try:
        asyncio.run(test())
    finally:
        gc.enable()


def test_who_is_cancelled_leaves_and_the_call_is_finished() -> None:
    async def test() -> None:
        threads, begun, go = Threads(1, "some"), threading.Event(), threading.Event()

        def wait() -> bool:
            begun.set()
            return go.wait(PATIENCE)

        waiting = asyncio.ensure_future(threads.aside(wait))
        await until(begun.is_set)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        await until(lambda: threads.is_idle)
        assert await threads.aside(lambda: 1) == 1

    asyncio.run(test())


def test_a_loop_that_is_closed_meanwhile_does_not_matter() -> None:
    loop, begun, go = asyncio.new_event_loop(), threading.Event(), threading.Event()
    threads = Threads(1, "some")

    def wait() -> None:
        begun.set()
        go.wait(PATIENCE)

    asking = loop.create_task(threads.aside(wait))
    loop.run_until_complete(asyncio.sleep(0))
    assert begun.wait(PATIENCE)
    asking.cancel()
    loop.run_until_complete(asyncio.wait([asking]))
    loop.close()
    go.set()
    deadline = time.monotonic() + PATIENCE
    while not threads.is_idle:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("awaited", [True, False])
def test_what_is_awaited_is_waited_for_and_nothing_else(awaited: bool) -> None:  # noqa: FBT001 - a column
    threads, go = Threads(1, "some", awaited=awaited), threading.Event()

    def wait() -> None:
        go.wait(PATIENCE)

    threads.run(wait)
    threading.Timer(0.2, go.set).start()
    wait_for_awaited()
    assert go.is_set() is awaited
    go.set()


def test_a_thread_says_what_has_become_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do in this thread what a new one does, where it is seen."""
    done: list[str] = []
    birth = room._Birth()  # noqa: SLF001
    monkeypatch.setattr(room, "_introduce", done.append)
    next(room._life(birth, lambda: done.append("work"), "name"), None)  # noqa: SLF001
    assert (done, birth.lives, birth.told.locked()) == (["name", "work"], True, False)

    def fail(_: str) -> None:
        raise MemoryError

    birth = room._Birth()  # noqa: SLF001
    monkeypatch.setattr(room, "_introduce", fail)
    next(room._life(birth, lambda: done.append("never"), "name"), None)  # noqa: SLF001
    assert (done, birth.lives, birth.told.locked()) == (["name", "work"], False, False)


def test_a_thread_that_introduces_itself_is_listed() -> None:
    listed: list[str] = []

    def introduce() -> None:
        room._introduce("somebody")  # noqa: SLF001
        listed.extend(thread.name for thread in threading.enumerate())

    thread = threading.Thread(target=introduce)
    thread.start()
    thread.join()
    assert "somebody" in listed

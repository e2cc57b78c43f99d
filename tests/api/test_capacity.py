"""How much is computed at once, who waits, who is refused, and what stops work that nobody waits for."""

import _thread
import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from app.api import capacity as room
from app.api.capacity import Capacity, StoppedError
from app.gates.landing import FAST_BYTES, offer_landing
from app.losses.checkpoint import Checkpoint
from app.problems import RefusedError
from tests.inprocess import a_scope, an_app

PATIENCE = 20
"""Seconds after which a test gives up; nothing here takes more than a fraction of one."""


def a_capacity(at_once: int = 1, waiting: int = 1, seconds: float = PATIENCE) -> Capacity:
    return Capacity(at_once=at_once, waiting=waiting, seconds=seconds)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine, and give up on one that hangs."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await test()

    asyncio.run(bounded())


async def stays() -> MutableMapping[str, Any]:
    """Receive nothing: the client is there."""
    await asyncio.Event().wait()
    raise AssertionError


async def leaves() -> MutableMapping[str, Any]:
    """Receive that the client has left."""
    return {"type": "http.disconnect"}


class Work:
    """Work that goes on until it is let go, or stopped at a checkpoint."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.stopped = threading.Event()

    def __call__(self, checkpoint: Checkpoint) -> str:
        """Do it."""
        self.begun.set()
        try:
            while not self.go.wait(0.005):
                checkpoint()
        except StoppedError:
            self.stopped.set()
            raise
        return "done"


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens in other threads
        await asyncio.sleep(0.002)


def refusal_of(error: BaseException | None) -> tuple[str, str, int]:
    """Give the kind, the detail and the Retry-After of a refusal."""
    assert isinstance(error, RefusedError)
    return error.problem.kind.slug, error.problem.detail, int(error.problem.headers["Retry-After"])


def test_work_is_done_in_another_thread_and_its_result_given() -> None:
    async def test() -> None:
        assert await a_capacity().run(lambda _: threading.current_thread().name, stays) == "lossgrid-computing"

    run(test)


def test_what_work_raises_is_raised_where_it_is_awaited() -> None:
    def work(_: Checkpoint) -> None:
        raise ZeroDivisionError

    async def test() -> None:
        capacity = a_capacity()
        with pytest.raises(ZeroDivisionError):
            await capacity.run(work, stays)
        assert await capacity.run(lambda _: 1, stays) == 1

    run(test)


def test_where_there_is_no_thread_the_request_is_refused_and_its_place_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def test() -> None:
        capacity = a_capacity(at_once=2)
        with monkeypatch.context() as patched:
            patched.setattr(_thread, "start_new_thread", start)
            for _ in range(3):
                with pytest.raises(MemoryError):
                    await capacity.run(lambda _: None, stays)
        assert capacity.running_count == 0
        work = Work()
        first = asyncio.ensure_future(capacity.run(work, stays))
        await until(work.begun.is_set)
        with monkeypatch.context() as patched:  # a second thread is not to be had: the one that there is does both
            patched.setattr(_thread, "start_new_thread", start)
            second = asyncio.ensure_future(capacity.run(lambda _: "after it", stays))
            for _ in range(3):  # until it would have begun
                await asyncio.sleep(0)
        work.go.set()
        assert [await first, await second] == ["done", "after it"]

    run(test)


def test_those_who_wait_are_told_too_where_there_is_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def test() -> None:
        capacity = a_capacity(at_once=1, waiting=3)
        monkeypatch.setattr(_thread, "start_new_thread", start)
        found = await asyncio.gather(*(capacity.run(lambda _: None, stays) for _ in range(4)), return_exceptions=True)
        assert [type(one) for one in found] == [MemoryError] * 4
        assert capacity.running_count == capacity.waiting_count == 0

    run(test)


def test_nothing_begins_before_whoever_comes_in_the_same_moment_has_been_refused() -> None:
    seen: list[str] = []

    def work(_: Checkpoint) -> None:
        seen.append("begun")

    async def ask(capacity: Capacity) -> None:
        try:
            await capacity.run(work, stays)
        except RefusedError:
            time.sleep(0.002)  # noqa: ASYNC251 - a thread that had been given something would begin now
            seen.append("refused")

    async def test() -> None:
        capacity = a_capacity(at_once=1, waiting=0)
        await asyncio.gather(*(ask(capacity) for _ in range(4)))

    run(test)
    assert seen == [*["refused"] * 3, "begun"]


def test_one_waits_and_the_next_is_refused() -> None:
    async def test() -> None:
        capacity, first, second = a_capacity(at_once=1, waiting=1), Work(), Work()
        running = asyncio.create_task(capacity.run(first, stays))
        await until(first.begun.is_set)
        waiting = asyncio.create_task(capacity.run(second, stays))
        await until(lambda: capacity.waiting_count == 1)
        for refused in (capacity.check, lambda: capacity.run(Work(), stays).send(None)):
            with pytest.raises(RefusedError) as caught:
                refused()
            slug, detail, retry = refusal_of(caught.value)
            assert (slug, retry) == ("over-capacity", 1)
            assert "1 requests are computed and 1 wait" in detail
            assert "(LOSSGRID_MAX_WAITING)" in detail
        assert not second.begun.is_set()
        first.go.set()
        assert await running == "done"
        await until(second.begun.is_set)
        capacity.check()
        second.go.set()
        assert await waiting == "done"
        assert (capacity.running_count, capacity.waiting_count) == (0, 0)

    run(test)


def test_those_that_wait_are_served_in_the_order_of_arrival() -> None:
    async def test() -> None:
        capacity, first, order = a_capacity(waiting=20), Work(), list[int]()
        running = asyncio.create_task(capacity.run(first, stays))
        await until(first.begun.is_set)
        waiting = [
            asyncio.create_task(capacity.run(lambda _, index=index: order.append(index), stays))  # type: ignore[misc]
            for index in range(20)
        ]
        await until(lambda: capacity.waiting_count == 20)
        first.go.set()
        await asyncio.gather(running, *waiting)
        assert order == [*range(20)]

    run(test)


def test_a_client_that_leaves_while_it_is_computed_has_the_work_stopped() -> None:
    async def test() -> None:
        capacity, work = a_capacity(), Work()
        with pytest.raises(ClientDisconnect):
            await capacity.run(work, leaves)
        await until(work.stopped.is_set)
        await until(lambda: not capacity.running_count)
        assert capacity.service_seconds is None
        assert await capacity.run(lambda _: 1, stays) == 1

    run(test)


def test_what_comes_behind_a_body_is_not_taken_for_leaving() -> None:
    async def test() -> None:
        messages: list[MutableMapping[str, Any]] = [{"type": "http.disconnect"}, {"type": "http.request"}]

        async def receive() -> MutableMapping[str, Any]:
            return messages.pop()

        with pytest.raises(ClientDisconnect):
            await a_capacity().run(Work(), receive)
        assert messages == []

    run(test)


def test_a_client_that_leaves_while_it_waits_gives_up_its_place() -> None:
    async def test() -> None:
        capacity, first, second = a_capacity(), Work(), Work()
        running = asyncio.create_task(capacity.run(first, stays))
        await until(first.begun.is_set)
        with pytest.raises(ClientDisconnect):
            await capacity.run(second, leaves)
        assert capacity.waiting_count == 0
        first.go.set()
        assert await running == "done"
        assert not second.begun.is_set()

    run(test)


def test_who_gives_up_just_as_it_is_its_turn_is_passed_over() -> None:
    async def test() -> None:
        capacity, first, second = a_capacity(waiting=2), Work(), Work()
        running = asyncio.create_task(capacity.run(first, stays))
        await until(first.begun.is_set)
        waiting = asyncio.create_task(capacity.run(second, stays))
        third = asyncio.create_task(capacity.run(lambda _: 3, stays))
        await until(lambda: capacity.waiting_count == 2)
        first.go.set()
        time.sleep(0.2)  # noqa: ASYNC251 - so that both happen before the event loop looks again
        waiting.cancel()
        capacity._queue[0].give_up(ClientDisconnect())  # noqa: SLF001 - as its watch does
        assert await running == "done"
        assert await third == 3
        with pytest.raises((ClientDisconnect, asyncio.CancelledError)):
            await waiting
        assert not second.begun.is_set()

    run(test)


def test_a_task_that_is_cancelled_has_its_work_stopped() -> None:
    async def test() -> None:
        capacity, work = a_capacity(), Work()
        running = asyncio.create_task(capacity.run(work, stays))
        await until(work.begun.is_set)
        await asyncio.sleep(room.WATCH_AFTER_SECONDS * 2)  # so that it is watched, which has to end as well
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(work.stopped.is_set)
        await until(lambda: len(asyncio.all_tasks()) == 1)

    run(test)


def test_a_computation_has_a_deadline_which_is_not_that_of_waiting() -> None:
    async def test() -> None:
        capacity, work, second = a_capacity(seconds=0.2), Work(), Work()
        running = asyncio.create_task(capacity.run(work, stays))
        waiting = asyncio.create_task(capacity.run(second, stays))
        with pytest.raises(RefusedError) as caught:
            await running
        slug, detail, retry = refusal_of(caught.value)
        assert (slug, retry) == ("computing-too-long", 1)
        assert "0.2 s (LOSSGRID_COMPUTING_SECONDS)" in detail
        await until(work.stopped.is_set)
        await until(second.begun.is_set)
        second.go.set()
        assert await waiting == "done"

    run(test)


def test_who_takes_too_long_counts_for_the_pace() -> None:
    async def test() -> None:
        capacity = a_capacity(seconds=0.05)
        await capacity.run(lambda _: None, stays)
        for _ in range(20):
            with pytest.raises(RefusedError):
                await capacity.run(Work(), stays)
            await until(lambda: not capacity.running_count)
        assert capacity.service_seconds is not None
        assert 0.04 < capacity.service_seconds <= 0.05

    run(test)


def test_work_that_does_not_stop_keeps_its_thread_but_not_its_client() -> None:
    go = threading.Event()

    async def test() -> None:
        capacity = a_capacity(seconds=0.1)
        with pytest.raises(RefusedError):
            await capacity.run(lambda _: go.wait(PATIENCE), stays)
        assert capacity.running_count == 1
        go.set()
        await until(lambda: not capacity.running_count)

    run(test)


def test_work_that_outlives_the_event_loop_ends_quietly() -> None:
    begun, go = threading.Event(), threading.Event()
    ended = threading.Event()

    def work(_: Checkpoint) -> None:
        begun.set()
        go.wait(PATIENCE)
        ended.set()

    async def test() -> None:
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        with pytest.raises(asyncio.CancelledError):
            await a_capacity().run(work, stays)
        await until(begun.is_set)

    run(test)
    go.set()
    assert ended.wait(PATIENCE)


def test_closing_refuses_whoever_computes_waits_or_comes() -> None:
    async def test() -> None:
        capacity, work = a_capacity(), Work()
        tasks = [asyncio.create_task(capacity.run(work, stays)) for _ in range(2)]
        await until(lambda: work.begun.is_set() and capacity.waiting_count == 1)
        capacity.close()
        for task in tasks:
            with pytest.raises(RefusedError) as caught:
                await task
            assert refusal_of(caught.value)[0] == "not-ready"
        with pytest.raises(RefusedError) as caught:
            capacity.check()
        assert refusal_of(caught.value)[0] == "not-ready"
        await until(work.stopped.is_set)

    run(test)


@pytest.mark.parametrize(
    ("average", "places", "retry"),
    [(None, 32, 1), (0.001, 32, 1), (0.02, 10, 1), (0.05, 4, 1), (0.5, 4, 2), (10, 4, 30), (10_000, 4, 600)],
)
def test_the_queue_is_as_long_as_is_served_soon(average: float | None, places: int, retry: int) -> None:
    async def test() -> None:
        capacity = a_capacity(at_once=2, waiting=32)
        capacity._average = average  # noqa: SLF001 - the pace of hours in no time
        works = [Work() for _ in range(2 + places)]
        tasks = [asyncio.create_task(capacity.run(work, stays)) for work in works]
        await until(lambda: capacity.waiting_count == places)
        with pytest.raises(RefusedError) as caught:
            capacity.check()
        assert refusal_of(caught.value)[2] == retry
        for work in works:
            work.go.set()
        await asyncio.gather(*tasks)

    run(test)


def test_who_comes_back_is_told_of_what_has_been_running_for_long() -> None:
    async def test() -> None:
        capacity = a_capacity(at_once=1, waiting=0)
        capacity._average = 0.001  # noqa: SLF001 - of many brief ones before
        work = Work()
        task = asyncio.create_task(capacity.run(work, stays))
        await asyncio.sleep(1.1)
        with pytest.raises(RefusedError) as caught:
            capacity.check()
        assert refusal_of(caught.value)[2] >= 2
        work.go.set()
        await task

    run(test)


def test_the_pace_is_a_moving_average() -> None:
    async def test() -> None:
        capacity = a_capacity()
        await capacity.run(lambda _: time.sleep(0.1), stays)
        slow = capacity.service_seconds
        assert slow is not None
        assert slow >= 0.1
        for _ in range(40):
            await capacity.run(lambda _: None, stays)
        assert capacity.service_seconds is not None
        assert 0 < capacity.service_seconds < slow / 4

    run(test)


def test_a_failure_keeps_nothing_alive() -> None:
    class Body:
        pass

    async def test() -> None:
        body = Body()
        seen = weakref.ref(body)

        def work(_: Checkpoint, body: Body = body) -> None:
            raise ValueError(str(body))

        del body
        with contextlib.suppress(ValueError):
            await a_capacity().run(work, stays)
        del work
        await until(lambda: seen() is None)

    gc.collect()
    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()


@pytest.mark.parametrize("path", ["/loss", "/loss/identify"])
def test_a_full_service_refuses_before_it_reads(path: str) -> None:
    async def test() -> None:
        app, works = an_app(computing_threads=1, max_waiting=1), [Work(), Work()]
        tasks = [asyncio.create_task(app.state.capacity.run(work, stays)) for work in works]
        await until(lambda: app.state.capacity.waiting_count == 1)

        async def receive() -> MutableMapping[str, Any]:
            raise AssertionError("it was read")

        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await app({**a_scope((b"host", b"localhost")), "path": path}, receive, send)
        assert sent[0]["status"] == 503
        assert (b"retry-after", b"1") in sent[0]["headers"]
        for work in works:
            work.go.set()
        await asyncio.gather(*tasks)

    run(test)


def test_bodies_that_come_fast_count_as_waiting_until_they_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)

    async def test() -> None:
        nonlocal now
        capacity = a_capacity(at_once=1, waiting=1)
        with capacity.expecting():
            capacity.check()
            with capacity.expecting():
                with pytest.raises(RefusedError) as refused:
                    capacity.check()
                slug, detail, _ = refusal_of(refused.value)
                assert slug == "over-capacity"
                assert detail.startswith("0 requests are computed, 0 wait and 2 are arriving, which is all")
                now += room.SHORT_WAIT_SECONDS  # whoever takes longer holds no place
                capacity.check()
                now -= room.SHORT_WAIT_SECONDS
            capacity.check()

    run(test)


def test_who_has_been_let_in_is_not_refused_for_others_that_are_coming() -> None:
    async def test() -> None:
        capacity = a_capacity(at_once=1, waiting=0)
        with capacity.expecting():
            assert await capacity.run(lambda _: "done", stays) == "done"

    run(test)


@pytest.mark.parametrize(("begun", "status"), [(FAST_BYTES, 503), (1000, 200)], ids=["fast", "slow"])
def test_of_large_bodies_that_come_at_once_no_more_are_read_than_have_a_place(
    begun: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SHORT_WAIT_SECONDS", PATIENCE)
    body = b'{"x": [1], "y": [1]' + b" " * FAST_BYTES + b"}"

    async def test() -> None:
        app, go = an_app(computing_threads=1, max_waiting=0), asyncio.Event()
        taken = asyncio.Event()

        async def post(wait: Callable[[], Coroutine[Any, Any, object]]) -> int:
            scope = {**a_scope((b"host", b"localhost")), "path": "/loss", "state": {}}
            offer_landing(scope, lambda _: False, lambda: begun)
            sent: list[MutableMapping[str, Any]] = []

            async def receive() -> MutableMapping[str, Any]:
                await wait()
                return {"type": "http.request", "body": body, "more_body": False}

            async def send(message: MutableMapping[str, Any]) -> None:
                sent.append(message)

            await app(scope, receive, send)
            return int(sent[0]["status"])

        async def stop() -> None:
            taken.set()
            await go.wait()

        first = asyncio.create_task(post(stop))
        await taken.wait()
        assert await post(lambda: asyncio.sleep(0)) == status
        go.set()
        assert await first == 200

    run(test)


def test_brief_work_is_done_here_and_counts_for_the_pace() -> None:
    async def test() -> None:
        capacity = a_capacity()
        assert capacity.has_room
        assert capacity.run_here(threading.get_ident) == threading.get_ident()
        assert capacity.service_seconds is not None
        assert 0 < capacity.service_seconds < PATIENCE
        with pytest.raises(ZeroDivisionError):
            capacity.run_here(lambda: 1 / 0)

    run(test)


def test_where_all_are_busy_there_is_no_room() -> None:
    async def test() -> None:
        capacity, work = a_capacity(), Work()
        running = asyncio.create_task(capacity.run(work, stays))
        await until(work.begun.is_set)
        assert not capacity.has_room
        work.go.set()
        assert await running == "done"
        assert capacity.has_room

    run(test)

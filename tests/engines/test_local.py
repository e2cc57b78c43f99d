"""The engine of one process: the fold over chunks is the tally of the whole, whoever works on it."""

import _thread
import gc
import itertools
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.engines import local
from app.engines.local import Threads
from app.losses import LOSSES, Batch, Checkpoint, Chunk, NotFinite, Objective, Overflow, Tally, report, tally
from tests.losses.cases import arrays_for, assert_same_bits, every_loss


@every_loss
def test_a_small_batch_is_one_chunk(loss: str) -> None:
    batch, objective = Batch.of(arrays_for(loss)), Objective.of(loss)
    (chunk,) = batch.chunks()
    found, wanted = local.run(batch, objective), tally(chunk, objective)
    assert_same_bits(report(batch, found, objective), report(batch, wanted, objective))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_large_batch_is_folded(loss: str) -> None:
    batch, objective = Batch.of(arrays_for(loss, samples=30_000)), Objective.of(loss)
    chunks = list(batch.chunks())
    assert len(chunks) > 1
    wanted = Tally.of_all(tally(chunk, objective) for chunk in chunks)
    assert_same_bits(report(batch, local.run(batch, objective), objective), report(batch, wanted, objective))


def test_the_first_bad_chunk_ends_the_fold() -> None:
    x = np.zeros((30_000, 5))
    x[29_999, 3] = np.nan
    with pytest.raises(NotFinite) as caught:
        local.run(Batch.of({"x": x, "y": np.zeros((30_000, 5))}), Objective.of())
    assert caught.value.faults[0].path == ("x", 29_999, 3)


@pytest.fixture(scope="module", params=[1, 2, 5])
def engine(request: pytest.FixtureRequest) -> Threads:
    return Threads(request.param, worth_seconds=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_digits_do_not_depend_on_the_number_of_threads(loss: str, engine: Threads) -> None:
    batch, objective = Batch.of(arrays_for(loss, samples=90_000, weighted=True)), Objective.of(loss)
    wanted = report(batch, local.run(batch, objective), objective)
    assert_same_bits(report(batch, engine.run(batch, objective), objective), wanted)


def test_every_chunk_is_tallied_once_and_by_several_threads() -> None:
    engine, seen = Threads(3, worth_seconds=0), []
    met = threading.Barrier(3, timeout=30)

    def checkpoint() -> None:
        seen.append(threading.get_ident())
        if seen.count(threading.get_ident()) == 1:
            met.wait()

    x = np.zeros((20, 60_000))
    found = engine.run(Batch.of({"x": x, "y": x}), Objective.of(), checkpoint)
    assert len(found.reconstruction.hi) == len(seen) == 20
    assert len(set(seen)) == 3


def test_a_small_batch_stays_with_the_thread_that_asks() -> None:
    seen = set()
    x = np.zeros((3, 60_000))
    Threads(4, worth_seconds=0).run(Batch.of({"x": x, "y": x}), Objective.of(), lambda: seen.add(threading.get_ident()))
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize(("first", "helped"), [(0.0, False), (0.3, True)])
def test_others_help_where_the_first_chunk_takes_its_time(first: float, *, helped: bool) -> None:
    seen: list[int] = []

    def checkpoint() -> None:
        time.sleep(0.005 if seen else first)  # so that a helper that has begun finds a chunk to work on
        seen.append(threading.get_ident())

    x = np.zeros((20, 60_000))
    Threads(2, worth_seconds=0.2).run(Batch.of({"x": x, "y": x}), Objective.of(), checkpoint)
    assert len(seen) == 20
    assert seen[0] == threading.get_ident()
    assert len(set(seen)) == 1 + helped


@pytest.mark.parametrize("slow", [2, 9])
def test_the_first_bad_chunk_is_the_one_that_is_refused_whichever_is_found_first(
    slow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.zeros((12, 60_000))
    x[2, 5] = x[9, 7] = 1e200  # whose squares overflow
    found = {2: threading.Event(), 9: threading.Event()}
    begun = threading.Event()

    def tally_in_that_order(chunk: Chunk, objective: Objective, checkpoint: Checkpoint) -> Tally:
        if chunk.start == 9:
            begun.set()
        if chunk.start == 2:
            begun.wait(timeout=30)  # both are in work before either is found
        if chunk.start == slow:
            found[11 - slow].wait(timeout=30)
        try:
            return tally(chunk, objective, checkpoint)
        finally:
            if chunk.start in found:
                found[chunk.start].set()

    monkeypatch.setattr("app.engines.local.tally", tally_in_that_order)
    with pytest.raises(Overflow) as caught:
        Threads(3, worth_seconds=0).run(Batch.of({"x": x, "y": np.zeros_like(x)}), Objective.of())
    assert found[9].is_set()
    assert caught.value.faults[0].path == ("x", 2)


def test_a_checkpoint_stops_all_threads(engine: Threads) -> None:
    calls = itertools.count(1)

    def stop_at_the_third() -> None:
        if next(calls) >= 3:
            raise InterruptedError

    x = np.zeros((400, 60_000))
    with pytest.raises(InterruptedError):
        engine.run(Batch.of({"x": x, "y": x}), Objective.of(), stop_at_the_third)
    assert next(calls) <= 3 + 5  # at most one more of each thread


def test_a_refused_batch_is_let_go_at_once_however_many_of_its_chunks_were_refused() -> None:
    met = threading.Barrier(2, timeout=30)

    def meet() -> None:  # so that both threads find a bad chunk
        met.wait()

    x = np.full((4, 60_000), np.nan)
    kept = weakref.ref(x)
    gc.disable()
    try:
        with pytest.raises(NotFinite) as caught:
            Threads(2, worth_seconds=0).run(Batch.of({"x": x, "y": x}), Objective.of(), meet)
        caught.value.with_traceback(None)
        del x, caught
        until = time.monotonic() + 30
        while kept() is not None and time.monotonic() < until:  # the helper lets go when it has said that it is done
            time.sleep(0.01)
        assert kept() is None
    finally:
        gc.enable()


def test_where_the_system_gives_no_thread_nothing_is_answered_and_the_next_batch_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, x = Threads(3, worth_seconds=0), np.ones((40, 60_000))
    batch = Batch.of({"x": x, "y": 0 * x})

    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(_thread, "start_new_thread", start)
        with pytest.raises(MemoryError):
            engine.run(batch, Objective.of())
    assert engine.run(batch, Objective.of()).reconstruction.total.value == 40 * 60_000.0


def test_a_helper_without_memory_for_a_step_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, x = Threads(2, worth_seconds=0), np.ones((40, 60_000))
    asking, failed, usual = threading.get_ident(), threading.Event(), local._Fold._next  # noqa: SLF001

    def step(fold: local._Fold) -> tuple[int, int] | None:
        if threading.get_ident() != asking:
            failed.set()
            raise MemoryError
        failed.wait(timeout=30)
        return usual(fold)

    monkeypatch.setattr(local._Fold, "_next", step)  # noqa: SLF001
    with pytest.raises(MemoryError):
        engine.run(Batch.of({"x": x, "y": 0 * x}), Objective.of())


def test_batches_do_not_wait_for_each_other() -> None:
    engine, x = Threads(2, worth_seconds=0), np.ones((40, 60_000))
    batch, wanted = Batch.of({"x": x, "y": 0 * x}), 40 * 60_000.0
    blocked, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        blocked.set()
        may_go_on.wait(timeout=30)

    with ThreadPoolExecutor(1) as asking:
        held = asking.submit(engine.run, batch, Objective.of(), wait)  # and with it the only helper
        assert blocked.wait(timeout=30)
        assert engine.run(batch, Objective.of()).reconstruction.total.value == wanted
        assert not held.done()
        may_go_on.set()
        assert held.result(timeout=30).reconstruction.total.value == wanted


def test_a_helper_looks_at_something_while_others_go_on() -> None:
    seen, may_go_on = [], threading.Event()

    def look() -> None:
        assert may_go_on.wait(timeout=30)
        seen.append(threading.get_ident())

    awaited = Threads(2).aside(look)
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        assert not seen
    may_go_on.set()
    awaited()
    assert len(seen) == 1
    assert seen[0] != threading.get_ident()


def test_without_helpers_it_is_looked_at_right_away() -> None:
    seen: list[int] = []
    awaited = Threads(1).aside(lambda: seen.append(threading.get_ident()))
    assert seen == [threading.get_ident()]
    awaited()
    assert len(seen) == 1
    with pytest.raises(InterruptedError):
        Threads(1).aside(stop)


def stop() -> None:
    raise InterruptedError


def test_what_a_helper_raises_is_raised_where_it_is_waited_for() -> None:
    awaited = Threads(2).aside(stop)
    with pytest.raises(InterruptedError):
        awaited()


def test_what_no_helper_has_begun_is_done_by_whoever_waits() -> None:
    engine, may_go_on, begun, seen = Threads(2), threading.Event(), threading.Event(), []

    def hold() -> None:
        begun.set()
        may_go_on.wait(timeout=30)

    held = engine.aside(hold)
    assert begun.wait(timeout=30)
    engine.aside(lambda: seen.append(threading.get_ident()))()
    assert seen == [threading.get_ident()]
    may_go_on.set()
    held()
    engine.aside(lambda: seen.append(0))()
    assert len(seen) == 2


def test_where_the_system_gives_no_thread_it_is_looked_at_right_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", start)
    with pytest.raises(InterruptedError):
        Threads(2).aside(stop)
    seen: list[int] = []
    awaited = Threads(2).aside(lambda: seen.append(threading.get_ident()))
    assert seen == [threading.get_ident()]
    awaited()
    assert len(seen) == 1

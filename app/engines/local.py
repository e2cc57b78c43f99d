"""The engine of one process: a fold over chunks that fit a core's own cache, on as many cores as there are.

NumPy lets go of the interpreter's lock while it works on a chunk, so threads are enough, and nothing is copied.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Final

from app.losses import Batch, Checkpoint, Objective, Tally, go_on, tally
from app.threads import Threads as Pool

__all__ = ["Threads", "run"]

_FEWEST_CHUNKS: Final = 4
"""With fewer chunks, a fold is over before another thread has begun to help."""

WORTH_SECONDS: Final = 0.0005
"""How long the first chunk of a batch takes at least whose others are shared out. What takes less is a dozen steps of
NumPy of some 15 us each, between which two threads would wait for the interpreter's lock for as long."""


def run(batch: Batch, objective: Objective, checkpoint: Checkpoint = go_on) -> Tally:
    """Tally a batch chunk by chunk in the thread that asks, with the checkpoint before each.

    Raises
    ------
    NotFinite, OutOfDomain, Overflow
        As `tally` does: for the first chunk that is refused.
    """
    fold = _Fold(batch, objective, checkpoint)
    fold.work()
    return fold.tally()


class Threads:
    """Tallies batches on several threads, which all batches of a process share.

    The thread that asks always works itself, so that no batch waits for another one; the others help whoever came
    first. The digits do not depend on who did what: chunks are cut in one way only, and added up in their order.

    Parameters
    ----------
    threads
        How many work on one batch at most; 1 means only the one that asks.
    worth_seconds
        How long the first chunk has to take, in the thread that asks, for others to help; 0 if they always may.
    """

    def __init__(self, threads: int, *, worth_seconds: float = WORTH_SECONDS) -> None:
        self._helpers = threads - 1
        self._worth_seconds = worth_seconds
        self._pool = Pool(max(1, self._helpers), "lossgrid-engine", awaited=True)

    def run(self, batch: Batch, objective: Objective, checkpoint: Checkpoint = go_on) -> Tally:
        """Tally a batch, with the checkpoint before each chunk, on whichever thread works on that.

        Raises
        ------
        NotFinite, OutOfDomain, Overflow
            As `run` of this module: it is the first chunk that counts, not the first thread to find one.
        MemoryError
            The system gives no thread.
        """
        if batch.is_one_chunk:
            checkpoint()
            return tally(batch.chunk(0, batch.size), objective, checkpoint)
        fold = _Fold(batch, objective, checkpoint)
        chunks = len(fold.cuts)
        helpers = 0 if chunks < _FEWEST_CHUNKS else min(self._helpers, chunks // 2)
        if helpers and self._worth_seconds:
            began = perf_counter()
            fold.step()
            helpers = helpers if perf_counter() - began >= self._worth_seconds else 0
        promises: list[Future[None]] = []
        try:
            for _ in range(helpers):
                promises.append(self._promised(partial(_help, fold)))  # noqa: PERF401 - those before one that failed
        except MemoryError:
            # A thread that there is may do all the same what none was begun for, and nobody would wait for it.
            fold.give_up(MemoryError())
        fold.work()
        for promise in promises:
            if not promise.cancel():  # one that has not begun, because other batches have all the helpers, never will
                promise.result()
        return fold.tally()

    def aside(self, check: Callable[[], None]) -> Callable[[], None]:
        """Have something looked at by a helper, if there is one, while the thread that asks goes on.

        Parameters
        ----------
        check
            Looks, and raises what is wrong.

        Returns
        -------
        callable
            Waits for the end of it, and raises what it raised. What no helper has begun by then is done in its place.
        """
        if not self._helpers:
            check()
            return _nothing
        try:
            promise = self._promised(check)
        except MemoryError:
            check()
            return _nothing

        def awaited() -> None:
            if promise.cancel():
                check()
            else:
                promise.result()

        return awaited

    def _promised(self, work: Callable[[], None]) -> Future[None]:
        """Have something done by a helper that has time; as `Pool.run`, this raises MemoryError."""
        promise = Future[None]()
        self._pool.run(partial(_keep, promise, work))
        return promise


def _nothing() -> None:
    """Wait for nothing."""


def _help(fold: "_Fold") -> None:
    """Work on a batch in a thread that helps."""
    try:
        fold.work()
    except BaseException as error:  # noqa: BLE001 - such as no memory for a step; it is raised by `tally`
        fold.give_up(error)


def _keep(promise: Future[None], work: Callable[[], None]) -> None:
    """Do something in a thread that helps, unless that is not wanted any more, and tell whoever waits for it."""
    if promise.set_running_or_notify_cancel():
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the one who waits
            promise.set_exception(error)
        else:
            promise.set_result(None)
    del promise, work  # an error's traceback leads here, and from the promise to the error


class _Fold:
    """One batch on its way, taken apart by as many threads as call `work`."""

    def __init__(self, batch: Batch, objective: Objective, checkpoint: Checkpoint) -> None:
        self.batch = batch
        self.objective = objective
        self.checkpoint = checkpoint
        self.cuts = list(batch.cuts())
        self.untouched = iter(self.cuts)
        self.lock = Lock()
        self.parts: list[Tally] = []
        self.errors: dict[int, BaseException] = {}

    def work(self) -> None:
        """Tally chunks until there are none left, or one was refused; nothing is raised here."""
        while self.step():
            pass

    def step(self) -> bool:
        """Tally the next chunk; False if there was none, or if one was refused before."""
        cut = self._next()
        if cut is None:
            return False
        start, stop = cut
        try:
            self.checkpoint()
            chunk = self.batch.chunk(start, stop)
            self.parts.append(tally(chunk, self.objective, self.checkpoint))
        except BaseException as error:  # noqa: BLE001 - it is raised by `tally`, in the thread that asked
            self.errors[start] = error
        return True

    def give_up(self, reason: BaseException) -> None:
        """Begin no more chunks, and raise something in their place."""
        self.errors[-1] = reason

    def _next(self) -> tuple[int, int] | None:
        """Take the next chunk. They are handed out in order: those before one that was refused are done, or in work."""
        with self.lock:
            return None if self.errors else next(self.untouched, None)

    def tally(self) -> Tally:
        """Add everything up, when all threads have left.

        Raises
        ------
        NotFinite, OutOfDomain, Overflow
            The first chunk that was refused, in the order of the samples; or whatever a checkpoint raised.
        """
        if not self.errors:
            return Tally.of_all(self.parts)
        first = self.errors[min(self.errors)]
        self.errors.clear()  # each error leads to this fold by its traceback: the batch would outlive its request
        try:
            raise first
        finally:
            del first  # likewise

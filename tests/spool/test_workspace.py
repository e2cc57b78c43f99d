"""What a request holds is counted while it holds it, stays out of the resident set, and is gone afterwards."""

import gc
import mmap
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from app.losses import Checkpoint
from app.spool import Allowance, Spool, Workspace
from app.spool.workspace import FREE_BYTES


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path))


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Let nothing be freed but by its last reference."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def mapped() -> int:
    """Count the mapped files without a name."""
    return Path("/proc/self/maps").read_text(encoding="utf-8").count("(deleted)")


def resident() -> int:
    """Say how many bytes of files are resident."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[2]) * mmap.PAGESIZE


def test_an_allowance_is_taken_and_given_back() -> None:
    allowance = Allowance(100)
    assert allowance.take(60)
    assert not allowance.take(41)
    assert allowance.take(40)
    allowance.give(100)
    assert allowance.left == 100


def test_threads_share_an_allowance() -> None:
    allowance = Allowance(1_000_000)

    def work() -> None:
        for _ in range(5000):
            allowance.take(3)
            allowance.give(2)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowance.left == 1_000_000 - 4 * 5000


def test_the_first_bytes_are_free(spool: Spool) -> None:
    allowance = Allowance(0)
    with Workspace(spool, allowance, threshold_bytes=10 * FREE_BYTES) as workspace:
        assert workspace.hold(FREE_BYTES)
        assert not workspace.hold(1)


def test_beyond_them_the_allowance_is_asked(spool: Spool) -> None:
    allowance = Allowance(100)
    with Workspace(spool, allowance, threshold_bytes=10 * FREE_BYTES) as workspace:
        assert workspace.hold(FREE_BYTES + 70)
        assert allowance.left == 30
        assert not workspace.hold(31)
        assert workspace.hold(30)
        workspace.drop(50)
        assert allowance.left == 50
        workspace.drop(FREE_BYTES)
        assert allowance.left == 100
        assert workspace.hold(FREE_BYTES + 10)
    assert allowance.left == 100


def test_one_request_does_not_hold_more_than_the_threshold(spool: Spool) -> None:
    with Workspace(spool, Allowance(10**9), threshold_bytes=100) as workspace:
        assert workspace.hold(100)
        assert not workspace.hold(1)


@pytest.mark.parametrize("threshold", [0, 10**6])
def test_arrays_and_bytes_are_the_same_in_memory_and_on_disk(spool: Spool, threshold: int) -> None:
    with Workspace(spool, Allowance(10**9), threshold_bytes=threshold) as workspace:
        before = mapped()
        array = workspace.empty(1000)
        halves = workspace.empty(10, "<u2")
        room = workspace.bytes(5000)
        nothing = workspace.empty(0), workspace.bytes(0)
        assert mapped() - before == (0 if threshold else 3)
        array[:] = np.arange(1000)
        halves[:] = 7
        room[:4] = b"room"
        assert array.shape == (1000,)
        assert array.dtype == np.float64
        assert array.sum() == 499_500
        assert halves.shape == (10,)
        assert halves.dtype == np.dtype("<u2")
        assert halves.sum() == 70
        assert bytes(room[:5]) == b"room\0"
        assert len(room) == 5000
        assert (nothing[0].size, len(nothing[1])) == (0, 0)


@pytest.mark.usefixtures("_no_collector")
def test_files_go_with_the_workspace(spool: Spool) -> None:
    before = mapped()
    with Workspace(spool, Allowance(0), threshold_bytes=0) as workspace:
        file = spool.create()
        file.append([b"x" * 10_000])
        body = workspace.map(file)
        file.close()
        workspace.bytes(10_000)
        assert mapped() == before + 2
    assert body.closed
    assert mapped() == before
    workspace.close()


@pytest.mark.usefixtures("_no_collector")
def test_a_file_that_is_still_looked_at_goes_afterwards(spool: Spool) -> None:
    before = mapped()
    with Workspace(spool, Allowance(0), threshold_bytes=0) as workspace:
        array = workspace.empty(10_000)
        array[:] = 1
    assert array.sum() == 10_000
    assert workspace.is_on_disk
    del array
    workspace.close()  # as the thread does that had a look at it, when it is done
    assert not workspace.is_on_disk
    assert mapped() == before


@pytest.mark.usefixtures("_no_collector")
def test_a_file_that_is_looked_at_until_nobody_has_the_workspace_goes_with_that(spool: Spool) -> None:
    before = mapped()
    with Workspace(spool, Allowance(0), threshold_bytes=0) as workspace:
        array = workspace.empty(10_000)
    del workspace
    assert array[:] is not None
    del array
    assert mapped() == before


def test_pages_that_were_looked_at_are_given_back(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 64 * 2**20
    with Workspace(spool, Allowance(0), threshold_bytes=0) as workspace:
        array = workspace.empty(size // 8)
        array[:] = 3
        grown = resident()
        monkeypatch.setattr("app.spool.workspace._RELEASE_SECONDS", 0)
        workspace.release()
        assert grown - resident() > size // 2
        assert array.sum() == 3 * array.size
        assert grown - resident() < size // 2
        monkeypatch.setattr("app.spool.workspace._RELEASE_SECONDS", 3600)
        workspace.release()  # that was just now: nothing happens
        assert grown - resident() < size // 2
        monkeypatch.setattr("app.spool.workspace._RELEASE_SECONDS", 0)
        monkeypatch.setattr("app.spool.workspace._GIVE_BACK", None)
        workspace.release()
        assert grown - resident() < size // 2


@pytest.mark.usefixtures("_no_collector")
def test_work_that_fails_keeps_nothing(spool: Spool) -> None:
    before = mapped()
    workspace = Workspace(spool, Allowance(0), threshold_bytes=0)

    def work(_: Checkpoint) -> None:
        array = workspace.empty(10_000)
        array[:] = 0
        try:
            int("no number")
        except ValueError as reason:
            failure = LookupError("in a circle: the frame keeps what keeps the frame")
            failure.__context__ = reason
            raise failure from None

    with pytest.raises(LookupError) as caught:
        workspace.through(work)
    assert mapped() == before
    assert caught.value.args


def test_work_that_succeeds_gives_everything_back(spool: Spool) -> None:
    before = mapped()
    workspace = Workspace(spool, Allowance(0), threshold_bytes=0)
    assert workspace.through(lambda _: float(workspace.empty(10_000).size)) == 10_000
    assert mapped() == before


def test_work_is_handed_a_checkpoint_that_stops_it_and_gives_pages_back(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.spool.workspace._RELEASE_SECONDS", 0)
    workspace = Workspace(spool, Allowance(0), threshold_bytes=0)
    size = 64 * 2**20
    called = []

    def work(checkpoint: Checkpoint) -> int:
        workspace.empty(size // 8)[:] = 3
        grown = resident()
        checkpoint()
        return grown - resident()

    assert workspace.through(work, lambda: called.append(1)) > size // 2
    assert called

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.through(work, stop)

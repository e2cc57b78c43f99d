"""A body arrives whole, wherever it is kept, and one that does not become whole leaves nothing behind."""

import asyncio
import mmap
import os
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from app.problems import BODY_TOO_LARGE, RefusedError
from app.spool import Collector, Spool, Workspace
from app.spool.collect import LANDING_BYTES, PIECE_BYTES
from app.spool.workspace import FREE_BYTES

BODY = os.urandom(3 * PIECE_BYTES + 12_345)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def a_collector(directory: Path, *, threshold: int = 10**9, memory: int = 10**9) -> Collector:
    spool = Spool(str(directory))
    return Collector(spool, threshold_bytes=threshold, memory_bytes=memory)


async def arriving(pieces: Iterable[bytes], failure: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece
    if failure is not None:
        raise failure


def in_pieces(body: bytes, length: int) -> list[bytes]:
    return [body[start : start + length] for start in range(0, len(body), length)]


def collected(
    collector: Collector, workspace: Workspace, pieces: Iterable[bytes], declared: int = 0
) -> bytes | mmap.mmap:
    return asyncio.run(collector.collected(arriving(pieces), workspace, declared))


@pytest.mark.parametrize("length", [1000, 65_536, 2 * PIECE_BYTES, len(BODY)])
@pytest.mark.parametrize("declared", [0, len(BODY)])
@pytest.mark.parametrize("threshold", [1, 5000, PIECE_BYTES, len(BODY) - 1])
def test_a_large_body_is_a_map(tmp_path: Path, length: int, declared: int, threshold: int) -> None:
    collector = a_collector(tmp_path, threshold=threshold)
    with collector.workspace() as workspace:
        found = collected(collector, workspace, in_pieces(BODY, length), declared)
        assert isinstance(found, mmap.mmap)
        assert found[:] == BODY
        assert collector.allowance.left == 10**9
    assert collector.allowance.left == 10**9


class Landing:
    """A server that lets bodies go to their place by themselves, or comes too late for that."""

    def __init__(self, body: bytes, *, in_time: bool = True) -> None:
        self.body = body
        self.in_time = in_time
        self.asked: list[int] = []

    def land(self, place: memoryview) -> bool:
        """Fill the place at once."""
        self.asked.append(len(place))
        if self.in_time:
            place[:] = self.body
        return self.in_time


@pytest.mark.parametrize("in_time", [True, False])
def test_a_body_lands_where_it_stays(tmp_path: Path, *, in_time: bool) -> None:
    landing = Landing(BODY, in_time=in_time)
    collector = a_collector(tmp_path)
    with collector.workspace() as workspace:
        found = asyncio.run(collector.collected(arriving(in_pieces(BODY, 1000)), workspace, len(BODY), landing.land))
        assert type(found) is bytes
        assert found == BODY
        assert workspace.most_bytes == len(BODY)
        assert collector.allowance.left == 10**9 - (len(BODY) - FREE_BYTES)
    assert landing.asked == [len(BODY)]
    assert collector.allowance.left == 10**9


@pytest.mark.parametrize(
    ("length", "threshold", "memory"),
    [(LANDING_BYTES - 1, 10**9, 10**9), (len(BODY), len(BODY) - 1, 10**9), (len(BODY), 10**9, 1000)],
    ids=["short", "larger than the threshold", "no memory left"],
)
def test_no_place_is_named_for_a_body_that(tmp_path: Path, length: int, threshold: int, memory: int) -> None:
    landing, body = Landing(BODY), BODY[:length]
    collector = a_collector(tmp_path, threshold=threshold, memory=memory)
    with collector.workspace() as workspace:
        found = asyncio.run(collector.collected(arriving(in_pieces(body, 10_000)), workspace, length, landing.land))
        assert found[:] == body
    assert landing.asked == []
    assert collector.allowance.left == memory


@pytest.mark.parametrize("declared", [0, len(BODY)])
def test_a_body_in_pieces_up_to_half_of_the_threshold_is_in_memory(tmp_path: Path, declared: int) -> None:
    collector = a_collector(tmp_path, threshold=2 * len(BODY))
    with collector.workspace() as workspace:
        found = collected(collector, workspace, in_pieces(BODY, 100_000), declared)
        assert found == BODY
        assert collector.allowance.left == 10**9 - len(BODY) + FREE_BYTES
    assert collector.allowance.left == 10**9


def test_a_body_in_pieces_beyond_half_of_the_threshold_is_on_disk(tmp_path: Path) -> None:
    collector = a_collector(tmp_path, threshold=2 * len(BODY) - 2)
    with collector.workspace() as workspace:
        found = collected(collector, workspace, in_pieces(BODY, 100_000))
        assert isinstance(found, mmap.mmap)
        assert found[:] == BODY
        assert collector.allowance.left == 10**9


def test_bodies_that_together_are_too_much_for_memory_are_on_disk(tmp_path: Path) -> None:
    collector = a_collector(tmp_path, memory=2 * len(BODY))
    with collector.workspace() as one, collector.workspace() as two, collector.workspace() as three:
        kinds = [type(collected(collector, each, in_pieces(BODY, 70_000))) for each in (one, two, three)]
        assert kinds == [bytes, bytes, mmap.mmap]
        assert collected(collector, collector.workspace(), [b"x" * FREE_BYTES]) == b"x" * FREE_BYTES


def test_nothing_is_a_body_too(tmp_path: Path) -> None:
    collector = a_collector(tmp_path, threshold=10)
    with collector.workspace() as workspace:
        assert collected(collector, workspace, []) == b""
        assert collected(collector, workspace, [b""], declared=11) == b""


@pytest.mark.parametrize("sent", [0, 1000, len(BODY)])
def test_a_body_that_breaks_off_leaves_nothing(tmp_path: Path, sent: int) -> None:
    collector = a_collector(tmp_path, threshold=500)

    async def upload() -> None:
        with collector.workspace() as workspace:
            await collector.collected(arriving(in_pieces(BODY[:sent], 400), ConnectionError()), workspace, len(BODY))

    before = open_files()
    with pytest.raises(ConnectionError):
        asyncio.run(upload())
    assert open_files() == before
    assert list(tmp_path.iterdir()) == []
    assert collector.allowance.left == 10**9


def test_an_upload_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    collector = a_collector(tmp_path, threshold=500)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"x" * 400_000

    async def upload() -> None:
        with collector.workspace() as workspace:
            await collector.collected(endless(), workspace)

    async def give_up() -> None:
        async with asyncio.timeout(0.2):
            await upload()

    before = open_files()
    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert open_files() == before
    assert list(tmp_path.iterdir()) == []


def test_a_declared_body_that_has_no_room_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2000}))
    collector = a_collector(tmp_path, threshold=500)

    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    async def upload() -> None:
        with collector.workspace() as workspace:
            await collector.collected(untouched(), workspace, 1001)

    with pytest.raises(RefusedError) as caught:
        asyncio.run(upload())
    assert caught.value.problem.kind is BODY_TOO_LARGE
    with collector.workspace() as workspace, pytest.raises(RefusedError) as caught:
        collected(collector, workspace, in_pieces(BODY, 400))
    assert caught.value.problem.kind is BODY_TOO_LARGE


@pytest.mark.parametrize("threshold", [500, 2 * len(BODY)])
def test_what_nobody_has_worked_on_is_given_back_by_another_thread_if_it_is_large(
    tmp_path: Path, threshold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector, threads = a_collector(tmp_path, threshold=threshold), list[int]()
    close = Workspace.close

    def close_and_tell(workspace: Workspace) -> None:
        threads.append(threading.get_ident())
        close(workspace)

    monkeypatch.setattr(Workspace, "close", close_and_tell)

    async def refused() -> None:
        workspace = collector.workspace()
        await collector.collected(arriving(in_pieces(BODY, 70_000)), workspace)
        await collector.give_back(workspace)
        assert not workspace.is_on_disk

    before = open_files()
    asyncio.run(refused())
    assert open_files() == before
    assert collector.allowance.left == 10**9
    assert (threads == [threading.get_ident()]) is (threshold > len(BODY))

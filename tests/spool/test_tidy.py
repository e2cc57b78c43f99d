"""Free memory goes back to the system when there is quiet, and now and then where there is none."""

import asyncio
import ctypes
import platform
import subprocess
import sys

import pytest

from app.spool import tidy
from app.spool.tidy import MOST_ARENAS, Tidy, share_arenas


class Library:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def malloc_trim(self, rest: int) -> int:
        """Stand in for that of glibc."""
        self.asked.append(rest)
        return 1


def test_it_waits_for_quiet_and_then_asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "QUIET_SECONDS", 0.05)
    library = Library()

    async def test() -> None:
        found = Tidy(library)
        for _ in range(5):
            found.soon()
        assert library.asked == []
        deadline = asyncio.get_running_loop().time() + 10
        while not library.asked:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)

    asyncio.run(test())
    assert library.asked == [0]


def test_where_there_is_never_quiet_it_asks_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "QUIET_SECONDS", 60)
    monkeypatch.setattr(tidy, "LONGEST_SECONDS", 0.1)
    library = Library()

    async def test() -> None:
        found = Tidy(library)
        deadline = asyncio.get_running_loop().time() + 10
        while len(library.asked) < 2:
            assert asyncio.get_running_loop().time() < deadline
            found.soon()
            await asyncio.sleep(0.01)

    asyncio.run(test())
    assert library.asked == [0, 0]


def test_without_such_a_library_nothing_is_done() -> None:
    async def test() -> None:
        Tidy(object()).soon()

    asyncio.run(test())


def test_the_library_of_this_process_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    monkeypatch.setattr(tidy, "QUIET_SECONDS", 0)

    async def test() -> None:
        Tidy().soon()
        await asyncio.sleep(0.1)

    asyncio.run(test())
    assert library.asked == [0]


class Options:
    """Notes what it is told, as ``mallopt`` of glibc would heed it."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def mallopt(self, option: int, value: int) -> int:
        """Stand in for that of glibc."""
        self.told.append((option, value))
        return 1


def test_threads_share_arenas_unless_an_operator_has_said_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    options = Options()
    assert share_arenas(options)
    assert options.told == [(-8, MOST_ARENAS)]  # M_ARENA_MAX of malloc.h
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert not share_arenas(options)
    assert len(options.told) == 1


def test_without_such_an_option_nothing_is_done() -> None:
    assert not share_arenas(object())


def test_the_library_of_this_process_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    options = Options()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: options)
    share_arenas()
    assert options.told == [(-8, MOST_ARENAS)]


WHERE = """
import sys
from pathlib import Path
from app.spool.tidy import keep_freed
if sys.argv[1:]:
    keep_freed()
piece = bytes(2**20)
for line in Path("/proc/self/maps").read_text().splitlines():
    first, stop = (int(end, 16) for end in line.split()[0].split("-"))
    if first <= id(piece) < stop:
        print(line.endswith("[heap]"))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or sys.platform != "linux", reason="another library of C")
@pytest.mark.parametrize(("words", "where"), [([], "False"), (["keep"], "True")], ids=["else", "kept"])
def test_what_is_free_again_is_kept_from_the_start(words: list[str], where: str) -> None:
    asked = [sys.executable, "-c", WHERE, *words]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})  # noqa: S603 - our own words
    assert done.stdout.strip() == where

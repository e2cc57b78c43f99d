"""Files have no name, their room is given back, and whatever the system says about them is a refusal."""

import errno
import gc
import logging
import mmap
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from app.problems import BODY_TOO_LARGE, OUT_OF_MEMORY, SPOOL_FULL, Kind, RefusedError
from app.spool import Spool
from app.spool.files import LEFTOVER_SECONDS, PREFIX

SETTING = "LOSSGRID_SPOOL_DIRECTORY"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path))


def is_refused(caught: pytest.ExceptionInfo[RefusedError], kind: Kind) -> None:
    """Check that a refusal is of a kind, and says what an operator can change."""
    problem = caught.value.problem
    assert problem.kind is kind
    assert (SETTING in problem.detail) == (kind is not OUT_OF_MEMORY)
    assert int(problem.headers["Retry-After"]) > 0


def failing(number: int) -> Any:  # noqa: ANN401 - stands in for any function
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_body_is_written_and_mapped(spool: Spool) -> None:
    file = spool.create()
    file.append([b"one ", b"two "])
    file.append([b"three"])
    found = file.mapped()
    file.close()
    assert file.size == 13
    assert found[:] == b"one two three"
    with pytest.raises(TypeError):
        found[0] = 0


def test_no_file_has_a_name(spool: Spool, tmp_path: Path) -> None:
    file = spool.create()
    file.append([b"one"])
    kept = file.mapped(), spool.room(10_000)
    assert list(tmp_path.iterdir()) == []
    assert len(kept) == 2
    file.close()


def test_nothing_stays_open(spool: Spool) -> None:
    gc.disable()
    try:
        before = open_files()
        for _ in range(50):
            file = spool.create()
            file.append([b"x"])
            found = file.mapped()
            file.close()
            found.close()
            spool.room(5).close()
        assert open_files() == before
    finally:
        gc.enable()


def test_room_is_there_to_write_to(spool: Spool) -> None:
    room = spool.room(100_000)
    room[:3] = b"abc"
    assert len(room) == 100_000
    assert room[:5] == b"abc\0\0"


def test_without_a_directory_the_systems_own_is_taken() -> None:
    assert Spool("").room(3)[:] == b"\0\0\0"


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_room_is_taken_even_where_the_system_cannot_promise_it(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing(number))
    assert spool.room(2_500_000)[:] == bytes(2_500_000)


def test_room_is_taken_on_systems_that_have_no_such_promise(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    assert spool.room(5)[:] == bytes(5)


def test_a_body_larger_than_half_of_what_is_left_is_refused(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 201}))
    assert spool.largest_bytes() == 100
    spool.check(100)
    with pytest.raises(RefusedError) as caught:
        spool.check(101)
    is_refused(caught, BODY_TOO_LARGE)
    assert caught.value.problem.headers["Retry-After"] == "5"
    with pytest.raises(RefusedError) as caught:
        spool.room(101)
    is_refused(caught, BODY_TOO_LARGE)
    file = spool.create()
    file.append([b"x" * 100])
    with pytest.raises(RefusedError) as caught:
        file.append([b"x"])
    is_refused(caught, BODY_TOO_LARGE)
    file.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_made_is_a_matter_of_time(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", failing(number))
    for make in (spool.create, lambda: spool.room(5)):
        with pytest.raises(RefusedError) as caught, caplog.at_level(logging.WARNING, "lossgrid"):
            make()
        is_refused(caught, SPOOL_FULL)
        assert errno.errorcode[number] in caplog.text


@pytest.mark.parametrize("missing", ["no/such/place"])
def test_a_directory_that_is_not_there_is_a_matter_of_time(tmp_path: Path, missing: str) -> None:
    spool = Spool(str(tmp_path / missing))
    for use in (spool.largest_bytes, spool.create, lambda: spool.room(5)):
        with pytest.raises(RefusedError) as caught:
            use()
        is_refused(caught, SPOOL_FULL)
    assert spool.sweep() == 0


def test_a_file_in_place_of_the_directory_is_noticed_before_a_body_comes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError) as refusal:
        Spool(str(tmp_path / "file")).largest_bytes()
    assert refusal.value.problem.kind is SPOOL_FULL


def test_a_directory_that_may_not_be_written_to_is_noticed_before_a_body_comes(
    spool: Spool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RefusedError) as refusal:
        spool.largest_bytes()
    assert refusal.value.problem.kind is SPOOL_FULL
    assert "EACCES" in caplog.text


def test_a_disk_that_is_full_while_a_body_is_written(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    file = spool.create()
    monkeypatch.setattr(os, "write", failing(errno.ENOSPC))
    with pytest.raises(RefusedError) as caught:
        file.append([b"x"])
    is_refused(caught, SPOOL_FULL)
    file.close()


def test_a_disk_that_is_full_before_room_is_written_to(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing(errno.ENOSPC))
    with pytest.raises(RefusedError) as caught:
        spool.room(5)
    is_refused(caught, SPOOL_FULL)


def test_a_write_that_is_cut_short_goes_on(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    file = spool.create()
    file.append([b"one two ", b"three"])
    assert file.mapped()[:] == b"one two three"
    file.close()


def test_too_many_open_files(spool: Spool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(RefusedError) as caught:
            spool.create()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    is_refused(caught, SPOOL_FULL)
    spool.create().close()


A_FULL_DISK = """
import resource, signal, sys
from app.problems import RefusedError
from app.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
spool = Spool(sys.argv[1])
file = spool.create()
for make in (lambda: file.append([bytes(2_000_000)]), lambda: spool.room(2_000_000)):
    try:
        make()
    except RefusedError as refusal:
        print(refusal.problem.kind.slug)
"""


def test_a_limit_of_the_system_on_files_is_met_without_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-c", A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout) == (0, "spool-full\nspool-full\n"), done.stderr


def test_leftovers_are_swept(spool: Spool, tmp_path: Path) -> None:
    old = time.time() - LEFTOVER_SECONDS - 10
    leftover, young, strange, folder = (
        tmp_path / name for name in (f"{PREFIX}old", f"{PREFIX}young", "somebody's", f"{PREFIX}folder")
    )
    for path in (leftover, young, strange):
        path.write_bytes(b"x")
    folder.mkdir()
    for path in (leftover, strange, folder):
        os.utime(path, (old, old))
    (tmp_path / f"{PREFIX}link").symlink_to(strange)
    assert spool.sweep() == 1
    assert not leftover.exists()
    assert young.exists()
    assert strange.exists()
    assert folder.exists()


def test_a_leftover_that_cannot_be_removed_does_not_stop_the_start(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = tmp_path / f"{PREFIX}old"
    leftover.touch()
    os.utime(leftover, (0, 0))
    monkeypatch.setattr(Path, "unlink", failing(errno.EACCES))
    assert spool.sweep() == 0
    assert leftover.exists()


@pytest.mark.parametrize(
    ("owner", "function"),
    [(mmap, "mmap"), (os, "write"), (os, "posix_fallocate"), (tempfile, "TemporaryFile"), (shutil, "disk_usage")],
    ids=["mmap", "write", "posix_fallocate", "TemporaryFile", "disk_usage"],
)
@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOMEM, OUT_OF_MEMORY),
        (errno.ENOSPC, SPOOL_FULL),
        (errno.EDQUOT, SPOOL_FULL),
        (errno.EFBIG, SPOOL_FULL),
        (errno.ENODEV, SPOOL_FULL),  # a file system whose files cannot be mapped
    ],
    ids=errno.errorcode.get,
)
def test_what_the_system_lacks_is_told_apart(  # noqa: PLR0913, PLR0917 - who fails, and how
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: ModuleType,
    function: str,
    number: int,
    kind: Kind,
) -> None:
    monkeypatch.setattr(owner, function, failing(number))

    def written() -> None:
        file = spool.create()
        try:
            file.append([b"x"])
            file.mapped()
        finally:
            file.close()

    def room() -> None:
        spool.room(5)

    refusing = {"write": [written], "posix_fallocate": [room]}.get(function, [written, room])
    for make in refusing:
        with pytest.raises(RefusedError) as caught, caplog.at_level(logging.WARNING, "lossgrid"):
            make()
        is_refused(caught, kind)
    assert [message.endswith(errno.errorcode[number]) for message in caplog.messages] == [True] * len(refusing)

"""Uploads that are larger than the memory that they may take: answered from disk, and gone whatever happens."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.spool.files import LEFTOVER_SECONDS, PREFIX
from benchmarks.big_upload import KINDS
from tests.e2e.process import Running, running, start

MEBI = 2**20


def memory(server: Running, field: str) -> int:
    """Read a field of a process's status, in bytes."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def spooled(server: Running, directory: Path) -> int:
    """Count the files in a directory that a process has open, with or without a name."""
    targets = [os.readlink(path) for path in Path(f"/proc/{server.process.pid}/fd").iterdir() if path.is_symlink()]  # noqa: PTH115 - of a file that has no path
    return sum(target.startswith(str(directory)) for target in targets)


def eventually(happens: Callable[[], bool]) -> bool:
    """Wait until something is so, or for 20 seconds."""
    deadline = time.monotonic() + 20
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happens()


def upload(server: Running, length: int, sent: int) -> socket.socket:
    """Open a connection, and send a part of a body."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"POST /loss HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/x-npz\r\n"
    connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
    for start_of_piece in range(0, sent, MEBI):
        connection.sendall(bytes(min(MEBI, sent - start_of_piece)))
    return connection


@pytest.mark.parametrize("kind", ["npz-f4", "npz-f8-deflated", "npz-f8-fortran"])
def test_hundreds_of_mebibytes_are_answered_in_a_part_of_that(tmp_path: Path, kind: str) -> None:
    body = tmp_path / "body"
    with body.open("wb") as file:
        KINDS[kind].write(file, 300 * MEBI)
    spool = tmp_path / "spool"
    spool.mkdir()

    def pieces() -> Iterator[bytes]:
        with body.open("rb") as file:
            while piece := file.read(2**18):
                yield piece

    with running(spool_directory=spool, computing_threads=1) as server:
        url, headers = f"{server.url}/loss", {"content-type": KINDS[kind].media_type}
        assert httpx.post(url, json={"x": [[0, 1]], "y": [[1, 1]]}).is_success
        before = memory(server, "VmRSS")
        answer = httpx.post(url, content=pieces(), headers=headers, timeout=300)
        grown = memory(server, "VmHWM") - before
        assert answer.status_code == 200
        assert answer.json()["shape"]["features"] == [784]
        assert grown < 200 * MEBI
        assert spooled(server, spool) == 0


def test_many_uploads_at_once_share_the_memory_for_bodies(tmp_path: Path) -> None:
    size = 6 * MEBI
    with running(spool_directory=tmp_path, bodies_in_memory_bytes=16 * MEBI) as server, ExitStack() as stack:
        before = memory(server, "VmRSS")
        for _ in range(30):
            connection = upload(server, size, size - 1)
            stack.callback(connection.close)
        assert eventually(lambda: spooled(server, tmp_path) >= 28)
        assert memory(server, "VmHWM") - before < 100 * MEBI
        stack.close()
        assert eventually(lambda: spooled(server, tmp_path) == 0)
        assert httpx.get(f"{server.url}/healthz").is_success


def test_a_client_that_leaves_takes_its_body_along(tmp_path: Path) -> None:
    with running(spool_directory=tmp_path) as server:
        connection = upload(server, 200 * MEBI, 40 * MEBI)
        assert eventually(lambda: spooled(server, tmp_path) == 1)
        assert list(tmp_path.iterdir()) == []
        connection.close()
        assert eventually(lambda: spooled(server, tmp_path) == 0)


def test_a_service_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    leftover = tmp_path / f"{PREFIX}of-another-life"
    leftover.write_bytes(b"x")
    long_ago = time.time() - 2 * LEFTOVER_SECONDS
    os.utime(leftover, (long_ago, long_ago))
    with start(spool_directory=tmp_path) as server:
        server.wait_until_ready()
        assert not leftover.exists()
        with upload(server, 200 * MEBI, 40 * MEBI):
            assert eventually(lambda: spooled(server, tmp_path) == 1)
            server.process.kill()
            server.process.wait()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_is_no_directory_stops_the_start(tmp_path: Path) -> None:
    with start(spool_directory=tmp_path / "missing") as server:
        assert server.process.wait(30) == 2
        assert "LOSSGRID_SPOOL_DIRECTORY is not possible" in server.output()

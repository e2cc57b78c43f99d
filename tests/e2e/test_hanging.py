"""Work that hangs where no checkpoint is: the service ends in time all the same, and says so."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.watchdog import CUT_OFF
from app.workers import is_possible
from tests.e2e.process import EXIT_SECONDS, ROOT, Running, free_port
from tests.formats.files import npz

HANGS = """
import sys, time
import app.engines.local
import app.__main__

usual, first = app.engines.local.tally, [True]

def tally(*arguments):
    if first:
        first.clear()
        time.sleep(0.1)  # so long that others help with the rest
        return usual(*arguments)
    print("hangs", flush=True)
    time.sleep(3600)

app.engines.local.tally = tally
sys.exit(app.__main__.main())
"""
"""Run the service with chunks that are never done, but for the first: in one call in C, in threads whose work is
awaited when the process ends."""

BODY = npz(x=np.zeros((100_000, 32)), y=np.zeros((100_000, 32)))
HEAD = "POST /loss HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npz\r\nContent-Length: {}\r\n\r\n"


@contextmanager
def hanging(folder: Path, **settings: object) -> Iterator[Running]:
    """Serve, and give the service when a request hangs."""
    port, log = free_port(), folder / "output"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOSSGRID_")}
    values = {"port": port, "engine_threads": 2} | settings
    environment |= {f"LOSSGRID_{name.upper()}": str(value) for name, value in values.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-c", HANGS], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    server = Running(process, f"http://127.0.0.1:{port}", log)
    try:
        server.wait_until_ready()
        with socket.create_connection(("127.0.0.1", port), timeout=EXIT_SECONDS) as connection:
            connection.sendall(HEAD.format(len(BODY)).encode() + BODY)
            until = time.monotonic() + EXIT_SECONDS
            while server.output().count("hangs") < 2:  # in the thread that asks, and in one that helps
                assert time.monotonic() < until, server.output()
                time.sleep(0.05)
            yield server
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_process_that_is_held_up_ends_in_time(tmp_path: Path, log_format: str) -> None:
    with hanging(tmp_path, log_format=log_format) as server:
        told = time.monotonic()
        assert server.end(within=EXIT_SECONDS) == CUT_OFF
        assert time.monotonic() - told < EXIT_SECONDS
        last = server.output().splitlines()[-1]
    if log_format == "json":
        assert json.loads(last)["level"] == "error"
        last = json.loads(last)["message"]
    assert "cut off; still running: " in last
    assert "lossgrid-engine at <string>:" in last


@pytest.mark.skipif(not is_possible(), reason="this system cannot fork")
def test_so_does_a_worker_and_the_one_that_looks_after_it(tmp_path: Path) -> None:
    with hanging(tmp_path, workers=2, graceful_seconds=1) as server:
        assert server.end(within=EXIT_SECONDS) == CUT_OFF
        assert "cut off; still running: " in server.output()
        assert "is killed" not in server.output()

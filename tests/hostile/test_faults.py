"""Faults of the house itself: memory that cannot be had at one place after another, and files that cannot be opened."""

import gzip
import http.client
import json
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.process import Running, running
from tests.formats.files import npz
from tests.hostile.case import Answer, Case
from tests.hostile.run import sent

RANDOM = np.random.default_rng(0).random((4, 300, 200))
X, Y, MU, LOGVAR = RANDOM
JSON = json.dumps({"x": X.tolist(), "y": Y.tolist(), "mu": MU.tolist(), "logvar": LOGVAR.tolist()}).encode()
QUERY = "/loss?include=elementwise,gradients,collapse"

CASES = {
    "JSON": Case("JSON", JSON, target=QUERY),
    "npz": Case("npz", npz(x=X, y=Y, mu=MU, logvar=LOGVAR), media_type="application/x-npz", target=QUERY),
    "packed npz": Case("packed", npz(compressed=True, x=X, y=Y), media_type="application/x-npz"),
    "gzip": Case(
        "gzip",
        gzip.compress(npz(x=X, y=Y), 1),
        media_type="application/x-npz",
        headers={"Content-Encoding": "gzip"},
    ),
    "npz to npz": Case("npz", npz(x=X, y=Y), media_type="application/x-npz", headers={"Accept": "application/x-npz"}),
}
STEP_BYTES = 128 * 1024
MOST_STEPS = 1200
IN_A_ROW = 25
"""How many answers without a fault, each with a little more memory, show that there is enough."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        # Every array is mapped by itself and given back at once, so that address space is what arrays take. There is
        # one arena: a second would have 64 MiB of address space set aside, and give from it when none can be mapped.
        patch.setenv("MALLOC_ARENA_MAX", "1")
        patch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
        patch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
        with running() as process:
            yield process


def asked(server: Running, case: Case) -> Answer:
    """Send a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        return sent(case, connection)
    finally:
        connection.close()


def address_space(server: Running) -> int:
    """Read how much address space the process uses, in bytes."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


@contextmanager
def limited(server: Running, kind: int, most: int) -> Iterator[None]:
    """Let a process have no more of something for a while."""
    usual = resource.prlimit(server.process.pid, kind)
    resource.prlimit(server.process.pid, kind, (most, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, kind, usual)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_memory_that_ends_at_any_place_is_a_refusal(server: Running, case: Case) -> None:
    """Give a request a little more memory each time, until it passes untouched.

    Where memory ends while bytes are read from the socket, the connection is closed: there is nobody to answer yet.
    """
    right = asked(server, case)
    assert right.status == 200
    seen: Counter[str] = Counter()
    fine = 0
    for step in range(MOST_STEPS):
        try:
            with limited(server, resource.RLIMIT_AS, address_space(server) + step * STEP_BYTES):
                answer = asked(server, case)
        except (ConnectionError, http.client.HTTPException):
            seen["closed"] += 1
            fine = 0
        else:
            seen[str(answer.status)] += 1
            fine = fine + 1 if answer.status == 200 else 0
            if answer.status == 200:
                assert answer.body == right.body
            else:
                assert answer.status == 503, answer.body
                assert json.loads(answer.body)["type"] == "/problems/out-of-memory"
                assert int(answer.headers["retry-after"]) > 0
        assert server.process.poll() is None, server.output()
        if fine == IN_A_ROW:
            break
    assert seen["503"] > 0, f"the memory never ended: {seen}"
    assert fine == IN_A_ROW, seen
    assert asked(server, case).body == right.body


def test_without_files_to_open_it_waits_and_goes_on(server: Running) -> None:
    folder = Path(f"/proc/{server.process.pid}/fd")
    case = CASES["npz"]
    right = asked(server, case)
    opened = len(list(folder.iterdir()))
    with limited(server, resource.RLIMIT_NOFILE, max(int(one.name) for one in folder.iterdir()) + 1):
        crowd = []
        for _ in range(5):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=2)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            crowd.append(client)
        time.sleep(1)
        for client in crowd:
            client.close()
    time.sleep(0.5)
    assert asked(server, case).body == right.body
    assert server.process.poll() is None
    assert len(list(folder.iterdir())) <= opened + 8

"""The harness from its command line to its tables, with the smallest batch."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import burst
from benchmarks.client import Client, Refused, Request
from benchmarks.health_under_load import batch
from benchmarks.load import under_load
from benchmarks.rounds import FAILED, Pace, measured
from benchmarks.rows import QUICK, Load
from benchmarks.servers import ours, service, started

ROOT = Path(__file__).parents[2]


def test_a_quick_run_measures_everybody() -> None:
    command = [sys.executable, "-m", "benchmarks", "service", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    for line in ("| JSON, 1 x 10 | usual / ours at least 1.2 |", "| npz float32, 1 x 10 |", "| JSON, 1 x 10 | 2 |"):
        assert line in done.stdout
    assert "1 x 10" in done.stderr


def test_a_refusal_is_not_measured() -> None:
    with ours() as server, Client(server.port) as client:
        with pytest.raises(Refused, match="status 422") as caught:
            client.ask(Request.of("/loss", b'{"x":[1,2],"y":[1]}', {"Content-Type": "application/json"}))
        assert caught.value.status == 422
        answer = client.ask(Request.of("/loss", b'{"x":[1,2],"y":[1,3]}', {"Content-Type": "application/json"}))
        assert answer.body.startswith(b"{")
        assert answer.seconds > 0
        before = server.forget_peak()
        assert 0 <= before <= server.peak()


@pytest.mark.parametrize("expects", [False, True], ids=["at once", "asked for"])
def test_every_request_of_a_burst_has_an_answer(*, expects: bool) -> None:
    with service({"LOSSGRID_COMPUTING_THREADS": "1", "LOSSGRID_MAX_WAITING": "1"}) as server:
        found = burst.measure(server.port, batch(0.2), 20, 1, expects=expects)
    statuses = found["statuses"]
    assert isinstance(statuses, dict)
    assert sum(statuses.values()) == 20
    assert {*statuses} == {200, 503}


def test_a_row_that_fails_is_left_out_and_said() -> None:
    with started([sys.executable, "-c", CHUNKED, "{port}"]) as wrong:
        said: list[str] = []
        servers = {"ours": wrong, "limit": wrong}
        assert measured(QUICK[:1], servers, lambda _: Pace(seconds=0, least=1, most=1), said.append) == []
        assert under_load([Load(QUICK[0], 0.1)], servers, said.append) == []
    assert [line.startswith(f"{FAILED}: {QUICK[0].name}: ") for line in said] == [True, True]


def test_a_server_that_ends_says_what_it_printed() -> None:
    command = [sys.executable, "-c", "raise SystemExit('I cannot listen on {port}')"]
    with pytest.raises(RuntimeError, match=r"I cannot listen on \d+"), started(command):
        pass


CHUNKED = """
import socketserver, sys

class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.rfile.read(2)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nConnection: close\\r\\n\\r\\n")
        self.wfile.write(b"3\\r\\nabc\\r\\n2;x=y\\r\\nde\\r\\n0\\r\\n\\r\\n".replace(b";x=y", b""))

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def test_answers_in_chunks_are_put_together() -> None:
    with started([sys.executable, "-c", CHUNKED, "{port}"]) as server, Client(server.port) as client:
        assert [client.ask(Request.of("/", b"{}", {})).body for _ in range(2)] == [b"abcde"] * 2

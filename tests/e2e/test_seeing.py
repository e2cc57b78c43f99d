"""What an operator sees of a real process: its log, its numbers, and who got in."""

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.process import Running, running
from tests.gates.test_meters import numbers

BATCH = {"x": [[1, 2]], "y": [[2, 1]]}
TOKEN = "a-token-of-some-length"  # noqa: S105 - a token of the tests


def lines(server: Running) -> list[dict[str, Any]]:
    """Read the log, whose lines are JSON below the greeting."""
    return [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]


def test_a_log_for_machines_is_json_from_the_first_line_to_the_last() -> None:
    with running(log_format="json") as server:
        answer = httpx.post(f"{server.url}/loss?q=secret", json=BATCH)
        served = httpx.post(f"{server.url}/loss", json=BATCH)
        assert (answer.status_code, served.status_code) == (422, 200)
        assert server.end() == 0
        found = lines(server)
        output = server.output()
    told = {line["id"]: line for line in found if line["message"] == "request"}
    assert set(told) == {answer.headers["x-request-id"], served.headers["x-request-id"]}
    assert told[answer.headers["x-request-id"]]["problem"] == answer.json()["type"].rpartition("/")[2]
    assert told[served.headers["x-request-id"]]["out"] == len(served.content)
    assert found[0]["message"].startswith("Started server process")
    assert found[-1]["message"].startswith("Finished server process")
    assert "secret" not in output


def test_what_is_refused_below_the_application_is_seen_and_guarded_too() -> None:
    with running() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"GET /secret HTTP/1.1\r\nHost: a\r\nA: " + b"secret" * 20_000)
            head = connection.recv(65_536)
        assert head.startswith(b"HTTP/1.1 431 ")
        assert b"x-content-type-options: nosniff" in head
        assert b"content-security-policy: default-src 'none'" in head
        deadline = time.monotonic() + 20
        while "problem=head-too-large" not in server.output() and time.monotonic() < deadline:
            time.sleep(0.05)
        found = numbers(httpx.get(f"{server.url}/metrics").content)
        assert found["lossgrid_refusals_total{problem=head-too-large}"] == 1
        assert found["lossgrid_requests_total{method=GET,route=unknown,status=431}"] == 1
        assert "problem=head-too-large" in server.output()
        assert "secret" not in server.output()


def test_a_token_that_is_added_gets_in_while_the_service_runs(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"first {TOKEN}\n", "ascii")
    with running(tokens_file=path) as server, httpx.Client(base_url=server.url) as client:

        def status(token: str) -> int:
            return client.post("/loss", json=BATCH, headers={"Authorization": f"Bearer {token}"}).status_code

        assert status(TOKEN) == 200
        assert status(f"{TOKEN}2") == 401
        path.write_text(f"first {TOKEN}\nsecond {TOKEN}2\n", "ascii")
        deadline = time.monotonic() + 20
        while status(f"{TOKEN}2") != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get("/healthz").status_code == client.get("/docs").status_code == 200
        assert "token=second" in server.output()
        assert TOKEN not in server.output()


def test_whoever_serves_everybody_is_warned() -> None:
    with running(host="0.0.0.0") as server:  # noqa: S104 - for a moment
        assert "WARNING whoever reaches 0.0.0.0 may use the service as much as they like" in server.output()
    with running() as server:
        assert "WARNING" not in server.output()


def test_several_workers_are_counted_as_one() -> None:
    with running(workers=2) as server:

        def counted() -> float:
            page = httpx.get(f"{server.url}/metrics").content
            return numbers(page)["lossgrid_requests_total{method=POST,route=/loss,status=200}"]

        for _ in range(20):
            assert httpx.post(f"{server.url}/loss", json=BATCH).status_code == 200
        assert counted() == 20
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text("ascii").split()
        assert len(children) == 2
        os.kill(int(children[0]), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while "ended with -9" not in server.output() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert httpx.post(f"{server.url}/loss", json=BATCH).status_code == 200
        assert counted() == 21
        page = numbers(httpx.get(f"{server.url}/metrics").content)
        assert page["lossgrid_computing_requests{}"] == page["lossgrid_waiting_requests{}"] == 0

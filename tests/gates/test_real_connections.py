"""The gates on real connections: a refused client sees the answer, others go on, and the log stays clean."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.process import Running, running
from tests.refusals import assert_problem

LIMIT = 1_000_000
BATCH = b'{"x": [[1, 2]], "y": [[2, 1]]}'
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD = "POST /loss HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Run the service with small limits; whatever the tests do to it, its log says nothing of it."""
    with running(max_json_bytes=LIMIT, silence_seconds=1) as process:
        yield process
        assert "Traceback" not in process.output()
        assert "ERROR" not in process.output()


@contextmanager
def connection(server: Running) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as found:
        yield found


def read_answer(found: socket.socket) -> tuple[bytes, bytes]:
    """Read one answer: its head and its body."""
    data = b""
    while b"\r\n\r\n" not in data.removeprefix(CONTINUE):
        piece = found.recv(65536)
        assert piece, "closed without an answer"
        data += piece
    data = data.removeprefix(CONTINUE)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += found.recv(65536)
    return head, body


def is_closed(found: socket.socket) -> bool:
    """Whether the other side has closed the connection, or does within the timeout."""
    try:
        return found.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_client_that_sends_too_much_reads_the_refusal(server: Running) -> None:
    answer = httpx.post(server.url + "/loss", content=b" " * (3 * LIMIT), headers={"content-type": "application/json"})
    assert_problem(answer, "body-too-large")


def test_a_client_that_asks_first_is_refused_before_it_sends(server: Running) -> None:
    with connection(server) as found:
        found.sendall(f"{HEAD}Content-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n".encode())
        head, _ = read_answer(found)
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in head
        assert is_closed(found)


@pytest.mark.parametrize(
    "hosts", ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n", "Host: a, b\r\n", "Host:\r\n"]
)
def test_a_request_names_one_host(server: Running, hosts: str) -> None:
    with connection(server) as found:
        head = f"POST /loss HTTP/1.1\r\n{hosts}Content-Type: application/json\r\nContent-Length: {len(BATCH)}\r\n\r\n"
        found.sendall(head.encode() + BATCH)
        answer, body = read_answer(found)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["type"] == "/problems/bad-host"


@pytest.mark.parametrize(
    ("headers", "begun"),
    [
        ("Content-Length: 1000\r\n", b""),
        ("Content-Length: 1000\r\n", BATCH),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhel"),
        ("Content-Length: 1000\r\nContent-Encoding: gzip\r\n", gzip.compress(BATCH)[:20]),
        ("Content-Length: 1000\r\nExpect: 100-continue\r\n", b""),
    ],
    ids=["nothing", "a part", "a chunk", "a part of a chunk", "a part of a stream", "what was asked to go on"],
)
def test_a_body_that_stalls_is_refused_and_the_connection_closed(server: Running, headers: str, begun: bytes) -> None:
    with connection(server) as found:
        started = time.monotonic()
        found.sendall(f"{HEAD}{headers}\r\n".encode() + begun)
        head, body = read_answer(found)
        assert head.startswith(b"HTTP/1.1 408 ")
        assert head.lower().count(b"connection: close") == 1
        assert json.loads(body)["type"] == "/problems/request-timeout"
        assert is_closed(found)
        assert 0.9 < time.monotonic() - started < 8


def test_a_slow_body_is_taken(server: Running) -> None:
    with connection(server) as found:
        found.sendall(f"{HEAD}Content-Length: {len(BATCH)}\r\n\r\n".encode())
        for start in range(0, len(BATCH), 8):
            time.sleep(0.4)
            found.sendall(BATCH[start : start + 8])
        assert read_answer(found)[0].startswith(b"HTTP/1.1 200 ")


def test_an_endless_body_is_refused_and_cut_off(server: Running) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with connection(server) as found:
        found.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        started = time.monotonic()
        sent = 0
        try:
            while time.monotonic() - started < 8:
                found.sendall(chunk)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent * 0x10000 > LIMIT
        assert time.monotonic() - started < 8


def test_an_endless_body_to_nowhere_is_cut_off_too(server: Running) -> None:
    with connection(server) as found:
        found.sendall(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        head, _ = read_answer(found)
        assert head.startswith(b"HTTP/1.1 404 ")
        assert is_closed(found)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (b"415", "Content-Type: text/plain\r\n", BATCH),
        (b"415", "Content-Type: application/json\r\nContent-Encoding: br\r\n", BATCH),
        (b"406", "Content-Type: application/json\r\nAccept: text/html\r\n", BATCH),
        (b"400", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", BATCH),
        (b"413", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", gzip.compress(b" " * 2 * LIMIT)),
        (b"422", "Content-Type: application/json\r\n", b"{}"),
    ],
)
def test_after_a_refusal_the_connection_serves_the_next(
    server: Running, status: bytes, headers: str, body: bytes
) -> None:
    with connection(server) as found:
        found.sendall(f"POST /loss HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert read_answer(found)[0].startswith(b"HTTP/1.1 " + status)
        found.sendall(f"{HEAD}Content-Length: {len(BATCH)}\r\n\r\n".encode() + BATCH)
        assert read_answer(found)[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_client_that_leaves_is_forgotten(server: Running, coding: str) -> None:
    for _ in range(5):
        with connection(server) as found:
            found.sendall(f"{HEAD}Content-Encoding: {coding}\r\nContent-Length: 1000\r\n\r\n".encode() + BATCH)
    assert httpx.get(server.url + "/healthz").status_code == 200


def test_a_compressed_body_has_the_same_answer(server: Running) -> None:
    headers = {"content-type": "application/json"}
    plain = httpx.post(server.url + "/loss", content=BATCH, headers=headers)
    zipped = httpx.post(
        server.url + "/loss", content=gzip.compress(BATCH), headers=headers | {"content-encoding": "gzip"}
    )
    assert plain.status_code == 200
    assert zipped.content == plain.content


@pytest.mark.parametrize("path", ["/healthz", "/losses", "/problems", "/docs"])
def test_head_sends_no_body(server: Running, path: str) -> None:
    with connection(server) as found:
        found.sendall(f"HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := found.recv(65536):
            data += piece
    assert data.startswith(b"HTTP/1.1 200")
    assert data.endswith(b"\r\n\r\n")

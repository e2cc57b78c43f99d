"""The reader of requests over real sockets: one answer per request, and no connection that is held for ever."""

import json
import logging
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import anyio
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app import server as app_server
from app.gates.asgi import App, Receive, Scope, Send
from app.gates.lines import configuration
from app.main import create_app
from app.protocol import Limits, StrictProtocol, misfits, strict_protocol
from app.settings import Settings
from tests.e2e.process import Running, running

HEAD_SECONDS = 1.0
KEEP_ALIVE_SECONDS = 1
HEAD_BYTES = 64 * 1024
LINES = 100
CHUNKS = 65_536

BATCH = b'{"x": [[1, 2]], "y": [[2, 1]]}'
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
LOSS = b"POST /loss HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED = LOSS + b"Transfer-Encoding: chunked\r\n\r\n"

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(app: App | FastAPI, limits: Limits, keep_alive_seconds: int = KEEP_ALIVE_SECONDS) -> Iterator[int]:
    """Serve an application in a thread and give its port; nothing may be logged but its start and end."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            cast("Any", app),
            http=cast("Any", strict_protocol(limits)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=keep_alive_seconds,
            timeout_graceful_shutdown=1,
        )
    )
    heard: list[str] = []
    ear = logging.Handler(logging.WARNING)
    ear.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]  # shorter than a class
    log = logging.getLogger("uvicorn.error")
    log.addHandler(ear)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        log.removeHandler(ear)
        listening.close()
    assert heard == []


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve the application with short deadlines."""
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(create_app(Settings(allowed_hosts="*")), Limits(HEAD_SECONDS)) as found,
    ):
        patch.setattr("app.gates.intake.LINGER_SECONDS", 0.3)
        yield found


def talk(port: int, *pieces: bytes, pause: float = 0.1) -> tuple[list[Answer], float]:
    """Send pieces on one connection and read until it is closed; give the answers, and after how long it was.

    A client that sends on although nobody listens any more loses what it could have read; it counts as closed.
    """
    received = b""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=12) as connection:
        try:
            for index, piece in enumerate(pieces):
                time.sleep(pause if index else 0)
                connection.sendall(piece)
            while more := connection.recv(65536):
                received += more
        except (BrokenPipeError, ConnectionResetError):
            pass
    return answers(received), time.monotonic() - started


def answers(received: bytes) -> list[Answer]:
    """Take what a connection gave apart, each answer with its status, headers and body."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("ascii").split("\r\n")
        assert status.startswith("HTTP/1.1 ")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers["content-length"])
        found.append((int(status.split()[1]), headers, received[:length]))
        received = received[length:]
    return found


def statuses(found: list[Answer]) -> list[int]:
    """Give the status of every answer."""
    return [status for status, _, _ in found]


def assert_refused(answer: Answer, status: int, slug: str) -> str:
    """Check that an answer is a whole problem and closes the connection, and give its detail."""
    found, headers, body = answer
    document = json.loads(body)
    assert found == document["status"] == status
    assert document["type"] == f"/problems/{slug}"
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == document["instance"]
    return str(document["detail"])


UPGRADES = {
    "h2c": b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "anything": b"uPGRADE: a/1\r\nConnection: keep-alive, upgrade\r\nUpgrade: b\r\n",
}
upgrading = pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)


@upgrading
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "body later"])
def test_an_upgrade_is_ignored_and_the_body_is_whole(port: int, upgrade: bytes, *, at_once: bool) -> None:
    head = LOSS + upgrade + b"Content-Length: %d\r\n\r\n" % len(BATCH)
    ((status, _, body),), _ = talk(port, *([head + BATCH] if at_once else [head, BATCH[:7], BATCH[7:]]))
    assert status == 200
    assert json.loads(body)["terms"]["reconstruction"]["sum_sum"] == 2


@upgrading
def test_a_chunked_body_behind_an_upgrade_is_whole(port: int, upgrade: bytes) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BATCH) + b"0\r\n\r\n"
    found, _ = talk(port, LOSS + upgrade + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + HEALTH)
    assert statuses(found) == [200, 200]
    assert found[1][2] == b'{"status":"ok"}'


@upgrading
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "body later"])
def test_a_body_behind_an_upgrade_is_not_run_as_a_request(port: int, upgrade: bytes, *, at_once: bool) -> None:
    head = LOSS + upgrade + b"Content-Length: %d\r\n\r\n" % len(HEALTH)
    found, _ = talk(port, *([head + HEALTH] if at_once else [head, HEALTH]), pause=0.3)
    assert statuses(found) == [400]
    assert json.loads(found[0][2])["type"] == "/problems/malformed-body"


@upgrading
def test_upgrades_among_other_requests_have_an_answer_each_in_order(port: int, upgrade: bytes) -> None:
    asked = b"GET /readyz HTTP/1.1\r\nHost: a\r\n" + upgrade + b"\r\n"
    posted = LOSS + upgrade + b"Content-Length: %d\r\n\r\n" % len(BATCH) + BATCH
    found, _ = talk(port, HEALTH + asked + posted + asked + HEALTH)
    assert statuses(found) == [200] * 5
    assert [body for _, _, body in found[:2]] == [b'{"status":"ok"}', b'{"status":"ready"}']
    assert found[2][2].startswith(b'{"loss"')


@upgrading
def test_an_upgrade_does_not_soften_the_framing(port: int, upgrade: bytes) -> None:
    both = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    found, _ = talk(port, LOSS + upgrade + both + HEALTH)
    assert statuses(found) == [400]


def test_an_upgrade_whose_head_comes_in_single_bytes(port: int) -> None:
    head = LOSS + UPGRADES["h2c"] + b"Content-Length: %d\r\n\r\n" % len(BATCH)
    found, _ = talk(port, *[bytes([byte]) for byte in head + BATCH], pause=0.002)
    assert statuses(found) == [200]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_curl_that_would_like_http_2_has_its_answer(port: int) -> None:
    headers = ["-H", "Content-Type: application/json", "--noproxy", "*"]
    command = ["curl", "-sS", "--http2", *headers, "-d", BATCH.decode(), f"http://127.0.0.1:{port}/loss"]
    done = subprocess.run(command, capture_output=True, timeout=10, check=True)  # noqa: S603 - our own words
    assert json.loads(done.stdout)["loss"] == "squared_error"


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(port: int) -> None:
    found, seconds = talk(port)
    assert found == []
    assert HEAD_SECONDS <= seconds < HEAD_SECONDS + 1


@pytest.mark.parametrize("half", [b"G", HEALTH[:-2], LOSS + b"Content-Length: 5\r\n", b"\r\n\r\nGET /"])
def test_half_a_head_is_told_that_it_took_too_long(port: int, half: bytes) -> None:
    (answer,), seconds = talk(port, half)
    detail = assert_refused(answer, 408, "request-timeout")
    assert "1 s (LOSSGRID_HEAD_SECONDS)" in detail
    assert HEAD_SECONDS <= seconds < HEAD_SECONDS + 1


@pytest.mark.parametrize("byte", [b"a", b"\r\n"], ids=["letters", "empty lines"])
def test_bytes_that_trickle_do_not_prolong_the_deadline(port: int, byte: bytes) -> None:
    start = b"" if byte == b"\r\n" else b"GET /"
    _, seconds = talk(port, start, *[byte] * 100, pause=0.05)
    assert seconds < HEAD_SECONDS + 1


def test_the_deadline_holds_for_every_request_of_a_connection(port: int) -> None:
    found, seconds = talk(port, HEALTH, HEALTH[:-2], pause=0.5)
    assert statuses(found) == [200, 408]
    assert seconds < 0.5 + HEAD_SECONDS + 1


def test_empty_lines_between_requests_hold_no_connection(port: int) -> None:
    found, seconds = talk(port, HEALTH, *[b"\r\n"] * 100, pause=0.05)
    assert statuses(found) in ([200], [])  # it may be lost where a client sends on after the close
    assert seconds < HEAD_SECONDS + 1


@pytest.mark.parametrize("rest", [b"", b"x" * 10], ids=["nothing of it", "a part"])
def test_a_body_that_nobody_wanted_and_that_does_not_come_is_not_waited_for_as_if_idle(rest: bytes) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    with serving(create_app(Settings(allowed_hosts="*")), Limits(HEAD_SECONDS), keep_alive_seconds=9) as port:
        found, seconds = talk(port, head + rest)
    assert statuses(found) == [200]
    assert HEAD_SECONDS <= seconds < HEAD_SECONDS + 1


def test_an_idle_connection_is_kept_for_as_long_as_it_is_set(port: int) -> None:
    found, seconds = talk(port, HEALTH)
    assert statuses(found) == [200]
    assert KEEP_ALIVE_SECONDS <= seconds < KEEP_ALIVE_SECONDS + 1


def test_requests_that_come_in_time_are_served_for_as_long_as_they_come(port: int) -> None:
    found, _ = talk(port, *[HEALTH] * 6, pause=0.4)
    assert statuses(found) == [200] * 6


def test_a_body_that_nobody_wanted_and_that_stalls_holds_no_connection(port: int) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
    found, seconds = talk(port, head, b"some", b"more", pause=0.3)
    assert statuses(found) == [404]
    assert seconds < 0.6 + HEAD_SECONDS + 1


def test_after_a_body_that_nobody_wanted_the_next_request_is_served(port: int) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n"
    found, seconds = talk(port, head, b"some", b"more", HEALTH, pause=0.2)
    assert statuses(found) == [404, 200]
    assert seconds < 0.6 + KEEP_ALIVE_SECONDS + 1


def test_a_hundred_lines_are_taken_and_one_more_is_not(port: int) -> None:
    lines = b"X: y\r\n" * (LINES - 1)
    found, _ = talk(port, HEALTH[:-2] + lines + b"\r\n", HEALTH[:-2] + lines + b"X: y\r\n\r\n")
    assert found[0][0] == 200
    assert "100" in assert_refused(found[1], 431, "head-too-large")
    assert len(found) == 2


@pytest.mark.parametrize(
    ("head", "status", "slug"),
    [
        (HEALTH[:-2] + b"X: " + b"y" * (HEAD_BYTES - 100) + b"\r\n\r\n", 200, None),
        (HEALTH[:-2] + b"X: " + b"y" * HEAD_BYTES + b"\r\n\r\n", 431, "head-too-large"),
        (HEALTH[:-2] + b"X: " + b"y" * 50 * HEAD_BYTES, 431, "head-too-large"),
        (HEALTH[:-2] + (b"X: " + b"y" * 1000 + b"\r\n") * 90 + b"\r\n", 431, "head-too-large"),
        (b"GET /" + b"y" * 30_000 + HEALTH[12:-2] + b"X: " + b"y" * 40_000 + b"\r\n\r\n", 431, "head-too-large"),
        (b"GET /" + b"y" * (HEAD_BYTES - 100) + HEALTH[12:], 404, None),
        (b"GET /" + b"y" * HEAD_BYTES + HEALTH[12:], 400, "invalid-request"),
        (b"GET /" + b"y" * 50 * HEAD_BYTES, 400, "invalid-request"),
        (b"\r\n" * HEAD_BYTES, 431, "head-too-large"),
    ],
    ids=[
        "just",
        "a line",
        "an endless line",
        "lines",
        "a path and a line",
        "a path, just",
        "a path",
        "an endless path",
        "empty lines",
    ],
)
def test_how_large_a_head_may_be(port: int, head: bytes, status: int, slug: str | None) -> None:
    (answer,), _ = talk(port, head)
    if slug:
        assert_refused(answer, status, slug)
    else:
        assert answer[0] == status


@pytest.mark.parametrize("chunks", [CHUNKS, CHUNKS + 1])
def test_how_many_chunks_a_body_may_have(port: int, chunks: int) -> None:
    body = b"1\r\n \r\n" * (chunks - 2) + b"5\r\n%b\r\n%x\r\n%b\r\n" % (BATCH[:5], len(BATCH) - 5, BATCH[5:])
    (answer,), _ = talk(port, CHUNKED + body + b"0\r\n\r\n")
    if chunks == CHUNKS:
        assert answer[0] == 200
    else:
        assert str(CHUNKS) in assert_refused(answer, 413, "body-too-large")


MALFORMED = {
    "an unknown method": b"FROB / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": LOSS + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "the same length twice": LOSS + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a negative length": LOSS + b"Content-Length: -1\r\n\r\nhello",
    "a length and chunks": LOSS + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HEALTH,
    "a transfer encoding that is none": LOSS + b"Transfer-Encoding: frob\r\n\r\n" + HEALTH,
    "a folded line": HEALTH[:-2] + b"X: a\r\n b\r\n\r\n",
    "a space before the colon": HEALTH[:-2] + b"X : a\r\n\r\n",
    "a line without a version": b"GET /healthz\r\nHost: a\r\n\r\n",
    "a version that is to come": b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n",
    "a path that is none": b"GET healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "another protocol's name": b"GET / FTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n" + HEALTH,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
BADLY_CHUNKED = {
    "a size that is none": b"xyz\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size beyond all bounds": b"f" * 17 + b"\r\nhello",
    "more than was said": b"5\r\nhello, you\r\n0\r\n\r\n",
    "a line break too few": b"5\r\nhello0\r\n\r\n",
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_http_has_one_answer(port: int, request_: bytes) -> None:
    (answer,), _ = talk(port, request_)
    assert_refused(answer, 400, "invalid-request")


@pytest.mark.parametrize("body", BADLY_CHUNKED.values(), ids=BADLY_CHUNKED)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "body later"])
def test_bad_chunks_have_one_answer(port: int, body: bytes, *, at_once: bool) -> None:
    (answer,), _ = talk(port, *([CHUNKED + body + HEALTH] if at_once else [CHUNKED, body, HEALTH]))
    assert_refused(answer, 400, "invalid-request")


def test_a_chunk_extension_without_end_is_refused(port: int) -> None:
    (answer,), _ = talk(port, CHUNKED + b"5\r\nhello\r\n", b"5;", *[b"x" * 30_000] * 4)
    assert_refused(answer, 431, "head-too-large")


def test_trailers_without_end_are_refused(port: int) -> None:
    (answer,), _ = talk(port, CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 200)
    assert_refused(answer, 431, "head-too-large")


def test_trailers_are_no_headers() -> None:
    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        names = b" ".join(name for name, _ in scope["headers"])
        headers = [(b"content-length", str(len(names)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": names})

    with serving(telling, Limits(HEAD_SECONDS)) as port:
        found, _ = talk(port, CHUNKED, b"1\r\n \r\n0\r\nHost: b\r\nX-Forwarded-Prefix: /b\r\n\r\n" + HEALTH)
    assert [body for _, _, body in found] == [b"host content-type transfer-encoding", b"host"]


@pytest.mark.parametrize("place", ["on_body", "_read"], ids=["within the parser", "without"])
def test_a_lack_of_memory_while_reading_is_a_refusal(port: int, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(StrictProtocol, place, starve)
    (answer,), _ = talk(port, LOSS + b"Content-Length: 5\r\n\r\nhello")
    assert_refused(answer, 503, "out-of-memory")
    assert answer[1]["retry-after"] == "5"


def test_bad_chunks_that_nobody_reads_change_no_answer(port: int) -> None:
    nowhere = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for pieces in ([nowhere + b"xyz\r\n"], [nowhere, b"xyz\r\n"]):
        found, _ = talk(port, *pieces)
        assert statuses(found) == [404]


def test_bad_chunks_behind_the_answer_close_the_connection() -> None:
    async def hasty(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with serving(hasty, Limits(HEAD_SECONDS)) as port:
        found, seconds = talk(port, CHUNKED, b"xyz\r\n" + HEALTH)
    assert statuses(found) == [200]
    assert seconds < KEEP_ALIVE_SECONDS


def test_a_refusal_waits_for_the_answers_of_the_requests_before(port: int) -> None:
    posted = LOSS + b"Content-Length: %d\r\n\r\n" % len(BATCH) + BATCH
    for bad in (b"FROB / HTTP/1.1\r\n\r\n", CHUNKED + b"xyz\r\n", HEALTH[:-2] + b"X: y\r\n" * 200):
        found, _ = talk(port, posted + HEALTH + bad)
        assert statuses(found[:2]) == [200, 200]
        assert found[0][2].startswith(b'{"loss"')
        assert found[2][0] in {400, 431}
        assert len(found) == 3


def test_behind_a_request_that_closes_nothing_is_answered(port: int) -> None:
    closing = HEALTH[:-2] + b"Connection: close\r\n\r\n"
    for next_ in (HEALTH, b"FROB / HTTP/1.1\r\n\r\n", b"GET /"):
        found, _ = talk(port, closing + next_)
        assert statuses(found) == [200]


@pytest.mark.parametrize("first", [b"", b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["first", "behind a HEAD"])
def test_a_refused_head_request_has_no_body_and_another_has(port: int, first: bytes) -> None:
    for bad, wanted in ((b"HEAD / HTTP/1.1\r\nX : a\r\n\r\n", False), (b"FROB / HTTP/1.1\r\n\r\n", True)):
        with socket.create_connection(("127.0.0.1", port), timeout=12) as connection:
            connection.sendall(first + bad)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert received.count(b"HTTP/1.1 400 ") == 1
        assert (b"/problems/invalid-request" in received) == wanted


def test_a_client_that_sends_a_whole_upload_behind_a_bad_head_reads_the_answer(port: int) -> None:
    found, _ = talk(port, LOSS + b"Content-Length: -1\r\n\r\n" + b" " * 5_000_000)
    assert statuses(found) == [400]


def test_a_client_that_leaves_after_its_refusal_is_forgotten(port: int) -> None:
    for bad in (MALFORMED["an unknown method"], CHUNKED + b"xyz\r\n", HEALTH[:5]):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(bad)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").is_success


OTHERS = {
    "another host": b"http://evil.example/healthz",
    "another port": b"http://a:81/healthz",
    "a user": b"http://u@a/healthz",
    "a user of that name": b"http://a@b/healthz",
    "another scheme": b"ftp://a/healthz",
    "a query of that name": b"http://b?a",
}


@pytest.mark.parametrize("target", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("more", [b"", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"], ids=["plain", "upgrade"])
def test_a_target_that_names_another_host_than_the_header_is_refused(port: int, target: bytes, more: bytes) -> None:
    (answer,), _ = talk(port, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + more + b"\r\n")
    assert "another host than its Host header" in assert_refused(answer, 400, "bad-host")


@pytest.mark.parametrize(
    "target",
    [b"http://a/healthz", b"HTTP://A:80/healthz?b=c:d@e", b"https://a/healthz?b", b"//a/healthz"],
)
def test_a_target_that_names_the_same_host_is_served(port: int, target: bytes) -> None:
    found, _ = talk(port, HEALTH.replace(b"/healthz", target))
    assert statuses(found) == [404 if target.startswith(b"//") else 200]


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: a\r\n"], ids=["none", "two"])
def test_a_target_that_names_a_host_does_not_stand_for_the_header(port: int, hosts: bytes) -> None:
    ((status, _, body),), _ = talk(port, b"GET http://a/healthz HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
    assert (status, json.loads(body)["type"]) == (400, "/problems/bad-host")


CODINGS = {
    "gzip before chunks": b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "gzip in a line of its own": b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunks and a parameter": b"Transfer-Encoding: x;a=b, chunked\r\n\r\n",
}


@pytest.mark.parametrize("codings", CODINGS.values(), ids=CODINGS)
def test_a_transfer_coding_that_would_not_be_undone_is_refused(port: int, codings: bytes) -> None:
    found, _ = talk(port, LOSS + codings + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BATCH), BATCH))
    assert_refused(found[0], 400, "invalid-request")


def test_a_client_of_http_1_0_is_not_told_to_continue(port: int) -> None:
    head = LOSS.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BATCH)
    found, _ = talk(port, head, BATCH)
    assert statuses(found) == [200]


def test_pipelined_requests_have_their_answers_in_order(port: int) -> None:
    posted = LOSS + b"Content-Length: %d\r\n\r\n" % len(BATCH) + BATCH
    found, _ = talk(port, (posted + HEALTH) * 10)
    assert statuses(found) == [200] * 20
    assert [body[:7] for _, _, body in found] == [b'{"loss"', b'{"statu'] * 10


def test_more_pipelined_requests_than_are_read_ahead_have_their_answers_in_order(port: int) -> None:
    posted = LOSS + b"Content-Length: %d\r\n\r\n" % len(BATCH) + BATCH
    chunked = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BATCH), BATCH)
    large = BATCH[:-1] + b" " * 20_000 + b"}"
    padded = LOSS + b"Content-Length: %d\r\n\r\n" % len(large) + large
    found, _ = talk(port, (posted + HEALTH + chunked + padded) * 100 + HEALTH[:-2], pause=0)
    assert statuses(found) == [200] * 400 + [408]
    assert [body[:7] for _, _, body in found[:-1]] == [b'{"loss"', b'{"statu', b'{"loss"', b'{"loss"'] * 100


def test_a_refusal_has_its_turn_behind_more_requests_than_are_read_ahead(port: int) -> None:
    found, _ = talk(port, HEALTH * 500 + b"nonsense\r\n\r\n" + HEALTH * 500)
    assert statuses(found) == [200] * 500 + [400]


def test_half_a_head_is_not_late_while_it_waits_behind_others() -> None:
    waits = iter([1.0])

    async def slow_at_first(_scope: Scope, _receive: Receive, send: Send) -> None:
        await anyio.sleep(next(waits, 0))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with serving(slow_at_first, Limits(head_seconds=0.6)) as port:
        last = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        found, _ = talk(port, HEALTH * 17 + last[:20], last[20:], pause=0.3)
    assert statuses(found) == [200] * 18


def test_requests_that_nobody_awaits_the_answers_of_take_little_memory(port: int) -> None:
    asked = b"GET / HTTP/1.1\r\n\r\n" * 3000
    tracemalloc.start()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.setblocking(False)
            until = time.monotonic() + 1
            while time.monotonic() < until:
                with suppress(BlockingIOError):
                    connection.send(asked)
                time.sleep(0.001)
            _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * 2**20


def test_a_head_without_a_body_waits_for_nothing(port: int) -> None:
    asked = b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(asked)
        assert connection.recv(65536).endswith(b"\r\n\r\n")
        connection.sendall(asked * 2 + HEALTH)
        received = b""
        while b'{"status":"ok"}' not in received:
            received += connection.recv(65536)
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert received.count(b"\r\n\r\n") == 3
    assert received.endswith(b'\r\n\r\n{"status":"ok"}')


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many packets there were")
def test_an_answer_of_a_few_kilobytes_is_one_packet(port: int) -> None:
    asked = LOSS + b"Content-Length: %d\r\n\r\n" % len(BATCH) + BATCH
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for count in range(1, 4):
            connection.sendall(asked)
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(65536)
            ((status, _, _),) = answers(received)
            assert status == 200
            assert packets_with_data(connection) == count


def packets_with_data(connection: socket.socket) -> int:
    """Count the packets with data that have come: ``tcpi_data_segs_in`` of Linux's ``struct tcp_info``."""
    (found,) = struct.unpack_from("=I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 152)
    return int(found)


def test_stalls_beside_it_do_not_delay_a_request(port: int) -> None:
    stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for index, connection in enumerate(stalled):
        connection.sendall(HEALTH[:index])
    started = time.monotonic()
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    assert time.monotonic() - started < 2
    for connection in stalled:
        connection.close()


@pytest.mark.parametrize(
    ("behind", "wanted", "longest"),
    [
        (b"GET /", [200, 408], 2),
        (b"\r\n", [200], 2),
        (b"FROB / HTTP/1.1\r\n\r\n", [200, 400], 4),  # it may be sending yet, and is listened to
    ],
)
def test_what_comes_behind_a_slow_request_waits_for_its_answer(
    behind: bytes, wanted: list[int], longest: float
) -> None:
    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await anyio.sleep(0.6)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    with serving(slow, Limits(0.3)) as port:
        found, seconds = talk(port, HEALTH, behind)
    assert statuses(found) == wanted
    assert found[0][2] == b"ok"
    assert 0.6 <= seconds < longest


@pytest.mark.parametrize("log_level", ["info", "debug"])
def test_whatever_clients_do_leaves_one_plain_line_each(log_level: str) -> None:
    with running(head_seconds=1, idle_seconds=1, log_level=log_level) as server:
        before = said(server)
        bad = [*MALFORMED.values(), *(CHUNKED + body for body in BADLY_CHUNKED.values()), HEALTH[:5], b""]
        threads = [threading.Thread(target=talk, args=(server.port, piece)) for piece in [*bad, *UPGRADES.values()]]
        threads += [
            threading.Thread(target=talk, args=(server.port, LOSS + value + b"\r\n")) for value in UPGRADES.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        said_since = said(server).removeprefix(before).splitlines()
    assert len(said_since) >= len(bad)
    line = re.compile(r"\S+ (INFO|DEBUG) request id=urn:uuid:[0-9a-f-]{36} method=\w+ route=\S+ status=\d+ [ -~]+")
    assert [one for one in said_since if not line.fullmatch(one)] == []


def said(server: Running) -> str:
    """Give what the service has logged."""
    return re.sub(r"(?s)^.*?Ctrl\+C stops it\.\n", "", server.output())


def test_the_class_fits_the_uvicorn_that_is_installed() -> None:
    assert misfits() == []


def test_another_uvicorn_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.message_event = None

    class Protocol:
        def __init__(self) -> None:
            self.app = self.cycle = self.headers = self.loop = self.parser = self.scope = None

    lacking = misfits(Protocol, Cycle)
    assert {"Protocol.transport", "Protocol.on_url", "Cycle.response_complete"} <= set(lacking)
    assert not {"Protocol.app", "Cycle.message_event"} & set(lacking)
    monkeypatch.setattr("app.server.misfits", lambda: lacking)
    app, limits, farewell = create_app(), Limits(8), app_server.Farewell(0, 1)
    with socket.socket() as listening, pytest.raises(SystemExit) as end:
        app_server.serve(app, listening, limits=limits, farewell=farewell, logging=configuration("info", "text"))
    assert "Protocol.transport" in str(end.value)
    assert "requirements/runtime.txt" in str(end.value)

"""How many connections there may be, how slow an upload may be, and how long an answer may be left lying."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from app import protocol
from app.gates.asgi import Receive, Scope, Send
from app.main import create_app
from app.protocol import Limits
from app.settings import Settings
from tests.e2e.test_protocol import HEALTH, LOSS, answers, assert_refused, serving, statuses, talk

MOST = 4
HEAD = b"POST /loss HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
LARGE = b"0" * 20_000_000


def limits(**changed: float) -> Limits:
    """Make limits that are patient in everything but what is changed."""
    return Limits(**{"head_seconds": 20, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def narrow() -> Iterator[int]:
    """Serve few connections, and give the port."""
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(create_app(Settings(allowed_hosts="*")), limits(connections=MOST)) as port,
    ):
        patch.setattr("app.gates.intake.LINGER_SECONDS", 0.3)
        patch.setattr("tests.e2e.test_protocol.KEEP_ALIVE_SECONDS", 20)
        yield port


def ask(connection: socket.socket, request: bytes = HEALTH) -> int:
    """Send a request, read its answer, and give the status."""
    connection.sendall(request)
    received = b""
    while not received.endswith((b"}", b"</html>")):
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    return int(received.split()[1])


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes the connection soon."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@contextmanager
def crowd(port: int, count: int = MOST) -> Iterator[list[socket.socket]]:
    """Open connections, none of which is idle: half a head has come on each."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=12)) for _ in range(count)]
        for connection in found:
            connection.sendall(HEALTH[:10])
        time.sleep(0.2)
        yield found
    time.sleep(0.2)


def test_one_connection_too_many_is_told_so_and_closed(narrow: int) -> None:
    with crowd(narrow) as others:
        for request in (HEALTH.replace(b"healthz", b"losses"), LOSS + b"Content-Length: 2\r\n\r\n{}"):
            (answer,), _ = talk(narrow, request)
            detail = assert_refused(answer, 503, "over-capacity")
            assert answer[1]["retry-after"] == "1"
            assert "4 connections" in detail
            assert "(LOSSGRID_MAX_CONNECTIONS)" in detail
        for connection in others:
            assert ask(connection, HEALTH[10:]) == 200
    assert statuses(talk(narrow, HEALTH[:-2] + b"Connection: close\r\n\r\n")[0]) == [200]


def test_whether_the_process_is_alive_can_be_asked_all_the_same(narrow: int) -> None:
    with crowd(narrow):
        (answer,), seconds = talk(narrow, HEALTH)
        assert answer[0] == 200
        assert answer[1]["connection"] == "close"
        assert seconds < 5


def test_the_one_that_is_idle_for_longest_makes_room(narrow: int) -> None:
    with ExitStack() as stack:
        found = []
        for _ in range(MOST):
            found.append(stack.enter_context(socket.create_connection(("127.0.0.1", narrow), timeout=12)))
            assert ask(found[-1]) == 200
            time.sleep(0.05)
        assert ask(found[0]) == 200  # now the second has been idle for longest
        time.sleep(0.05)
        newcomer = stack.enter_context(socket.create_connection(("127.0.0.1", narrow), timeout=12))
        assert ask(newcomer) == 200
        assert is_closed(found[1])
        assert [ask(found[index]) for index in (0, 2, 3)] == [200] * 3
    time.sleep(0.2)


def test_far_too_many_connections_are_closed_at_once(narrow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SPARE_CONNECTIONS", 2)
    with crowd(narrow), crowd(narrow, 2), socket.create_connection(("127.0.0.1", narrow), timeout=12) as one:
        assert is_closed(one)


@pytest.mark.parametrize(("rate", "status"), [(200, 408), (1, 200)])
def test_an_upload_may_not_be_too_slow_for_too_long(rate: float, status: int) -> None:
    body = b'{"x": [1], "y": [2]}' + b" " * 10
    with serving(
        create_app(Settings(allowed_hosts="*")), limits(upload_grace_seconds=0.5, upload_bytes_per_second=rate)
    ) as port:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=12) as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
            for byte in body:
                if select.select([connection], [], [], 0.05)[0]:
                    break
                connection.sendall(bytes([byte]))
            (answer,) = answers(b"".join(iter(lambda: connection.recv(65536), b"")))
        if status == 408:
            detail = assert_refused(answer, 408, "request-timeout")
            assert detail.endswith("(LOSSGRID_MIN_UPLOAD_BYTES_PER_SECOND, LOSSGRID_UPLOAD_GRACE_SECONDS).")
        assert answer[0] == status
        assert time.monotonic() - started > 0.5


def test_a_fast_upload_may_take_its_time() -> None:
    body = b'{"x": [1], "y": [2]}' + b" " * 100_000
    with serving(
        create_app(Settings(allowed_hosts="*")), limits(upload_grace_seconds=0.1, upload_bytes_per_second=1000)
    ) as port:
        head = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        (answer,), _ = talk(port, head, body[:50_000], body[50_000:], pause=0.3)
        assert answer[0] == 200


async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with more than the buffers of the system hold."""
    headers = [(b"content-length", b"%d" % len(LARGE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": LARGE})


async def streamed(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with as much, in pieces."""
    headers = [(b"content-length", b"%d" % len(LARGE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, len(LARGE), 1_000_000):
        await send({"type": "http.response.body", "body": LARGE[start : start + 1_000_000], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.mark.parametrize("app", [large, streamed])
@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"], ids=["kept", "closing"])
def test_an_answer_that_is_left_lying_is_given_up(app: object, closing: bytes) -> None:
    with (
        serving(app, limits(write_seconds=0.8)) as port,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", port), timeout=12) as connection,
    ):
        connection.sendall(HEALTH[:-2] + closing + b"\r\n")
        time.sleep(3)
        received = 0
        try:
            while piece := connection.recv(1 << 20):
                received += len(piece)
        except ConnectionResetError:
            pass
        assert received < len(LARGE)


@pytest.mark.parametrize("app", [large, streamed])
def test_an_answer_that_is_taken_slowly_arrives_whole(app: object) -> None:
    with (
        serving(app, limits(write_seconds=1)) as port,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", port), timeout=12) as connection,
    ):
        connection.sendall(HEALTH[:-2] + b"Connection: close\r\n\r\n")
        started = time.monotonic()
        received = bytearray()
        while piece := connection.recv(1 << 20):
            received += piece
            if time.monotonic() - started < 3:
                time.sleep(0.1)
        (answer,) = answers(bytes(received))
        assert len(answer[2]) == len(LARGE)
        assert time.monotonic() - started > 1


def test_who_has_taken_an_answer_may_be_idle() -> None:
    head = b"\r\n\r\n"
    with (
        serving(large, limits(write_seconds=0.4)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=12) as connection,
    ):
        for _ in range(2):
            connection.sendall(HEALTH)
            time.sleep(0.1)  # so that the answer waits for its reader
            received = bytearray()
            while len(received.partition(head)[2]) < len(LARGE):
                received += connection.recv(1 << 20)
            time.sleep(0.8)


@pytest.mark.parametrize("version", [b"1.1\r\nConnection: close", b"1.0"])
def test_a_client_that_wants_to_close_reads_a_refusal_that_comes_before_its_body(version: bytes) -> None:
    with serving(create_app(Settings(allowed_hosts="*")), limits()) as port:
        head = b"POST /loss HTTP/%b\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 5000000\r\n\r\n"
        (answer,), _ = talk(port, head % version, b" " * 2_500_000, b" " * 2_500_000)
        assert_refused(answer, 415, "unsupported-media-type")

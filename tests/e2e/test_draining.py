"""The end of a real service: what is in flight is answered, what stalls is refused, and it takes a bounded time."""

import json
import signal
import socket
import threading
import time
from contextlib import ExitStack

import httpx
import numpy as np
import pytest

from tests.e2e.process import EXIT_SECONDS, Running, running
from tests.e2e.test_server import TINY, everything, upload
from tests.formats.files import npz


def heavy() -> bytes:
    """Write a batch that is uploaded at once and takes half a second or so: its spectrum is asked for."""
    x, y, mu, logvar = np.random.default_rng(0).random((4, 700, 700))
    return npz(x=x, y=y, mu=mu, logvar=logvar)


def accepted(server: Running) -> int:
    """Count the requests whose bodies are there, and that are not answered yet."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    names = ("lossgrid_computing_requests ", "lossgrid_waiting_requests ")
    return sum(int(float(line.split()[1])) for line in lines if line.startswith(names))


def two_asking(server: Running, body: bytes, answers: list[httpx.Response], *, in_hand: int) -> list[threading.Thread]:
    """Let two clients post a heavy batch, and wait until so many are in the hands of the service."""

    def ask() -> None:
        headers = {"Content-Type": "application/x-npz"}
        answers.append(httpx.post(f"{server.url}/loss?include=collapse", content=body, headers=headers, timeout=30))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    deadline = time.monotonic() + 20
    while accepted(server) < in_hand:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return clients


def test_beside_stalled_uploads_what_computes_gets_its_whole_answer() -> None:
    body, answers = heavy(), list[httpx.Response]()
    with running(computing_threads=1) as server, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(upload(server, json.dumps(TINY).encode())[0])
        clients = two_asking(server, body, answers, in_hand=2)
        assert server.end(signal.SIGTERM, within=EXIT_SECONDS) == 0
        for client in clients:
            client.join()
        assert "Traceback" not in server.output()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [len(answer.json()["collapse"]["covariance_spectrum"]) for answer in answers] == [700, 700]


@pytest.mark.parametrize("framing", ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"])
def test_an_upload_that_stalls_to_the_end_is_refused(framing: str) -> None:
    with running(graceful_seconds=1) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=EXIT_SECONDS) as connection:
            head = f"POST /loss HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}\r\n"
            connection.sendall(head.encode())
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            answer, _, problem = everything(connection).partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in answer.lower()
        assert json.loads(problem)["type"] == "/problems/not-ready"
        assert server.process.wait(EXIT_SECONDS) == 0
        assert "Traceback" not in server.output()
        assert "ERROR" not in server.output()


def test_a_computation_that_lasts_to_the_end_is_refused() -> None:
    rows = [[column / 7 for column in range(784)] for _ in range(1500)]
    body = json.dumps({"x": rows, "y": rows[::-1], "include": ["elementwise", "gradients", "conventions"]}).encode()
    head = f"POST /loss HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with running(graceful_seconds=1) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=EXIT_SECONDS) as connection:
            connection.sendall(head.encode() + body)
            server.process.send_signal(signal.SIGTERM)
            answer = everything(connection)
        # A machine that is fast enough has answered it.
        assert answer.startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 200 "))
        assert server.process.wait(EXIT_SECONDS) == 0
        assert "Traceback" not in server.output()


def test_load_balancers_have_time_to_notice() -> None:
    with running(drain_seconds=2) as server:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert httpx.get(f"{server.url}/readyz").status_code == 503
        assert httpx.get(f"{server.url}/healthz").is_success
        assert httpx.post(f"{server.url}/loss", json=TINY).is_success
        assert server.process.wait(EXIT_SECONDS) == 0


def test_a_second_interrupt_does_not_wait() -> None:
    with running(drain_seconds=60) as server:
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert server.end(signal.SIGINT) == 0


def test_a_client_that_does_not_read_does_not_hold_up_the_end() -> None:
    rows = [[column / 7 for column in range(784)] for _ in range(400)]
    body = json.dumps({"x": rows, "y": rows[::-1], "include": ["elementwise"]}).encode()
    head = f"POST /loss HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with running(graceful_seconds=1) as server, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(head.encode() + body)
        time.sleep(3)
        assert server.end(signal.SIGTERM, within=EXIT_SECONDS) == 0
        assert "Traceback" not in server.output()


def test_a_second_ctrl_c_refuses_whatever_is_in_flight() -> None:
    body, answers = heavy(), list[httpx.Response]()
    with running(computing_threads=1) as server, ExitStack() as stack:
        stalled = stack.enter_context(upload(server, json.dumps(TINY).encode())[0])
        clients = two_asking(server, body, answers, in_hand=1)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert server.end(signal.SIGINT, within=2) == 0
        for client in clients:
            client.join()
        assert everything(stalled).startswith(b"HTTP/1.1 503 ")
        assert "Traceback" not in server.output()
    assert {answer.status_code for answer in answers} <= {200, 503}

"""`python -m app`: it says where to look, serves, and ends as an operator expects."""

import json
import signal
import socket
import threading
import time

import httpx
import pytest

from tests.e2e.process import EXIT_SECONDS, Running, running, start

TINY = {"x": [[0, 1], [2, 3]], "y": [[1, 1], [0, 0]]}


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def ending(request: pytest.FixtureRequest) -> signal.Signals:
    """Give each of the signals that end a service."""
    number: signal.Signals = request.param
    return number


def upload(server: Running, body: bytes) -> tuple[socket.socket, bytes]:
    """Open a connection and send the head and the first half of a request; give it and the other half."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=EXIT_SECONDS)
    head = f"POST /loss HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
    time.sleep(0.2)  # so that the service has begun to read it
    return connection, body[len(body) // 2 :]


def everything(connection: socket.socket) -> bytes:
    """Read a connection to its end."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def test_an_upload_over_one_connection_again_and_again(server: Running) -> None:
    rows = [[column / 7 for column in range(100)] for _ in range(500)]
    with httpx.Client(base_url=server.url) as client:
        answers = [client.post("/loss", json={"x": rows, "y": rows[::-1]}) for _ in range(5)]
        addresses = {answer.extensions["network_stream"].get_extra_info("client_addr") for answer in answers}
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["terms"]["reconstruction"]["sum_sum"] == 0
    assert len({answer.content for answer in answers}) == 1
    assert len(addresses) == 1


def test_a_refused_upload_leaves_the_connection_usable_or_closed(server: Running) -> None:
    with httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            assert client.post("/loss", json={"x": [[1]], "y": [["a"]]}).status_code == 422
            assert client.post("/loss", json=TINY).json()["terms"]["reconstruction"]["sum_mean"] == 7


def test_the_service_does_not_say_what_it_is_made_of(server: Running) -> None:
    assert "server" not in httpx.get(f"{server.url}/healthz").headers


def test_it_says_where_to_look() -> None:
    with running() as server:
        assert server.url in server.output()
        assert "/docs" in server.output()


def test_an_idle_service_ends(ending: signal.Signals) -> None:
    with running() as server:
        assert server.end(ending) == 0
        assert "Traceback" not in server.output()


def test_an_idle_connection_does_not_hold_up_the_end(ending: signal.Signals) -> None:
    with running() as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/healthz").is_success
        assert server.end(ending) == 0


def test_a_request_in_flight_gets_its_whole_answer(ending: signal.Signals) -> None:
    with running() as server:
        connection, rest = upload(server, json.dumps(TINY).encode())
        with connection:
            server.process.send_signal(ending)
            time.sleep(0.5)
            connection.sendall(rest)
            head, _, body = everything(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(body)["terms"]["reconstruction"]["mean_mean"] == 3.5
        assert server.process.wait(EXIT_SECONDS) == 0
        assert "Traceback" not in server.output()


def test_a_computation_in_flight_gets_its_whole_answer() -> None:
    rows = [[column / 7 for column in range(784)] for _ in range(2000)]
    body = json.dumps({"x": rows, "y": rows[::-1], "loss": "log_cosh", "include": ["elementwise"]})
    answers: list[httpx.Response] = []
    with running() as server:

        def ask() -> None:
            headers = {"Content-Type": "application/json"}
            answers.append(httpx.post(f"{server.url}/loss", content=body, headers=headers, timeout=30))

        client = threading.Thread(target=ask)
        client.start()
        time.sleep(0.3)
        code = server.end(signal.SIGTERM)
        client.join()
        assert code == 0
    assert [answer.status_code for answer in answers] == [200]
    assert len(answers[0].json()["elementwise"]) == 2000


def test_a_stalled_upload_does_not_hold_up_the_end() -> None:
    with running(graceful_seconds=1) as server:
        connection, _ = upload(server, json.dumps(TINY).encode())
        with connection:
            assert server.end(signal.SIGTERM, within=4) == 0


def test_a_stalled_upload_does_not_hold_up_the_end_with_the_defaults() -> None:
    with running() as server:
        connection, _ = upload(server, json.dumps(TINY).encode())
        with connection:
            assert server.end(signal.SIGTERM, within=EXIT_SECONDS) == 0


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_a_signal_during_the_start_ends_it(seconds: float) -> None:
    with start() as server:
        time.sleep(seconds)
        # Before the first line of ours has run, the kernel ends the process by itself.
        assert server.end(signal.SIGTERM) in {0, -signal.SIGTERM}


def test_a_port_in_use_is_said_in_one_line(server: Running) -> None:
    with start(port=server.port) as second:
        assert second.process.wait(EXIT_SECONDS) > 0
        assert str(server.port) in second.output()
        assert "Traceback" not in second.output()
    assert httpx.get(f"{server.url}/healthz").is_success


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prot": 1}, ["LOSSGRID_PROT", "LOSSGRID_PORT"]),
        ({"port": "eighty"}, ["LOSSGRID_PORT"]),
        ({"port": 65536, "log_level": "loud"}, ["LOSSGRID_PORT", "LOSSGRID_LOG_LEVEL"]),
    ],
    ids=["a name that is not known", "a value of the wrong kind", "two faults at once"],
)
def test_a_wrong_setting_stops_the_start_and_is_named(settings: dict[str, object], words: list[str]) -> None:
    with start(**settings) as server:
        assert server.process.wait(EXIT_SECONDS) == 2
        assert [word for word in words if word not in server.output()] == []
        assert "Traceback" not in server.output()


def test_the_variables_of_the_tests_are_not_settings() -> None:
    with running(test_require="nothing") as server:
        assert httpx.get(f"{server.url}/healthz").is_success


def test_a_page_of_another_site_cannot_have_its_name_lead_here() -> None:
    with running(allowed_hosts="") as server:

        def status(host: str) -> int:
            return httpx.get(f"{server.url}/losses", headers={"Host": host}).status_code

        assert status(f"localhost:{server.port}") == 200
        assert status(f"127.0.0.1:{server.port}") == 200
        assert status("rebound.example") == 400

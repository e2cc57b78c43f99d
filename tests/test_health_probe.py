"""The container's health check: what it says of a service that is well, ill, silent, or not there."""

import runpy
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.health_probe import main, trouble
from tests.e2e.process import free_port


class Answer(BaseHTTPRequestHandler):
    """Answers /healthz with the status that its server has."""

    def do_GET(self) -> None:
        """Answer, to the right path only."""
        assert isinstance(self.server, Service)
        self.send_response(self.server.status if self.path == "/healthz" else HTTPStatus.NOT_FOUND)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


class Service(HTTPServer):
    """A service on a free port of this machine whose health is a given status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = status


@contextmanager
def a_service(status: HTTPStatus) -> Iterator[str]:
    """Serve until the end of the block; the value is the port."""
    with Service(status) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])  # noqa: S104 - a setting, nothing is bound
def test_a_service_that_answers_is_well(host: str) -> None:
    with a_service(HTTPStatus.OK) as port:
        assert trouble({"LOSSGRID_HOST": host, "LOSSGRID_PORT": port}) is None


def test_the_prefix_of_a_proxy_does_not_matter() -> None:
    with a_service(HTTPStatus.OK) as port:
        assert trouble({"LOSSGRID_PORT": port, "LOSSGRID_ROOT_PATH": "/loss"}) is None


def test_another_answer_is_trouble() -> None:
    with a_service(HTTPStatus.SERVICE_UNAVAILABLE) as port:
        assert trouble({"LOSSGRID_PORT": port}) == "/healthz answered 503"


def test_no_answer_is_trouble() -> None:
    port = str(free_port())
    said = trouble({"LOSSGRID_PORT": port})
    assert said is not None
    assert said.startswith(f"no answer from 127.0.0.1 port {port}: ConnectionRefusedError")


def test_a_service_that_does_not_answer_in_time_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.health_probe.TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = trouble({"LOSSGRID_PORT": str(silent.getsockname()[1])})
    assert said is not None
    assert "TimeoutError" in said


def test_an_impossible_port_is_trouble() -> None:
    said = trouble({"LOSSGRID_PORT": "eight thousand"})
    assert said is not None
    assert "ValueError" in said


def test_trouble_ends_with_1_and_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOSSGRID_HOST", "127.0.0.1")
    monkeypatch.setenv("LOSSGRID_PORT", str(free_port()))
    assert main() == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_as_a_command_it_ends_with_0_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "app.health_probe")
    monkeypatch.delenv("LOSSGRID_HOST", raising=False)
    with a_service(HTTPStatus.OK) as port:
        monkeypatch.setenv("LOSSGRID_PORT", port)
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("app.health_probe", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr() == ("", "")

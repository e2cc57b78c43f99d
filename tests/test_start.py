"""`python -m app` in process: it says where to look, serves, and ends with an honest exit code."""

import asyncio
import gc
import logging
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, NoReturn

import httpx
import pytest

from app import server
from app.__main__ import main
from app.main import create_app
from app.settings import ImpossibleSettingsError, Settings
from tests.inprocess import InProcess, an_app


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Put back what the start of a service changes in the process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    loggers = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level)
        for name in ("uvicorn", "lossgrid", "fastapi")
    }
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name, (found, level) in loggers.items():
        logging.getLogger(name).handlers[:] = found
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).propagate = True
    gc.unfreeze()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


class Lenient:
    """Stands in for a watchdog, which would end the tests."""

    told: ClassVar[list[float]] = []

    def end_within(self, seconds: float) -> None:
        """Remember what was given."""
        self.told.append(seconds)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], ending: signal.Signals
) -> None:
    port = free_port()
    monkeypatch.setenv("LOSSGRID_PORT", str(port))
    monkeypatch.setattr("app.server.Watchdog", Lenient)
    monkeypatch.setattr(Lenient, "told", [])
    answers: list[httpx.Response] = []

    def visit() -> None:
        deadline = time.monotonic() + 20
        while not answers and time.monotonic() < deadline:
            try:
                answers.append(httpx.get(f"http://127.0.0.1:{port}/readyz"))
            except httpx.TransportError:
                time.sleep(0.05)
        os.kill(os.getpid(), ending)

    visitor = threading.Thread(target=visit)
    visitor.start()
    with pytest.raises(SystemExit) as end:
        main()
    visitor.join()
    assert end.value.code == 0
    assert Lenient.told == [7.25]
    assert [answer.json() for answer in answers] == [{"status": "ready"}]
    assert "server" not in answers[0].headers
    said = capfd.readouterr()
    for path in ("", "/docs", "/redoc", "/problems"):
        assert f"http://127.0.0.1:{port}{path}" in said.out
    assert "Traceback" not in said.err


def test_a_second_interrupt_gives_it_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("LOSSGRID_PORT", str(port))
    monkeypatch.setenv("LOSSGRID_DRAIN_SECONDS", "60")
    monkeypatch.setattr("app.server.Watchdog", Lenient)
    monkeypatch.setattr(Lenient, "told", [])

    def visit() -> None:
        for wanted in (200, 503):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == wanted:
                        break
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

    visitor = threading.Thread(target=visit)
    visitor.start()
    with pytest.raises(SystemExit) as end:
        main()
    visitor.join()
    assert end.value.code == 0
    assert Lenient.told == [67.25, 1.25]


def test_several_workers_serve_until_they_are_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setenv("LOSSGRID_PORT", str(port))
    monkeypatch.setenv("LOSSGRID_WORKERS", "2")
    answers: list[httpx.Response] = []

    def visit() -> None:
        deadline = time.monotonic() + 20
        while not answers and time.monotonic() < deadline:
            try:
                answers.append(httpx.get(f"http://127.0.0.1:{port}/readyz"))
            except httpx.TransportError:
                time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    visitor = threading.Thread(target=visit)
    visitor.start()
    assert main() == 0
    visitor.join()
    assert [answer.json() for answer in answers] == [{"status": "ready"}]
    said = capfd.readouterr()
    assert said.out.count("Ctrl+C") == 1
    assert "Traceback" not in said.err


def test_several_workers_need_a_system_that_forks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOSSGRID_WORKERS", "2")
    monkeypatch.setattr("app.workers.is_possible", lambda: False)
    assert main() == 2
    assert "LOSSGRID_WORKERS" in capsys.readouterr().err


def test_a_file_of_tokens_that_is_none_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LOSSGRID_PORT", "0")
    monkeypatch.setenv("LOSSGRID_TOKENS_FILE", str(tmp_path / "nowhere"))
    assert main() == 2
    assert (
        "lossgrid: LOSSGRID_TOKENS_FILE is not possible: the file of tokens cannot be read" in capsys.readouterr().err
    )


def test_impossible_settings_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOSSGRID_PORT", "-1")
    monkeypatch.setenv("LOSSGRID_PROT", "8000")
    assert main() == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "did you mean LOSSGRID_PORT?" in lines[0]
    assert lines[1].startswith("lossgrid: LOSSGRID_PORT is not possible: ")


def test_a_port_that_is_taken_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("LOSSGRID_PORT", str(port))
        assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lossgrid: cannot listen on 127.0.0.1 port {port}: address already in use")
    assert "LOSSGRID_PORT" in line


def test_workers_without_room_for_what_they_count_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not-there"))
    monkeypatch.setenv("LOSSGRID_WORKERS", "2")
    monkeypatch.setenv("LOSSGRID_PORT", "0")
    assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lossgrid: LOSSGRID_WORKERS is not possible: what they count has no room")
    assert line.endswith("no such file or directory")


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_a_host_that_can_be_no_name_stops_the_start(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOSSGRID_HOST", host)
    assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lossgrid: cannot listen on {host} port 8000: not a name of a host; set LOSSGRID_HOST")


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),  # noqa: S104 - for a moment, and nothing is served
        ("::1", "http://[::1]:"),
        ("::", "http://[::1]:"),
    ],
)
def test_the_greeting_is_an_address_that_can_be_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str, told: str
) -> None:
    monkeypatch.setenv("LOSSGRID_HOST", host)
    monkeypatch.setenv("LOSSGRID_PORT", "0")
    monkeypatch.setattr("app.server.serve", lambda _, listening, **__: listening.close())
    if ":" in host and not socket.has_dualstack_ipv6():
        assert main() == 2
        return
    assert main() == 0
    assert told in capsys.readouterr().out


def test_what_there_is_at_the_start_is_not_looked_through_for_garbage_again(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []

    def serve(_: object, listening: socket.socket, **__: object) -> None:
        listening.close()
        frozen.append((gc.get_freeze_count(), len(gc.get_objects())))

    gc.unfreeze()
    monkeypatch.setenv("LOSSGRID_PORT", str(free_port()))
    monkeypatch.setattr(server, "serve", serve)
    try:
        assert main() == 0
    finally:
        gc.unfreeze()
    ((kept, rest),) = frozen
    assert kept > 10_000
    assert rest < kept / 10


def test_a_handler_set_before_serving_ends_a_slow_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("app.settings.from_environment", interrupted)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


def test_a_signal_amid_the_start_does_not_depend_on_an_exception(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[tuple[int, list[Path]]] = []
    monkeypatch.setattr(os, "_exit", lambda code: found.append((code, list(tmp_path.iterdir()))))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("LOSSGRID_WORKERS", "2")
    monkeypatch.setenv("LOSSGRID_PORT", "0")

    class Fleeting:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)  # what the handler raises here is lost

    def create(_: Settings) -> NoReturn:
        Fleeting()
        raise ImpossibleSettingsError(["the process is still here, since it is a test"])

    monkeypatch.setattr("app.main.create_app", create)
    assert main() == 2
    assert found == [(0, [])]


def test_a_signal_before_the_server_listens_to_any_is_kept_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = server._Server.run  # noqa: SLF001 - between the handlers of ours and those of uvicorn

    def late(self: server._Server, sockets: list[socket.socket] | None = None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        run(self, sockets)

    monkeypatch.setattr(server._Server, "run", late)  # noqa: SLF001 - likewise
    monkeypatch.setattr("app.server.Watchdog", Lenient)
    monkeypatch.setenv("LOSSGRID_PORT", "0")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


def test_without_settings_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSGRID_ROOT_PATH", "/grid")
    with asyncio.Runner() as runner:
        document = InProcess(create_app(), runner).get("/openapi.json").json()
    assert document["servers"] == [{"url": "/grid"}]


def test_the_version_is_that_of_the_project() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{an_app().version}"\n' in text


def test_the_package_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOSSGRID_COLOUR", "red")
    monkeypatch.delitem(sys.modules, "app.__main__")
    with pytest.raises(SystemExit) as end:
        runpy.run_module("app", run_name="__main__")
    assert end.value.code == 2
    assert "LOSSGRID_COLOUR" in capsys.readouterr().err

"""The service as an operator starts it, `python -m app` in its own process, and a reverse proxy to put before it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

__all__ = ["Running", "free_port", "proxy", "running", "start"]

ROOT = Path(__file__).parents[2]
START_SECONDS = 30
EXIT_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Running:
    """A process of the service, whether it still runs or not."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        """The port that it was told to listen on."""
        return int(self.url.rpartition(":")[2])

    def output(self) -> str:
        """Read what it has printed so far."""
        return self.log.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait for /readyz; a process that dies is an error with all that it printed."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output()}"
            try:
                if httpx.get(f"{self.url}/readyz").is_success:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(0.05)
        raise AssertionError(f"not ready after {START_SECONDS} s:\n{self.output()}")

    def end(self, number: signal.Signals = signal.SIGTERM, *, within: float = EXIT_SECONDS) -> int:
        """Send a signal and give the exit code; still to run after `within` seconds is an error."""
        self.process.send_signal(number)
        return self.process.wait(within)


def free_port() -> int:
    """Find a port on the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def start(**settings: object) -> Iterator[Running]:
    """Start the service with nothing in its environment but the settings given, and kill it at the end if it lives.

    Beside the names of the machine it answers to "a", which is short to write into a request.
    """
    values = {"port": free_port(), "allowed_hosts": "127.0.0.1, localhost, a"} | settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOSSGRID_")}
    environment |= {f"LOSSGRID_{name.upper()}": str(value) for name, value in values.items()}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "output")
        with log.open("wb") as output:
            command = [sys.executable, "-m", "app"]
            process = subprocess.Popen(  # noqa: S603  our own module
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            yield Running(process, f"http://127.0.0.1:{values['port']}", log)
        finally:
            process.kill()
            process.wait()


@contextmanager
def running(**settings: object) -> Iterator[Running]:
    """Start the service, wait until it is ready, and end it as an operator does."""
    with start(**settings) as server:
        server.wait_until_ready()
        yield server
        if server.process.poll() is None:
            code = server.end()
            assert code == 0, f"it ended with {code}:\n{server.output()}"


@contextmanager
def proxy(target: Running, prefix: str, *, strips: bool) -> Iterator[str]:
    """Put a reverse proxy before the service that shows it below a path prefix, and give the prefix's address."""

    class Forward(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not (self.path + "/").startswith(prefix + "/"):
                self.send_error(404, "not below the prefix")
                return
            path = self.path.removeprefix(prefix) if strips else self.path
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            upstream = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
            upstream.request(self.command, path or "/", body, dict(self.headers))
            with upstream.getresponse() as answer:
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"transfer-encoding", "connection", "content-length", "date", "server"}:
                        self.send_header(name, value)
            upstream.close()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = forward  # noqa: N815  the names that the base class looks for

        def log_message(self, *_: object) -> None:
            """Say nothing: the base class would write to the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as gateway:
        thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{gateway.server_port}{prefix}"
        finally:
            gateway.shutdown()
            thread.join()

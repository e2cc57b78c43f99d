"""Who answers: each in a process of its own on a free port of the loopback address, all with the same HTTP server."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "Server", "ours", "service", "started", "unlike_ours"]

ROOT: Final = Path(__file__).parents[1]

_START_SECONDS: Final = 120.0
_END_SECONDS: Final = 15.0
_LARGEST_BYTES: Final = 2**31

_SAME_SERVER: Final = (
    *("--http", "httptools", "--loop", "uvloop", "--ws", "none", "--lifespan", "off"),
    *("--no-access-log", "--no-proxy-headers", "--no-server-header", "--log-level", "warning"),
)
"""What `app.server` sets, as options of uvicorn."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its port, and the process that was started for it."""

    port: int
    process: int

    def forget_peak(self) -> int:
        """Let the peak of memory be what is in use now, and return that in bytes."""
        for one in _family(self.process):
            with contextlib.suppress(OSError):
                Path(f"/proc/{one}/clear_refs").write_text("5", encoding="ascii")
        return self.resident()

    def resident(self) -> int:
        """Return the memory that is in use now, in bytes, of the process and its children."""
        return sum(_status(one, "VmRSS") for one in _family(self.process))

    def peak(self) -> int:
        """Return the most memory that was in use since then, in bytes, of the process and its children."""
        return sum(_status(one, "VmHWM") for one in _family(self.process))

    def worked(self) -> float:
        """Return the seconds of all cores that the process and its children have used since they began."""
        return sum(_worked(one) for one in _family(self.process))


def _worked(process: int) -> float:
    """Read how long a process has worked, in the system and outside of it; 0 where the system does not tell."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    of_user, of_system = text.rpartition(")")[2].split()[11:13]
    return (int(of_user) + int(of_system)) / os.sysconf("SC_CLK_TCK")


def _family(process: int) -> list[int]:
    """List a process and those that it started."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return [process]
    return [process, *(one for child in text.split() for one in _family(int(child)))]


def _status(process: int, field: str) -> int:
    """Read a size from what Linux says about a process."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{field}:")), 0)


def _free_port() -> int:
    """Find a port on the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server, wait until it listens, and end it and its children.

    Parameters
    ----------
    command
        Its arguments; ``{port}`` in them and in the environment is replaced.
    environment
        What is set beside the environment of this process, of which no LOSSGRID_* variable is handed on.

    Raises
    ------
    RuntimeError
        It ended before it listened, or takes too long; with what it printed.
    """
    port = _free_port()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LOSSGRID_")}
    variables |= {name: value.replace("{port}", str(port)) for name, value in (environment or {}).items()}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "output")
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - commands of this package
                [word.replace("{port}", str(port)) for word in command],
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait(process, port, log)
            yield Server(port, process.pid)
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"it does not listen: {said[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then make sure that nothing of its session is left."""
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def service(environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start the service as an operator does, with its defaults but for what is set here."""
    with started([sys.executable, "-m", "app"], {"LOSSGRID_PORT": "{port}", **(environment or {})}) as server:
        yield server


@contextmanager
def ours() -> Iterator[Server]:
    """Start the service with limits that let every batch in, and as silent as the others: no line for each request."""
    limits = dict.fromkeys(("LOSSGRID_MAX_JSON_BYTES", "LOSSGRID_MAX_UPLOAD_BYTES"), str(_LARGEST_BYTES))
    with service({**limits, "LOSSGRID_LOG_LEVEL": "warning"}) as server:
        yield server


@contextmanager
def unlike_ours(name: str) -> Iterator[Server]:
    """Start one of `benchmarks.services`: ``usual`` or ``limit``."""
    application = f"benchmarks.services.{name}:app"
    with started([sys.executable, "-m", "uvicorn", application, "--port", "{port}", *_SAME_SERVER]) as server:
        yield server

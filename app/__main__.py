"""``python -m app``: settings from the environment, then uvicorn until SIGTERM or Ctrl+C."""

import errno
import gc
import logging.config
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import Final

from app.health_probe import reached

__all__ = ["main"]

_IMPOSSIBLE: Final = 2
_BACKLOG: Final = 2048


def main() -> int:
    """Serve, and return the exit code.

    Returns
    -------
    int
        0 after SIGTERM or Ctrl+C, when requests in flight have had their answers; 1 if a worker had to be ended by
        force; 2 if a setting is not possible or the address cannot be listened on; that of a worker that cannot begin.
        A single process that has to be ended by force does not return, and its exit code is 1 as well.
    """
    # Before the imports, which take most of a second: a signal that comes earlier must not be lost, nor end in a
    # traceback. (The kernel drops a signal to process 1 for which there is no handler.)
    _leave_on_signals()
    from app.settings import ImpossibleSettingsError, from_environment  # noqa: PLC0415 - after the handlers, see above
    from app.variables import variable  # noqa: PLC0415 - likewise

    try:
        settings = from_environment()
    except ImpossibleSettingsError as error:
        return _refuse(*error.faults)
    from app.workers import is_possible, names_of, supervise  # noqa: PLC0415 - likewise

    if settings.workers > 1 and not is_possible():
        return _refuse(f"{variable('workers')} is not possible: this system cannot fork, so there is 1 worker")
    try:
        listening = _listen(settings.host, settings.port)
    except OSError as error:
        return _refuse(
            f"cannot listen on {settings.host} port {settings.port}: {(error.strerror or str(error)).lower()};"
            f" set {variable('host')} or {variable('port')}"
        )
    from app.gates.lines import configuration  # noqa: PLC0415 - likewise
    from app.gates.meters import forget, prepare  # noqa: PLC0415 - likewise
    from app.main import cautions, create_app  # noqa: PLC0415 - likewise
    from app.protocol import Limits  # noqa: PLC0415 - likewise
    from app.server import Farewell, serve  # noqa: PLC0415 - likewise
    from app.spool import keep_freed, share_arenas  # noqa: PLC0415 - likewise

    logged = configuration(settings.log_level, settings.log_format)
    logging.config.dictConfig(logged)
    with ExitStack() as stack:
        try:
            if settings.workers > 1:
                prepare(_room_to_count(stack, names_of(settings.workers)))
            app = create_app(settings)
        except ImpossibleSettingsError as error:
            listening.close()
            return _refuse(*error.faults)
        for caution in cautions(settings):
            logging.getLogger("lossgrid").warning("%s", caution)
        # What there is now stays. To look through it for garbage takes 20 ms, during which nobody is answered.
        gc.collect()
        gc.freeze()
        share_arenas()
        keep_freed()
        sys.stdout.write(_greeting(app.version, listening))
        sys.stdout.flush()
        limits = Limits(
            head_seconds=settings.head_seconds,
            head_bytes=settings.max_head_bytes,
            head_lines=settings.max_head_lines,
            chunks=settings.max_chunks,
            upload_grace_seconds=settings.upload_grace_seconds,
            upload_bytes_per_second=settings.min_upload_bytes_per_second,
            write_seconds=settings.write_seconds,
            idle_seconds=settings.idle_seconds,
            connections=settings.max_connections,
        )
        farewell = Farewell(settings.drain_seconds, settings.graceful_seconds)
        work = partial(serve, app, listening, limits=limits, farewell=farewell, logging=logged, watched=True)
        if settings.workers > 1:
            return supervise(settings.workers, work, listening, end_seconds=farewell.kill_seconds, ended=forget)
        work()
    return 0


def _room_to_count(stack: ExitStack, workers: list[str]) -> Path:
    """Make the folder in which workers count, for as long as the stack lives.

    Raises
    ------
    ImpossibleSettingsError
        There is no room for it.
    """
    from app.gates.meters import folder_of_workers, reserve  # noqa: PLC0415 - after the handlers, see above
    from app.settings import ImpossibleSettingsError  # noqa: PLC0415 - likewise
    from app.variables import variable  # noqa: PLC0415 - likewise

    try:
        folder = stack.enter_context(folder_of_workers())
        _leave_on_signals(partial(rmtree, folder, ignore_errors=True))
        reserve(folder, workers)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        fault = f"what they count has no room among temporary files (TMPDIR): {why}"
        raise ImpossibleSettingsError([f"{variable('workers')} is not possible: {fault}"]) from None
    return folder


def _leave_on_signals(tidy: Callable[[], object] = lambda: None) -> None:
    """Let SIGTERM and Ctrl+C end the process at once, until somebody else handles them: nothing is accepted yet.

    Not by an exception: one that is raised amid an import is lost now and then, in code in C that clears it.

    Parameters
    ----------
    tidy
        What has to be done before.
    """

    def leave(_signal: int, _frame: FrameType | None) -> None:
        tidy()
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)


def _refuse(*lines: str) -> int:
    """Say why the service does not start, one line for each reason."""
    sys.stderr.writelines(f"lossgrid: {line}\n" for line in lines)
    return _IMPOSSIBLE


def _listen(host: str, port: int) -> socket.socket:
    """Bind an address and listen on it, so that whoever reads the greeting is not refused.

    Raises
    ------
    OSError
        The address is taken, or is not one of this machine's, or is none.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except UnicodeError:
        raise OSError(errno.EINVAL, "not a name of a host") from None  # too long, or with two dots in a row
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _greeting(version: str, listening: socket.socket) -> str:
    """Say where to look."""
    host, port = listening.getsockname()[:2]
    address = reached(host)
    url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    return (
        f"Lossgrid {version} at {url}\n"
        f"  {url}/docs      try it, with examples that run\n"
        f"  {url}/redoc     the reference\n"
        f"  {url}/problems  what each error means\n"
        "Ctrl+C stops it.\n"
    )


if __name__ == "__main__":
    sys.exit(main())

"""How uvicorn is run: on our protocol class and uvloop, believing no X-Forwarded headers, with a bounded farewell."""

import asyncio
import gc
import math
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from types import FrameType
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI

from app.protocol import SPARE_CONNECTIONS, Limits, StrictProtocol, misfits, strict_protocol
from app.threads import wait_for_awaited
from app.watchdog import Watchdog

__all__ = ["Farewell", "serve"]

CLOSING_SECONDS = 0.5
"""How long those have to read it who are told that the time is over."""

HURRY_SECONDS = 0.1
"""How long requests have to be refused after a second Ctrl+C, and their clients to read that."""

CUT_OFF_SECONDS = 0.25
"""How much longer than it may the end can take before it is cut off."""

LISTENERS: Final = 8
"""How many connections are accepted in one turn of the event loop: libuv accepts one of each listener, and a turn in
which a hundred requests are read takes a while. A connection costs each of the others a microsecond."""

_FILES: Final = 256
"""How many files may be open beside the connections."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """How the service ends.

    Attributes
    ----------
    drain_seconds
        How long requests are still taken after the signal, although /readyz is 503.
    graceful_seconds
        How long requests in flight may take after that. Those that are not answered then are refused; a second later
        at most, the service has ended.
    """

    drain_seconds: float
    graceful_seconds: float

    @property
    def seconds(self) -> float:
        """How long all of it takes at most."""
        return self.drain_seconds + self.graceful_seconds + 2 * CLOSING_SECONDS

    @property
    def cut_off_seconds(self) -> float:
        """After how long a process that has not ended is ended by force."""
        return self.seconds + CUT_OFF_SECONDS

    @property
    def kill_seconds(self) -> float:
        """After how long one that could not even do that itself is killed by another."""
        return self.cut_off_seconds + CUT_OFF_SECONDS


class _Server(uvicorn.Server):
    """A server whose application knows at once that it has been told to stop, and whose end takes a bounded time."""

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, farewell: Farewell, end_within: Callable[[float], None]
    ) -> None:
        super().__init__(config)
        self.app = app
        self.farewell = farewell
        self.end_within = end_within
        self.drained_at = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Turn /readyz to 503, then stop as uvicorn does, when load balancers have had time to notice."""
        if not self.should_exit:
            self.app.state.ready = False
            self.drained_at = time.monotonic() + self.farewell.drain_seconds
            self.end_within(self.farewell.cut_off_seconds)
        super().handle_exit(sig, frame)
        if self.force_exit:
            self.end_within(2 * CLOSING_SECONDS + CUT_OFF_SECONDS)

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to stop; a second Ctrl+C does not wait for load balancers either."""
        ending = await super().on_tick(counter)
        return ending and (self.force_exit or time.monotonic() >= self.drained_at)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what has been accepted; refuse what takes too long."""
        loop, seconds = asyncio.get_running_loop(), self.farewell.graceful_seconds
        clocks = [
            loop.call_later(seconds, self._refuse_the_rest),
            loop.call_later(seconds + CLOSING_SECONDS, self._close_the_rest),
        ]
        await super().shutdown(sockets)
        if self.force_exit:  # before the event loop cancels them, which uvicorn would answer with 500, and log
            self._refuse_the_rest()
            await asyncio.sleep(HURRY_SECONDS)
            self._close_the_rest()
            await asyncio.sleep(0)
        for clock in clocks:
            clock.cancel()
        gc.freeze()  # the end of the process gives all memory back; to look for garbage once more could take a second

    def _refuse_the_rest(self) -> None:
        """Answer every request that has no answer yet with a problem."""
        self.app.state.capacity.close()
        for connection in list(self.server_state.connections):
            cast("StrictProtocol", connection).give_up()

    def _close_the_rest(self) -> None:
        """Close the connections of clients that do not read."""
        for connection in list(self.server_state.connections):
            cast("StrictProtocol", connection).transport.abort()


def serve(  # noqa: PLR0913 - what a process that serves is handed
    app: FastAPI,
    listening: socket.socket,
    *,
    limits: Limits,
    farewell: Farewell,
    logging: dict[str, Any],
    watched: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl+C; uvicorn raises the signal again, for who handled it before, when it has finished.

    Parameters
    ----------
    app
        The application.
    listening
        Where connections come in.
    limits
        What a client may ask of the reader of requests.
    farewell
        How long what is in flight may take after the signal.
    logging
        How messages are logged, for `logging.config.dictConfig`.
    watched
        Whether the process ends with the service: without a traceback, and by force if it still runs after all of
        `farewell`, whatever holds it then. For one that serves and does nothing else.

    Raises
    ------
    SystemExit
        The uvicorn that is installed is not one that our protocol class fits; or, of a process that ends with the
        service, its end.
    """
    if lacking := misfits():
        sys.exit(
            f"lossgrid: uvicorn {version('uvicorn')} does not fit, it has no {', '.join(lacking)};"
            " install the one that requirements/runtime.txt names"
        )
    config = uvicorn.Config(
        app,
        # A class is wanted, and just called.
        http=cast("Any", strict_protocol(limits, app.state.closed, app.state.origins)),
        loop="auto" if sys.platform == "win32" else "uvloop",
        ws="none",
        lifespan="on" if app.state.traced else "off",  # where FastAPI begins and ends its traces
        proxy_headers=False,
        server_header=False,
        date_header=True,
        access_log=False,
        log_config=logging,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=math.ceil(farewell.seconds - farewell.drain_seconds),  # which does not happen
    )
    _allow_files(limits.connections + SPARE_CONNECTIONS + _FILES)
    server = _Server(config, app, farewell, Watchdog().end_within if watched else _unwatched)
    if watched:
        _end_with(server)
    more = () if sys.platform == "win32" else (listening.dup() for _ in range(LISTENERS - 1))
    try:
        server.run(sockets=[listening, *more])
    finally:
        wait_for_awaited()  # the process does not wait for threads of ours


def _unwatched(_: float) -> None:
    """Leave a process to itself."""


def _end_with(server: _Server) -> None:
    """Let the process end when the server passes on a signal; one that comes before it listens is kept for it."""

    def ended(number: int, frame: FrameType | None) -> None:
        if server.should_exit:
            sys.exit(0)
        server.handle_exit(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ended)


def _allow_files(count: int) -> None:
    """Let the process have so many files open, if it may."""
    if sys.platform != "win32":  # pragma: no branch
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            most = count if hard == resource.RLIM_INFINITY else min(count, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

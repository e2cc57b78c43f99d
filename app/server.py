"""How uvicorn is run: on our protocol class and uvloop, believing no X-Forwarded headers, with a bounded farewell."""

import socket
import sys
from importlib.metadata import version
from types import FrameType
from typing import Literal

import uvicorn
from fastapi import FastAPI

from app.gates.lines import configuration
from app.protocol import Limits, misfits, strict_protocol

__all__ = ["serve"]


class _Server(uvicorn.Server):
    """A server whose application knows at once that it has been told to stop."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Turn /readyz to 503, then stop as uvicorn does."""
        self.app.state.ready = False
        super().handle_exit(sig, frame)


def serve(  # noqa: PLR0913 - one keyword for each thing that an operator can set
    app: FastAPI,
    listening: socket.socket,
    *,
    limits: Limits,
    graceful_seconds: int,
    log_level: str,
    log_format: Literal["text", "json"] = "text",
) -> None:
    """Serve until SIGTERM or Ctrl+C; uvicorn raises the signal again when it has finished.

    Parameters
    ----------
    app
        The application.
    listening
        Where connections come in.
    limits
        What a client may ask of the reader of requests.
    graceful_seconds
        How long requests in flight may take after the signal.
    log_level
        The least important messages that are logged.
    log_format
        How a line of the log is written.

    Raises
    ------
    SystemExit
        The uvicorn that is installed is not one that our protocol class fits.
    """
    if lacking := misfits():
        sys.exit(
            f"lossgrid: uvicorn {version('uvicorn')} does not fit, it has no {', '.join(lacking)};"
            " install the one that requirements/runtime.txt names"
        )
    config = uvicorn.Config(
        app,
        http=strict_protocol(limits, app.state.closed),
        loop="auto" if sys.platform == "win32" else "uvloop",
        ws="none",
        lifespan="on" if app.state.traced else "off",  # where FastAPI begins and ends its traces
        proxy_headers=False,
        server_header=False,
        date_header=True,
        access_log=False,
        log_config=configuration(log_level, log_format),
        timeout_graceful_shutdown=graceful_seconds,
    )
    _Server(config, app).run(sockets=[listening])

"""The application without a network: built with the settings that a test names, and asked in process."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings

__all__ = ["InProcess", "a_client", "a_scope", "an_app"]

T = TypeVar("T")


class InProcess:
    """Asks an application and waits for the answer; what the application raises, it raises."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner) -> None:
        self.app = app
        self._runner = runner
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        """Send one request; `parts` are those of httpx."""
        return self.run(self._client.request(method, path, **parts))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop of the application."""
        return self._runner.run(work)

    def get(self, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        """Send a GET request."""
        return self.request("GET", path, **parts)

    def loss(self, **fields: object) -> httpx.Response:
        """Post a batch to /loss, as JSON."""
        return self.request("POST", "/loss", json=fields)

    def raw(self, body: bytes, **headers: str) -> httpx.Response:
        """Post bytes to /loss as application/json, unless a header (content_type) says otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", "/loss", content=body, headers={"content-type": "application/json", **named})


def an_app(**settings: Any) -> FastAPI:  # noqa: ANN401 - whatever the settings are
    """Make an application with these settings, and defaults for the rest."""
    return create_app(Settings(**settings))


@contextmanager
def a_client(**settings: Any) -> Iterator[InProcess]:  # noqa: ANN401 - whatever the settings are
    """Ask an application that has these settings."""
    with asyncio.Runner() as runner:
        yield InProcess(an_app(**settings), runner)


def a_scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """Write what a server says of a POST to /loss whose body of 5 bytes is still to come."""
    return {
        "type": "http",
        "method": "POST",
        "path": "/loss",
        "raw_path": b"/loss",
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"5"), *headers],
    }

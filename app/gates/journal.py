"""The gate that knows how a request ends: it has an id, one entry, and never goes without an answer."""

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final

from app.gates.asgi import App, Message, Receive, Scope, Send
from app.gates.entry import NO_ROUTES, Entry, RouteOf
from app.problems import INTERNAL_ERROR, MEDIA_TYPE, Problem, RefusedError, out_of_memory, render

__all__ = ["Journal"]

NO_THREAD: Final = "can't start new thread"
"""What Python says, as a RuntimeError, if the system has no memory for one more thread or allows no more."""

log = logging.getLogger("lossgrid")


class Journal:
    """Gives every answer an ``X-Request-Id``, answers what was refused below, and logs what was not foreseen.

    Parameters
    ----------
    app
        What comes next.
    route_of
        Gives the template of the route that a path belongs to, for the entry.
    closed
        What is done with the entry of a request when it has ended: a line of the log, counters. None of them may raise.
    """

    def __init__(
        self, app: App, *, route_of: RouteOf = NO_ROUTES, closed: Sequence[Callable[[Entry], None]] = ()
    ) -> None:
        self.app = app
        self.route_of = route_of
        self.closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        entry = Entry.of(scope, self.route_of)
        header = (b"x-request-id", entry.name.encode("ascii"))

        async def receive_counted() -> Message:
            message = await receive()
            entry.bytes_in += len(message.get("body", b""))
            return message

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            entry.note(message)
            await send(message)

        try:
            await self.app(scope, receive_counted, send_with_id)
        except Exception as error:
            # The one place that catches everything: the answer says nothing, the log says it all.
            problem = _problem_of(error, entry.name)
            if entry.status:
                raise
            await _send_problem(problem, entry, send_with_id)
        finally:
            self._close(entry)

    def _close(self, entry: Entry) -> None:
        """End an entry, and hand it on."""
        entry.ended = entry.ended or perf_counter()
        for done in self.closed:
            done(entry)


def _problem_of(error: Exception, name: str) -> Problem:
    """Find what is answered where something was raised, and log what is a fault of ours."""
    if isinstance(error, RefusedError):
        return error.problem
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == NO_THREAD):
        log.warning("%s found no %s", name, "memory" if isinstance(error, MemoryError) else "thread")
        return out_of_memory()
    log.error("%s failed", name, exc_info=error)
    return INTERNAL_ERROR.example


async def _send_problem(problem: Problem, entry: Entry, send: Send) -> None:
    """Answer a request with a problem, in plain ASGI."""
    entry.problem = problem.kind.slug
    body = render(problem, entry.name)
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **problem.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": problem.kind.status,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})

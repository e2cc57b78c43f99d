"""The outermost gate: every request has an id, and nothing that goes wrong below goes out without a problem."""

import logging

from app.gates.asgi import App, Message, Receive, Scope, Send
from app.problems import INTERNAL_ERROR, MEDIA_TYPE, Problem, RefusedError, out_of_memory, render, request_id

__all__ = ["Journal"]

log = logging.getLogger("lossgrid")


class Journal:
    """Gives every answer an ``X-Request-Id``, answers what was refused below, and logs what was not foreseen.

    Parameters
    ----------
    app
        What comes next.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = request_id(scope)
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode("ascii"))]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except RefusedError as refusal:
            if started:
                raise
            await _send_problem(refusal.problem, scope, send_with_id)
        except MemoryError:
            log.warning("%s found no memory", name)
            if started:
                raise
            await _send_problem(out_of_memory(), scope, send_with_id)
        except Exception:
            # The one place that catches everything: the answer says nothing, the log says it all.
            log.exception("%s failed", name)
            if started:
                raise
            await _send_problem(INTERNAL_ERROR.example, scope, send_with_id)


async def _send_problem(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer a request with a problem, in plain ASGI."""
    body = render(problem, request_id(scope))
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

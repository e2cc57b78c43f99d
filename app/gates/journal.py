"""The outermost gate: every request has an id, and nothing that goes wrong below goes out without a problem."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.problems import INTERNAL_ERROR, RefusedError, request_id, send_problem

__all__ = ["Journal"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

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

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
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
            await send_problem(refusal.problem, scope, send_with_id)
        except Exception:
            # The one place that catches everything: the answer says nothing, the log says it all.
            log.exception("%s failed", name)
            if started:
                raise
            await send_problem(INTERNAL_ERROR.example, scope, send_with_id)

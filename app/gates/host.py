"""Whom a request is meant for: HTTP wants that said once."""

import re
from typing import Final

from app.gates.asgi import App, Receive, Scope, Send, header_values
from app.problems import BAD_HOST, Problem, RefusedError

__all__ = ["OneHost"]

_HOST: Final = re.compile(rb"(\[[\w.:%~-]+\]|[\w.%~!$&'()*+;=-]+)(:[0-9]*)?", re.ASCII)
"""``host`` or ``host:port`` (RFC 9110, 7.2), without the comma, by which two would be joined."""


class OneHost:
    """Refuses requests that do not name exactly one host: parsers on the way may each have believed another one.

    The refusal is a `RefusedError`, which the gate `Journal` answers, so that gate has to come before.

    Parameters
    ----------
    app
        What comes next.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            named = header_values(scope, b"host")
            if len(named) != 1:
                found = "more than one Host header" if named else "no Host header"
                raise RefusedError(Problem(BAD_HOST, f"The request has {found}; exactly one is wanted."))
            if not _HOST.fullmatch(named[0]):
                raise RefusedError(
                    Problem(BAD_HOST, "The Host header is not one host, with a port or without; that is wanted.")
                )
        await self.app(scope, receive, send)

"""Whom a request is meant for: HTTP wants that said once, and it has to be us."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from app.gates.asgi import App, Receive, Scope, Send, header_values, path_of
from app.problems import BAD_HOST, Problem, RefusedError
from app.variables import variable

__all__ = ["LOOPBACK_NAMES", "OneHost", "is_loopback"]

LOOPBACK_NAMES: Final = ("localhost", "*.localhost", "127.0.0.1", "[::1]")
"""The names by which only the machine itself reaches a service."""

_HOST: Final = re.compile(rb"(\[[\w.:%~-]+\]|[\w.%~!$&'()*+;=-]+)(:[0-9]*)?", re.ASCII)
"""``host`` or ``host:port`` (RFC 9110, 7.2), without the comma, by which two would be joined."""


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is one that only the machine itself can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class OneHost:
    """Refuses requests that do not name exactly one host, or not one of ours.

    Two, because parsers on the way may each have believed another one. One that is not ours, because a page of another
    site can have its own name lead to a loopback address, and would then read our answers as its own.

    The refusal is a `RefusedError`, which the gate `Journal` answers, so that gate has to come before.

    Parameters
    ----------
    app
        What comes next.
    names
        Ours, without ports: ``*.example.org`` is every name below, ``*`` any.
    probes
        Paths that are answered whatever the one host is: probes ask by the address of a container.
    """

    def __init__(self, app: App, *, names: Iterable[str] = ("*",), probes: frozenset[str] = frozenset()) -> None:
        self.app = app
        ours = [name.lower() for name in names]
        self.any = "*" in ours
        self.names = frozenset(name for name in ours if not name.startswith("*"))
        self.endings = tuple(name[1:] for name in ours if name.startswith("*."))
        self.probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            named = header_values(scope, b"host")
            if len(named) != 1:
                found = "more than one Host header" if named else "no Host header"
                raise RefusedError(Problem(BAD_HOST, f"The request has {found}; exactly one is wanted."))
            if (host := _HOST.fullmatch(named[0])) is None:
                raise RefusedError(
                    Problem(BAD_HOST, "The Host header is not one host, with a port or without; that is wanted.")
                )
            if not (self.any or self._is_ours(host[1].decode("ascii")) or path_of(scope) in self.probes):
                detail = f"The Host header is not a name of this service ({variable('allowed_hosts')} lists them)."
                raise RefusedError(Problem(BAD_HOST, detail))
        await self.app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        """Look a host up; names of the DNS may end with the dot of its root."""
        name = host.lower().removesuffix(".")
        return name in self.names or name.endswith(self.endings)

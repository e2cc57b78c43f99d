"""What is noted of one request while it is served: the gate `Journal` begins and closes it, others write into it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from app.gates.asgi import Message, Scope, path_of, plain_address
from app.problems import request_id

__all__ = ["NO_ROUTES", "UNKNOWN_ROUTE", "Entry", "RouteOf", "entry_of", "routes_of"]

RouteOf = Callable[[str], str]
"""Gives the template of the route that a path belongs to."""

UNKNOWN_ROUTE: Final = "unknown"
"""The route of all paths that lead nowhere: what a client makes up must not become a label."""

_ENTRY: Final = "lossgrid.entry"
_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


@dataclass(slots=True)
class Entry:
    """One request, without a value of it.

    Attributes
    ----------
    name
        Its id, as in X-Request-Id.
    method
        Its method, or "other".
    route
        The template of its route, such as ``/losses/{name}``.
    client
        The address that it came from; empty where the server does not know.
    token
        The name of the token that it came with; empty without one.
    status
        That of the answer; 0 while there is none.
    problem
        The slug of the problem that was answered; empty without one.
    left
        Whether the client was gone before there was an answer: then there is no status, whatever is said to nobody.
    bytes_in, bytes_out
        How many bytes of its body were read as they arrived, and how many of the answer's body were sent.
    began, ended
        `time.perf_counter` at the beginning, and when the answer was complete.
    stages
        Seconds that the work took: "decode", "compute", "encode".
    """

    name: str
    method: str = "GET"
    route: str = UNKNOWN_ROUTE
    client: str = ""
    token: str = ""
    status: int = 0
    problem: str = ""
    left: bool = False
    bytes_in: int = 0
    bytes_out: int = 0
    began: float = field(default_factory=perf_counter)
    ended: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope, route_of: RouteOf) -> "Entry":
        """Begin the entry of a request, and let whoever has its scope find it with `entry_of`."""
        method = scope["method"]
        client = scope.get("client")
        made = cls(
            request_id(scope),
            method if method in _METHODS else "other",
            route_of(path_of(scope)),
            plain_address(client[0]) if client else "",
        )
        scope[_ENTRY] = made
        return made

    def note(self, message: Message) -> None:
        """Note what an answer is made of, piece by piece."""
        if message["type"] == "http.response.start":
            self.status = 0 if self.left else message["status"]
            return
        self.bytes_out += len(message.get("body", b""))
        if not message.get("more_body", False):
            self.ended = perf_counter()

    def stages_so_far(self) -> list[tuple[str, float]]:
        """List the stages: where nobody waits for the work any more, its thread may be adding one just now."""
        return list(self.stages.items())

    @property
    def seconds(self) -> float:
        """How long it took until the answer was complete."""
        return self.ended - self.began


def entry_of(scope: Scope) -> Entry:
    """Find the entry of a request; one that nobody will read where there is no gate `Journal`."""
    found: Entry = scope.get(_ENTRY) or Entry(request_id(scope))
    return found


def routes_of(paths: Iterable[str]) -> RouteOf:
    """Make the function that finds the route of a path.

    Parameters
    ----------
    paths
        The templates of all routes: ``/losses``, ``/losses/{name}``. Files of pages, which have a path for each
        content, share one.
    """
    plain, patterns = {}, []
    for path in paths:
        if "{" in path:
            patterns.append((re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path))
        else:
            plain[path] = "/web/{file}" if path.startswith("/web/") else path

    def route_of(path: str) -> str:
        if (found := plain.get(path)) is not None:
            return found
        return next((template for pattern, template in patterns if pattern.fullmatch(path)), UNKNOWN_ROUTE)

    return route_of


NO_ROUTES: Final = routes_of(())
"""Knows no route."""

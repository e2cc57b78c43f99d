"""Which pages of other sites a browser lets read the answers (CORS): none, unless an operator lists them."""

from collections.abc import Iterable
from typing import Final

from app.gates.asgi import App, Message, Receive, Scope, Send, header_values

__all__ = ["Origins"]

_EXPOSED: Final = b"Accept-Post, Allow, Retry-After, WWW-Authenticate, X-Request-Id"
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"Accept, Authorization, Content-Encoding, Content-Type"),
    (b"access-control-max-age", b"600"),
)


class Origins:
    """Adds to answers what lets the pages of listed origins read them, refusals included.

    It refuses nothing: an origin that is not listed gets the same answer without a word about it, and its browser keeps
    that to itself. A preflight is an OPTIONS request, which needs no token, and whose answer is dressed like any other.
    Credentials of the browser (cookies) are never asked for.

    Parameters
    ----------
    app
        What comes next.
    origins
        ``https://example.org``, with the port where it is not the scheme's own; ``*`` is any.
    """

    def __init__(self, app: App, *, origins: Iterable[str]) -> None:
        self.app = app
        self.origins = frozenset(origin.lower().encode("ascii") for origin in origins)
        self.any = b"*" in self.origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        added = self._added(scope) if scope["type"] == "http" else []

        async def send_with_origin(message: Message) -> None:
            if added and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, send_with_origin)

    def _added(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Give the headers that an answer to this request gets."""
        # What differs by origin must not be kept for another one.
        added = [] if self.any else [(b"vary", b"Origin")]
        origin = header_values(scope, b"origin")
        if len(origin) != 1 or not (self.any or origin[0] in self.origins):
            return added
        added += [(b"access-control-allow-origin", b"*" if self.any else origin[0])]
        if scope["method"] == "OPTIONS" and header_values(scope, b"access-control-request-method"):
            return [*added, *_PREFLIGHT]
        return [*added, (b"access-control-expose-headers", _EXPOSED)]

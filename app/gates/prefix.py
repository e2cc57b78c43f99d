"""The path prefix under which a reverse proxy shows the service, whether the proxy strips it or keeps it."""

from collections.abc import Callable

from app.gates.asgi import App, Receive, Scope, Send

__all__ = ["Prefix"]


class Prefix:
    """Shows a request to the application as ASGI wants it: ``root_path`` is the prefix, and ``path`` begins with it.

    A path that does not begin with the prefix was stripped. One that does was kept, unless it leads nowhere that way
    and somewhere the other: with the prefix ``/loss``, a proxy that strips it sends ``POST /loss`` for the endpoint,
    and one that keeps it sends ``GET /loss`` for the explorer.

    Parameters
    ----------
    app
        What comes next.
    prefix
        "" or, for example, "/loss".
    serves
        Tells whether the application has an answer for a request as it would be shown.
    """

    def __init__(self, app: App, prefix: str, serves: Callable[[Scope], bool]) -> None:
        self.app = app
        self.prefix = prefix
        self.serves = serves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self.app(self._shown(scope) if self.prefix and scope["type"] == "http" else scope, receive, send)

    def _shown(self, scope: Scope) -> Scope:
        """Choose between the two readings of a path."""
        path = scope["path"]
        stripped = {**scope, "root_path": self.prefix, "path": self.prefix + path}
        if not f"{path}/".startswith(f"{self.prefix}/"):
            return stripped
        kept = {**scope, "root_path": self.prefix, "path": path if path != self.prefix else f"{path}/"}
        return kept if self.serves(kept) or not self.serves(stripped) else stripped

"""HEAD, as HTTP wants it: whatever can be had with GET, without the body (which the server leaves out by itself)."""

from app.gates.asgi import App, Receive, Scope, Send

__all__ = ["HeadAsGet"]


class HeadAsGet:
    """Shows a HEAD request to the application as GET; the server, which knows better, sends the headers alone."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self.app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)

"""The other side of a gate: a three-line application, and a connection that says what happened on it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.gates.asgi import App, Message, Receive, Scope, Send

__all__ = ["App", "Connection", "Message", "Receive", "Send", "echo", "silent"]


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, once it has arrived; say so if the client leaves before."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            body += b"(gone)"
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await silent(_, receive, send, body)


async def silent(_: Scope, __: Receive, send: Send, body: bytes = b"unread") -> None:
    """Answer without reading."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body[:1], "more_body": True})
    await send({"type": "http.response.body", "body": body[1:], "more_body": False})


@dataclass
class Connection:
    """One request on its way through a gate.

    Attributes
    ----------
    pieces
        The body as it arrives; when it is used up the client is silent, or has left.
    headers
        Of the request.
    leaves
        Whether the client closes the connection instead of completing the body.
    leaves_after
        Whether the client closes the connection after the body.
    method
        Of the request.
    path
        Of the request.
    client
        The address that it comes from; empty if that is not known.
    kind
        Of the connection.
    """

    pieces: Iterable[bytes] = ()
    headers: dict[str, str] = field(default_factory=dict)
    leaves: bool = False
    leaves_after: bool = False
    method: str = "POST"
    path: str = "/loss"
    client: str = "127.0.0.1"
    kind: str = "http"
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    received: int = 0

    async def serve(self, app: App) -> None:
        """Run the request to its end."""
        waiting = list(self.pieces)

        async def receive() -> Message:
            self.received += 1
            if waiting:
                piece = waiting.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(waiting) or self.leaves}
            if self.leaves or self.leaves_after:
                return {"type": "http.disconnect"}
            await asyncio.sleep(3600)
            raise AssertionError

        async def send(message: Message) -> None:
            assert not self.complete
            if message["type"] == "http.response.start":
                assert not self.status
                self.status = message["status"]
                self.answered = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                self.body += message["body"]
                self.complete = not message.get("more_body", False)

        raw = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        scope = {"type": self.kind, "method": self.method, "path": self.path, "headers": raw}
        await app({**scope, "client": (self.client, 1) if self.client else None}, receive, send)

    def through(self, app: App) -> "Connection":
        """Run the request in a loop of its own, and give the connection back."""
        asyncio.run(self.serve(app))
        return self

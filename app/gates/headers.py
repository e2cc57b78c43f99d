"""What every answer tells a browser: to load nothing, to frame nothing, to guess nothing."""

from typing import Final

from app.gates.asgi import App, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Headers"]

HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""For answers that do not say otherwise; pages have a Content-Security-Policy of their own."""


class Headers:
    """Adds `HEADERS` to every answer that does not have them.

    Parameters
    ----------
    app
        What comes next.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                said = {name for name, _ in headers}
                message["headers"] = [*headers, *(pair for pair in HEADERS if pair[0] not in said)]
            await send(message)

        await self.app(scope, receive, send_with_headers)

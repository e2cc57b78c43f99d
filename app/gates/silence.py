"""How long a client may be silent while it sends a body.

Only the body is watched: a gate is called when the head of a request is complete, so a head that never ends, or never
begins, is for the protocol class that reads it. Nor is there a least speed here: a byte now and then is progress, and
how much has to come in the long run is for the protocol class, too.
"""

import asyncio

from app.gates.asgi import App, Message, Receive, Scope, Send
from app.gates.landing import is_whole
from app.problems import REQUEST_TIMEOUT, Problem, RefusedError
from app.variables import variable

__all__ = ["Silence"]


class Silence:
    """Refuses a body that makes no progress for some time, and lets the connection be closed.

    Time counts only while the application waits for the next piece: one that computes does not use up its client's.
    The refusal is a `RefusedError`, raised where the application awaits that piece; the gate `Journal` answers it, so
    that gate has to come before.

    Parameters
    ----------
    app
        What comes next.
    seconds
        How long the next piece of a body may take.
    """

    def __init__(self, app: App, *, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or is_whole(scope):
            await self.app(scope, receive, send)
            return
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:  # what comes now is that the client leaves, and it may take its time
                return await receive()
            try:
                async with asyncio.timeout(self.seconds):
                    message = await receive()
            except TimeoutError:
                detail = f"Nothing of the body arrived for {self.seconds:g} s ({variable('silence_seconds')})."
                raise RefusedError(Problem(REQUEST_TIMEOUT, detail, headers={"Connection": "close"})) from None
            complete = not message.get("more_body", False)
            return message

        await self.app(scope, receive_in_time, send)

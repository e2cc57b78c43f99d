"""What a trace tells of a request: its route instead of its path, its id, and how the work went."""

from opentelemetry import trace

from app.gates.asgi import App, Message, Receive, Scope, Send
from app.gates.entry import entry_of

__all__ = ["Traced"]


class Traced:
    """Corrects the span of a request, which FastAPI has begun, before the answer begins and the span ends.

    The path and the query, which a client made up, are taken out of it. Added are what the entry knows: the id of the
    request, the slug of the problem, and the seconds of each stage. The gate `Journal` has to come next, so that every
    answer passes here.

    Parameters
    ----------
    app
        What comes next.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        span = trace.get_current_span()
        if scope["type"] != "http" or not span.is_recording():
            await self.app(scope, receive, send)
            return
        span.set_attributes({"url.path": "", "url.query": ""})

        async def send_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry = entry_of(scope)
                told = {"url.path": entry.route, "lossgrid.request_id": entry.name, "lossgrid.problem": entry.problem}
                stages = {f"lossgrid.{stage}_seconds": seconds for stage, seconds in entry.stages_so_far()}
                span.set_attributes({name: value for name, value in {**told, **stages}.items() if value != ""})
            await send(message)

        await self.app(scope, receive, send_and_tell)

"""One exchange over a batch: a body is read, answered in a thread, and the answer is sent."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from app.api.capacity import Capacity
from app.api.negotiation import accepted, received
from app.losses.checkpoint import Checkpoint

__all__ = ["exchanged"]


async def exchanged(
    request: Request, answer: Callable[..., bytes], limits: Mapping[str, int], capacity: Capacity
) -> Response:
    """Read a body, have it answered in a thread, and send the answer: what endpoints that take a batch have in common.

    Parameters
    ----------
    request
        Whose body it is.
    answer
        ``answer(body, source, target, checkpoint=..., **limits)`` decodes the body, computes, and writes the answer.
    limits
        What `answer` is told of the limits of bodies.
    capacity
        Lets so many requests be decoded, computed and written at once; of the others some wait.

    Raises
    ------
    RefusedError
        As `received`, `accepted` and `Capacity.run`; whatever `answer` raises passes through.
    ClientDisconnect
        The client has left.
    """
    source, target = received(request.headers, request.url.query), accepted(request.headers)
    capacity.check()  # before a body is read that would be refused
    body = await request.body()

    def whole(checkpoint: Checkpoint) -> bytes:
        return answer(body, source, target, checkpoint=checkpoint, **limits)

    return Response(await capacity.run(whole, request.receive), media_type=target.media_type)

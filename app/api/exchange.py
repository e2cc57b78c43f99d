"""One exchange over a batch: a body is read, answered in a thread, and the answer is sent."""

from collections.abc import Callable, Mapping

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from app.api.negotiation import accepted, received
from app.api.stages import staged

__all__ = ["exchanged"]


async def exchanged(
    request: Request, answer: Callable[..., bytes], limits: Mapping[str, int], computing: CapacityLimiter
) -> Response:
    """Read a body, have it answered in a thread, and send the answer: what endpoints that take a batch have in common.

    Parameters
    ----------
    request
        Whose body it is.
    answer
        ``answer(body, source, target, **limits)`` decodes the body, computes, and writes the answer.
    limits
        What `answer` is told of the limits of bodies.
    computing
        Lets so many requests be decoded, computed and written at once; the others wait.

    Raises
    ------
    RefusedError
        As `received` and `accepted`; whatever `answer` raises passes through.
    """
    source, target = received(request.headers, request.url.query), accepted(request.headers)
    body = await request.body()
    with staged(request, source, target) as (timed_source, timed_target):

        def whole() -> bytes:
            return answer(body, timed_source, timed_target, **limits)

        content = await run_sync(whole, limiter=computing)
    return Response(content, media_type=target.media_type)

"""One exchange over a batch: a body is read, answered in a thread, and the answer is sent."""

from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from app.api.negotiation import accepted, received
from app.losses import Checkpoint
from app.spool import Intake

__all__ = ["exchanged"]

_LONGEST_LENGTH = 19


async def exchanged(
    request: Request,
    answer: Callable[..., bytes],
    limits: Mapping[str, Any],
    computing: CapacityLimiter,
    intake: Intake,
) -> Response:
    """Read a body, have it answered in a thread, and send the answer: what endpoints that take a batch have in common.

    Parameters
    ----------
    request
        Whose body it is.
    answer
        ``answer(body, source, target, checkpoint=, scratch=, **limits)`` decodes the body, computes, and writes the
        answer.
    limits
        What `answer` is told besides: the limits of bodies, and the engine.
    computing
        Lets so many requests be decoded, computed and written at once; the others wait.
    intake
        How the body is taken in.

    Raises
    ------
    RefusedError
        As `received`, `accepted` and `Intake.collected`; whatever `answer` raises passes through.
    """
    source, target = received(request.headers, request.url.query), accepted(request.headers)
    with intake.workspace() as workspace:
        body = await intake.collected(request.stream(), workspace, _declared(request.headers))

        def whole(checkpoint: Checkpoint) -> bytes:
            return answer(body, source, target, checkpoint=checkpoint, scratch=workspace, **limits)

        content = await run_sync(workspace.through, whole, limiter=computing)
    return Response(content, media_type=target.media_type)


def _declared(headers: Headers) -> int:
    """Say how long the body is said to be, as it arrives; 0 if nothing is said."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH else 0

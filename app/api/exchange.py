"""One exchange over a batch: a body is read, answered in a thread, and the answer is sent."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.capacity import Capacity
from app.api.negotiation import accepted, received
from app.api.stages import staged
from app.gates.asgi import declared_length
from app.losses import Checkpoint
from app.spool import Intake

__all__ = ["exchanged"]


async def exchanged(
    request: Request,
    answer: Callable[..., bytes],
    limits: Mapping[str, Any],
    capacity: Capacity,
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
    capacity
        Lets so many requests be decoded, computed and written at once; of the others some wait.
    intake
        How the body is taken in.

    Raises
    ------
    RefusedError
        As `received`, `accepted`, `Intake.collected` and `Capacity.run`; whatever `answer` raises passes through.
    ClientDisconnect
        The client has left.
    """
    source, target = received(request.headers, request.url.query), accepted(request.headers)
    capacity.check()  # before a body is read that would be refused
    workspace = intake.workspace()
    try:
        body = await intake.collected(request.stream(), workspace, declared_length(request.scope) or 0)
        with staged(request, source, target) as (timed_source, timed_target):

            def whole(checkpoint: Checkpoint) -> bytes:
                return answer(body, timed_source, timed_target, checkpoint=checkpoint, scratch=workspace, **limits)

            content = await capacity.run(partial(workspace.through, whole), request.receive)
    finally:
        await intake.give_back(workspace)
    return Response(content, media_type=target.media_type)

"""One exchange over a batch: a body is read, answered in a thread, and the answer is sent.

A brief body is answered in the event loop: a thread would take longer to begin than the answer takes.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.capacity import Capacity
from app.api.negotiation import accepted, received
from app.api.stages import staged, timed
from app.formats.json import MEDIA_TYPE as JSON
from app.formats.scratch import Body
from app.gates.asgi import declared_length
from app.gates.entry import entry_of
from app.gates.landing import landing_of
from app.losses import Checkpoint
from app.spool import Intake

__all__ = ["BRIEF_BYTES", "exchanged"]

BRIEF_BYTES = 16 * 1024
"""How long a brief body is at most. Whatever its numbers are, and whatever is wrong with it, its answer takes no longer
than a piece of text of which a large body is read, during which nobody else is served either."""

_MOST_QUOTES = 32


async def exchanged(  # noqa: PLR0913 - what both endpoints have in common
    request: Request,
    answer: Callable[..., bytes],
    limits: Mapping[str, Any],
    capacity: Capacity,
    intake: Intake,
    *,
    with_brief: bool = False,
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
    with_brief
        Whether there are brief bodies: of JSON, that are short and ask for nothing to be included.

    Raises
    ------
    RefusedError
        As `received`, `accepted`, `Intake.collected` and `Capacity.run`; whatever `answer` raises passes through.
    ClientDisconnect
        The client has left.
    """
    query = request.scope["query_string"].decode("utf-8", "replace")
    source, target = received(request.headers, query), accepted(request.headers)
    capacity.check()  # before a body is read that would be refused
    workspace = intake.workspace()
    try:
        length, land = declared_length(request.scope) or 0, landing_of(request.scope)
        body = await intake.collected(request.stream(), workspace, length, land)
        if with_brief and not query and source.media_type == JSON and _is_brief(body) and capacity.has_room:
            stages = entry_of(request.scope).stages
            content = capacity.run_here(partial(answer, body, *timed(stages, source, target), **limits))
            return Response(content, media_type=target.media_type)
        with staged(request, source, target) as (timed_source, timed_target):

            def whole(checkpoint: Checkpoint) -> bytes:
                return answer(body, timed_source, timed_target, checkpoint=checkpoint, scratch=workspace, **limits)

            content = await capacity.run(partial(workspace.through, whole), request.receive)
    finally:
        await intake.give_back(workspace)
    return Response(content, media_type=target.media_type)


def _is_brief(body: Body) -> bool:
    """Tell whether a JSON body is short and names nothing to include; an escape could hide the name of that option.

    There is no need for many strings; for each that is out of place a nearest name may have to be found.
    """
    return (
        isinstance(body, bytes)
        and len(body) <= BRIEF_BYTES
        and body.count(b'"') <= _MOST_QUOTES
        and b'"include"' not in body
        and b"\\" not in body
    )

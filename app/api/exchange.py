"""One exchange over a batch: a body is read, answered in a thread, and the answer is sent.

A brief body is answered in the event loop: a thread would take longer to begin than the answer takes.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.api.brief import BriefScratch, LongError, is_brief
from app.api.capacity import Capacity
from app.api.negotiation import accepted, received
from app.api.stages import staged, timed
from app.gates.asgi import declared_length
from app.gates.entry import entry_of
from app.gates.landing import comes_fast, landing_of
from app.losses import Checkpoint
from app.spool import Collector

__all__ = ["exchanged"]

_NOTHING: Final = nullcontext()


async def exchanged(  # noqa: PLR0913 - what both endpoints have in common
    request: Request,
    answer: Callable[..., bytes],
    limits: Mapping[str, Any],
    capacity: Capacity,
    collector: Collector,
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
    collector
        How the body is taken in.
    with_brief
        Whether there are brief bodies; see `app.api.brief`.

    Raises
    ------
    RefusedError
        As `received`, `accepted`, `Collector.collected` and `Capacity.run`; whatever `answer` raises passes through.
    ClientDisconnect
        The client has left.
    """
    query = request.scope["query_string"].decode("utf-8", "replace")
    source, target = received(request.headers, query), accepted(request.headers)
    capacity.check()  # before a body is read that would be refused
    workspace = collector.workspace()
    try:
        length, land = declared_length(request.scope) or 0, landing_of(request.scope)
        with capacity.expecting() if comes_fast(request.scope) else _NOTHING:
            body = await collector.collected(request.stream(), workspace, length, land)
        if with_brief and capacity.has_room and is_brief(body, source.media_type, query):
            formats = timed(entry_of(request.scope).stages, source, target)
            with suppress(LongError):
                content = capacity.run_here(partial(answer, body, *formats, scratch=BriefScratch(), **limits))
                return Response(content, media_type=target.media_type)
        with staged(request, source, target) as (timed_source, timed_target):

            def whole(checkpoint: Checkpoint) -> bytes:
                return answer(body, timed_source, timed_target, checkpoint=checkpoint, scratch=workspace, **limits)

            content = await capacity.run(partial(workspace.through, whole), request.receive)
    finally:
        await collector.give_back(workspace)
    return Response(content, media_type=target.media_type)

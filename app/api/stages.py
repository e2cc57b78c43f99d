"""How long the work on a request takes: reading its body, computing, writing the answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from starlette.requests import Request

from app.formats import Format
from app.formats.reply import Reply
from app.formats.scratch import Body
from app.formats.submission import Submission
from app.gates.entry import entry_of
from app.losses import go_on

__all__ = ["staged", "timed"]


@contextmanager
def staged(request: Request, source: Format, target: Format) -> Iterator[tuple[Format, Format]]:
    """Give the formats of `timed`, for the entry of a request that is done in a thread.

    Until the body begins to be read the request counts as waiting; from then on, until this context is left, as being
    computed.

    Parameters
    ----------
    request
        The request; `meters` of its application's state counts it.
    source, target
        The formats of its body and of the answer.
    """
    with request.app.state.meters.work() as work:
        yield timed(entry_of(request.scope).stages, source, target, begin=work.begin)


def timed(
    stages: dict[str, float], source: Format, target: Format, begin: Callable[[], None] = go_on
) -> tuple[Format, Format]:
    """Give two formats that note what passes between them, and how long it takes.

    Whatever happens between reading and writing is computing.

    Parameters
    ----------
    stages
        Where the seconds of "decode", "compute" and "encode" are noted.
    source, target
        The formats of a body and of the answer.
    begin
        What is called before the body begins to be read.
    """
    decoded = 0.0

    def decode(body: Body, fields: frozenset[str], **circumstances: Any) -> Submission:  # noqa: ANN401 - any
        nonlocal decoded
        begin()
        began = perf_counter()
        try:
            return source.decode(body, fields, **circumstances)
        finally:
            decoded = perf_counter()
            stages["decode"] = decoded - began

    def encode(reply: Reply) -> bytes:
        began = perf_counter()
        stages["compute"] = began - decoded
        assert target.encode is not None  # noqa: S101 - negotiation gives no other
        body = target.encode(reply)
        stages["encode"] = perf_counter() - began
        return body

    return Format(source.media_type, decode, source.encode), Format(target.media_type, target.decode, encode)

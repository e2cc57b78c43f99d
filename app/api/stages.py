"""How long the work on a request takes: reading its body, computing, writing the answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from starlette.requests import Request

from app.formats import Format
from app.formats.reply import Reply
from app.formats.submission import Submission
from app.gates.entry import entry_of

__all__ = ["staged"]


@contextmanager
def staged(request: Request, source: Format, target: Format) -> Iterator[tuple[Format, Format]]:
    """Give two formats that note in the entry of a request what passes between them, and how long it takes.

    Whatever happens between reading and writing is computing. Until the body begins to be read the request counts as
    waiting; from then on, until this context is left, as being computed.

    Parameters
    ----------
    request
        The request; `meters` of its application's state counts it.
    source, target
        The formats of its body and of the answer.
    """
    stages = entry_of(request.scope).stages
    decoded = 0.0

    with request.app.state.meters.work() as work:

        def decode(body: bytes, fields: frozenset[str], **circumstances: Any) -> Submission:  # noqa: ANN401 - any
            nonlocal decoded
            work.begin()
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

        yield Format(source.media_type, decode, source.encode), Format(target.media_type, target.decode, encode)

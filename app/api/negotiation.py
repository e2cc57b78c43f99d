"""In which format a body comes, and in which the answer goes: Content-Type, Accept and the query's options."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers

from app.formats import FORMATS, Format
from app.formats.errors import DuplicateField, Malformed
from app.formats.scratch import Body
from app.formats.submission import Submission
from app.formats.texts import options_of
from app.losses import Fault
from app.losses.refusals import sentence
from app.problems import NOT_ACCEPTABLE, UNSUPPORTED_MEDIA_TYPE, Problem, RefusedError

__all__ = ["MOST_PARAMETERS", "accepted", "received"]

MOST_PARAMETERS = 64

MOST_RANGES = 64
"""How many media ranges of Accept are looked at, and parameters of each. A head may have room for tens of thousands: to
weigh those took 60 ms, in the event loop."""


def received(headers: Headers, query: str = "") -> Format:
    """Find the format of the body, and let it take the options of the query as well.

    Parameters of Content-Type such as charset are ignored by all formats but forms, since each says its own encoding.

    Parameters
    ----------
    headers
        Those of the request.
    query
        What follows the question mark of its target, as it came.

    Raises
    ------
    RefusedError
        415: no Content-Type, more than one, or none that is known.
    """
    named = headers.getlist("content-type")
    media_type = named[0].partition(";")[0].strip().lower() if len(named) == 1 else ""
    if media_type in FORMATS:
        return _with_circumstances(FORMATS[media_type], named[0], query)
    taken = ", ".join(FORMATS)
    problem = Problem(
        UNSUPPORTED_MEDIA_TYPE,
        f"The body must be of the type {taken}, and a Content-Type header must say so.",
        headers={"Accept-Post": taken},
    )
    raise RefusedError(problem)


def _with_circumstances(form: Format, content_type: str, query: str) -> Format:
    """Give a format that knows the whole Content-Type, and adds the options of a query to those of the body."""

    def decode(body: Body, fields: frozenset[str], **limits: Any) -> Submission:  # noqa: ANN401 - any limit
        if not query:
            return form.decode(body, fields, content_type=content_type, **limits)
        asked = options_of(_texts(query), fields)
        submission = form.decode(body, fields, content_type=content_type, **limits)
        faults = [
            Fault((name,), "is there in the body and in the query; one of them is wanted")
            for name in asked
            if name in submission.options
        ]
        if faults:
            raise DuplicateField(sentence(faults), *faults)
        return replace(submission, options={**submission.options, **asked}) if asked else submission

    return Format(form.media_type, decode, form.encode)


def _texts(query: str) -> list[tuple[str, str]]:
    """Read a query."""
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        detail = f"The query cannot be read; at most {MOST_PARAMETERS} parameters are wanted, escapes of UTF-8."
        raise Malformed(detail) from None


def accepted(headers: Headers) -> Format:
    """Find the format of the answer: of those that can be written, the one that Accept weighs most.

    Raises
    ------
    RefusedError
        406: Accept rules all of them out.
    """
    return _best(",".join(headers.getlist("accept")))


@lru_cache(maxsize=16)  # clients of one kind send one header
def _best(accept: str) -> Format:
    """Find the format that a value of Accept weighs most."""
    written = [form for form in FORMATS.values() if form.encode is not None]
    if not accept.strip():
        return written[0]
    ranges = list(_ranges(accept))
    best = max(written, key=lambda form: _quality(form.media_type, ranges))
    if _quality(best.media_type, ranges) > 0:
        return best
    names = ", ".join(form.media_type for form in written)
    raise RefusedError(Problem(NOT_ACCEPTABLE, f"The answer can be written as {names}."))


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Read an Accept header: media ranges and their weights. What is no weight counts as 0."""
    for part in accept.split(",", MOST_RANGES)[:MOST_RANGES]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";", MOST_RANGES)[:MOST_RANGES])
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                quality = _weight(value.strip())
        yield name, quality


def _weight(text: str) -> float:
    """Read a weight: 0 to 1 with at most three decimals."""
    plain = text.replace(".", "", 1)
    return min(float(text), 1.0) if plain.isascii() and plain.isdigit() and len(text) <= len("0.000") else 0.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """Weigh a media type by the most specific range that covers it; 0 if none does."""
    for covering in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        weights = [quality for name, quality in ranges if name == covering]
        if weights:
            return max(weights)
    return 0.0

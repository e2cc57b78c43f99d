"""How OpenAPI is told of refusals: one entry for each status, with an example of each kind of problem that has it."""

import json
from typing import Any

from app.problems import EXAMPLE_INSTANCE, KINDS, MEDIA_TYPE, render

__all__ = ["refusals"]

_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Post", "Accept-Encoding"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_MEANING = {
    "Allow": "The methods that the path takes.",
    "Accept-Post": "The media types that are taken, if it is the media type.",
    "Accept-Encoding": "The content encodings that are taken, if it is the encoding.",
    "WWW-Authenticate": "What is wanted: Bearer.",
    "Retry-After": "After how many seconds to try again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe refusals for ``responses`` of a route, and whatever else may happen as ``default``.

    Parameters
    ----------
    *statuses
        Those by which the route itself refuses.
    """
    by_status: dict[int | str, dict[str, Any]] = {status: _response(status) for status in statuses}
    return by_status | {"default": _described("Any other problem, such as a fault of the service.", ["internal-error"])}


def _response(status: int) -> dict[str, Any]:
    """Describe one status."""
    kinds = [kind for kind in KINDS.values() if kind.status == status]
    described = _described("; ".join(kind.title for kind in kinds) + ".", [kind.slug for kind in kinds])
    if status in _HEADERS:
        described["headers"] = {
            name: {"description": _MEANING[name], "schema": {"type": "string"}} for name in _HEADERS[status]
        }
    return described


def _described(description: str, slugs: list[str]) -> dict[str, Any]:
    """Describe a problem document, with examples."""
    examples = {
        slug: {"summary": KINDS[slug].title, "value": json.loads(render(KINDS[slug].example, EXAMPLE_INSTANCE))}
        for slug in slugs
    }
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}, "examples": examples}},
    }

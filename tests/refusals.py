"""What every refusal must look like, whoever makes it."""

import json
import re
from collections.abc import Iterable
from typing import Any

import httpx

from app.problems import KINDS

__all__ = ["assert_problem"]

MEMBERS = ["type", "title", "status", "detail", "instance"]
LARGEST_BYTES = 8192
MOST_ERRORS = 20


def assert_problem(
    answer: httpx.Response, slug: str, *, pointers: Iterable[str] | None = None, unsaid: Iterable[str] = ()
) -> dict[str, Any]:
    """Hold an answer against RFC 9457 and the promises of the service, and give the document.

    Parameters
    ----------
    answer
        What came back.
    slug
        The kind of problem that it must be.
    pointers
        The places that it must name, in this order; None where the test does not care.
    unsaid
        Parts of the request that must not be repeated.
    """
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) <= LARGEST_BYTES
    assert answer.content.isascii()
    document: dict[str, Any] = json.loads(answer.content)
    kind = KINDS[slug]
    assert [*document][: len(MEMBERS)] == MEMBERS
    assert set(document) <= {*MEMBERS, "errors"}
    assert document["type"] == f"/problems/{slug}"
    assert document["title"] == kind.title
    assert document["status"] == answer.status_code == kind.status
    assert document["detail"].strip()
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["instance"])
    assert document["instance"] == answer.headers["x-request-id"]
    errors = document.get("errors", [])
    assert len(errors) <= MOST_ERRORS
    for error in errors:
        assert set(error) == {"pointer", "detail"}
        assert error["detail"].strip()
        assert re.fullmatch(r"(/([^~/]|~[01])*)*", error["pointer"], re.DOTALL)
    if pointers is not None:
        assert [error["pointer"] for error in errors] == list(pointers)
    for part in unsaid:
        assert part not in answer.text
    return document

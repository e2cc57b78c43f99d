"""One request of the corpus, and the verdict on its answer."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["CANARY", "FINE", "MARKER", "REFUSED", "Answer", "Case", "complaints"]

FINE: Final = frozenset({200})
REFUSED: Final = frozenset({400, 413, 415, 422})
"""What a bad body may be answered with, where the corpus does not say which."""

CANARY: Final = "canary-8c1f"
"""A text that stands in many bodies and must never come back."""

MARKER: Final = 1234567.0625
"""A number that stands in many bodies and must never come back in a refusal."""

LARGEST_PROBLEM: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and the statuses that are right for it.

    Attributes
    ----------
    name
        What is wrong with it, unique in its group.
    body
        The content.
    statuses
        Which of them are right.
    media_type
        Content-Type; None for none at all.
    headers
        Others.
    method, target
        Of the request line.
    pointer
        Where one of the `errors` of the problem has to point.
    words
        What the problem has to say.
    value
        What ``variants.sum_mean.total`` has to be, where the answer is a good one.
    """

    name: str
    body: bytes
    statuses: frozenset[int] = REFUSED
    media_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    target: str = "/loss"
    pointer: str | None = None
    words: str = ""
    value: float | None = None

    def lines(self) -> dict[str, str]:
        """Give the headers of the request."""
        return {**({} if self.media_type is None else {"Content-Type": self.media_type}), **self.headers}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def complaints(case: Case, answer: Answer) -> Iterator[str]:
    """Say everything that is wrong with an answer."""
    if answer.status not in case.statuses:
        yield f"{answer.status} instead of {sorted(case.statuses)}: {answer.body[:300]!r}"
    if "x-request-id" not in answer.headers:
        yield "no X-Request-Id"
    if answer.status >= 300:
        yield from _complaints_of_problem(case, answer)
    elif "json" in answer.headers.get("content-type", ""):
        yield from _complaints_of_content(case, answer)


def _complaints_of_content(case: Case, answer: Answer) -> Iterator[str]:
    """Look at a good answer: every number is finite, and the one that is known is right."""
    try:
        content = json.loads(answer.body, parse_constant=_no_constant)
    except ValueError as error:
        yield f"no strict JSON: {error}"
        return
    if not all(map(math.isfinite, _floats(content))):
        yield "a number is not finite"
    if case.value is not None:
        found = content["variants"]["sum_mean"]["total"]
        if not math.isclose(found, case.value, rel_tol=1e-15):
            yield f"the loss is {found!r} and should be {case.value!r}"


def _complaints_of_problem(case: Case, answer: Answer) -> Iterator[str]:
    """Look at a refusal: a problem, small, in ASCII, that repeats nothing."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        yield f"the refusal is {answer.headers.get('content-type')}"
        return
    if len(answer.body) > LARGEST_PROBLEM:
        yield f"the problem has {len(answer.body)} bytes"
    if not answer.body.isascii():
        yield "the problem is not ASCII"
    if CANARY.encode() in answer.body or str(MARKER).encode() in answer.body:
        yield "the problem repeats the request"
    try:
        problem = json.loads(answer.body, parse_constant=_no_constant)
    except ValueError as error:
        yield f"no strict JSON: {error}"
        return
    lacking = {"type", "title", "status", "detail"} - problem.keys()
    if lacking:
        yield f"the problem has no {', '.join(sorted(lacking))}"
        return
    if not problem["type"].startswith("/problems/") or problem["status"] != answer.status:
        yield f"the problem says {problem['type']}, {problem['status']}"
    pointers = [row["pointer"] for row in problem.get("errors", ())]
    if case.pointer is not None and case.pointer not in pointers:
        yield f"nothing points to {case.pointer!r} but to {pointers}: {problem['detail']}"
    if case.words and case.words not in json.dumps(problem):
        yield f"it does not say {case.words!r}: {problem}"


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _floats(node: Any) -> Iterator[float]:  # noqa: ANN401 - any JSON value
    """Give every number of a document."""
    if isinstance(node, float):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _floats(value)
    elif isinstance(node, list):
        for value in node:
            yield from _floats(value)

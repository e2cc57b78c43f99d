"""A problem is small, plain and complete, whatever it is about."""

import json
import re

import pytest

from app import problems
from app.losses.errors import Fault
from app.problems import KINDS, NOT_A_NUMBER, Kind, Problem, pointer, render, request_id

INSTANCE = "urn:uuid:5f0c7f6e-2d1b-4b8e-9c57-3f1f3f0a8f21"

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@every_kind
def test_a_kind_explains_itself(kind: Kind) -> None:
    assert KINDS[kind.slug] is kind
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.slug)
    assert 400 <= kind.status <= 599
    for text in (kind.meaning, kind.mending, kind.detail):
        assert text.endswith((".", "?"))
    assert not kind.title.endswith(".")


@every_kind
def test_the_example_of_a_kind_is_an_occurrence_of_it(kind: Kind) -> None:
    document = json.loads(render(kind.example, INSTANCE))
    assert document["type"] == f"/problems/{kind.slug}"
    assert document["status"] == kind.status
    assert document["detail"] == kind.detail


def test_every_kind_is_in_the_table() -> None:
    rows = {name: kind for name, kind in vars(problems).items() if isinstance(kind, Kind)}
    assert {name.lower().replace("_", "-") for name in rows} == set(KINDS)


def test_titles_and_slugs_are_unique() -> None:
    assert len({kind.title for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        (("x", 3, 1), "/x/3/1"),
        (("a/b",), "/a~1b"),
        (("m~n",), "/m~0n"),
        (("~1",), "/~01"),
        (("",), "/"),
        (("\ud800",), "/\\ud800"),
        (("n" * 100,), "/" + "n" * 37 + "..."),
    ],
)
def test_a_pointer_is_rfc_6901(path: tuple[str | int, ...], expected: str) -> None:
    assert pointer(path) == expected


def test_more_than_twenty_places_are_counted() -> None:
    faults = tuple(Fault(("x", index), "is a string; a number is wanted") for index in range(500))
    document = json.loads(render(Problem(NOT_A_NUMBER, "x[0] is a string.", faults), INSTANCE))
    assert len(document["errors"]) == 20
    assert document["detail"] == "x[0] is a string. (and 480 more)"


@pytest.mark.parametrize("character", ["a", '"', "\x00", "\u00e9", "\ud800", "\U0001f600"])
def test_even_the_longest_problem_is_small_and_ascii(character: str) -> None:
    faults = tuple(Fault((character * 1000, index), character * 1000) for index in range(20))
    body = render(Problem(NOT_A_NUMBER, character * 10_000, faults), INSTANCE)
    document = json.loads(body)
    assert len(body) <= 8192
    assert body.isascii()
    assert "\\ud800" not in json.dumps(document, ensure_ascii=False).replace("\\\\ud800", "")
    listed = len(document.get("errors", []))
    assert ("more)" in document["detail"]) == (listed < 20)


def test_a_request_keeps_its_id() -> None:
    scope: dict[str, object] = {}
    first = request_id(scope)
    assert request_id(scope) == first
    assert request_id({}) != first

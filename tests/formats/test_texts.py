"""Options that come as text are what JSON would have said; their names are looked at, their values are not."""

from typing import Any

import pytest

from app.formats.errors import DecodeError, DuplicateField, Malformed, UnknownField
from app.formats.texts import MOST_OPTIONS, options_of
from tests.formats.files import FIELDS


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([], {}),
        ([("beta", "1")], {"beta": 1}),
        ([("beta", "-0.5e-3")], {"beta": -0.5e-3}),
        ([("beta", "+.5")], {"beta": 0.5}),
        ([("beta", " 2. ")], {"beta": 2.0}),
        ([("beta", "1" * 40)], {"beta": float("1" * 40)}),
        ([("beta", "1,2")], {"beta": [1, 2]}),
        ([("loss", "mse"), ("delta", "2")], {"loss": "mse", "delta": 2}),
        *(([("beta", text)], {"beta": text}) for text in ("nan", "inf", "0x1", "1_0", "\u0661", "1e", "", "null")),
        ([("include", "")], {"include": []}),
        ([("include", "gradients")], {"include": ["gradients"]}),
        ([("include", "gradients, collapse")], {"include": ["gradients", "collapse"]}),
        (
            [("include", "gradients"), ("beta", "1"), ("include", "a,b")],
            {"include": ["gradients", "a", "b"], "beta": 1},
        ),
        ([("include", "a")] * 20, {"include": ["a"] * 20}),
        ([("batch_sizes", "3")], {"batch_sizes": [3]}),
    ],
)
def test_texts_become_values(texts: list[tuple[str, str]], wanted: dict[str, Any]) -> None:
    found = options_of(texts, FIELDS)
    assert found == wanted
    assert [type(value) for value in found.values()] == [type(value) for value in wanted.values()]


@pytest.mark.parametrize(
    ("texts", "kind", "name"),
    [
        ([("bta", "1")], UnknownField, "bta"),
        ([("x", "1")], UnknownField, "x"),
        ([("", "1")], UnknownField, ""),
        ([("beta", "1"), ("beta", "1")], DuplicateField, "beta"),
    ],
)
def test_a_name_that_is_no_option_is_refused(texts: list[tuple[str, str]], kind: type[DecodeError], name: str) -> None:
    with pytest.raises(DecodeError) as caught:
        options_of(texts, FIELDS)
    assert type(caught.value) is kind
    assert [fault.path for fault in caught.value.faults] == [(name,)]


@pytest.mark.parametrize("texts", [[(f"o{i}", "1") for i in range(MOST_OPTIONS + 1)], [("include", "a")] * 257])
def test_too_many_options_are_refused(texts: list[tuple[str, str]]) -> None:
    with pytest.raises(Malformed):
        options_of(texts, FIELDS)

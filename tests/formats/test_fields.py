"""Names that nobody knows: what is said of them, whatever they are."""

import pytest

from app.formats.errors import DuplicateField, UnknownField
from app.formats.fields import check_names

KNOWN = frozenset({"x", "y", "logvar", "beta"})


@pytest.mark.parametrize(
    ("names", "path", "detail", "said"),
    [
        (["logVar"], ("logVar",), "is no field; did you mean logvar?", "logVar is no field; did you mean logvar?"),
        (
            ["q"],
            ("q",),
            "is no field; its fields are x, y, logvar, beta",
            "q is no field; its fields are x, y, logvar, beta.",
        ),
        (
            [""],
            ("",),
            '"" is no field; its fields are x, y, logvar, beta',
            '"" is no field; its fields are x, y, logvar, beta.',
        ),
        (
            ["q" * 41],
            (),
            "q" * 40 + "... is no field; its fields are x, y, logvar, beta",
            "q" * 40 + "... is no field; its fields are x, y, logvar, beta.",
        ),
        (
            ["\u2028" * 7],
            (),
            "\\u2028" * 6 + "... is no field; its fields are x, y, logvar, beta",
            "\\u2028" * 6 + "... is no field; its fields are x, y, logvar, beta.",
        ),
        (
            ["x", "bta", "Y"],
            ("bta",),
            "is no field; did you mean beta?",
            "bta is no field; did you mean beta? There is more to mend in Y.",
        ),
    ],
    ids=["case", "strange", "empty", "long", "escaped", "two"],
)
def test_an_unknown_name_is_shown_as_far_as_it_can_be(
    names: list[str], path: tuple[str, ...], detail: str, said: str
) -> None:
    with pytest.raises(UnknownField) as refusal:
        check_names(names, KNOWN, "field")
    assert (refusal.value.faults[0].path, refusal.value.faults[0].detail) == (path, detail)
    assert refusal.value.detail == said


def test_a_name_that_is_there_twice_is_named_once() -> None:
    with pytest.raises(DuplicateField) as refusal:
        check_names(["y", "x", "x", "y", "x", "beta"], KNOWN, "field")
    assert [fault.path for fault in refusal.value.faults] == [("y",), ("x",)]

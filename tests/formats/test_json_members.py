"""The members of a document are found without reading its numbers, or it is left to the second look."""

import json
import mmap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats.json_members import LONGEST_OPTION, Member, members
from app.losses.checkpoint import go_on
from tests.formats.cases_json import FIELDS

WIDE = b" " * 2000


def values_of(body: bytes) -> dict[str, bytes] | None:
    found = members(body, FIELDS, go_on)
    return None if found is None else {name: body[place.start : place.stop] for name, place in found.items()}


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b'{"x":[1]}', {"x": b"[1]"}),
        (b'{"x":' + WIDE + b"[1]}", {"x": b" " * 976 + b"[1]"}),
        (b' { "x" : [ [1] , [2] ] , "loss" : "a[]{},:" , "beta" : 2.5 } ',
         {"x": b"[ [1] , [2] ]", "loss": b'"a[]{},:"', "beta": b"2.5"}),
        (b'{"include":["a","]"],"x":[1]}', {"include": b'["a","]"]', "x": b"[1]"}),
        (b'{"x":[1],"y":[2],"delta":true}', {"x": b"[1]", "y": b"[2]", "delta": b"true"}),
        # What follows is no JSON, which whoever reads the values finds out.
        (b'{"x":[1}]]}', {"x": b"[1}]]"}),
        (b'{"x":1,[2]}', {"x": b"1,[2]"}),
        (b'{"beta":1 2,"x":[1]}', {"beta": b"1 2", "x": b"[1]"}),
    ],
)  # fmt: skip
def test_each_member_is_found(body: bytes, values: dict[str, bytes]) -> None:
    assert values_of(body) == values


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"x"}', b'{"x":}', b'{"x":[1]', b'{"x":[1]} 2', b'{"x":[1],}', b'{"x":[1] "y":[2]}',
        b'{"x":5}', b'{"z":[1]}', b'{"x":[1],"x":[1]}', b'{"loss":"a\\n"}', b'{"lo\\u0073s":"a"}', b'{"include":[[1]]}',
        b'{"include":{}}', b'{"beta":,"x":[1]}', b'{"beta": }', b'{"X":[1]}', b'{"loss":"a}',
        b'{"beta":' + WIDE + b"null}", b'{"beta":' + WIDE + b"1}", b'{"x":[1]' + WIDE * 2 + b"}",
        WIDE + b'{"x":[1]}', b'{"x":[1]}' + WIDE,
        b'{"loss":"' + b"a" * LONGEST_OPTION + b'"}', b'{"include":[' + b"1," * LONGEST_OPTION + b"1]}",
        b'{"beta":1' + b"0" * LONGEST_OPTION + b"}",
    ],
    ids=lambda body: f"{body[:30]!r}",
)  # fmt: skip
def test_what_is_unusual_is_left_to_the_second_look(body: bytes) -> None:
    assert members(body, FIELDS, go_on) is None


@settings(deadline=None)
@given(
    document=st.dictionaries(
        st.sampled_from(sorted(FIELDS - {"x", "y"})).filter(lambda name: name not in {"mu", "logvar", "sample_weight"}),
        st.integers() | st.text("ab[]{},: ") | st.lists(st.text("a[]}{"), max_size=3),
        min_size=1,
    ),
    count=st.integers(1, 100_000),
)
def test_a_document_of_the_standard_library_is_cut_into_its_values(document: dict[str, object], count: int) -> None:
    body = (json.dumps(document)[:-1] + ',"x":[' + "1," * count + "1]}").encode()
    found = members(body, FIELDS, go_on)

    assert found is not None
    start, stop = found.pop("x")
    assert (body[start : start + 3], stop) == (b"[1,", len(body) - 1)
    assert {name: json.loads(body[start:stop]) for name, (start, stop) in found.items()} == document


def test_a_mapped_body_is_cut_alike_and_can_be_stopped() -> None:
    text = b'{"x":[' + b"1," * 300_000 + b'1],"loss":"a"}'
    with mmap.mmap(-1, len(text)) as body:
        body[:] = text
        assert members(body, FIELDS, go_on) == members(text, FIELDS, go_on)
        assert members(body, FIELDS, go_on) == {"x": Member(5, 600_008), "loss": Member(600_016, 600_019)}
        with pytest.raises(InterruptedError):
            members(body, FIELDS, stopping)


def stopping() -> None:
    raise InterruptedError

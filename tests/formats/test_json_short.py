"""A short document is read in one piece only if it is plainly good, and then as the longer way reads it."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats.errors import DecodeError
from app.formats.json import decode
from app.formats.json_numerals import ACCELERATED
from app.formats.json_short import SHORT_BYTES, short
from app.losses.errors import InvalidOption
from tests.formats.cases_json import FIELDS, REFUSED, Refused

pytestmark = pytest.mark.skipif(not ACCELERATED, reason="simdjson alone reads documents in one piece")

GOOD: list[dict[str, Any]] = [
    {"x": [1, 2.5]},
    {"x": [[1, 2], [3, 4]], "y": [[0.5, -1], [1e300, 5e-324]], "loss": "mse", "beta": 2, "include": ["gradients"]},
    {"loss": "a[b", "include": ["[", "["], "x": [[[1]]]},
    {"x": np.arange(9000.0).reshape(90, 100).tolist(), "delta": 0.5, "loss": "x", "include": []},
    {"beta": [0.1, 1, True, 2**63, "a"], "variance": True},
]


@pytest.mark.parametrize("document", GOOD, ids=lambda document: json.dumps(document)[:40])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_good_document_is_read_in_one_piece(document: dict[str, Any], indent: int | None) -> None:
    found = short(json.dumps(document, indent=indent).encode(), FIELDS, 32)

    assert found is not None
    assert {**{name: array.tolist() for name, array in found.arrays.items()}, **found.options} == document
    assert list(map(type, found.options.values())) == [type(v) for k, v in document.items() if k in found.options]


@pytest.mark.parametrize(
    "case", [case for case in REFUSED if len(case.body) <= SHORT_BYTES], ids=lambda case: f"{case.body[:40]!r}"
)
def test_a_bad_document_is_not(case: Refused) -> None:
    assert short(case.body, FIELDS, 32) is None


LONG = b"0." + b"1" * 20_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[[1,[2]],[3,4]]}',
        b'{"x":[[1,2],[3,[4]]]}',
        b'{"x":[[1],[[2]]]}',
        b'{"x":[[1],2]}',
        b'{"x":[[[1,2]],[[3],[4]]]}',
        b'{"x":[[],[]]}',
        b'{"x":[]}',
        b'{"x":[1],"loss":"a\\u0062"}',
        b'{"x":[1],"loss":"\xc3\xa9"}',
        b'{"x":[1],"include":[["a"]]}',
        b'{"x":[1],"include":{"a":[1]}}',
        b'{"x":[%d]}' % 2**64,
        b'{"loss":"%b"}' % (b"a" * 1025),
        b'{"include":[%b1]}' % (b"1," * 100),
        b'{"beta":' + LONG + b"}",
        b'{"loss":"x"    ,"beta":' + LONG + b"}",
        b'{"include":["x",' + LONG + b"]}",
        b'{"x" :[1],"include":[  "x"' + b" " * 20_000 + b"]}",
        b'{"include":[' + b'"",' * 300 + b'""],"x":[' + b"1," * 20_000 + b"1]}",
        b'{"x":[' + b"[1]," * 2000 + b"[1]]}",
        b'"x"',
        b"[1]",
        b"5",
        b"",
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda body: f"{body[:40]!r}",
)
def test_what_is_unusual_is_left_to_others(body: bytes) -> None:
    assert short(body, FIELDS, 32) is None


def test_a_document_may_be_long_where_its_arrays_are() -> None:
    body = b'{"x"  :[' + b"0.25," * 20_000 + b'1],"beta":2,"y"  :[1]}'

    assert short(body, FIELDS, 32) is not None
    assert short(body.replace(b'"y"', b'"beta"'), FIELDS, 32) is None


def test_levels_are_counted() -> None:
    body = b'{"x":' + b"[" * 31 + b"1" + b"]" * 31 + b"}"

    assert short(body, FIELDS, 32) is not None
    assert short(body, FIELDS, 31) is None
    assert short(b'{"loss":"a"}', FIELDS, 2) is not None
    assert short(b'{"loss":"a"}', FIELDS, 1) is None


leaves = st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["a", "[", True, None])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=10)


@settings(max_examples=300, deadline=None)
@given(document=st.dictionaries(st.sampled_from(["x", "y", "loss", "include", "z"]), values, max_size=3))
def test_what_is_read_in_one_piece_is_what_the_longer_way_reads(document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    found = short(body, FIELDS, 32)
    if found is None:
        return
    wanted = decode(body, FIELDS, accelerated=False)
    assert found.options == wanted.options
    assert found.arrays.keys() == wanted.arrays.keys()
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(array, wanted.arrays[name], strict=True)


@pytest.mark.parametrize("count", [SHORT_BYTES // 5 - 100, SHORT_BYTES // 5 + 100])
def test_a_document_beside_the_limit_is_the_same_array(count: int) -> None:
    body = b'{"x":[' + b"0.25," * count + b'1],"beta":1}'

    assert decode(body, FIELDS).arrays["x"].shape == (count + 1,)
    with pytest.raises((DecodeError, InvalidOption)):
        decode(body.replace(b'"beta":1', b'"beta":' + LONG), FIELDS)

"""JSON: what is good comes back with the same bits, what is not is refused with its place; nothing else happens."""

import json
import math
import mmap
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from app.formats.errors import DecodeError, DuplicateField, Malformed, NotANumber, OutOfRange, UnknownField
from app.formats.json import decode, encode
from app.formats.json_numbers import numbers
from app.formats.json_numerals import ACCELERATED
from app.formats.reply import Reply
from app.formats.scratch import Body
from app.formats.submission import Submission
from app.losses.errors import InvalidOption
from tests.formats.cases_json import FIELDS, REFUSED, Refused

finite = st.floats(allow_nan=False, allow_infinity=False)
arrays = hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=5, max_side=4), elements=finite)


def submitted(document: Mapping[str, Any]) -> Submission:
    return decode(json.dumps(document).encode(), FIELDS)


def refusal(body: Body, **limits: Any) -> DecodeError | InvalidOption:  # noqa: ANN401 - of several types
    with pytest.raises((DecodeError, InvalidOption)) as caught:
        decode(body, FIELDS, **limits)
    error = caught.value
    assert isinstance(error, DecodeError | InvalidOption)
    return error


def outcome_of(body: bytes, *, accelerated: bool = ACCELERATED) -> Submission | DecodeError:
    try:
        return decode(body, FIELDS, accelerated=accelerated)
    except DecodeError as error:
        return error


def assert_same_bits(found: NDArray[np.generic], wanted: NDArray[np.float64]) -> None:
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found.view(np.uint64), np.ascontiguousarray(wanted).view(np.uint64))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.body[:40]!r}")
def test_a_bad_body_is_refused_with_its_kind_place_and_words(case: Refused) -> None:
    error = refusal(case.body)

    assert type(error) is case.kind
    assert tuple(fault.path for fault in error.faults) == case.paths
    assert getattr(error, "offset", None) == case.offset
    assert case.words in error.detail
    assert len(error.detail) < 500


@pytest.mark.skipif(not ACCELERATED, reason="there is one way to read numbers only")
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.body[:40]!r}")
def test_without_the_accelerator_a_bad_body_meets_the_same_refusal(case: Refused) -> None:
    fast, plain_one = refusal(case.body), refusal(case.body, accelerated=False)

    assert type(plain_one) is type(fast)
    assert plain_one.faults == fast.faults
    assert plain_one.detail == fast.detail


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.body[:40]!r}")
def test_a_bad_body_in_a_mapped_file_meets_the_same_refusal(case: Refused) -> None:
    if not case.body:
        return
    with mmap.mmap(-1, len(case.body)) as body:
        body[:] = case.body
        fast, mapped = refusal(case.body), refusal(body)

    assert type(mapped) is type(fast)
    assert mapped.faults == fast.faults
    assert mapped.detail == fast.detail


@settings(deadline=None)
@given(array=arrays)
@example(array=np.array([5e-324, 1.7976931348623157e308, -0.0, 2.2250738585072014e-308, 0.1]))
def test_a_regular_array_comes_back_with_the_same_bits(array: NDArray[np.float64]) -> None:
    assert_same_bits(submitted({"x": array.tolist()}).arrays["x"], array)


@pytest.mark.parametrize(
    "shape", [(60_000,), (300, 200), (1, 60_000), (30_000, 1, 2), (5, 4, 3, 2, 1, 2, 3, 4)], ids=str
)
@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_longer_than_a_block_comes_back_with_the_same_bits(shape: tuple[int, ...], indent: int | None) -> None:
    array = np.random.default_rng(0).standard_normal(shape)

    assert_same_bits(decode(json.dumps({"x": array.tolist()}, indent=indent).encode(), FIELDS).arrays["x"], array)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.7976931348623158e308", 1.7976931348623157e308),
        ("1e-400", 0.0),
        ("-1e-400", -0.0),
        ("0e999999999999", 0.0),
        ("9007199254740993", 9007199254740992.0),
        ("9007199254740995", 9007199254740996.0),
        ("123456789012345678901234567890", 1.2345678901234568e29),
        ("1" + "0" * 308, 1e308),
        ("0." + "0" * 400 + "1e401", 1.0),
        ("1.00000000000000011102230246251565404236316680908203124", 1.0),
        ("1.00000000000000011102230246251565404236316680908203126", 1.0000000000000002),
        ("0." + "3" * 1_000_000, 1 / 3),
    ],
)
def test_a_number_is_rounded_correctly(text: str, value: float) -> None:
    found = decode(f'{{"x":[[{text}]]}}'.encode(), FIELDS).arrays["x"]

    assert_same_bits(found, np.array([[value]]))


@settings(deadline=None)
@given(digits=st.integers(0, 10**30), length=st.integers(1, 30))
def test_the_second_look_finds_every_number_out_of_range_that_the_parser_refuses(digits: int, length: int) -> None:
    text = f"1.7976931348623158{str(digits)[:length]}e308"
    body = f'{{"x":[{text}]}}'.encode()

    if math.isinf(float(text)):
        assert type(refusal(body)) is OutOfRange
    else:
        assert decode(body, FIELDS).arrays["x"][0] == float(text)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (2, 3, 0), (1, 1, 0)], ids=str)
def test_an_empty_array_keeps_its_shape(shape: tuple[int, ...]) -> None:
    assert submitted({"x": np.empty(shape).tolist()}).arrays["x"].shape == shape


def test_arrays_and_options_are_told_apart() -> None:
    found = submitted({"beta": 2, "include": ["gradients"], "logvar": [[1]], "loss": "mse", "mu": [[0]], "delta": 0.5})

    assert list(found.arrays) == ["mu", "logvar"]
    assert found.options == {"beta": 2, "include": ["gradients"], "loss": "mse", "delta": 0.5}
    assert type(found.options["beta"]) is int


@pytest.mark.parametrize(
    "option",
    [True, "x" * 1000, "[" * 40, '"quoted\\"', "null", {"a": {"a": 1}}, 10**300, -5, list(range(200)), "1e999 " * 100],
    ids=lambda option: f"{option!r}"[:20],
)
def test_an_option_is_handed_on_unjudged(option: object) -> None:
    found = submitted({"loss": option, "x": [1.5]})

    assert found.options == {"loss": option}
    assert found.arrays["x"] == 1.5


def test_names_may_be_written_with_escapes() -> None:
    found = decode(rb'{"\u0078":[1],"\u006coss":"\ud83d\ude00"}', FIELDS)

    assert found.arrays["x"] == 1
    assert found.options == {"loss": "\N{GRINNING FACE}"}


def test_a_document_without_fields_is_an_empty_submission() -> None:
    found = decode(b" {} ", FIELDS)

    assert (found.arrays, found.options) == ({}, {})


@pytest.mark.parametrize("count", [1, 20, 21, 500])
def test_twenty_faults_are_listed_and_the_others_counted(count: int) -> None:
    error = refusal(b'{"x":[[' + b"null," * (count - 1) + b'"secret"]]}')

    assert type(error) is NotANumber
    assert [fault.path for fault in error.faults] == [("x", 0, index) for index in range(min(count, 20))]
    assert ("the first 20 of" in error.detail) == (count > 20)
    assert (f"20 of {count} faults" in error.detail) == (count > 20)
    assert "secret" not in error.detail


def test_faults_of_every_field_share_the_list() -> None:
    huge = b"1e400," * 15 + b"1"
    error = refusal(b'{"x":[' + huge + b'],"y":[' + huge + b'],"mu":[' + huge + b"]}")

    assert type(error) is OutOfRange
    assert [fault.path for fault in error.faults] == [("x", i) for i in range(15)] + [("y", i) for i in range(5)]
    assert "the first 20 of 45 faults" in error.detail


def test_the_depth_limit_counts_the_document_itself() -> None:
    body = b'{"x":' + b"[" * 31 + b"1" + b"]" * 31 + b"}"

    assert decode(body, FIELDS).arrays["x"].ndim == 31
    assert "(byte 35)" in refusal(body, max_depth=31).detail
    assert decode(b'{"include":[[]]}', FIELDS, max_depth=3).options == {"include": [[]]}
    assert type(refusal(b'{"include":[[]]}', max_depth=2)) is Malformed


def test_the_limit_of_digits_is_for_integers_only() -> None:
    good = decode(b'{"x":[12345,-12345,1.2345678,123456e1],"beta":12345}', FIELDS, max_integer_digits=5)
    error = refusal(b'{"x":[[12345,-123456]],"beta":123456}', max_integer_digits=5)

    np.testing.assert_array_equal(good.arrays["x"], [12345, -12345, 1.2345678, 1234560])
    assert type(error) is OutOfRange
    assert [fault.path for fault in error.faults] == [("x", 0, 1), ("beta",)]
    assert all("more than 5 digits (LOSSGRID_MAX_INTEGER_DIGITS)" in fault.detail for fault in error.faults)


def test_a_fault_far_inside_a_long_array_has_its_index() -> None:
    rows: list[list[float | None]] = [[0.5] * 100 for _ in range(3000)]
    rows[2999][57] = None

    assert refusal(json.dumps({"y": rows}).encode()).faults[0].path == ("y", 2999, 57)


def test_an_object_longer_than_a_block_is_one_element() -> None:
    error = refusal(json.dumps({"x": [1, {"a": [{"b": None}] * 50_000}, None]}).encode())

    assert [fault.path for fault in error.faults] == [("x", 1), ("x", 2)]


@pytest.mark.parametrize("characters", [1 << 18, (1 << 18) - 12])
def test_text_longer_than_a_block_may_be_any_unicode(characters: int) -> None:
    text = "\N{GRINNING FACE}é" * (characters // 3)

    body = json.dumps({"x": [text], "loss": "é"}, ensure_ascii=False).encode()

    assert refusal(body).faults[0].path == ("x", 0)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 100_000, Malformed),
        (b'{"x":[' + b"9" * 1_000_000 + b"]}", OutOfRange),
        (b"{" + b",".join(b'"k%d":0' % i for i in range(100_000)) + b"}", UnknownField),
        (b"{" + b",".join([b'"x":[0]'] * 150_000) + b"}", DuplicateField),
        (b'{"x":[' + b"null," * 1_000_000 + b"1]}", NotANumber),
        (b'{"x":[' + b"[0]," * 500_000 + b"[null]]}", NotANumber),
        (b'{"x":[' + b"1e999," * 100_000 + b"1]}", OutOfRange),
    ],
    ids=["levels", "digits", "unknown", "duplicates", "nulls", "rows", "range"],
)
def test_a_hostile_body_is_refused_within_a_second(body: bytes, kind: type[DecodeError]) -> None:
    start = time.process_time()
    error = refusal(body)

    assert type(error) is kind
    assert time.process_time() - start < 1
    assert len(error.faults) <= 20


def test_after_a_thousand_faults_no_more_are_counted() -> None:
    error = refusal(b"{" + b",".join([b'"z":0'] * 150_000) + b"}")

    assert "There are 1000 faults or more; the first 20 are listed." in error.detail


VALID = json.dumps(
    {
        "x": [[1, 2.5e-3], [-0.0, 4]],
        "y": [[1, 2], [3, 4]],
        "loss": 'a"\\é\U0001f600',
        "beta": 1.5,
        "include": ["a", "b"],
    }
).encode()
SCRAPS = [
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\udc00",
    b"1",
    b"-",
    b"0",
    b".",
    b"e9",
    b"1e999",
]
SCRAPS += [
    b"null",
    b"true",
    b"NaN",
    b"-Infinity",
    b'"x"',
    b'"y":',
    b'{"x":',
    b'"beta":',
    b"[[",
    b"]]",
    b"[]",
    b" ",
    b"\n",
    b"\xff",
]
mutants = st.builds(
    lambda start, stop, scraps: VALID[:start] + b"".join(scraps) + VALID[stop:],
    st.integers(0, len(VALID)),
    st.integers(0, len(VALID)),
    st.lists(st.sampled_from(SCRAPS), max_size=4),
)
values = st.recursive(
    st.none() | st.booleans() | finite | st.integers(-(10**330), 10**330) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "z", ""]), inner, max_size=2),
    max_leaves=12,
)
grids = st.recursive(finite | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=12)
documents = st.dictionaries(st.sampled_from(["x", "y", "loss", "beta"]), values | grids, max_size=3).map(
    lambda document: json.dumps(document).encode()
)
soups = st.lists(st.sampled_from(SCRAPS), max_size=20).map(b"".join)


def plain(value: object) -> object:
    """Read a value as NumPy does, or give None if it is no regular array of finite numbers."""
    leaves = [value]
    while any(isinstance(leaf, list) for leaf in leaves):
        leaves = [item for leaf in leaves for item in (leaf if isinstance(leaf, list) else [leaf])]
    if not isinstance(value, list) or any(type(leaf) not in (int, float) for leaf in leaves):
        return None
    try:
        array = np.array(value, dtype=np.float64)
    except (ValueError, OverflowError):
        return None
    return array if np.isfinite(array).all() else None


@settings(max_examples=400, deadline=None)
@given(body=mutants | documents | soups | soups.map(lambda soup: b'{"x":' + soup + b"}") | st.binary(max_size=40))
def test_whatever_is_sent_is_a_submission_or_a_decode_error(body: bytes) -> None:
    outcome, other = outcome_of(body), outcome_of(body, accelerated=False)
    assert type(other) is type(outcome)
    if isinstance(outcome, DecodeError):
        assert isinstance(other, DecodeError)
        assert (other.detail, other.faults) == (outcome.detail, outcome.faults)
        assert len(outcome.faults) <= 20
        assert outcome.detail.isascii()
        assert outcome.offset is None or 0 <= outcome.offset <= len(body)
        assert (outcome.offset is not None) == isinstance(outcome, Malformed)
        return
    document = json.loads(body)
    assert document.keys() == outcome.arrays.keys() | outcome.options.keys()
    for name, option in outcome.options.items():
        assert option == document[name]
    assert isinstance(other, Submission)
    assert other.options == outcome.options
    for name, array in outcome.arrays.items():
        np.testing.assert_array_equal(array, np.array(document[name], dtype=np.float64), strict=True)
        np.testing.assert_array_equal(other.arrays[name], array, strict=True)


@settings(max_examples=300, deadline=None)
@given(value=values | grids)
@example(value=[[], []])
@example(value=[[[1], 2], [[3], 4]])
@example(value=[10**400])
def test_exactly_the_regular_arrays_of_finite_numbers_are_taken(value: object) -> None:
    body = json.dumps({"x": value}).encode()
    wanted = plain(value)

    if wanted is None:
        assert refusal(body).faults
    else:
        np.testing.assert_array_equal(decode(body, FIELDS).arrays["x"], wanted, strict=True)


@pytest.mark.parametrize("raw", [b"5", b"[]", b"[[]]", b"[[],[]]", b"[[1],[]]", b"[[[1]]]", b"[1,[2]]"])
def test_numbers_alone_refuses_what_is_no_full_array(raw: bytes) -> None:
    with pytest.raises((ValueError, DecodeError)) as caught:
        numbers(raw, max_rank=2)

    assert not isinstance(caught.value, DecodeError)


def test_numbers_alone_reads_a_numeral_longer_than_its_blocks() -> None:
    raw = b"[1,0." + b"3" * 300_000 + b",2]"

    np.testing.assert_array_equal(numbers(raw), [1, 1 / 3, 2])


def a_reply(**arrays: NDArray[np.float64]) -> Reply:
    summary = {"loss": "mse", "per_sample": {"kl": None, "sum": None}, "warnings": [{"code": "a"}], "elementwise": None}
    return Reply(summary, {name.replace("__", "."): array for name, array in arrays.items()})


def test_a_reply_has_its_arrays_in_the_places_of_their_placeholders() -> None:
    written = encode(a_reply(per_sample__sum=np.array([0.1, 1.0]), elementwise=np.array([[1.0], [5e-324]])))

    assert written == (
        b'{"loss":"mse","per_sample":{"kl":null,"sum":[0.1,1.0]},"warnings":[{"code":"a"}],"elementwise":[[1.0],[5e-324]]}'
    )


@settings(deadline=None)
@given(array=arrays)
def test_a_written_array_reads_back_with_the_same_bits(array: NDArray[np.float64]) -> None:
    assert_same_bits(np.array(json.loads(encode(a_reply(elementwise=array)))["elementwise"]), array)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["array", "summary", "list", "beside nulls"])
def test_a_reply_that_is_not_finite_is_a_fault_and_never_null(value: float, place: str) -> None:
    replies = {
        "array": Reply({"a": None}, {"a": np.array([1.0, value])}),
        "summary": Reply({"a": {"b": value}}, {}),
        "list": Reply({"a": [1.0, value]}, {}),
        "beside nulls": Reply({"a": value, "b": None, "c": [None]}, {}, nulls=2),
    }

    with pytest.raises(ValueError, match=r"^(a|a number of the summary) is not finite"):
        encode(replies[place])


@pytest.mark.parametrize("place", ["taken", "absent", "deep.absent", "absent.deep", "taken.deep", "vacant.deep"])
def test_an_array_without_a_placeholder_is_a_fault(place: str) -> None:
    with pytest.raises(ValueError, match=f"no placeholder for {place}"):
        encode(Reply({"vacant": None, "taken": 1.0, "deep": {}}, {place: np.zeros(2)}))


def test_writing_leaves_the_summary_as_it_was() -> None:
    reply = a_reply(elementwise=np.zeros(2))
    encode(reply)

    assert reply == a_reply(elementwise=reply.arrays["elementwise"])
    assert reply.summary["elementwise"] is None

"""The text of one array: both readers, every block length and every place of a body give the same array, or none."""

import itertools
import json
import mmap
import struct
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike, NDArray

from app.formats.json_numbers import BLOCK_BYTES, numbers, occurrences
from app.formats.json_numerals import ACCELERATED, flat_numbers, numbers_of, parser_in

READERS = [False, True] if ACCELERATED else [False]
REFUSED = (ValueError, msgspec.DecodeError)

reader = pytest.mark.parametrize("accelerated", READERS)
finite = st.floats(allow_nan=False, allow_infinity=False)
numerals = (
    finite.map(repr)
    | st.integers(-(2**70), 2**70).map(str)
    | st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
nested = st.recursive(numerals, lambda inner: st.lists(inner, max_size=4), max_leaves=20)
white = st.sampled_from(["", "", "", " ", "\n\t", "\r\n  "])


@st.composite
def texts(draw: st.DrawFn, value: st.SearchStrategy[object]) -> bytes:
    """Write nested lists of numerals, with white space anywhere."""

    def written(node: object) -> str:
        if isinstance(node, str):
            return draw(white) + node + draw(white)
        assert isinstance(node, list)
        return f"{draw(white)}[{','.join(map(written, node))}{draw(white)}]"

    found = draw(value)
    return written(found if isinstance(found, list) else [found]).strip().encode()


def plain(text: bytes) -> NDArray[np.float64] | None:
    """Read a text with the standard library and NumPy; None if it is no full array of finite numbers."""
    try:
        value = json.loads(text, parse_int=float_of, parse_constant=no_number)
        array = np.array(value, dtype=np.float64)
    except (ValueError, TypeError):
        return None
    leaves = [value]
    while any(isinstance(leaf, list) for leaf in leaves):
        leaves = [item for leaf in leaves for item in (leaf if isinstance(leaf, list) else [leaf])]
    good = isinstance(value, list) and array.size and all(type(leaf) is float for leaf in leaves)
    return array if good and np.isfinite(array).all() else None


def float_of(text: str) -> float:
    """Read an integer as JSON means it: without a sign if it is 0."""
    return float(text) + 0.0


def no_number(text: str) -> float:
    raise ValueError(text)


def outcome_of(text: bytes, block_bytes: int, *, accelerated: bool) -> NDArray[np.float64] | None:
    try:
        return numbers(text, accelerated=accelerated, block_bytes=block_bytes)
    except REFUSED:
        return None


def assert_same(found: NDArray[np.float64] | None, wanted: NDArray[np.float64] | None) -> None:
    if wanted is None or found is None:
        assert found is wanted
        return
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found.view(np.uint64), wanted.view(np.uint64))


@settings(max_examples=300, deadline=None)
@given(
    text=texts(nested)
    | texts(hnp.arrays(object, hnp.array_shapes(max_dims=4, max_side=4), elements=numerals).map(np.ndarray.tolist)),
    block_bytes=st.integers(1, 60),
)
@example(text=b"[1,,2]", block_bytes=2)
@example(text=b"[[1],[2],[3]]", block_bytes=4)
def test_every_text_is_the_same_array_in_blocks_of_any_length(text: bytes, block_bytes: int) -> None:
    wanted = plain(text)
    for accelerated in READERS:
        assert_same(outcome_of(text, block_bytes, accelerated=accelerated), wanted)
        assert_same(outcome_of(text, BLOCK_BYTES, accelerated=accelerated), wanted)


soups = st.lists(
    st.sampled_from(
        [b"[", b"]", b"[", b"]", b",", b",", b"1", b"2.5", b"-0", b" ", b"[]", b"],[", b"1e999", b'"', b"{}", b"null"]
    ),
    max_size=14,
).map(b"".join)


@settings(max_examples=1500, deadline=None)
@given(text=soups | soups.map(lambda soup: b"[[" + soup + b"]]"), block_bytes=st.integers(1, 12))
def test_scraps_of_arrays_are_judged_alike(text: bytes, block_bytes: int) -> None:
    wanted = plain(text)
    for accelerated in READERS:
        assert_same(outcome_of(text, block_bytes, accelerated=accelerated), wanted)


def scraps() -> Iterator[bytes]:
    """Give every text of up to seven marks in two lists."""
    for length in range(8):
        for marks in itertools.product([b"1", b",", b"[", b"]"], repeat=length):
            yield b"[[" + b"".join(marks) + b"]]"


@reader
@pytest.mark.parametrize("block_bytes", [1, 2, 3, 5, 8])
def test_no_short_text_is_taken_that_is_no_array(block_bytes: int, *, accelerated: bool) -> None:
    taken = 0
    for text in scraps():
        found = outcome_of(text, block_bytes, accelerated=accelerated)
        if found is not None:
            taken += 1
            assert_same(found, plain(text))
    assert taken > 5


@settings(deadline=None)
@given(bits=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50))
def test_any_doubles_come_back_with_the_same_bits(bits: list[int]) -> None:
    values = [
        value for value in struct.unpack(f"={len(bits)}d", struct.pack(f"={len(bits)}Q", *bits)) if abs(value) < np.inf
    ]
    text = f"[{','.join(map(repr, [*values, 1.5]))}]".encode()
    for accelerated in READERS:
        assert_same(numbers_of(text, accelerated=accelerated), np.array([*values, 1.5]))


NUMERALS = [
    "1e-400", "-1e-400", "0e999999999999", "0e-99999999999999999999", "-0", "-0.0", "-0e5", "0E+5", "5e-324",
    "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308", "1.7976931348623158e308",
    "9007199254740993", "9007199254740995", "9223372036854775807", "9223372036854775809", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "18446744073709553665",
    "7777777777777777777777777.0", "1000000000000000000000000000000e0", "1" + "0" * 308, "0." + "0" * 400 + "1e401",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "0." + "3" * 100_000, "123456789012345678901234567890",
]  # fmt: skip


@reader
@pytest.mark.parametrize("text", NUMERALS, ids=lambda text: text[:30])
def test_a_numeral_is_rounded_as_float_rounds_it(text: str, *, accelerated: bool) -> None:
    wanted = np.array([0.0 if text == "-0" else float(text), 0.5])

    assert_same(numbers_of(f"[{text},0.5]".encode(), accelerated=accelerated), wanted)
    assert_same(flat_numbers(f"[{text}],[0.5".encode(), accelerated=accelerated), wanted)
    assert_same(numbers(f"[[{text}],[0.5]]".encode(), accelerated=accelerated), wanted[:, np.newaxis])


@reader
@pytest.mark.parametrize(
    "text",
    [
        *rb'01 1. - 1e +1 .5 0x1 1e400 -1e999 NaN nan true null "1" {} 1, ,1 [1]2 1[2]'.split(),
        *[b"1 2", b"\xff", b"1\0", b"1\x0b", b"1" + b"0" * 400, b"\xef\xbb\xbf1"],
    ],
)
def test_what_is_no_number_is_refused(text: bytes, *, accelerated: bool) -> None:
    for wrapped in (b"[%b]", b"[[%b]]", b"[[3],[%b]]"):
        with pytest.raises(REFUSED):
            numbers_of(wrapped % text, accelerated=accelerated)
        with pytest.raises(REFUSED):
            numbers(wrapped % text, accelerated=accelerated)


@reader
@pytest.mark.parametrize("rows", [b"[0.5]", b"[1,2]", b"[%b]" % (b"0.25," * 99 + b"1")])
def test_rows_of_any_length_are_proved_over_many_blocks(rows: bytes, *, accelerated: bool) -> None:
    count = 3 * BLOCK_BYTES // len(rows)
    text = b"[" + rows + (b"," + rows) * count + b"]"

    found = numbers(text, accelerated=accelerated)
    assert found.shape == (count + 1, rows.count(b",") + 1)
    np.testing.assert_array_equal(found, np.tile(found[0], (count + 1, 1)))
    for bad in (
        text[:-2] + b",1]]",
        text[:-1] + b",[]]",
        text[:-1] + b",1]",
        text[:-2] + b",[1]]]",
        text[:-1] + b",[[1]]]",
    ):
        assert outcome_of(bad, BLOCK_BYTES, accelerated=accelerated) is None


@reader
def test_a_long_row_hides_no_list_and_no_end(*, accelerated: bool) -> None:
    row = b"0.125," * (BLOCK_BYTES // 4)
    for bad in (
        b"[" + row + b"[1]]",
        b"[[" + row + b"1],[" + row + b"[1]]]",
        b"[" + row + b"],[" + row + b"1]",
        b"[" + row + b"1],[" + row + b"1]",
        b"[1]," + row + b"2]",
    ):
        assert outcome_of(bad, BLOCK_BYTES, accelerated=accelerated) is None


@reader
def test_rows_that_become_short_are_read_too(*, accelerated: bool) -> None:
    text = b"[[0." + b"5" * 200_000 + b"]" + b",[1]" * 50_000 + b"]"

    assert numbers(text, accelerated=accelerated).shape == (50_001, 1)


@reader
def test_an_integer_beyond_64_bits_changes_nothing_else(*, accelerated: bool) -> None:
    array = np.random.default_rng(0).standard_normal((40, 500))
    text = json.dumps(array.tolist()).encode()
    array[30, 7] = 2.0**90

    found = numbers(text.replace(repr(float(json.loads(text)[30][7])).encode(), b"%d" % 2**90), accelerated=accelerated)
    assert_same(found, array)


@reader
def test_a_part_of_a_mapped_body_is_read_without_a_copy_of_it(*, accelerated: bool) -> None:
    text = json.dumps(np.arange(60_000.0).reshape(300, 200).tolist()).encode()
    with mmap.mmap(-1, len(text) + 20) as body:
        body[7 : 7 + len(text)] = text
        found = numbers(body, 7, 7 + len(text), accelerated=accelerated)
        assert occurrences(b"[]", body, 7, 7 + len(text)) == 602
    assert_same(found, np.arange(60_000.0).reshape(300, 200))


class Room:
    """A scratch that remembers what it was asked for."""

    def __init__(self) -> None:
        self.given: list[NDArray[np.float64]] = []

    def empty(self, count: int, dtype: DTypeLike = np.float64) -> NDArray[np.float64]:
        """Give an array of junk."""
        self.given.append(np.full(count, np.nan).astype(dtype))
        return self.given[-1]

    def bytes(self, count: int) -> memoryview:
        """Give nothing: no decoder of numbers wants bytes."""
        raise NotImplementedError(count)


@reader
@pytest.mark.parametrize("shape", [(60_000,), (300, 200), (30_000, 1, 2)], ids=str)
def test_an_array_lies_in_the_room_that_was_given(shape: tuple[int, ...], *, accelerated: bool) -> None:
    array, room = np.random.default_rng(0).standard_normal(shape), Room()
    found = numbers(json.dumps(array.tolist()).encode(), accelerated=accelerated, scratch=room)

    assert_same(found, array)
    assert [given.shape for given in room.given] == [(60_000,)]
    assert np.shares_memory(found, room.given[0])


class StoppedError(Exception):
    """What a checkpoint raises."""


@reader
@pytest.mark.parametrize("pieces", [0, 1, 5, 9])
def test_reading_is_stopped_between_blocks(pieces: int, *, accelerated: bool) -> None:
    left = [pieces]

    def checkpoint() -> None:
        if not left[0]:
            raise StoppedError
        left[0] -= 1

    text = json.dumps(np.random.default_rng(0).standard_normal((500, 100)).tolist()).encode()
    with pytest.raises(StoppedError):
        numbers(text, accelerated=accelerated, checkpoint=checkpoint)
    assert numbers(text, accelerated=accelerated).shape == (500, 100)


def test_a_parser_that_is_not_installed_is_none() -> None:
    assert parser_in("no_such_module_of_anybody") is None

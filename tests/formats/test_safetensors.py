"""safetensors: tensors come back with the same bits, and a header is believed only where it is true."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from app.formats.errors import DecodeError, DuplicateField, Malformed, TooLarge, UnknownField, WrongDtype
from app.formats.safetensors import decode
from tests.formats.files import FIELDS, safetensors, safetensors_of

X = np.arange(6.0).reshape(2, 3)
Y = X[::-1].astype("<f4")
GOOD = safetensors(x=X, y=Y)


def refusal(body: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(body, FIELDS)
    return caught.value


def described(data: Any = bytes(16), **rows: Any) -> bytes:  # noqa: ANN401 - any JSON, and so for data
    """Write a file whose header says these things."""
    return safetensors_of(json.dumps(rows).encode(), data)


def row(dtype: Any = "F64", shape: Any = (2,), offsets: Any = (0, 16), **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


@given(
    array=st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="<"),
        hnp.unsigned_integer_dtypes(endianness="<"),
        hnp.floating_dtypes(endianness="<"),
    ).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0)))
)
def test_tensors_come_back_with_the_same_bits(array: NDArray[np.generic]) -> None:
    found = decode(safetensors(y=X, x=array), FIELDS).arrays
    assert [*found] == ["x", "y"]
    assert (found["x"].dtype, found["x"].shape) == (array.dtype, array.shape)
    assert found["x"].tobytes() == array.tobytes()


def test_a_tensor_is_a_view_of_the_body() -> None:
    assert np.shares_memory(decode(GOOD, FIELDS).arrays["x"], np.frombuffer(GOOD, np.uint8))


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    wanted = np.array([1.0, -0.0, 3.140625, 2.0**-133, 3.3895313892515355e38, np.inf], np.float32)
    data = (wanted.view(np.uint32) >> np.uint32(16)).astype("<u2").tobytes()
    found = decode(described(data, x=row("BF16", (6,), (0, 12))), FIELDS).arrays["x"]
    assert found.dtype == np.float32
    assert found.tobytes() == wanted.tobytes()


def test_metadata_is_passed_over() -> None:
    rows = {"__metadata__": {"format": "pt", "": ""}, "x": row()}
    assert [*decode(described(**rows), FIELDS).arrays] == ["x"]


def test_tensors_may_be_named_in_any_order() -> None:
    body = described(bytes(8) + b"\1" * 8, y=row(shape=(1,), offsets=(8, 16)), x=row(shape=(1,), offsets=(0, 8)))
    assert decode(body, FIELDS).arrays["x"].tolist() == [0.0]


def test_a_file_may_be_empty() -> None:
    assert decode(safetensors(), FIELDS).arrays == {}


NO_FILE = [
    (b"", "ends within"),
    (b"\0" * 7, "ends within"),
    (b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "what safetensors.numpy.save_file writes is wanted"),
    (struct.pack("<Q", 1), "ends within"),
    (b"\xff" * 8 + b"{}", "ends within"),
    (struct.pack("<Q", 2**63) + b"{}", "ends within"),
    (safetensors_of(b"{" + b" " * 2**20 + b"}"), "at most"),
    *(
        (safetensors_of(header), "not a JSON object")
        for header in (
            b"",
            b"{",
            b"[]",
            b"1",
            b" {}",
            b"{}x",
            b'{"x": NaN}',
            b'{"\xff": 1}',
            b'{"x":' * 100_000,
            b'{"x": ' + b"9" * 5000 + b"}",
        )
    ),
    (GOOD + b"\0", "follows the last tensor"),
    (safetensors_of(b"{}", b"\0"), "follows the last tensor"),
]


@pytest.mark.parametrize(("body", "words"), NO_FILE, ids=[f"{body[:40]!r}" for body, _ in NO_FILE])
def test_what_is_no_file_is_refused(body: bytes, words: str) -> None:
    error = refusal(body)
    assert type(error) is Malformed
    assert words in error.detail
    assert error.offset is not None


SHAPES: list[Any] = [2, None, "2", [2.0], [True, 2], ["2"], [-2], [-1, -2], {}]
ROWS: list[tuple[Any, type[DecodeError], str]] = [
    (1, Malformed, "just dtype"),
    ([], Malformed, "just dtype"),
    ({}, Malformed, "just dtype"),
    (row(more=1), Malformed, "just dtype"),
    ({"dtype": "F64", "shape": [2]}, Malformed, "just dtype"),
    (row(None), Malformed, "dtype that is not a string"),
    (row(["F64"]), Malformed, "dtype that is not a string"),
    *((row(tag), WrongDtype, "not read") for tag in ("F8_E4M3", "F8_E5M2", "F4", "C64", "f64", "")),
    *((row(shape=shape), Malformed, "shape") for shape in SHAPES),
    *((row(offsets=at), Malformed, "data_offsets") for at in (16, [], [16], [0, 8, 16], [16, 0], [-16, 0], [0, 16.0])),
    (row(offsets=[False, 16]), Malformed, "data_offsets"),
    (row(shape=[3]), Malformed, "fewer"),
    (row(shape=[1]), Malformed, "more"),
    (row(shape=[]), Malformed, "more"),
    (row(shape=[2**32, 2**32]), Malformed, "fewer"),
    (row(shape=[2**62, 4]), Malformed, "longer than any body"),
    (row(shape=[1] * 32 + [2]), Malformed, "32 axes"),
    (row(offsets=[0, 24]), Malformed, "beyond the end"),
    (row(offsets=[0, 2**70]), Malformed, "beyond the end"),
    (row(offsets=[8, 16], shape=[1]), Malformed, "gap"),
    (row("BOOL", shape=[16]), Malformed, "neither 0 nor 1"),
]


@pytest.mark.parametrize(("said", "kind", "words"), ROWS, ids=[f"{said!r:.60}" for said, _, _ in ROWS])
def test_a_bad_tensor_is_refused_by_its_name(said: Any, kind: type[DecodeError], words: str) -> None:  # noqa: ANN401 - JSON
    error = refusal(described(b"\2" * 16, x=said))
    assert type(error) is kind
    assert [fault.path for fault in error.faults] == [("x",)]
    assert words in error.detail


@pytest.mark.parametrize("offsets", [(0, 16), (8, 24), (8, 16)])
def test_tensors_do_not_overlap(offsets: tuple[int, int]) -> None:
    shape = [(offsets[1] - offsets[0]) // 8]
    error = refusal(described(bytes(24), x=row(), y=row(shape=shape, offsets=offsets)))
    assert "overlap" in error.detail


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        (described(x=row(), logVar=row()), UnknownField, "logVar"),
        (described(beta=row()), UnknownField, "beta"),
        (safetensors_of(b'{"x":1,"x":1}'), DuplicateField, "x"),
        (safetensors_of(b'{"__metadata__":{},"__metadata__":{}}'), DuplicateField, "__metadata__"),
        (described(b"", __metadata__=[]), Malformed, "__metadata__"),
        (described(b"", __metadata__={"a": 1}), Malformed, "__metadata__"),
    ],
)
def test_names_are_looked_at(body: bytes, kind: type[DecodeError], name: str) -> None:
    error = refusal(body)
    assert type(error) is kind
    assert error.faults[0].path == (name,)


def test_there_are_not_many_tensors() -> None:
    assert isinstance(refusal(described(**{f"t{i}": 1 for i in range(20_000)})), TooLarge)


def test_many_tensors_of_one_name_are_not_looked_at_one_by_one() -> None:
    assert isinstance(refusal(safetensors_of(b"{" + b",".join([b'"t":1'] * 20_000) + b"}")), TooLarge)


def test_a_file_cut_anywhere_is_refused() -> None:
    for length in range(len(GOOD)):
        refusal(GOOD[:length])


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), more=st.binary(max_size=6))
def test_a_changed_file_is_refused_or_gives_arrays(place: int, bit: int, more: bytes) -> None:
    changed = bytearray(GOOD)
    place %= len(GOOD)
    changed[place] ^= 1 << bit
    changed[place + 1 : place + 1 + len(more)] = more
    try:
        found = decode(bytes(changed), FIELDS)
    except DecodeError:
        return
    assert sum(array.nbytes for array in found.arrays.values()) <= len(changed)

"""The .npy layout: what NumPy writes is viewed with the same bits, and a header is believed only if it is true."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from app.formats.errors import DecodeError, Malformed, WrongDtype
from app.formats.npy import read
from tests.formats.files import npy, npy_of

REAL = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="<"),
    hnp.integer_dtypes(endianness=">"),
    hnp.unsigned_integer_dtypes(endianness="<"),
    hnp.unsigned_integer_dtypes(endianness=">"),
    hnp.floating_dtypes(endianness="<"),
    hnp.floating_dtypes(endianness=">"),
    st.sampled_from([np.dtype(np.longdouble)]),
)


def viewed(file: bytes, before: bytes = b"", after: bytes = b"") -> NDArray[np.generic]:
    return read("x", before + file + after, len(before), len(before) + len(file))


def header(shape: str = "(2,)", descr: str = "'<f8'", fortran: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


@given(
    array=REAL.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0))),
    fortran=st.booleans(),
    version=st.sampled_from([None, (1, 0), (2, 0), (3, 0)]),
    before=st.binary(max_size=9),
)
def test_what_numpy_writes_is_read(
    array: NDArray[np.generic], *, fortran: bool, version: tuple[int, int] | None, before: bytes
) -> None:
    wanted = np.asfortranarray(array) if fortran and array.ndim else array
    found = viewed(npy(wanted, version), before, b"after")
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert found.tobytes() == wanted.tobytes()


def test_an_array_is_a_view_of_the_body() -> None:
    body = npy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    found = viewed(body)
    assert np.shares_memory(found, np.frombuffer(body, np.uint8))
    assert found.flags.f_contiguous
    assert not found.flags.writeable


@pytest.mark.parametrize(
    "text",
    [
        '{"shape": (2,), "fortran_order": False, "descr": "<f8"}',
        "{'descr':'f8','shape':(2,),'fortran_order':False}",
        "  { 'descr' : '=f8' ,\n'fortran_order': True, 'shape': ( 2L , ) , } ",
        "{'descr': '|f8', 'fortran_order': False, 'shape': (1, 2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2,), }",
    ],
)
def test_other_writers_are_read(text: str) -> None:
    assert viewed(npy_of(text, np.array([1.0, 2.0]).tobytes())).ravel().tolist() == [1.0, 2.0]


DATA = bytes(16)
REFUSED = [
    (b"", Malformed, "first bytes"),
    (b"\x93NUMPX\1\0", Malformed, "first bytes"),
    (b"1,2\n", Malformed, "first bytes"),
    (b"\x93NUMPY", Malformed, "version"),
    (b"\x93NUMPY\1", Malformed, "version"),
    (npy_of(header(), DATA, version=(4, 0)), Malformed, "version"),
    (npy_of(header(), DATA, version=(1, 1)), Malformed, "version"),
    (b"\x93NUMPY\1\0", Malformed, "within its header"),
    (b"\x93NUMPY\2\0\1\0\0", Malformed, "within its header"),
    (b"\x93NUMPY\2\0\xff\xff\xff\xff" + DATA, Malformed, "within its header"),
    (npy_of(header())[:-1], Malformed, "within its header"),
    (npy_of(header().rjust(10_001), DATA), Malformed, "10000"),
    (npy_of("", DATA), Malformed, "dictionary"),
    (npy_of("{}", DATA), Malformed, "dictionary"),
    (npy_of("-" * 9_000 + "1", DATA), Malformed, "dictionary"),
    (npy_of("(" * 9_000, DATA), Malformed, "dictionary"),
    (npy_of("{" * 9_000, DATA), Malformed, "dictionary"),
    (npy_of("{'descr':" * 900, DATA), Malformed, "dictionary"),
    (npy_of("{" + "'a':'b'," * 900 + "!", DATA), Malformed, "dictionary"),
    (npy_of("{[]: 1}", DATA), Malformed, "dictionary"),
    (npy_of("__import__('os').abort()", DATA), Malformed, "dictionary"),
    (npy_of(header().replace("'shape'", "'shape': (2,), 'shape'"), DATA), Malformed, "dictionary"),
    (npy_of(header().replace("'shape'", "'form'"), DATA), Malformed, "dictionary"),
    (npy_of(header().replace("}", "'more': True}"), DATA), Malformed, "dictionary"),
    (npy_of(header().replace("False,", "False"), DATA), Malformed, "dictionary"),
    (npy_of(header() + "x", DATA), Malformed, "dictionary"),
    (npy_of(header(fortran="1"), DATA), Malformed, "dictionary"),
    (npy_of(header(fortran="'True'"), DATA), Malformed, "fortran_order"),
    (npy_of(header(fortran="(1,)"), DATA), Malformed, "fortran_order"),
    (npy_of(header("2"), DATA), Malformed, "dictionary"),
    (npy_of(header("'2'"), DATA), Malformed, "shape"),
    (npy_of(header("(2)"), DATA), Malformed, "shape"),
    (npy_of(header("(2 1)"), DATA), Malformed, "shape"),
    (npy_of(header("(02, 1)"), DATA), Malformed, "shape"),
    (npy_of(header("(,)"), DATA), Malformed, "shape"),
    (npy_of(header("(2,,1)"), DATA), Malformed, "shape"),
    (npy_of(header("(2, -)"), DATA), Malformed, "shape"),
    (npy_of(header("(True, 4)"), DATA), Malformed, "dictionary"),
    (npy_of(header("(-1,)"), DATA), Malformed, "axis 0 negative"),
    (npy_of(header("(-1, -2)"), DATA), Malformed, "axis 0 negative"),
    (npy_of(header("(2, -0)"), DATA), Malformed, "axis 1 negative"),
    (npy_of(header(f"(1, {2**64})"), DATA), Malformed, "axis 1 longer"),
    (npy_of(header(f"(0, {2**64})")), Malformed, "axis 1 longer"),
    (npy_of(header(f"(0, {2**63})")), Malformed, "axis 1 longer"),
    (npy_of(header(f"(0, {'9' * 5000})")), Malformed, "axis 1 longer"),
    (npy_of(header(f"(0, {2**40}, {2**40})")), Malformed, "empty axis"),
    (npy_of(header(f"({2**32}, {2**32})"), DATA), Malformed, "fewer"),
    (npy_of(header(f"({2**33}, {2**31 + 1})"), DATA), Malformed, "fewer"),
    (npy_of(header("(1000000000000,)"), DATA), Malformed, "fewer"),
    (npy_of(header("(3,)"), DATA), Malformed, "fewer"),
    (npy_of(header("(1,)"), DATA), Malformed, "more"),
    (npy_of(header("()"), DATA), Malformed, "more"),
    (npy_of(header("(0,)"), DATA), Malformed, "more"),
    (npy_of(header("(" + "1, " * 33 + ")"), DATA[:8]), Malformed, "32 axes"),
    (npy_of(header(descr="(2,)"), DATA), WrongDtype, "records"),
    (npy_of(header(descr="'f8, f8'"), DATA), Malformed, "descr"),
    (npy_of(header(descr="''"), DATA), Malformed, "descr"),
    (npy_of(header(descr="True"), DATA), Malformed, "descr"),
    (npy_of(header(descr="'<f\xb2'"), DATA), Malformed, "descr"),
    (npy_of(header(descr="'<f3'"), DATA), WrongDtype, "another type"),
    (npy_of(header(descr="'<f'"), DATA), WrongDtype, "another type"),
    (npy_of(header("(1000000000000,)", "'|V0'")), WrongDtype, "raw bytes"),
    (npy_of(header("(1000000000000,)", "'|S0'")), WrongDtype, "texts"),
    (npy_of(header("(1000000000000,)", "'<U0'")), WrongDtype, "texts"),
    (npy_of(header("(1,)", "'|V2147483647'"), DATA), WrongDtype, "raw bytes"),
    (npy_of(header("(4,)", "'<V2'"), DATA[:8]), WrongDtype, "raw bytes, as which NumPy writes bfloat16"),
    (npy_of(header("(1,)", "'<M8'"), DATA), WrongDtype, "another type|dates"),
    (npy_of(header("(1,)", "'|O'"), DATA), WrongDtype, "unpickled"),
    (npy_of(header("(1,)", "'<c16'"), DATA), WrongDtype, "complex"),
    (npy_of(header("(1,)", "[('a', '<f8')]"), DATA), WrongDtype, "records"),
    (npy_of(header("(2,)", "'|b1'"), b"\1\2"), Malformed, "neither 0 nor 1"),
]


@pytest.mark.parametrize(("file", "kind", "words"), REFUSED, ids=[f"{case[0][6:70]!r}" for case in REFUSED])
def test_a_bad_file_is_refused_with_its_name(file: bytes, kind: type[DecodeError], words: str) -> None:
    with pytest.raises(DecodeError) as caught:
        viewed(file, b"before", b"after")
    assert type(caught.value) is kind
    assert [fault.path for fault in caught.value.faults] == [("x",)]
    assert re.search(words, caught.value.detail)
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize("dtype", ["O", "M8[s]", "m8[s]", "c16", "U3", "S3", "V3", [("a", "f8")]])
def test_types_without_real_numbers_are_refused(dtype: str) -> None:
    file = npy_of(f"{np.lib.format.header_data_from_array_1_0(np.zeros(2, dtype))}", bytes(100))
    with pytest.raises(WrongDtype):
        viewed(file)


def test_nothing_is_allocated_for_what_a_header_promises() -> None:
    with pytest.raises(Malformed, match="fewer"):
        viewed(npy_of(header(f"({2**45},)")))


def test_thirty_two_axes_are_read() -> None:
    shape = (2, 3) + (1,) * 30
    assert viewed(npy(np.arange(6.0).reshape(shape))).shape == shape


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_a_file_cut_anywhere_is_refused(version: tuple[int, int]) -> None:
    file = npy(np.arange(4.0), version)
    for length in range(len(file)):
        with pytest.raises(DecodeError):
            viewed(file[:length], after=file[length:])


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_gives_an_array_of_the_same_size(place: int, bit: int) -> None:
    file = bytearray(npy(np.arange(12, dtype="<i2").reshape(3, 4)))
    file[place % len(file)] ^= 1 << bit
    try:
        found = viewed(bytes(file))
    except DecodeError:
        return
    assert math.prod(found.shape) * found.dtype.itemsize == 24


@pytest.mark.parametrize("shape", [(5000, 300), (300, 7, 11, 61), (2, 70, 9000), (20_000, 65)])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "u1"])
def test_a_large_array_in_fortran_order_is_copied_into_c_order(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], dtype: str
) -> None:
    monkeypatch.setattr("app.formats.elements._LARGE_BYTES", 1000)
    monkeypatch.setattr("app.formats.elements._TILE", (40, 100))
    wanted = np.asfortranarray(np.arange(math.prod(shape)).reshape(shape).astype(dtype))
    calls = []
    file = npy(wanted)
    found = read("x", file, 0, len(file), checkpoint=lambda: calls.append(1))
    assert found.flags.c_contiguous
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    assert len(calls) > 10


@pytest.mark.parametrize("shape", [(100, 64), (1000,)])
def test_few_features_are_read_as_they_lie(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    monkeypatch.setattr("app.formats.elements._LARGE_BYTES", 1000)
    file = npy(np.asfortranarray(np.ones(shape)))
    assert not read("x", file, 0, len(file)).flags.owndata
    assert np.shares_memory(read("x", file, 0, len(file)), np.frombuffer(file, "u1"))

"""Whoever computes a checksum, and from whatever pieces, it is zlib's."""

import importlib.util
import mmap
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.checksum import Checksum, checksum_in, crc32

ISAL = importlib.util.find_spec("isal") is not None
LONG = np.random.default_rng(5).bytes(3_000_001)  # long enough for other threads to be let run meanwhile
COMPUTED_BY = pytest.mark.parametrize("checksum", {crc32, checksum_in("nobody")}, ids=lambda one: one.__module__)


@pytest.mark.skipif(not ISAL, reason="isal is not installed")
def test_isal_computes_where_it_is_installed() -> None:
    assert crc32.__module__ == "isal.isal_zlib"


@pytest.mark.parametrize("module", ["nobody", "isal.nobody"])
def test_zlib_computes_where_it_is_not(module: str) -> None:
    assert checksum_in(module) is zlib.crc32


@COMPUTED_BY
def test_the_checksum_is_that_of_the_standard(checksum: Checksum) -> None:
    assert checksum(b"123456789", 0) == 0xCBF43926
    assert checksum(b"", 0) == 0
    assert checksum(b"", 7) == 7


@COMPUTED_BY
@given(data=st.binary(max_size=300), crc=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_any_bytes_have_the_checksum_of_zlib_in_any_pieces(
    checksum: Checksum, data: bytes, crc: int, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = crc
    for start, stop in pairwise(places):
        found = checksum(memoryview(data)[start:stop], found)
    assert found == zlib.crc32(data, crc)


@COMPUTED_BY
@pytest.mark.parametrize("start", [0, 1, 63])
def test_long_bytes_have_the_checksum_of_zlib_wherever_they_begin(checksum: Checksum, start: int) -> None:
    wanted = zlib.crc32(LONG[start:])
    assert checksum(LONG[start:], 0) == wanted
    assert checksum(memoryview(LONG)[start:], 0) == wanted
    assert checksum(memoryview(bytearray(LONG))[start:], 0) == wanted


@COMPUTED_BY
def test_a_mapped_file_has_the_checksum_of_its_bytes(checksum: Checksum, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(LONG)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        whole[5:] as rest,
    ):
        assert checksum(rest, 0) == zlib.crc32(LONG[5:])

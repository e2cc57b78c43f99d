"""Whoever inflates and sums up, and in whatever pieces: the bytes, the refusals and the checksums are zlib's."""

import gzip
import importlib.util
import mmap
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.deflate import FASTEST, GZIP, RAW, Inflating, Library, library_in
from tests.libraries import EITHER

ZLIB_NG = importlib.util.find_spec("zlib_ng") is not None
LONG = np.random.default_rng(5).bytes(3_000_001)  # long enough for other threads to be let run meanwhile


@pytest.mark.skipif(not ZLIB_NG, reason="zlib-ng is not installed")
def test_zlib_ng_is_taken_where_it_is_installed() -> None:
    assert vars(FASTEST)["__name__"] == "zlib_ng.zlib_ng"


def test_a_library_that_is_there_is_taken() -> None:
    assert library_in("zlib") is zlib


@pytest.mark.parametrize("module", ["nobody", "zlib_ng.nobody"])
def test_zlib_is_taken_where_it_is_not(module: str) -> None:
    assert library_in(module) is zlib


@EITHER
def test_the_checksum_is_that_of_the_standard(library: Library) -> None:
    assert library.crc32(b"123456789", 0) == 0xCBF43926
    assert library.crc32(b"", 0) == 0
    assert library.crc32(b"", 7) == 7


@EITHER
@given(data=st.binary(max_size=300), crc=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_any_bytes_have_the_checksum_of_zlib_in_any_pieces(
    library: Library, data: bytes, crc: int, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = crc
    for start, stop in pairwise(places):
        found = library.crc32(memoryview(data)[start:stop], found)
    assert found == zlib.crc32(data, crc)


@EITHER
@pytest.mark.parametrize("start", [0, 1, 63])
def test_long_bytes_have_the_checksum_of_zlib_wherever_they_begin(library: Library, start: int) -> None:
    wanted = zlib.crc32(LONG[start:])
    assert library.crc32(LONG[start:], 0) == wanted
    assert library.crc32(memoryview(LONG)[start:], 0) == wanted
    assert library.crc32(memoryview(bytearray(LONG))[start:], 0) == wanted


@EITHER
def test_a_mapped_file_has_the_checksum_of_its_bytes(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(LONG)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        whole[5:] as rest,
    ):
        assert library.crc32(rest, 0) == zlib.crc32(LONG[5:])


CONTENTS = st.one_of(
    st.binary(max_size=100),
    st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=400), st.integers(1, 400)),
    st.builds(  # a few letters: codes of their own, and matches from far away
        lambda seed, size: np.random.default_rng(seed).choice(np.frombuffer(b"abcde\0", np.uint8), size).tobytes(),
        *(st.integers(0, 99), st.integers(0, 50_000)),
    ),
    st.builds(lambda seed, size: np.random.default_rng(seed).bytes(size), st.integers(0, 99), st.integers(0, 50_000)),
    st.builds(
        lambda seed, size: np.asarray(np.random.default_rng(seed).random(size), np.float32).tobytes(),
        *(st.integers(0, 99), st.integers(0, 10_000)),
    ),
)


@st.composite
def members(draw: st.DrawFn, wbits: int) -> bytes:
    """Deflate something in one of the ways that there are."""
    level, memory, strategy = draw(st.sampled_from([0, 1, 6, 9])), draw(st.integers(1, 9)), draw(st.integers(0, 4))
    stream = zlib.compressobj(level, zlib.DEFLATED, wbits, memory, strategy)
    packed = b""
    for content in draw(st.lists(CONTENTS, max_size=3)):
        packed += stream.compress(content) + stream.flush(draw(st.sampled_from([zlib.Z_NO_FLUSH, zlib.Z_FULL_FLUSH])))
    return packed + stream.flush()


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, bytes]:
    """Give streams, good and damaged, alone and one behind the other, and how they are to be read."""
    wbits = draw(st.sampled_from([RAW, GZIP]))
    body = bytearray(b"".join(draw(st.lists(members(wbits), min_size=1, max_size=2))))
    for damage in draw(st.lists(st.sampled_from(["flip", "early", "put", "take", "end", "more"]), max_size=2)):
        place = draw(st.integers(0, max(0, len(body) - 1)))
        other = draw(st.binary(min_size=1, max_size=8))
        if damage == "flip" and body:
            body[place] ^= 1 << draw(st.integers(0, 7))
        elif damage == "early":  # where headers and tables of codes are
            body[place % 40 : place % 40 + len(other)] = other
        elif damage == "put":
            body[place:place] = other
        elif damage == "take":
            del body[place : place + len(other)]
        elif damage == "end":
            del body[place:]
        else:
            body += other
    return wbits, bytes(body)


def fed(library: Library, stream: Inflating, data: bytes, most: int) -> tuple[bytes | None, bool, bytes, bytes]:
    """Inflate the next bytes, and give all that can be seen of it; None is a refusal."""
    try:
        found = stream.decompress(data, most)
    except library.error:
        found = None
    return found, stream.eof, stream.unused_data, stream.unconsumed_tail


@EITHER
@settings(max_examples=500)
@given(
    stream=streams(),
    pieces=st.lists(st.sampled_from([1, 2, 9, 100, 1000, 2**16]) | st.integers(1, 2**16), min_size=1, max_size=4),
    most=st.lists(st.sampled_from([0, 1, 3, 258, 259, 2**15, 2**20]) | st.integers(1, 2**17), min_size=1, max_size=4),
)
def test_any_stream_inflates_as_with_zlib(
    library: Library, stream: tuple[int, bytes], pieces: list[int], most: list[int]
) -> None:
    wbits, body = stream
    ours, wanted = library.decompressobj(wbits=wbits), zlib.decompressobj(wbits=wbits)
    place, lengths, limits = 0, cycle(pieces), cycle(most)
    rest = b""
    for _ in range(300):
        length = 0 if rest else next(lengths)
        data, limit = rest or body[place : place + length], next(limits)
        place += length
        found = fed(library, ours, data, limit)
        assert found == fed(zlib, wanted, data, limit)
        inflated, ended, _, rest = found
        if inflated is None or ended or (not rest and place >= len(body) and (not limit or len(inflated) < limit)):
            break
        assert not limit or len(inflated) <= limit


@EITHER
@pytest.mark.parametrize("wbits", [RAW, GZIP])
def test_what_is_long_inflates_whole(library: Library, wbits: int) -> None:
    packer = zlib.compressobj(6, wbits=wbits)
    half = LONG[:700_000] + bytes(10**6) + LONG[:20_000] * 3
    packed = packer.compress(half + half) + packer.flush()
    stream = library.decompressobj(wbits=wbits)
    assert stream.decompress(packed + b"behind", 10**8) == half + half
    assert (stream.eof, stream.unused_data, stream.unconsumed_tail) == (True, b"behind", b"")


@EITHER
@pytest.mark.parametrize(
    ("wbits", "body"),
    [
        pytest.param(RAW, bytes.fromhex("05c081080000008000d6fdabaaaaaaaa0e01"), id="a code that is not complete"),
        pytest.param(GZIP, bytes.fromhex("1f8b0880000000000203") + gzip.compress(b"")[10:], id="a reserved flag"),
        pytest.param(RAW, b"\x07", id="a block of a kind that is not there"),
        pytest.param(RAW, b"\x01\x01\x00\x00\x00a", id="a stored block of two lengths"),
        pytest.param(GZIP, gzip.compress(b"hello")[:-8] + bytes(8), id="another checksum"),
        pytest.param(RAW, b"\x4b\x04\x12\x00", id="a distance to before the beginning"),
    ],
)
def test_what_another_library_might_take_is_refused(library: Library, wbits: int, body: bytes) -> None:
    with pytest.raises(library.error):
        library.decompressobj(wbits=wbits).decompress(body, 100)


def lets_others_run(work: Callable[[], object]) -> bool:
    """Tell whether another thread gets the interpreter while work is done; between its steps nobody takes it away."""
    usual = sys.getswitchinterval()
    gate, ran = threading.Lock(), threading.Event()
    gate.acquire()

    def run() -> None:
        with gate:
            ran.set()

    other = threading.Thread(target=run)
    other.start()
    sys.setswitchinterval(100)
    try:
        gate.release()
        for _ in range(2000):
            work()
            if ran.is_set():
                return True
        return False
    finally:
        sys.setswitchinterval(usual)
        other.join()


def test_most_work_lets_nobody_run() -> None:
    assert not lets_others_run(lambda: sum(range(100)))


@EITHER
def test_others_run_while_what_is_long_is_summed_up_or_inflated(library: Library) -> None:
    packed = zlib.compress(LONG[:100_000], wbits=RAW)
    assert lets_others_run(lambda: library.crc32(LONG, 0))
    assert lets_others_run(lambda: library.decompressobj(wbits=RAW).decompress(packed, 200_000))


@EITHER
def test_no_more_room_is_taken_than_is_asked_for(library: Library) -> None:
    packer = zlib.compressobj(9, wbits=RAW)
    packed = packer.compress(bytes(20_000_000)) + packer.flush()
    stream = library.decompressobj(wbits=RAW)
    tracemalloc.start()
    try:
        assert len(stream.decompress(packed, 2**16)) == 2**16
        assert tracemalloc.get_traced_memory()[1] < 2**18 + len(packed)
    finally:
        tracemalloc.stop()

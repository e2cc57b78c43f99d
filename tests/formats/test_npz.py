"""Archives: what NumPy writes is read, whatever contradicts itself is refused by name, and nothing inflates unasked."""

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats import npz as reader
from app.formats.archive import FREE_BYTES, MOST_EXPANSION
from app.formats.aside import Check
from app.formats.errors import DecodeError, DuplicateField, Malformed, TooLarge, UnknownField, WrongDtype
from app.formats.npz import encode
from app.formats.reply import Reply
from app.formats.submission import Submission
from tests.formats.files import FIELDS, npy, npz, zipped
from tests.libraries import LIBRARIES

X = np.arange(6.0).reshape(2, 3)
Y = np.asfortranarray(X[::-1].astype(">f4"))
PLAIN = npz(x=X, y=Y)
DEFLATED = npz(compressed=True, x=X, y=Y)
A_FILE = npy(X)

CENTRAL, LOCAL, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"


def decode(body: bytes, fields: frozenset[str], *, max_upload_bytes: int = 2**28) -> Submission:
    """Read an archive with every library that there is: the arrays are the same, and so are the refusals."""
    found: list[Submission | DecodeError] = []
    for library in LIBRARIES:
        try:
            found.append(reader.decode(body, fields, max_upload_bytes=max_upload_bytes, library=library))
        except DecodeError as error:
            found.append(error)
    first = found[0]
    assert len({_told(one) for one in found}) == 1
    if isinstance(first, DecodeError):
        raise first
    return first


def _told(outcome: Submission | DecodeError) -> object:
    """Make two outcomes equal if a caller could not tell one from the other."""
    if isinstance(outcome, DecodeError):
        return type(outcome), outcome.detail, outcome.faults
    return tuple((name, array.dtype, array.shape, array.tobytes()) for name, array in outcome.arrays.items())


def refusal(body: bytes, *, max_upload_bytes: int = 2**28) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(body, FIELDS, max_upload_bytes=max_upload_bytes)
    return caught.value


def patched(body: bytes, *, after: bytes, at: int, new: bytes, which: int = 0) -> bytes:
    """Overwrite bytes behind a signature."""
    place = -1
    for _ in range(which + 1):
        place = body.index(after, place + 1)
    place += at
    return body[:place] + new + body[place + len(new) :]


class Unseekable(io.BytesIO):
    """A file that cannot go back, such as a pipe: sizes then follow the content."""

    def tell(self) -> int:
        """Fail, which is how an archive finds out."""
        raise io.UnsupportedOperation


def piped(*, wide: bool, method: int) -> bytes:
    """Write an archive into a pipe."""
    file = Unseekable()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in (("x", X), ("y", Y)):
            with archive.open(f"{name}.npy", "w", force_zip64=wide) as member:
                member.write(npy(array))
    return file.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        PLAIN,
        DEFLATED,
        zipped({"y.npy": npy(Y), "x.npy": npy(X)}),
        zipped({"x.npy": npy(X), "y.npy": npy(Y)}, zipfile.ZIP_DEFLATED),
        *(piped(wide=wide, method=method) for wide in (True, False) for method in (0, 8)),
    ],
)
def test_archives_of_several_writers_are_read(body: bytes) -> None:
    found = decode(body, FIELDS)
    assert [*found.arrays] == ["x", "y"]
    assert found.options == {}
    for name, wanted in (("x", X), ("y", Y)):
        assert found.arrays[name].dtype == wanted.dtype
        np.testing.assert_array_equal(found.arrays[name], wanted)


def test_a_descriptor_without_its_signature_is_read() -> None:
    body = piped(wide=False, method=0)
    begin = body.index(b"PK\7\x08")
    body = body[:begin] + body[begin + 4 :]
    second, directory = body.index(LOCAL, 4), body.index(CENTRAL)
    body = patched(body, after=CENTRAL, at=42, new=struct.pack("<L", second), which=1)
    body = patched(body, after=END, at=16, new=struct.pack("<L", directory))
    np.testing.assert_array_equal(decode(body, FIELDS).arrays["y"], Y)


def test_extra_fields_of_other_kinds_are_passed_over() -> None:
    file = io.BytesIO()
    info = zipfile.ZipInfo("x.npy")
    info.extra = struct.pack("<2H3s", 7, 3, b"abc")
    with zipfile.ZipFile(file, "w") as archive, archive.open(info, "w", force_zip64=True) as member:
        member.write(A_FILE)
    np.testing.assert_array_equal(decode(file.getvalue(), FIELDS).arrays["x"], X)


@pytest.mark.parametrize("extra", [struct.pack("<2H3s", 7, 3, b"abc"), struct.pack("<2HQ", 1, 8, len(A_FILE))])
def test_a_size_that_no_extra_field_gives_is_refused(extra: bytes) -> None:
    file = io.BytesIO()
    info = zipfile.ZipInfo("x.npy")
    info.extra = extra
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, A_FILE)
    assert [*decode(file.getvalue(), FIELDS).arrays] == ["x"]
    error = refusal(patched(file.getvalue(), after=CENTRAL, at=20, new=b"\xff" * 8))
    assert error.faults[0].path == ("x.npy",)


def test_a_stored_array_is_a_view_of_the_body() -> None:
    assert np.shares_memory(decode(PLAIN, FIELDS).arrays["x"], np.frombuffer(PLAIN, np.uint8))


def test_an_archive_may_be_empty() -> None:
    assert decode(npz(), FIELDS).arrays == {}


def test_all_arrays_of_a_batch_are_taken() -> None:
    arrays = {"sample_weight": np.ones(2), "logvar": X, "mu": X, "y": X, "x": X}
    assert [*decode(npz(**arrays), FIELDS).arrays] == ["x", "y", "mu", "logvar", "sample_weight"]


REFUSED: list[tuple[str, bytes, type[DecodeError], str, str]] = [
    ("empty", b"", Malformed, "", "no ZIP archive"),
    ("json", b'{"x": 1}', Malformed, "", "no ZIP archive"),
    ("another file", A_FILE, Malformed, "", "what numpy.savez writes is wanted"),
    ("many", zipped({f"archive/data/{i}": b"" for i in range(9)}), TooLarge, "", "what numpy.savez writes is wanted"),
    ("no names", npz(arr_0=X, arr_1=X), UnknownField, "arr_0", "request (numpy.savez(file, x=x, y=y) gives names)"),
    ("short", b"PK", Malformed, "", "directory is missing"),
    ("cut", PLAIN[:-1], Malformed, "", "follows its end|directory is missing"),
    ("before", b"PK" + PLAIN, Malformed, "", "contradicts"),
    ("behind", PLAIN + b"\0", Malformed, "", "follows its end"),
    ("comment", patched(PLAIN, after=END, at=20, new=b"\1\0") + b"c", Malformed, "", "follows its end"),
    ("comment length", patched(PLAIN, after=END, at=20, new=b"\1\0"), Malformed, "", "contradicts"),
    ("disks", patched(PLAIN, after=END, at=4, new=b"\1\0"), Malformed, "", "contradicts"),
    ("counts differ", patched(PLAIN, after=END, at=8, new=b"\1\0"), Malformed, "", "contradicts"),
    (
        "fewer rows",
        patched(PLAIN, after=END, at=8, new=b"\1\0\1\0"),
        Malformed,
        "",
        "directory of the archive is broken",
    ),
    (
        "more rows",
        patched(PLAIN, after=END, at=8, new=b"\3\0\3\0"),
        Malformed,
        "",
        "directory of the archive is broken",
    ),
    ("a row", patched(PLAIN, after=CENTRAL, at=0, new=b"PK\0\0", which=1), Malformed, "", "is broken"),
    ("a row's length", patched(PLAIN, after=CENTRAL, at=28, new=b"\xff\xff", which=1), Malformed, "", "is broken"),
    ("a row's disk", patched(PLAIN, after=CENTRAL, at=34, new=b"\1\0"), Malformed, "", "is broken"),
    ("nine members", zipped({f"{i}.npy": b"" for i in range(9)}), TooLarge, "", "at most 8"),
    (
        "rows forgotten",
        patched(PLAIN, after=END, at=8, new=bytes(8) + struct.pack("<L", len(PLAIN) - 22)),
        Malformed,
        "",
        "no members",
    ),
    (
        "overlap",
        patched(PLAIN, after=CENTRAL, at=42, new=bytes(4), which=1),
        Malformed,
        "y.npy|x.npy",
        "does not end|overlaps",
    ),
    ("gap", patched(PLAIN, after=CENTRAL, at=42, new=b"\1"), Malformed, "x.npy", "gap"),
    ("encrypted", patched(PLAIN, after=CENTRAL, at=8, new=b"\1"), Malformed, "x.npy", "encrypted"),
    ("encrypted within", patched(PLAIN, after=LOCAL, at=6, new=b"\1"), Malformed, "x.npy", "contradicts"),
    ("method", zipped({"x.npy": A_FILE}, zipfile.ZIP_BZIP2), Malformed, "x.npy", "neither stored nor deflated"),
    ("method within", patched(PLAIN, after=LOCAL, at=8, new=b"\x08"), Malformed, "x.npy", "contradicts"),
    (
        "stored in less",
        patched(PLAIN, after=CENTRAL, at=20, new=b"\1\0\0\0"),
        Malformed,
        "x.npy",
        "two different sizes",
    ),
    ("no size", patched(PLAIN, after=CENTRAL, at=20, new=b"\xff" * 8), Malformed, "x.npy", "does not end|other sizes"),
    ("name within", PLAIN.replace(b"x.npy", b"q.npy", 1), Malformed, "x.npy", "contradicts"),
    ("name in the directory", patched(PLAIN, after=CENTRAL, at=46, new=b"mu.np"), Malformed, "mu.np", "contradicts"),
    (
        "header within",
        patched(PLAIN, after=LOCAL, at=0, new=b"PK\0\0", which=1),
        Malformed,
        "y.npy",
        "header of its own",
    ),
    ("checksum within", patched(PLAIN, after=LOCAL, at=14, new=b"\0\0\0\0"), Malformed, "x.npy", "other sizes"),
    (
        "extra within",
        patched(PLAIN, after=LOCAL, at=28, new=b"\xff\xff"),
        Malformed,
        "x.npy",
        "contradicts|other sizes",
    ),
    (
        "sizes never given",
        patched(piped(wide=False, method=0), after=b"PK\7\x08", at=4, new=b"\0"),
        Malformed,
        "x.npy",
        "does not end",
    ),
    ("damage", patched(PLAIN, after=b"}", at=-9, new=b"!"), Malformed, "x.npy", "checksum"),
    ("unknown", npz(x=X, y=X, logVar=X), UnknownField, "logVar", "did you mean logvar"),
    ("an option", npz(x=X, loss=X), UnknownField, "loss", "its fields are x, y"),
    ("no array", zipped({"x.npy": A_FILE, "summary.json": b"{}"}), UnknownField, "summary.json", "end with .npy, as"),
    ("a folder", zipped({"x/": b""}), UnknownField, "x/", "end with .npy"),
    ("a way out", zipped({"../../x.npy": A_FILE}), UnknownField, "../../x", "no array"),
    ("a root", zipped({"/x.npy": A_FILE}), UnknownField, "/x", "no array"),
    ("a nul", PLAIN.replace(b"y.npy", b"x\0npy"), UnknownField, "x\0npy", "end with .npy"),
    ("bytes", PLAIN.replace(b"y.npy", b"\xff.npy"), UnknownField, "\ufffd", "no array"),
    ("a long name", zipped({"n" * 60_000 + ".npy": A_FILE}), UnknownField, "n" * 40, "end with .npy"),
    ("twice", PLAIN.replace(b"y.npy", b"x.npy"), DuplicateField, "x", "more than once"),
    ("no npy", zipped({"x.npy": b"1,2\n"}), Malformed, "x", "no .npy file"),
    ("objects", npz(x=np.array([None], object)), WrongDtype, "x", "unpickled"),
]


@pytest.mark.parametrize(("body", "kind", "name", "words"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_bad_archive_is_refused_with_the_member(body: bytes, kind: type[DecodeError], name: str, words: str) -> None:
    error = refusal(body)
    assert type(error) is kind
    named = [str(fault.path[0]) for fault in error.faults]
    assert (named[0] in name.split("|")) if name else not named
    assert any(part in error.detail for part in words.split("|"))
    assert len(error.detail) < 400


class Searched(bytes):
    """A body that knows how much of it was searched from behind."""

    length = 0

    def rfind(self, sub: Any, start: Any = 0, stop: Any = None) -> int:  # noqa: ANN401 - as of bytes
        """Search, and count what is searched."""
        stop = len(self) if stop is None else stop
        self.length += stop - start
        return super().rfind(sub, start, stop)


def test_only_the_end_of_a_large_archive_is_searched_for_its_end() -> None:
    # In a mapped file of 2 GiB, to search all of it would take seconds, and as much memory.
    body = Searched(PLAIN + bytes(2**22))
    with pytest.raises(Malformed, match="directory is missing"):
        reader.decode(body, FIELDS)
    assert body.length < 2**17
    behind = patched(PLAIN, after=END, at=20, new=b"\xff\xff") + bytes(0xFFFF)  # the longest comment
    assert "follows its end" in refusal(behind).detail


def raw_deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(9, wbits=-15)
    return stream.compress(data) + stream.flush()


def one_member(packed: bytes, size: int, crc: int) -> bytes:
    """Write an archive with one deflated member that says whatever it says."""
    sizes = struct.pack("<3L", crc, len(packed), size)
    local = LOCAL + struct.pack("<5H", 20, 0, 8, 0, 0) + sizes + struct.pack("<2H", 5, 0) + b"x.npy" + packed
    row = (
        CENTRAL + struct.pack("<6H", 20, 20, 0, 8, 0, 0) + sizes + struct.pack("<5H2L", 5, 0, 0, 0, 0, 0, 0) + b"x.npy"
    )
    return local + row + END + struct.pack("<4H2LH", 0, 0, 1, 1, len(row), len(local), 0)


def test_the_archive_of_one_member_is_good_if_it_says_the_truth() -> None:
    body = one_member(raw_deflated(A_FILE), len(A_FILE), zlib.crc32(A_FILE))
    np.testing.assert_array_equal(decode(body, FIELDS).arrays["x"], X)


@pytest.mark.parametrize(
    ("packed", "size"),
    [
        (raw_deflated(A_FILE), len(A_FILE) - 1),
        (raw_deflated(A_FILE), len(A_FILE) + 1),
        (raw_deflated(A_FILE)[:-1], len(A_FILE)),
        (raw_deflated(A_FILE) + b"\0", len(A_FILE)),
        (raw_deflated(A_FILE) + bytes(100_000), len(A_FILE)),
        (raw_deflated(bytes(200_000)), 1000),
        (b"", len(A_FILE)),
        (b"\xff" * 50, len(A_FILE)),
    ],
)
def test_sizes_that_lie_are_found_out(packed: bytes, size: int) -> None:
    error = refusal(one_member(packed, size, zlib.crc32(A_FILE)))
    assert isinstance(error, Malformed)
    assert "does not inflate to the size" in error.detail


def test_a_code_that_is_not_complete_is_refused() -> None:
    packed = bytes.fromhex("05c081080000008000d6fdabaaaaaaaa0e01")  # an "a" for ISA-L, and for others nothing
    error = refusal(one_member(packed, 1, zlib.crc32(b"a")))
    assert "does not inflate to the size" in error.detail


def test_a_long_member_is_summed_up_whole() -> None:
    body = npz(x=np.zeros(5_000_000, np.uint8))
    assert decode(body, FIELDS).arrays["x"].size == 5_000_000
    for place in (1000, len(body) - 1000):
        assert "checksum" in refusal(body[:place] + b"\1" + body[place + 1 :]).detail


def test_a_bomb_is_refused_before_it_inflates() -> None:
    zeros = np.zeros(50 * 2**20, np.uint8)
    body = npz(compressed=True, x=zeros)
    del zeros
    tracemalloc.start()
    try:
        error = refusal(body)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(error, TooLarge)
    assert error.faults[0].path == ("x.npy",)
    assert f"{MOST_EXPANSION} times" in error.detail


def test_what_is_small_may_inflate_from_little() -> None:
    zeros = np.zeros(FREE_BYTES - 128, np.uint8)
    np.testing.assert_array_equal(decode(npz(compressed=True, x=zeros), FIELDS).arrays["x"], zeros)


@pytest.mark.parametrize("compressed", [True, False])
def test_all_members_together_stay_within_the_limit(*, compressed: bool) -> None:
    body = npz(compressed=compressed, x=X, y=X)
    assert [*decode(body, FIELDS, max_upload_bytes=2 * len(A_FILE)).arrays] == ["x", "y"]
    error = refusal(body, max_upload_bytes=2 * len(A_FILE) - 1)
    assert isinstance(error, TooLarge)
    assert error.faults[0].path == ("y.npy",)


@pytest.mark.parametrize("body", [PLAIN, DEFLATED, piped(wide=False, method=8)])
def test_an_archive_cut_anywhere_is_refused(body: bytes) -> None:
    for length in range(len(body)):
        refusal(body[:length])


@pytest.mark.parametrize("body", [PLAIN, DEFLATED], ids=["stored", "deflated"])
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), more=st.binary(max_size=6))
def test_a_changed_archive_is_refused_or_gives_arrays(body: bytes, place: int, bit: int, more: bytes) -> None:
    changed = bytearray(body)
    place %= len(body)
    changed[place] ^= 1 << bit
    changed[place + 1 : place + 1 + len(more)] = more
    try:
        found = decode(bytes(changed), FIELDS)
    except DecodeError:
        return
    assert sum(array.size for array in found.arrays.values()) in (6, 12)


LARGE = np.arange(300_000.0).reshape(300, 1000)
LARGE_DECK = npz(x=LARGE, y=-LARGE)
"""Members of more than a mebibyte, which are summed up aside."""

_MIDDLES = {"x": len(LARGE_DECK) // 4, "y": len(LARGE_DECK) * 3 // 4}


def damaged(*names: str) -> bytes:
    """Change a bit in the middle of members."""
    changed = bytearray(LARGE_DECK)
    for name in names:
        changed[_MIDDLES[name]] ^= 1
    return bytes(changed)


class Aside:
    """Looks at nothing before it is waited for, and counts."""

    def __init__(self) -> None:
        self.begun = 0
        self.done = 0

    def __call__(self, check: Check) -> Check:
        """Begin to look."""
        self.begun += 1

        def awaited() -> None:
            self.done += 1
            check()

        return awaited


def test_large_members_are_summed_up_while_others_work_with_them() -> None:
    aside = Aside()
    found = reader.decode(LARGE_DECK, FIELDS, aside=aside)
    assert (aside.begun, aside.done) == (2, 0)
    with found.checked():
        assert found.arrays["y"].tobytes() == (-LARGE).tobytes()
        assert aside.done == 0
    assert aside.done == 2


@pytest.mark.parametrize("body", [PLAIN, npz(compressed=True, x=LARGE, y=LARGE)], ids=["small", "deflated"])
def test_others_are_summed_up_at_once(body: bytes) -> None:
    aside = Aside()
    with reader.decode(body, FIELDS, aside=aside).checked():
        pass
    assert aside.begun == 0


@pytest.mark.parametrize("names", [("x",), ("y",), ("x", "y")])
def test_a_checksum_counts_more_than_what_was_made_of_the_array(names: tuple[str, ...]) -> None:
    body, aside = damaged(*names), Aside()
    found = reader.decode(body, FIELDS, aside=aside)
    with pytest.raises(Malformed) as late, found.checked():
        raise InterruptedError
    with pytest.raises(Malformed) as early:
        reader.decode(body, FIELDS)
    assert late.value.detail == early.value.detail
    assert late.value.faults[0].path == (f"{names[0]}.npy",)
    assert aside.done == 2  # nobody is left who looks at the body


@pytest.mark.parametrize("bit", [0, 1])
def test_a_member_that_is_refused_waits_for_those_before_it(bit: int) -> None:
    whole = zipped({"x.npy": npy(LARGE), "y.npy": npy(-LARGE).replace(b"<f8", b"<c8")})
    changed, aside = bytearray(whole), Aside()
    changed[_MIDDLES["x"]] ^= bit
    with pytest.raises(DecodeError) as late:
        reader.decode(bytes(changed), FIELDS, aside=aside)
    with pytest.raises(DecodeError) as early:
        reader.decode(bytes(changed), FIELDS)
    assert (type(late.value), late.value.detail) == (type(early.value), early.value.detail)
    assert isinstance(late.value, Malformed if bit else WrongDtype)
    assert aside.begun == aside.done == 2


REPLY = Reply(
    {"beta": 0.1, "per_sample": {"kl": {"sum": None}}, "elementwise": None},
    {"per_sample.kl.sum": np.array([0.1, -0.0]), "elementwise": np.array([[1.0], [5e-324]])},
)


def test_an_answer_is_an_archive_of_arrays_and_a_summary() -> None:
    with np.load(io.BytesIO(encode(REPLY)), allow_pickle=False) as found:
        assert set(found.files) == {*REPLY.arrays, "summary.json"}
        for place, array in REPLY.arrays.items():
            assert found[place].dtype == np.float64
            assert found[place].tobytes() == array.tobytes()
        assert json.loads(found["summary.json"]) == dict(REPLY.summary)


def test_an_answer_is_always_the_same_bytes() -> None:
    assert encode(REPLY) == encode(REPLY)
    assert zipfile.ZipFile(io.BytesIO(encode(REPLY))).testzip() is None


def test_an_answer_is_finite() -> None:
    with pytest.raises(ValueError, match="elementwise is not finite"):
        encode(Reply({"elementwise": None}, {"elementwise": np.array([np.inf])}))

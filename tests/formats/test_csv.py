"""Text: numbers are correctly rounded however they are written, and what is wrong has a line and a column."""

import json
import mmap
import tracemalloc
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from app.formats.csv import read
from app.formats.errors import DecodeError, Malformed, NotANumber, OutOfRange, Ragged
from app.formats.json_numerals import ACCELERATED

finite = st.floats(allow_nan=False, allow_infinity=False)
tables = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=finite)


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("write", [repr, "{:.17g}".format, "{:.18e}".format, " {:+.17g}\t".format])
@pytest.mark.parametrize("heading", [False, True])
@settings(deadline=None)
@given(table=tables)
def test_a_table_comes_back_with_the_same_bits(
    table: NDArray[np.float64], separator: str, end: str, write: object, *, heading: bool
) -> None:
    assert callable(write)
    lines = [separator.join(map(write, row)) for row in table.tolist()]
    names = [separator.join(f"pixel {column}" for column in range(table.shape[1]))] if heading else []
    found = read("x", (end.join(names + lines) + end).encode())
    assert found.shape == table.shape
    assert found.tobytes() == table.tobytes()


@settings(deadline=None)
@given(number=st.from_regex(r"[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_every_way_to_write_a_number_is_correctly_rounded(number: str) -> None:
    assert read("x", f"{number},0\n".encode()).tolist() == [[float(number), 0.0]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", [1]),
        ("1\n2\n", [1, 2]),
        ("1\r\n2", [1, 2]),
        ("1,2", [[1, 2]]),
        ("1,2\n\n\n", [[1, 2]]),
        ("\ufeff1,2\n", [[1, 2]]),
        ("\ufeffa,b\n1,2\n", [[1, 2]]),
        ("weight\n1\n2", [1, 2]),
        ("true\n1\n2", [1, 2]),
        ("nonempty;nullable;nano;infimum;#name\n1;2;3;4;5", [[1, 2, 3, 4, 5]]),
        ('"a","b"\n1,2', [[1, 2]]),
        ("\u00e4;\u00f6\n1;2", [[1, 2]]),
        ("name\n1;2", [[1, 2]]),
        ("name\n1,2", [[1, 2]]),
        (".5,01,5.", [[0.5, 1, 5]]),
        ("1 , 2\n 3,\t4 ", [[1, 2], [3, 4]]),
        ("1e5,1E-05", [[1e5, 1e-05]]),
    ],
)
def test_tables_of_several_writers_are_read(text: str, wanted: list[float]) -> None:
    assert read("x", text.encode()).tolist() == wanted


@pytest.mark.parametrize("text", ["-0,1", "1,-0", "1;-0\n2;3", "-0 ,1", "-0\t,1", "-0\n1", "+1\n-0"])
def test_a_negative_zero_keeps_its_sign(text: str) -> None:
    found = read("x", text.encode())
    assert np.signbit(found).sum() == 1


def test_lines_beyond_a_block_are_read() -> None:
    table = np.random.default_rng(3).standard_normal((4000, 30))
    text = "\n".join(json.dumps(row)[1:-1] for row in table.tolist())
    assert read("x", text.encode()).tobytes() == table.tobytes()


REFUSED: list[tuple[bytes, type[DecodeError], tuple[int, ...], str]] = [
    (b"", Ragged, (), "holds no numbers"),
    (b"\n\r\n", Ragged, (), "holds no numbers"),
    (b"a,b\n", Ragged, (), "holds no numbers"),
    (b"1,2\n3\n", Ragged, (1,), "line 2) has 1 numbers; 2 are wanted"),
    (b"a,b\n1,2\n3,4,5\n", Ragged, (1,), "line 3) has 3 numbers"),
    (b"1,2\n3,word\n", NotANumber, (1, 1), "line 2, column 2) is not a number"),
    (b"a,b\nc,d\n", NotANumber, (0, 0), "line 2, column 1) is not a number"),
    (b"1,word\n3,4\n", NotANumber, (0, 1), "line 1, column 2)"),
    (b",0,1\n0,1,2\n", NotANumber, (0, 0), "line 1, column 1) is empty"),
    (b",a,b\n0,1,2\n", NotANumber, (0, 0), "line 1, column 1) is empty"),
    (b"   \n1\n", NotANumber, (0, 0), "line 1, column 1) is empty"),
    (b"1,2,\n", NotANumber, (0, 2), "is empty"),
    (b"1,2\n\n3,4\n", NotANumber, (1, 0), "line 2, column 1) is empty"),
    (b"1\n\n3\n", NotANumber, (1, 0), "is empty"),
    (b"nan,1\n", NotANumber, (0, 0), "is NaN"),
    (b"null\n1\n2\n", NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b"None,None\n1,2\n", NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b"a;NULL\n1;2\n", NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b'"null"\n1\n', NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b'"NaN"\n1\n', NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b"#N/A\n1\n", NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b"#DIV/0!,#NUM!\n1,2\n", NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b"<NA>\n1\n", NotANumber, (0, 0), "line 1, column 1) is not a number"),
    (b"1,NaN\n", NotANumber, (0, 1), "is NaN"),
    (b"1,-Infinity\n", NotANumber, (0, 1), "is NaN or infinite"),
    (b"1,N/A\n", NotANumber, (0, 1), "is NaN"),
    (b"0,5;1,5\n", NotANumber, (0, 0), "decimal comma"),
    (b"1;2\n3,5;4\n", NotANumber, (1, 0), "decimal comma"),
    (b"1 2\n3 4\n", NotANumber, (0, 0), "is not a number but several with blanks between them; commas or semicolons"),
    (b" 1.0e+00\t-.5 \n", NotANumber, (0, 0), "is not a number but several with blanks between them"),
    (b"1 2 word\n", NotANumber, (0, 0), "is not a number; a finite"),
    (b"1_0,1\n", NotANumber, (0, 0), "is not a number"),
    (b"0x1,1\n", NotANumber, (0, 0), "is not a number"),
    ("1,\u0661".encode(), NotANumber, (0, 1), "is not a number"),
    (b"1],[2\n", NotANumber, (0, 0), "is not a number"),
    (b'1,"2"\n', NotANumber, (0, 1), "is not a number as it is in quotes"),
    (b"1, '2' \n", NotANumber, (0, 1), "without quotes"),
    (b"1,\"2'\n", NotANumber, (0, 1), "is not a number; a finite"),
    (b"1,2\r3,4\n", NotANumber, (0, 1), "is not a number"),
    (b"1,1e400\n", OutOfRange, (0, 1), "line 1, column 2) is beyond"),
    (b"1," + b"9" * 400, OutOfRange, (0, 1), "beyond"),
    (b"1,2\n\xff,4\n", Malformed, (), "not UTF-8 (byte 4, line 2)"),
    ("1,2".encode("utf-16"), Malformed, (), "UTF-16"),
    ("1,2".encode("utf-32"), Malformed, (), "UTF-32"),
]


@pytest.mark.parametrize(("text", "kind", "index", "words"), REFUSED, ids=[f"{case[0][:30]!r}" for case in REFUSED])
def test_what_is_wrong_has_a_line_and_a_column(
    text: bytes, kind: type[DecodeError], index: tuple[int, ...], words: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        read("x", text)
    assert type(caught.value) is kind
    assert caught.value.faults[0].path == ("x", *index)
    assert words in caught.value.detail
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize(
    "text", [b"a,1\n" * 10_000, b"1" + b",a" * 10_000, b"1,1\n" + b"1\n" * 10_000, b",".join([b"1e999"] * 10_000)]
)
def test_twenty_faults_are_listed(text: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        read("x", text)
    assert len(caught.value.faults) == 20


def test_lines_are_in_order_whatever_is_wrong_with_them() -> None:
    with pytest.raises(Ragged) as caught:
        read("x", b"1,2\n3\n4,a\n1e999,5\n")
    assert [fault.path for fault in caught.value.faults] == [("x", 1), ("x", 2, 1), ("x", 3, 0)]


@settings(deadline=None)
@given(text=st.binary(max_size=40) | st.text('0123456789.,;-+eE\n\r[]naif \t"', max_size=40).map(str.encode))
def test_any_bytes_are_refused_or_finite_numbers(text: bytes) -> None:
    try:
        found = read("x", text)
    except DecodeError:
        return
    assert found.size > 0
    assert np.isfinite(found).all()


READERS = [False, True] if ACCELERATED else [False]
cells = st.sampled_from(
    [
        "1",
        "2.5",
        "-0",
        "-0.0",
        ".5",
        "5.",
        "+1",
        " 1",
        "1\t",
        "01",
        "1e5",
        "1e999",
        "",
        "x",
        "[1",
        "1]",
        "nan",
        "0.1234567",
    ]
)
lines = st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=6)


def outcome_of(text: bytes, block_bytes: int, *, accelerated: bool) -> object:
    try:
        found = read("x", text, accelerated=accelerated, block_bytes=block_bytes)
    except DecodeError as error:
        return type(error), error.detail, error.faults
    return found.shape, found.tobytes()


@settings(max_examples=400, deadline=None)
@given(
    lines=lines, separator=st.sampled_from(",;"), end=st.sampled_from(["\n", "\r\n"]), block_bytes=st.integers(1, 40)
)
@example(lines=[["1"], ["2.5", "1"]], separator=",", end="\n", block_bytes=3)
@example(lines=[["1", "1"], ["2.5"], ["1"]], separator=",", end="\n", block_bytes=3)
def test_a_text_means_the_same_in_blocks_of_any_length_by_either_reader(
    lines: list[list[str]], separator: str, end: str, block_bytes: int
) -> None:
    text = end.join(map(separator.join, lines)).encode()
    wanted = outcome_of(text, 1 << 17, accelerated=False)
    for accelerated in READERS:
        assert outcome_of(text, block_bytes, accelerated=accelerated) == wanted


@pytest.mark.parametrize("block_bytes", [1, 3, 1 << 17])
@pytest.mark.parametrize(
    "text", [b"7,b\n1,2\n.5,5.\n01,-0", b"1,2\r\n.5,x\r\n1,1e999\r\n3", b"1\n2,3\n4", b".5,1\n2,3,4\n"]
)
def test_the_second_look_says_the_same_in_blocks_of_any_length(text: bytes, block_bytes: int) -> None:
    assert outcome_of(text, block_bytes, accelerated=False) == outcome_of(text, 1 << 10, accelerated=False)


@pytest.mark.parametrize("text", [b"1,.5\n", b"1,2\n"])
def test_a_part_of_a_mapped_body_is_read(text: bytes) -> None:
    whole = text * 40_000
    with mmap.mmap(-1, len(whole) + 20) as body:
        body[7 : 7 + len(whole)] = whole
        found = read("x", body, 7, 7 + len(whole))
    assert found.shape == (40_000, 2)
    assert found[-1].tolist() == found[0].tolist()


@pytest.mark.parametrize("text", [b"1,2\n3,4\n", b"1,.5\n", b"0,-0\n", b"1\n"])
def test_reading_is_stopped_between_blocks(text: bytes) -> None:
    def stop() -> None:
        left[0] -= 1
        if not left[0]:
            raise InterruptedError

    for pieces in (1, 3, 5):
        left = [pieces]
        with pytest.raises(InterruptedError):
            read("x", text * 100_000, checkpoint=stop)


def test_cells_longer_than_a_block_are_read() -> None:
    long = b"0." + b"5" * 300_000
    for text in (b"1," + long + b"\n" + long + b",2", long + b"\n1\n" + long, long + b"," + long):
        assert read("x", text).size == text.count(b",") + text.count(b"\n") + 1
        assert read("x", text.replace(b"0.5", b".5")).tolist() == read("x", text).tolist()


@pytest.mark.parametrize("filling", [b"1", b"a", b" ", b"[", b"0."])
def test_a_cell_longer_than_any_number_is_refused_without_a_copy(filling: bytes) -> None:
    endless = filling * ((16 << 20) // len(filling))
    for text, line, path in ((endless, 1, (0, 0)), (b"1,2\n3," + endless + b"\n5,6", 2, (1, 1))):
        tracemalloc.start()
        try:
            with pytest.raises(NotANumber) as caught:
                read("x", text)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 10 << 20, "less than the cell; a line that may be a heading is looked at as far as 4 MiB"
        assert [fault.path for fault in caught.value.faults] == [("x", *path)]
        assert f"(line {line}, column {path[1] + 1}) has more than 1,048,576 characters" in caught.value.detail


MANY = 12 << 20


class Watched(bytes):
    """A body that knows how much of it has been looked at since the last checkpoint."""

    since = most = 0

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as of bytes
        found = super().__getitem__(place)
        if isinstance(place, slice):
            self.since += len(found)
            self.most = max(self.most, self.since)
        return found

    def checkpoint(self) -> None:
        """Begin to count anew."""
        self.since = 0


@pytest.mark.parametrize("text", [b"1" * MANY, b"1," * MANY + b"1", b"1\n" + b"a" * MANY, b"\n" * MANY])
def test_an_endless_line_is_looked_at_in_pieces(text: bytes) -> None:
    body = Watched(text)
    with suppress(DecodeError):
        read("x", body, checkpoint=body.checkpoint)
    assert body.most < 6 << 20, "a line that may be a heading is looked at as far as 4 MiB"


def test_a_long_line_in_a_column_of_single_numbers_is_no_number_more() -> None:
    with pytest.raises(Ragged, match="line 2"):
        read("x", b"1\n" + b"1" * 100 + b"," + b"1" * 100, block_bytes=110)


def test_a_heading_that_is_too_long_is_none() -> None:
    heading = b",".join([b"pixel"] * 1000)

    assert read("x", heading + b"\n" + b",".join([b"1"] * 1000)).shape == (1, 1000)
    with pytest.raises(NotANumber):
        read("x", heading * 900 + b"\n1")


@pytest.mark.parametrize("place", range(131_060, 131_080, 3))
def test_characters_across_the_end_of_a_block_are_whole(place: int) -> None:
    heading = "ä" + "a" * (place - 1) + "äöü€"

    assert read("x", f"{heading}\n1".encode()) == 1
    with pytest.raises(Malformed, match=r"line 1\)"):
        read("x", heading.encode() + b"\xff\n1")


@pytest.mark.parametrize("count", [1, 200_000])
def test_lines_at_the_end_that_are_empty_mean_nothing(count: int) -> None:
    assert read("x", b"1,2" + b"\r\n\n" * count).tolist() == [[1, 2]]

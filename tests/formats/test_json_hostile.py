"""Bodies made to hurt: none takes much time or memory, or keeps other threads waiting, whatever it is filled with.

Processor time is measured for this thread's process, so that a busy machine does not fail a test; each bound is some
ten times what a usual machine takes. Memory is what a process of its own grows by at its highest.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.formats.errors import DecodeError, Malformed, NotANumber, OutOfRange, Ragged, UnknownField
from app.formats.json import decode
from app.formats.json_numbers import numbers
from app.formats.json_numerals import ACCELERATED
from app.formats.json_outline import outline
from app.losses.errors import InvalidOption, LossInputError
from tests.formats.cases_json import FIELDS

MIB = 1 << 20
SIZE = 8 * MIB
SECONDS = 4.0
HELD_SECONDS = 1.0
GROWTH_MIB = 64

HOSTILE = {
    "lists as beta": (b'{"x":[1],"y":[1],"beta":[', b"[],", b"1]}", InvalidOption),
    "lists as loss": (b'{"loss":[', b"[],", b"1]}", InvalidOption),
    "strings to include": (b'{"include":[', b'"a",', b"1]}", InvalidOption),
    "an object as loss": (b'{"loss":{', b'"a":1,', b'"b":1}}', InvalidOption),
    "escaped quotes as loss": (b'{"loss":"', rb"\"", b'"}', InvalidOption),
    "escaped letters as loss": (b'{"loss":"', rb"\u0061", b'"}', InvalidOption),
    "escaped emoji as loss": (b'{"loss":"', rb"\ud83d\ude00", b'"}', InvalidOption),
    "digits as beta": (b'{"beta":', b"7", b"}", InvalidOption),
    "escaped letters in x": (b'{"x":["', rb"\u0061", b'"]}', NotANumber),
    "escaped quotes in x": (b'{"x":["', rb"\"", b'"]}', NotANumber),
    "a name of letters": (b'{"', b"a", b'":1}', UnknownField),
    "a name of escapes": (b'{"', rb"\u0061", b'":1}', UnknownField),
    "names": (b"{", b'"z":0,', b'"x":[1]}', UnknownField),
    "one name": (b"{", b'"x":0,', b'"x":[1]}', Ragged),
    "empty lists": (b'{"x":[', b"[],", b"1]}", Ragged),
    "empty lists of lists": (b'{"x":[[', b"[],", b"[1]]]}", Ragged),
    "deep lists": (b'{"x":[', b"[" * 30 + b"]" * 30 + b",", b"1]}", Ragged),
    "the last row": (b'{"x":[', b"[0],", b"[1,2]]}", Ragged),
    "the last number": (b'{"x":[', b"0.5,", b"1e999]}", OutOfRange),
    "beyond range": (b'{"x":[', b"1e999,", b"1]}", OutOfRange),
    "digits": (b'{"x":[', b"7", b"]}", OutOfRange),
    "digits of a fraction": (b'{"x":[0.', b"7", b"]}", OutOfRange),
    "the last null": (b'{"x":[', b"[0],", b"[null]]}", NotANumber),
    "nulls": (b'{"x":[', b"null,", b"1]}", NotANumber),
    "strings": (b'{"x":[', b'"",', b"1]}", NotANumber),
    "objects": (b'{"x":[', b"{},", b"1]}", NotANumber),
    "one object": (b'{"x":[{"a":[', b"{},", b"1]}]}", NotANumber),
    "white space": (b'{"x":[1]', b" ", b',"loss":null', Malformed),
    "nothing": (b"", b"\n", b"", Malformed),
    "levels": (b'{"x":', b"[", b"", Malformed),
    "levels of objects": (b"", b'{"a":', b"", Malformed),
    "an open list": (b'{"x":[', b"0.5,", b"", Malformed),
    "surrogates": (b'{"loss":"', rb"\ud83d\ude00", rb'\ud83d"}', Malformed),
    "bytes that are not UTF-8": (b'{"x":["', b"a", b'\xff"]}', Malformed),
}


def body_of(name: str, size: int = SIZE) -> bytes:
    start, filling, end, _ = HOSTILE[name]
    return start + filling * (size // len(filling)) + end


def longest_wait_during(work: Callable[[], object]) -> float:
    """Measure how long another thread that wants to run every millisecond had to wait at most."""
    waits, done = [0.0], threading.Event()

    def wait() -> None:
        while not done.is_set():
            start = time.perf_counter()
            time.sleep(0.001)
            waits.append(time.perf_counter() - start)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()
    return max(waits)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_soon_and_lets_others_run(name: str) -> None:
    body, kind = body_of(name), HOSTILE[name][3]
    caught: list[DecodeError | LossInputError] = []

    def work() -> None:
        try:
            decode(body, FIELDS)
        except (DecodeError, LossInputError) as error:
            caught.append(error)

    start = time.process_time()
    waited = longest_wait_during(work)

    assert time.process_time() - start < SECONDS
    assert waited < HELD_SECONDS
    assert type(caught[0]) is kind
    assert len(caught[0].faults) <= 20
    assert len(caught[0].detail) < 500


GROWTH = """
import sys
from app.formats.json import decode
from tests.formats.cases_json import FIELDS
from tests.formats.test_json_hostile import body_of

def kibibytes(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

def refused(body):
    try:
        decode(body, FIELDS)
    except Exception:
        return

refused(body_of(sys.argv[1], 1000))
body = body_of(sys.argv[1], 32 << 20)
open("/proc/self/clear_refs", "w").write("5")
before = kibibytes("VmRSS")
refused(body)
print((kibibytes("VmHWM") - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the highest memory anew")
@pytest.mark.parametrize(
    "name", ["lists as beta", "escaped emoji as loss", "empty lists", "empty lists of lists", "digits", "one object"]
)
def test_a_hostile_body_takes_little_more_memory_than_it_is_long(name: str) -> None:
    run = subprocess.run([sys.executable, "-c", GROWTH, name], capture_output=True, text=True, check=True)  # noqa: S603 - our own program

    assert int(run.stdout) < GROWTH_MIB


GOOD = {
    "doubles": b"[" + b"0.8414709848078965," * 99 + b"-1e-17],",
    "rows of one": b"[0.25],",
    "digits": b"0,",
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("accelerated", [True, False] if ACCELERATED else [False])
def test_a_good_body_lets_others_run(name: str, *, accelerated: bool) -> None:
    rows = GOOD[name] * (SIZE // 2 // len(GOOD[name])) + GOOD[name][:-1]
    body = b'{"x":[' + rows + b'],"y":[' + rows + b"]}"

    assert longest_wait_during(lambda: decode(body, FIELDS, accelerated=accelerated)) < HELD_SECONDS


GOOD_GROWTH = """
import sys
from app.formats.csv import read
from app.formats.json import decode
from tests.formats.cases_json import FIELDS
from tests.formats.test_json_hostile import GOOD

def kibibytes(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

def written(size):
    if sys.argv[1] == "table":
        return b"0.5,0.25\\n" * (size // 9)
    rows = GOOD[sys.argv[1]] * (size // 2 // len(GOOD[sys.argv[1]])) + GOOD[sys.argv[1]][:-1]
    return b'{"x":[' + rows + b'],"y":[' + rows + b"]}"

def taken(body):
    return read("x", body) if sys.argv[1] == "table" else decode(body, FIELDS)

taken(written(2_000_000))
body = written(32 << 20)
open("/proc/self/clear_refs", "w").write("5")
before = kibibytes("VmRSS")
found = taken(body)
print((kibibytes("VmHWM") - before) / 32 / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the highest memory anew")
@pytest.mark.parametrize(("name", "most"), [("doubles", 1.0), ("rows of one", 1.8), ("digits", 4.3), ("table", 2.2)])
def test_a_good_body_takes_little_more_memory_than_its_arrays(name: str, most: float) -> None:
    run = subprocess.run([sys.executable, "-c", GOOD_GROWTH, name], capture_output=True, text=True, check=True)  # noqa: S603 - our own program

    assert float(run.stdout) < most


@pytest.mark.parametrize(
    "name", ["the last null", "beyond range", "escaped letters in x", "the last row", "last digits"]
)
def test_a_second_look_can_be_stopped(name: str) -> None:
    body = body_of(name, 1 << 20) if name in HOSTILE else b'{"x":[[],[' + b"0.5," * 200_000 + b"1]]}"
    pieces = [0]

    def count() -> None:
        pieces[0] += 1

    def stop() -> None:
        pieces[0] -= 1
        if not pieces[0]:
            raise InterruptedError

    with pytest.raises((DecodeError, LossInputError)):
        decode(body, FIELDS, checkpoint=count)
    assert pieces[0] > 8
    with pytest.raises(InterruptedError):  # at the last one
        decode(body, FIELDS, checkpoint=stop)


def test_a_body_of_many_strings_is_read_all_the_same() -> None:
    include = ["a"] * 4090

    assert decode(f'{{"include":{include}}}'.replace("'", '"').replace(" ", "").encode(), FIELDS).options == {
        "include": include
    }


def test_a_list_of_a_hundred_long_numbers_is_an_option() -> None:
    numbers_in = [0.12345678901234567 + place for place in range(100)]

    assert decode(f'{{"beta":{numbers_in}}}'.encode(), FIELDS).options == {"beta": numbers_in}


@pytest.mark.parametrize("place", range(0, 30, 3))
@pytest.mark.parametrize(
    "text", [rb"\ud83d\ude00", rb"\\\\", rb"\"", rb"\u00e9"], ids=["pairs", "slashes", "quotes", "letters"]
)
def test_an_escape_across_the_end_of_a_block_is_one_escape(place: int, text: bytes) -> None:
    before = b'{"x":["' + b"a" * ((1 << 18) - 30 + place)
    good = refusal_of(before + text * 5 + b'"]}')
    bad = refusal_of(before + text * 5 + rb'\ude00"]}')

    assert type(good) is NotANumber
    assert type(bad) is Malformed
    assert bad.offset == len(before + text * 5)


def refusal_of(body: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(body, FIELDS)
    return caught.value


WIDE = b" " * 300_000


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b'{"x":[' + WIDE + b"[1]" + WIDE + b"," + WIDE + b"[2]" + WIDE + b"]}", (2, 1)),
        (b'{"x"' + WIDE + b":" + WIDE + b"[[1],[2" + WIDE + b"]]" + WIDE + b"}", (2, 1)),
        (b'{"x":[[' + WIDE + b"],[" + WIDE + b"]]}", (2, 0)),
        (b'{"x":[' + WIDE + b"]}", (0,)),
    ],
    ids=["rows", "members", "empty rows", "empty"],
)
def test_white_space_longer_than_a_block_means_nothing(body: bytes, shape: tuple[int, ...]) -> None:
    found = decode(body, FIELDS).arrays["x"]

    assert found.shape == shape
    assert found.ravel().tolist() == [1.0, 2.0][: found.size]


def test_rows_longer_than_a_block_are_compared_too() -> None:
    row = b"[" + b"0," * 200_000 + b"0]"
    pair = b"[" + row + b"," + row + b"]"
    short = b"[" + row + b"," + row[:-3] + b"]]"

    assert decode(b'{"x":[' + pair + b"," + pair + b"]}", FIELDS).arrays["x"].shape == (2, 2, 200_001)
    error = refusal_of(b'{"x":[' + pair + b"," + short + b"]}")
    assert [fault.path for fault in error.faults] == [("x", 1, 1)]
    assert "of length 200000; length 200001 is wanted" in error.detail


def test_a_row_that_is_too_long_by_many_blocks_is_measured() -> None:
    error = refusal_of(b'{"x":[[1],[' + b"0," * 400_000 + b"0]]}")

    assert "x[1] is a list of length 400001; length 1 is wanted" in error.detail


def test_a_member_after_the_last_one_that_is_looked_at_changes_nothing() -> None:
    error = refusal_of(b'{"x":[1],' + b'"x":[1],' * 999 + b'"x":[[1],2],' * 60_000 + b'"y":[1]}')

    assert "There are 1000 faults or more" in error.detail


@pytest.mark.parametrize(
    "raw", [b'["[["]', b'["]' + b"a" * 200_000 + b'"]', b"[" + b" " * 200_000 + b"{}]", b"[[1]", b""]
)
def test_numbers_alone_refuses_what_is_no_array(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        numbers(raw)


def test_numbers_alone_reads_a_long_numeral_between_short_ones() -> None:
    raw = b"[1," + WIDE + b"0." + b"3" * 300_000 + WIDE + b",2," + WIDE + b"3]" + WIDE

    np.testing.assert_array_equal(numbers(raw), [1, 1 / 3, 2, 3])


def test_an_outline_marks_the_lists_that_are_empty() -> None:
    text = b"[ [" + WIDE + b"], [" + WIDE + b"1 ],[ ]]"

    assert b"".join(outline(text, 0, len(text))) == b"[[_],[],[_]]"

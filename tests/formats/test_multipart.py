"""Forms: files and options arrive under the names of their fields, and every part that is wrong is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.errors import DecodeError, DuplicateField, Malformed, NotANumber, TooLarge, UnknownField
from app.formats.multipart import decode
from tests.formats.files import FIELDS, form, npy

TYPE = "multipart/form-data; boundary=bound"
X = np.arange(6.0).reshape(2, 3)
CSV = b"0,1,2\n3,4,5\n"
GOOD = form(("x", npy(X)), ("y", CSV), ("beta", "0.5"), ("include", "gradients"), ("include", "collapse"))


def part(headers: str, content: str = "1") -> bytes:
    """Write a form of one part with whatever headers."""
    return f"--bound\r\n{headers}\r\n\r\n{content}\r\n--bound--\r\n".encode()


def refusal(body: bytes, content_type: str = TYPE) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(body, FIELDS, content_type=content_type)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [GOOD, GOOD[:-2], b"\r\n" + GOOD, GOOD + b"\r\n", GOOD.replace(b"bound\r\n", b"bound \t\r\n")],
)
def test_files_and_options_are_read(body: bytes) -> None:
    found = decode(body, FIELDS, content_type=TYPE)
    assert [*found.arrays] == ["x", "y"]
    assert found.arrays["x"].tolist() == found.arrays["y"].tolist() == X.tolist()
    assert found.options == {"beta": 0.5, "include": ["gradients", "collapse"]}


def test_a_npy_file_is_a_view_of_the_body() -> None:
    assert np.shares_memory(decode(GOOD, FIELDS, content_type=TYPE).arrays["x"], np.frombuffer(GOOD, np.uint8))


@pytest.mark.parametrize(
    "headers",
    [
        'Content-Disposition: form-data; name="x"',
        "Content-Disposition: form-data; name=x",
        'content-disposition:form-data;name="x"',
        'CONTENT-DISPOSITION: Form-Data ; filename="a;b\\".npy" ; NAME="x";',
        'Content-Type: text/csv\r\nContent-Disposition: form-data; name="x"; filename="../../etc/passwd"',
        'Content-Disposition: form-data; name="x"; filename="a"; filename*=UTF-8\'\'%e4.csv',
        'Content-Disposition: form-data; name="x"; filename="\u00e4.csv"',
        'Content-Disposition: form-data; name="x"\r\nContent-Transfer-Encoding: Binary',
        'Content-Disposition: form-data; name="\\x"',
    ],
)
def test_parts_of_several_writers_are_read(headers: str) -> None:
    assert decode(part(headers), FIELDS, content_type=TYPE).arrays["x"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=bound", "bound"),
        ('multipart/form-data; charset=utf-8; boundary="a b"', "a b"),
        (
            "Multipart/Form-Data;BOUNDARY=----WebKitFormBoundary7MA4YWxkTrZu0gW;",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ('multipart/form-data; boundary="' + "=" * 70 + '"', "=" * 70),
    ],
)
def test_the_delimiter_is_what_content_type_says(content_type: str, boundary: str) -> None:
    found = decode(form(("x", CSV), boundary=boundary), FIELDS, content_type=content_type)
    assert found.arrays["x"].tolist() == X.tolist()


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="bound ',
        'multipart/form-data; boundary="bound "',
        "multipart/form-data; boundary=" + "a" * 71,
        "multipart/form-data; boundary=bound; boundary=bound",
        "multipart/form-data; boundary=b\u00f6und",
        "multipart/form-data; boundary=bound x",
        "multipart/form-data, boundary=bound",
    ],
)
def test_a_delimiter_has_to_be_named(content_type: str) -> None:
    error = refusal(GOOD, content_type)
    assert type(error) is Malformed
    assert "Content-Type" in error.detail


@pytest.mark.parametrize("field", ["mu", "beta", "include"])
@pytest.mark.parametrize("rest", ["", '; filename=""', '; filename=""\r\nContent-Type: application/octet-stream'])
def test_a_field_that_was_not_filled_in_is_absent(field: str, rest: str) -> None:
    found = decode(part(f'Content-Disposition: form-data; name="{field}"{rest}', ""), FIELDS, content_type=TYPE)
    assert (found.arrays, found.options) == ({}, {})


def test_an_empty_file_is_refused() -> None:
    error = refusal(part('Content-Disposition: form-data; name="mu"; filename="a.npy"', ""))
    assert error.faults[0].path == ("mu",)


def test_a_form_may_be_empty() -> None:
    assert decode(b"--bound--\r\n", FIELDS, content_type=TYPE).arrays == {}


REFUSED: list[tuple[bytes, type[DecodeError], str, str]] = [
    (b"", Malformed, "", "does not begin"),
    (b"preamble\r\n" + GOOD, Malformed, "", "does not begin"),
    (b"--other\r\n", Malformed, "", "does not begin"),
    (b"--bound", Malformed, "", "not whole"),
    (b"--boundary\r\n", Malformed, "", "not whole"),
    (GOOD + b"epilogue", Malformed, "", "follows the end"),
    (GOOD + b"\r\n" * 1000, Malformed, "", "follows the end"),
    (part(""), Malformed, "", "does not name its field"),
    (part("Content-Type: text/csv"), Malformed, "", "does not name its field"),
    (part("Content-Disposition: form-data"), Malformed, "", "does not name its field"),
    (part('Content-Disposition: attachment; name="x"'), Malformed, "", "does not name its field"),
    (part('Content-Disposition: form-data; name="x'), Malformed, "", "does not name its field"),
    (part('Content-Disposition: form-data; name="x"; name="y"'), Malformed, "", "does not name its field"),
    (part('Content-Disposition: form-data; name="x"\r\n' * 2), Malformed, "", "does not name its field"),
    (part("Content-Disposition: form-data; name*=UTF-8''x"), Malformed, "", "does not name its field"),
    (
        part('Content-Disposition: form-data; name="x"\r\nContent-Transfer-Encoding: base64'),
        Malformed,
        "",
        "Transfer-Encoding",
    ),
    (part('--bound\r\nContent-Disposition: form-data; name="x"'), Malformed, "", "without a colon"),
    (part("A: " + "a" * 16_384), TooLarge, "", "16384 bytes of headers"),
    (b"--bound\r\n" + b"a" * 100, Malformed, "", "not whole"),
    (form(*[("x", CSV)] * 9), TooLarge, "", "at most 8 files"),
    (form(*[("include", "a")] * 65), Malformed, "", "64 parts"),
    (form(*[(f"o{i}", "1") for i in range(9)]), UnknownField, "o0", "no field"),
    (form(("logVar", CSV)), UnknownField, "logVar", "did you mean logvar"),
    (form(("x", CSV), ("x", CSV)), DuplicateField, "x", "more than once"),
    (form(("beta", "1"), ("beta", "1")), DuplicateField, "beta", "more than once"),
    (form(("beta", b"\xff")), Malformed, "beta", "UTF-8"),
    (form(("loss", "a" * 16_385)), TooLarge, "loss", "16384 bytes"),
    (form(("x", b"PK\3\4\0\0")), Malformed, "x", "neither"),
    (form(("x", npy(X)[:-1])), Malformed, "x", "fewer"),
    (form(("x", b"1,a\n")), NotANumber, "x", "column 2"),
]


@pytest.mark.parametrize(("body", "kind", "name", "words"), REFUSED, ids=[f"{case[0][:60]!r}" for case in REFUSED])
def test_a_bad_form_is_refused_with_the_field(body: bytes, kind: type[DecodeError], name: str, words: str) -> None:
    error = refusal(body)
    assert type(error) is kind
    assert [str(fault.path[0]) for fault in error.faults][:1] == ([name] if name else [])
    assert words in error.detail


def test_a_form_cut_anywhere_is_refused() -> None:
    for length in range(len(GOOD) - 2):
        refusal(GOOD[:length])


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), more=st.binary(max_size=6))
def test_a_changed_form_is_refused_or_read(place: int, bit: int, more: bytes) -> None:
    changed = bytearray(GOOD)
    place %= len(GOOD)
    changed[place] ^= 1 << bit
    changed[place + 1 : place + 1 + len(more)] = more
    try:
        found = decode(bytes(changed), FIELDS, content_type=TYPE)
    except DecodeError:
        return
    assert len(found.arrays) + len(found.options) <= 5

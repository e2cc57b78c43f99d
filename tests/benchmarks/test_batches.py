"""What the benchmarks upload is the batch that they mean, in every kind of body."""

import gzip

import numpy as np
import pytest

from app.api.options import FIELDS
from app.formats import FORMATS
from benchmarks.batches import FORMS, Size, arrays, upload

SIZE = Size(7, 5, 3)

DIGITS = {"BF16": 2**-7, "float32": 2**-23, "F32": 2**-23}
"""How far a number may be from what was drawn, relative to it, by what the form's name says."""


@pytest.mark.parametrize("form", FORMS)
def test_the_service_reads_what_was_drawn(form: str) -> None:
    made = upload(form, arrays(SIZE))
    kind, _, _ = made.headers["Content-Type"].partition(";")
    body = gzip.decompress(made.body) if made.headers.get("Content-Encoding") == "gzip" else made.body
    limits = {"content_type": made.headers["Content-Type"]} if kind == "multipart/form-data" else {}
    found = FORMATS[kind].decode(body, FIELDS, **limits).arrays
    tolerance = next((far for name, far in DIGITS.items() if form.endswith(name)), 0.0)
    assert found.keys() == arrays(SIZE).keys()
    for name, array in arrays(SIZE).items():
        np.testing.assert_allclose(np.asarray(found[name], np.float64), array, rtol=tolerance, atol=0)


def test_json_of_float32_is_the_same_batch_as_a_file_of_it() -> None:
    """As text with the digits that single precision needs, it would be another batch, with another loss."""
    text = FORMATS["application/json"].decode(upload("JSON of float32", arrays(SIZE)).body, FIELDS).arrays
    file = FORMATS["application/x-npz"].decode(upload("npz float32", arrays(SIZE)).body, FIELDS).arrays
    assert text.keys() == file.keys()
    for name, array in file.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(text[name], array.astype(np.float64))


def test_a_size_says_what_it_is() -> None:
    assert str(SIZE) == "7 x 5 + 3"
    assert str(Size(100, 90)) == "100 x 90"
    assert SIZE.elements == 2 * 7 * 5
    assert arrays(Size(100, 90)).keys() == {"x", "y"}

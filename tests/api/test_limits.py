"""GET /limits lists every limit in force, and what it lists is what holds."""

import gzip
from typing import Any

import numpy as np

from app.api.limits import FIXED
from app.gates.intake import FREE_BYTES
from app.settings import Settings, limits
from tests.contract.schemas import assert_conforms
from tests.formats.files import npz
from tests.inprocess import InProcess, a_client
from tests.refusals import assert_problem


def rows(client: InProcess) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in client.get("/limits").json()}


def test_every_limit_is_listed_once(client: InProcess) -> None:
    listed = client.get("/limits").json()
    assert [row["name"] for row in listed] == [limit.name for limit in (*limits(Settings()), *FIXED)]
    assert len({row["name"] for row in listed}) == len(listed)
    for row in listed:
        assert_conforms(row, "LimitRow")


def test_what_is_listed_is_what_is_set_and_what_a_refusal_names() -> None:
    with a_client(max_json_bytes=100) as client:
        row = rows(client)["max_json_bytes"]
        assert row["value"] == 100
        document = assert_problem(client.raw(b" " * 101), "body-too-large")
    assert document["status"] == row["beyond"]
    assert row["setting"] in document["detail"]
    assert str(row["value"]) in document["detail"]


def test_what_a_format_refuses_names_its_setting_too() -> None:
    with a_client(max_json_depth=2, max_expansion=3, max_upload_bytes=3 * 2**20) as client:
        deep = assert_problem(client.raw(b'{"x": [[1]], "y": [[1]]}'), "malformed-body")
        assert deep["detail"].endswith("deeper than 2 levels (LOSSGRID_MAX_JSON_DEPTH).")
        for zeros, setting in ((2**20, "LOSSGRID_MAX_EXPANSION"), (2**22, "LOSSGRID_MAX_UPLOAD_BYTES")):
            body = npz(compressed=True, x=np.zeros(zeros + 1, np.uint8))
            bomb = assert_problem(client.raw(body, content_type="application/x-npz"), "body-too-large")
            assert setting in bomb["detail"]


def test_a_body_under_gzip_inflates_no_further_than_is_set() -> None:
    body = gzip.compress(bytes(FREE_BYTES + 2**20))
    headers = {"content_type": "application/x-npz", "content_encoding": "gzip"}
    with a_client(max_expansion=3) as client:
        refused = client.raw(body, **headers)
        assert "at most 3 times" in assert_problem(refused, "body-too-large")["detail"]
        assert "(LOSSGRID_MAX_EXPANSION)" in refused.json()["detail"]
    with a_client(max_expansion=2000) as client:
        assert_problem(client.raw(body, **headers), "malformed-body")


def test_a_limit_that_is_no_setting_says_so(client: InProcess) -> None:
    assert rows(client)["errors"] == {
        "name": "errors",
        "value": 20,
        "unit": "places",
        "setting": None,
        "meaning": "places that a problem lists; the others are counted",
        "beyond": None,
    }


def test_a_page_of_conventions_is_refused_as_is_listed(client: InProcess) -> None:
    row = rows(client)["conventions"]
    assert client.get(f"/conventions?limit={row['value']}").status_code == 200
    assert client.get(f"/conventions?limit={row['value'] + 1}").status_code == row["beyond"]

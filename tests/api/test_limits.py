"""GET /limits lists every limit in force, and what it lists is what holds."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest

from app.api.limits import FIXED
from app.gates.intake import FREE_BYTES
from app.settings import Settings, limits
from app.variables import variable
from tests.contract.schemas import assert_conforms
from tests.formats.files import form, npy_of, npz
from tests.inprocess import InProcess, a_client
from tests.refusals import assert_problem

JSON: Final = "application/json"
NPZ: Final = "application/x-npz"
FORM: Final = "multipart/form-data; boundary=bound"


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


def test_a_body_may_take_a_share_of_the_room_that_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = npz(x=np.zeros(300), y=np.zeros(300))
    with a_client(spool_directory=str(tmp_path), spool_threshold_bytes=1) as client:
        row = rows(client)["spool_share"]
        assert (row["value"], row["unit"]) == (50, "percent")
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2 * len(body)}))
        assert client.raw(body, content_type=NPZ).status_code == 200
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2 * len(body) - 1}))
        document = assert_problem(client.raw(body, content_type=NPZ), "body-too-large")
    assert document["status"] == row["beyond"]
    assert row["setting"] == variable("spool_directory")
    assert row["setting"] in document["detail"]


@pytest.mark.parametrize("free", [0, 2**40])
def test_a_body_beyond_its_own_limit_is_not_refused_for_want_of_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    with a_client(spool_directory=str(tmp_path), spool_threshold_bytes=1, max_json_bytes=10) as client:
        refused = client.raw(b'{"x": [1], "y": [1]}')
    document = assert_problem(refused, "body-too-large")
    assert document["detail"] == "A body may have at most 10 bytes (LOSSGRID_MAX_JSON_BYTES)."
    assert "retry-after" not in refused.headers


def posted(body: bytes, content_type: str, **headers: str) -> Callable[[InProcess], httpx.Response]:
    return lambda client: client.raw(body, content_type=content_type, **headers)


def many_batches(client: InProcess) -> httpx.Response:
    fields = {"x": [0.0] * 102, "y": [0.0] * 102, "observed": [1.0] * 101, "batch_sizes": [1] * 100 + [2]}
    return client.request("POST", "/loss/identify", json=fields)


AXES: Final = npy_of(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 33}}}\n", bytes(8))
BEYOND: Final[dict[str, Callable[[InProcess], httpx.Response]]] = {
    "archive_members": posted(npz(**{f"a{index}": 0 for index in range(9)}), NPZ),
    "form_files": posted(form(*[("x", b"")] * 9), FORM),
    "form_parts": posted(form(*[("beta", "1")] * 65), FORM),
    "form_header_bytes": posted(form(("x" * 16384, "1")), FORM),
    "form_option_bytes": posted(form(("x", b"1"), ("y", b"1"), ("loss", "a" * 16385)), FORM),
    "json_option_bytes": posted(b'{"x": [1], "y": [1], "loss": "%s"}' % (b"a" * 16384), JSON),
    "gzip_members": posted(gzip.compress(b"") * 4097, JSON, content_encoding="gzip"),
    "gzip_free_bytes": posted(gzip.compress(bytes(FREE_BYTES + 1)), NPZ, content_encoding="gzip"),
    "query_parameters": lambda client: client.request(
        "POST", "/loss?" + "beta=1&" * 65, content=npz(x=[1], y=[1]), headers={"content-type": NPZ}
    ),
    "array_axes": posted(form(("x", AXES), ("y", AXES)), FORM),
    "batch_sizes": many_batches,
    "conventions": lambda client: client.get("/conventions?limit=1001"),
}


@pytest.mark.parametrize(("name", "ask"), BEYOND.items(), ids=BEYOND)
def test_beyond_a_limit_that_is_no_setting_it_is_named_with_its_status(
    client: InProcess, name: str, ask: Callable[[InProcess], httpx.Response]
) -> None:
    answer, row = ask(client), rows(client)[name]
    assert answer.status_code == row["beyond"]
    assert str(row["value"]) in answer.json()["detail"].replace(",", "")


def test_every_such_limit_that_refuses_is_gone_beyond() -> None:
    assert {*BEYOND, "spool_share"} == {limit.name for limit in FIXED if limit.beyond is not None}


def test_a_page_of_conventions_is_refused_as_is_listed(client: InProcess) -> None:
    row = rows(client)["conventions"]
    assert client.get(f"/conventions?limit={row['value']}").status_code == 200
    assert client.get(f"/conventions?limit={row['value'] + 1}").status_code == row["beyond"]

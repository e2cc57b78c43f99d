"""Binary bodies through the whole service: options in the query, limits of their own, problems that name the array."""

import gzip
import io
import json

import httpx
import numpy as np
import pytest

from tests.formats.files import form, npy, npz, safetensors, zipped
from tests.inprocess import InProcess, a_client
from tests.refusals import assert_problem

X = np.array([[1.0, 2.0], [3.0, 4.0]])
Y = X[::-1]
NPZ = "application/x-npz"


def post(client: InProcess, body: bytes, query: str = "", **headers: str) -> httpx.Response:
    return client.request(
        "POST",
        "/loss" + query,
        content=body,
        headers={"content-type": NPZ} | {name.replace("_", "-"): value for name, value in headers.items()},
    )


def test_options_are_in_the_query(client: InProcess) -> None:
    answer = post(client, npz(x=X, y=Y), "?loss=huber&delta=0.5&include=elementwise,gradients&include=conventions")
    wanted = client.loss(
        x=X.tolist(), y=Y.tolist(), loss="huber", delta=0.5, include=["elementwise", "gradients", "conventions"]
    )
    assert answer.status_code == 200
    assert answer.content == wanted.content


def test_options_of_json_may_be_in_the_query_too(client: InProcess) -> None:
    body = json.dumps({"x": [1, 2], "y": [2, 2]}).encode()
    answer = client.request("POST", "/loss?beta=2", content=body, headers={"content-type": "application/json"})
    assert answer.json()["beta"] == 2.0


@pytest.mark.parametrize(
    ("query", "slug", "pointers"),
    [
        ("?bta=1", "unknown-field", ["/bta"]),
        ("?x=1", "unknown-field", ["/x"]),
        ("?beta", "invalid-option", ["/beta"]),
        ("?beta=", "invalid-option", ["/beta"]),
        ("?beta=-1", "invalid-option", ["/beta"]),
        ("?beta=1e999", "invalid-option", ["/beta"]),
        ("?beta=nan", "invalid-option", ["/beta"]),
        ("?beta=1,2", "invalid-option", ["/beta"]),
        ("?beta=1&beta=1", "duplicate-field", ["/beta"]),
        ("?include=everything", "invalid-option", ["/include/0"]),
        ("?loss=mes", "unknown-loss", ["/loss"]),
        ("?loss=%ff", "malformed-body", []),
        ("?" + "include=&" * 65, "malformed-body", []),
        ("?" + "&".join(f"o{i}=1" for i in range(9)), "malformed-body", []),
    ],
)
def test_a_bad_query_is_refused(client: InProcess, query: str, slug: str, pointers: list[str]) -> None:
    assert_problem(post(client, npz(x=X, y=Y), query), slug, pointers=pointers)


def test_an_option_is_in_the_body_or_in_the_query(client: InProcess) -> None:
    body = json.dumps({"x": [1, 2], "y": [2, 2], "beta": 1}).encode()
    answer = client.request("POST", "/loss?beta=1", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, "duplicate-field", pointers=["/beta"])


@pytest.mark.parametrize(
    ("body", "slug", "pointers"),
    [
        (b"", "malformed-body", []),
        (b'{"x": [1], "y": [1]}', "malformed-body", []),
        (npz(x=X, y=Y)[:-1], "malformed-body", []),
        (npz(), "missing-field", ["/x", "/y"]),
        (npz(x=X), "missing-field", ["/y"]),
        (npz(x=X, y=Y, mu=X), "missing-field", ["/logvar"]),
        (npz(x=X, y=Y, logVar=X), "unknown-field", ["/logVar"]),
        (zipped({"x.npy": npy(X), "y.npy": b"2"}), "malformed-body", ["/y"]),
        (zipped({"x.npy": npy(X), "y.npy": npy(Y)[:-1]}), "malformed-body", ["/y"]),
        (npz(x=X, y=X * 1j), "wrong-type", ["/y"]),
        (npz(x=X, y=np.array([[None]])), "wrong-type", ["/y"]),
        (npz(x=X, y=X[:1]), "shape-mismatch", ["/y"]),
        (npz(x=X[:0], y=X[:0]), "shape-mismatch", ["/x", "/y"]),
        (npz(x=1.0, y=2.0), "shape-mismatch", ["/x", "/y"]),
        (npz(x=X, y=X * np.nan), "not-finite", ["/y/0/0"]),
        (npz(x=X, y=X, sample_weight=[1, -1]), "out-of-domain", ["/sample_weight/1"]),
        (npz(compressed=True, x=np.zeros(2**24), y=X), "body-too-large", ["/x.npy"]),
    ],
)
def test_a_bad_archive_is_a_problem_that_names_the_array(
    client: InProcess, body: bytes, slug: str, pointers: list[str]
) -> None:
    assert_problem(post(client, body), slug, pointers=pointers)


def test_uploads_have_a_limit_of_their_own() -> None:
    x = np.zeros((100, 100))
    body = npz(x=x, y=x)
    with a_client(max_json_bytes=100, max_upload_bytes=len(body)) as client:
        answer = post(client, body)
        assert answer.status_code == 200
        assert post(client, gzip.compress(body), content_encoding="gzip").content == answer.content
        assert_problem(client.raw(b'{"x": [1], "y": [1]}' + b" " * 100), "body-too-large")
    with a_client(max_upload_bytes=len(body) - 1) as client:
        for refused in (post(client, body), post(client, gzip.compress(body), content_encoding="gzip")):
            document = assert_problem(refused, "body-too-large")
            assert f"{len(body) - 1} bytes (LOSSGRID_MAX_UPLOAD_BYTES)" in document["detail"]
    with a_client(max_upload_bytes=100_000) as client:
        document = assert_problem(post(client, npz(compressed=True, x=x, y=x)), "body-too-large", pointers=["/y.npy"])
        assert "LOSSGRID_MAX_UPLOAD_BYTES" in document["detail"]


def test_an_answer_can_be_arrays(client: InProcess) -> None:
    query = "?include=elementwise,kl_elementwise,gradients,collapse"
    body = npz(x=X, y=Y, mu=X, logvar=Y, sample_weight=[1, 2])
    wanted = post(client, body, query).json()
    answer = post(client, body, query, accept=NPZ)
    assert answer.headers["content-type"] == NPZ
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as found:
        summary = json.loads(found["summary.json"])
        places = set(found.files) - {"summary.json"}
        arrays = {place: found[place] for place in places}
    assert {"per_sample.total.mean+sum", "latent.kl_per_dimension", "elementwise", "gradients.mu"} <= places
    for place, array in arrays.items():
        *way, last = place.split(".")
        holder = summary
        for name in way:
            holder = holder[name]
        assert holder[last] is None
        holder[last] = array.tolist()
    assert summary == wanted


def test_json_is_the_answer_unless_arrays_are_asked_for(client: InProcess) -> None:
    for accept in ("*/*", "application/*", f"{NPZ};q=0.5, application/json"):
        assert post(client, npz(x=X, y=Y), accept=accept).headers["content-type"] == "application/json"
    assert post(client, npz(x=X, y=Y), accept=f"{NPZ}, application/json;q=0.5").headers["content-type"] == NPZ


def test_a_client_library_sends_files(client: InProcess) -> None:
    answer = client.request(
        "POST",
        "/loss",
        files={"x": ("x.npy", npy(X)), "y": ("anything", b"a,b\n3,4\n1,2\n", "text/csv")},
        data={"beta": "0.5", "include": ["elementwise", "gradients"]},
    )
    assert (
        answer.content
        == client.loss(x=X.tolist(), y=Y.tolist(), beta=0.5, include=["elementwise", "gradients"]).content
    )


@pytest.mark.parametrize(
    ("body", "slug", "pointers"),
    [
        (form(("x", npy(X)), ("y", b"3,4\n1\n")), "ragged-array", ["/y/1"]),
        (form(("x", npy(X)), ("y", b"3,4\n1,two\n")), "not-a-number", ["/y/1/1"]),
        (form(("x", npy(X)), ("y", b"3,4\n1,1e400\n")), "number-out-of-range", ["/y/1/1"]),
        (form(("x", npy(X)), ("y", npy(Y)), ("beta", "much")), "invalid-option", ["/beta"]),
        (form(("x", npy(X)), ("y", npy(Y)), ("bta", "1")), "unknown-field", ["/bta"]),
        (form(("x", npy(X))), "missing-field", ["/y"]),
        (form(("x", npy(X)))[:-9], "malformed-body", []),
        (form(*[("x", npy(X))] * 9), "body-too-large", []),
    ],
)
def test_a_bad_form_is_a_problem_that_names_the_place(
    client: InProcess, body: bytes, slug: str, pointers: list[str]
) -> None:
    answer = client.request(
        "POST", "/loss", content=body, headers={"content-type": "multipart/form-data; boundary=bound"}
    )
    assert_problem(answer, slug, pointers=pointers)


def test_a_form_without_a_delimiter_is_refused(client: InProcess) -> None:
    answer = client.request("POST", "/loss", content=form(), headers={"content-type": "multipart/form-data"})
    assert_problem(answer, "malformed-body")


def test_options_of_tensors_are_in_the_query(client: InProcess) -> None:
    headers = {"content-type": "application/vnd.safetensors"}
    answer = client.request("POST", "/loss?loss=mae", content=safetensors(x=X, y=Y), headers=headers)
    assert answer.content == client.loss(x=X.tolist(), y=Y.tolist(), loss="mae").content
    refused = client.request("POST", "/loss", content=safetensors(x=X, y=Y)[:-1], headers=headers)
    assert_problem(refused, "malformed-body", pointers=["/y"])


@pytest.mark.parametrize("path", ["/loss", "/loss/identify?observed=1"])
def test_a_large_archive_that_is_damaged_is_refused_for_that_whatever_its_numbers_are(path: str) -> None:
    array = np.zeros((300, 1000))
    array[299, 999] = np.nan
    body = bytearray(npz(x=array, y=array))
    body[len(body) // 4] ^= 1
    with a_client(engine_threads=2) as client:
        answer = client.request("POST", path, content=bytes(body), headers={"content-type": NPZ})
    assert_problem(answer, "malformed-body", pointers=["/x.npy"])

"""Every way to fail is a problem of one shape that names the place and repeats nothing; none is a 5xx."""

import asyncio
import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import Query
from starlette.exceptions import HTTPException

from tests.contract.schemas import assert_conforms
from tests.inprocess import InProcess, a_client, a_scope, an_app
from tests.refusals import assert_problem

SECRET = "s3cr3t-v4lu3"  # noqa: S105 - a mark to look for in answers

X = '"x": [[1, 2], [3, 4]]'
Y = '"y": [[1, 2], [3, 4]]'

BODIES: list[tuple[str, str, list[str] | None]] = [
    ("malformed-body", "", []),
    ("malformed-body", "{", []),
    ("malformed-body", f"{{{X}, {Y},}}", []),
    ("malformed-body", f"{{{X}, {Y}}} {SECRET}", []),
    ("malformed-body", f'{{"x": [NaN], {Y}, "loss": "{SECRET}"}}', []),
    ("malformed-body", f'{{"x": [-Infinity], {Y}}}', []),
    ("malformed-body", f'{{"x": [01], {Y}}}', []),
    ("malformed-body", f'{{{X}, {Y}, "loss": "\\ud800"}}', []),
    ("malformed-body", '{"x": ' + "[" * 100_000, []),
    ("malformed-body", '{"x": ' + "[" * 32 + "1" + "]" * 32 + f", {Y}}}", []),
    ("not-an-object", "[1, 2]", None),
    ("not-an-object", f'"{SECRET}"', None),
    ("not-an-object", "null", None),
    ("missing-field", "{}", ["/x", "/y"]),
    ("missing-field", f"{{{X}}}", ["/y"]),
    ("missing-field", f'{{{X}, {Y}, "mu": [[1], [2]]}}', ["/logvar"]),
    ("missing-field", f'{{{X}, "logvar": [[1], [2]]}}', ["/y", "/mu"]),
    ("unknown-field", f'{{{X}, {Y}, "logVar": [1]}}', ["/logVar"]),
    ("unknown-field", f'{{{X}, {Y}, "a/b~c": [1]}}', ["/a~1b~0c"]),
    ("unknown-field", f'{{{X}, {Y}, "": 1}}', ["/"]),
    ("duplicate-field", f"{{{X}, {Y}, {X}}}", ["/x"]),
    ("duplicate-field", f'{{{X}, {Y}, "loss": "mse", "loss": "mae"}}', ["/loss"]),
    ("null-field", f'{{{X}, {Y}, "loss": null}}', ["/loss"]),
    ("not-a-number", f'{{{X}, {Y}, "mu": null, "logvar": null}}', ["/mu", "/logvar"]),
    ("null-field", f'{{{X}, {Y}, "beta": null}}', ["/beta"]),
    ("not-a-number", f'{{"x": [[1, "{SECRET}"], [3, 4]], {Y}}}', ["/x/0/1"]),
    ("not-a-number", f'{{"x": [[1, true], [null, 4]], {Y}}}', ["/x/0/1", "/x/1/0"]),
    ("not-a-number", f'{{"x": [[1, 2], [3, {{"a": "{SECRET}"}}]], {Y}}}', ["/x/1/1"]),
    ("not-a-number", f'{{"x": "{SECRET}", {Y}}}', ["/x"]),
    ("number-out-of-range", f'{{"x": [[1, 1e400], [3, 4]], {Y}}}', ["/x/0/1"]),
    ("number-out-of-range", f'{{"x": [[1, 2], [3, {"9" * 400}]], {Y}}}', ["/x/1/1"]),
    ("ragged-array", f'{{"x": [[1, 2], [3]], {Y}}}', ["/x/1"]),
    ("ragged-array", f'{{"x": [[1, 2], 3], {Y}}}', ["/x/1"]),
    ("shape-mismatch", f'{{{X}, "y": [[1, 2]]}}', ["/y"]),
    ("shape-mismatch", f'{{{X}, "y": [1, 2]}}', ["/y"]),
    ("shape-mismatch", '{"x": [], "y": []}', ["/x", "/y"]),
    ("shape-mismatch", f'{{{X}, {Y}, "mu": [[1], [2], [3]], "logvar": [[1], [2], [3]]}}', None),
    ("shape-mismatch", f'{{{X}, {Y}, "sample_weight": [1, 2, 3]}}', ["/sample_weight"]),
    ("out-of-domain", f'{{{X}, {Y}, "sample_weight": [1, -1]}}', ["/sample_weight/1"]),
    ("out-of-domain", f'{{{X}, {Y}, "sample_weight": [0, 0]}}', ["/sample_weight"]),
    ("out-of-domain", f'{{{X}, {Y}, "loss": "bce"}}', None),
    ("out-of-domain", '{"x": [[1, 1]], "y": [[1, 0]], "loss": "poisson_nll"}', ["/y/0/1"]),
    ("unknown-loss", f'{{{X}, {Y}, "loss": "{SECRET}"}}', ["/loss"]),
    ("invalid-option", f'{{{X}, {Y}, "beta": "{SECRET}"}}', ["/beta"]),
    ("invalid-option", f'{{{X}, {Y}, "include": ["{SECRET}"]}}', ["/include/0"]),
    ("overflow", '{"x": [[1], [1e200]], "y": [[1], [-1e200]]}', None),
    ("overflow", f'{{{X}, {Y}, "mu": [[0], [0]], "logvar": [[0], [800]]}}', None),
]


@pytest.mark.parametrize(("slug", "body", "pointers"), BODIES, ids=[f"{slug} {body[:40]}" for slug, body, _ in BODIES])
def test_a_bad_body(client: InProcess, slug: str, body: str, pointers: list[str] | None) -> None:
    answer = client.raw(body.encode())
    document = assert_problem(answer, slug, pointers=pointers, unsaid=[SECRET])
    assert_conforms(document, "ProblemAnswer")


@pytest.mark.parametrize("slug", [*dict.fromkeys(slug for slug, _, _ in BODIES)])
def test_what_is_wrong_has_a_page(client: InProcess, slug: str) -> None:
    assert client.get(f"/problems/{slug}").status_code == 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_another_encoding_is_refused(client: InProcess, encoding: str) -> None:
    body = f'{{{X}, {Y}, "loss": "\u00e9"}}'.encode(encoding)
    assert_problem(client.raw(body), "malformed-body")


def test_a_million_faults_make_a_small_problem(client: InProcess) -> None:
    body = json.dumps({"x": [None] * 1_000_000, "y": [1]}).encode()
    document = assert_problem(client.raw(body), "not-a-number")
    assert len(document["errors"]) == 20


def test_a_hundred_thousand_fields_make_a_small_problem(client: InProcess) -> None:
    body = json.dumps({f"{SECRET * 10}{number}": number for number in range(100_000)}).encode()
    assert_problem(client.raw(body), "unknown-field", unsaid=[SECRET * 4])


def extremes() -> Iterator[tuple[str, dict[str, object]]]:
    """Batches at the edge of what doubles hold: each is answered, or refused with its place, but never a failure."""
    tiny, huge = 5e-324, 1.7976931348623157e308
    plain: dict[str, object] = {"x": [[1.0, 2.0]], "y": [[0.5, -0.0]]}
    latent: dict[str, object] = {"mu": [[1.0]], "logvar": [[0.0]]}
    yield "enormous beta", plain | latent | {"beta": huge}
    yield "tiny beta", plain | latent | {"beta": tiny}
    yield "beta without latents", plain | {"beta": huge}
    yield "integer beta", plain | latent | {"beta": 10**308}
    yield "tiny variance", plain | latent | {"loss": "gaussian_nll", "variance": tiny}
    yield "huge variance", plain | latent | {"loss": "gaussian_nll", "variance": huge}
    for loss in ("huber", "smooth_l1"):
        yield f"tiny delta {loss}", plain | {"loss": loss, "delta": 1e-320}
        yield f"huge delta {loss}", plain | {"loss": loss, "delta": huge}
    yield "huge weight", plain | latent | {"sample_weight": [1e308]}
    yield "huge weights", {"x": [1, 2], "y": [2, 1], "sample_weight": [1e308, 1e308]}
    yield "tiny weight", plain | latent | {"sample_weight": [tiny]}
    for value in (tiny, 1e-200, 1e154, 1e200, huge):
        yield f"x {value}", {"x": [[value, -value]], "y": [[-value, 0.0]]} | latent
    yield "mu", plain | {"mu": [[1e160]], "logvar": [[0.0]]}
    yield "logvar", plain | {"mu": [[0.0]], "logvar": [[-huge]]}
    yield "logvar edge", plain | {"mu": [[0.0]], "logvar": [[709.78]]}
    yield "one of all", {"x": [1], "y": [1], "mu": [1], "logvar": [1]}
    yield "negative zero", {"x": [-0.0], "y": [0.0], "mu": [-0.0], "logvar": [-0.0], "beta": -0.0}


LOSSES = ["squared_error", "log_cosh", "squared_log_error", "bce_with_logits", "poisson_nll", "gaussian_nll", "mae"]


@pytest.mark.parametrize(("name", "batch"), [*extremes()], ids=[name for name, _ in extremes()])
def test_an_extreme_batch_is_answered_or_refused(client: InProcess, name: str, batch: dict[str, object]) -> None:
    for loss in {str(batch.get("loss", loss)) for loss in LOSSES}:
        for include in ([], ["elementwise", "gradients", "conventions"], ["collapse"]):
            answer = client.loss(**batch | {"loss": loss, "include": include})
            if answer.status_code == 200:
                assert_conforms(json.loads(answer.text, parse_constant=pytest.fail), "LossAnswer")
            else:
                assert answer.status_code == 422, name
                assert_problem(answer, answer.json()["type"].rpartition("/")[2])


@pytest.mark.parametrize(
    ("method", "path", "slug"),
    [
        ("GET", "/nowhere", "not-found"),
        ("GET", "/loss/", "not-found"),
        ("GET", "/loss//", "not-found"),
        ("POST", "/%00", "not-found"),
        ("GET", f"/{SECRET}", "not-found"),
        ("GET", "/loss", "method-not-allowed"),
        ("HEAD", "/loss", "method-not-allowed"),
        ("DELETE", "/losses/mse", "method-not-allowed"),
        ("TRACE", "/healthz", "method-not-allowed"),
        ("POST", "/docs", "method-not-allowed"),
        ("POST", "/openapi.json", "method-not-allowed"),
        ("BREW", "/loss", "method-not-allowed"),
    ],
)
def test_a_wrong_way(client: InProcess, method: str, path: str, slug: str) -> None:
    answer = client.request(method, path)
    if method == "HEAD":
        assert answer.status_code == 405
        return
    assert_problem(answer, slug, unsaid=[SECRET])
    assert ("allow" in answer.headers) == (slug == "method-not-allowed")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/loss", "OPTIONS, POST"), ("/losses", "GET, HEAD, OPTIONS"), ("/docs", "GET, HEAD, OPTIONS")],
)
def test_options_lists_the_methods(client: InProcess, path: str, allowed: str) -> None:
    answer = client.request("OPTIONS", path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
    assert client.request("PUT", path).headers["allow"] == allowed


def test_a_body_over_the_limit_is_refused_as_it_arrives_and_as_it_inflates() -> None:
    body = f"{{{X}, {Y}{' ' * 1000}}}".encode()
    with a_client(max_json_bytes=1000) as client:
        document = assert_problem(client.raw(body), "body-too-large")
        assert "1000" in document["detail"]
        assert "LOSSGRID_MAX_JSON_BYTES" in document["detail"]
        assert_problem(client.raw(gzip.compress(body), content_encoding="gzip"), "body-too-large")
    with a_client(max_json_bytes=2000) as client:
        plain = client.raw(body)
        assert plain.status_code == 200
        assert client.raw(gzip.compress(body), content_encoding="gzip").content == plain.content


def test_a_broken_or_unknown_compression_is_refused(client: InProcess) -> None:
    body = f"{{{X}, {Y}}}".encode()
    assert_problem(client.raw(body, content_encoding="gzip"), "malformed-body")
    assert_problem(client.raw(gzip.compress(body)[:-3], content_encoding="gzip"), "malformed-body")
    answer = client.raw(body, content_encoding="br")
    assert_problem(answer, "unsupported-content-encoding")
    assert answer.headers["accept-encoding"] == "gzip"


def test_the_limits_of_json_are_settings() -> None:
    with a_client(max_json_depth=2, max_integer_digits=17) as client:
        assert client.raw(b'{"x": [1], "y": [12345678901234567]}').status_code == 200
        assert_problem(client.raw(b'{"x": [[1]], "y": [[1]]}'), "malformed-body")
        assert_problem(client.raw(b'{"x": [1], "y": [123456789012345678]}'), "number-out-of-range")


def test_a_client_that_leaves_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with caplog.at_level(logging.INFO):
        asyncio.run(an_app()(a_scope((b"host", b"localhost")), receive, send))  # type: ignore[arg-type]  # ASGI's messages are looser than these
    assert b"/problems/incomplete-body" in sent[1]["body"]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "status=- " in record.getMessage()


@pytest.fixture
def faulty(caplog: pytest.LogCaptureFixture) -> Iterator[InProcess]:
    """Ask an application that has routes which fail."""
    caplog.set_level(logging.ERROR, "lossgrid")
    with a_client() as client:

        async def fail() -> None:
            raise ZeroDivisionError(SECRET)

        async def teapot() -> None:
            raise HTTPException(418, SECRET)

        async def number(count: int = Query()) -> None:
            raise AssertionError(count)

        for endpoint in (fail, teapot, number):
            client.app.add_api_route(f"/{endpoint.__name__}", endpoint)
        yield client


def test_an_unforeseen_failure_says_nothing_but_is_logged(faulty: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    document = assert_problem(faulty.get("/fail"), "internal-error", unsaid=[SECRET, "ZeroDivision"])
    assert SECRET in caplog.text
    assert document["instance"] in caplog.text


def test_what_the_framework_refuses_is_a_problem_too(faulty: InProcess) -> None:
    assert_problem(faulty.get("/teapot"), "invalid-request", unsaid=[SECRET])
    assert_problem(faulty.get(f"/number?count={SECRET}"), "invalid-request", unsaid=[SECRET])
    assert_problem(faulty.get("/number"), "invalid-request")


def test_ids_are_never_the_same(client: InProcess) -> None:
    def instance(answer: httpx.Response) -> str:
        return str(answer.json()["instance"])

    assert len({instance(client.get("/nowhere")) for _ in range(10)}) == 10

"""The application is put together in the right order: who may ask, what is told of it, and what an operator sees."""

import logging
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from app.gates.headers import HEADERS
from app.main import OPENED, cautions
from app.settings import ImpossibleSettingsError, Settings
from tests.inprocess import InProcess, a_client, an_app
from tests.refusals import assert_problem

TOKEN = "a-token-of-some-length"  # noqa: S105 - a token of the tests
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BATCH = {"x": [[0, 1]], "y": [[0.5, 0.5]]}
ORIGIN = {"Origin": "https://example.org"}


@pytest.fixture
def tokens_file(tmp_path: Path) -> str:
    """Write a file with one token."""
    path = tmp_path / "tokens"
    path.write_text(f"team {TOKEN}\n", "ascii")
    return str(path)


@pytest.mark.parametrize("path", sorted(path for path in OPENED if "{" not in path))
def test_what_is_open_can_be_read_without_a_token(tokens_file: str, path: str) -> None:
    with a_client(tokens_file=tokens_file, rate_per_minute=1) as client:
        assert [client.get(path).status_code for _ in range(3)] == [200] * 3


def test_whatever_else_there_is_wants_one(tokens_file: str) -> None:
    with a_client(tokens_file=tokens_file) as client:
        assert_problem(client.loss(**BATCH), "unauthorized")
        assert_problem(client.request("POST", "/loss/identify", json={**BATCH, "observed": 0.25}), "unauthorized")
        assert_problem(client.get("/metrics"), "unauthorized")
        assert_problem(client.get("/nowhere"), "unauthorized")
        assert client.request("POST", "/loss", json=BATCH, headers=BEARER).status_code == 200
        assert client.get("/metrics", headers=BEARER).status_code == 200
        assert client.request("OPTIONS", "/loss").status_code == 204


def test_what_is_open_is_there() -> None:
    app = an_app()
    paths = {context.path for context in iter_route_contexts(app.routes)} | {"/web/{file}"}
    assert paths >= OPENED


def test_a_prefix_changes_nothing_about_who_gets_in(tokens_file: str) -> None:
    with a_client(tokens_file=tokens_file, root_path="/grid") as client:
        assert client.get("/grid/docs").status_code == client.get("/docs").status_code == 200
        assert_problem(client.request("POST", "/grid/loss", json=BATCH), "unauthorized")
        assert_problem(client.request("POST", "/loss", json=BATCH), "unauthorized")


def test_a_file_of_tokens_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ImpossibleSettingsError) as refusal:
        an_app(tokens_file=str(tmp_path / "nowhere"))
    (fault,) = refusal.value.faults
    assert fault.startswith("LOSSGRID_TOKENS_FILE is not possible: the file of tokens cannot be read")


def test_who_comes_too_often_has_to_wait() -> None:
    with a_client(rate_per_minute=2) as client:
        assert [client.loss(**BATCH).status_code for _ in range(2)] == [200, 200]
        answer = client.loss(**BATCH)
        assert_problem(answer, "too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert "LOSSGRID_RATE_PER_MINUTE" in answer.json()["detail"]


def test_behind_a_known_proxy_each_of_its_clients_counts_for_itself() -> None:
    with a_client(rate_per_minute=1, trusted_proxies="127.0.0.1") as client:

        def status(address: str) -> int:
            return client.request("POST", "/loss", json=BATCH, headers={"X-Forwarded-For": address}).status_code

        assert [status(address) for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1")] == [200, 200, 429]


@pytest.mark.parametrize("path", ["/", "/docs", "/losses", "/openapi.json", "/nowhere", "/problems", "/metrics"])
def test_every_answer_has_the_headers_that_keep_browsers_strict(client: InProcess, path: str) -> None:
    answer = client.get(path)
    for name, value in HEADERS:
        assert name.decode() in answer.headers
        assert len(answer.headers.get_list(name.decode())) == 1
        if name != b"content-security-policy":
            assert answer.headers[name.decode()] == value.decode()
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_no_page_of_another_site_may_read_unless_it_is_listed(client: InProcess) -> None:
    assert "access-control-allow-origin" not in client.get("/losses", headers=ORIGIN).headers
    with a_client(cors_origins="https://example.org, http://localhost:5173") as listed:
        assert listed.get("/losses", headers=ORIGIN).headers["access-control-allow-origin"] == "https://example.org"
        other = listed.get("/losses", headers={"Origin": "https://example.com"})
        assert other.status_code == 200
        assert "access-control-allow-origin" not in other.headers


def test_a_preflight_needs_no_token_and_what_is_refused_can_be_read(tokens_file: str) -> None:
    with a_client(cors_origins="https://example.org", tokens_file=tokens_file) as client:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        preflight = client.request("OPTIONS", "/loss", headers=ORIGIN | asks)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        refused = client.request("POST", "/loss", json=BATCH, headers=ORIGIN)
        assert_problem(refused, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == "https://example.org"


def test_every_request_leaves_one_line_without_a_value_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lossgrid")
    with a_client() as client:
        answer = client.request("POST", "/loss?loss=secret&loss=%0d%0aforged", json=BATCH, headers={"X-Key": "secret"})
        client.get("/secret")
        client.get("/healthz")
    first, second = (record.getMessage() for record in caplog.records)
    assert f"id={answer.headers['x-request-id']} method=POST route=/loss status=422 " in first
    assert "client=127.0.0.1 token=- problem=" in first
    assert "method=GET route=unknown status=404" in second
    assert "secret" not in caplog.text
    assert "forged" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),  # noqa: S104 - never bound
        ({"host": "10.0.0.1", "rate_per_minute": 60}, False),
        ({"host": "10.0.0.1", "tokens_file": "tokens"}, False),
    ],
)
def test_who_serves_everybody_without_a_bound_is_warned(settings: dict[str, object], warned: bool) -> None:  # noqa: FBT001 - a column of the table
    told = cautions(Settings(**settings))  # type: ignore[arg-type]  # mypy cannot know which
    assert len(told) == warned
    assert all("LOSSGRID_TOKENS_FILE" in line and "LOSSGRID_RATE_PER_MINUTE" in line for line in told)


@pytest.mark.parametrize(
    ("settings", "host", "path", "status"),
    [
        ({}, "localhost:8000", "/losses", 200),
        ({}, "rebound.example", "/losses", 400),
        ({}, "rebound.example", "/healthz", 200),
        ({}, "rebound.example", "/metrics", 400),
        ({"host": "0.0.0.0"}, "10.1.2.3:8000", "/losses", 200),  # noqa: S104 - never bound
        ({"host": "127.0.0.5"}, "127.0.0.5", "/losses", 200),
        ({"allowed_hosts": "loss.example.org"}, "loss.example.org", "/losses", 200),
        ({"allowed_hosts": "loss.example.org"}, "localhost", "/losses", 400),
        ({"allowed_hosts": "*"}, "rebound.example", "/losses", 200),
        ({"host": "0.0.0.0", "allowed_hosts": "a.example"}, "10.1.2.3", "/metrics", 200),  # noqa: S104 - never bound
        ({"host": "0.0.0.0", "allowed_hosts": "a.example"}, "10.1.2.3", "/losses", 400),  # noqa: S104 - never bound
    ],
)
def test_the_service_answers_to_its_names(settings: dict[str, object], host: str, path: str, status: int) -> None:
    with a_client(**settings) as client:
        answer = client.get(path, headers={"Host": host})
    assert answer.status_code == status
    if status == 400:
        assert_problem(answer, "bad-host", unsaid=[host])
        assert "LOSSGRID_ALLOWED_HOSTS" in answer.json()["detail"]

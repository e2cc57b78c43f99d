"""The whole corpus against a real server."""

from collections.abc import Iterator

import pytest

from tests.e2e.process import Running, running
from tests.hostile import of_files, of_json, wires
from tests.hostile.case import Answer, Case, complaints
from tests.hostile.run import cases, failures, listed

PROBLEM = b'{"type": "/problems/a", "title": "a", "status": 422, "detail": "a", "errors": [{"pointer": "/x"}]}'
HEADERS = {"content-type": "application/problem+json", "x-request-id": "1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as process:
        yield process


def test_there_are_enough_and_each_has_its_name() -> None:
    assert len(cases()) > 2100


@pytest.mark.parametrize("source", [of_json, of_files], ids=["json", "files"])
def test_every_request_is_answered_as_it_should_be(server: Running, source: object) -> None:
    assert source in (of_json, of_files)
    chosen = list(of_json.cases() if source is of_json else of_files.cases())
    found = [f"{case.name}: {complaint}" for case, complaint in failures(server.url, chosen)]
    assert not found, listed(found)
    assert server.process.poll() is None
    assert "Traceback" not in server.output()


def test_every_connection_has_its_answer_or_its_end(server: Running) -> None:
    found = wires.failures(server.url)
    assert not found, listed(found)
    assert server.process.poll() is None
    assert "Traceback" not in server.output()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, HEADERS, b"{}"), "200 instead of [422]"),
        (Answer(422, {"content-type": "text/plain", "x-request-id": "1"}, PROBLEM), "the refusal is text/plain"),
        (Answer(422, {"content-type": "application/problem+json"}, PROBLEM), "no X-Request-Id"),
        (Answer(422, HEADERS, PROBLEM + b" " * 9000), "the problem has 9"),
        (Answer(422, HEADERS, PROBLEM.replace(b'"a"', b'"\xc3\xa9"')), "not ASCII"),
        (Answer(422, HEADERS, PROBLEM.replace(b'"a"', b'"canary-8c1f"')), "repeats the request"),
        (Answer(422, HEADERS, b"{"), "no strict JSON"),
        (Answer(422, HEADERS, b"{}"), "has no detail, status, title, type"),
        (Answer(422, HEADERS, PROBLEM.replace(b"422", b"400")), "the problem says /problems/a, 400"),
        (Answer(422, HEADERS, PROBLEM.replace(b"/x", b"/y")), "nothing points to '/x'"),
        (Answer(422, HEADERS, PROBLEM.replace(b"wanted", b"")), "it does not say 'wanted'"),
    ],
)
def test_a_wrong_refusal_is_complained_of(answer: Answer, words: str) -> None:
    case = Case("a", b"", frozenset({422}), pointer="/x", words="wanted")
    assert any(words in complaint for complaint in complaints(case, answer))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": NaN}', "no strict JSON"),
        (b'{"a": [1e999]}', "not finite"),
        (b'{"variants": {"sum_mean": {"total": 7.000001}}}', "should be 7.0"),
    ],
)
def test_a_wrong_content_is_complained_of(body: bytes, words: str) -> None:
    case = Case("a", b"", frozenset({200}), value=7.0 if b"variants" in body else None)
    answer = Answer(200, {"content-type": "application/json", "x-request-id": "1"}, body)
    assert any(words in complaint for complaint in complaints(case, answer))

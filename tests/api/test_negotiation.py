"""Content-Type and Accept decide in which format a body comes and the answer goes."""

import pytest

from tests.inprocess import InProcess
from tests.refusals import assert_problem

BODY = b'{"x": [1, 2], "y": [2, 1]}'


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=latin-1",
        " application/json ",
    ],
)
def test_a_known_type_is_taken_whatever_its_parameters(client: InProcess, content_type: str) -> None:
    assert client.raw(BODY, content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "application/json+x",
        "*/*",
        "\u00ff",
        "application/json, text/plain",
    ],
)
def test_another_type_is_refused_with_those_that_are_taken(client: InProcess, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode("latin-1"))]
    answer = client.request("POST", "/loss", content=BODY, headers=headers)
    assert_problem(answer, "unsupported-media-type")
    assert "application/json" in answer.headers["accept-post"]


def test_no_type_is_refused(client: InProcess) -> None:
    assert_problem(client.request("POST", "/loss", content=BODY), "unsupported-media-type")


def test_two_types_are_refused(client: InProcess) -> None:
    headers = [("content-type", "application/json"), ("content-type", "application/json")]
    assert_problem(client.request("POST", "/loss", content=BODY, headers=headers), "unsupported-media-type")


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "APPLICATION/JSON",
        "text/html, application/json;q=0.1",
        "text/html;q=1, */*;q=0.001",
        "application/json;q=1.000",
        "*/*;q=0, application/json",
        "application/json;version=1;q=0.5",
    ],
)
def test_json_is_sent_where_it_is_accepted(client: InProcess, accept: str) -> None:
    answer = client.raw(BODY, accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/json;q=0",
        "application/json;q=0.000, text/html",
        "*/*, application/json;q=0, application/x-npz;q=0",
        "application/json;q=high",
        "application/json;q=",
        "application/json;q=-1",
        "application/json;q=\u0661",
        "application/problem+json",
        ",",
        "text/*;q=0.5",
    ],
)
def test_what_accept_rules_out_is_not_sent(client: InProcess, accept: str) -> None:
    answer = client.request(
        "POST", "/loss", content=BODY, headers=[("accept", accept.encode()), ("content-type", b"application/json")]
    )
    assert_problem(answer, "not-acceptable")


def test_several_accept_headers_are_one(client: InProcess) -> None:
    headers = [("accept", "text/html"), ("accept", "application/json"), ("content-type", "application/json")]
    assert client.request("POST", "/loss", content=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("a/b," * 63 + "application/json", 200),
        ("a/b," * 64 + "application/json", 406),
        ("application/json" + ";a=b" * 63 + ";q=0", 200),
        ("," * 60_000, 406),
        (";" * 60_000, 406),
    ],
)
def test_only_so_many_ranges_and_parameters_are_looked_at(client: InProcess, accept: str, status: int) -> None:
    headers = [("accept", accept), ("content-type", "application/json")]
    assert client.request("POST", "/loss", content=BODY, headers=headers).status_code == status

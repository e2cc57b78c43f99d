"""GET /limits lists every limit in force, and what it lists is what holds."""

from typing import Any

from app.api.limits import FIXED
from app.settings import Settings, limits
from tests.contract.schemas import assert_conforms
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


def test_a_limit_that_is_no_setting_says_so(client: InProcess) -> None:
    assert rows(client)["errors"] == {
        "name": "errors",
        "value": 20,
        "unit": "places",
        "setting": None,
        "meaning": "places that a problem lists; the others are counted",
        "beyond": None,
    }

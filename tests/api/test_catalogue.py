"""GET /losses and its rows."""

import pytest

from app.losses import LOSSES
from tests.inprocess import InProcess
from tests.refusals import assert_problem


def test_the_catalogue_has_every_loss_in_order(client: InProcess) -> None:
    rows = client.get("/losses").json()
    assert [row["name"] for row in rows] == [*LOSSES]


def test_a_row_says_what_the_loss_is(client: InProcess) -> None:
    row = client.get("/losses/huber").json()
    assert row["parameters"] == {"delta": 1.0}
    assert row["domain"] == {"x": "real", "y": "real"}
    assert row["formula"]["text"]
    assert row["formula"]["latex"]
    assert row["gaussian"] is False
    assert client.get("/losses/gaussian_nll").json()["gaussian"] is True


@pytest.mark.parametrize("name", [name for loss in LOSSES.values() for name in (loss.name, *loss.aliases)])
def test_a_name_and_an_alias_lead_to_the_same_row(client: InProcess, name: str) -> None:
    row = client.get(f"/losses/{name}").json()
    assert name in (row["name"], *row["aliases"])
    assert row in client.get("/losses").json()


@pytest.mark.parametrize(
    ("name", "nearest"), [("hubber", "huber"), ("MSE", "mse"), ("x" * 5000, ""), ("%00", ""), ("%F0%9F%98%80", "")]
)
def test_an_unknown_name_is_not_found(client: InProcess, name: str, nearest: str) -> None:
    document = assert_problem(client.get(f"/losses/{name}"), "not-found", unsaid=["x" * 50])
    assert nearest in document["detail"]


@pytest.mark.parametrize("path", ["/losses", "/losses/mse", "/healthz", "/readyz", "/openapi.json", "/problems"])
def test_head_is_get_without_a_body(client: InProcess, path: str) -> None:
    answer = client.request("HEAD", path)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(client.get(path).content))

"""GET /conventions and its rows: filters, pages, and what is refused."""

import json

import pytest

from app.conventions import CLASSES, CONVENTIONS, as_document
from tests.contract.schemas import assert_conforms
from tests.inprocess import InProcess
from tests.refusals import assert_problem


def ids(client: InProcess, **query: object) -> list[str]:
    """Ask for a page, and return the ids on it."""
    answer = client.get("/conventions", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert_conforms(found, "ConventionsAnswer")
    return [row["id"] for row in found["conventions"]]


def test_the_catalogue_is_whole_and_in_order(client: InProcess) -> None:
    assert ids(client) == [*CONVENTIONS]
    found = client.get("/conventions").json()
    assert (found["total"], found["offset"], found["limit"]) == (len(CONVENTIONS), 0, 100)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_row_is_what_the_table_says(client: InProcess, name: str) -> None:
    row = client.get(f"/conventions/{name}").json()
    assert row == json.loads(json.dumps(as_document(CONVENTIONS[name])))
    assert_conforms(row, "ConventionRow")


def test_the_row_that_was_not_read_says_so(client: InProcess) -> None:
    unread = [row for row in client.get("/conventions").json()["conventions"] if not row["verified"]]
    assert len(unread) == 1
    assert unread[0]["source"]["commit"] is None


@pytest.mark.parametrize("kind", ["model", "api"])
def test_a_kind_is_kept(client: InProcess, kind: str) -> None:
    assert ids(client, kind=kind) == [row.id for row in CONVENTIONS.values() if row.kind == kind]


@pytest.mark.parametrize("class_", CLASSES)
def test_a_class_is_kept(client: InProcess, class_: str) -> None:
    found = ids(client, **{"class": class_})
    assert found == [row.id for row in CONVENTIONS.values() if row.class_ == class_]
    assert found


def test_a_loss_is_kept_by_name_and_by_alias(client: InProcess) -> None:
    found = ids(client, loss="squared_error")
    assert found == ids(client, loss="mse")
    assert "torch-mse-loss" in found
    assert "torch-bce" not in found


def test_a_variant_is_kept(client: InProcess) -> None:
    found = ids(client, variant="sum_sum+sum_sum")
    assert "pytorch-examples-vae" in found
    assert "antixk-vanilla" not in found
    assert "torch-mse-loss" in ids(client, variant="mean_mean")


def test_a_project_is_found_by_a_part_of_its_name_repository_or_id(client: InProcess) -> None:
    by_project = [row.id for row in CONVENTIONS.values() if "pytorch/examples" in row.project]
    assert set(by_project) <= set(ids(client, project="PyTorch/Examples"))
    assert "sigma-vae-optimal" in ids(client, project="orybkin")
    assert ids(client, project="torch-mse") == ["torch-mse-loss"]
    assert ids(client, project="nobody's") == []


def test_all_filters_must_hold(client: InProcess) -> None:
    found = ids(client, loss="mse", kind="model", variant="mean_mean+sum_mean")
    assert "antixk-vanilla" in found
    rows = [CONVENTIONS[name] for name in found]
    assert all(row.kind == "model" and "squared_error" in row.losses for row in rows)
    assert all("mean_mean+sum_mean" in row.variants for row in rows)


def test_pages_make_up_the_whole(client: InProcess) -> None:
    pages = [ids(client, limit=30, offset=offset) for offset in (0, 30, 60, 90)]
    assert [len(page) for page in pages] == [30, 30, len(CONVENTIONS) - 60, 0]
    assert [name for page in pages for name in page] == [*CONVENTIONS]
    assert client.get("/conventions?limit=1&class=A").json()["total"] == len(ids(client, **{"class": "A"}))


@pytest.mark.parametrize(
    ("query", "slug", "pointer", "words"),
    [
        ("class=Z", "invalid-option", "/class", "A, B, C"),
        ("class=", "invalid-option", "/class", "A, B, C"),
        ("kind=models", "invalid-option", "/kind", "model, api"),
        ("variant=sum", "invalid-option", "/variant", "sum_mean"),
        ("variant=sum_sum+sum_sum", "invalid-option", "/variant", "sum_sum+sum_sum"),
        ("loss=msse", "unknown-loss", "/loss", "mse"),
        ("loss=" + "x" * 5000, "unknown-loss", "/loss", "squared_error"),
        ("klass=A", "invalid-option", "/klass", "class"),
        ("variant=sum_sum+sum_sum", "invalid-option", "/variant", "a plus is written as %2B in a query"),
        ("zzz", "invalid-option", "/zzz", "loss, variant, class, kind, project, limit, offset"),
        ("limit=0", "invalid-option", "/limit", "from 1 to 1000"),
        ("limit=-1", "invalid-option", "/limit", "from 1 to 1000"),
        ("limit=1001", "invalid-option", "/limit", "from 1 to 1000"),
        ("limit=" + "9" * 5000, "invalid-option", "/limit", "from 1 to 1000"),
        ("limit=%D9%A1", "invalid-option", "/limit", "from 1 to 1000"),
        ("limit=", "invalid-option", "/limit", "from 1 to 1000"),
        ("offset=1.0", "invalid-option", "/offset", "from 0 to 1000"),
        ("limit=1&limit=2", "invalid-option", "/limit", "twice"),
        ("class=A&class=A", "invalid-option", "/class", "twice"),
    ],
)
def test_a_query_that_is_wrong_is_refused(client: InProcess, query: str, slug: str, pointer: str, words: str) -> None:
    document = assert_problem(client.get(f"/conventions?{query}"), slug)
    assert document["errors"][0]["pointer"].startswith(pointer)
    assert words in document["detail"]


@pytest.mark.parametrize(
    ("id_", "hint"),
    [
        ("torch-mse", "id; the nearest is torch-mse-loss. "),
        ("PYTORCH-EXAMPLES-VAE", "id; the nearest is pytorch-examples-vae. "),
        ("%00", "id. "),
    ],
)
def test_an_unknown_id_is_told_the_nearest(client: InProcess, id_: str, hint: str) -> None:
    document = assert_problem(client.get(f"/conventions/{id_}"), "not-found")
    assert hint in document["detail"]

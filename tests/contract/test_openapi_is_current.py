"""openapi/openapi.json is what the application says of itself, and says it completely."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.problems import KINDS
from scripts.write_openapi import DOCUMENT, main, text
from tests.inprocess import InProcess, a_client, an_app

PUBLISHED = json.loads(text())
OPERATIONS = {
    f"{method} {path}": operation for path, item in PUBLISHED["paths"].items() for method, operation in item.items()
}

every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def test_the_published_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "run `make openapi`"


def test_writing_it_writes_that(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401 - pytest's path
    monkeypatch.setattr("scripts.write_openapi.DOCUMENT", tmp_path / "folder" / "openapi.json")
    main()
    assert (tmp_path / "folder" / "openapi.json").read_text(encoding="utf-8") == text()


def test_it_is_served_as_it_is_published(client: InProcess) -> None:
    assert client.get("/openapi.json").json() == PUBLISHED


def test_behind_a_prefix_it_names_the_prefix() -> None:
    with a_client(root_path="/grid") as client:
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/grid"}]
        assert client.get("/grid/openapi.json").json()["servers"] == [{"url": "/grid"}]


def test_every_route_is_in_it() -> None:
    routes = [context.original_route for context in iter_route_contexts(an_app().routes)]
    paths = {route.path for route in routes if isinstance(route, APIRoute)}
    assert paths == set(PUBLISHED["paths"])


@every_operation
def test_an_operation_says_what_it_is(operation: dict[str, Any]) -> None:
    for name in ("operationId", "summary", "description", "tags"):
        assert operation[name]
    for parameter in operation.get("parameters", []):
        assert parameter["description"]


@every_operation
def test_every_refusal_is_a_problem_with_examples(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        assert response["headers"]["X-Request-Id"]
        if status == "200":
            continue
        (media_type, content), *others = response["content"].items()
        assert media_type == "application/problem+json"
        assert not others
        assert content["schema"] == {"$ref": "#/components/schemas/ProblemAnswer"}
        for slug, example in content["examples"].items():
            assert example["value"]["type"] == f"/problems/{slug}"
            assert status == "default" or str(KINDS[slug].status) == status


def test_the_refusals_of_a_loss_have_every_kind_of_their_status() -> None:
    responses = OPERATIONS["post /loss"]["responses"]
    for status in ("400", "406", "413", "415", "422"):
        examples = responses[status]["content"]["application/problem+json"]["examples"]
        assert set(examples) == {slug for slug, kind in KINDS.items() if str(kind.status) == status}


@every_operation
def test_a_list_in_the_query_is_written_with_commas(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if '"array"' in json.dumps(parameter["schema"]):
            assert (parameter["style"], parameter["explode"]) == ("form", False), parameter["name"]


def fields(schema: Any, place: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a node of a JSON document
    """Walk through every property of every schema."""
    if isinstance(schema, dict):
        for name, property_ in schema.get("properties", {}).items():
            yield f"{place}/{name}", property_
        for name, node in schema.items():
            yield from fields(node, f"{place}/{name}")


@pytest.mark.parametrize(("place", "schema"), [*fields(PUBLISHED["components"]["schemas"])])
def test_every_field_is_described(place: str, schema: dict[str, Any]) -> None:
    assert schema["description"].strip(), place


@pytest.mark.parametrize("name", sorted(PUBLISHED["components"]["schemas"]))
def test_every_object_is_described_and_closed(name: str) -> None:
    schema = PUBLISHED["components"]["schemas"][name]
    if schema["type"] == "object":
        assert schema["description"].strip()
        assert schema["additionalProperties"] is False


def test_every_reference_leads_somewhere() -> None:
    found = json.dumps(PUBLISHED).split('"$ref": "')[1:]
    names = {piece.partition('"')[0].removeprefix("#/components/schemas/") for piece in found}
    assert names <= set(PUBLISHED["components"]["schemas"])

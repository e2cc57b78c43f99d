"""A direct route gives its endpoint the request, and the document says as much of it as of any other."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.api.direct import DirectRoute, endpoints_of
from tests.inprocess import a_client


class Said(BaseModel):
    """What is answered."""

    words: int


def described(kind: type[APIRoute]) -> dict[str, Any]:
    made = APIRouter(route_class=kind)

    async def answer(_request: Request) -> Response:
        raise NotImplementedError

    made.add_api_route("/said", answer, methods=["POST"], response_model=Said, summary="Words")
    app = FastAPI()
    app.include_router(made)
    return app.openapi()


def test_the_document_is_the_same() -> None:
    assert "Said" in described(DirectRoute)["components"]["schemas"]
    assert described(DirectRoute) == described(APIRoute)


@pytest.mark.parametrize("path", ["/loss", "/loss/identify"])
def test_batches_are_answered_without_a_search_for_parameters(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("fastapi.routing.solve_dependencies", searched)
    with a_client() as client:
        assert client.request("POST", path, json={"x": [1]}).status_code == 422
        assert client.get("/losses/mse").status_code == 500  # which shows that others are searched


def test_the_short_way_leads_to_direct_routes_only() -> None:
    made = APIRouter(route_class=DirectRoute)
    plain = APIRouter()

    async def answer(_request: Request) -> Response:
        raise NotImplementedError

    plain.add_api_route("/plain", answer, methods=["POST"], response_model=None)
    made.add_api_route("/direct", answer, methods=["POST"], response_model=None)
    made.add_api_route("/direct/{name}", answer, methods=["POST"], response_model=None)
    outer = APIRouter()
    outer.include_router(made)
    assert endpoints_of([outer, plain]) == {("POST", "/direct"): answer}


@pytest.mark.parametrize("root_path", ["", "/prefix"])
def test_the_short_way_does_not_ask_the_router(root_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("fastapi.routing.APIRouter.app", asked)
    with a_client(root_path=root_path) as client:
        for path in ("/loss", "/loss/identify"):
            body = {"x": [1], "y": [2], **({"observed": 1} if path != "/loss" else {})}
            assert client.request("POST", root_path + path, json=body).status_code == 200
            assert client.request("POST", root_path + path, content=b"[]").status_code == 415
        assert client.get(f"{root_path}/loss").status_code == 500  # which shows that others ask it

"""The gate `Prefix`: both kinds of reverse proxy, and names that can be read in two ways."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route

from app.gates.prefix import Prefix

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the service does."""
    return "asyncio"


def an_app(prefix: str) -> Prefix:
    """Make an application whose answers say which route they come from and which prefix it knows of."""

    def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.method} {request.scope['route'].path} below {request.scope['root_path']}")

    routes = [
        Route("/", answer),
        Route("/docs", answer),
        Route("/loss", answer, methods=["POST"]),
        Route("/loss/identify", answer, methods=["POST"]),
        Route("/losses/{name}", answer),
    ]
    return Prefix(
        Starlette(routes=routes), prefix, lambda scope: any(route.matches(scope)[0] is Match.FULL for route in routes)
    )


@pytest.mark.parametrize(
    ("prefix", "method", "path", "route"),
    [
        ("/team", "GET", "/", "/"),
        ("/team", "GET", "/team", "/"),
        ("/team", "GET", "/team/", "/"),
        ("/team", "GET", "/docs", "/docs"),
        ("/team", "GET", "/team/docs", "/docs"),
        ("/team", "POST", "/loss", "/loss"),
        ("/team", "POST", "/team/loss", "/loss"),
        ("/team/a", "POST", "/team/a/loss/identify", "/loss/identify"),
        ("/loss", "GET", "/loss", "/"),
        ("/loss", "GET", "/loss/docs", "/docs"),
        ("/loss", "POST", "/loss", "/loss"),
        ("/loss", "POST", "/loss/loss", "/loss"),
        ("/loss", "POST", "/loss/identify", "/loss/identify"),
        ("/loss", "POST", "/loss/loss/identify", "/loss/identify"),
        ("/loss", "GET", "/losses/huber", "/losses/{name}"),
        ("/loss", "GET", "/loss/losses/huber", "/losses/{name}"),
        ("/losses", "GET", "/losses/huber", "/losses/{name}"),
        ("/losses", "GET", "/losses/docs", "/docs"),
    ],
)
async def test_a_path_leads_to_its_route_whether_stripped_or_kept(
    prefix: str, method: str, path: str, route: str
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app(prefix)), base_url="http://test") as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.text) == (200, f"{method} {route} below {prefix}")


@pytest.mark.parametrize("path", ["/nowhere", "/team/nowhere", "/teams/docs", "/team/team/docs"])
async def test_a_path_that_leads_nowhere_is_not_found(path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app("/team")), base_url="http://test") as client:
        assert (await client.get(path)).status_code == 404


async def test_without_a_prefix_nothing_changes() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app("")), base_url="http://test") as client:
        assert (await client.get("/docs")).text == "GET /docs below "
        assert (await client.get("/team/docs")).status_code == 404

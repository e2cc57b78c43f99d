"""Routes for endpoints that take the request as it is and give the response themselves, and the short way to them."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi.routing import APIRoute, APIRouter, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response

from app.api.errors import HANDLERS
from app.gates.asgi import App, Receive, Scope, Send, path_of

__all__ = ["Direct", "DirectRoute", "Endpoint", "endpoints_of"]

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """Calls its endpoint without looking for parameters, dependencies or a model of the answer: it has none.

    The OpenAPI document describes it like any other. That search took a sixth of the time outside of the endpoint.
    """

    def get_route_handler(self) -> Endpoint:
        """Give the endpoint."""
        return self.endpoint


def endpoints_of(routers: Iterable[APIRouter]) -> Mapping[tuple[str, str], Endpoint]:
    """Find the endpoints of all direct routes without parameters in their path, by method and path."""
    return {
        (method, context.path): context.original_route.endpoint
        for router in routers
        for context in iter_route_contexts(router.routes)
        if isinstance(context.original_route, DirectRoute) and context.path and "{" not in context.path
        for method in context.methods or ()
    }


class Direct:
    """Calls the endpoints of direct routes without the router, and answers what they raise as it would be answered.

    The router asks each route of each router whether it matches, and opens two stacks of contexts for what endpoints
    without parameters never have. It remains behind, for all other requests and for what the OpenAPI document says.

    Parameters
    ----------
    app
        What comes next.
    endpoints
        By method and path.
    """

    def __init__(self, app: App, *, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self.app = app
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        endpoint = self.endpoints.get((scope["method"], path_of(scope))) if scope["type"] == "http" else None
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except Exception as error:
            handler = next((one for kind, one in HANDLERS.items() if isinstance(error, kind)), None)
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)

"""GET /healthz and GET /readyz: is the process alive, and does it take requests? Neither waits for anything."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answer import HealthAnswer, ReadinessAnswer
from app.api.refusals import refusals
from app.problems import NOT_READY, Problem, RefusedError

__all__ = ["router"]

_NO_STORE = {"Cache-Control": "no-store"}


def router() -> APIRouter:
    """Make the routes; `ready` and `spool` of the application's state say whether it takes requests."""
    made = APIRouter(tags=["health"])

    async def healthz() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json", headers=_NO_STORE)

    async def readyz(request: Request) -> Response:
        if not request.app.state.ready:
            # Not the detail of the kind: what was accepted is still being finished.
            detail = "The service has been told to stop; send requests elsewhere, or again in a few seconds."
            raise RefusedError(Problem(NOT_READY, detail, headers={"Retry-After": "5"}))
        request.app.state.spool.largest_bytes()  # refuses where there is no place for large bodies
        return Response(b'{"status":"ready"}', media_type="application/json", headers=_NO_STORE)

    made.add_api_route(
        "/healthz",
        healthz,
        operation_id="healthz",
        summary="Is the process alive?",
        description="For liveness probes. It stays 200 while the service drains.",
        response_model=HealthAnswer,
        response_description="It is.",
        responses=refusals(),
    )
    made.add_api_route(
        "/readyz",
        readyz,
        operation_id="readyz",
        summary="Does the service take requests?",
        description="For readiness probes and load balancers. It is 503 as soon as the service has been told to stop,"
        " and while it has no place for large bodies.",
        response_model=ReadinessAnswer,
        response_description="It does.",
        responses=refusals(503),
    )
    return made

"""GET /metrics: what `app.gates.meters` has counted, for Prometheus."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.refusals import refusals
from app.gates.meters import MEDIA_TYPE, Meters
from app.threads import Threads

__all__ = ["router"]


def router() -> APIRouter:
    """Make the route; `meters` of the application's state has the numbers."""
    made = APIRouter(tags=["health"])

    reading = Threads(1, "lossgrid-metrics")  # with several workers, it reads the file of each

    async def metrics(request: Request) -> Response:
        meters: Meters = request.app.state.meters
        page = await reading.aside(meters.page)
        return Response(page, headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})

    made.add_api_route(
        "/metrics",
        metrics,
        operation_id="metrics",
        summary="What the service has done, for Prometheus",
        description="Counters and histograms in Prometheus's text format: requests by route, method and status, how"
        " long they took, time in decoding, computing and encoding, bytes, refusals by kind, and how many requests are"
        " computed and wait now.",
        response_class=Response,
        response_description="Prometheus's text.",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals()},
    )
    return made

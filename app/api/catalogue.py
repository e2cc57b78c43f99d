"""GET /losses and GET /losses/{name}: the catalogue of elementwise losses, as the core has it."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path
from fastapi.openapi.models import Example
from starlette.responses import Response

from app.api.answer import LossRow
from app.api.refusals import refusals
from app.losses import LOSSES, Loss, UnknownLoss, find
from app.problems import NOT_FOUND, Problem, RefusedError

__all__ = ["router"]

A_NAME: Final = {"huber": Example(value="huber")}


def router() -> APIRouter:
    """Make the routes."""
    made = APIRouter(tags=["catalogue"])
    rows = {loss.name: _row(loss) for loss in LOSSES.values()}
    whole = orjson.dumps(list(rows.values()))

    async def losses() -> Response:
        return Response(whole, media_type="application/json")

    async def one_loss(
        name: Annotated[str, Path(description="Its name or an alias.", openapi_examples=A_NAME)],
    ) -> Response:
        try:
            row = rows[find(name).name]
        except UnknownLoss as error:
            said = error.faults[0].detail
            raise RefusedError(Problem(NOT_FOUND, f"This {said}{'' if said.endswith('?') else '.'}")) from None
        return Response(orjson.dumps(row), media_type="application/json")

    made.add_api_route(
        "/losses",
        losses,
        operation_id="losses",
        summary="The elementwise losses",
        description="Every loss that `loss` of POST /loss takes, with its formula, domain and parameters.",
        response_model=list[LossRow],
        response_description="All of them.",
        responses=refusals(),
    )
    made.add_api_route(
        "/losses/{name}",
        one_loss,
        operation_id="one_loss",
        summary="One elementwise loss",
        description="The row of the catalogue for a name or an alias.",
        response_model=LossRow,
        response_description="Its row.",
        responses=refusals(404),
    )
    return made


def _row(loss: Loss) -> dict[str, Any]:
    """Lay out one loss."""
    return {
        "name": loss.name,
        "title": loss.title,
        "aliases": list(loss.aliases),
        "formula": {"text": loss.formula, "latex": loss.latex},
        "domain": {"x": loss.x_domain.text, "y": loss.y_domain.text},
        "parameters": dict(loss.parameters),
        "gaussian": loss.decoder_variance is not None,
        "note": loss.note,
    }

"""GET /limits: what a caller may ask for at most, and what an operator changes to allow more."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from app.api.answer import LimitRow
from app.api.conventions import LARGEST_LIMIT
from app.api.identify import MOST_BATCHES
from app.api.negotiation import MOST_PARAMETERS
from app.api.refusals import refusals
from app.formats.archive import MOST_MEMBERS
from app.formats.elements import MOST_AXES
from app.formats.json_members import LONGEST_OPTION
from app.formats.multipart import MOST_FILES, MOST_HEADER_BYTES, MOST_PARTS, MOST_TEXT_BYTES
from app.gates.intake import FREE_BYTES as FREE_GZIP_BYTES
from app.gates.intake import MOST_MEMBERS as MOST_GZIP_MEMBERS
from app.problems import LARGEST_BODY_BYTES, MOST_ERRORS
from app.settings import Limit
from app.spool import SHARE_PERCENT
from app.variables import variable

__all__ = ["FIXED", "router"]

FIXED: Final = (
    Limit(
        "spool_share",
        SHARE_PERCENT,
        "percent",
        variable("spool_directory"),
        "share of the free room of the directory for large bodies that one of them, or what it inflates to, may take;"
        " the setting names a directory with more room",
        413,
    ),
    Limit("archive_members", MOST_MEMBERS, "members", None, "arrays in an archive or a safetensors file", 413),
    Limit("form_files", MOST_FILES, "files", None, "arrays in a form", 413),
    Limit("form_parts", MOST_PARTS, "parts", None, "parts of a form, options included", 400),
    Limit("form_header_bytes", MOST_HEADER_BYTES, "bytes", None, "headers of one part of a form", 413),
    Limit("gzip_members", MOST_GZIP_MEMBERS, "members", None, "members of a gzip stream", 400),
    Limit(
        "gzip_free_bytes", FREE_GZIP_BYTES, "bytes", None, "what a gzip body may inflate to from however little", 413
    ),
    Limit("form_option_bytes", MOST_TEXT_BYTES, "bytes", None, "length of one option of a form", 413),
    Limit("json_option_bytes", LONGEST_OPTION, "bytes", None, "length of one option of a JSON body", 422),
    Limit("query_parameters", MOST_PARAMETERS, "parameters", None, "parameters of a query", 400),
    Limit("array_axes", MOST_AXES, "axes", None, "axes of an array of a binary body", 400),
    Limit("batch_sizes", MOST_BATCHES, "batches", None, "batches in one request to POST /loss/identify", 422),
    Limit("conventions", LARGEST_LIMIT, "rows", None, "rows in one answer of GET /conventions", 422),
    Limit("errors", MOST_ERRORS, "places", None, "places that a problem lists; the others are counted", None),
    Limit("problem_bytes", LARGEST_BODY_BYTES, "bytes", None, "size of a problem", None),
)
"""The limits that no setting changes, or only by something else than a number."""


def router(settings: Iterable[Limit]) -> APIRouter:
    """Make the route.

    Parameters
    ----------
    settings
        The limits that an operator can change.
    """
    made = APIRouter(tags=["catalogue"])
    whole = orjson.dumps([asdict(limit) for limit in (*settings, *FIXED)])

    async def limits() -> Response:
        return Response(whole, media_type="application/json")

    made.add_api_route(
        "/limits",
        limits,
        operation_id="limits",
        summary="Every limit in force",
        description="What a caller may ask for at most: how much, in what unit, with which status a request beyond it"
        " is refused, and which setting of the service changes it.",
        response_model=list[LimitRow],
        response_description="All of them.",
        responses=refusals(),
    )
    return made

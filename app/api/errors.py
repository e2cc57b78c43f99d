"""From exceptions to problems: one table, and the handlers that FastAPI asks for."""

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import problems
from app.formats.errors import (
    DecodeError,
    DuplicateField,
    Malformed,
    MissingField,
    NotAnObject,
    NotANumber,
    NullField,
    OutOfRange,
    Ragged,
    TooLarge,
    UnknownField,
    WrongDtype,
)
from app.gates.entry import entry_of
from app.losses.errors import (
    InvalidOption,
    LossInputError,
    MissingArray,
    NotFinite,
    OutOfDomain,
    Overflow,
    ShapeMismatch,
    UnknownLoss,
    WrongType,
)
from app.problems import MEDIA_TYPE, Kind, Problem, render, request_id

__all__ = ["HANDLERS", "KIND_OF", "respond"]

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

KIND_OF: Final[Mapping[type[DecodeError | LossInputError], Kind]] = MappingProxyType(
    {
        Malformed: problems.MALFORMED_BODY,
        NotAnObject: problems.NOT_AN_OBJECT,
        NullField: problems.NULL_FIELD,
        UnknownField: problems.UNKNOWN_FIELD,
        DuplicateField: problems.DUPLICATE_FIELD,
        MissingField: problems.MISSING_FIELD,
        NotANumber: problems.NOT_A_NUMBER,
        OutOfRange: problems.NUMBER_OUT_OF_RANGE,
        Ragged: problems.RAGGED_ARRAY,
        WrongDtype: problems.WRONG_TYPE,
        TooLarge: problems.BODY_TOO_LARGE,
        MissingArray: problems.MISSING_FIELD,
        ShapeMismatch: problems.SHAPE_MISMATCH,
        WrongType: problems.WRONG_TYPE,
        NotFinite: problems.NOT_FINITE,
        OutOfDomain: problems.OUT_OF_DOMAIN,
        UnknownLoss: problems.UNKNOWN_LOSS,
        InvalidOption: problems.INVALID_OPTION,
        Overflow: problems.OVERFLOW,
    }
)
"""What each thing that a format or the core refuses is called by the service."""


def respond(request: Request, problem: Problem) -> Response:
    """Make the response that tells a problem."""
    entry_of(request.scope).problem = problem.kind.slug
    return Response(
        render(problem, request_id(request.scope)),
        problem.kind.status,
        {"Cache-Control": "no-store", **problem.headers},
        MEDIA_TYPE,
    )


async def _of_input(request: Request, error: DecodeError | LossInputError) -> Response:
    """Answer what the formats and the core refuse."""
    return respond(request, Problem(KIND_OF[type(error)], error.detail, error.faults))


async def _of_router(request: Request, error: HTTPException) -> Response:
    """Answer what the router refuses; and OPTIONS, which it takes for a method that is not allowed."""
    if error.status_code == problems.METHOD_NOT_ALLOWED.status:
        named = {name.strip() for name in (error.headers or {}).get("Allow", "").split(",")} - {""}
        allowed = ", ".join(sorted(named | ({"HEAD"} if "GET" in named else set()) | {"OPTIONS"}))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed})
        detail = f"This path takes {allowed}."
        return respond(request, Problem(problems.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed}))
    if error.status_code == problems.NOT_FOUND.status:
        detail = "There is nothing at this path; the endpoints are listed in /docs."
        return respond(request, Problem(problems.NOT_FOUND, detail))
    return respond(request, problems.INVALID_REQUEST.example)


async def _of_request(request: Request, _: Exception) -> Response:
    """Answer what FastAPI finds wrong with a path or a query, without repeating any of it."""
    return respond(request, problems.INVALID_REQUEST.example)


async def _of_disconnect(request: Request, _: Exception) -> Response:
    """Answer a client that has left while it was sending; nobody will read it, but nothing has failed either."""
    response = respond(request, problems.INCOMPLETE_BODY.example)
    entry = entry_of(request.scope)
    entry.left, entry.problem = True, ""
    return response


HANDLERS: Final[Mapping[type[Exception], Handler]] = MappingProxyType(
    {
        DecodeError: _of_input,
        LossInputError: _of_input,
        HTTPException: _of_router,
        RequestValidationError: _of_request,
        ClientDisconnect: _of_disconnect,
    }
)
"""For ``FastAPI(exception_handlers=...)``. What is refused with a `RefusedError` unwinds to the gates instead."""

"""GET /conventions and GET /conventions/{id}: what real code computes, as the table has it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Path
from fastapi.openapi.models import Example
from pydantic import Field, with_config
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.refusals import refusals
from app.conventions import CLASSES, CONVENTIONS, Convention, as_document
from app.losses import LOSSES, TERM_REDUCTIONS, VARIANTS, Fault, InvalidOption
from app.losses.elementwise import find
from app.losses.refusals import nearest
from app.problems import NOT_FOUND, Problem, RefusedError

__all__ = [
    "ConventionRow",
    "ConventionsAnswer",
    "ExampleAnswer",
    "PosteriorAnswer",
    "RecipeAnswer",
    "SourceAnswer",
    "router",
]

LARGEST_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
AN_ID: Final = {"torch-mse-loss": Example(value="torch-mse-loss")}

_closed: Final = with_config(extra="forbid")


@_closed
class SourceAnswer(TypedDict):
    """Where a convention was read."""

    repository: Annotated[str, Field(description="`owner/name` on GitHub.")]
    path: Annotated[str, Field(description="The file in it.")]
    commit: Annotated[str | None, Field(description="The version that was read; null where a release was, or nothing.")]
    version: Annotated[str | None, Field(description="The release that was read, where it was not a commit.")]
    lines: Annotated[str | None, Field(description="Lines or names of functions; null where nothing was read.")]
    url: Annotated[str | None, Field(description="The file as it was read; null where no commit is known.")]


@_closed
class PosteriorAnswer(TypedDict):
    """What an encoder puts out."""

    output: Annotated[str, Field(description="`log variance`, `log sigma` and the like.")]
    guard: Annotated[str, Field(description="The clamp or constant that keeps it finite; `none` if none was found.")]


@_closed
class ExampleAnswer(TypedDict):
    """A worked number: the effective beta of the first recipe."""

    names: Annotated[dict[str, float], Field(description="Values of the symbols and parameters.")]
    effective_beta: Annotated[float, Field(description="What comes out.")]


@_closed
class RecipeAnswer(TypedDict):
    """One setting: `factor * reconstruction(loss + constant) + weight * kl(divergence)`."""

    when: Annotated[str | None, Field(description="The setting; null where there is only one.")]
    losses: Annotated[list[str], Field(description="The losses that it can have, the default first.")]
    other_loss: Annotated[str | None, Field(description="Its loss in words, where it is none of this service's.")]
    reconstruction: Annotated[
        str | None,
        Field(
            description="Reduction of the reconstruction term; `none`, `sum` or `mean` where it leaves the batch to its"
            " caller; null where it has no such term."
        ),
    ]
    factor: Annotated[str | None, Field(description="Formula of what multiplies the reduced reconstruction term.")]
    constant: Annotated[str | None, Field(description="Formula of what is added to each element of the loss.")]
    kl: Annotated[str | None, Field(description="Reduction of the KL term, as `reconstruction`.")]
    divergence: Annotated[
        str | None, Field(description="`gaussian`, which is this service's, or in words what is in its place.")
    ]
    weight: Annotated[str | None, Field(description="Formula of what multiplies the reduced KL term.")]
    parameters: Annotated[dict[str, float], Field(description="Values of the names in the formulas.")]
    features: Annotated[str | None, Field(description="What D counts, where that is not every element of a sample.")]
    total: Annotated[str | None, Field(description="All of it in symbols; null where it is not affine.")]
    latex: Annotated[str | None, Field(description="The same in LaTeX.")]
    scale: Annotated[str | None, Field(description="Formula of what it multiplies the objective with; or null.")]
    effective_beta: Annotated[str | None, Field(description="Formula of how much K weighs against R; or null.")]


ConventionRow = TypedDict(
    "ConventionRow",
    {
        "id": Annotated[str, Field(description="Its name in answers and addresses; it never changes.")],
        "project": Annotated[str, Field(description="Who.")],
        "kind": Annotated[
            Literal["model", "api"],
            Field(description="`model`: a loss that somebody trains with; `api`: a function of a framework."),
        ],
        "class": Annotated[str, Field(description="What it does to effective beta: A to H, or api.")],
        "class_title": Annotated[str, Field(description="The class in words.")],
        "verified": Annotated[bool, Field(description="Whether the source text itself was read.")],
        "source": Annotated[SourceAnswer, Field(description="Where it was read.")],
        "losses": Annotated[list[str], Field(description="The losses of all its recipes.")],
        "variants": Annotated[list[str], Field(description="What its recipes compute, factors and weights beside.")],
        "not_affine": Annotated[
            str | None,
            Field(description="Why its total is no affine combination of the two terms; null where it is one."),
        ],
        "parameters": Annotated[dict[str, float], Field(description="Names in its formulas, and their defaults.")],
        "recipes": Annotated[list[RecipeAnswer], Field(description="Its settings, the default first.", min_length=1)],
        "examples": Annotated[list[ExampleAnswer], Field(description="Worked numbers.")],
        "posterior": Annotated[
            PosteriorAnswer | None, Field(description="What its encoder puts out; null where that was not looked up.")
        ],
        "caveat": Annotated[
            str | None, Field(description="What its own number has besides, which a batch does not tell; or null.")
        ],
        "note": Annotated[str, Field(description="What else is worth knowing.")],
    },
)
ConventionRow.__doc__ = "One row of the catalogue: what some code computes, and where that was read."
_closed(ConventionRow)


@_closed
class ConventionsAnswer(TypedDict):
    """A page of the catalogue."""

    total: Annotated[int, Field(description="How many rows pass the filters.", ge=0)]
    offset: Annotated[int, Field(description="How many of them come before this page.", ge=0)]
    limit: Annotated[int, Field(description="How many a page holds at most.", ge=1)]
    conventions: Annotated[list[ConventionRow], Field(description="The rows of this page, in the catalogue's order.")]


_Test = Callable[[Convention], bool]


def _by_loss(text: str) -> _Test:
    """Keep the rows that can have a loss."""
    name = find(text).name
    return lambda row: name in row.losses


def _by_variant(text: str) -> _Test:
    """Keep the rows that compute a variant."""
    # A plain plus of a query is a space, so what was typed may look like one of those that are listed.
    hint = ", and a plus is written as %2B in a query" if " " in text else ""
    _check("variant", text, (*TERM_REDUCTIONS, *VARIANTS), hint)
    return lambda row: text in row.variants


def _by_class(text: str) -> _Test:
    """Keep the rows of a class."""
    _check("class", text, tuple(CLASSES))
    return lambda row: row.class_ == text


def _by_kind(text: str) -> _Test:
    """Keep models, or functions of frameworks."""
    _check("kind", text, ("model", "api"))
    return lambda row: row.kind == text


def _by_project(text: str) -> _Test:
    """Keep the rows whose project, repository or id holds a text, in upper or lower case."""
    wanted = text.casefold()
    return lambda row: any(wanted in name.casefold() for name in (row.project, row.source.repository, row.id))


_FILTERS: Final[Mapping[str, Callable[[str], _Test]]] = {
    "loss": _by_loss,
    "variant": _by_variant,
    "class": _by_class,
    "kind": _by_kind,
    "project": _by_project,
}


def _check(name: str, text: str, known: tuple[str, ...], hint: str = "") -> None:
    """Refuse a value that is none of the known ones, with a hint on how they are written."""
    if text not in known:
        raise _refusal(name, f"is not known; there are {', '.join(known)}{hint}")


def _refusal(name: str, detail: str) -> InvalidOption:
    """Make the refusal of a query parameter."""
    return InvalidOption(f"The query parameter {name} {detail}.", Fault((name,), detail))


def _size(text: str | None, name: str, default: int, least: int, most: int) -> int:
    """Read `limit` or `offset`."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise _refusal(name, f"is not valid; an integer from {least} to {most} is wanted")
    return int(text)


def _query(request: Request) -> Mapping[str, str]:
    """Read the query: known parameters, each once.

    Raises
    ------
    InvalidOption
        Another parameter, or one that is there twice.
    """
    known = (*_FILTERS, "limit", "offset")
    pairs = request.query_params.multi_items()
    for name, _ in pairs:
        if name not in known:
            near = nearest(name, known)
            hint = f"the nearest is {near[0]}" if near else f"there are {', '.join(known)}"
            detail = f"is not a known query parameter; {hint}"
            raise InvalidOption(f"A query parameter {detail}.", Fault((name,), detail))
    for name in known:
        if len(request.query_params.getlist(name)) > 1:
            raise _refusal(name, "is there twice; once is enough")
    return dict(pairs)


def _page(request: Request) -> dict[str, Any]:
    """Answer GET /conventions.

    Raises
    ------
    InvalidOption, UnknownLoss
        What is wrong with the query.
    """
    query = _query(request)
    limit = _size(query.get("limit"), "limit", DEFAULT_LIMIT, 1, LARGEST_LIMIT)
    offset = _size(query.get("offset"), "offset", 0, 0, LARGEST_LIMIT)
    tests = [make(query[name]) for name, make in _FILTERS.items() if name in query]
    rows = [row for row in CONVENTIONS.values() if all(test(row) for test in tests)]
    page = [as_document(row) for row in rows[offset : offset + limit]]
    return {"total": len(rows), "offset": offset, "limit": limit, "conventions": page}


_PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
    for name, description, schema in (
        (
            "loss",
            "Only rows that can have this loss: a name or an alias from GET /losses.",
            {"type": "string", "enum": [name for loss in LOSSES.values() for name in (loss.name, *loss.aliases)]},
        ),
        (
            "variant",
            "Only rows that compute this variant, factors and weights beside.",
            {"type": "string", "enum": [*TERM_REDUCTIONS, *VARIANTS]},
        ),
        (
            "class",
            f"Only rows of this class. {'; '.join(f'{name}: {title}' for name, title in CLASSES.items())}.",
            {"type": "string", "enum": [*CLASSES]},
        ),
        (
            "kind",
            "Only what somebody trains with (`model`), or functions of frameworks (`api`).",
            {"type": "string", "enum": ["model", "api"]},
        ),
        ("project", "Only rows whose project, repository or id holds this text.", {"type": "string"}),
        (
            "limit",
            "How many rows a page holds at most.",
            {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
        ),
        (
            "offset",
            "How many rows to leave out before the page.",
            {"type": "integer", "minimum": 0, "maximum": LARGEST_LIMIT, "default": 0},
        ),
    )
]


def router() -> APIRouter:
    """Make the routes."""
    made = APIRouter(tags=["catalogue"])

    async def conventions(request: Request) -> Response:
        return Response(orjson.dumps(_page(request)), media_type="application/json")

    async def one_convention(
        convention: Annotated[str, Path(alias="id", description="Its id.", openapi_examples=AN_ID)],
    ) -> Response:
        row = CONVENTIONS.get(convention)
        if row is not None:
            return Response(orjson.dumps(as_document(row)), media_type="application/json")
        near = nearest(convention, CONVENTIONS)
        hint = f"; the nearest is {near[0]}" if near else ""
        detail = f"There is no convention of this id{hint}. GET /conventions lists them all."
        raise RefusedError(Problem(NOT_FOUND, detail))

    made.add_api_route(
        "/conventions",
        conventions,
        operation_id="conventions",
        summary="What real code computes",
        description="The losses of known projects and the loss functions of frameworks, read from their sources: how"
        " each reduces its terms, with which weights, and what that does to effective beta. Filters narrow the list"
        " down; several must all hold.",
        response_model=ConventionsAnswer,
        response_description="A page of them.",
        responses=refusals(422),
        openapi_extra={"parameters": _PARAMETERS},
    )
    made.add_api_route(
        "/conventions/{id}",
        one_convention,
        operation_id="one_convention",
        summary="One convention",
        description="The row of the catalogue with an id, as `used_by` and `conventions` name it.",
        response_model=ConventionRow,
        response_description="Its row.",
        responses=refusals(404),
    )
    return made

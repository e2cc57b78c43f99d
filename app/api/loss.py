"""POST /loss: bytes to submission, submission to batch and objective, and all the way back to bytes."""

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answer import LossAnswer
from app.api.dressing import dress
from app.api.examples import REQUESTS
from app.api.negotiation import accepted, received
from app.api.options import FIELDS, Options
from app.api.refusals import refusals
from app.engines.local import run
from app.formats import FORMATS, Format
from app.losses import Batch

__all__ = ["answer", "router"]

_DESCRIPTION = """
Takes a batch: targets `x`, their reconstructions `y` and, for a variational autoencoder, `mu` and `logvar`. Answers
with the loss in every reduction at once: 4 variants without a KL term, 16 with one. For each it says how it scales the
objective, how much the KL term really weighs (`effective_beta`), and who computes it in this way.

Numbers are computed in double precision and written in the shortest form that reads back to the same double. Each is
within 4 eps (8.9e-16) of the exact one; where terms of either sign cancel, of the sum of their magnitudes; in the
`covariance_spectrum`, within 1e-12 of its largest eigenvalue. The body may be compressed (`Content-Encoding: gzip`).
Open one of the examples and press Execute.
"""


def answer(body: bytes, source: Format, target: Format, *, max_depth: int, max_integer_digits: int) -> bytes:
    """Answer a body: everything between reading and sending, in one thread.

    Parameters
    ----------
    body
        The request's, whole.
    source, target
        Its format, and that of the answer.
    max_depth, max_integer_digits
        Limits of JSON.

    Raises
    ------
    DecodeError, LossInputError
        What is wrong with it.
    """
    submission = source.decode(body, FIELDS, max_depth=max_depth, max_integer_digits=max_integer_digits)
    options = Options.of(submission.options)
    objective = options.objective()
    batch = Batch.of(submission.arrays)
    assert target.encode is not None  # noqa: S101 - negotiation gives no other
    return target.encode(dress(batch, objective, options.include, run))


def router(*, max_json_depth: int, max_integer_digits: int, computing_threads: int) -> APIRouter:
    """Make the route.

    Parameters
    ----------
    max_json_depth, max_integer_digits
        Limits of JSON bodies.
    computing_threads
        How many requests are decoded, computed and written at once; the others wait.
    """
    computing = CapacityLimiter(computing_threads)
    made = APIRouter(tags=["loss"])

    async def loss(request: Request) -> Response:
        source, target = received(request.headers), accepted(request.headers)
        body = await request.body()

        def whole() -> bytes:
            return answer(body, source, target, max_depth=max_json_depth, max_integer_digits=max_integer_digits)

        return Response(await run_sync(whole, limiter=computing), media_type=target.media_type)

    made.add_api_route(
        "/loss",
        loss,
        methods=["POST"],
        operation_id="loss",
        summary="Every variant of the loss of a batch",
        description=_DESCRIPTION.strip(),
        response_model=LossAnswer,
        response_description="Every variant, and how they relate.",
        responses=refusals(400, 406, 413, 415, 422),
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": "The batch, and what to compute of it.",
                "content": {
                    media_type: {"schema": {"$ref": "#/components/schemas/LossRequest"}, "examples": dict(REQUESTS)}
                    for media_type in FORMATS
                },
            }
        },
    )
    return made

"""POST /loss: bytes to submission, submission to batch and objective, and all the way back to bytes."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answer import LossAnswer
from app.api.bodies import ANSWER_CONTENT, OPTION_SCHEMAS, content_of, query_of
from app.api.capacity import Capacity
from app.api.direct import DirectRoute
from app.api.dressing import Engine, dress
from app.api.examples import REQUESTS
from app.api.exchange import exchanged
from app.api.options import FIELDS, Options
from app.api.refusals import refusals
from app.api.sizes import ANY_SIZE, Sizes
from app.engines.local import run
from app.formats import Format
from app.formats.scratch import Body
from app.losses import Batch, Checkpoint, go_on
from app.losses.collapse import LARGEST_SPECTRUM
from app.spool import Collector

__all__ = ["answer", "router"]

_DESCRIPTION = """
Takes a batch: targets `x`, their reconstructions `y` and, for a variational autoencoder, `mu` and `logvar`. Answers
with the loss in every reduction at once: 4 variants without a KL term, 16 with one. For each it says how it scales the
objective, how much the KL term really weighs (`effective_beta`), and who computes it in this way.

Numbers are computed in double precision and written in the shortest form that reads back to the same double. Each is
within 4 eps (8.9e-16) of the exact one; where terms of either sign cancel, of the sum of their magnitudes; in the
`covariance_spectrum`, within 1e-12 of its largest eigenvalue.

Arrays may be JSON or binary, of any real type, byte order and order of axes: the answer has the same bits. Options that
the body does not hold may stand in the query; one that is in both is refused. Any body may be compressed
(`Content-Encoding: gzip`). Open one of the examples and press Execute.
"""


def answer(  # noqa: PLR0913 - what there is to know
    body: Body,
    source: Format,
    target: Format,
    *,
    engine: Engine = run,
    sizes: Sizes = ANY_SIZE,
    checkpoint: Checkpoint = go_on,
    max_spectrum: int = LARGEST_SPECTRUM,
    **circumstances: Any,  # noqa: ANN401 - each decoder takes what it names
) -> bytes:
    """Answer a body: everything between reading and sending, in one thread.

    Parameters
    ----------
    body
        The request's, whole.
    source, target
        Its format, and that of the answer.
    engine
        Who tallies a batch.
    sizes
        How large the batch and the answer may be.
    checkpoint
        Called between pieces of the work; what it raises ends the work, and passes through.
    max_spectrum
        The most eigenvalues that are computed.
    **circumstances
        What `source` may need to know: `max_depth` and `max_integer_digits` of JSON, `max_upload_bytes` of the others,
        `aside` of archives.

    Raises
    ------
    DecodeError, LossInputError
        What is wrong with it.
    RefusedError
        The batch, or the answer, is too large.
    """
    submission = source.decode(body, FIELDS, checkpoint=checkpoint, **circumstances)
    with submission.checked():
        options = Options.of(submission.options)
        objective = options.objective()
        sizes.check_arrays(submission.arrays)
        batch = Batch.of(submission.arrays)
        sizes.check_answer(batch, options.include)
        assert target.encode is not None  # noqa: S101 - negotiation gives no other
        return target.encode(dress(batch, objective, options.include, engine, checkpoint, max_spectrum=max_spectrum))


def router(limits: Mapping[str, Any], capacity: Capacity, collector: Collector) -> APIRouter:
    """Make the route.

    Parameters
    ----------
    limits
        What `answer` is told of the limits of bodies.
    capacity
        Lets so many requests be decoded, computed and written at once; of the others some wait.
    collector
        How bodies are taken in.
    """
    made = APIRouter(tags=["loss"], route_class=DirectRoute)

    async def loss(request: Request) -> Response:
        return await exchanged(request, answer, limits, capacity, collector, with_brief=True)

    made.add_api_route(
        "/loss",
        loss,
        methods=["POST"],
        operation_id="loss",
        summary="Every variant of the loss of a batch",
        description=_DESCRIPTION.strip(),
        response_model=LossAnswer,
        response_description="Every variant, and how they relate.",
        responses={200: {"content": ANSWER_CONTENT}, **refusals(400, 406, 408, 413, 415, 422, 503)},
        openapi_extra={
            "parameters": query_of(OPTION_SCHEMAS),
            "requestBody": {
                "required": True,
                "description": "The batch, and what to compute of it.",
                "content": content_of("LossRequest", "LossForm", REQUESTS),
            },
        },
    )
    return made

"""The OpenAPI document: what FastAPI knows of the routes, and the schemas that it cannot know."""

import tomllib
from collections.abc import Container
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.api.answer import Numbers, ProblemAnswer
from app.api.bodies import OPTION_SCHEMAS, form_of
from app.api.dressing import dress
from app.api.examples import REQUESTS
from app.api.identify import PROPERTIES
from app.api.refusals import refusals
from app.engines.local import run
from app.formats.json import encode
from app.formats.submission import ARRAYS
from app.losses import Batch, Objective

__all__ = ["DESCRIPTION", "SUMMARY", "TAGS", "TITLE", "openapi", "version_of"]

TITLE: Final = "Lossgrid"
SUMMARY: Final = "Every way in which the loss of an autoencoder's batch can be reduced, exactly."
DESCRIPTION: Final = """
Every element of a batch of N samples with D features has a loss, so the loss is an (N, D) matrix, and it has to become
one number. People sum or average over the features, then sum or average over the batch; a variational autoencoder adds
a KL term with two choices of its own. The numbers differ by factors of D, L and N, and with a KL term *what is
optimised* differs too. Lossgrid takes the batch and answers with every variant at once.

A variant's name spells its reductions in the order in which they are applied: `<features>_<batch>`, so `sum_mean` is
the sum over features and then the mean over the batch; `<reconstruction term>+<KL term>` for totals. Every total is
`scale * (R + effective_beta * K)` with the same R and K: `scale` only rescales the learning rate, `effective_beta`
changes the optimum.

Whatever is refused is answered with `application/problem+json`; each `type` has a page that explains it.
"""
TAGS: Final = [
    {"name": "loss", "description": "From a batch to every variant of its loss."},
    {"name": "catalogue", "description": "What can be asked for."},
    {"name": "health", "description": "For probes."},
]

_REFERENCE: Final = "#/components/schemas/{model}"
_ARRAYS: Final = {
    "x": "Targets, shape (N, ...): nested lists of any rank from 1 on. Rank 1 means one feature.",
    "y": "Reconstructions (predictions), in the shape of x; logits for binary_cross_entropy_with_logits.",
    "mu": "Means of the posterior, shape (N, ...); with logvar or not at all.",
    "logvar": "Logarithms of the posterior's variances, in the shape of mu.",
    "sample_weight": "Weights of the samples, shape (N,): numbers >= 0, not all 0. Weight 2 is the sample twice.",
}

_REQUEST_ID: Final = {
    "description": "The id of the request, as in `instance` of a problem and in the service's log.",
    "schema": {"type": "string"},
}

_BEARER: Final = "bearer"
_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token from whoever runs the service, if they want one.",
}


def version_of(project: Path) -> str:
    """Read the version of the service from its ``pyproject.toml``."""
    found: str = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    return found


def openapi(app: FastAPI, opened: Container[str]) -> dict[str, Any]:
    """Write the document for an application.

    Parameters
    ----------
    app
        The application.
    opened
        The paths that may be read without a token, even where one is wanted.
    """
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
    )
    schemas = document["components"]["schemas"]
    for adapter in (TypeAdapter(Numbers), TypeAdapter(ProblemAnswer)):
        schema = adapter.json_schema(ref_template=_REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        if "title" in schema:
            schemas[schema["title"]] = schema
    schemas["LossRequest"] = _request()
    schemas["IdentifyRequest"] = {
        **schemas["LossRequest"],
        "title": "IdentifyRequest",
        "description": "A batch, and a number that somebody's code made of it.",
        "properties": schemas["LossRequest"]["properties"] | dict(PROPERTIES),
        "required": ["x", "y", "observed"],
    }
    for name in ("Loss", "Identify"):
        schemas[f"{name}Form"] = form_of(f"{name}Form", schemas[f"{name}Request"])
    # Of a schema alone, Swagger UI makes an answer of zeros and "additionalProp1".
    answered = document["paths"]["/loss"]["post"]["responses"]["200"]["content"]["application/json"]
    answered["examples"] = {"tiny": {"summary": REQUESTS["tiny"]["summary"], "value": _answer_to("tiny")}}
    for path, operation in ((path, one) for path, item in document["paths"].items() for one in item.values()):
        if path not in opened:
            operation["security"] = [{}, {_BEARER: []}]
            asked = {str(status): response for status, response in refusals(401, 429).items()}
            operation["responses"] = dict(sorted((operation["responses"] | asked).items()))
        for response in operation["responses"].values():
            response.setdefault("headers", {})["X-Request-Id"] = _REQUEST_ID
    document["components"]["securitySchemes"] = {_BEARER: _TOKEN}
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _answer_to(name: str) -> dict[str, Any]:
    """Answer an example of a request that has no options, as POST /loss does."""
    batch = Batch.of({array: np.array(values, float) for array, values in REQUESTS[name]["value"].items()})
    reply = dress(batch, Objective.of(), (), run)
    found: dict[str, Any] = orjson.loads(encode(reply))
    return found


def _request() -> dict[str, Any]:
    """Describe the fields of POST /loss."""
    arrays: dict[str, Any] = {
        name: {"$ref": _REFERENCE.format(model="Numbers"), "description": _ARRAYS[name]} for name in ARRAYS
    }
    arrays["sample_weight"] = {
        "description": _ARRAYS["sample_weight"],
        "type": "array",
        "items": {"type": "number", "minimum": 0},
        "minItems": 1,
    }
    return {
        "title": "LossRequest",
        "description": "A batch and what to compute of it. Arrays hold finite numbers and are not ragged.",
        "type": "object",
        "properties": arrays | dict(OPTION_SCHEMAS),
        "required": ["x", "y"],
        "dependentRequired": {"mu": ["logvar"], "logvar": ["mu"]},
        "additionalProperties": False,
    }

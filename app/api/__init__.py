"""HTTP, and nothing that computes."""

import os

from anyio import CapacityLimiter
from fastapi import APIRouter

from app.api import catalogue, conventions, health, identify, loss
from app.api.sizes import Sizes
from app.settings import variable
from app.spool import Intake

__all__ = ["router"]


def router(  # noqa: PLR0913 - what all endpoints together are handed
    intake: Intake,
    sizes: Sizes,
    *,
    max_json_depth: int,
    max_integer_digits: int,
    max_upload_bytes: int,
    computing_threads: int,
) -> APIRouter:
    """Put all endpoints together.

    Parameters
    ----------
    intake
        How bodies are taken in.
    sizes
        How large batches and answers may be.
    max_json_depth, max_integer_digits
        Limits of JSON bodies.
    max_upload_bytes
        What the members of an archive may inflate to.
    computing_threads
        How many requests are computed at once, by all endpoints together; 0 means one per core.
    """
    limits = {
        "max_depth": max_json_depth,
        "max_integer_digits": max_integer_digits,
        "max_upload_bytes": max_upload_bytes,
        "max_upload_setting": variable("max_upload_bytes"),
        "sizes": sizes,
    }
    computing = CapacityLimiter(computing_threads or os.cpu_count() or 1)
    made = APIRouter()
    for endpoint in (loss, identify):
        made.include_router(endpoint.router(limits, computing, intake))
    made.include_router(catalogue.router())
    made.include_router(conventions.router())
    made.include_router(health.router())
    return made

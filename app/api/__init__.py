"""HTTP, and nothing that computes."""

import os
from collections.abc import Iterable

from anyio import CapacityLimiter
from fastapi import APIRouter

from app.api import catalogue, conventions, health, identify, limits, loss, metrics
from app.settings import Limit

__all__ = ["router"]


def router(
    *,
    max_json_depth: int,
    max_integer_digits: int,
    max_upload_bytes: int,
    computing_threads: int,
    listed_limits: Iterable[Limit] = (),
) -> APIRouter:
    """Put all endpoints together.

    Parameters
    ----------
    max_json_depth, max_integer_digits
        Limits of JSON bodies.
    max_upload_bytes
        What the members of an archive may inflate to.
    computing_threads
        How many requests are computed at once, by all endpoints together; 0 means one per core.
    listed_limits
        What `GET /limits` lists beside the limits that never change.
    """
    told = {
        "max_depth": max_json_depth,
        "max_integer_digits": max_integer_digits,
        "max_upload_bytes": max_upload_bytes,
    }
    computing = CapacityLimiter(computing_threads or os.cpu_count() or 1)
    made = APIRouter()
    for endpoint in (loss, identify):
        made.include_router(endpoint.router(told, computing))
    made.include_router(catalogue.router())
    made.include_router(conventions.router())
    made.include_router(limits.router(listed_limits))
    made.include_router(health.router())
    made.include_router(metrics.router())
    return made

"""HTTP, and nothing that computes."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter

from app.api import catalogue, conventions, health, identify, limits, loss, metrics
from app.api.capacity import Capacity
from app.api.sizes import Sizes
from app.engines.local import Threads
from app.settings import Limit
from app.spool import Collector

__all__ = ["router"]


def router(  # noqa: PLR0913 - what all endpoints together are handed
    collector: Collector,
    sizes: Sizes,
    *,
    max_json_depth: int,
    max_integer_digits: int,
    max_upload_bytes: int,
    max_expansion: int,
    max_spectrum: int,
    capacity: Capacity,
    engine_threads: int,
    listed_limits: Iterable[Limit] = (),
) -> APIRouter:
    """Put all endpoints together.

    Parameters
    ----------
    collector
        How bodies are taken in.
    sizes
        How large batches and answers may be.
    max_json_depth, max_integer_digits
        Limits of JSON bodies.
    max_upload_bytes, max_expansion
        What the members of an archive may inflate to, and how many times its compressed size each of them.
    capacity
        How many requests are computed at once, by all endpoints together, and how many wait.
    max_spectrum
        The most eigenvalues of a covariance that are computed.
    engine_threads
        How many threads work on one large batch.
    listed_limits
        What `GET /limits` lists beside the limits that never change.
    """
    engine = Threads(engine_threads)
    told: dict[str, Any] = {
        "max_depth": max_json_depth,
        "max_integer_digits": max_integer_digits,
        "max_upload_bytes": max_upload_bytes,
        "max_expansion": max_expansion,
        "max_spectrum": max_spectrum,
        "engine": engine.run,
        "aside": engine.aside,
        "sizes": sizes,
    }
    made = APIRouter()
    for endpoint in (loss, identify):
        made.include_router(endpoint.router(told, capacity, collector))
    made.include_router(catalogue.router())
    made.include_router(conventions.router())
    made.include_router(limits.router(listed_limits))
    made.include_router(health.router())
    made.include_router(metrics.router())
    return made

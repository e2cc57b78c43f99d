"""HTTP, and nothing that computes."""

import os

from fastapi import APIRouter

from app.api import catalogue, conventions, health, identify, loss

__all__ = ["router"]


def router(*, max_json_depth: int, max_integer_digits: int, computing_threads: int) -> APIRouter:
    """Put all endpoints together.

    Parameters
    ----------
    max_json_depth, max_integer_digits
        Limits of JSON bodies.
    computing_threads
        How many requests are computed at once; 0 means one per core.
    """
    made = APIRouter()
    for endpoint in (loss, identify):
        made.include_router(
            endpoint.router(
                max_json_depth=max_json_depth,
                max_integer_digits=max_integer_digits,
                computing_threads=computing_threads or os.cpu_count() or 1,
            )
        )
    made.include_router(catalogue.router())
    made.include_router(conventions.router())
    made.include_router(health.router())
    return made

"""HTTP, and nothing that computes."""

from fastapi import APIRouter

from app.api import catalogue, conventions, health, identify, loss
from app.api.capacity import Capacity

__all__ = ["router"]


def router(*, max_json_depth: int, max_integer_digits: int, max_upload_bytes: int, capacity: Capacity) -> APIRouter:
    """Put all endpoints together.

    Parameters
    ----------
    max_json_depth, max_integer_digits
        Limits of JSON bodies.
    max_upload_bytes
        What the members of an archive may inflate to.
    capacity
        How many requests are computed at once, by all endpoints together, and how many wait.
    """
    limits = {
        "max_depth": max_json_depth,
        "max_integer_digits": max_integer_digits,
        "max_upload_bytes": max_upload_bytes,
    }
    made = APIRouter()
    for endpoint in (loss, identify):
        made.include_router(endpoint.router(limits, capacity))
    made.include_router(catalogue.router())
    made.include_router(conventions.router())
    made.include_router(health.router())
    return made

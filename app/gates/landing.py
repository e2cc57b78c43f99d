"""A body of a declared length goes straight from the socket to the place where it is wanted, if the server offers that.

ASGI hands a body over in pieces, and each of them has been copied some times on its way. `app.protocol` leaves an offer
in the scope of a request: whoever will read its body names a place for all of it, before the first piece is asked for.
The pieces that arrive from then on are views of that place, so all gates count them as ever.
"""

from collections.abc import Callable
from typing import Final

from app.gates.asgi import Scope

__all__ = ["Land", "landing_of", "offer_landing", "without_landing"]

Land = Callable[[memoryview], bool]
"""Names the place for the whole body, as long as the body is declared to be; False if it is too late for that."""

_LANDING: Final = "lossgrid.landing"


def offer_landing(scope: Scope, land: Land) -> None:
    """Let whoever has a request's scope find the offer."""
    scope["state"][_LANDING] = land


def landing_of(scope: Scope) -> Land | None:
    """Find the offer, if there is one."""
    found: Land | None = scope.get("state", {}).get(_LANDING)
    return found


def without_landing(scope: Scope) -> Scope:
    """Give the scope to an application that will read something else than what the socket brings."""
    return {**scope, "state": {**scope.get("state", {}), _LANDING: None}}

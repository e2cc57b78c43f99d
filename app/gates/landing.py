"""A body of a declared length goes straight from the socket to the place where it is wanted, if the server offers that.

ASGI hands a body over in pieces, and each of them has been copied some times on its way. `app.protocol` leaves an offer
in the scope of a request: whoever will read its body names a place for all of it, before the first piece is asked for.
The pieces that arrive from then on are views of that place, so all gates count them as ever.

Most bodies are short, and have come with the head, before the application is called. `app.protocol` says so of them:
then there is nothing to wait for, to count or to keep in mind, and whole layers need not be there. Of the others it
says how much has come, which tells those that will be there in a moment from those that take their time.
"""

from collections.abc import Callable
from typing import Final

from app.gates.asgi import Scope

__all__ = ["Begun", "Land", "comes_fast", "is_whole", "landing_of", "offer_landing", "tell_whole", "without_landing"]

Land = Callable[[memoryview], bool]
"""Names the place for the whole body, as long as the body is declared to be; False if it is too late for that."""

Begun = Callable[[], int]
"""Says how many bytes of a body have come."""

FAST_BYTES: Final = 2**15
"""A body that is on its way comes fast if so much of it was there with its head. A new connection over a distance
brings less than half of that before it waits to hear from us."""

_BEGUN: Final = "lossgrid.begun"
_LANDING: Final = "lossgrid.landing"
_WHOLE: Final = "lossgrid.whole"


def offer_landing(scope: Scope, land: Land, begun: Begun) -> None:
    """Let whoever has a request's scope find the offer, and ask how much has come."""
    scope["state"][_LANDING] = land
    scope["state"][_BEGUN] = begun


def landing_of(scope: Scope) -> Land | None:
    """Find the offer, if there is one."""
    found: Land | None = scope.get("state", {}).get(_LANDING)
    return found


def without_landing(scope: Scope) -> Scope:
    """Give the scope to an application that will read something else than what the socket brings."""
    return {**scope, "state": {**scope.get("state", {}), _LANDING: None}}


def tell_whole(scope: Scope) -> None:
    """Tell whoever has a request's scope that all of its body has come, and that it was framed rightly."""
    scope["state"][_WHOLE] = True


def is_whole(scope: Scope) -> bool:
    """Tell whether all of the body has come; False where nobody knows."""
    return _WHOLE in scope.get("state", ())


def comes_fast(scope: Scope) -> bool:
    """Tell whether a body that is on its way will be there in a moment; False where nobody knows.

    To be asked before any of it is.
    """
    begun: Begun | None = scope.get("state", {}).get(_BEGUN)
    return begun is not None and begun() >= FAST_BYTES and not is_whole(scope)

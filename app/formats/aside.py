"""What need not be known of a body before its batch is computed, and so may be looked at meanwhile, on another core."""

from collections.abc import Callable

__all__ = ["Aside", "Check", "at_once", "passed"]

Check = Callable[[], None]
"""Looks at something, and raises what is wrong with it."""

Aside = Callable[[Check], Check]
"""Begins to look at something, perhaps in another thread; what it gives waits for the end, and raises what came up."""


def passed() -> None:
    """Raise nothing: the check of what has been looked at already."""


def at_once(check: Check) -> Check:
    """Look at something right away, as whoever has no other core does."""
    check()
    return passed

"""Where long work can be stopped: a function that is called between pieces of it."""

from collections.abc import Callable

__all__ = ["Checkpoint", "go_on"]

Checkpoint = Callable[[], None]
"""Called between pieces of work, every few milliseconds at least; what it raises ends the work, and passes through.

It may be called from any thread, and from several at once.
"""


def go_on() -> None:
    """Let the work go on: the checkpoint of work that nobody stops."""

"""Memory that large requests have freed goes back to the system, in a moment in which there are none."""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from app.threads import Threads

__all__ = ["Tidy", "keep_freed", "share_arenas"]

QUIET_SECONDS: Final = 5.0
"""How long there was no large request: while they come one after the other, each takes the memory of the one before.

A training loop that asks once in a step should find that memory too: a batch of 12 MB whose pages have to be made anew
takes half as long again."""

LONGEST_SECONDS: Final = 10.0
"""After which freed memory goes back even where there is no quiet: among small requests that never cease, what a large
one has freed would stay for good. To make the pages anew once in that time costs nothing that could be seen."""

MOST_ARENAS: Final = 2
"""In how many places threads get memory from. glibc would give nearly each thread one of its own, which keeps what was
freed there: after 10,000 mixed requests that is 30 MiB more, while a request takes as long either way."""

_M_ARENA_MAX: Final = -8

KEPT_BYTES: Final = 2**22
"""Up to what size memory stays with the process from the start when it is free again."""


def share_arenas(library: Any = None) -> bool:  # noqa: ANN401 - ctypes makes such types up
    """Let threads share the places that they get memory from, unless ``MALLOC_ARENA_MAX`` says how many there may be.

    To be called before there are threads.

    Parameters
    ----------
    library
        Has ``mallopt``; by default the C library of the process. Where it has none, nothing is done.

    Returns
    -------
    bool
        Whether they do.
    """
    if library is None and sys.platform != "win32":  # pragma: no branch
        library = ctypes.CDLL(None)
    mallopt = getattr(library, "mallopt", None)
    if mallopt is None or "MALLOC_ARENA_MAX" in os.environ:
        return False
    return bool(mallopt(_M_ARENA_MAX, MOST_ARENAS))


def keep_freed() -> None:
    """Let pieces of memory up to `KEPT_BYTES` stay with the process when they are free, for the next request.

    glibc has the system make what is larger than 128 KiB anew, page by page, and gives it back at once, until something
    larger has been freed: then it keeps whatever is not larger than that (mallopt(3), M_MMAP_THRESHOLD). So a service
    that has had a large batch answers a middling one a twentieth sooner; this does that to one that has not. Another
    library of C does not mind.
    """
    bytes(KEPT_BYTES)


class Tidy:
    """Gives free memory back a moment after the last time that it was asked to, and not too long after the first.

    glibc keeps what was freed between blocks that are still in use: up to 32 MiB a piece, for good. To give it back
    after every request would cost the next one a tenth of its time.

    Parameters
    ----------
    library
        Has ``malloc_trim``; by default the C library of the process. Where it has none, nothing is done.
    """

    def __init__(self, library: Any = None) -> None:  # noqa: ANN401 - ctypes makes such types up
        if library is None and sys.platform != "win32":  # pragma: no branch
            library = ctypes.CDLL(None)
        self._trim = getattr(library, "malloc_trim", None)
        self._threads = Threads(1, "lossgrid-tidying", awaited=True)
        self._timer: asyncio.TimerHandle | None = None
        self._latest = 0.0

    def soon(self) -> None:
        """Give free memory back when there has been quiet, or after `LONGEST_SECONDS`. Only in an event loop."""
        if self._trim is None:
            return
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._latest = loop.time() + LONGEST_SECONDS
        else:
            self._timer.cancel()
        self._timer = loop.call_at(min(loop.time() + QUIET_SECONDS, self._latest), self._aside, self._trim)

    def _aside(self, trim: Callable[[int], None]) -> None:
        """Do it in a thread: it takes a few milliseconds, and ctypes lets go of the interpreter's lock."""
        self._timer = None
        with suppress(MemoryError):  # there is no thread; the next large request asks again
            self._threads.run(partial(trim, 0))

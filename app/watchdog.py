"""What ends a process that was told to end and does not.

A thread that is in the midst of a call in C notices nothing, and some are waited for at the end: ours that help with a
batch or write bodies to a disk that may have gone, and whatever threads of libraries Python waits for.
"""

import contextlib
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["CUT_OFF", "Watchdog"]

log = logging.getLogger("lossgrid")

CUT_OFF: Final = 1
"""The exit code of a process that was ended by force: it is not 0, so that somebody may look why."""

LOOK_SECONDS: Final = 0.1
"""How often it is looked whether the time has become shorter."""

SPEAK_SECONDS: Final = 0.2
"""How long the line of the log may take: whoever reads the log may be what everything waits for."""

_NAME: Final = "lossgrid-watchdog"


class Watchdog:
    """Ends the process by force when the time is over that it was given to end.

    It waits in a thread of its own, begun here. So it needs what any thread does: it cannot help where a call in C
    keeps the interpreter's lock for ever, nor where the main thread never comes to run the handler of the signal.

    Parameters
    ----------
    cut_off
        Ends the process at once with an exit code, and waits for nothing.
    """

    def __init__(self, cut_off: Callable[[int], object] = os._exit) -> None:
        self._cut_off = cut_off
        self._deadline = math.inf
        # A handler of a signal may write to a pipe; a lock that it waited for could be held by what it interrupts.
        self._told, self._tell = os.pipe()
        threading.Thread(target=self._watch, name=_NAME, daemon=True).start()

    def end_within(self, seconds: float) -> None:
        """Give the process so long from now, if it has not less. A handler of a signal may call this."""
        told = self._deadline < math.inf
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        if not told:
            os.write(self._tell, b"!")

    def _watch(self) -> None:
        """Wait until the time is over, and end the process."""
        os.read(self._told, 1)
        while (left := self._deadline - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
        speaking = threading.Thread(target=_say_what_is_left, name=_NAME, daemon=True)
        with contextlib.suppress(RuntimeError):  # the system gives no thread
            speaking.start()
            speaking.join(SPEAK_SECONDS)
        self._cut_off(CUT_OFF)


def _say_what_is_left() -> None:
    """Log which threads there are but our own, and where each of them is."""
    frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to learn it
    left = [
        # Daemons as well: a pool waits for its threads even if they have become ones.
        f"{thread.name} at {Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        for thread in threading.enumerate()
        if thread.name != _NAME and (frame := frames.get(thread.ident or 0)) is not None
    ]
    log.error("the end has taken too long and is cut off; still running: %s", ", ".join(left))

"""What one request holds in memory and on disk: counted, kept out of the resident set, and given back at its end."""

import mmap
import time
from collections.abc import Callable
from threading import Lock
from traceback import clear_frames
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from app.losses import Checkpoint, go_on
from app.spool.files import Spool, SpoolFile

__all__ = ["Allowance", "Workspace"]

FREE_BYTES: Final = 64 * 2**10
"""What every request may hold without asking: how many requests there are is limited elsewhere."""

_RELEASE_SECONDS: Final = 0.002
"""How often the pages of mapped files are given back. In this time a core reads some 10 MB. More often would cost no
more, since each page is given back once: a tenth of the time of a pass."""

_GIVE_BACK: Final[int | None] = getattr(mmap, "MADV_DONTNEED", None)
"""None where the system cannot be told."""

T = TypeVar("T")


class Allowance:
    """How much all requests together may hold in memory.

    Parameters
    ----------
    count
        So many bytes.
    """

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = Lock()

    @property
    def left(self) -> int:
        """How many bytes may still be taken."""
        return self._left

    def take(self, count: int) -> bool:
        """Take so many bytes, or none if there are fewer: then it is False."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give(self, count: int) -> None:
        """Give so many bytes back."""
        with self._lock:
            self._left += count


class Workspace:
    """The room that one request has: its body, and what is made of it. To be used with ``with``.

    It is the `Scratch` of decoders: small things are in memory, large ones in mapped files. The pages of a mapped file
    that have been looked at count as memory of the process, and stay until somebody needs the memory; so `release`,
    called between pieces of work, gives them back, and a pass over gigabytes takes megabytes. Threads may share one.

    Parameters
    ----------
    spool
        Where files are made.
    allowance
        What all requests together may hold in memory.
    threshold_bytes
        How much of it this request may.

    Attributes
    ----------
    most_bytes
        How much it has held in memory at once.
    """

    def __init__(self, spool: Spool, allowance: Allowance, *, threshold_bytes: int) -> None:
        self.spool = spool
        self._allowance = allowance
        self._threshold = threshold_bytes
        self._held = 0
        self.most_bytes = 0
        self._taken = 0
        self._maps: list[mmap.mmap] = []
        self._released = time.monotonic()
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hold(self, count: int) -> bool:
        """Count so many more bytes as held in memory; False if they should be on disk instead."""
        with self._lock:
            held = self._held + count
            more = max(0, held - FREE_BYTES) - self._taken
            if held > self._threshold or (more > 0 and not self._allowance.take(more)):
                return False
            self._held = held
            self.most_bytes = max(self.most_bytes, held)
            self._taken += max(0, more)
            return True

    def drop(self, count: int) -> None:
        """Count so many bytes less as held in memory."""
        with self._lock:
            self._held -= count
            less = self._taken - max(0, self._held - FREE_BYTES)
            self._taken -= less
            self._allowance.give(less)

    def map(self, file: SpoolFile) -> mmap.mmap:
        """Map a file that has been written, for reading.

        Raises
        ------
        RefusedError
            As `SpoolFile.mapped`.
        """
        return self._kept(file.mapped())

    def empty(self, count: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Give an array of `count` elements, shape (count,), that holds anything until it is written to.

        Raises
        ------
        RefusedError
            As `Spool.room`.
        """
        element = np.dtype(dtype)
        size = count * element.itemsize
        if size == 0 or self.hold(size):
            return np.empty(count, element)
        return np.frombuffer(self._kept(self.spool.room(size)), element, count)

    def bytes(self, count: int) -> memoryview:
        """Give `count` bytes to write to.

        Raises
        ------
        RefusedError
            As `Spool.room`.
        """
        if count == 0 or self.hold(count):
            return memoryview(bytearray(count))
        return memoryview(self._kept(self.spool.room(count)))

    def _kept(self, made: mmap.mmap) -> mmap.mmap:
        with self._lock:
            self._maps.append(made)
        return made

    def release(self) -> None:
        """Give back the pages of mapped files, if that was not done just now; they are read again when needed."""
        now = time.monotonic()
        if not self._maps or _GIVE_BACK is None or now - self._released < _RELEASE_SECONDS:
            return
        with self._lock:
            self._released = now
            for one in self._maps:
                one.madvise(_GIVE_BACK)

    def through(self, work: Callable[[Checkpoint], T], checkpoint: Checkpoint = go_on) -> T:
        """Do the work that needs the room, and give everything back, in the thread that this is called in.

        Parameters
        ----------
        work
            It is handed a checkpoint that calls `release` as well.
        checkpoint
            What else is to be called between pieces of the work.

        Raises
        ------
        BaseException
            What `work` raises, with nothing in the frames of its traceback: those would keep arrays, and so files.
        """

        def look() -> None:
            checkpoint()
            self.release()

        try:
            return work(look)
        except BaseException as error:
            cause: BaseException | None = error
            while cause is not None:
                clear_frames(cause.__traceback__)
                cause = cause.__context__
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Give everything back: memory is no longer counted, and files are gone.

        A file that somebody still looks at, such as a thread whose client has left, goes when this is called again, or
        with the last reference. What looks for something in a map that is closed has a ValueError. Closing twice is as
        good as once.
        """
        with self._lock:
            self._allowance.give(self._taken)
            self._held = self._taken = 0
            maps, self._maps = self._maps, []
        viewed = []
        for one in maps:
            # In this thread, and not by its last reference, which the event loop may be the one to let go: to free
            # gigabytes takes the system a while.
            try:
                one.close()
            except BufferError:
                viewed.append(one)
        with self._lock:
            self._maps += viewed

    @property
    def is_on_disk(self) -> bool:
        """Whether there are files, which it may take a while to give back."""
        return bool(self._maps)

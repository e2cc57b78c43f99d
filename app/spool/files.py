"""Files without a name in one directory: the system gives their room back as soon as nobody has them open.

That holds for a process that is killed as well. `tempfile.TemporaryFile` makes such files: with O_TMPFILE where the
file system has it, else by removing the name at once. A process that dies between the two leaves an empty file behind;
`Spool.sweep` removes those when the next one starts.
"""

import errno
import logging
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import IO, Final

from app.problems import BODY_TOO_LARGE, SPOOL_FULL, Problem, RefusedError, out_of_memory
from app.variables import variable

__all__ = ["SHARE_PERCENT", "Spool", "SpoolFile"]

log = logging.getLogger("lossgrid")

PREFIX: Final = "lossgrid-spool-"
"""With which a file's name begins in the moment in which it has one."""

SHARE_PERCENT: Final = 50
"""How much of the room that is left one body, or what it inflates to, may take, so that there is some for others."""

LEFTOVER_SECONDS: Final = 60
"""A file that still has a name after so long is a leftover, and not that of a neighbour who is just making it."""

_RETRY_SECONDS: Final = 5
_ZEROS_BYTES: Final = 2**20


class Spool:
    """A directory for files without a name.

    Parameters
    ----------
    directory
        Which one; empty for the system's own directory for temporary files.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def sweep(self) -> int:
        """Remove what a process that was killed has left behind, and say how many files that were.

        Files of others, and files that are younger than `LEFTOVER_SECONDS`, are let be; so is what cannot be removed.
        """
        removed = 0
        with suppress(OSError):
            latest = time.time() - LEFTOVER_SECONDS
            for path in Path(self._place()).glob(f"{PREFIX}*"):
                with suppress(OSError):
                    if path.is_file() and not path.is_symlink() and path.stat().st_mtime < latest:
                        path.unlink()
                        removed += 1
        return removed

    def largest_bytes(self) -> int:
        """Say how large a body may be now: a share of the room that is left, half of it.

        Raises
        ------
        RefusedError
            503: the directory cannot be used.
        """
        with self.refusing():
            place = self._place()
            free = shutil.disk_usage(place).free
            # Which it says of a file as well, and of what nobody may write to.
            if not os.access(place, os.W_OK | os.X_OK) or not Path(place).is_dir():
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
            return free * SHARE_PERCENT // 100

    def check(self, count: int) -> None:
        """Refuse what would take more than half of the room that is left.

        Raises
        ------
        RefusedError
            413: `count` bytes are more; 503: the directory cannot be used.
        """
        if count > self.largest_bytes():
            raise self.too_large()

    def too_large(self) -> RefusedError:
        """Make the refusal of a body that would take more than half of the room that was left."""
        detail = "The body, or what it inflates to, is larger than half of the room that is left for bodies"
        # The header says that the room may be there later: others may have it now.
        headers = {"Retry-After": str(_RETRY_SECONDS)}
        return RefusedError(Problem(BODY_TOO_LARGE, f"{detail} ({variable('spool_directory')}).", headers=headers))

    def create(self) -> "SpoolFile":
        """Make an empty file.

        Raises
        ------
        RefusedError
            503: the directory is full or cannot be used, or too many files are open.
        """
        largest = self.largest_bytes()
        with self.refusing():
            return SpoolFile(self, tempfile.TemporaryFile(buffering=0, prefix=PREFIX, dir=self._place()), largest)

    def room(self, count: int) -> mmap.mmap:
        """Map a new file of `count` bytes, at least one, to write to; its room on the disk is taken already.

        Raises
        ------
        RefusedError
            413: more than half of the room that is left; 503: as `create`, or there is no memory for a map.
        """
        self.check(count)
        with self.refusing(), tempfile.TemporaryFile(buffering=0, prefix=PREFIX, dir=self._place()) as file:
            _reserve(file.fileno(), count)
            return mmap.mmap(file.fileno(), count)

    def _place(self) -> str:
        return self._directory or tempfile.gettempdir()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn what the system says about a file into a refusal: it is a matter of time, or for the operator.

        Raises
        ------
        RefusedError
            503: there is no memory (ENOMEM), or there is no room, whatever else the system says.
        """
        try:
            yield
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "?")
            if error.errno == errno.ENOMEM:  # for a map, say: a directory with more room would not mend it
                log.warning("no memory for a body: %s", name)
                raise RefusedError(out_of_memory()) from None
            setting = variable("spool_directory")
            log.warning("no room for a body (%s): %s", setting, name)
            detail = "There is no room left where bodies are kept; send the request again in a few seconds"
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            raise RefusedError(Problem(SPOOL_FULL, f"{detail} ({setting}).", headers=headers)) from None


def _reserve(descriptor: int, count: int) -> None:
    """Take the room of a file now: where a mapped file has none, writing to it ends the process with SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, count)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
        else:
            return
    zeros = bytes(min(count, _ZEROS_BYTES))
    for place in range(0, count, len(zeros)):
        _write(descriptor, zeros[: count - place])


def _write(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it: a file system that is nearly full takes a part, and says only then that it is full."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class SpoolFile:
    """A body on its way into a file.

    Parameters
    ----------
    spool
        Where it is.
    file
        The file, empty.
    largest
        How many bytes it may hold.
    """

    def __init__(self, spool: Spool, file: IO[bytes] | FileIO, largest: int) -> None:
        self._spool = spool
        self._file = file
        self._largest = largest
        self.size = 0

    def append(self, pieces: Sequence[bytes]) -> None:
        """Write pieces at the end.

        Raises
        ------
        RefusedError
            413: it takes more than half of the room that there was; 503: the disk is full.
        """
        self.size += sum(map(len, pieces))
        if self.size > self._largest:
            raise self._spool.too_large()
        with self._spool.refusing():
            _write(self._file.fileno(), pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def mapped(self) -> mmap.mmap:
        """Map what has been written, at least a byte, to be read; the map outlives `close`.

        Raises
        ------
        RefusedError
            503: there is no memory for a map.
        """
        with self._spool.refusing():
            return mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Let the file go; its room is given back unless it is mapped."""
        self._file.close()

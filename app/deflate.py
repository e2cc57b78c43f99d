"""What is deflated is inflated, and CRC-32 summed up: by zlib-ng where it is installed, by zlib everywhere.

The bytes are the same, and so is what is refused: docs/decisions/0023 says how that is known. Either lets other threads
run while it works on what is long.
"""

import importlib
import zlib
from typing import Any, Final, Protocol

__all__ = ["FASTEST", "GZIP", "RAW", "Inflating", "Library", "library_in"]

RAW: Final = -zlib.MAX_WBITS
"""The `wbits` of a stream without anything around it, as in an archive."""

GZIP: Final = zlib.MAX_WBITS | 16
"""The `wbits` of one member of a gzip stream (RFC 1952)."""


class Inflating(Protocol):
    """A stream that is being inflated, as `zlib.decompressobj` makes one."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream has been reached."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What has been given and not been looked at, as the output was full."""

    @property
    def unused_data(self) -> bytes:
        """What has been given and is behind the end of the stream."""

    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes:
        """Give the next bytes, at most so many."""


class Library(Protocol):
    """What is used of the module `zlib`, and of others that do as it does."""

    @property
    def error(self) -> type[Exception]:
        """What is raised of a broken stream."""

    def crc32(self, data: bytes | memoryview, crc: int, /) -> int:
        """Go on with the checksum of what came before `data`; that of nothing is 0."""

    def decompressobj(self, wbits: int) -> Inflating:
        """Begin a stream that is `RAW` or `GZIP`."""


def library_in(module: str) -> Library:
    """Give a module that does as zlib; zlib itself where that is not installed, or not for this machine."""
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        return zlib
    library: Library = found
    return library


FASTEST: Library = library_in("zlib_ng.zlib_ng")
"""The fastest there is."""

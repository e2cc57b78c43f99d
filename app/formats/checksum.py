"""CRC-32, the checksum of archives: by ISA-L where it is installed, by zlib everywhere; the number is the same.

ISA-L takes the instructions that multiply polynomials, and a sixth of the time. Either lets other threads run while it
sums up what is long. ISA-L inflates as well, but not what zlib inflates: see docs/decisions/0021.
"""

import importlib
import zlib
from collections.abc import Callable

__all__ = ["Checksum", "checksum_in", "crc32"]

Checksum = Callable[[bytes | memoryview, int], int]
"""``crc32(data, crc)`` goes on with the checksum of what came before `data`; that of nothing is 0."""


def checksum_in(module: str) -> Checksum:
    """Give the function `crc32` of a module; zlib's where that is not installed, or not for this machine."""
    try:
        found: Checksum = importlib.import_module(module).crc32
    except ImportError:
        return zlib.crc32
    return found


crc32: Checksum = checksum_in("isal.isal_zlib")
"""The fastest there is."""

"""Every library that inflates and sums up on this machine; what is tested with one is tested with all of them."""

from typing import Final

import pytest

from app.deflate import FASTEST, Library, library_in

__all__ = ["EITHER", "LIBRARIES", "ZLIB"]

ZLIB: Final = library_in("nobody")

LIBRARIES: Final[tuple[Library, ...]] = tuple({ZLIB, FASTEST})

EITHER: Final = pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one.__name__)
"""Marks a test that takes a `library`."""

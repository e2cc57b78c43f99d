"""JSON numerals become doubles: by simdjson where it is installed, by msgspec everywhere; the bits are the same.

simdjson reads about three times as fast and refuses more: integers beyond 64 bits, which JSON allows. What it refuses
msgspec looks at, and that verdict stands. Neither lets another thread run meanwhile, so both are handed short texts.
"""

import importlib
import threading
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["ACCELERATED", "REFUSALS", "flat_numbers", "numbers_of", "parsed", "parser_in"]

_BRACKETS_AS_SPACES = bytes.maketrans(b"[]", b"  ")
_FLAT = msgspec.json.Decoder(list[float])

REFUSALS = (ValueError, TypeError, RuntimeError)
"""What simdjson raises about a text: bad grammar or encoding, something other than numbers, a very long integer."""


def parser_in(module: str) -> Any:  # noqa: ANN401 - a class of a module that may not be there
    """Give the class `Parser` of a module; None if that is not installed, or is not for this machine."""
    try:
        return importlib.import_module(module).Parser
    except (ImportError, RuntimeError):
        return None


_PARSER = parser_in("simdjson")

ACCELERATED = _PARSER is not None
"""Whether simdjson is there."""


class _OfThisThread(threading.local):
    """A parser for each thread, as it is not safe to share; its buffers are used again."""

    def __init__(self) -> None:
        self.parser = _PARSER and _PARSER()


_OF_THIS_THREAD = _OfThisThread()


def parsed(text: bytes) -> Any:  # noqa: ANN401 - a proxy, which has no public type
    """Let simdjson parse a document.

    Returns
    -------
    simdjson.Object or simdjson.Array
        A proxy of the parser's memory. The next document of this thread is refused as long as one is there, and is then
        read by msgspec; so nobody keeps a proxy.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        Those of `REFUSALS`, for whatever reason.
    """
    return _OF_THIS_THREAD.parser.parse(text)


def numbers_of(text: bytes, *, accelerated: bool) -> NDArray[np.float64]:
    """Read nested lists of numbers, checking their grammar; how they nest is lost.

    Parameters
    ----------
    text
        It begins with a bracket.
    accelerated
        Whether simdjson reads it.

    Raises
    ------
    ValueError, msgspec.DecodeError
        If it is anything else, or a number that no double can hold. Empty lists may be refused or passed over.
    """
    if accelerated:
        try:
            return np.frombuffer(parsed(text).as_buffer(of_type="d"))
        except REFUSALS:
            pass
    msgspec.json.decode(text, type=msgspec.Raw)
    return _listed(text.translate(_BRACKETS_AS_SPACES))


def flat_numbers(block: bytes, *, accelerated: bool) -> NDArray[np.float64]:
    """Read the numerals between two commas of a text whose grammar has been checked, whatever brackets are among them.

    Raises
    ------
    msgspec.DecodeError
        If there is anything else, an empty list included, or a number that no double can hold.
    """
    blanked = block.translate(_BRACKETS_AS_SPACES)
    if accelerated:
        try:
            return np.frombuffer(parsed(b"[%b]" % blanked).as_buffer(of_type="d"))
        except REFUSALS:
            pass
    return _listed(blanked)


def _listed(blanked: bytes) -> NDArray[np.float64]:
    """Let msgspec read numerals and commas."""
    read = _FLAT.decode(b"[%b]" % blanked)
    return np.fromiter(read, np.float64, len(read))

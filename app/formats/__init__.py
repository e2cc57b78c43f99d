"""Bytes in, arrays out, and back: the table of formats.

The rule: every module in this folder that can be imported and defines ``MEDIA_TYPE`` and ``decode`` is a format. One
that also defines ``encode`` can answer in that format. A module whose own library is not installed does not import,
and then the format is simply not there. So a new format is one new file, and nothing else changes.

A decoder names those of the limits, and of what else there is to know of a request, that it heeds (`max_depth` only
JSON, `content_type` only forms); whoever calls a format through the table gives them all. A body is `bytes` or a mapped
file (`app.formats.scratch`); `checkpoint` is to be called between pieces of work, and `scratch` gives room.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any

from app.formats.reply import Reply
from app.formats.scratch import Body
from app.formats.submission import Submission

__all__ = ["FORMATS", "Format", "found_in"]

_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True, slots=True)
class Format:
    """One format of bodies.

    Attributes
    ----------
    media_type
        Its name in Content-Type and Accept.
    decode
        ``decode(body, fields, **circumstances)`` gives a `Submission` or raises `app.formats.errors.DecodeError`.
    encode
        Writes a `Reply`; None if the format is only read.
    """

    media_type: str
    decode: Callable[..., Submission]
    encode: Callable[[Reply], bytes] | None


def found_in(package: ModuleType) -> Mapping[str, Format]:
    """Find the formats among the modules of a package, by media type, in the order of their modules' names.

    Raises
    ------
    ImportError
        If one of our own modules cannot be found: only foreign libraries are optional.
    """
    formats = {}
    root = package.__name__.partition(".")[0]
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        try:
            module = importlib.import_module(f"{package.__name__}.{info.name}")
        except ModuleNotFoundError as error:
            if (error.name or root).partition(".")[0] == root:
                raise
            continue
        if hasattr(module, "MEDIA_TYPE") and hasattr(module, "decode"):
            decode = _heeding(module.decode)
            formats[module.MEDIA_TYPE] = Format(module.MEDIA_TYPE, decode, getattr(module, "encode", None))
    return MappingProxyType(formats)


def _heeding(decode: Callable[..., Submission]) -> Callable[..., Submission]:
    """Let a decoder be called with all circumstances, and be given those that it names."""
    heeded = {
        name for name, parameter in inspect.signature(decode).parameters.items() if parameter.kind is _KEYWORD_ONLY
    }

    def decode_heeding(body: Body, fields: frozenset[str], **circumstances: Any) -> Submission:  # noqa: ANN401 - any
        known = {name: value for name, value in circumstances.items() if name in heeded}
        return decode(body, fields, **known)

    return decode_heeding


FORMATS = found_in(importlib.import_module(__name__))
"""The formats by media type."""

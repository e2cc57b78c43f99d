"""Requests that run as they are, small enough for Swagger UI, which stalls on large ones: one OpenAPI example a file.

digits.json and question.json hold the first three samples of the batches in samples/.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

__all__ = ["REQUESTS"]

_NAMES: Final = ("digits", "question", "tiny", "soft_labels")

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {name: json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")) for name in _NAMES}
)
"""Named examples of POST /loss: summary, description, value."""

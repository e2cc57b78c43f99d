"""The loss with BentoML: arrays as JSON, which become NumPy's by their type, or as uploaded files, which it spools.

``bentoml serve benchmarks.peers.serve_bentoml:Loss``
"""

from pathlib import Path
from typing import Any

import bentoml
import numpy as np

from benchmarks.services.reductions import Array, document

__all__ = ["Loss"]


@bentoml.service(traffic={"timeout": 300}, logging={"access": {"enabled": False}})
class Loss:
    """Reduces the loss of a batch in every way."""

    @bentoml.api
    def arrays(self, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        """Take nested lists."""
        return document(x, y)

    @bentoml.api
    def arrays_with_latents(self, x: np.ndarray, y: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> dict[str, Any]:
        """Take nested lists; an array that may be left out cannot be declared."""
        return document(x, y, mu, logvar)

    @bentoml.api
    def files(self, x: Path, y: Path) -> dict[str, Any]:
        """Take .npy files."""
        return document(_read(x), _read(y))

    @bentoml.api
    def files_with_latents(self, x: Path, y: Path, mu: Path, logvar: Path) -> dict[str, Any]:
        """Take .npy files."""
        return document(_read(x), _read(y), _read(mu), _read(logvar))


def _read(path: Path) -> Array:
    """Read a file."""
    read: Array = np.load(path)
    return read

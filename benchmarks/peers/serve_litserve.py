"""The loss with LitServe: nested lists in JSON, or the bytes of an archive, which go to its worker as they are.

``python -m benchmarks.peers.serve_litserve PORT``
"""

import io
import sys
from typing import Annotated, Any

import litserve
import numpy as np
from fastapi import Body, Request

from benchmarks.services.reductions import Array, document

__all__ = ["Archives", "Lists"]


class Lists(litserve.LitAPI):
    """Takes nested lists."""

    def setup(self, device: str) -> None:
        """Prepare nothing."""

    def decode_request(self, request: Request) -> dict[str, Array]:
        """Make arrays of the document, which is parsed by then."""
        document: dict[str, Any] = request  # type: ignore[assignment]  # what it hands over is not what it annotates
        return {name: np.array(rows, dtype=np.float64) for name, rows in document.items()}

    def predict(self, x: dict[str, Array]) -> dict[str, Any]:
        """Compute."""
        return document(x["x"], x["y"], x.get("mu"), x.get("logvar"))

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """Give the answer as it is."""
        return output


class Archives(Lists):
    """Takes the bytes of an .npz archive."""

    def decode_request(  # type: ignore[override]  # another kind of request, as it allows
        self, request: Annotated[bytes, Body(media_type="application/octet-stream")]
    ) -> dict[str, Array]:
        """Read the arrays."""
        with np.load(io.BytesIO(request)) as archive:
            return {name: archive[name] for name in archive.files}


if __name__ == "__main__":
    apis = [Lists(api_path="/arrays"), Archives(api_path="/archive")]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=1, timeout=300, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")

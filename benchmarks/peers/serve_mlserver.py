"""The loss with MLServer: the Open Inference Protocol, arrays as flat lists or as text in base 64.

``python -m benchmarks.peers.serve_mlserver PORT``
"""

import asyncio
import logging
import socket
import sys
from typing import Any

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput

from benchmarks.services.reductions import Array, totals, vectors

__all__ = ["Loss"]


class Loss(MLModel):
    """Reduces the loss of a batch in every way."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Take the inputs by their names, and give the totals and the vectors as outputs."""
        found = vectors(**{one.name: _array(one) for one in payload.inputs})
        outputs = {"totals": np.array([*totals(found).values()]), **found}
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output(name, array) for name, array in outputs.items()],
        )


def _array(given: RequestInput) -> Array:
    """Read an input."""
    if given.datatype != "BYTES":
        read: Array = NumpyCodec.decode_input(given)
        return read
    (content,) = Base64Codec.decode_input(given)
    return np.frombuffer(content, given.parameters.numbers).reshape(given.shape)


def _free_port() -> int:
    """Find a port for what is not asked for, gRPC and metrics."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _serve(port: int) -> None:
    """Serve until told to stop."""
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": _free_port(),
        "metrics_port": _free_port(),
        "parallel_workers": 0,
        "debug": False,
        "use_structured_logging": False,
    }
    server = MLServer(Settings(**settings))
    await server.start([ModelSettings(name="loss", implementation=Loss)])


if __name__ == "__main__":
    logging.disable(logging.INFO)  # a line for every request
    asyncio.run(_serve(int(sys.argv[1])))

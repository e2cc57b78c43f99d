"""The loss with KServe: the Open Inference Protocol with its binary extension.

``python -m benchmarks.peers.serve_kserve PORT``
"""

import logging
import sys
from collections.abc import Mapping

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

from benchmarks.services.reductions import totals, vectors

__all__ = ["Loss"]


class Loss(Model):
    """Reduces the loss of a batch in every way."""

    def __init__(self) -> None:
        super().__init__("loss")
        self.ready = True

    def predict(self, payload: InferRequest, _: Mapping[str, str] | None = None) -> InferResponse:
        """Take the inputs by their names, and give the totals and the vectors as outputs."""
        found = vectors(**{one.name: one.as_numpy() for one in payload.inputs})
        outputs = []
        for name, array in {"totals": np.array([*totals(found).values()]), **found}.items():
            output = InferOutput(name, list(array.shape), "FP64")
            output.set_data_from_numpy(array, binary_data=True)
            outputs.append(output)
        return InferResponse(response_id=payload.id or "", model_name=self.name, infer_outputs=outputs)


if __name__ == "__main__":
    logging.disable(logging.INFO)  # a line for every request
    ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, enable_docs_url=False, workers=1).start([Loss()])

"""Who the peers are, how each is started, and the ways in which it can be given arrays."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from benchmarks.batches import Size, Upload, upload
from benchmarks.services.reductions import Array

__all__ = ["PEERS", "SIZES", "Peer", "Way", "totals_in"]

SIZES: Final = (Size(1, 10), Size(100, 90, 20), Size(1000, 784), Size(10000, 784))
"""Of the batches; the last one is only for ways that are not text."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to give arrays to a peer.

    Attributes
    ----------
    name
        What the table calls it.
    target
        Gives the path for a batch.
    write
        Makes the body.
    our_form
        What our service gets beside it, one of `benchmarks.batches.FORMS`.
    is_text
        Whether numbers are written out; then the largest batch is left out.
    is_narrow
        Whether it takes single precision; ways that do are measured with the largest batch only.
    """

    name: str
    target: Callable[[Mapping[str, Array]], str]
    write: Callable[[Mapping[str, Array]], Upload]
    our_form: str
    is_text: bool = False
    is_narrow: bool = False

    def takes(self, size: Size) -> bool:
        """Tell whether a batch of this size is measured in this way."""
        return (size is SIZES[-1]) == self.is_narrow and not (self.is_text and size is SIZES[-1])


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework: its name, which is also that of its package in lower case, its command line, and its ways.

    In the command, ``{bin}`` is the folder with the programs of its environment.
    """

    name: str
    command: tuple[str, ...]
    ways: tuple[Way, ...]
    environment: Mapping[str, str]

    @property
    def package(self) -> str:
        """The name of its package and of its environment."""
        return self.name.lower()


def totals_in(answer: bytes) -> list[float]:
    """Read the totals from the answer of any peer, in the order in which `reductions.totals` gives them.

    Raises
    ------
    ValueError, KeyError
        The answer is not what it should be.
    """
    text = answer.decode("latin-1")  # behind the document there may be bytes
    document, end = json.JSONDecoder().raw_decode(text)
    if "variants" in document:
        return [one["total"] for one in document["variants"].values()]
    (first, *_) = document["outputs"]
    if first.get("data"):
        return [float(one) for one in first["data"]]
    count = first["parameters"]["binary_data_size"] // 8
    found: list[float] = np.frombuffer(answer, "<f8", count, offset=end).tolist()
    return found


def _own(form: str) -> Callable[[Mapping[str, Array]], Upload]:
    """Make a writer of what our service takes too."""

    def write(batch: Mapping[str, Array]) -> Upload:
        return upload(form, batch)

    return write


def _bytes_of(form: str) -> Callable[[Mapping[str, Array]], Upload]:
    """Make a writer of the same bytes without saying what they are."""

    def write(batch: Mapping[str, Array]) -> Upload:
        return Upload(upload(form, batch).body, {"Content-Type": "application/octet-stream"})

    return write


def _at(path: str, with_latents: str | None = None) -> Callable[[Mapping[str, Array]], str]:
    """Make a chooser of paths."""

    def target(batch: Mapping[str, Array]) -> str:
        return (with_latents or path) if "mu" in batch else path

    return target


def _lists(batch: Mapping[str, Array]) -> Upload:
    """Write the Open Inference Protocol with flat lists."""
    return _protocol([_named(name, array, "FP64", data=array.ravel()) for name, array in batch.items()])


def _base64(batch: Mapping[str, Array]) -> Upload:
    """Write the Open Inference Protocol with the bytes of each array as text."""
    return _protocol(
        [
            _named(
                name,
                array,
                "BYTES",
                data=[base64.b64encode(array.tobytes()).decode()],
                parameters={"content_type": "base64", "numbers": str(array.dtype)},
            )
            for name, array in batch.items()
        ]
    )


def _narrow_base64(batch: Mapping[str, Array]) -> Upload:
    """Write likewise in single precision."""
    return _base64({name: array.astype(np.float32) for name, array in batch.items()})


def _binary(batch: Mapping[str, Array]) -> Upload:
    """Write the Open Inference Protocol with the bytes of the arrays behind the document."""
    inputs = [
        _named(
            name,
            array,
            {"float64": "FP64", "float32": "FP32"}[str(array.dtype)],
            parameters={"binary_data_size": array.nbytes},
        )
        for name, array in batch.items()
    ]
    head = _protocol(inputs, parameters={"binary_data_output": True})
    body = b"".join([head.body, *(array.tobytes() for array in batch.values())])
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head.body))}
    return Upload(body, headers)


def _narrow_binary(batch: Mapping[str, Array]) -> Upload:
    """Write likewise in single precision."""
    return _binary({name: array.astype(np.float32) for name, array in batch.items()})


def _named(name: str, array: Array, datatype: str, **rest: object) -> dict[str, Any]:
    """Describe an input."""
    return {"name": name, "shape": list(array.shape), "datatype": datatype, **rest}


def _protocol(inputs: list[dict[str, Any]], **rest: object) -> Upload:
    """Write a document of the Open Inference Protocol."""
    document = {"id": "1", "inputs": inputs, **rest}
    return Upload(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), {"Content-Type": "application/json"})


_INFER: Final = _at("/v2/models/loss/infer")
_FILES: Final = _at("/files", "/files_with_latents")
_ARCHIVE: Final = _at("/archive")

PEERS: Final = (
    Peer(
        "BentoML",
        ("{bin}/bentoml", "serve", "benchmarks.peers.serve_bentoml:Loss", "--host", "127.0.0.1", "--port", "{port}"),
        (
            Way("JSON", _at("/arrays", "/arrays_with_latents"), _own("JSON"), "JSON", is_text=True),
            Way("form of .npy, float64", _FILES, _own("form of .npy float64"), "npz float64"),
            Way("form of .npy, float32", _FILES, _own("form of .npy float32"), "npz float32", is_narrow=True),
        ),
        {"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        "LitServe",
        ("{bin}/python", "-m", "benchmarks.peers.serve_litserve", "{port}"),
        (
            Way("JSON", _at("/arrays"), _own("JSON"), "JSON", is_text=True),
            Way("npz as bytes, float64", _ARCHIVE, _bytes_of("npz float64"), "npz float64"),
            Way("npz as bytes, float32", _ARCHIVE, _bytes_of("npz float32"), "npz float32", is_narrow=True),
        ),
        {},
    ),
    Peer(
        "MLServer",
        ("{bin}/python", "-m", "benchmarks.peers.serve_mlserver", "{port}"),
        (
            Way("V2 JSON, flat lists", _INFER, _lists, "JSON", is_text=True),
            Way("V2 JSON, base 64 of float64", _INFER, _base64, "npz float64"),
            Way("V2 JSON, base 64 of float32", _INFER, _narrow_base64, "npz float32", is_narrow=True),
        ),
        {},
    ),
    Peer(
        "KServe",
        ("{bin}/python", "-m", "benchmarks.peers.serve_kserve", "{port}"),
        (
            Way("V2 JSON, flat lists", _INFER, _lists, "JSON", is_text=True),
            Way("V2 binary, FP64", _INFER, _binary, "npz float64"),
            Way("V2 binary, FP32", _INFER, _narrow_binary, "npz float32", is_narrow=True),
        ),
        {},
    ),
)
"""Each with its nested or flat lists in JSON, and with the fastest that it has."""

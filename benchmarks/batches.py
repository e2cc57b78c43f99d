"""What is uploaded: random batches of any size, as each kind of body that the service takes."""

import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson

from benchmarks.services.reductions import Array

__all__ = ["FORMS", "Size", "Upload", "arrays", "upload"]

_SEED: Final = 20261123
_BOUNDARY: Final = b"----a-boundary-of-the-benchmarks"


@dataclass(frozen=True, slots=True)
class Size:
    """How many samples, features and latents a batch has; without latents it has no posterior."""

    samples: int
    features: int
    latents: int = 0

    def __str__(self) -> str:
        return f"{self.samples} x {self.features}" + (f" + {self.latents}" if self.latents else "")

    @property
    def elements(self) -> int:
        """How many numbers the batch and its reconstruction have together."""
        return 2 * self.samples * self.features


@dataclass(frozen=True, slots=True)
class Upload:
    """A body and its headers."""

    body: bytes
    headers: Mapping[str, str]


def arrays(size: Size) -> dict[str, Array]:
    """Draw a batch: targets in [0, 1], reconstructions beside them, a posterior like that of a trained model."""
    random = np.random.default_rng(_SEED)
    x = random.random((size.samples, size.features))
    drawn = {"x": x, "y": x + 0.1 * random.standard_normal(x.shape)}
    if size.latents:
        drawn["mu"] = random.standard_normal((size.samples, size.latents))
        drawn["logvar"] = -np.abs(random.standard_normal((size.samples, size.latents)))
    return drawn


def upload(form: str, batch: Mapping[str, Array], include: tuple[str, ...] = ()) -> Upload:
    """Write a batch as a body.

    Parameters
    ----------
    form
        One of `FORMS`.
    batch
        Arrays by their names.
    include
        What else is asked for; only in JSON, elsewhere it stands in the query.
    """
    return FORMS[form](batch, include)


def _json(batch: Mapping[str, Array], include: tuple[str, ...]) -> Upload:
    """Write nested lists, without white space, every number in its shortest form."""
    options = {"include": include} if include else {}
    return Upload(
        orjson.dumps({**batch, **options}, option=orjson.OPT_SERIALIZE_NUMPY), {"Content-Type": "application/json"}
    )


def _narrow_json(batch: Mapping[str, Array], include: tuple[str, ...]) -> Upload:
    """Write nested lists of single precision as ``tolist()`` gives them: doubles, so that they are the same numbers."""
    return _json(_as(np.float64, _as(np.float32, batch)), include)


def _gzip_json(batch: Mapping[str, Array], include: tuple[str, ...]) -> Upload:
    """Compress nested lists."""
    plain = _json(batch, include)
    return Upload(gzip.compress(plain.body, 1, mtime=0), {**plain.headers, "Content-Encoding": "gzip"})


def _as(dtype: type[np.floating], batch: Mapping[str, Array]) -> dict[str, Array]:
    """Convert arrays."""
    return {name: array.astype(dtype) for name, array in batch.items()}


def _npz(dtype: type[np.floating], save: Callable[..., None]) -> Callable[..., Upload]:
    """Make a writer of archives."""

    def write(batch: Mapping[str, Array], _: tuple[str, ...]) -> Upload:
        file = io.BytesIO()
        save(file, **_as(dtype, batch))
        return Upload(file.getvalue(), {"Content-Type": "application/x-npz"})

    return write


def _safetensors(name: str, convert: Callable[[Array], Array]) -> Callable[..., Upload]:
    """Make a writer of safetensors: the length of a header, the header, and the numbers of each array."""

    def write(batch: Mapping[str, Array], _: tuple[str, ...]) -> Upload:
        header, parts, start = {}, [], 0
        for key, array in batch.items():
            part = convert(array).tobytes()
            offsets = [start, start + len(part)]
            header[key] = {"dtype": name, "shape": list(array.shape), "data_offsets": offsets}
            parts.append(part)
            start += len(part)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        body = len(text).to_bytes(8, "little") + text + b"".join(parts)
        return Upload(body, {"Content-Type": "application/vnd.safetensors"})

    return write


def _single(array: Array) -> Array:
    """Round to single precision, the lowest byte first."""
    return array.astype("<f4")


def _brain(array: Array) -> Array:
    """Cut to the upper half of single precision."""
    return (array.astype("<f4").view("<u4") >> 16).astype("<u2")


def _narrow_npy(array: Array) -> bytes:
    """Write a .npy file of single precision."""
    return _npy(array.astype(np.float32))


def _form(suffix: str, convert: Callable[[Array], bytes]) -> Callable[..., Upload]:
    """Make a writer of forms with a file for each array."""

    def write(batch: Mapping[str, Array], _: tuple[str, ...]) -> Upload:
        parts = []
        for name, array in batch.items():
            head = f'Content-Disposition: form-data; name="{name}"; filename="{name}.{suffix}"\r\n\r\n'
            parts += [b"--", _BOUNDARY, b"\r\n", head.encode(), convert(array), b"\r\n"]
        body = b"".join([*parts, b"--", _BOUNDARY, b"--\r\n"])
        return Upload(body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY.decode()}"})

    return write


def _npy(array: Array) -> bytes:
    """Write a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _csv(array: Array) -> bytes:
    """Write a line of text for each sample."""
    return orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY).replace(b"],[", b"\n").strip(b"[]") + b"\n"


FORMS: Final[Mapping[str, Callable[[Mapping[str, Array], tuple[str, ...]], Upload]]] = {
    "JSON": _json,
    "JSON of float32": _narrow_json,
    "JSON, gzip": _gzip_json,
    "npz float64": _npz(np.float64, np.savez),
    "npz float32": _npz(np.float32, np.savez),
    "npz float64, compressed": _npz(np.float64, np.savez_compressed),
    "safetensors F32": _safetensors("F32", _single),
    "safetensors BF16": _safetensors("BF16", _brain),
    "form of .npy float64": _form("npy", _npy),
    "form of .npy float32": _form("npy", _narrow_npy),
    "form of .csv": _form("csv", _csv),
}
"""Every kind of body, by what the tables call it."""

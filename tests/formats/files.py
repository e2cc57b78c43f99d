"""Arrays as files, as NumPy writes them and as no NumPy would."""

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.formats.npy import MAGIC

__all__ = ["FIELDS", "form", "npy", "npy_of", "npz", "safetensors", "safetensors_of", "zipped"]

FIELDS = frozenset(
    {"x", "y", "mu", "logvar", "sample_weight", "loss", "delta", "variance", "beta", "include", "batch_sizes"}
)


def npy(array: ArrayLike, version: tuple[int, int] | None = None) -> bytes:
    """Write an array as a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def npy_of(header: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """Write a .npy file with whatever header."""
    text = header if isinstance(header, bytes) else header.encode("latin-1")
    return MAGIC + bytes(version) + struct.pack("<H" if version == (1, 0) else "<L", len(text)) + text + data


def npz(*, compressed: Any = False, **arrays: ArrayLike) -> bytes:  # noqa: ANN401 - so that ** of arrays type-checks
    """Write an archive of arrays as NumPy does."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]  # arrays are no flag
    return file.getvalue()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Write an archive of whatever members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def safetensors_of(header: bytes, data: bytes = b"") -> bytes:
    """Write a safetensors file with whatever header."""
    return struct.pack("<Q", len(header)) + header + data


_TAGS = {"b1": "BOOL", "f2": "F16", "f4": "F32", "f8": "F64"} | {
    f"{kind}{size}": f"{kind.upper()}{8 * size}" for kind in "iu" for size in (1, 2, 4, 8)
}


def safetensors(**arrays: NDArray[Any]) -> bytes:
    """Write tensors as the safetensors library does."""
    rows, data = [], b""
    for name, array in arrays.items():
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        tag = _TAGS[f"{native.dtype.kind}{native.dtype.itemsize}"]
        end = len(data) + native.nbytes
        shape = ",".join(map(str, array.shape))
        rows.append(f'"{name}":{{"dtype":"{tag}","shape":[{shape}],"data_offsets":[{len(data)},{end}]}}')
        data += native.tobytes()
    header = ("{" + ",".join(rows) + "}").encode()
    return safetensors_of(header + b" " * (-len(header) % 8), data)


def form(*parts: tuple[str, bytes | str], boundary: str = "bound") -> bytes:
    """Write a form: bytes are files, texts are not."""
    written = b""
    for name, content in parts:
        file = '; filename="a file"\r\nContent-Type: application/octet-stream' if isinstance(content, bytes) else ""
        data = content if isinstance(content, bytes) else content.encode()
        written += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        written += data + b"\r\n"
    return written + f"--{boundary}--\r\n".encode()

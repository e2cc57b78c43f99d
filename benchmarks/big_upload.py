"""What an upload of gigabytes costs the service: how far its memory grows, and how long the answer takes.

    python -m benchmarks.big_upload                    every kind of body, 1.5 GiB each (JSON: 60 MiB)
    python -m benchmarks.big_upload --mebibytes 300 npz-f8 npz-f8-deflated

For each kind of body a service is started with its defaults, asked once for something small, and sent the body. The
growth is that of the peak of its resident set (VmHWM of /proc) over what it was before the body. Bodies are made on
disk, in the directory that --directory names, and removed again; Linux only.
"""

import argparse
import http.client
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.servers import Server, service

__all__ = ["KINDS", "main"]

FEATURES: Final = 784
JSON_BYTES: Final = 60 * 2**20
ROWS: Final = 4096


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of body.

    Attributes
    ----------
    media_type
        Its Content-Type.
    write
        Writes a body of about so many bytes to a file.
    """

    media_type: str
    write: Callable[[IO[bytes], int], None]


def _rows(samples: int, dtype: str) -> Iterator[NDArray[np.generic]]:
    """Make samples a block at a time, the same block again and again: no compressor sees that far."""
    rng = np.random.default_rng(1)
    block = (rng.integers(0, 256, (ROWS, FEATURES)) / 255).astype(dtype)
    for start in range(0, samples, ROWS):
        yield block[: samples - start]


def _npy(file: IO[bytes], samples: int, dtype: str, *, fortran: bool = False) -> None:
    """Write one array as ``.npy``."""
    shape = (samples, FEATURES)
    header = {"descr": np.dtype(dtype).str, "fortran_order": fortran, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    if fortran:
        column = np.linspace(0, 1, samples).astype(dtype).tobytes()
        for _ in range(FEATURES):
            file.write(column)
    else:
        for rows in _rows(samples, dtype):
            file.write(rows.tobytes())


def _npz(dtype: str, *, deflated: bool = False, fortran: bool = False) -> Callable[[IO[bytes], int], None]:
    """Make the writer of an archive whose arrays have so many bytes."""

    def write(file: IO[bytes], count: int) -> None:
        samples = count // (2 * FEATURES * np.dtype(dtype).itemsize)
        method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
        with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
            for name in ("x", "y"):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    _npy(member, samples, dtype, fortran=fortran)

    return write


def _safetensors(tag: str, size: int) -> Callable[[IO[bytes], int], None]:
    """Make the writer of tensors: those of BF16 hold the bits of small integers, which are tiny numbers."""

    def write(file: IO[bytes], count: int) -> None:
        samples = count // (2 * FEATURES * size)
        each = samples * FEATURES * size
        rows = [
            f'"{name}":{{"dtype":"{tag}","shape":[{samples},{FEATURES}],"data_offsets":[{i * each},{(i + 1) * each}]}}'
            for i, name in enumerate(("x", "y"))
        ]
        header = ("{" + ",".join(rows) + "}").encode()
        file.write(len(header).to_bytes(8, "little") + header)
        dtype = {"F32": "<f4", "F64": "<f8", "BF16": "<u2"}[tag]
        for _ in rows:
            for block in _rows(samples, dtype):
                file.write(block.tobytes())

    return write


def _form(file: IO[bytes], count: int) -> None:
    """Write a form of two .npy files of float32."""
    samples = count // (2 * FEATURES * 4)
    for name in ("x", "y"):
        head = f'--bound\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.npy"\r\n\r\n'
        file.write(head.encode())
        _npy(file, samples, "<f4")
        file.write(b"\r\n")
    file.write(b"--bound--\r\n")


def _json(file: IO[bytes], _: int) -> None:
    """Write the JSON with the most numbers for its size: two characters each."""
    rows = JSON_BYTES // 2 // (2 * FEATURES)
    array = "[" + ",".join(["[" + ",".join(["0"] * FEATURES) + "]"] * rows) + "]"
    file.write(f'{{"x":{array},"y":{array}}}'.encode())


KINDS: Final[Mapping[str, Kind]] = {
    "npz-f8": Kind("application/x-npz", _npz("<f8")),
    "npz-f4": Kind("application/x-npz", _npz("<f4")),
    "npz-f8-deflated": Kind("application/x-npz", _npz("<f8", deflated=True)),
    "npz-f8-fortran": Kind("application/x-npz", _npz("<f8", fortran=True)),
    "safetensors-F32": Kind("application/vnd.safetensors", _safetensors("F32", 4)),
    "safetensors-BF16": Kind("application/vnd.safetensors", _safetensors("BF16", 2)),
    "form-f4": Kind("multipart/form-data; boundary=bound", _form),
    "json-zeros": Kind("application/json", _json),
}
"""Every kind of body by its name."""


@contextmanager
def _service(directory: str) -> Iterator[Server]:
    """Start the service, and let it answer something small first."""
    with service({"LOSSGRID_SPOOL_DIRECTORY": directory, "MALLOC_ARENA_MAX": "2"}) as server:
        _post(server.port, KINDS["json-zeros"].media_type, b'{"x": [[0, 1]], "y": [[1, 1]]}')
        yield server


def _post(port: int, media_type: str, body: bytes | IO[bytes], length: int | None = None) -> tuple[int, int]:
    """Send a body; give the status and the length of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600, blocksize=2**18)
    headers = {"Content-Type": media_type} | ({} if length is None else {"Content-Length": str(length)})
    connection.request("POST", "/loss", body, headers)
    with connection.getresponse() as answer:
        return answer.status, len(answer.read())


def main() -> int:
    """Measure, and print a row for each kind of body."""
    parser = argparse.ArgumentParser(description="Measure what uploads of gigabytes cost.")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="kinds of body; all if none is named")
    parser.add_argument("--mebibytes", type=int, default=1536, help="size of the arrays of a body")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="where bodies and the spool are; a disk")
    asked = parser.parse_args()
    print("| body | MiB sent | status | MiB answered | peak growth, MiB | left open, MiB | seconds |")  # noqa: T201
    print("| --- | --- | --- | --- | --- | --- | --- |")  # noqa: T201
    for name in asked.kinds or KINDS:
        with tempfile.TemporaryFile(dir=asked.directory) as file, _service(asked.directory) as server:
            KINDS[name].write(file, asked.mebibytes * 2**20)
            length = file.tell()
            file.seek(0)
            before = server.resident()
            started = time.perf_counter()
            status, answered = _post(server.port, KINDS[name].media_type, file, length)
            seconds = time.perf_counter() - started
            peak, after = server.peak() - before, server.resident() - before
            row = (length >> 20, status, answered >> 20, peak >> 20, after >> 20, f"{seconds:.1f}")
            print(f"| {name} | {' | '.join(map(str, row))} |", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

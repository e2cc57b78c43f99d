"""``python -m tests.hostile.fuzz npz``: random files, guided by what they reach in a reader, until somebody stops it.

Needs atheris, which ``make fuzz`` installs into an environment of its own. Options of libFuzzer follow the name, such
as ``-max_total_time=60``, and folders in which inputs are kept. A reader may return arrays or refuse; whatever else it
raises ends the run, with the input in a file.
"""

import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np


def _watched() -> AbstractContextManager[object]:
    """Have what is imported within tell atheris which branches it takes, where atheris is installed."""
    if importlib.util.find_spec("atheris") is None:
        return nullcontext()
    watched: AbstractContextManager[object] = importlib.import_module("atheris").instrument_imports(include=["app"])
    return watched


with _watched():
    from app.formats import multipart as multipart_reader
    from app.formats import npy as npy_reader
    from app.formats import npz as npz_reader
    from app.formats import safetensors as safetensors_reader
    from app.formats.errors import DecodeError
    from tests.formats.files import FIELDS, form, npy, npz, safetensors, zipped

__all__ = ["READERS", "seeds"]

X: Final = np.array([[0.0, 1.0], [2.0, 3.0]])
MOST_BYTES: Final = 2**22


def _npy(data: bytes) -> None:
    """Read a .npy file."""
    _look(npy_reader.read("x", data, 0, len(data)), len(data))


def _npz(data: bytes) -> None:
    """Read an archive: the bytes as they are, or as the content of two members, whose checksums are then right."""
    way, data = data[:1], data[1:]
    if way in (b"1", b"2"):
        half = len(data) // 2
        data = zipped({"x.npy": data[:half], "y.npy": data[half:]}, 8 if way == b"2" else 0)
    for array in npz_reader.decode(data, FIELDS, max_upload_bytes=MOST_BYTES).arrays.values():
        _look(array, MOST_BYTES)


def _safetensors(data: bytes) -> None:
    """Read a file of tensors."""
    for array in safetensors_reader.decode(data, FIELDS).arrays.values():
        _look(array, 2 * len(data))  # BF16 doubles


def _multipart(data: bytes) -> None:
    """Read a form; its delimiter is known, for otherwise few inputs would come past it."""
    content_type = "multipart/form-data; boundary=bound"
    for array in multipart_reader.decode(data, FIELDS, content_type=content_type).arrays.values():
        _look(array, 8 * len(data))  # digits of a table


def _look(array: Any, most_bytes: int) -> None:  # noqa: ANN401 - any array
    """Check what every reader promises: real numbers, not more than there can be, all of them readable."""
    assert array.dtype.kind in "biuf", array.dtype
    assert array.nbytes <= max(most_bytes, 8), (array.shape, array.dtype)
    array.astype(np.float64).sum()


READERS: Final[dict[str, Callable[[bytes], None]]] = {
    "npy": _npy,
    "npz": _npz,
    "safetensors": _safetensors,
    "multipart": _multipart,
}
"""What reads a file of each format, and complains of what it should not have read."""


def seeds(name: str) -> Iterator[bytes]:
    """Give good files, to begin with."""
    arrays: list[Any] = [X, X.astype(">f4"), np.asfortranarray(X), X.astype("i2"), X > 1]
    for array in arrays:
        if name == "npy":
            yield npy(array)
        elif name == "npz":
            yield b"0" + npz(x=array, y=array)
            yield b"0" + npz(compressed=True, x=array, y=array)
            yield b"1" + npy(array) + npy(array)
            yield b"2" + npy(array) + npy(array)
        elif name == "safetensors":
            yield safetensors(x=array.astype(array.dtype.newbyteorder("<")), y=array)
        else:
            yield form(("x", npy(array)), ("y", b"1,1\n0,0\n"), ("loss", "mse"), ("include", "gradients"))


def _tried(read: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Let a reader refuse."""

    def attempt(data: bytes) -> None:
        try:
            read(data)
        except DecodeError as error:
            assert str(error).isascii() or len(str(error)) < 1000  # noqa: PT017 - a detail is short

    return attempt


def main() -> None:
    """Fuzz the reader that is named."""
    atheris = importlib.import_module("atheris")
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for index, seed in enumerate(seeds(name)):
            Path(folder, str(index)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *options, folder], _tried(READERS[name]))
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""The same batch gives the same bits in the answer, whatever format, type, byte order and order of axes it has."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.formats.files import form, npy, npz, safetensors
from tests.inprocess import InProcess, a_client

Arrays = dict[str, NDArray[Any]]
Sender = Callable[[InProcess, Arrays, Mapping[str, Any]], httpx.Response]

OPTIONS: Mapping[str, Any] = {"beta": 0.75, "include": ["elementwise", "gradients"]}


def query_of(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in options.items()}


def as_json(client: InProcess, arrays: Arrays, options: Mapping[str, Any]) -> httpx.Response:
    # JSON has no booleans where numbers belong, and no numbers but doubles
    lists = {name: array.astype(np.float64).tolist() for name, array in arrays.items()}
    body = json.dumps(lists | dict(options)).encode()
    return client.request("POST", "/loss", content=body, headers={"content-type": "application/json"})


def as_npz(client: InProcess, arrays: Arrays, options: Mapping[str, Any]) -> httpx.Response:
    headers = {"content-type": "application/x-npz"}
    return client.request("POST", "/loss", params=query_of(options), content=npz(**arrays), headers=headers)


def as_deflated_npz(client: InProcess, arrays: Arrays, options: Mapping[str, Any]) -> httpx.Response:
    headers = {"content-type": "application/x-npz"}
    body = npz(compressed=True, **arrays)
    return client.request("POST", "/loss", params=query_of(options), content=body, headers=headers)


def as_safetensors(client: InProcess, arrays: Arrays, options: Mapping[str, Any]) -> httpx.Response:
    headers = {"content-type": "application/vnd.safetensors"}
    return client.request("POST", "/loss", params=query_of(options), content=safetensors(**arrays), headers=headers)


def as_npy_files(client: InProcess, arrays: Arrays, options: Mapping[str, Any]) -> httpx.Response:
    body = form(*query_of(options).items(), *((name, npy(array)) for name, array in arrays.items()))
    return client.request("POST", "/loss", content=body, headers={"content-type": FORM})


def as_csv_files(client: InProcess, arrays: Arrays, options: Mapping[str, Any]) -> httpx.Response:
    # Text has at most two axes, and reads a single column as one axis.
    files = []
    for name, array in arrays.items():
        rows = array.astype(np.float64).reshape(len(array), -1).tolist()
        files.append((name, "\n".join(",".join(map(repr, row)) for row in rows).encode()))
    body = form(*files, *query_of(options).items())
    return client.request("POST", "/loss", content=body, headers={"content-type": FORM})


FORM = "multipart/form-data; boundary=bound"
SENDERS: dict[str, Sender] = {
    "npz": as_npz,
    "deflated npz": as_deflated_npz,
    "safetensors": as_safetensors,
    "npy files": as_npy_files,
}


@pytest.fixture(params=["in memory", "on disk"])
def body_in(request: pytest.FixtureRequest, client: InProcess) -> Iterator[InProcess]:
    """Ask an application that has every body in memory, or every body on disk, and what is made of it."""
    if request.param == "in memory":
        yield client
    else:
        with a_client(spool_threshold_bytes=1) as found:
            yield found


DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u2", "<i4", ">u4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


@st.composite
def batches(draw: st.DrawFn) -> Arrays:
    """Draw a batch: any shape, each array of a type, byte order and order of axes of its own."""
    size = draw(st.integers(1, 5))
    shape = (size, *draw(st.lists(st.integers(1, 4), max_size=3)))
    code = (size, *draw(st.lists(st.integers(1, 3), max_size=2)))
    shapes = {"x": shape, "y": shape}
    if draw(st.booleans()):
        shapes |= {"mu": code, "logvar": code}
    if draw(st.booleans()):
        shapes |= {"sample_weight": (size,)}
    arrays = {}
    for name, wanted in shapes.items():
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        low = 0 if name == "sample_weight" or dtype.kind in "bu" else -9
        numbers = st.integers(low, 1 if dtype.kind == "b" else 9)
        if dtype.kind == "f":
            array = draw(hnp.arrays(dtype, wanted, elements={"min_value": low, "max_value": 9}))
        else:
            array = draw(hnp.arrays(dtype, wanted, elements=numbers))
        if name == "sample_weight":
            array[0] = 1
        arrays[name] = np.asfortranarray(array) if draw(st.booleans()) else array
    return arrays


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
@given(arrays=batches())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_the_same_batch_gives_the_same_bits(
    client: InProcess, body_in: InProcess, sender: Sender, arrays: Arrays
) -> None:
    wanted = as_json(client, arrays, OPTIONS)
    assert wanted.status_code == 200
    assert sender(body_in, arrays, OPTIONS).content == wanted.content


@given(arrays=batches())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_the_same_batch_as_text_gives_the_same_bits(client: InProcess, body_in: InProcess, arrays: Arrays) -> None:
    flat = {name: array.reshape(len(array), -1) for name, array in arrays.items()}
    flat = {name: array[:, 0] if array.shape[1] == 1 else array for name, array in flat.items()}
    assert as_csv_files(body_in, flat, OPTIONS).content == as_json(client, flat, OPTIONS).content


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_batch_of_many_chunks_gives_the_same_bits(
    client: InProcess, body_in: InProcess, sender: Sender, dtype: str, order: Literal["C", "F"]
) -> None:
    rng = np.random.default_rng(1)
    arrays: Arrays = {
        name: np.asarray(rng.standard_normal(shape), dtype, order=order)
        for name, shape in {"x": (700, 12, 30), "y": (700, 12, 30), "mu": (700, 9), "logvar": (700, 9)}.items()
    }
    assert sender(body_in, arrays, {}).content == as_json(client, arrays, {}).content

"""Whatever becomes of a request, its body is gone afterwards; and it does not matter where the body was."""

import asyncio
import errno
import gc
import gzip
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import anyio
import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from app.api import identify, loss
from app.api.brief import BRIEF_BYTES
from app.api.options import Options
from app.losses import Batch
from app.problems import INVALID_REQUEST, RefusedError
from app.spool import Spool
from tests.formats.files import form, npy, npz, safetensors, safetensors_of
from tests.inprocess import InProcess, a_client, a_scope, an_app
from tests.refusals import assert_problem

RNG = np.random.default_rng(3)
X, Y = RNG.random((500, 7, 5)), np.asfortranarray(RNG.random((500, 7, 5)).astype(">f4"))
FORM = "multipart/form-data; boundary=bound"
NPZ = "application/x-npz"
BODIES: dict[str, tuple[str, bytes]] = {
    "json": ("application/json", json.dumps({"x": X.tolist(), "y": Y.tolist()}).encode()),
    "npz": (NPZ, npz(x=X, y=Y)),
    "deflated npz": (NPZ, npz(compressed=True, x=X, y=Y)),
    "safetensors": ("application/vnd.safetensors", safetensors(x=X, y=Y)),
    "npy files": (FORM, form(("x", npy(X)), ("y", npy(Y)), ("beta", "1"))),
    "csv files": (
        FORM,
        form(*((name, "\n".join(",".join(map(repr, row)) for row in array.reshape(500, -1).tolist()).encode())
               for name, array in (("x", X), ("y", Y.astype(float))))),
    ),
}  # fmt: skip


def left(directory: Path) -> int:
    """Count the open files and the maps of files that are in a directory, with or without a name."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").count(str(directory))
    targets = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return maps + sum(str(directory) in target for target in targets)


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Let nothing be freed but by its last reference."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def spooling(tmp_path: Path) -> Iterator[InProcess]:
    """Ask an application that keeps every body on disk."""
    with a_client(spool_directory=str(tmp_path), spool_threshold_bytes=1) as found:
        yield found


def test_what_is_left_would_be_found(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    file, room = spool.create(), spool.room(5)
    assert left(tmp_path) == 3  # a map has a descriptor of its own
    file.close()
    room.close()
    assert left(tmp_path) == 0


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(("media_type", "body"), BODIES.values(), ids=BODIES)
def test_a_body_on_disk_gives_the_same_bits(
    client: InProcess, spooling: InProcess, tmp_path: Path, media_type: str, body: bytes
) -> None:
    wanted = client.raw(body, content_type=media_type)
    assert wanted.status_code == 200
    assert spooling.raw(body, content_type=media_type).content == wanted.content
    assert left(tmp_path) == 0


@pytest.mark.usefixtures("_no_collector")
def test_a_compressed_body_is_on_disk_too(client: InProcess, spooling: InProcess, tmp_path: Path) -> None:
    media_type, body = BODIES["npz"]
    wanted = client.raw(body, content_type=media_type)
    packed = gzip.compress(body)
    assert spooling.raw(packed, content_type=media_type, content_encoding="gzip").content == wanted.content
    assert_problem(spooling.raw(packed[:-1], content_type=media_type, content_encoding="gzip"), "malformed-body")
    assert left(tmp_path) == 0


@pytest.mark.parametrize("compressed", [False, True])
def test_an_upload_that_has_no_room_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compressed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    body = npz(compressed=compressed, x=np.zeros((300, 300)), y=np.zeros((300, 300)))
    room = 2 * (len(body) - 1) if not compressed else 2 * 700_000
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": room}))
    with a_client(spool_directory=str(tmp_path), spool_threshold_bytes=1) as client:
        document = assert_problem(client.raw(body, content_type=NPZ), "body-too-large")
    assert "LOSSGRID_SPOOL_DIRECTORY" in document["detail"]
    assert left(tmp_path) == 0


@pytest.mark.parametrize(("number", "slug"), [(errno.ENOMEM, "out-of-memory"), (errno.ENODEV, "spool-full")])
def test_a_body_that_cannot_be_mapped_is_refused_and_leaves_nothing(
    spooling: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, slug: str
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("mmap.mmap", fail)
    answer = spooling.raw(BODIES["npz"][1], content_type=NPZ)
    assert_problem(answer, slug)
    assert answer.headers["retry-after"] == "5"
    assert left(tmp_path) == 0


def test_bodies_are_on_disk_where_memory_is_used_up(tmp_path: Path) -> None:
    media_type, body = BODIES["json"]
    with a_client(bodies_in_memory_bytes=0, spool_directory=str(tmp_path / "missing")) as client:
        assert_problem(client.raw(body, content_type=media_type), "spool-full")
        assert client.loss(x=[1], y=[2]).status_code == 200  # there is memory for what is small


DEFLATED = BODIES["deflated npz"][1]
BAD: dict[str, tuple[str, bytes, str]] = {
    "json": ("application/json", BODIES["json"][1][:-1], "malformed-body"),
    "npz": (NPZ, BODIES["npz"][1][:-1], "malformed-body"),
    "checksum": (NPZ, BODIES["npz"][1].replace(X.tobytes()[:64], bytes(64)), "malformed-body"),
    "deflated npz": (NPZ, DEFLATED.replace(DEFLATED[5000:5010], b"0123456789"), "malformed-body"),
    "shape": (NPZ, npz(x=X, y=X[:, :6]), "shape-mismatch"),
    "nan": (NPZ, npz(compressed=True, x=X, y=X * np.nan), "not-finite"),
    "domain": (NPZ, npz(x=X * 2, y=X, sample_weight=-np.ones(500)), "out-of-domain"),
    "safetensors": ("application/vnd.safetensors", BODIES["safetensors"][1] + b"0", "malformed-body"),
    "form": (FORM, BODIES["npy files"][1][:-10], "malformed-body"),
    "csv": (FORM, form(("x", b"1,a\n" * 10_000), ("y", npy(X))), "not-a-number"),
}  # fmt: skip


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(("media_type", "body", "slug"), BAD.values(), ids=BAD)
def test_a_refused_body_leaves_nothing(
    spooling: InProcess, tmp_path: Path, media_type: str, body: bytes, slug: str
) -> None:
    assert_problem(spooling.raw(body, content_type=media_type), slug)
    assert left(tmp_path) == 0


@pytest.mark.usefixtures("_no_collector")
def test_a_fault_of_the_service_leaves_nothing(
    spooling: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "dress", lambda *_: 1 / 0)
    media_type, body = BODIES["deflated npz"]
    assert_problem(spooling.raw(body, content_type=media_type), "internal-error")
    assert left(tmp_path) == 0


def upload(app: FastAPI, pieces: list[dict[str, Any]], *headers: tuple[bytes, bytes]) -> list[Any]:
    """Post a body in pieces, then be silent; give what is answered."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop(0)
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's messages are looser than that
        sent.append(message)

    scope = a_scope((b"host", b"127.0.0.1"), *headers)
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"5000000")], [(b"content-length", b"1" * 30)]])
def test_a_client_that_leaves_while_it_sends_leaves_nothing(tmp_path: Path, headers: list[tuple[bytes, bytes]]) -> None:
    app = an_app(spool_directory=str(tmp_path), spool_threshold_bytes=1)
    piece = {"type": "http.request", "body": b"[" * 500_000, "more_body": True}
    answer = upload(app, [*[piece] * 5, {"type": "http.disconnect"}], *headers)
    assert json.loads(answer[1]["body"])["type"] == "/problems/incomplete-body"
    counted = app.state.meters.page()
    assert b'lossgrid_requests_total{method="POST",route="/loss",status="0"} 1.0' in counted
    assert b"incomplete-body" not in counted
    assert left(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_no_collector")
def test_a_body_that_becomes_too_large_leaves_nothing(tmp_path: Path) -> None:
    app = an_app(spool_directory=str(tmp_path), spool_threshold_bytes=1, max_json_bytes=2_000_000)
    piece = {"type": "http.request", "body": b"[" * 500_000, "more_body": True}
    answer = upload(app, [*[piece] * 5, {"type": "http.request", "body": b"", "more_body": False}])
    assert json.loads(answer[1]["body"])["type"] == "/problems/body-too-large"
    assert left(tmp_path) == 0


SHORT = b'{"x": [1, 2], "y": [2, 1]}'
TENSORS = "application/vnd.safetensors"
FEW = {"x": X[:3], "y": Y[:3].astype("<f4")}
DECK = npz(**FEW)
HALVES = b"".join(
    b'"%b":{"dtype":"BF16","shape":[2],"data_offsets":[%d,%d]},' % (name, start, start + 4)
    for name, start in ((b"x", 0), (b"y", 4))
)


def padded(length: int) -> bytes:
    """Write tensors in so many bytes."""
    plain = safetensors(**FEW)
    begin = 8 + int.from_bytes(plain[:8], "little")
    return safetensors_of(plain[8:begin] + b" " * (length - len(plain)), plain[begin:])


def inflating(size: int) -> bytes:
    """Deflate two arrays that inflate to so many bytes together, of which some are their headers'."""
    ones = np.ones(size // 2 - 128, np.uint8)
    return npz(compressed=True, x=ones, y=ones)


@pytest.mark.parametrize(
    ("path", "body", "content_type", "brief"),
    [
        ("/loss", SHORT, "application/json", True),
        ("/loss", SHORT[:-1] + b" " * (BRIEF_BYTES - len(SHORT)) + b"}", "application/json", True),
        ("/loss", SHORT[:-1] + b" " * (BRIEF_BYTES - len(SHORT) + 1) + b"}", "application/json", False),
        ("/loss", SHORT[:-1] + b', "include": ["gradients"]}', "application/json", False),
        ("/loss", SHORT[:-1] + b', "\\u0069nclude": ["gradients"]}', "application/json", False),
        ("/loss", SHORT[:-1] + b', "loss": "mse", "beta": 2.5, "sample_weight": [1, 2]}', "application/json", True),
        (
            "/loss",
            SHORT[:-1] + b', "mu": [1, 2], "logvar": [1, 2], "loss": "l1"}',
            "application/json",
            True,
        ),
        ("/loss?beta=2", SHORT, "application/json", True),
        ("/loss?include=gradients", SHORT, "application/json", False),
        ("/loss", DECK, NPZ, True),
        ("/loss", npz(compressed=True, **FEW), NPZ, True),
        ("/loss", npz(**FEW, mu=np.asfortranarray(X[:3]), logvar=X[:3], sample_weight=[True, False, True]), NPZ, True),
        ("/loss", npz(x=X, y=Y), NPZ, False),
        ("/loss", inflating(BRIEF_BYTES), NPZ, True),
        ("/loss", inflating(BRIEF_BYTES + 2), NPZ, False),
        ("/loss", inflating(2**20), NPZ, False),
        ("/loss", padded(BRIEF_BYTES), TENSORS, True),
        ("/loss", padded(BRIEF_BYTES + 1), TENSORS, False),
        ("/loss", safetensors_of(b"{" + HALVES[:-1] + b"}", bytes(8)), TENSORS, True),
        ("/loss?loss=huber&delta=0.5&beta=2", DECK, NPZ, True),
        ("/loss?beta=" + "0" * 122 + "2", DECK, NPZ, True),
        ("/loss?beta=" + "0" * 123 + "2", DECK, NPZ, False),
        ("/loss?beta=2" + "&" * 7, DECK, NPZ, True),
        ("/loss?beta=2" + "&" * 8, DECK, NPZ, False),
        ("/loss?include=gradients", DECK, NPZ, False),
        ("/loss?%69nclude=gradients", DECK, NPZ, False),
        ("/loss?include=", DECK, NPZ, False),
        ("/loss", form(("x", npy(X[:3])), ("y", npy(X[:3]))), FORM, False),
        ("/loss/identify", SHORT[:-1] + b', "observed": 2}', "application/json", False),
        ("/loss/identify?observed=2", DECK, NPZ, False),
    ],
)
def test_only_brief_bodies_are_answered_in_the_event_loop(  # noqa: PLR0913 - a row
    client: InProcess, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, content_type: str, *, brief: bool
) -> None:
    threads = []

    def loaded(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the core's takes
        threads.append(threading.current_thread())
        return Batch.of(*arguments, **named)

    for module in (loss, identify):
        monkeypatch.setattr(module, "Batch", type("Batch", (), {"of": loaded}))
    assert client.request("POST", path, content=body, headers={"content-type": content_type}).status_code == 200
    assert [thread is threading.current_thread() for thread in threads] == [brief]


BRIEF: dict[str, tuple[str, bytes]] = {
    "json": ("application/json", SHORT),
    "npz": (NPZ, DECK),
    "deflated npz": (NPZ, npz(compressed=True, **FEW)),
    "safetensors": (TENSORS, safetensors(**FEW)),
    "BF16": (TENSORS, safetensors_of(b"{" + HALVES[:-1] + b"}", bytes(range(60, 68)))),
    "damaged": (NPZ, DECK.replace(X[:1].tobytes()[:8], bytes(8))),
    "truncated": (NPZ, DECK[:-1]),
    "NaN": (NPZ, npz(compressed=True, x=X[:3] * np.nan, y=X[:3])),
    "another shape": (TENSORS, safetensors(x=X[:3], y=X[:2])),
}


@pytest.mark.parametrize("accept", ["application/json", NPZ])
@pytest.mark.parametrize("query", ["", "?loss=mae&beta=0.5", "?loss=mea", "?bet=1"])
@pytest.mark.parametrize(("media_type", "body"), BRIEF.values(), ids=BRIEF)
def test_a_brief_body_is_answered_like_any_other(  # noqa: PLR0913 - a row
    client: InProcess, spooling: InProcess, media_type: str, body: bytes, *, query: str, accept: str
) -> None:
    def asked(which: InProcess) -> tuple[int, str, object]:
        headers = {"content-type": media_type, "accept": accept}
        found = which.request("POST", "/loss" + query, content=body, headers=headers)
        said = {**found.json(), "instance": ""} if found.status_code != 200 else found.content
        return found.status_code, found.headers["content-type"], said

    assert asked(client) == asked(spooling)


def test_a_bomb_is_refused_in_the_event_loop_as_anywhere_else(client: InProcess, spooling: InProcess) -> None:
    bomb = npz(compressed=True, x=np.zeros(10_000_000, np.uint8))
    assert len(bomb) < BRIEF_BYTES
    for which in (client, spooling):
        assert "100 times" in assert_problem(which.raw(bomb, content_type=NPZ), "body-too-large")["detail"]


def test_a_body_of_many_strings_is_not_brief(client: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def dressed(*_: Any, **__: Any) -> Any:  # noqa: ANN401 - never mind what it would take
        threads.append(threading.current_thread())
        raise RefusedError(INVALID_REQUEST.example)

    monkeypatch.setattr(Options, "of", dressed)
    assert client.raw(b'{"x": [1], "y": [1], "loss": [%b]}' % b",".join([b'"a"'] * 20)).status_code == 400
    assert client.raw(b'{"x": [1], "y": [1], "loss": "a"}').status_code == 400
    assert [thread is threading.current_thread() for thread in threads] == [False, True]


def test_a_brief_body_waits_for_a_thread_where_all_are_busy() -> None:
    async def test() -> None:
        app, go = an_app(computing_threads=1), threading.Event()
        busy = asyncio.create_task(app.state.capacity.run(lambda _: go.wait(20), anyio.sleep_forever))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            brief = asyncio.create_task(client.post("/loss", json={"x": [1], "y": [2]}))
            while not app.state.capacity.waiting_count:  # noqa: ASYNC110 - what is waited for happens in the service
                await asyncio.sleep(0.002)
            go.set()
            assert (await brief).status_code == 200
        await busy

    asyncio.run(test())

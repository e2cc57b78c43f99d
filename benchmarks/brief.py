"""How long the answer to a brief body takes at most: the worst of them, good and bad, as far as anybody has thought.

``python -m benchmarks.brief`` prints the slowest ``--most`` of them, the best of ``--rounds`` calls each, in
milliseconds, with what came of it. Nothing else is served while one of them is answered; see `app.api.brief`.
"""

import argparse
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from starlette.datastructures import Headers

from app.api.brief import BRIEF_BYTES, BriefScratch, LongError, is_brief
from app.api.loss import answer
from app.api.negotiation import accepted, received
from app.formats.errors import DecodeError
from app.formats.json import MEDIA_TYPE as JSON
from app.formats.npz import MEDIA_TYPE as NPZ
from app.formats.safetensors import MEDIA_TYPE as SAFETENSORS
from app.losses import LOSSES, LossInputError
from tests.formats.files import npy, npz, safetensors, safetensors_of, zipped

__all__ = ["Ask", "asked", "seconds"]

_ARRAYS: Final = ("x", "y", "mu", "logvar", "sample_weight")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: what it is, its body, in which format, the options of its query, and the format of the answer."""

    name: str
    media_type: str
    body: bytes
    query: str = ""
    accept: str = JSON


def asked() -> Iterator[Ask]:
    """Give the worst requests."""
    for loss in LOSSES:
        yield from _good(loss)
    yield from _bad_json()
    yield from _bad_archives()
    yield from _bad_tensors()
    batch = npz(x=np.ones(3), y=np.ones(3))
    for name, query in (
        ("unknown options", "&".join(f"logva{place}=" for place in range(8))),
        ("a list", "loss=" + "a," * 60),
        ("a long name", "loss=" + "a" * 120),
    ):
        yield Ask(f"query, {name}", NPZ, batch, query)


def _good(loss: str) -> Iterator[Ask]:
    """Give as many numbers as there is room for, of several kinds, without latents and with them."""
    noise = np.random.default_rng(0).random(BRIEF_BYTES)
    kinds: dict[str, Any] = {
        "ones": np.ones(BRIEF_BYTES, np.uint8),
        "bytes": (1 + 254 * noise).astype(np.uint8),
        "halves": noise.astype(np.float16),
        "doubles": noise,
        "subnormal": noise * 1e-308,
    }
    for kind, numbers in kinds.items():
        for names in (_ARRAYS[:2], _ARRAYS[:4], _ARRAYS):
            name = f"{loss}, {kind}, {len(names)} arrays"
            room = (BRIEF_BYTES - 330 * len(names)) // len(names)
            part = numbers[: room // numbers.itemsize]
            tensors = dict.fromkeys(names, part)
            query = f"loss={loss}"
            yield Ask(f"npz, {name}", NPZ, npz(**tensors), query)
            yield Ask(f"npz to npz, {name}", NPZ, npz(**tensors), query, NPZ)
            yield Ask(f"deflated, {name}", NPZ, npz(compressed=True, **tensors), query)
            yield Ask(f"safetensors, {name}", SAFETENSORS, safetensors(**tensors), query)
            texts = [repr(number) for number in part.tolist()]
            text = ",".join(texts)[:room].rpartition(",")[0]
            rows = ",".join(f'"{array}":[{text}]' for array in names)
            yield Ask(f"json, {name}", JSON, f'{{"loss":"{loss}",{rows}}}'.encode())


def _bad_json() -> Iterator[Ask]:
    """Give documents that have as much wrong with them as there is room for."""
    for item in ("{}", "[]", "true", "1,[1]", "1e999", "[[1]]", "null"):
        text = ",".join([item] * ((BRIEF_BYTES - 20) // (len(item) + 1)))
        yield Ask(f"json, {item}", JSON, f'{{"x":[{text}],"y":[1]}}'.encode())
    yield Ask("json, deep", JSON, b'{"x":' + b"[" * 8000 + b"1" + b"]" * 8000 + b"}")


def _bad_archives() -> Iterator[Ask]:
    """Give archives in which something is there as often as it can be."""
    nothing = np.full(1900, np.nan, np.float16)
    wide = np.empty((2**40, 0), np.uint8)
    header = b"\x93NUMPY\1\0" + struct.pack("<H", 10_000)
    shape = (b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"1, " * 3300 + b")}").ljust(10_000)
    extras = struct.pack("<2H", 7, 0) * 3500
    archive = zipped({"x.npy": npy([1.0])})
    central, end = archive.index(b"PK\1\2"), archive.index(b"PK\5\6")
    local = archive[:28] + struct.pack("<H", len(extras)) + archive[30:35] + extras + archive[35:central]
    local = local[:18] + b"\xff" * 8 + local[26:]
    yield from (
        Ask(f"npz, {name}", NPZ, body)
        for name, body in (
            ("nothing but NaN", npz(x=nothing, y=nothing, mu=nothing, logvar=nothing)),
            ("empty axes", npz(x=wide, y=wide)),
            ("names", zipped({f"logva{place}.npy": b"" for place in range(8)})),
            ("long names", zipped({chr(97 + place) * 900 + ".npy": b"" for place in range(8)})),
            ("a long shape", zipped({"x.npy": header + shape})),
            ("many axes", npz(x=np.ones((1,) * 31 + (7000,), np.uint8), y=np.ones((1,) * 31 + (7000,), np.uint8))),
            ("extra fields", local + archive[central:end] + archive[end:-6] + struct.pack("<LH", len(local), 0)),
            ("empty blocks", _of_blocks(npy(np.ones(3900, np.uint8)))),
        )
    )


def _bad_tensors() -> Iterator[Ask]:
    """Give headers in which something is there as often as it can be."""
    row = b'{"x":{"dtype":"U8","shape":[%b],"data_offsets":[0,1]}}'
    yield from (
        Ask(f"safetensors, {name}", SAFETENSORS, safetensors_of(header, b"1"))
        for name, header in (
            ("a name many times", b"{" + b",".join([b'"x":0'] * 2700) + b"}"),
            ("names", b"{" + b",".join(b'"logva%d":0' % place for place in range(8)) + b"}"),
            ("long names", b"{" + b",".join(b'"%b":0' % (bytes([97 + place]) * 2000) for place in range(8)) + b"}"),
            ("metadata", b'{"__metadata__":{' + b",".join(b'"%d":""' % place for place in range(1500)) + b"}}"),
            ("a long shape", row % b",".join([b"1"] * 8000)),
            ("long integers", row % b",".join([b"9" * 3990] * 4)),
            ("lists in lists", row % (b"[" * 900 + b"]" * 900)),
        )
    )


def _bits(*fields: tuple[int, int]) -> tuple[int, int]:
    """Put numbers of so many bits behind one another, as a deflated stream does."""
    value = length = 0
    for number, width in fields:
        value, length = value | number << length, length + width
    return value, length


_BLOCK: Final = _bits(
    *((0, 1), (2, 2), (0, 5), (0, 5), (14, 4)),  # not the last; with tables of its own; for 257, 1, 18 of their lengths
    *((length, 3) for length in (0, 0, 1, 2, *[0] * 13, 2)),  # of 18, 0 and 1
    *((0, 1), (127, 7), (0, 1), (106, 7), (3, 2), (3, 2), (3, 2)),  # 255 codes that are not there, and three of one bit
    (1, 1),  # the end of the block
)
_EMPTY_BLOCKS: Final = 1250


def _of_blocks(content: bytes) -> bytes:
    """Write an archive of four arrays, each deflated behind blocks that hold nothing and cost a table each."""
    blocks, length = _bits(*[_BLOCK] * (_EMPTY_BLOCKS // 4), (0, 1), (0, 2))  # the last is stored, from a whole byte on
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = blocks.to_bytes(-(-length // 8), "little") + b"\0\0\xff\xff" + stream.compress(content) + stream.flush()
    sizes = struct.pack("<3L", zlib.crc32(content), len(packed), len(content))
    body = rows = b""
    for name in _ARRAYS[:4]:
        of_name = struct.pack("<H", len(name) + len(".npy"))
        rows += b"PK\1\2" + struct.pack("<6H", 20, 20, 0, 8, 0, 0) + sizes + of_name
        rows += struct.pack("<4H2L", 0, 0, 0, 0, 0, len(body)) + f"{name}.npy".encode()
        body += (
            b"PK\3\4" + struct.pack("<5H", 20, 0, 8, 0, 0) + sizes + of_name + b"\0\0" + f"{name}.npy".encode() + packed
        )
    return body + rows + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 4, 4, len(rows), len(body), 0)


def seconds(ask: Ask, rounds: int) -> tuple[float, str]:
    """Measure the fastest of some answers, and tell what came of it.

    Raises
    ------
    ValueError
        It is no brief request.
    """
    if not is_brief(ask.body, ask.media_type, ask.query):
        raise ValueError(f"{ask.name} is not brief")
    source = received(Headers({"content-type": ask.media_type}), ask.query)
    target = accepted(Headers({"accept": ask.accept}))
    best, outcome = float("inf"), "answered"
    for _ in range(rounds):
        begun = time.perf_counter()
        try:
            answer(ask.body, source, target, scratch=BriefScratch())
        except (DecodeError, LossInputError, LongError) as error:
            outcome = type(error).__name__
        best = min(best, time.perf_counter() - begun)
    return best, outcome


def main() -> None:
    """Measure all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.brief", description=__doc__)
    parser.add_argument("--most", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    found = sorted(((*seconds(ask, options.rounds), ask) for ask in asked()), key=lambda row: -row[0])
    for best, outcome, ask in found[: options.most]:
        sys.stdout.write(f"{1000 * best:6.2f} ms  {outcome:14}  {len(ask.body):5} bytes  {ask.name}\n")


if __name__ == "__main__":
    main()

"""No body is larger than the limit, as it arrives or inflated, and a refusal leaves the connection usable or closed."""

import asyncio
import gzip
import json
import os
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from app.deflate import FASTEST, Inflating, Library
from app.gates import BodyLimit, Inflation, Journal
from app.gates.intake import INFLATED_BYTES, MOST_MEMBERS, PIECE_BYTES
from tests.gates.asgi import App, Connection, Message, Receive, Send, echo, silent
from tests.libraries import EITHER

LIMIT = 1000
SETTING = "LOSSGRID_MAX_JSON_BYTES"


def limited(app: App) -> App:
    return BodyLimit(Journal(app), bytes=LIMIT, setting=SETTING)


def inflating(app: App, library: Library = FASTEST, *, arriving: int = LIMIT) -> App:
    gate = Inflation(app, bytes=LIMIT, setting=SETTING, library=library)
    return BodyLimit(Journal(gate), bytes=arriving, setting=SETTING)


def is_refused(connection: Connection, slug: str, status: int) -> str:
    """Check that the answer is a problem of this kind, and give its detail."""
    document = json.loads(connection.body)
    assert connection.status == status
    assert connection.answered["content-type"] == "application/problem+json"
    assert int(connection.answered["content-length"]) == len(connection.body)
    assert document["type"] == f"/problems/{slug}"
    assert connection.complete
    detail: str = document["detail"]
    return detail


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gates.intake.LINGER_SECONDS", 0.05)


def test_a_body_at_the_limit_passes() -> None:
    found = Connection([b"x" * LIMIT], {"content-length": str(LIMIT)}).through(limited(echo))
    assert found.body == b"x" * LIMIT
    assert "connection" not in found.answered


def test_a_body_in_pieces_passes() -> None:
    found = Connection([b"a", b"", b"b", b"c"], {"transfer-encoding": "chunked"}).through(limited(echo))
    assert found.body == b"abc"
    assert "connection" not in found.answered


def test_a_declared_body_over_the_limit_is_refused_before_it_is_read() -> None:
    found = Connection([b"x" * LIMIT, b"x"], {"content-length": str(LIMIT + 1)}).through(limited(echo))
    detail = is_refused(found, "body-too-large", 413)
    assert str(LIMIT) in detail
    assert SETTING in detail
    assert found.answered["connection"] == "close"


def test_a_body_of_unknown_length_is_refused_when_it_passes_the_limit() -> None:
    pieces = [b"x" * 600] * 3
    found = Connection(pieces, {"transfer-encoding": "chunked"}).through(limited(echo))
    is_refused(found, "body-too-large", 413)
    assert found.answered["connection"] == "close"


def test_a_refused_client_is_heard_out_before_the_connection_is_closed() -> None:
    found = Connection([b"x" * 600] * 10, {"transfer-encoding": "chunked"}).through(limited(echo))
    assert found.received == 10


def test_a_refused_client_that_falls_silent_does_not_hold_the_connection() -> None:
    found = Connection([], {"content-length": "5000"}).through(limited(echo))
    is_refused(found, "body-too-large", 413)


@pytest.mark.parametrize("length", ["9" * 19, "9" * 20, "9" * 5000, "-1", "1e3", "1,1"])
def test_a_strange_length_is_no_failure(length: str) -> None:
    found = Connection([b"x" * LIMIT, b"x"], {"content-length": length}).through(limited(echo))
    is_refused(found, "body-too-large", 413)


def test_an_unread_body_of_known_length_leaves_the_connection_open() -> None:
    found = Connection([b"x"], {"content-length": "1"}).through(limited(silent))
    assert found.body == b"unread"
    assert "connection" not in found.answered


def test_an_unread_body_of_unknown_length_closes_the_connection() -> None:
    found = Connection([b"x", b"y"], {"transfer-encoding": "chunked"}).through(limited(silent))
    assert found.body == b"unread"
    assert found.answered["connection"] == "close"


def test_a_request_without_a_body_leaves_the_connection_open() -> None:
    found = Connection([b""], method="GET").through(limited(silent))
    assert "connection" not in found.answered


def test_an_answer_that_has_begun_is_not_followed_by_another() -> None:
    async def hasty(scope: Message, receive: Receive, send: Send) -> None:
        await silent(scope, receive, send, b"")
        await receive()

    connection = Connection([b"x"], {"content-length": "5000"})
    with pytest.raises(Exception, match="body-too-large"):
        connection.through(limited(hasty))
    assert connection.status == 200


def test_what_is_not_http_passes() -> None:
    seen = []

    async def app(scope: Message, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    async def serve() -> None:
        await inflating(app)({"type": "lifespan"}, receive, send)

    asyncio.run(serve())
    assert seen == ["lifespan"]


def zipped(*pieces: bytes, coding: str = "gzip", leaves: bool = False) -> Connection:
    return Connection(pieces, {"content-encoding": coding, "transfer-encoding": "chunked"}, leaves=leaves)


@EITHER
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity, gzip", "gzip,"])
def test_gzip_is_inflated(library: Library, coding: str) -> None:
    assert zipped(gzip.compress(b"hello"), coding=coding).through(inflating(echo, library)).body == b"hello"


@pytest.mark.parametrize("coding", ["", "identity", "identity, Identity"])
def test_what_is_not_compressed_is_left_alone(coding: str) -> None:
    assert zipped(b"hello", coding=coding).through(inflating(echo)).body == b"hello"


@EITHER
def test_gzip_may_arrive_byte_by_byte(library: Library) -> None:
    body = gzip.compress(bytes(range(256)))
    pieces = [bytes([byte]) for byte in body]
    assert zipped(*pieces).through(inflating(echo, library)).body == bytes(range(256))


@EITHER
def test_members_one_after_the_other_are_one_body(library: Library) -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert zipped(body[:30], body[30:]).through(inflating(echo, library)).body == b"one two"


@EITHER
def test_an_inflated_body_at_the_limit_passes(library: Library) -> None:
    assert zipped(gzip.compress(b"x" * LIMIT)).through(inflating(echo, library)).body == b"x" * LIMIT


@EITHER
@pytest.mark.parametrize("size", [LIMIT + 1, 10_000_000])
def test_a_bomb_is_refused(library: Library, size: int) -> None:
    gate = inflating(echo, library, arriving=10**6)
    detail = is_refused(zipped(gzip.compress(b"0" * size)).through(gate), "body-too-large", 413)
    assert "inflates" in detail
    assert SETTING in detail


@EITHER
def test_a_bomb_is_never_inflated_whole(library: Library) -> None:
    bomb = zipped(gzip.compress(bytes(20_000_000)))
    gate = inflating(echo, library, arriving=10**6)
    tracemalloc.start()
    bomb.through(gate)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    is_refused(bomb, "body-too-large", 413)
    assert peak < 2_000_000


@EITHER
def test_the_limit_holds_over_all_pieces_and_members(library: Library) -> None:
    gate = inflating(echo, library, arriving=10**7)
    rows = [gzip.compress(os.urandom(PIECE_BYTES)) for _ in range(2)]
    is_refused(zipped(*rows).through(gate), "body-too-large", 413)


@EITHER
def test_a_large_stream_passes_in_pieces(library: Library) -> None:
    gate = Inflation(echo, bytes=10**7, setting=SETTING, library=library)
    body = os.urandom(3 * PIECE_BYTES)
    stream = gzip.compress(body)
    pieces = [stream[start : start + 10_000] for start in range(0, len(stream), 10_000)]
    assert zipped(*pieces).through(gate).body == body


@EITHER
def test_a_large_body_comes_out_in_pieces_of_a_bounded_size(library: Library) -> None:
    sizes = []

    async def measuring(scope: Message, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await silent(scope, receive, send, b"read")

    body = bytes(5 * INFLATED_BYTES + 7) + os.urandom(1000)
    stream = gzip.compress(body[:-2000]) + gzip.compress(body[-2000:])
    assert len(stream) < PIECE_BYTES
    found = zipped(stream).through(Inflation(measuring, bytes=10**8, setting=SETTING, library=library))
    assert found.body == b"read"
    assert sum(sizes) == len(body)
    assert max(sizes) <= INFLATED_BYTES
    assert len(sizes) < 10


@EITHER
@pytest.mark.parametrize("size", [INFLATED_BYTES - 1, INFLATED_BYTES, INFLATED_BYTES + 1, 3 * INFLATED_BYTES])
def test_nothing_is_lost_between_pieces(library: Library, size: int) -> None:
    body = os.urandom(500) * (size // 500 + 1)
    stream = gzip.compress(body[:size])
    for pieces in ([stream], [stream[:-9], stream[-9:]]):
        found = zipped(*pieces).through(Inflation(echo, bytes=size, setting=SETTING, library=library))
        assert found.body == body[:size]
    refused = zipped(stream).through(Journal(Inflation(echo, bytes=size - 1, setting=SETTING, library=library)))
    assert refused.status == 413


@EITHER
def test_beyond_a_size_a_body_is_not_inflated_from_next_to_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.gates.intake.FREE_BYTES", 100_000)
    gate = Journal(Inflation(echo, bytes=10**8, setting=SETTING, library=library))
    assert zipped(gzip.compress(bytes(100_000))).through(gate).body == bytes(100_000)
    detail = is_refused(zipped(gzip.compress(bytes(100_001))).through(gate), "body-too-large", 413)
    assert "100 times" in detail
    named = Journal(Inflation(echo, bytes=10**8, setting=SETTING, library=library, expansion=7))
    detail = is_refused(zipped(gzip.compress(bytes(100_001))).through(named), "body-too-large", 413)
    assert "7 times" in detail
    assert "(LOSSGRID_MAX_EXPANSION)" in detail
    noise = os.urandom(5000)
    assert len(zipped(gzip.compress(noise + bytes(400_000))).through(gate).body) == 405_000


def broken_streams() -> Iterator[tuple[str, bytes]]:
    whole = gzip.compress(b"hello")
    yield "plain", b"hello"
    yield "empty", b""
    yield "zlib", zlib.compress(b"hello")
    yield "truncated", whole[:-1]
    yield "header only", whole[:10]
    yield "checksum", whole[:-8] + b"\x00" * 4 + whole[-4:]
    yield "reserved flag", bytes.fromhex("1f8b0880000000000203") + gzip.compress(b"")[10:]  # whole for ISA-L
    yield "trailing zero", whole + b"\x00"
    yield "trailing text", whole + b"x" * 20
    yield "second truncated", whole + whole[:-1]
    yield "members", gzip.compress(b"") * (MOST_MEMBERS + 1)


@EITHER
@pytest.mark.parametrize("stream", [pytest.param(body, id=name) for name, body in broken_streams()])
def test_a_broken_stream_is_refused(library: Library, stream: bytes) -> None:
    gate = inflating(echo, library, arriving=10**6)
    is_refused(zipped(stream).through(gate), "malformed-body", 400)


def test_memory_that_ends_while_a_stream_is_inflated_is_a_refusal() -> None:
    class Full:
        """A library that has no room."""

        error = zlib.error
        crc32 = staticmethod(zlib.crc32)

        def decompressobj(self, wbits: int) -> Inflating:
            raise MemoryError(wbits)

    found = zipped(gzip.compress(b"hello")).through(inflating(echo, Full()))
    is_refused(found, "out-of-memory", 503)


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "*", "\u00ff"])
def test_another_coding_is_refused_with_the_one_that_is_taken(coding: str) -> None:
    found = zipped(b"hello", coding=coding).through(inflating(echo))
    is_refused(found, "unsupported-content-encoding", 415)
    assert found.answered["accept-encoding"] == "gzip"


def test_a_coding_without_a_reader_does_not_matter() -> None:
    assert zipped(b"hello", coding="br").through(inflating(silent)).body == b"unread"


@EITHER
def test_a_client_that_leaves_while_it_sends_is_reported_to_the_application(library: Library) -> None:
    assert zipped(gzip.compress(b"hello")[:10], leaves=True).through(inflating(echo, library)).body == b"(gone)"


@EITHER
def test_after_the_end_of_a_body_the_application_hears_the_connection(library: Library) -> None:
    async def patient(scope: Message, receive: Receive, send: Send) -> None:
        first = await receive()
        second = await receive()
        await silent(scope, receive, send, first["body"] + second["type"].encode())

    connection = Connection([gzip.compress(b"hello")], {"content-encoding": "gzip"}, leaves_after=True)
    connection.through(Inflation(patient, bytes=LIMIT, setting=SETTING, library=library))
    assert connection.body == b"hellohttp.disconnect"

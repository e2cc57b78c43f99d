"""Bodies that go straight to their place, over real sockets: whole, in order, and never in the place of another."""

import gc
import os
import select
import socket
import time
import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

from app.gates.asgi import App, Receive, Scope, Send, declared_length
from app.gates.landing import landing_of
from app.main import create_app
from app.protocol import StrictProtocol
from app.settings import Settings
from tests.e2e.test_connections import HEAD, limits
from tests.e2e.test_protocol import BATCH, CHUNKED, HEALTH, answers, assert_refused, serving, statuses, talk

BODY = os.urandom(300_000)


def post(body: bytes, *more: bytes) -> bytes:
    """Write the head of a request with a body."""
    return HEAD + b"".join(more) + b"Content-Length: %d\r\n\r\n" % len(body)


def split(body: bytes, *cuts: int) -> list[bytes]:
    """Cut a body into pieces."""
    return [body[start:stop] for start, stop in zip((0, *cuts), (*cuts, len(body)), strict=True)]


async def reply(send: Send, body: bytes) -> None:
    """Answer with a body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, which lies in a place of our own and came in pieces that are views of it."""
    place, arrived, more = bytearray(declared_length(scope) or 0), 0, True
    land = landing_of(scope)
    assert land is not None
    landed = land(memoryview(place))
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        piece, more = message["body"], message["more_body"]
        if landed:
            assert piece == memoryview(place)[arrived : arrived + len(piece)]
        else:
            place[arrived : arrived + len(piece)] = piece
        arrived += len(piece)
    await reply(send, bytes(place))


@pytest.mark.parametrize("cuts", [(), (1,), (65_536,), (150_000, 299_999), tuple(range(1000, 300_000, 30_000))])
def test_a_body_is_whole_however_it_comes(cuts: tuple[int, ...]) -> None:
    with serving(echo, limits()) as port:
        pieces = split(BODY, *cuts)
        found, _ = talk(port, post(BODY) + pieces[0], *pieces[1:], post(BODY) + BODY, pause=0.03)
    assert [body for _, _, body in found] == [BODY, BODY]


def test_a_client_that_waits_to_be_asked_is_asked() -> None:
    with serving(echo, limits()) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(post(BODY, b"Expect: 100-continue\r\n", b"Connection: close\r\n"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        ((_, _, body),) = answers(b"".join(iter(lambda: connection.recv(65536), b"")))
    assert body == BODY


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_bodies_and_other_requests_follow_each_other(*, at_once: bool) -> None:
    other = BODY[::-1]
    requests = [post(BODY) + BODY, HEALTH, post(other) + other, post(b"") + HEALTH, post(BATCH) + BATCH]
    with serving(echo, limits()) as port:
        found, _ = talk(port, *([b"".join(requests)] if at_once else requests))
    assert [body for _, _, body in found] == [BODY, b"", other, b"", b"", BATCH]


def test_a_body_in_chunks_has_no_length_to_land_by() -> None:
    taken: list[bool] = []

    async def try_to_land(scope: Scope, receive: Receive, send: Send) -> None:
        land = landing_of(scope)
        assert land is not None
        taken.extend(land(memoryview(bytearray(count))) for count in (5, 0))
        await reply(send, (await receive())["body"])

    with serving(try_to_land, limits()) as port:
        found, _ = talk(port, CHUNKED, b"5\r\nhello\r\n0\r\n\r\n" + post(b"hello") + b"hello", pause=0.2)
    assert [body for _, _, body in found] == [b"hello", b"hello"]
    assert taken == [False] * 4


@pytest.mark.parametrize("fault", ["length", "late", "twice", "another"])
def test_who_names_a_place_wrongly_has_the_body_as_ever(fault: str) -> None:
    taken: list[bool] = []
    offers = []

    async def fumble(scope: Scope, receive: Receive, send: Send) -> None:
        land = landing_of(scope)
        assert land is not None
        offers.append(land)
        read, more = b"", True
        place = memoryview(bytearray(len(BODY)))
        if fault == "late":
            message = await receive()
            read, more = message["body"], message["more_body"]
        elif fault == "twice":
            assert land(place)
        taken.append(offers[0](place[1:] if fault == "length" else place))
        while more:
            message = await receive()
            read, more = read + message["body"], message["more_body"]
        await reply(send, read)

    with serving(fumble, limits()) as port:
        first, rest = BODY[:1000], BODY[1000:]
        before = [post(BATCH) + BATCH] if fault == "another" else []  # whose offer is taken up again
        found, _ = talk(port, *before, post(BODY) + first, rest)
    assert {*taken} == {False}
    assert found[-1][2] == BODY


def hasty(wanted: int, places: list[weakref.ref[NDArray[np.uint8]]] | None = None) -> App:
    """Make an application that answers when it has some of the body, and leaves word of the places that it named."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        land = landing_of(scope)
        length = declared_length(scope)
        if length:
            assert land is not None
            place = np.zeros(length, np.uint8)
            assert land(place.data)
            if places is not None:
                places.append(weakref.ref(place))
        arrived = 0
        while length and arrived < wanted:
            arrived += len((await receive())["body"])
        await reply(send, b"%d" % (arrived >= wanted))

    return answer


def test_the_rest_of_a_body_that_nobody_wants_any_more_is_thrown_away() -> None:
    with serving(hasty(1000), limits()) as port:
        found, _ = talk(port, post(BODY) + BODY[:1000], BODY[1000:200_000], BODY[200_000:] + HEALTH, HEALTH)
    assert [body for _, _, body in found] == [b"1", b"0", b"0"]


def test_a_body_that_nobody_wants_at_all_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    on_body = StrictProtocol.on_body

    def count(self: StrictProtocol, body: bytes) -> None:
        parsed.append(len(body))
        on_body(self, body)

    monkeypatch.setattr(StrictProtocol, "on_body", count)

    async def decline(_scope: Scope, _receive: Receive, send: Send) -> None:
        await reply(send, b"no")

    with serving(decline, limits()) as port:
        found, _ = talk(port, post(BODY) + BODY[:1000], BODY[1000:200_000], BODY[200_000:] + post(BATCH) + BATCH)
    assert [body for _, _, body in found] == [b"no", b"no"]
    assert sum(parsed) == 1000 + len(BATCH)


@pytest.mark.parametrize("sent", [1000, len(BODY)], ids=["some of the body", "all of it"])
def test_a_place_is_let_go_with_the_answer(sent: int) -> None:
    places: list[weakref.ref[NDArray[np.uint8]]] = []
    gc.disable()  # so that nothing in a circle of references goes
    try:
        with (
            serving(hasty(sent, places), limits()) as port,
            socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        ):
            connection.sendall(post(BODY) + BODY[:sent])
            assert connection.recv(1000).endswith(b"1")
            time.sleep(0.1)
            assert places[0]() is None
    finally:
        gc.enable()


def test_a_rest_that_does_not_come_holds_no_connection() -> None:
    with serving(hasty(1000), limits(head_seconds=0.5)) as port:
        found, seconds = talk(port, post(BODY) + BODY[:1000], BODY[1000:200_000])
    assert statuses(found) == [200]
    assert 0.4 < seconds < 5


def test_a_client_that_leaves_is_noticed() -> None:
    seen: list[str] = []

    async def listen(scope: Scope, receive: Receive, _send: Send) -> None:
        land = landing_of(scope)
        assert land is not None
        land(memoryview(bytearray(len(BODY))))
        while not seen or seen[-1] != "http.disconnect":
            seen.append((await receive())["type"])

    with serving(listen, limits()) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(post(BODY) + BODY[:100_000])
            time.sleep(0.1)
        time.sleep(0.2)
    assert seen[-1] == "http.disconnect"


def test_a_body_on_its_way_to_its_place_may_not_be_too_slow_either() -> None:
    with (
        serving(
            create_app(Settings(allowed_hosts="*")), limits(upload_grace_seconds=0.3, upload_bytes_per_second=1e7)
        ) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(post(BODY))
        for piece in split(BODY, *range(1000, 100_000, 1000)):
            if select.select([connection], [], [], 0.05)[0]:
                break
            connection.sendall(piece)
        (answer,) = answers(b"".join(iter(lambda: connection.recv(65536), b"")))
    detail = assert_refused(answer, 408, "request-timeout")
    assert detail.endswith("(LOSSGRID_MIN_UPLOAD_BYTES_PER_SECOND, LOSSGRID_UPLOAD_GRACE_SECONDS).")


def test_nor_may_it_stall() -> None:
    with serving(create_app(Settings(allowed_hosts="*", silence_seconds=1)), limits()) as port:
        found, seconds = talk(port, post(BODY) + BODY[:100], BODY[100:200], BODY[200:300], pause=0.6)
    assert "LOSSGRID_SILENCE_SECONDS" in assert_refused(found[0], 408, "request-timeout")
    assert seconds > 2


def test_a_body_that_goes_on_is_not_taken_for_silent() -> None:
    body = BATCH.ljust(70_000)
    with serving(create_app(Settings(allowed_hosts="*", silence_seconds=1)), limits()) as port:
        found, seconds = talk(port, post(body), *split(body, *range(2_000, 70_000, 4_000)), pause=0.12)
    assert statuses(found) == [200]
    assert seconds > 2


def test_two_bodies_at_the_same_time_do_not_mix() -> None:
    other = BODY[::-1]
    with (
        serving(echo, limits()) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as one,
        socket.create_connection(("127.0.0.1", port), timeout=10) as two,
    ):
        one.sendall(post(BODY, b"Connection: close\r\n"))
        two.sendall(post(other, b"Connection: close\r\n"))
        for start in range(0, len(BODY), 50_000):
            one.sendall(BODY[start : start + 50_000])
            two.sendall(other[start : start + 50_000])
            time.sleep(0.01)
        found = [answers(b"".join(iter(lambda: each.recv(65536), b"")))[0][2] for each in (one, two)]  # noqa: B023
    assert found == [BODY, other]

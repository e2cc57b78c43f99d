"""A page of a listed origin can read why it was refused, also where the application never saw the request."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.e2e.process import Running, running
from tests.e2e.test_connections import crowd
from tests.e2e.test_protocol import BATCH, CHUNKED, LOSS, Answer, assert_refused, talk

LISTED: Final = "https://example.org"
OTHER: Final = "https://example.com"
TIGHT: Final = {
    "head_seconds": 1,
    "max_head_bytes": 1024,
    "max_head_lines": 8,
    "max_chunks": 2,
    "silence_seconds": 1,
    "max_connections": 4,
}
CORS: Final = {"access-control-allow-origin", "access-control-expose-headers", "vary"}


@pytest.fixture(scope="module")
def listing() -> Iterator[Running]:
    """Serve with an origin that is listed."""
    with running(**TIGHT, cors_origins=f"{LISTED}, http://localhost:5173") as found:
        yield found


@pytest.fixture(scope="module")
def usual() -> Iterator[Running]:
    """Serve with none."""
    with running(**TIGHT) as found:
        yield found


def sent(rest: bytes, first: bytes = LOSS) -> Callable[[int, bytes], Answer]:
    """Send a request whose head names an origin early, and give the one answer."""

    def ask(port: int, origin: bytes) -> Answer:
        (answer,), _ = talk(port, first + origin + rest)
        return answer

    return ask


def crowded(port: int, origin: bytes) -> Answer:
    """Send a request while there are as many connections as there may be."""
    with crowd(port, TIGHT["max_connections"]):
        return sent(b"Content-Length: 2\r\n\r\n{}")(port, origin)


REFUSED: Final[dict[str, tuple[Callable[[int, bytes], Answer], int, str]]] = {
    "a head that is not HTTP": (sent(b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400, "invalid-request"),
    "another HTTP": (sent(b"\r\n", LOSS.replace(b"1.1", b"2.0")), 400, "invalid-request"),
    "CONNECT": (sent(b"\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n"), 400, "invalid-request"),
    "half a head": (sent(b"Content-Length: 5\r\n"), 408, "request-timeout"),
    "a large head": (sent(b"X: " + b"y" * 1024 + b"\r\n\r\n"), 431, "head-too-large"),
    "a head that does not end": (sent(b"X: " + b"y" * 2048), 431, "head-too-large"),
    "many lines": (sent(b"X: y\r\n" * 8 + b"\r\n"), 431, "head-too-large"),
    "bad chunks": (sent(b"\r\nxyz\r\n", CHUNKED[:-2]), 400, "invalid-request"),
    "many chunks": (sent(b"\r\n" + b"1\r\n \r\n" * 3, CHUNKED[:-2]), 413, "body-too-large"),
    "a silent body": (sent(b"Content-Length: 5\r\n\r\n"), 408, "request-timeout"),
    "many connections": (crowded, 503, "over-capacity"),
}
"""What is refused below the application, or by it on behalf of the reader of requests."""
each_refusal = pytest.mark.parametrize(("ask", "status", "slug"), REFUSED.values(), ids=REFUSED)

FEW: Final = {name: REFUSED[name] for name in ("half a head", "a large head", "many connections")}
each_of_few = pytest.mark.parametrize(("ask", "status", "slug"), FEW.values(), ids=FEW)


@each_refusal
def test_a_page_of_a_listed_origin_can_read_why(
    listing: Running, ask: Callable[[int, bytes], Answer], status: int, slug: str
) -> None:
    answer = ask(listing.port, f"Origin: {LISTED}\r\n".encode())
    assert_refused(answer, status, slug)
    headers = answer[1]
    assert headers["access-control-allow-origin"] == LISTED
    assert headers["vary"] == "origin"
    assert {"retry-after", "x-request-id"} <= {*headers["access-control-expose-headers"].split(", ")}


@each_of_few
@pytest.mark.parametrize(
    "origin", [f"Origin: {OTHER}\r\n", f"Origin: {LISTED}\r\n" * 2, ""], ids=["other", "two", "none"]
)
def test_nobody_else_is_told_anything(
    listing: Running, ask: Callable[[int, bytes], Answer], status: int, slug: str, origin: str
) -> None:
    answer = ask(listing.port, origin.encode())
    assert_refused(answer, status, slug)
    assert {name: text for name, text in answer[1].items() if name in CORS} == {"vary": "origin"}


@each_of_few
def test_by_default_nobody_is(usual: Running, ask: Callable[[int, bytes], Answer], status: int, slug: str) -> None:
    answer = ask(usual.port, f"Origin: {LISTED}\r\n".encode())
    assert_refused(answer, status, slug)
    assert not CORS & {*answer[1]}


def test_the_origin_of_the_request_before_is_not_that_of_this_one(listing: Running) -> None:
    before = LOSS + f"Origin: {LISTED}\r\nContent-Length: {len(BATCH)}\r\n\r\n".encode() + BATCH
    (first, second), _ = talk(listing.port, before + b"nonsense\r\n\r\n")
    assert (first[0], first[1]["access-control-allow-origin"]) == (200, LISTED)
    assert_refused(second, 400, "invalid-request")
    assert "access-control-allow-origin" not in second[1]

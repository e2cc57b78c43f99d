"""What no client library would send: raw bytes, at whatever pace, and connections that are dropped."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Wire", "failures", "wires"]

CLOSED_WITHIN: Final = 10.0
"""How many seconds a stalled connection may live."""

ONE: Final = (frozenset({200}),)
BAD: Final = (frozenset({400, 408, 413, 431, 501, 505}),)
NONE: Final = ()

BATCH: Final = b'{"x": [[1, 2]], "y": [[2, 1]]}'


@dataclass(frozen=True, slots=True)
class Wire:
    """What goes over one connection.

    Attributes
    ----------
    name
        What is wrong with it.
    pieces
        What is sent, with `pause` seconds between; HOST stands for the right host.
    answers
        For each answer that has to come, in order, the statuses that it may have. A close without a word is right too
        where `silence` says so.
    pause
        In seconds.
    drops
        Whether the client goes away after the last piece, without reading.
    silence
        Whether the connection may be closed with fewer answers.
    heedless
        Whether all pieces are sent whatever comes back meanwhile.
    """

    name: str
    pieces: tuple[bytes, ...]
    answers: tuple[frozenset[int], ...] = BAD
    pause: float = 0.05
    drops: bool = False
    silence: bool = False
    heedless: bool = False


def _get(*lines: bytes, start: bytes = b"GET /healthz HTTP/1.1", host: bytes = b"Host: HOST") -> bytes:
    return b"\r\n".join([start, *([host] if host else []), *lines, b"", b""])


def _post(*lines: bytes, body: bytes = b"") -> bytes:
    kind = b"Content-Type: application/json"
    return b"\r\n".join([b"POST /loss HTTP/1.1", b"Host: HOST", kind, *lines, b"", body])


_CLOSE: Final = b"Connection: close"
_CHUNKED: Final = b"Transfer-Encoding: chunked"
_LENGTH: Final = b"Content-Length: %d" % len(BATCH)
_SECRET: Final = _get(_CLOSE)
"""A request that is hidden in another: it must not be run."""


def wires() -> Iterator[Wire]:
    """Give them all."""
    yield Wire("good", (_get(_CLOSE),), ONE)
    yield Wire("good, byte by byte", tuple(bytes([byte]) for byte in _get(_CLOSE)), ONE, pause=0.001)
    yield Wire("good, in chunks", (_post(_CHUNKED, _CLOSE, body=_chunks(BATCH)),), ONE)
    yield Wire("good, in chunks of a byte", (_post(_CHUNKED, _CLOSE, body=_chunks(BATCH, 1)),), ONE)
    yield Wire("three at once", (_get() + _post(_LENGTH, body=BATCH) + _get(_CLOSE),), ONE * 3)
    yield Wire("a thousand at once", (_get() * 999 + _get(_CLOSE),), ONE * 1000)
    yield Wire(
        "with 100-continue", (_post(_LENGTH, _CLOSE, b"Expect: 100-continue"), BATCH), ONE, pause=0.3, heedless=True
    )
    yield from _hosts()
    yield from _framing()
    yield from _heads()
    yield from _stalls()
    yield from _drops()


def _chunks(body: bytes, size: int = 7) -> bytes:
    cut = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut) + b"0\r\n\r\n"


def _hosts() -> Iterator[Wire]:
    hosts = {
        "no Host": b"", "an empty Host": b"Host:", "two Hosts": b"Host: HOST\r\nHost: HOST", "a list": b"Host: HOST, b",
        "two different": b"Host: HOST\r\nHost: evil.example", "a path": b"Host: HOST/../x", "a space": b"Host: a b",
        "a user": b"Host: u@HOST", "a control": b"Host: a\x01b", "bytes": b"Host: \xff\xfe", "a bad port": b"Host: a:b",
        "a quote": b'Host: "><script>', "long": b"Host: " + b"a" * 10_000 + b"!@",
    }  # fmt: skip
    for name, host in hosts.items():
        yield Wire(f"host: {name}", (_get(_CLOSE, host=host),))


def _framing() -> Iterator[Wire]:
    hidden = b"0\r\n\r\n" + _SECRET
    rows = {
        "length and chunks": _post(_LENGTH, _CHUNKED, body=hidden),
        "chunks and length": _post(_CHUNKED, b"Content-Length: 5", body=hidden),
        "two lengths": _post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!" + _SECRET),
        "a list of lengths": _post(b"Content-Length: 5, 5", body=b"hello" + _SECRET),
        "a length with a sign": _post(b"Content-Length: +5", body=b"hello" + _SECRET),
        "a negative length": _post(b"Content-Length: -5", body=_SECRET),
        "a length in hex": _post(b"Content-Length: 0x5", body=b"hello" + _SECRET),
        "a length of 2^64": _post(b"Content-Length: 18446744073709551616", body=_SECRET),
        "a length of 100 digits": _post(b"Content-Length: " + b"9" * 100, body=_SECRET),
        "an empty length": _post(b"Content-Length:", body=_SECRET),
        "a length with an underscore": _post(b"Content-Length: 1_0", body=_SECRET),
        "chunked twice": _post(_CHUNKED, _CHUNKED, body=hidden),
        "chunked, identity": _post(b"Transfer-Encoding: chunked, identity", body=hidden),
        "gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked", body=hidden),
        "identity": _post(b"Transfer-Encoding: identity", body=hidden),
        "xchunked": _post(b"Transfer-Encoding: xchunked", body=hidden),
        "chunked after a tab": _post(b"Transfer-Encoding:\tchunked", b"Content-Length: 5", body=hidden),
        "chunked, folded": _post(b"Transfer-Encoding:\r\n chunked", b"Content-Length: 5", body=hidden),
        "chunked before a tab": _post(b"Transfer-Encoding\t: chunked", body=hidden),
        "chunked before a space": _post(b"Transfer-Encoding : chunked", body=hidden),
        "chunked with a quote": _post(b'Transfer-Encoding: "chunked"', body=hidden),
        "chunked with vertical tab": _post(b"Transfer-Encoding: \x0bchunked", b"Content-Length: 5", body=hidden),
        "a bare line feed in a header": b"GET /healthz HTTP/1.1\r\nHost: HOST\nX: y\r\n\r\n",
        "bare line feeds": _get(_CLOSE).replace(b"\r\n", b"\n"),
        "a bare carriage return": b"GET /healthz HTTP/1.1\r\nHost: HOST\rX: y\r\n\r\n",
        "a folded header": _get(b"X: a", b" b"),
        "a header without a colon": _get(b"Xyz"),
        "a header without a name": _get(b": a"),
        "a NUL in a header": _get(b"X: a\0b"),
        "a NUL in a name": _get(b"X\0: a"),
        "a NUL in the target": _get(start=b"GET /\0 HTTP/1.1"),
        "a chunk size that is none": _post(_CHUNKED, body=b"xyz\r\nhello\r\n0\r\n\r\n"),
        "a chunk size with a sign": _post(_CHUNKED, body=b"+5\r\nhello\r\n0\r\n\r\n"),
        "a chunk size in 0x": _post(_CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n"),
        "a chunk size of 2^64": _post(_CHUNKED, body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
        "a chunk size with a space": _post(_CHUNKED, body=b"5 \r\nhello\r\n0\r\n\r\n" + _SECRET),
        "a chunk that is longer": _post(_CHUNKED, body=b"5\r\nhello, you\r\n0\r\n\r\n"),
        "a chunk that is shorter": _post(_CHUNKED, body=b"50\r\nhello\r\n0\r\n\r\n" + _SECRET + b"x" * 99),
        "chunks with line feeds": _post(_CHUNKED, body=b"5\nhello\n0\n\n" + _SECRET),
    }
    for name, request in rows.items():
        yield Wire(f"framing: {name}", (request,), silence=True)
        cut = request.index(b"\n") + 1
        yield Wire(f"framing, in two: {name}", (request[:cut], request[cut:]), silence=True)


def _heads() -> Iterator[Wire]:
    starts = {
        "HTTP/0.9": b"GET /", "HTTP/2.0": b"GET /healthz HTTP/2.0", "HTTP/9.9": b"GET /healthz HTTP/9.9",
        "HTTP/1.10": b"GET /healthz HTTP/1.10", "http/1.1": b"GET /healthz http/1.1", "no target": b"GET HTTP/1.1",
        "a tab": b"GET\t/healthz\tHTTP/1.1", "no method": b" /healthz HTTP/1.1",
        "a method in lower case": b"get /healthz HTTP/1.1", "a method of bytes": b"\xff\xff / HTTP/1.1",
        "a long method": b"A" * 70_000 + b" / HTTP/1.1", "a long target": b"GET /" + b"a" * 70_000 + b" HTTP/1.1",
        "a long query": b"GET /healthz?" + b"a" * 70_000 + b" HTTP/1.1", "CONNECT": b"CONNECT a:443 HTTP/1.1",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM",
        "SSH": b"SSH-2.0-OpenSSH_9.6", "SMTP": b"EHLO example.org", "a Redis command": b"*1\r\n$4\r\nPING", "JNDI": b"${jndi:ldap://a}",
    }  # fmt: skip
    for name, start in starts.items():
        yield Wire(f"head: {name}", (_get(_CLOSE, start=start),), silence=True)
    yield Wire("head: 101 lines", (_get(*[b"X%d: y" % index for index in range(100)]),))
    yield Wire("head: 100,000 lines", (_get(*[b"X: y"] * 100_000),), silence=True)
    yield Wire("head: one line of 100 KB", (_get(b"X: " + b"y" * 100_000),), silence=True)
    yield Wire("head: a name of 100 KB", (_get(b"X" * 100_000 + b": y"),), silence=True)
    two = _get(_CLOSE, start=b"GET  /healthz HTTP/1.1")
    yield Wire("head: two spaces", (two,), (frozenset({200, 400}),))  # a reader may be lenient: nothing is ambiguous
    yield Wire("head: empty lines", (b"\r\n" * 10 + _get(_CLOSE),), ONE)
    for target in (b"/healthz#a", b"/healthz?", b"/healthz?a=b&&", b"/healthz?%zz", b"http://HOST/healthz"):
        yield Wire(f"head: target {target!r}", (_get(_CLOSE, start=b"GET %b HTTP/1.1" % target),), ONE)
    for target in (b"http://evil.example/healthz", b"http://u@HOST/healthz", b"ftp://HOST/healthz"):
        yield Wire(f"head: target {target!r}", (_get(_CLOSE, start=b"GET %b HTTP/1.1" % target),))
    for target in (b"//evil.example/%2e%2e", b"/\\evil.example", b"http://evil.example/nothing", b"/a/../../b", b"*"):
        request = _get(_CLOSE, start=b"GET %b HTTP/1.1" % target)
        yield Wire(f"head: target {target!r}", (request,), (frozenset({400, 404}),))


def _stalls() -> Iterator[Wire]:
    """Clients that stop half-way: they have to be told, or left."""
    some = {
        "nothing": b"", "a byte": b"P", "half a line": b"POST /lo", "a line": b"POST /loss HTTP/1.1\r\n",
        "half a head": _post()[:-2], "a head": _post(_LENGTH), "half a body": _post(_LENGTH, body=BATCH[:9]),
        "a head of chunks": _post(_CHUNKED), "half a chunk": _post(_CHUNKED, body=b"ff\r\nhello"),
        "a chunk": _post(_CHUNKED, body=b"5\r\nhello\r\n"), "half a size": _post(_CHUNKED, body=b"5"),
        "half a trailer": _post(_CHUNKED, body=b"2\r\n{}\r\n0\r\nX: "),
    }  # fmt: skip
    for name, piece in some.items():
        yield Wire(f"stall after {name}", (piece,), (frozenset({400, 408, 422}),), silence=True)
    yield Wire("stall after a part of a body that nobody wants", (_get(_LENGTH) + BATCH[:9],), ONE)
    trickle = tuple(bytes([byte]) for byte in _get()[:-2])
    yield Wire("a head that trickles", trickle, (frozenset({408}),), pause=0.4, silence=True)


def _drops() -> Iterator[Wire]:
    """Clients that go away."""
    whole = _post(_LENGTH, body=BATCH)
    for stop in (0, 1, 20, len(whole) - len(BATCH), len(whole) - 1, len(whole)):
        yield Wire(f"dropped after {stop}", (whole[:stop],), NONE, drops=True)
    large = b'{"x":[%b0],"y":[%b0]}' % (b"0.5," * 200_000, b"0.25," * 200_000)
    request = _post(b"Content-Length: %d" % len(large), body=large)
    for part in (3, 2, 1):
        yield Wire(f"dropped after 1/{part} of a large body", (request[: len(request) // part],), NONE, drops=True)


def failures(url: str) -> list[str]:
    """Send them all side by side, and a good request beside them; say what was wrong."""
    address = urlsplit(url)
    assert address.hostname
    place = (address.hostname, address.port or 80)
    found: list[str] = []
    threads = [threading.Thread(target=_run, args=(wire, place, found)) for wire in wires()]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    beside = Wire("good, beside all others", (_post(_LENGTH, _CLOSE, body=BATCH),), ONE)
    while any(thread.is_alive() for thread in threads):
        asked = time.monotonic()
        _run(beside, place, found)
        if time.monotonic() - asked > 2:
            found.append(f"a good request took {time.monotonic() - asked:.1f} s beside the others")
        time.sleep(0.5)
        assert time.monotonic() - began < 60, "stalled connections are never closed"
    return found


def _run(wire: Wire, place: tuple[str, int], found: list[str]) -> None:
    host = f"{place[0]}:{place[1]}".encode()
    received = b""
    began, took = time.monotonic(), 0.0
    try:
        with socket.create_connection(place, timeout=CLOSED_WITHIN + 5) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in wire.pieces:
                    connection.sendall(piece.replace(b"HOST", host))
                    ears = [] if wire.heedless else [connection]
                    if len(wire.pieces) > 1 and select.select(ears, [], [], wire.pause)[0]:
                        break  # whoever has an answer, or the end, need not go on
                while not wire.drops and (more := connection.recv(65536)):
                    took = took or time.monotonic() - began
                    received += more
            except (BrokenPipeError, ConnectionResetError):
                pass  # closed while bytes were on their way: what has been read counts
    except TimeoutError:
        found.append(f"{wire.name}: neither an answer nor a close in {CLOSED_WITHIN + 5:.0f} s")
        return
    took = took or time.monotonic() - began
    if took > CLOSED_WITHIN:
        found.append(f"{wire.name}: answered or closed only after {took:.1f} s")
    found.extend(f"{wire.name}: {complaint}" for complaint in _complaints(wire, received))


def _complaints(wire: Wire, received: bytes) -> Iterator[str]:
    statuses = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 "):
            yield f"no answer of HTTP: {received[:80]!r}"
            return
        status = int(head.split()[1])
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(lines.get(b"content-length", b"0"))
        received = rest[length:]
        if status != 100:
            statuses.append(status)
        if status >= 400 and json.loads(rest[:length])["status"] != status:
            yield "the problem has another status than the answer"
    whole = len(statuses) == len(wire.answers) or (wire.silence and len(statuses) < len(wire.answers))
    if not whole or any(status not in right for status, right in zip(statuses, wire.answers, strict=False)):
        yield f"answered {statuses} instead of {[sorted(right) for right in wire.answers]}"

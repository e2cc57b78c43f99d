"""A client that costs little: one connection that is kept, bytes that are ready to be sent, and no parsing of bodies.

A client of the usual kind would take longer over a large answer than the service does.
"""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Answer", "Client", "Refused", "Request"]

_PIECE: Final = 2**20
_STALE_SECONDS: Final = 2.0
_SECONDS: Final = 120.0


class Refused(Exception):
    """An answer was not 200, or was no answer.

    Attributes
    ----------
    status
        Of the answer; 0 where there is none.
    """

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(f"status {status}: {answer[:500].decode(errors='replace')}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent, head and body."""

    text: bytes

    @classmethod
    def of(cls, target: str, body: bytes, headers: Mapping[str, str]) -> Self:
        """Write a POST request.

        Parameters
        ----------
        target
            Path and query.
        body
            What is uploaded.
        headers
            Beside Host and Content-Length.
        """
        lines = [f"POST {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return cls("\r\n".join([*lines, "", ""]).encode() + body)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and how long it took from the first byte sent to the last one received, in seconds."""

    seconds: float
    body: bytes


class Client:
    """A connection to a server on this machine, made anew where it was left alone for long.

    Parameters
    ----------
    port
        Where the server listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None
        self._used = 0.0

    def ask(self, request: Request) -> Answer:
        """Send a request and receive its answer.

        Raises
        ------
        Refused
            The answer is not a 200 with a length or in chunks.
        OSError
            The connection broke.
        """
        connection = self._fresh()
        before = time.perf_counter()
        connection.sendall(request.text)
        head, begun = _head(connection)
        status, length = int(head[9:12]), _length(head)
        body = _chunks(connection, begun) if length is None else _exactly(connection, begun, length)
        after = time.perf_counter()
        self._used = time.monotonic()
        if b"\nconnection: close" in head.lower():
            self.close()
        if status != 200:  # noqa: PLR2004 - OK
            raise Refused(status, body)
        return Answer(after - before, body)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fresh(self) -> socket.socket:
        """Give the connection; servers end those that are idle for some seconds."""
        if self._connection is None or time.monotonic() - self._used > _STALE_SECONDS:
            self.close()
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=_SECONDS)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Receive the head of an answer, and what comes with it of the body."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(65536)
        if not piece:
            raise Refused(0, text or b"the connection was closed")
        text += piece
    head, _, begun = text.partition(b"\r\n\r\n")
    return head, begun


def _length(head: bytes) -> int | None:
    """Find out how long the body is; None where it comes in chunks."""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    if b"transfer-encoding: chunked" in head.lower():
        return None
    raise Refused(0, b"the answer says neither its length nor that it comes in chunks")


def _exactly(connection: socket.socket, begun: bytes, length: int) -> bytes:
    """Receive a body."""
    if len(begun) == length:
        return begun
    body = bytearray(length)
    body[: len(begun)] = begun
    view, there = memoryview(body), len(begun)
    while there < length:
        count = connection.recv_into(view[there : there + _PIECE])
        if not count:
            raise Refused(0, b"the connection was closed in the midst of the answer")
        there += count
    return bytes(body)


def _chunks(connection: socket.socket, begun: bytes) -> bytes:
    """Receive a body in chunks."""
    with connection.makefile("rb") as rest:
        text = begun

        def read(count: int) -> bytes:
            nonlocal text
            taken, text = text[:count], text[count:]
            return taken + rest.read(count - len(taken))

        def line() -> bytes:
            nonlocal text
            found, end, text = text.partition(b"\n")
            return found if end else found + rest.readline()

        parts = []
        while size := int(line().strip() or b"0", 16):
            parts.append(read(size))
            line()
        line()
        return b"".join(parts)

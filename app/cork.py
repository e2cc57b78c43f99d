"""The head of an answer leaves with the beginning of its body: in one packet, by one call of the system."""

import asyncio
from typing import Final

__all__ = ["Cork"]

_INTERIM: Final = b"HTTP/1.1 1"
"""How the head of an answer begins that has no body, since another follows it, such as ``100 Continue``."""


class Cork:
    """What the answers of a connection are written to, one after the other: the head of each waits for what follows it.

    uvicorn writes the head by itself, and each write wakes up a client that then waits for the next. For an answer of a
    few kilobytes that is a tenth of its time. A head is kept for as long as the application takes to its body: ours
    sends both at once.

    Parameters
    ----------
    transport
        That of the connection.
    """

    __slots__ = ("_head", "_is_body", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._is_body = False

    def is_closing(self) -> bool:
        """Tell whether the connection is being closed."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Keep a head, or write what is behind it, together with it where it was kept."""
        if self._is_body:
            if self._head:
                head, self._head = self._head, b""
                self._transport.writelines((head, data))
            else:
                self._transport.write(data)
        elif data.startswith(_INTERIM):
            self._transport.write(data)
        else:
            self._head, self._is_body = data, True

    def end(self) -> None:
        """End an answer: what is written next is a head. One that no body has followed leaves now."""
        head, self._head, self._is_body = self._head, b"", False
        if head:
            self._transport.write(head)

    def close(self) -> None:
        """End the answer, and close the connection when all of it has been sent."""
        self.end()
        self._transport.close()

"""The words of ASGI, as every gate uses them."""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["App", "Message", "Receive", "Scope", "Send", "declared_length", "header_values", "path_of", "plain_address"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_LENGTH: Final = 19
"""How many digits of a Content-Length are read; a longer one is counted like none."""


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Give every value that the request has for a header, by its name in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def path_of(scope: Scope) -> str:
    """Give the path of a request below the prefix under which a proxy shows the service."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def declared_length(scope: Scope) -> int | None:
    """Give how long the body of a request is said to be, as it arrives; None if nothing is said, or no number."""
    length = b",".join(header_values(scope, b"content-length"))
    return int(length) if length.isdigit() and len(length) <= LONGEST_LENGTH else None


def plain_address(text: str) -> str:
    """Give an address of IPv4 as such where a socket of both kinds tells it as one of IPv6, ``::ffff:192.0.2.1``.

    Whatever is no such address is given as it is.
    """
    if ":" not in text:
        return text
    try:
        mapped = ipaddress.IPv6Address(text).ipv4_mapped
    except ValueError:
        return text
    return str(mapped) if mapped is not None else text

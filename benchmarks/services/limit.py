"""The limit: what no service can go below that takes its bytes from uvicorn. It reads and answers as many as we do.

The path says what is done with the body, the query how long the answer is::

    POST /bytes?1234      nothing
    POST /json?1234       simdjson parses it, and copies the numbers of each array out
    POST /gzip-json?1234  likewise after zlib-ng has inflated it
    POST /deflate?1234    zlib-ng inflates the members of an archive, and sums nothing up
    POST /csv?1234        the numbers of each file of a form are parsed by simdjson
    POST /echo            the answer is the body
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, Final

import simdjson
from zlib_ng import zlib_ng

__all__ = ["app"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]

_PARSER: Final = simdjson.Parser()
_PART: Final = re.compile(rb'name="\w+"; filename="[^"]*"\r\n(?:[^\r\n]+\r\n)*\r\n([-+.eE\d,\n]+)\r\n')


def _json(body: bytes) -> None:
    """Parse an object, and copy the numbers of its arrays into buffers of doubles."""
    document: Any = _PARSER.parse(body)
    for name in ("x", "y", "mu", "logvar"):
        if name in document:
            document[name].as_buffer(of_type="d")


def _gzip_json(body: bytes) -> None:
    """Inflate, and parse."""
    _json(zlib_ng.decompress(body, wbits=zlib.MAX_WBITS | 16))


def _deflate(body: bytes) -> None:
    """Inflate the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for member in archive.infolist():
            name, extra = struct.unpack_from("<2H", body, member.header_offset + 26)
            start = member.header_offset + 30 + name + extra
            packed = memoryview(body)[start : start + member.compress_size]
            zlib_ng.decompress(packed, wbits=-zlib.MAX_WBITS, bufsize=member.file_size)


def _csv(body: bytes) -> None:
    """Parse the numbers of each file of a form."""
    for table in _PART.findall(body):
        numbers: Any = _PARSER.parse(b"[%b]" % table.strip(b"\n").replace(b"\n", b","))
        numbers.as_buffer(of_type="d")
        del numbers  # the parser refuses to parse again while there is something that it gave


_WORK: Final[dict[str, Callable[[bytes], None]]] = {
    "/json": _json,
    "/gzip-json": _gzip_json,
    "/deflate": _deflate,
    "/csv": _csv,
}


@lru_cache
def _filled(length: int) -> bytes:
    """Make an answer of a length."""
    return b" " * length


async def app(
    scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer a request."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    if scope["path"] in _WORK:
        _WORK[scope["path"]](body)
    answer = body if scope["path"] == "/echo" else _filled(int(scope["query_string"] or b"0"))
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})

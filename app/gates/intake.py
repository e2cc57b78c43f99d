"""What is looked at while a body arrives: how large it is, and how large it becomes when it is inflated.

Both gates work while the application reads: a body that nobody reads is neither counted nor inflated. A refusal is a
`RefusedError`, raised where the application awaits the next piece; it unwinds to the gate `Journal`, which answers it.
So `BodyLimit` comes before that gate, and `Inflation` behind it; the order of all gates is in `app.main`.
"""

from collections.abc import Mapping
from types import MappingProxyType

import anyio

from app.cores import usable_cores
from app.deflate import FASTEST, GZIP, Inflating, Library
from app.gates.asgi import App, Message, Receive, Scope, Send, declared_length, header_values
from app.gates.landing import is_whole, without_landing
from app.problems import (
    BODY_TOO_LARGE,
    MALFORMED_BODY,
    UNSUPPORTED_CONTENT_ENCODING,
    Problem,
    RefusedError,
)
from app.threads import Threads
from app.variables import variable

__all__ = ["BodyLimit", "Inflation"]

LINGER_SECONDS = 2.0
"""How long a client that still sends its refused body is listened to, so that it sees the answer before the close."""

MOST_MEMBERS = 4096
"""How many members a gzip stream may have: each costs microseconds, however empty."""

PIECE_BYTES = 64 * 1024
"""How much of a compressed body is collected before it is inflated, since each hop to a thread costs 50 us."""

INFLATED_BYTES = 2**20
"""How much is inflated at once: what comes behind it may keep a body on disk, and the next piece is made when asked."""

FREE_BYTES = 64 * 2**20
"""Up to this size a body may inflate from however little."""

MOST_EXPANSION = 100
"""How many times its compressed size a body may inflate to beyond that, as a member of an archive may."""

Limits = Mapping[str, tuple[int, str]]

NO_OTHERS: Limits = MappingProxyType({})
"""No media type has a limit of its own."""


def _limit(scope: Scope, others: Limits, usual: tuple[int, str]) -> tuple[int, str]:
    """Give the limit that a request's media type has, and the setting that raises it."""
    media_type = b",".join(header_values(scope, b"content-type")).partition(b";")[0].strip().lower()
    return others.get(media_type.decode("latin-1"), usual)


def _too_large(limit: int, setting: str, what: str = "A body") -> RefusedError:
    """Make the refusal that names the limit and the setting that raises it."""
    return RefusedError(Problem(BODY_TOO_LARGE, f"{what} may have at most {limit} bytes ({setting})."))


class BodyLimit:
    """Refuses bodies that are too large: a declared one at once, one of unknown length as soon as it is.

    If an answer is complete while more than a bounded rest of the body may still come, the connection is closed behind
    it, after the client has had a moment to notice: closing it under a client that is still sending would reset the
    connection, and could take the answer with it.

    Parameters
    ----------
    app
        What comes next.
    bytes
        The largest body.
    setting
        What an operator changes to raise it, for the problem.
    others
        Both, for media types that have a limit of their own.
    """

    def __init__(self, app: App, *, bytes: int, setting: str, others: Limits = NO_OTHERS) -> None:  # noqa: A002 - the unit
        self.app = app
        self.bytes = bytes
        self.setting = setting
        self.others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or self._has_taken(scope):
            await self.app(scope, receive, send)
            return
        most, setting = _limit(scope, self.others, (self.bytes, self.setting))
        declared = declared_length(scope)
        # A rest of a declared, bounded body is thrown away by the server, and the connection lives on, if it may.
        bounded = declared is not None and declared <= most
        has_body = _has_body(scope)
        complete = (bounded and not _closes(scope)) or not has_body
        count = 0

        async def receive_counted() -> Message:
            nonlocal complete, count
            if declared is not None and not bounded:
                raise _too_large(most, setting)
            message = await receive()
            count += len(message.get("body", b""))
            if count > most:
                raise _too_large(most, setting)
            if not message.get("more_body", False):
                complete = True
            return message

        async def send_and_close(message: Message) -> None:
            if complete:
                await send(message)
            elif message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0] != b"connection"]
                await send({**message, "headers": [*headers, (b"connection", b"close")]})
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await _drained(receive)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self.app(_told(scope, most), receive_counted, send_and_close)

    def _has_taken(self, scope: Scope) -> bool:
        """Tell whether all of a body has come that is not too large, so that there is nothing left to do."""
        if not is_whole(scope):
            return False
        declared = declared_length(scope)
        if declared is None:
            return not _has_body(scope)
        return declared <= _limit(scope, self.others, (self.bytes, self.setting))[0]


def _told(scope: Scope, most: int) -> Scope:
    """Give what is said of a request to those within: a length that is taken, or none.

    Nothing is read of a longer body, so nobody is to look for that much room, and to refuse it for want of that.
    """
    if (declared_length(scope) or 0) <= most:
        return scope
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"content-length"]}


def _has_body(scope: Scope) -> bool:
    """Tell whether a request says that it has a body."""
    return bool(header_values(scope, b"content-length") or header_values(scope, b"transfer-encoding"))


def _closes(scope: Scope) -> bool:
    """Tell whether the server closes the connection behind the answer, because the client wants that."""
    wanted = b",".join(header_values(scope, b"connection")).lower()
    return b"close" in wanted or scope.get("http_version") == "1.0"


async def _drained(receive: Receive) -> None:
    """Throw away what a client still sends, until it stops or has had enough time to notice the answer."""
    with anyio.move_on_after(LINGER_SECONDS):
        while (await receive()).get("more_body", False):
            pass


class Inflation:
    """Inflates bodies with ``Content-Encoding: gzip`` as they are read, in a thread, and never past the limit.

    Parameters
    ----------
    app
        What comes next; it reads the inflated body and need not know.
    bytes
        The largest inflated body.
    setting
        What an operator changes to raise it, for the problem.
    others
        Both, for media types that have a limit of their own.
    expansion
        How many times its compressed size a body may inflate to beyond `FREE_BYTES`.
    library
        Inflates; it is for tests to give zlib where there is a faster one.
    """

    def __init__(  # noqa: PLR0913 - two limits, and what raises them
        self,
        app: App,
        *,
        bytes: int,  # noqa: A002 - the unit
        setting: str,
        others: Limits = NO_OTHERS,
        expansion: int = MOST_EXPANSION,
        library: Library = FASTEST,
    ) -> None:
        self.app = app
        self.bytes = bytes
        self.setting = setting
        self.others = others
        self.expansion = expansion
        self.library = library
        # Half of the cores: what has been inflated is to be computed too, and each thread has buffers of its own.
        self.threads = Threads(max(1, usable_cores() // 2), "lossgrid-inflating")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        codings = header_values(scope, b"content-encoding") if scope["type"] == "http" else []
        names = [name.strip().lower() for name in b",".join(codings).split(b",")]
        wanted = [name for name in names if name not in {b"", b"identity"}]
        if not wanted:
            await self.app(scope, receive, send)
            return
        limit = _limit(scope, self.others, (self.bytes, self.setting))
        stream = _GzipStream(*limit, self.expansion, self.library)

        async def receive_inflated() -> Message:
            if wanted not in ([b"gzip"], [b"x-gzip"]):
                kind = UNSUPPORTED_CONTENT_ENCODING
                raise RefusedError(Problem(kind, kind.detail, headers={"Accept-Encoding": "gzip"}))
            if stream.finished:
                return await receive()
            compressed = bytearray()
            while not stream.complete and not stream.waiting and len(compressed) < PIECE_BYTES:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                compressed += message.get("body", b"")
                stream.complete = not message.get("more_body", False)
            body = await self.threads.aside(stream.inflated, bytes(compressed))
            return {"type": "http.request", "body": body, "more_body": not stream.finished}

        await self.app(without_landing(scope), receive_inflated, send)


class _GzipStream:
    """A gzip stream (RFC 1952) that arrives in pieces: one or more members, and nothing behind them.

    Parameters
    ----------
    limit
        How many bytes it may inflate to.
    setting
        What an operator changes to raise the limit.
    expansion
        How many times its compressed size it may inflate to.
    library
        Inflates it.

    Attributes
    ----------
    complete
        Whether all of it has arrived; whoever reads it says so.
    waiting
        Whether there is more to inflate of what has arrived.
    finished
        Whether all of it has been inflated.
    """

    def __init__(self, limit: int, setting: str, expansion: int, library: Library) -> None:
        self.limit = limit
        self.setting = setting
        self.expansion = expansion
        self.library = library
        self.complete = False
        self.finished = False
        self.waiting = False
        self.rest = b""
        self.read = 0
        self.written = 0
        self.members = 0
        self.member: Inflating | None = None

    def inflated(self, data: bytes) -> bytes:
        """Give the next `INFLATED_BYTES` at most of what the stream inflates to.

        Parameters
        ----------
        data
            What has arrived of it; nothing while more is `waiting` to be inflated.

        Raises
        ------
        RefusedError
            The stream is broken or, when it is `complete`, not whole (400), or inflates to too much (413).
        """
        pieces = []
        room = INFLATED_BYTES
        self.read += len(data)
        self.rest += data
        self.waiting = self.waiting or bool(self.rest)
        while room and self.waiting:
            if self.member is None:
                self.members += 1
                if self.members > MOST_MEMBERS:
                    raise _broken(f"The gzip stream has more than {MOST_MEMBERS} members.")
                self.member = self.library.decompressobj(wbits=GZIP)
            most = min(room, self.limit - self.written + 1)
            try:
                piece = self.member.decompress(self.rest, most)
            except self.library.error:
                raise _broken(f"The gzip stream is broken within its first {self.read} bytes.") from None
            pieces.append(piece)
            room -= len(piece)
            self.written += len(piece)
            if self.written > self.limit:
                raise _too_large(self.limit, self.setting, "What a body inflates to")
            if self.written > max(FREE_BYTES, self.expansion * self.read):
                detail = f"A body may inflate to at most {self.expansion} times its compressed size"
                detail = f"{detail} beyond {FREE_BYTES} bytes ({variable('max_expansion')}); send it as it is."
                raise RefusedError(Problem(BODY_TOO_LARGE, detail))
            if self.member.eof:
                self.rest, self.member = self.member.unused_data, None
                self.waiting = bool(self.rest)
            else:  # there may be more to come of what it has been fed, even if nothing of that is left
                self.rest, self.waiting = self.member.unconsumed_tail, len(piece) == most
        self.finished = self.complete and not self.waiting
        if self.finished and (self.member is not None or not self.members):
            raise _broken(f"The gzip stream ends too early, after {self.read} bytes.")
        return b"".join(pieces)


def _broken(detail: str) -> RefusedError:
    """Make the refusal of bytes that are no gzip stream."""
    return RefusedError(Problem(MALFORMED_BODY, detail))

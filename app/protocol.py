"""What only the class that reads the bytes of a connection can do: uvicorn's protocol on httptools, made stricter.

- The head of a request has a deadline, a largest size and a largest number of lines.
- What frames a body has limits too: how many chunks there are, and how much is said between two pieces of the body.
- A request that is not HTTP has one answer, a problem, in its turn behind those of the requests before it.
- A request to change the protocol is served as if it had not asked (RFC 9110, 7.8); uvicorn would lose its body, and
  run that as the next request.
- Trailers are dropped; uvicorn would add them to the headers while the request is being served.

Everything that is refused goes through uvicorn's own queue of requests and answers. This is the one module that relies
on what uvicorn does not promise: `misfits` says at the start whether the one installed still has it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.gates import BodyLimit, Headers, Journal
from app.gates.asgi import App, Message, Receive, Scope, Send
from app.gates.entry import Entry
from app.problems import BODY_TOO_LARGE, HEAD_TOO_LARGE, INVALID_REQUEST, REQUEST_TIMEOUT, Problem, RefusedError

__all__ = ["Limits", "StrictProtocol", "misfits", "strict_protocol"]

FRAMING: Final = "lossgrid.framing"
"""Where the state of a request says what was wrong with the framing of its body."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask of the reader.

    Attributes
    ----------
    head_seconds
        How long the head of a request may take, from the connection or from the first byte after the last request.
    head_setting
        What an operator changes to allow more, for the problem.
    head_bytes, head_lines
        How large a head may be. The bytes of a head that is complete are those of its target and its headers; of one
        that is not, those that came. The same holds for what comes between two pieces of a body.
    chunks
        How many chunks a body may have.
    head_bytes_setting, head_lines_setting, chunks_setting
        Likewise, what an operator changes.
    """

    head_seconds: float
    head_setting: str
    head_bytes: int = 64 * 1024
    head_lines: int = 100
    chunks: int = 65_536
    head_bytes_setting: str = "LOSSGRID_MAX_HEAD_BYTES"
    head_lines_setting: str = "LOSSGRID_MAX_HEAD_LINES"
    chunks_setting: str = "LOSSGRID_MAX_CHUNKS"


class _At(Enum):
    """Where in a connection the reader is."""

    REST = auto()
    """Before the first request, or behind a complete one."""
    HEAD = auto()
    BODY = auto()


class StrictProtocol(HttpToolsProtocol):
    """One connection; `strict_protocol` makes the class with its limits.

    Parameters
    ----------
    config, server_state, app_state, _loop
        As uvicorn gives them.
    """

    limits: Limits
    closed: Sequence[Callable[[Entry], None]]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.app = cast("Any", _Framed(cast("App", self.app)))
        self.at = _At.REST
        self.clock: asyncio.TimerHandle | None = None
        self.refused = False
        self.moved = False
        self.framing_bytes = 0
        self.lines = 0
        self.line_bytes = 0
        self.chunks = 0
        self.plain_head = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came; whatever comes behind something refused is thrown away."""
        if self.refused:
            return
        self._unset_keepalive_if_required()
        if self.at is _At.REST:
            self._start_clock()
        self.moved = False
        try:
            self._read(memoryview(data))
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.problem if isinstance(cause, RefusedError) else self._malformed())
            return
        self.framing_bytes = 0 if self.moved else self.framing_bytes + len(data)
        if self.framing_bytes > self.limits.head_bytes:
            self._refuse(self._too_much())
        elif (
            self.moved
            and self.at is not _At.HEAD
            and (cycle := cast("RequestResponseCycle | None", self.cycle))
            and cycle.response_complete
        ):
            # More of a body that nobody wanted: uvicorn has stopped its own clock, and would wait for ever.
            self._stop_clock()
            self._start_clock()

    def _read(self, data: memoryview) -> None:
        """Have data parsed, the head of a request that asks for another protocol twice: then without the question."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as pause:
                data = data[pause.args[0] :]
                head, self.plain_head = self.plain_head, b""
                self.parser.feed_data(head)
            else:
                return

    # What the parser calls
    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"][FRAMING] = _Framing()
        self.at = _At.HEAD
        self.lines = self.line_bytes = self.chunks = 0
        self._start_clock()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one line of the head, or drop one behind the body."""
        self.lines += 1
        self.line_bytes += len(name) + len(value) + 4
        if self.lines > self.limits.head_lines or self.line_bytes > self.limits.head_bytes:
            raise RefusedError(self._too_much())
        if self.at is _At.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Have the request served, unless it has to be read again without its ``Upgrade``."""
        if len(self.url) + self.line_bytes > self.limits.head_bytes:
            raise RefusedError(self._too_much())
        if self.parser.should_upgrade():
            method = self.parser.get_method()
            if method == b"CONNECT":
                raise RefusedError(Problem(INVALID_REQUEST, "The service is no proxy: it has no method CONNECT."))
            lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode("ascii"))]
            lines += [b"%s: %s" % line for line in self.headers if line[0] != b"upgrade"]
            self.plain_head = b"\r\n".join([*lines, b"", b""])
            return
        super().on_headers_complete()
        self._stop_clock()
        self.at = _At.BODY
        self.moved = True

    def on_chunk_header(self) -> None:
        """Count a chunk; only one with something in it is ever too many."""
        self.chunks += 1

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self.chunks > self.limits.chunks:
            most = f"{self.limits.chunks} chunks ({self.limits.chunks_setting})"
            raise RefusedError(Problem(BODY_TOO_LARGE, f"A body may come in at most {most}."))
        self.moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, unless it will be read again."""
        if self.plain_head:
            return
        super().on_message_complete()
        self.at = _At.REST
        self.moved = True

    # The deadline of a head
    def _start_clock(self) -> None:
        if self.clock is None:
            self.clock = self.loop.call_later(self.limits.head_seconds, self._late)

    def _stop_clock(self) -> None:
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None

    def _late(self) -> None:
        """End a connection on which no head became complete in time: without a word if none has begun."""
        self.clock = None
        if self.at is not _At.HEAD or self.transport.is_closing():
            self.shutdown()
        else:
            detail = f"The head of the request took more than {self.limits.head_seconds:g} s"
            self._refuse(Problem(REQUEST_TIMEOUT, f"{detail} ({self.limits.head_setting})."), lingering=False)

    # Refusals
    def _malformed(self) -> Problem:
        if self.at is _At.BODY:
            return Problem(INVALID_REQUEST, "The chunks of the body are not written as HTTP wants them.")
        return Problem(
            INVALID_REQUEST,
            "The head of the request is not written as HTTP wants it: look at the request line, at Content-Length and"
            " at Transfer-Encoding.",
        )

    def _too_much(self) -> Problem:
        most = f"{self.limits.head_bytes} bytes ({self.limits.head_bytes_setting})"
        if self.at is _At.HEAD and len(self.url) * 2 > self.limits.head_bytes:
            return Problem(INVALID_REQUEST, f"The request line is too long; a whole head may have {most}.")
        lines = f"{self.limits.head_lines} ({self.limits.head_lines_setting})"
        return Problem(HEAD_TOO_LARGE, f"The lines before or behind a body may have {most}, and there may be {lines}.")

    def _refuse(self, problem: Problem, *, lingering: bool = True) -> None:
        """Have a problem answered in its turn, and read nothing more.

        Parameters
        ----------
        problem
            What is wrong.
        lingering
            Whether the client may still be sending, and would lose the answer if the connection were closed at once.
        """
        self.refused = True
        self._stop_clock()
        closing = Problem(problem.kind, problem.detail, headers={"Connection": "close"})
        if self.at is _At.BODY:
            self.shutdown()
            self.scope["state"][FRAMING].problem = closing
            self.cycle.message_event.set()
            return
        # A request in place of the one that cannot be read; of that one only the method may matter, since HEAD wants no
        # body, and it is known if it was read.
        readable = self.at is _At.HEAD and self.url != b""
        super().on_message_begin()
        self.url = b"/"
        self.headers += [(b"transfer-encoding", b"chunked")] if lingering else []
        self.app = cast("Any", _refusing(closing, self.closed))
        super().on_headers_complete()
        self.scope["method"] = self.scope["method"] if readable else "GET"


def strict_protocol(limits: Limits, closed: Sequence[Callable[[Entry], None]] = ()) -> type[StrictProtocol]:
    """Make the class of connections for ``uvicorn.Config(http=...)``.

    Parameters
    ----------
    limits
        What a client may ask for.
    closed
        What is done with the entry of a request that is refused here, as in `Journal`.
    """
    return type("StrictProtocol", (StrictProtocol,), {"limits": limits, "closed": closed})


@dataclass(slots=True)
class _Framing:
    """What was found wrong with the framing of a request's body, once it was."""

    problem: Problem | None = None


class _Framed:
    """Refuses a request whose body turned out to be wrongly framed, where its next piece is awaited."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        framing: _Framing = scope["state"][FRAMING]
        started = False

        async def receive_framed() -> Message:
            message = await receive()
            if framing.problem is not None and not started:
                raise RefusedError(framing.problem)
            return message

        async def send_framed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        await self.app(scope, receive_framed, send_framed)


def _refusing(problem: Problem, closed: Sequence[Callable[[Entry], None]]) -> App:
    """Make an application that refuses what it is asked, and listens for a while if a body of any length may come."""

    async def refuse(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RefusedError(problem)

    return BodyLimit(Headers(Journal(refuse, closed=closed)), bytes=0, setting="")


_METHODS: Final = (
    "_unset_keepalive_if_required",
    "connection_lost",
    "connection_made",
    "data_received",
    "on_body",
    "on_header",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "on_url",
    "shutdown",
)
_ATTRIBUTES: Final = ("app", "cycle", "headers", "loop", "parser", "scope", "transport")
_ATTRIBUTES_OF_CYCLE: Final = ("message_event", "response_complete")


def misfits(protocol: type = HttpToolsProtocol, cycle: type = RequestResponseCycle) -> list[str]:
    """Name what `StrictProtocol` relies on and uvicorn does not have.

    Parameters
    ----------
    protocol, cycle
        The classes of the uvicorn that is installed.
    """

    def lacking(owner: type, names: Iterable[str], has: Callable[[str], bool]) -> list[str]:
        return [f"{owner.__name__}.{name}" for name in names if not has(name)]

    # What an instance has is what its constructor names.
    return [
        *lacking(protocol, _METHODS, lambda name: hasattr(protocol, name)),
        *lacking(protocol, _ATTRIBUTES, cast("Any", protocol).__init__.__code__.co_names.__contains__),
        *lacking(cycle, _ATTRIBUTES_OF_CYCLE, cast("Any", cycle).__init__.__code__.co_names.__contains__),
    ]

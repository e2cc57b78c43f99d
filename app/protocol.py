"""What only the class that reads the bytes of a connection can do: uvicorn's protocol on httptools, made stricter.

- The head of a request has a deadline, a largest size and a largest number of lines.
- What frames a body has limits too: how many chunks there are, and how much is said between two pieces of the body.
- A body of a declared length goes straight from the socket to where the application wants it, if it says where; on the
  usual way each byte is copied four times, and that takes longer than to compute the loss.
- The head of an answer leaves with its body, as `app.cork` says.
- A body has a least average speed, and so has, in other words, an answer: some of it must be taken now and then.
- There is a largest number of connections; the one that has been idle for longest makes room for a new one.
- Of requests that a client sends without waiting for answers, few are read ahead.
- A request that is not HTTP has one answer, a problem, in its turn behind those of the requests before it.
- A request to change the protocol is served as if it had not asked (RFC 9110, 7.8); uvicorn would lose its body, and
  run that as the next request.
- A target that names another host than the header Host is refused, and so is a transfer coding that is not chunks.
- Trailers are dropped; uvicorn would add them to the headers while the request is being served.

Everything that is refused goes through uvicorn's own queue of requests and answers. This is the one module that relies
on what uvicorn does not promise: `misfits` says at the start whether the one installed still has it.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.cork import Cork
from app.gates import BodyLimit, Headers, Journal, Origins
from app.gates.asgi import App, Message, Receive, Scope, Send, declared_length
from app.gates.entry import Entry
from app.gates.landing import is_whole, offer_landing, tell_whole
from app.problems import (
    BAD_HOST,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    INVALID_REQUEST,
    NOT_READY,
    OVER_CAPACITY,
    REQUEST_TIMEOUT,
    Problem,
    RefusedError,
    out_of_memory,
)
from app.variables import variable

__all__ = ["Limits", "StrictProtocol", "misfits", "strict_protocol"]

FRAMING: Final = "lossgrid.framing"
"""Where the state of a request says what was wrong with the framing of its body."""

FIRST_BYTES: Final = 2**16
"""How much is read at once where a head may begin. A body that is longer is read no further before it is asked for."""

READ_BYTES: Final = 2**18
"""How much of a body is read at once that has no place of its own."""

MOST_QUEUED: Final = 16
"""How many requests of one connection may wait for their turn before no more of what comes is looked at: each takes
some 1.5 KiB, a hundred times what it may have taken to send it."""

PORTION_BYTES: Final = 2**12
"""How much is parsed before it is asked again how many requests wait. A portion is at most some 200 requests."""

PROGRESS_SECONDS: Final = 0.01
"""How often the application hears at most that a body goes on, while that goes to its place."""

SPARE_CONNECTIONS: Final = 128
"""How many connections beyond the limit have an answer; those beyond that are closed at once."""

_LOOKS: Final = 8
"""How often a client that does not take its answer is looked at in the time that it has."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask of the reader.

    Attributes
    ----------
    head_seconds
        How long the head of a request may take, from the connection or from the first byte after the last request.
    head_bytes, head_lines
        How large a head may be. The bytes of a head that is complete are those of its target and its headers; of one
        that is not, those that came. The same holds for what comes between two pieces of a body.
    chunks
        How many chunks a body may have.
    upload_grace_seconds, upload_bytes_per_second
        How fast a body must have come on average, when it has taken that long.
    write_seconds
        How long a client may take none of its answer; an eighth more at most.
    idle_seconds
        How long a connection may be idle between two requests; for ``uvicorn.Config(timeout_keep_alive=...)``.
    connections
        How many may be open.
    """

    head_seconds: float
    head_bytes: int = 64 * 1024
    head_lines: int = 100
    chunks: int = 65_536
    upload_grace_seconds: float = 30
    upload_bytes_per_second: float = 1024
    write_seconds: float = 30
    idle_seconds: int = 75
    connections: int = 512


_VERSIONS: Final = ("1.1", "1.0")
"""Of HTTP; the parser also reads lines of 0.9 and 2.0."""


_ADDRESS: Final = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_PORT: Final = re.compile(rb":(80)?\Z")
"""The port that goes without saying."""


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
    origins: Sequence[str]
    cork: Cork

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
        self.crowded = False
        self.idle_since = 0.0
        self.body_since = 0.0
        self.body_bytes = 0
        self.length = 0
        self.framing = _Framing()
        self.landing: _Landing | None = None
        self.unread = b""
        self.write_clock: asyncio.TimerHandle | None = None
        self.unwritten = 0
        self.unwritten_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self.cork = Cork(transport)
        self._start_clock()
        if len(self.connections) > self.limits.connections:
            self._find_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_clock()
        if self.write_clock is not None:
            self.write_clock.cancel()
        self.framing.connection = None
        self.unread = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        """Read what came; whatever comes behind something refused is thrown away."""
        if not self.refused:
            self._unset_keepalive_if_required()
            self._take(memoryview(data))

    def _take(self, data: memoryview) -> None:
        """Have data parsed until enough requests wait; what is left then is kept, and nothing more is read.

        uvicorn would parse all of it, and read on whenever one of the requests has been answered.
        """
        while data and not self.refused and len(self.pipeline) < MOST_QUEUED:
            # The rest of a body can hold no request.
            rest = self.length - self.body_bytes if self.at is _At.BODY else 0
            portion = max(rest, PORTION_BYTES)
            self._parse(data[:portion])
            data = data[portion:]
        if len(self.pipeline) >= MOST_QUEUED and not self.refused:
            self.unread += bytes(data)
            cast("_Flow", self.flow).hold()
            self._stop_clock()  # that the rest of a head is not looked at is not the client's fault

    def _go_on(self) -> None:
        """Look at what was kept, and read on, when fewer requests wait."""
        if not cast("_Flow", self.flow).held or len(self.pipeline) >= MOST_QUEUED or self.transport.is_closing():
            return
        data, self.unread = self.unread, b""
        self._unset_keepalive_if_required()
        cast("_Flow", self.flow).held = False
        if self.at is _At.HEAD:
            self._start_clock()
        self._take(memoryview(data))
        self.flow.resume_reading()

    def _parse(self, data: memoryview) -> None:
        """Have data parsed, and see to what is wrong with it."""
        if self.at is _At.REST:
            self._start_clock()
        self.moved = False
        try:
            self._read(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, MemoryError):
                self._refuse(out_of_memory())
            else:
                self._refuse(cause.problem if isinstance(cause, RefusedError) else self._malformed())
            return
        except MemoryError:
            self._refuse(out_of_memory())
            return
        self.framing_bytes = 0 if self.moved else self.framing_bytes + len(data)
        if self.framing_bytes > self.limits.head_bytes:
            self._refuse(self._too_much())
        elif self.moved and self.at is not _At.HEAD:
            self._expect_more()

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

    def _expect_more(self) -> None:
        """Wait for more of a body that nobody wanted, no longer than for a head.

        uvicorn's own clock is that of a connection which is idle, and stands still once more has come.
        """
        if (cycle := cast("RequestResponseCycle | None", self.cycle)) and cycle.response_complete:
            self._stop_clock()
            self._start_clock()

    # Bodies that go straight to their place
    def land(self, place: memoryview) -> "_Landing | None":
        """Have the body that is being read go to a place from here on, unless it is too late, or no place for it.

        The parser sees nothing more of it: that would copy each piece, and its only news would be the end.
        """
        body = self.cycle.body
        if self.refused or not place or self.body_bytes != len(body) or self.length != len(place):
            return None
        place[: len(body)] = body
        self.landing = _Landing(place, len(body))
        self.cycle.body = bytearray()
        self.flow.resume_reading()
        return self.landing

    def _discard(self) -> None:
        """Have what is left of a body that nobody wants any more read over the heads of all, if its length is known."""
        if self.cycle.response_complete and self.body_bytes < self.length:
            self.landing = self.landing or _Landing(_SHARED[:0], 0)
            self.landing.place = _SHARED[:0]  # whoever wanted the body has left

    def room(self) -> memoryview:
        """Give the place for what comes next."""
        if self.landing is None or self.refused:
            return _SHARED if self.at is _At.BODY else _SHARED[:FIRST_BYTES]
        if self.cycle.response_complete:  # nobody wants it any more
            return _SHARED[: self.length - self.body_bytes]
        return self.landing.place[self.landing.filled :]

    def arrived(self, count: int) -> None:
        """Read so many bytes, which lie in the place that was given for them."""
        if self.landing is None or self.refused:
            self.data_received(_SHARED[:count])
        else:
            self._landed(self.landing, count)

    def _landed(self, landing: "_Landing", count: int) -> None:
        """Count what has come to its place."""
        self._unset_keepalive_if_required()
        try:
            self._count_body(count)
        except RefusedError as error:
            self._refuse(error.problem)
            return
        landing.filled += count
        now = self.loop.time()
        if self.body_bytes == self.length:
            self.landing = None
            self.parser = _parser(self)  # the one that there was waits for this body
            self.on_message_complete()
        elif now - landing.told >= PROGRESS_SECONDS:
            landing.told = now
            self.cycle.message_event.set()
        self._expect_more()

    # What the parser calls
    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"][FRAMING] = self.framing = _Framing()
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
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise RefusedError(Problem(INVALID_REQUEST, "The request is not of HTTP/1.1 nor of HTTP/1.0."))
        if version == "1.0":
            self.expect_100_continue = False  # its client would take the 100 for the answer (RFC 9110, 10.1.1)
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise RefusedError(Problem(INVALID_REQUEST, "The service is no proxy: it has no method CONNECT."))
        self._check_target()
        self._check_coding()
        if self.parser.should_upgrade():
            lines = [b"%s %s HTTP/%s" % (method, self.url, version.encode("ascii"))]
            lines += [b"%s: %s" % line for line in self.headers if line[0] != b"upgrade"]
            self.plain_head = b"\r\n".join([*lines, b"", b""])
            return
        if self.crowded and not self.url.partition(b"?")[0].endswith(b"/healthz"):
            detail = f"There are {self.limits.connections} connections already ({variable('max_connections')})."
            headers = {"Connection": "close", "Retry-After": "1"}
            self.app = cast("Any", self._refusing(Problem(OVER_CAPACITY, detail, headers=headers)))
        scope, framing = cast("Scope", self.scope), self.framing
        self.length = declared_length(scope) or 0
        framing.connection = self
        offer_landing(scope, framing.land, framing.begun)
        super().on_headers_complete()
        self.cycle.transport = cast("Any", self.cork)
        if self.crowded:
            self.cycle.keep_alive = False
        if self.length > FIRST_BYTES:
            self.flow.pause_reading()
        self._stop_clock()
        self.at = _At.BODY
        self.moved = True
        self.body_since, self.body_bytes = self.loop.time(), 0

    def _check_target(self) -> None:
        """Refuse a target that is a whole address and names another host than the header Host does.

        HTTP has the header ignored then (RFC 9112, 3.2.2), and parsers on the way may have believed either.
        """
        if self.url.startswith((b"/", b"*")):
            return
        named = _ADDRESS.match(self.url)
        hosts = [value.lower() for name, value in self.headers if name == b"host"]
        if named is None or any(_PORT.sub(b"", host) != _PORT.sub(b"", named[1].lower()) for host in hosts):
            detail = "The target of the request names another host than its Host header."
            raise RefusedError(Problem(BAD_HOST, detail))

    def _check_coding(self) -> None:
        """Refuse a body in another transfer coding than chunks: it would be read as if it were not compressed."""
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and [coding.strip().lower() for coding in codings] != [b"chunked"]:
            detail = "A body may come in chunks, and in no other transfer coding; for gzip there is Content-Encoding."
            raise RefusedError(Problem(INVALID_REQUEST, detail))

    def on_chunk_header(self) -> None:
        """Count a chunk; only one with something in it is ever too many."""
        self.chunks += 1

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self.chunks > self.limits.chunks:
            most = f"{self.limits.chunks} chunks ({variable('max_chunks')})"
            raise RefusedError(Problem(BODY_TOO_LARGE, f"A body may come in at most {most}."))
        self._count_body(len(body))
        self.moved = True
        super().on_body(body)

    def _count_body(self, count: int) -> None:
        """Count bytes of a body, and refuse one that has come too slowly so far."""
        self.body_bytes += count
        seconds, least = self.loop.time() - self.body_since, self.limits.upload_bytes_per_second
        if seconds > self.limits.upload_grace_seconds and self.body_bytes < seconds * least:
            detail = f"The body came at less than {least:g} bytes per second on average, over {seconds:.0f} s"
            settings = f"{variable('min_upload_bytes_per_second')}, {variable('upload_grace_seconds')}"
            raise RefusedError(Problem(REQUEST_TIMEOUT, f"{detail} ({settings})."))

    def on_message_complete(self) -> None:
        """End a request, unless it will be read again."""
        if self.plain_head:
            return
        super().on_message_complete()
        tell_whole(cast("Scope", self.scope))
        self.framing.connection = None
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
            self._refuse(Problem(REQUEST_TIMEOUT, f"{detail} ({variable('head_seconds')})."), lingering=False)

    # Room for connections
    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for its next request, all others having been answered."""
        return self.timeout_keep_alive_task is not None and not self.transport.is_closing()

    def on_response_complete(self) -> None:
        """Go on with the next request, or be idle; either way the client has to take its answer."""
        self.cork.end()
        super().on_response_complete()
        self._go_on()
        if self.at is _At.BODY:
            self._expect_more()
            self._discard()
        self.idle_since = self.loop.time()
        if self.transport.get_write_buffer_size():
            self._watch_writing()

    def _find_room(self) -> None:
        """Close the connection that has been idle for longest; without one, let this one know that there is no room."""
        others = cast("set[StrictProtocol]", self.connections)
        idle = min((one for one in others if one.is_idle), key=lambda one: one.idle_since, default=None)
        if idle is not None:
            idle.transport.close()
        elif len(others) <= self.limits.connections + SPARE_CONNECTIONS:
            self.crowded = True
        else:
            self.transport.abort()

    # Clients that do not take their answer
    def pause_writing(self) -> None:
        """Begin to look whether the client takes what it is sent."""
        super().pause_writing()
        self._watch_writing()

    def _watch_writing(self) -> None:
        """Look now and then, until everything is sent or the connection is lost."""
        if self.write_clock is None:
            self.unwritten, self.unwritten_since = self.transport.get_write_buffer_size(), self.loop.time()
            self.write_clock = self.loop.call_later(self.limits.write_seconds / _LOOKS, self._look_at_writing)

    def _look_at_writing(self) -> None:
        """Give a client up that has taken nothing for too long."""
        self.write_clock = None
        size, now = self.transport.get_write_buffer_size(), self.loop.time()
        if size == self.unwritten and now - self.unwritten_since >= self.limits.write_seconds:
            self.transport.abort()
        elif size:
            since = self.unwritten_since if size == self.unwritten else now
            self._watch_writing()
            self.unwritten_since = since

    # The end of the service
    def give_up(self) -> None:
        """Refuse a request whose body is still coming: the time for that is over."""
        if self.at is _At.BODY and not self.refused and not self.cycle.response_complete:
            self._refuse(Problem(NOT_READY, NOT_READY.detail, headers={"Retry-After": "5"}))

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
        most = f"{self.limits.head_bytes} bytes ({variable('max_head_bytes')})"
        if self.at is _At.HEAD and len(self.url) * 2 > self.limits.head_bytes:
            return Problem(INVALID_REQUEST, f"The request line is too long; a whole head may have {most}.")
        lines = f"{self.limits.head_lines} ({variable('max_head_lines')})"
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
        closing = Problem(problem.kind, problem.detail, headers={**problem.headers, "Connection": "close"})
        if self.at is _At.BODY:
            self.shutdown()
            self.framing.problem = closing
            self.cycle.message_event.set()
            return
        # A request in place of the one that cannot be read. Of that one, as far as it was read, the method may matter,
        # since HEAD wants no body, and the origin, whose page could otherwise not read why.
        readable = self.at is _At.HEAD and self.url != b""
        origins = [line for line in self.headers if line[0] == b"origin"] if readable else []
        super().on_message_begin()
        self.url = b"/"
        self.headers += origins
        self.headers += [(b"transfer-encoding", b"chunked")] if lingering else []
        self.app = cast("Any", self._refusing(closing))
        super().on_headers_complete()
        self.scope["method"] = self.scope["method"] if readable else "GET"

    def _refusing(self, problem: Problem) -> App:
        """Make an application that refuses what it is asked, and listens for a while if any body may come.

        It is dressed as the answers of the application itself are; the order of the gates is in `app.main`.
        """

        async def refuse(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise RefusedError(problem)

        told = Journal(refuse, closed=self.closed)
        return BodyLimit(Headers(Origins(told, origins=self.origins) if self.origins else told), bytes=0, setting="")


def _parser(protocol: HttpToolsProtocol) -> httptools.HttpRequestParser:
    """Make a parser as uvicorn does."""
    made = httptools.HttpRequestParser(protocol)
    made.set_dangerous_leniencies(lenient_data_after_close=True)
    return made


class _Flow(FlowControl):
    """Whether the connection is read from: not while it is held, whoever wants more."""

    held = False

    def hold(self) -> None:
        """Read nothing until this is no longer `held`."""
        self.held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless it is held."""
        if not self.held:
            super().resume_reading()


_SHARED: Final = memoryview(bytearray(READ_BYTES))
"""Where all connections read what has no place of its own; it is done with before anything else is read."""


class _Reader(asyncio.BufferedProtocol):
    """What the transport calls: asks the connection where it wants its bytes.

    The connection cannot be this itself: a transport takes what is an `asyncio.Protocol`, as uvicorn's class is, for
    one that wants its bytes handed over.

    Parameters
    ----------
    connection
        The connection.
    """

    def __init__(self, connection: StrictProtocol) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin."""
        self.connection.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.connection.connection_lost(exc)

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Give the place for what comes next."""
        return self.connection.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Have read what came."""
        self.connection.arrived(nbytes)

    def eof_received(self) -> None:
        """Hear that the client sends nothing more."""
        self.connection.eof_received()

    def pause_writing(self) -> None:
        """Hear that the client does not take its answer."""
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        """Hear that it does."""
        self.connection.resume_writing()


def strict_protocol(
    limits: Limits, closed: Sequence[Callable[[Entry], None]] = (), origins: Sequence[str] = ()
) -> Callable[..., asyncio.BaseProtocol]:
    """Make what makes connections, for ``uvicorn.Config(http=...)``.

    Parameters
    ----------
    limits
        What a client may ask for.
    closed
        What is done with the entry of a request that is refused here, as in `Journal`.
    origins
        Whose pages may read what is refused here, as in `Origins`; by default none.
    """
    protocol = type("StrictProtocol", (StrictProtocol,), {"limits": limits, "closed": closed, "origins": origins})

    def connection(**circumstances: Any) -> _Reader:  # noqa: ANN401 - as uvicorn gives them
        return _Reader(protocol(**circumstances))

    return connection


@dataclass(slots=True)
class _Landing:
    """The place of a body, and how far it is filled.

    Attributes
    ----------
    place
        As long as the body.
    filled, taken
        How many bytes have come, and how many of them the application has seen.
    told
        When it was last told that there are more.
    """

    place: memoryview
    filled: int
    taken: int = 0
    told: float = 0.0

    def piece(self) -> memoryview:
        """Give what has come since this was last asked for."""
        begin, self.taken = self.taken, self.filled
        return self.place[begin : self.taken]


@dataclass(slots=True)
class _Framing:
    """What the reader of a request's body knows, and the application does not.

    Attributes
    ----------
    problem
        What was found wrong with its framing, once it was.
    landing
        Where it goes, if not through the hands of the parser.
    connection
        Who reads it, until it is whole: no longer, since from there on each would keep the other.
    """

    problem: Problem | None = None
    landing: _Landing | None = None
    connection: StrictProtocol | None = None

    def begun(self) -> int:
        """Tell how much of a body that is on its way has come, as `app.gates.landing` says."""
        return 0 if self.connection is None else self.connection.body_bytes

    def land(self, place: memoryview) -> bool:
        """Have the body go to a place, as `app.gates.landing` says."""
        if self.connection is None or self.landing is not None:
            return False
        self.landing = self.connection.land(place)
        return self.landing is not None


class _Framed:
    """Refuses a request whose body turned out to be wrongly framed, where its next piece is awaited."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        framing: _Framing = scope["state"][FRAMING]
        if is_whole(scope):
            await self.app(scope, receive, send)
            return
        started = False

        async def receive_framed() -> Message:
            message = await receive()
            if framing.problem is not None and not started:
                raise RefusedError(framing.problem)
            if framing.landing is not None and message["type"] == "http.request":
                message["body"] = framing.landing.piece()
                if not message["more_body"]:
                    framing.landing = None  # a connection that is idle would keep the body
            return message

        async def send_framed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        await self.app(scope, receive_framed, send_framed)


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
    "on_response_complete",
    "on_url",
    "pause_writing",
    "shutdown",
)
_ATTRIBUTES: Final = (
    *("app", "connections", "cycle", "flow", "headers", "loop", "parser", "pipeline", "scope"),
    *("timeout_keep_alive_task", "transport"),
)
_ATTRIBUTES_OF_CYCLE: Final = ("body", "keep_alive", "message_event", "response_complete", "transport")


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

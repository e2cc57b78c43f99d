"""Who may ask, and how often: bearer tokens from a file, and a rate for each of them or for each address."""

import hashlib
import hmac
import ipaddress
import logging
import math
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.gates.asgi import App, Receive, Scope, Send, header_values
from app.gates.entry import entry_of
from app.problems import TOO_MANY_REQUESTS, UNAUTHORIZED, Problem, RefusedError
from app.variables import variable

__all__ = ["Access", "Rate", "Tokens", "UnusableTokensError"]

SHORT_TOKEN: Final = 20
"""Tokens with fewer characters are warned of: they can be guessed."""

LARGEST_FILE_BYTES: Final = 2**20
"""How large a file of tokens may be."""

LOOK_SECONDS: Final = 1.0
"""How often the file is looked at: whether it has changed."""

MOST_CLIENTS: Final = 10_000
"""Of how many clients the rate is known; of more, those that were seen last."""

SECONDS: Final = 60.0
"""What a rate is counted over."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_BEARER: Final = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*) *")

_log: Final = logging.getLogger("lossgrid")


class UnusableTokensError(ValueError):
    """A file of tokens cannot be read, or is none."""


class Tokens:
    """The bearer tokens of a file, which is read anew when it has changed.

    A line is a token (RFC 6750: letters, digits and ``-._~+/=``), or a name for the log and a token with a blank
    between; a token without a name is called after its line. Empty lines, and those that begin with ``#``, are skipped.
    Kept are hashes: every one is compared with that of the token that came, in a time that tells nothing.

    Parameters
    ----------
    path
        The file.
    clock
        Tells seconds.

    Raises
    ------
    UnusableTokensError
        The file cannot be read, holds no token, or a line that is none.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._state = _state_of(path)
        self._tokens = _read(path)

    def name_of(self, token: bytes) -> str | None:
        """Give the name of a token; None if there is no such token."""
        self._look()
        digest = hashlib.sha256(token).digest()
        found = None
        for name, known in self._tokens:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _look(self) -> None:
        """Read the file anew if it has changed; the tokens stay as they were if it cannot be used."""
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if (state := _state_of(self._path)) == self._state:
            return
        self._state = state
        try:
            self._tokens = _read(self._path)
        except UnusableTokensError as error:
            _log.error("%s; the tokens stay as they were", error)
        else:
            _log.info("the file of tokens has changed: %d tokens", len(self._tokens))


def _state_of(path: Path) -> tuple[int, ...]:
    """Give what differs once a file has changed or has been replaced, also by way of a symbolic link."""
    try:
        found = os.stat(path)  # noqa: PTH116 - one call, 1 us
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def _read(path: Path) -> list[tuple[str, bytes]]:
    """Read names, and the hashes of their tokens."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
        text = content.decode("ascii")
    except OSError as error:
        raise UnusableTokensError(f"the file of tokens cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UnusableTokensError("the file of tokens holds more than ASCII") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise UnusableTokensError(f"the file of tokens has more than {LARGEST_FILE_BYTES} bytes")
    found, short = [], 0
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        *names, token = words
        name = names[0] if names else f"line-{number}"
        if len(names) > 1 or not _NAME.fullmatch(name) or not _TOKEN.fullmatch(token):
            raise UnusableTokensError(
                f"line {number} of the file of tokens is neither a token nor a name and a token with a blank between"
            )
        short += len(token) < SHORT_TOKEN
        found.append((name, hashlib.sha256(token.encode("ascii")).digest()))
    if not found:
        raise UnusableTokensError("the file of tokens holds none")
    if short:
        _log.warning("%d of %d tokens have fewer than %d characters", short, len(found), SHORT_TOKEN)
    return found


class Rate:
    """How many requests a client may send: so many a minute, all of them at once after a minute's rest.

    For each client one number is kept: until when it would have to wait if what it sent were spread evenly. At most
    `MOST_CLIENTS` are known; of more, those seen longest ago are forgotten.

    Parameters
    ----------
    per_minute
        How many requests.
    clock
        Tells seconds.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._interval = SECONDS / per_minute
        self._clock = clock
        self._spread_until: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str) -> None:
        """Let a client send one more request.

        Raises
        ------
        RefusedError
            429: it has to wait.
        """
        now = self._clock()
        until = max(self._spread_until.get(client, now), now)
        # A little more than nothing, since the intervals of a minute add up to it only nearly.
        wait = until - now - (SECONDS - self._interval) - 1e-6
        if wait > 0:
            seconds = math.ceil(wait)
            most = f"{self.per_minute} requests a minute ({variable('rate_per_minute')})"
            detail = f"One client may send {most}; wait {seconds} s."
            raise RefusedError(Problem(TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(seconds)}))
        self._spread_until[client] = until + self._interval
        self._spread_until.move_to_end(client)
        if len(self._spread_until) > MOST_CLIENTS:
            self._spread_until.popitem(last=False)


class Access:
    """Refuses requests without a token that is known, and those that come too often.

    Routes that are open, to be read (GET, HEAD), need no token and are not counted; nor is OPTIONS, which answers with
    the methods of a path. A path that leads nowhere is not open. The refusal is a `RefusedError`, which the gate
    `Journal` answers, so that gate has to come before.

    Parameters
    ----------
    app
        What comes next.
    tokens
        Those that are known; None if none is asked for.
    rate
        How often a token, or else an address, may be used; None if it does not matter.
    opened
        The templates of the routes that are open.
    """

    def __init__(
        self, app: App, *, tokens: Tokens | None, rate: Rate | None, opened: frozenset[str] = frozenset()
    ) -> None:
        self.app = app
        self.tokens = tokens
        self.rate = rate
        self.opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            self._admit(scope)
        await self.app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        """Let a request in, and note whose it is."""
        entry = entry_of(scope)
        method = scope["method"]
        if method == "OPTIONS" or (method in {"GET", "HEAD"} and entry.route in self.opened):
            return
        refusal = None
        if self.tokens is not None:
            try:
                entry.token = _name_in(scope, self.tokens)
            except RefusedError as error:
                refusal = error
        if self.rate is not None:
            # Whoever tries tokens out is held up as well, by address.
            self.rate.take(f"token {entry.token}" if entry.token else _neighbourhood(entry.client))
        if refusal is not None:
            raise refusal


def _name_in(scope: Scope, tokens: Tokens) -> str:
    """Give the name of the token that a request came with.

    Raises
    ------
    RefusedError
        401: it came with none, or one that is not known.
    """
    given = header_values(scope, b"authorization")
    bearer = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    if bearer is None:
        detail = "A token is wanted: send one header Authorization: Bearer, a blank, and the token."
        raise RefusedError(Problem(UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="lossgrid"'}))
    name = tokens.name_of(bearer[1])
    if name is None:
        wrong = 'Bearer realm="lossgrid", error="invalid_token"'
        raise RefusedError(Problem(UNAUTHORIZED, "The token is not known.", headers={"WWW-Authenticate": wrong}))
    return name


def _neighbourhood(client: str) -> str:
    """Give the addresses that count as one client: for IPv6 a network of 64 bits, of which one customer has all."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return client

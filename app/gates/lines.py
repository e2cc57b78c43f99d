"""How the log is written: lines of text for people, or of JSON for machines; one for each request that was served.

A line holds the method, the template of the route, sizes, times and names that are ours. Nothing that a client made up
is ever in it: no path, no query, no header, no field of a body. So nobody can forge a line, and nothing leaks.
"""

import logging
import time
from typing import Any, Final, Literal

import orjson

from app.gates.entry import Entry

__all__ = ["FORMATTERS", "JsonLines", "TextLines", "configuration", "write"]

QUIET_ROUTES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes whose good answers are told at the level debug only: they are asked for every few seconds."""

_log: Final = logging.getLogger("lossgrid")
_ERRORS_FROM: Final = 400


def write(entry: Entry) -> None:
    """Log a request that has ended: one line at the level info, or debug if a probe had a good answer."""
    quiet = entry.route in QUIET_ROUTES and entry.status < _ERRORS_FROM
    level = logging.DEBUG if quiet else logging.INFO
    if _log.isEnabledFor(level):
        # Not through `Logger.log`, which would look for the line of code that it is called from, at half of the cost.
        _log.handle(logging.LogRecord(_log.name, level, __file__, 0, _Request(entry), None, None))


class _Request:
    """The message of a record that is about a request."""

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def __str__(self) -> str:
        e = self.entry
        return (
            f"request id={e.name} method={e.method} route={e.route} status={e.status or '-'} ms={e.seconds * 1e3:.1f}"
            f" in={e.bytes_in} out={e.bytes_out} client={e.client or '-'} token={e.token or '-'}"
            f" problem={e.problem or '-'}"
        )

    def members(self) -> dict[str, Any]:
        """Give what is told, for a line of JSON."""
        e = self.entry
        return {
            "message": "request",
            "id": e.name,
            "method": e.method,
            "route": e.route,
            "status": e.status or None,
            "ms": round(e.seconds * 1e3, 3),
            "in": e.bytes_in,
            "out": e.bytes_out,
            "client": e.client or None,
            "token": e.token or None,
            "problem": e.problem or None,
        }


class TextLines(logging.Formatter):
    """Lines for people: the time (UTC), the level, the message."""

    def __init__(self) -> None:
        super().__init__()
        self._second = -1
        self._clock = ""

    def time_of(self, record: logging.LogRecord) -> str:
        """Write the time of a record (ISO 8601, UTC, milliseconds); what changes once a second is kept."""
        second, fraction = divmod(record.created, 1)
        if second != self._second:
            self._second, self._clock = int(second), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._clock}.{int(fraction * 1000):03}Z"

    def format(self, record: logging.LogRecord) -> str:
        """Write a record, and below it the traceback of the exception that it is about."""
        line = f"{self.time_of(record)} {record.levelname} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(TextLines):
    """Lines for machines: one JSON object each, a traceback inside it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        what = record.msg.members() if isinstance(record.msg, _Request) else {"message": record.getMessage()}
        members = {"time": self.time_of(record), "level": record.levelname.lower(), **what}
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(members, default=str).decode()


FORMATTERS: Final = {"text": TextLines, "json": JsonLines}


def configuration(level: str, form: Literal["text", "json"]) -> dict[str, Any]:
    """Give the logging of the service and its server, for `logging.config.dictConfig`.

    Parameters
    ----------
    level
        The least important messages that are logged.
    form
        How a line is written.
    """
    handling = {"handlers": ["stderr"], "propagate": False, "level": level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": FORMATTERS[form]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {name: dict(handling) for name in ("lossgrid", "uvicorn", "fastapi")},
    }

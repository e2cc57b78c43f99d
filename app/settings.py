"""What an operator can set: one frozen class, filled from the environment (LOSSGRID_*).

An unknown LOSSGRID_* variable or an impossible value stops the start: a misspelt limit must not silently be no limit.
Names are upper case: lossgrid_port is misspelt too. Those that begin with LOSSGRID_TEST_ belong to the tests of the
project and are ignored.
"""

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.cores import usable_cores
from app.losses.refusals import nearest
from app.variables import PREFIX, variable

__all__ = [
    "Beyond",
    "ImpossibleSettingsError",
    "Limit",
    "Settings",
    "from_environment",
    "limits",
    "listed",
    "table",
]

PREFIX_OF_TESTS = "LOSSGRID_TEST_"

_UNITS: Final = ("bytes", "chunks", "digits", "features", "lines", "samples", "seconds")
"""With which the name of a number ends that counts them."""

_WANTED: Final = "wanted"
"""Where the extra schema of a field says what it may be, where its type does not tell."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """Marks a setting as a limit, in its annotation: `limits` lists it.

    Attributes
    ----------
    status
        With which a request beyond it is refused; None if it waits, or the connection is closed without a word.
    unit
        What is counted, where the name of the setting does not end with it.
    zero
        What the value 0 stands for, given all settings, if it is not the number 0; None is no limit.
    """

    status: int | None
    unit: str = ""
    zero: Callable[["Settings"], int | None] | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit in force.

    Attributes
    ----------
    name
        A name in lower case.
    value
        The number; None if the limit is switched off.
    unit
        What is counted.
    setting
        The variable that changes it; None if none does.
    meaning
        What is limited.
    beyond
        With which status a request beyond it is refused; None if it waits, or the connection is closed without a word.
    """

    name: str
    value: int | None
    unit: str
    setting: str | None
    meaning: str
    beyond: int | None


_HOST_NAME: Final = r"(\*|(\*\.)?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"

_ORIGIN: Final = r"(\*|https?://[A-Za-z0-9.-]+(:[0-9]+)?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]+)?)"


class Settings(BaseSettings):
    """Every setting of the service; see `table` for what they mean."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: Annotated[
        str,
        Field(min_length=1, description="address to listen on; 0.0.0.0 or :: for every interface"),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Field(ge=0, le=65535, description="TCP port to listen on; 0 lets the system choose a free one"),
    ] = 8000
    root_path: Annotated[
        str,
        Field(
            pattern=r"^(/[^/]+)*$",
            description="path prefix under which a reverse proxy shows the service, as in `/loss`;"
            " the proxy may strip it or keep it",
            json_schema_extra={
                _WANTED: 'nothing or a path that begins with a slash and does not end with one is wanted, as in "/loss"'
            },
        ),
    ] = ""
    allowed_hosts: Annotated[
        str,
        Field(
            pattern=rf"^({_HOST_NAME}( *, *{_HOST_NAME})*)?$",
            description="names by which the service may be addressed, with commas between; `*.example.org` stands for"
            " every name below it, `*` for any; by default the names of the loopback address where LOSSGRID_HOST is"
            " one, else any",
            json_schema_extra={
                _WANTED: "names or addresses without a port are wanted, with commas between, as in"
                ' "loss.example.org, *.example.net"'
            },
        ),
    ] = ""
    trusted_proxies: Annotated[
        str,
        Field(
            pattern=r"^([0-9A-Fa-f.:]+(/[0-9]+)?( *, *[0-9A-Fa-f.:]+(/[0-9]+)?)*)?$",
            description="addresses and networks of reverse proxies whose X-Forwarded-For is believed, with commas"
            " between; by default none is",
            json_schema_extra={
                _WANTED: 'addresses or networks are wanted, with commas between, as in "127.0.0.1, 10.0.0.0/8"'
            },
        ),
    ] = ""
    tokens_file: Annotated[
        str,
        Field(
            description="file of bearer tokens, one in a line, perhaps with a name and a blank before it; read anew"
            " when it changes; by default no token is wanted"
        ),
    ] = ""
    rate_per_minute: Annotated[
        int,
        Beyond(429, "requests per minute", lambda _: None),
        Field(
            ge=0,
            le=1_000_000,
            description="how many requests a token, or else an address, may send in a minute to what is not open to"
            " all; 0 means any number",
        ),
    ] = 0
    cors_origins: Annotated[
        str,
        Field(
            pattern=rf"^({_ORIGIN}( *, *{_ORIGIN})*)?$",
            description="origins whose pages a browser lets read the answers, as in `https://example.org`, with commas"
            " between; `*` for any; by default none but our own",
            json_schema_extra={
                _WANTED: "schemes and hosts without a path are wanted, with commas between, as in"
                ' "https://example.org, http://localhost:5173"'
            },
        ),
    ] = ""
    max_json_bytes: Annotated[
        int,
        Beyond(413),
        Field(ge=1, le=2**31, description="largest JSON body in bytes, as it arrives and again after gzip is inflated"),
    ] = 64 * 2**20
    max_upload_bytes: Annotated[
        int,
        Beyond(413),
        Field(
            ge=1,
            le=2**31,
            description="largest body of another kind in bytes, as it arrives and again after gzip or its own members"
            " are inflated",
        ),
    ] = 2 * 2**30
    max_expansion: Annotated[
        int,
        Beyond(413, "times"),
        Field(
            ge=1,
            le=2**31,
            description="how many times its compressed size a member of an archive may inflate to, above 1 MiB, and a"
            " body with gzip, above 64 MiB",
        ),
    ] = 100
    spool_directory: Annotated[
        str,
        Field(
            description="directory on a disk for large bodies while they are read, in files without a name; empty for"
            " the system's own for temporary files"
        ),
    ] = ""
    spool_threshold_bytes: Annotated[
        int,
        Beyond(None),
        Field(ge=1, le=2**31, description="bytes that one request may hold in memory; beyond them it is on disk"),
    ] = 64 * 2**20
    bodies_in_memory_bytes: Annotated[
        int,
        Beyond(None),
        Field(
            ge=0,
            le=2**40,
            description="bytes that all requests of a process may hold in memory, beside 64 KiB each; beyond them"
            " they are on disk",
        ),
    ] = 128 * 2**20
    max_samples: Annotated[
        int,
        Beyond(413),
        Field(ge=1, le=2**31, description="how many samples a batch may have"),
    ] = 1_000_000
    max_features: Annotated[
        int,
        Beyond(413),
        Field(ge=1, le=2**31, description="how many features, or latents, a sample may have"),
    ] = 2**22
    max_answer_bytes: Annotated[
        int,
        Beyond(413),
        Field(
            ge=1,
            le=2**31,
            description="bytes of the arrays that an answer may hold, 8 for each number; as text it takes up to three"
            " times as many",
        ),
    ] = 64 * 2**20
    max_json_depth: Annotated[
        int,
        Beyond(400, "levels"),
        Field(ge=2, le=64, description="how many levels a JSON body may be nested"),
    ] = 32
    max_integer_digits: Annotated[
        int,
        Beyond(422),
        Field(ge=17, le=4300, description="how many digits an integer of a JSON body may have"),
    ] = 320
    max_spectrum: Annotated[
        int,
        Beyond(422, "eigenvalues"),
        Field(
            ge=1,
            le=2**15,
            description="how many eigenvalues `collapse` computes: the lesser of the numbers of samples and features;"
            " the time grows with its cube",
        ),
    ] = 2048
    computing_threads: Annotated[
        int,
        Beyond(None, "requests", lambda settings: settings.cores_for_each),
        Field(
            ge=0,
            le=1024,
            description="how many requests each worker decodes and computes at once; 0 means one per core"
            " that the service may use, shared out among the workers",
        ),
    ] = 0
    engine_threads: Annotated[
        int,
        Beyond(None, "threads", lambda settings: settings.cores_for_each),
        Field(
            ge=0,
            le=1024,
            description="how many threads of a worker compute one large batch; 0 means as many as there are"
            " cores for it",
        ),
    ] = 0
    max_waiting: Annotated[
        int,
        Beyond(503, "requests"),
        Field(
            ge=0,
            le=65536,
            description="how many more requests may wait for their turn; beyond that they are refused,"
            " and earlier where they would wait for more than twice the usual service time",
        ),
    ] = 32
    computing_seconds: Annotated[
        int,
        Beyond(503),
        Field(ge=1, le=86400, description="seconds that the computation of one request may take"),
    ] = 60
    workers: Annotated[
        int,
        Field(
            ge=1, le=256, description="how many processes serve, each with threads, queue and connections of its own"
        ),
    ] = 1
    max_connections: Annotated[
        int,
        Beyond(503, "connections"),
        Field(ge=1, le=65536, description="how many connections may be open; idle ones make room for new ones"),
    ] = 512
    max_head_bytes: Annotated[
        int,
        Beyond(431),
        Field(
            ge=1024,
            le=2**24,
            description="largest head of a request in bytes; as many may frame a body between two pieces of it",
        ),
    ] = 64 * 2**10
    max_head_lines: Annotated[
        int,
        Beyond(431),
        Field(ge=8, le=10_000, description="how many header lines a request may have"),
    ] = 100
    max_chunks: Annotated[
        int,
        Beyond(413),
        Field(ge=1, le=2**31, description="in how many chunks a body may come"),
    ] = 65_536
    head_seconds: Annotated[
        int,
        Beyond(408),
        Field(ge=1, le=3600, description="seconds that a client may take over the head of a request"),
    ] = 8
    silence_seconds: Annotated[
        int,
        Beyond(408),
        Field(ge=1, le=3600, description="seconds that a client may be silent in the midst of a body"),
    ] = 8
    upload_grace_seconds: Annotated[
        int,
        Beyond(408),
        Field(ge=1, le=3600, description="seconds that a body may take at any speed"),
    ] = 30
    min_upload_bytes_per_second: Annotated[
        int,
        Beyond(408, "bytes per second", lambda _: None),
        Field(ge=0, le=2**20, description="least average speed of a body in bytes per second that takes longer"),
    ] = 1024
    idle_seconds: Annotated[
        int,
        Beyond(None),
        Field(ge=1, le=3600, description="seconds that a connection may be idle between two requests"),
    ] = 75
    write_seconds: Annotated[
        int,
        Beyond(None),
        Field(ge=1, le=3600, description="seconds in which a client must take some of its answer"),
    ] = 30
    drain_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=3600,
            description="seconds that requests are still taken after SIGTERM or Ctrl+C, with /readyz at"
            " 503, so that load balancers notice before connections are refused",
        ),
    ] = 0
    graceful_seconds: Annotated[
        int,
        Beyond(503),
        Field(ge=1, le=3600, description="seconds that requests in flight get to finish after that"),
    ] = 6
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="least important messages that are logged: `debug`, `info`, `warning` or `error`"),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Field(description="how lines of the log are written: `text` for people, `json` for machines"),
    ] = "text"

    @property
    def cores_for_each(self) -> int:
        """How many cores each worker has, at least one: those that this process may use, shared out."""
        return max(1, usable_cores() // self.workers)


class ImpossibleSettingsError(ValueError):
    """The environment holds settings that cannot be.

    Attributes
    ----------
    faults
        One line for each.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def from_environment() -> Settings:
    """Read the settings from the environment of the process.

    Raises
    ------
    ImpossibleSettingsError
        A LOSSGRID_* variable that is not known, or a value that is not possible: all of them at once.
    """
    known = [variable(field) for field in Settings.model_fields]
    faults = []
    for name in sorted(os.environ):
        ours = name.upper().startswith(PREFIX) and not name.upper().startswith(PREFIX_OF_TESTS)
        if ours and name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            faults.append(f"{name} is not a setting; {hint}")
    settings = None
    try:
        settings = Settings()
    except ValidationError as error:
        fields = [str(fault["loc"][0]) for fault in error.errors(include_url=False, include_input=False)]
        faults += [f"{variable(field)} is not possible: {_wanted(field)}" for field in fields]
    if settings is not None and not all(map(_is_network, listed(settings.trusted_proxies))):
        faults.append(f"{variable('trusted_proxies')} is not possible: {_wanted('trusted_proxies')}")
    if settings is not None and not _can_be_used(settings.spool_directory):
        faults.append(f"{variable('spool_directory')} is not possible: a directory that can be written to is wanted")
    if settings is None or faults:
        raise ImpossibleSettingsError(faults)
    return settings


def _is_network(text: str) -> bool:
    """Tell whether a text is an address or a network: which of those that look like one are none, no pattern says."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _can_be_used(directory: str) -> bool:
    """Tell whether files can be made in a directory; the system's own, with no name, is taken on trust."""
    return not directory or (Path(directory).is_dir() and os.access(directory, os.W_OK | os.X_OK))


def _wanted(field: str) -> str:
    """Say what a setting may be."""
    row = Settings.model_json_schema()["properties"][field]
    if row["type"] == "integer":
        unit = field.rpartition("_")[2]
        what = f"number of {unit}" if unit in _UNITS else "number"
        return f"a whole {what} from {row['minimum']} to {row['maximum']} is wanted"
    if "enum" in row:
        return f"one of {', '.join(row['enum'])} is wanted"
    if _WANTED in row:
        return str(row[_WANTED])
    return "it is empty; leave it out to have the default"


def listed(text: str) -> list[str]:
    """Take the parts of a setting that has commas between them."""
    return [part for part in (piece.strip() for piece in text.split(",")) if part]


def limits(settings: Settings) -> list[Limit]:
    """List the settings that are limits, in the order of their fields."""
    found = []
    for name, field in Settings.model_fields.items():
        for mark in (one for one in field.metadata if isinstance(one, Beyond)):
            unit = mark.unit or name.rpartition("_")[2]
            value = getattr(settings, name)
            if value == 0 and mark.zero is not None:
                value = mark.zero(settings)
            found.append(Limit(name, value, unit, variable(name), f"{field.description}", mark.status))
    return found


def table() -> str:
    """Render every setting as a Markdown table, so that documents can be compared with it."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "empty" if field.default == "" else f"`{field.default}`"
        lines.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"

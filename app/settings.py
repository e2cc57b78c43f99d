"""What an operator can set: one frozen class, filled from the environment (LOSSGRID_*).

An unknown LOSSGRID_* variable or an impossible value stops the start: a misspelt limit must not silently be no limit.
Names are upper case: lossgrid_port is misspelt too. Those that begin with LOSSGRID_TEST_ belong to the tests of the
project and are ignored.
"""

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.losses.refusals import nearest

__all__ = ["PREFIX", "ImpossibleSettingsError", "Settings", "from_environment", "table", "variable"]

PREFIX = "LOSSGRID_"
PREFIX_OF_TESTS = "LOSSGRID_TEST_"

_UNITS: Final = ("bytes", "digits", "features", "samples", "seconds")
"""With which the name of a number ends that counts them."""


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
        ),
    ] = ""
    max_json_bytes: Annotated[
        int,
        Field(ge=1, le=2**31, description="largest JSON body in bytes, as it arrives and again after gzip is inflated"),
    ] = 64 * 2**20
    max_upload_bytes: Annotated[
        int,
        Field(
            ge=1,
            le=2**31,
            description="largest body of another kind in bytes, as it arrives and again after gzip or its own members"
            " are inflated",
        ),
    ] = 2 * 2**30
    spool_directory: Annotated[
        str,
        Field(
            description="directory on a disk for large bodies while they are read, in files without a name; empty for"
            " the system's own for temporary files"
        ),
    ] = ""
    spool_threshold_bytes: Annotated[
        int,
        Field(ge=1, le=2**31, description="bytes that one request may hold in memory; beyond them it is on disk"),
    ] = 32 * 2**20
    bodies_in_memory_bytes: Annotated[
        int,
        Field(
            ge=0,
            le=2**40,
            description="bytes that all requests of a process may hold in memory, beside 64 KiB each; beyond them"
            " they are on disk",
        ),
    ] = 128 * 2**20
    max_samples: Annotated[
        int,
        Field(ge=1, le=2**31, description="how many samples a batch may have"),
    ] = 1_000_000
    max_features: Annotated[
        int,
        Field(ge=1, le=2**31, description="how many features, or latents, a sample may have"),
    ] = 2**22
    max_answer_bytes: Annotated[
        int,
        Field(
            ge=1,
            le=2**31,
            description="bytes of the arrays that an answer may hold, 8 for each number; as text it takes up to three"
            " times as many",
        ),
    ] = 64 * 2**20
    max_json_depth: Annotated[
        int,
        Field(ge=2, le=64, description="how many levels a JSON body may be nested"),
    ] = 32
    max_integer_digits: Annotated[
        int,
        Field(ge=17, le=4300, description="how many digits an integer of a JSON body may have"),
    ] = 320
    computing_threads: Annotated[
        int,
        Field(ge=0, le=1024, description="how many requests are decoded and computed at once; 0 means one per core"),
    ] = 0
    head_seconds: Annotated[
        int,
        Field(ge=1, le=3600, description="seconds that a client may take over the head of a request"),
    ] = 8
    silence_seconds: Annotated[
        int,
        Field(ge=1, le=3600, description="seconds that a client may be silent in the midst of a body"),
    ] = 8
    graceful_seconds: Annotated[
        int,
        Field(ge=1, le=3600, description="seconds that requests in flight get to finish after SIGTERM or Ctrl+C"),
    ] = 7
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="least important messages that are logged: `debug`, `info`, `warning` or `error`"),
    ] = "info"


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


def variable(field: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + field.upper()


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
    if settings is not None and not _can_be_used(settings.spool_directory):
        faults.append(f"{variable('spool_directory')} is not possible: a directory that can be written to is wanted")
    if settings is None or faults:
        raise ImpossibleSettingsError(faults)
    return settings


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
    if "pattern" in row:
        return 'nothing or a path that begins with a slash and does not end with one is wanted, as in "/loss"'
    return "it is empty; leave it out to have the default"


def table() -> str:
    """Render every setting as a Markdown table, so that documents can be compared with it."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "empty" if field.default == "" else f"`{field.default}`"
        lines.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"

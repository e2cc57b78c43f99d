"""What an operator can set: one frozen class, filled from the environment (LOSSGRID_*).

An unknown LOSSGRID_* variable or an impossible value stops the start: a misspelt limit must not silently be no limit.
Names that begin with LOSSGRID_TEST_ belong to the tests of the project and are ignored.
"""

import difflib
import os
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["PREFIX", "ImpossibleSettingsError", "Settings", "from_environment", "table", "variable"]

PREFIX = "LOSSGRID_"
PREFIX_OF_TESTS = "LOSSGRID_TEST_"


def _a_path_prefix(value: str) -> str:
    """Take "" or "/some/prefix"."""
    if value and (not value.startswith("/") or value.endswith("/") or "//" in value):
        message = 'a path prefix is wanted: "" or one that begins with a slash and does not end with one, as in "/loss"'
        raise ValueError(message)
    return value


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
        AfterValidator(_a_path_prefix),
        Field(
            description="path prefix under which a reverse proxy shows the service, as in `/loss`;"
            " the proxy may strip it or keep it"
        ),
    ] = ""
    max_json_bytes: Annotated[
        int,
        Field(ge=1, le=2**31, description="largest JSON body in bytes, as it arrives and again after gzip is inflated"),
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
        if ours and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            faults.append(f"{name} is not a setting; did you mean {nearest[0]}?")
    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            reason = fault["msg"].removeprefix("Value error, ")
            faults.append(f"{variable(str(fault['loc'][0]))} is not possible: {reason[:1].lower()}{reason[1:]}")
        raise ImpossibleSettingsError(faults) from None
    if faults:
        raise ImpossibleSettingsError(faults)
    return settings


def table() -> str:
    """Render every setting as a Markdown table, so that documents can be compared with it."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "empty" if field.default == "" else f"`{field.default}`"
        lines.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"

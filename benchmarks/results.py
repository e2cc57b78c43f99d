"""What came out, as records that are written to a file and read again, so that the page can be made anew."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchmarks.machine import Machine
from benchmarks.spread import Spread

__all__ = [
    "LoadResult",
    "MemoryResult",
    "PeerResult",
    "PeerRow",
    "PeersResults",
    "RowResult",
    "ServiceResults",
    "read",
    "write",
]


class RowResult(msgspec.Struct, frozen=True):
    """One row of `benchmarks.rows`.

    Attributes
    ----------
    row, size, form, elements
        Which one.
    body_bytes
        Of our request, head and all.
    rounds
        How often everybody was asked.
    seconds
        From the first byte sent to the last one received, by who was asked.
    to_ours
        How many times as long as ours somebody took, round by round.
    of_limit
        How many times as long as the limit we took, round by round.
    worked
        Seconds of all cores that the process of ours and of the usual service used for a request, on average.
    """

    row: str
    size: str
    form: str
    elements: int
    body_bytes: int
    rounds: int
    seconds: dict[str, Spread]
    to_ours: dict[str, Spread]
    of_limit: Spread
    worked: dict[str, float] = {}


class MemoryResult(msgspec.Struct, frozen=True):
    """How much the memory of a service grew at most over a request, in bytes, and what it was before."""

    who: str
    form: str
    size: str
    elements: int
    body_bytes: int
    idle_bytes: int
    grown_bytes: int


class LoadResult(msgspec.Struct, frozen=True):
    """What so many clients got: answers per second, 503s, and latencies in seconds, the median and the 95th percentile.

    Latencies are None where every request was refused.
    """

    row: str
    who: str
    clients: int
    per_second: float
    refused: int
    median: float | None
    worst_of_20: float | None


class ServiceResults(msgspec.Struct, frozen=True):
    """A run of `make bench`."""

    machine: Machine
    rows: list[RowResult]
    memory: list[MemoryResult]
    load: list[LoadResult]


class PeerRow(msgspec.Struct, frozen=True):
    """A peer and ours, asked in turns with the same batch, each in its own format."""

    size: str
    peer_form: str
    our_form: str
    rounds: int
    peer: Spread
    ours: Spread
    to_ours: Spread


class PeerResult(msgspec.Struct, frozen=True):
    """All rows of a peer; where it could not be run, why."""

    peer: str
    version: str
    rows: list[PeerRow]
    failure: str = ""


class PeersResults(msgspec.Struct, frozen=True):
    """A run of `make bench-peers`."""

    machine: Machine
    peers: list[PeerResult]


_Results = TypeVar("_Results", ServiceResults, PeersResults)


def write(path: Path, results: ServiceResults | PeersResults) -> None:
    """Write results as JSON, numbers with as many digits as mean something."""
    plain = _rounded(msgspec.to_builtins(results))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n")


def read(path: Path, kind: type[_Results]) -> _Results | None:
    """Read results; None where there are none."""
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def _rounded(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Leave four digits of every number with a decimal point."""
    if isinstance(node, Mapping):
        return {name: _rounded(one) for name, one in node.items()}
    if isinstance(node, list):
        return [_rounded(one) for one in node]
    return float(f"{node:.4g}") if isinstance(node, float) else node

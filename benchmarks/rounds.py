"""Rows are measured in rounds: everybody is asked once, one after the other, and every round begins with another."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np

from benchmarks.batches import arrays, upload
from benchmarks.client import Client, Refused, Request
from benchmarks.results import RowResult
from benchmarks.rows import Row
from benchmarks.servers import Server
from benchmarks.services.reductions import document
from benchmarks.spread import Spread

__all__ = ["FAILED", "Asked", "Pace", "in_turns", "measured", "requests"]

FAILED: Final = "failed"
"""How a line begins that says what could not be measured."""

_TOLERANCE: Final = {"safetensors BF16": 0.02}
_USUAL_TOLERANCE: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a row is measured: until `seconds` are over, but at least `least` and at most `most` rounds."""

    seconds: float
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, by name, and what."""

    client: Client
    request: Request


def in_turns(asked: Mapping[str, Asked], pace: Pace) -> dict[str, list[float]]:
    """Ask everybody in turns, and give the seconds that each took, round by round, after a round for warming up."""
    names = list(asked)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for one in asked.values():
        one.client.ask(one.request)
    deadline = time.monotonic() + pace.seconds
    rounds = 0
    while rounds < pace.least or (rounds < pace.most and time.monotonic() < deadline):
        first = rounds % len(names)
        for name in names[first:] + names[:first]:
            one = asked[name]
            taken[name].append(one.client.ask(one.request).seconds)
        rounds += 1
    return taken


def requests(row: Row, servers: Mapping[str, Server]) -> dict[str, tuple[Server, Request]]:
    """Write the requests of a row, and check that the answers are right.

    Parameters
    ----------
    row
        Which one.
    servers
        ``ours``, ``limit`` and, where it is to be measured, ``usual``.

    Returns
    -------
    dict
        For each of them, and for ``echo`` where the body is not text: whom to ask, and what.

    Raises
    ------
    ValueError
        The answer of a service is not the loss of the batch.
    """
    batch = arrays(row.size)
    mine = upload(row.form, batch, row.include)
    query = f"?{urlencode({'include': ','.join(row.include)})}" if row.include and "JSON" not in row.form else ""
    accept = {"Accept": "application/x-npz"} if row.archive else {}
    found = {"ours": (servers["ours"], Request.of(f"/loss{query}", mine.body, {**mine.headers, **accept}))}
    if "usual" in servers:
        theirs = upload(row.usual_form, batch, row.include)
        found["usual"] = (servers["usual"], Request.of("/loss", theirs.body, theirs.headers))
    expected = document(batch["x"], batch["y"], batch.get("mu"), batch.get("logvar"))["variants"]
    length = 0
    for name, (server, request) in found.items():
        with Client(server.port) as client:
            answer = client.ask(request).body
        if name == "ours":
            length = len(answer)
        if not (row.archive and name == "ours"):
            tolerance = _TOLERANCE.get(row.form, _USUAL_TOLERANCE)
            _check(json.loads(answer)["variants"], expected, tolerance, f"{name} for {row.name}")
    neutral = {"Content-Type": "application/octet-stream"}
    found["limit"] = (servers["limit"], Request.of(f"{row.limit}?{length}", mine.body, neutral))
    if row.limit == "/bytes":
        found["echo"] = (servers["limit"], Request.of("/echo", mine.body, neutral))
    return found


def _check(variants: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float, who: str) -> None:
    """Compare every total with what it should be."""
    if variants.keys() != expected.keys() or not all(
        np.isclose(variants[name]["total"], one["total"], rtol=tolerance, atol=0) for name, one in expected.items()
    ):
        raise ValueError(f"{who}: the totals are wrong")


def measured(
    rows: Sequence[Row], servers: Mapping[str, Server], pace: Callable[[Row], Pace], say: Callable[[str], None]
) -> list[RowResult]:
    """Measure rows.

    Parameters
    ----------
    rows
        Which ones.
    servers
        As of `requests`.
    pace
        How long each is measured.
    say
        Is told of every row when it is done, and of one that fails, which is left out.
    """
    results = []
    for row in rows:
        try:
            result = _row(row, servers, pace(row))
        except (Refused, OSError, ValueError) as error:
            say(f"{FAILED}: {row.name}: {error}")
        else:
            results.append(result)
            times = ", ".join(f"{name} {1000 * one.median:.3g} ms" for name, one in result.seconds.items())
            say(f"{row.name}: {times}")
    return results


def _row(row: Row, servers: Mapping[str, Server], pace: Pace) -> RowResult:
    """Measure a row."""
    wanted = requests(row, servers)
    alone = [name for name in wanted if name in {"ours", "usual"}]  # the limit is asked in two ways
    with contextlib.ExitStack() as open_ones:
        asked = {
            name: Asked(open_ones.enter_context(Client(server.port)), request)
            for name, (server, request) in wanted.items()
        }
        before = {name: servers[name].worked() for name in alone}
        seconds = in_turns(asked, pace)
        worked = {name: (servers[name].worked() - before[name]) / (len(seconds[name]) + 1) for name in alone}
    return RowResult(
        row=row.name,
        size=str(row.size),
        form=row.form,
        elements=row.size.elements,
        body_bytes=len(asked["ours"].request.text),
        rounds=len(seconds["ours"]),
        seconds={name: Spread.of(values) for name, values in seconds.items()},
        to_ours={name: Spread.of_ratios(values, seconds["ours"]) for name, values in seconds.items()},
        of_limit=Spread.of_ratios(seconds["ours"], seconds["limit"]),
        worked=worked,
    )

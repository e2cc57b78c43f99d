"""Each peer and our service are asked in turns for the loss of the same batch."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.batches import arrays, upload
from benchmarks.client import Client, Refused, Request
from benchmarks.machine import this_machine
from benchmarks.peers.table import SIZES, Peer, totals_in
from benchmarks.results import PeerResult, PeerRow, PeersResults
from benchmarks.rounds import Asked, Pace, in_turns
from benchmarks.servers import ROOT, Server, ours, started
from benchmarks.services.reductions import totals, vectors
from benchmarks.spread import Spread

__all__ = ["beside"]

_ENVIRONMENTS: Final = ROOT / ".venv-bench"
_WARMING_SECONDS: Final = 60.0
_TOLERANCE: Final = 1e-5
_PACE: Final = Pace(seconds=4, least=5, most=200)
_QUICK: Final = Pace(seconds=0.2, least=3, most=20)


def beside(peers: Sequence[Peer], *, quick: bool, say: Callable[[str], None]) -> PeersResults:
    """Measure every peer; one that cannot be run stands in the results with the reason.

    Parameters
    ----------
    peers
        Whom.
    quick
        The smallest batch only, and for a moment.
    say
        Is told of every row when it is done.
    """
    found = []
    with ours() as server:
        for peer in peers:
            version = _version(peer)
            rows: list[PeerRow] = []
            failure = ""
            try:
                for row in _rows(peer, server, quick=quick):
                    rows.append(row)
                    say(
                        f"{peer.name}, {row.size}: {row.peer_form} {1000 * row.peer.median:.3g} ms,"
                        f" ours {row.our_form} {1000 * row.ours.median:.3g} ms"
                    )
            except (OSError, RuntimeError, Refused, ValueError, KeyError) as error:
                failure = _said(error)
                say(f"{peer.name}: {failure}")
            found.append(PeerResult(peer=peer.name, version=version, rows=rows, failure=failure))
    return PeersResults(machine=this_machine(), peers=found)


def _rows(peer: Peer, mine: Server, *, quick: bool) -> Iterator[PeerRow]:
    """Start a peer and measure each of its ways with each size."""
    folder = _ENVIRONMENTS / peer.package / "bin"
    if not folder.exists():
        raise RuntimeError("it is not installed: make bench-peers does that")
    command = [word.replace("{bin}", str(folder)) for word in peer.command]
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **peer.environment}
    with started(command, environment) as server:
        for size in SIZES[:1] if quick else SIZES:
            batch = arrays(size)
            expected = [*totals(vectors(**batch)).values()]
            for way in peer.ways:
                if not way.takes(size):
                    continue
                theirs = way.write(batch)
                request = Request.of(way.target(batch), theirs.body, theirs.headers)
                _warm(server, request, expected)
                own = upload(way.our_form, batch)
                with _asked(server, request) as one, _asked(mine, Request.of("/loss", own.body, own.headers)) as other:
                    taken = in_turns({"peer": one, "ours": other}, _QUICK if quick else _PACE)
                yield PeerRow(
                    size=str(size),
                    peer_form=way.name,
                    our_form=way.our_form,
                    rounds=len(taken["ours"]),
                    peer=Spread.of(taken["peer"]),
                    ours=Spread.of(taken["ours"]),
                    to_ours=Spread.of_ratios(taken["peer"], taken["ours"]),
                )


@contextmanager
def _asked(server: Server, request: Request) -> Iterator[Asked]:
    """Connect."""
    with Client(server.port) as client:
        yield Asked(client, request)


def _warm(server: Server, request: Request, expected: Sequence[float]) -> None:
    """Ask until there is an answer, for some listen before they can work; the totals have to be right."""
    deadline = time.monotonic() + _WARMING_SECONDS
    answer = None
    while answer is None:
        try:
            with Client(server.port) as client:
                answer = client.ask(request).body
        except (Refused, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
    if not np.allclose(totals_in(answer), expected, rtol=_TOLERANCE, atol=0):
        raise ValueError("the totals are wrong")


def _version(peer: Peer) -> str:
    """Ask the environment of a peer which version it has; empty where there is none."""
    python = _ENVIRONMENTS / peer.package / "bin" / "python"
    question = f"from importlib.metadata import version; print(version({peer.package!r}))"
    try:
        done = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    except OSError:
        return ""
    return done.stdout.strip()


def _said(error: Exception) -> str:
    """Give the last line of what was said, without the folders of this machine."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return re.sub(rf"{re.escape(str(ROOT))}\S*|{re.escape(str(Path.home()))}\S*", "...", lines[-1])[:300]

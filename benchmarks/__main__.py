"""``python -m benchmarks``: measure, write the results, and show them in docs/benchmarks.md.

python -m benchmarks service   the service beside the usual one and its limit; nine minutes or so
python -m benchmarks peers     the service beside its peers, whose environments make bench-peers makes
python -m benchmarks page      show the results that there are once more
"""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from benchmarks.batches import Size
from benchmarks.bounds import BOUNDS, verdicts
from benchmarks.load import under_load
from benchmarks.machine import this_machine
from benchmarks.memory import grown
from benchmarks.page import filled, peers_tables, service_tables
from benchmarks.peers.run import beside
from benchmarks.peers.table import PEERS
from benchmarks.results import PeersResults, ServiceResults, read, write
from benchmarks.rounds import FAILED, Pace, measured
from benchmarks.rows import GROWTH, LOADS, QUICK, ROWS, Load, Row
from benchmarks.servers import ROOT, ours, unlike_ours

__all__ = ["main"]

_SERVICE: Final = "service.json"
_PEERS: Final = "peers.json"
_LARGE: Final = 1_000_000


def main(words: Sequence[str]) -> int:
    """Do what is asked, and return the exit code: 1 where something could not be measured, which is then left out.

    Parameters
    ----------
    words
        The arguments; see the module.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the service beside others.")
    parser.add_argument("what", choices=("service", "peers", "page"))
    parser.add_argument("--quick", action="store_true", help="the smallest batch only, and no word in the documents")
    parser.add_argument("--only", action="append", default=[], help="rows or peers whose name has this; no documents")
    parser.add_argument("--to", type=Path, default=ROOT, help="the folder whose docs are written")
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, _stop)
    draft = asked.quick or bool(asked.only)
    failures = []

    def say(line: str) -> None:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stderr.flush()
        if line.startswith(FAILED):
            failures.append(line)

    if asked.what != "page":
        results: ServiceResults | PeersResults
        if asked.what == "service":
            results = _service(quick=asked.quick, only=asked.only, say=say)
        else:
            results = beside([one for one in PEERS if _named(one.name, asked.only)], quick=asked.quick, say=say)
        if draft:
            tables = service_tables(results) if isinstance(results, ServiceResults) else peers_tables(results)
            sys.stdout.write("\n".join(tables.values()))
            return int(bool(failures))
        write(asked.to / "docs" / "benchmarks" / (_SERVICE if asked.what == "service" else _PEERS), results)
    _show(asked.to)
    return int(bool(failures))


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """End in good order, so that no server is left behind."""
    sys.exit(143)


def _named(name: str, only: Sequence[str]) -> bool:
    """Tell whether a name is among those that are asked for; all are where none is."""
    return not only or any(one in name for one in only)


def _pace(row: Row) -> Pace:
    """Say how long a row is measured: small ones often, large ones a few times, and longer where something is asked."""
    if row.size.elements > _LARGE * 4:
        return Pace(seconds=12, least=3, most=12)
    if row.name in {bound.row for bound in BOUNDS}:
        return Pace(seconds=10, least=25, most=1000)
    return Pace(seconds=5, least=7, most=400)


def _service(*, quick: bool, only: Sequence[str], say: Callable[[str], None]) -> ServiceResults:
    """Measure the service, the usual one and the limit."""
    machine = this_machine()
    with contextlib.ExitStack() as running:
        servers = {
            "ours": running.enter_context(ours()),
            "usual": running.enter_context(unlike_ours("usual")),
            "limit": running.enter_context(unlike_ours("limit")),
        }
        if quick:
            rows = measured(QUICK, servers, lambda _: Pace(seconds=0.2, least=5, most=50), say)
            load = under_load([Load(QUICK[0], 0.1, clients=(1, 2))], servers, say)
        else:
            rows = measured([row for row in ROWS if _named(row.name, only)], servers, _pace, say)
            load = under_load([] if only else LOADS, servers, say)
    memory = [] if only else grown([Size(1, 10)] if quick else GROWTH, say)
    for one in verdicts(rows):
        if not one.reached:
            say(f"not reached: {one.bound.row}, {one.measured.median:.3g}")
    return ServiceResults(machine=machine, rows=rows, memory=memory, load=load)


def _show(folder: Path) -> None:
    """Write the tables and the plots of whatever results there are."""
    from benchmarks.plots import draw_peers, draw_service  # noqa: PLC0415 - matplotlib, which only this needs

    page, plots = folder / "docs" / "benchmarks.md", folder / "docs" / "benchmarks"
    text = page.read_text(encoding="utf-8")
    if (service := read(plots / _SERVICE, ServiceResults)) is not None:
        text = filled(text, service_tables(service))
        draw_service(plots, service)
    if (peers := read(plots / _PEERS, PeersResults)) is not None:
        text = filled(text, peers_tables(peers))
        draw_peers(plots, peers)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

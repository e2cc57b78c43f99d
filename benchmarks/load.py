"""Several clients at once: how many answers there are in a second, and how long each client waits."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.client import Client, Refused, Request
from benchmarks.results import LoadResult
from benchmarks.rounds import FAILED, requests
from benchmarks.rows import Load
from benchmarks.servers import Server
from benchmarks.spread import percentile

__all__ = ["crowd", "under_load"]

_PAUSE_SECONDS: Final = 0.01


def crowd(server: Server, request: Request, clients: int, seconds: float) -> tuple[list[float], int, float]:
    """Let clients ask again and again, each at least once.

    Parameters
    ----------
    server, request
        Whom, and what.
    clients
        How many at once; threads, which wait most of the time.
    seconds
        No request begins after that.

    Returns
    -------
    latencies, refused, elapsed
        Seconds of each answer, how many requests were refused with 503, and the seconds until the last answer.

    Raises
    ------
    Refused
        With any other status than 200 and 503.
    """
    latencies: list[float] = []
    refused = 0
    faults: list[Exception] = []
    together = threading.Barrier(clients + 1)
    lock = threading.Lock()

    def ask() -> None:
        nonlocal refused
        mine: list[float] = []
        mine_refused = 0
        fault: Exception | None = None
        with Client(server.port) as client:
            together.wait()
            deadline = time.monotonic() + seconds
            while not (mine or mine_refused) or time.monotonic() < deadline:
                try:
                    mine.append(client.ask(request).seconds)
                except Refused as refusal:
                    if refusal.status != 503:  # noqa: PLR2004 - Service Unavailable
                        fault = refusal
                        break
                    mine_refused += 1
                    time.sleep(_PAUSE_SECONDS)
                except OSError as error:
                    fault = error
                    break
        with lock:
            latencies.extend(mine)
            refused += mine_refused
            if fault is not None:
                faults.append(fault)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    together.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    if faults:
        raise faults[0]
    return latencies, refused, elapsed


def under_load(loads: Sequence[Load], servers: Mapping[str, Server], say: Callable[[str], None]) -> list[LoadResult]:
    """Measure every row with every number of clients.

    Parameters
    ----------
    loads, servers
        What, and whom.
    say
        Is told of every row when it is done, and of one that fails.
    """
    results = []
    for load in loads:
        names = [name for name in servers if name != "usual" or load.with_usual]
        try:
            wanted = requests(load.row, {name: servers[name] for name in names})
            for count in load.clients:
                done = [_crowded(load, name, *wanted[name], count) for name in names]
                results += done
                said = ", ".join(f"{one.who} {one.per_second:.4g}/s" for one in done)
                say(f"{load.row.name}, {count} clients: {said}")
        except (Refused, OSError, ValueError) as error:
            say(f"{FAILED}: {load.row.name}: {error}")
    return results


def _crowded(load: Load, name: str, server: Server, request: Request, clients: int) -> LoadResult:
    """Measure somebody with so many clients."""
    latencies, refused, elapsed = crowd(server, request, clients, load.seconds)
    return LoadResult(
        row=load.row.name,
        who=name,
        clients=clients,
        per_second=len(latencies) / elapsed,
        refused=refused,
        median=percentile(latencies, 50) if latencies else None,
        worst_of_20=percentile(latencies, 95) if latencies else None,
    )

"""``python -m scripts.cost_of_seeing``: what the entry, the counters and the line of the log cost a request.

The line goes to stderr, as in the service; send it to a file or to /dev/null. Best of several rounds, since a machine
has other things to do as well.
"""

import logging.config
import sys
import timeit
from typing import Any

from app.gates.entry import Entry, routes_of
from app.gates.lines import configuration, write
from app.gates.meters import Meters

ROUNDS, REQUESTS = 7, 20_000


def main() -> None:
    """Print microseconds for each."""
    logging.config.dictConfig(configuration("info", "text"))
    route_of = routes_of(["/loss", "/losses/{name}"])
    meters = Meters("0")
    scope: dict[str, Any] = {"method": "POST", "path": "/loss", "client": ("127.0.0.1", 1)}
    entry = Entry.of({**scope}, route_of)
    entry.stages.update(decode=1e-4, compute=1e-4, encode=1e-4)
    entry.note({"type": "http.response.start", "status": 200})
    entry.note({"type": "http.response.body", "body": b"{}"})
    for name, task in (
        ("entry, with its id", lambda: Entry.of({**scope}, route_of)),
        ("counters", lambda: meters.observe(entry)),
        ("line", lambda: write(entry)),
    ):
        seconds = min(timeit.repeat(task, number=REQUESTS, repeat=ROUNDS)) / REQUESTS
        sys.stdout.write(f"{name}: {seconds * 1e6:.1f} us\n")


if __name__ == "__main__":
    main()

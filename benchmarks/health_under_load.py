"""How soon /healthz answers beside clients that post large JSON bodies in a loop.

``python -m benchmarks.health_under_load`` starts the service with its defaults on a free port, or asks the one at
``--url``; every client is a process of its own, so that what is measured is the service. Prints one line of JSON:
seconds that 50 % and 99 % of the probes and the slowest took, and how many uploads were answered with which status.
"""

import argparse
import http
import http.client
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import urlsplit

from benchmarks.servers import service

FEATURES = 784


def batch(megabytes: float) -> bytes:
    """Write a JSON body of about so many megabytes: x and y, each of numbers with 17 digits."""
    numbers = random.Random(0)  # noqa: S311 - any numbers do
    rows = max(1, round(megabytes * 1e6 / 2 / FEATURES / 20))
    x = [[numbers.random() for _ in range(FEATURES)] for _ in range(rows)]
    return json.dumps({"x": x, "y": x[::-1]}, separators=(",", ":")).encode()


def post(port: int, body: bytes, until: float, statuses: "multiprocessing.Queue[Counter[int]]") -> None:
    """Post a body again and again until a moment, and count the statuses of the answers; 0 is a broken connection."""
    counted: Counter[int] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.monotonic() < until:
        try:
            connection.request("POST", "/loss", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            counted[answer.status] += 1
            if answer.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                time.sleep(0.05)
        except OSError:
            counted[0] += 1
            connection.close()
    statuses.put(counted)


def probe(port: int, until: float, per_second: float) -> list[float]:
    """Ask /healthz at an even pace, and give the seconds that each answer took; a new connection for each."""
    taken = []
    planned = time.monotonic()
    while planned < until:
        time.sleep(max(0.0, planned - time.monotonic()))
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        taken.append(time.perf_counter() - started)
        planned += 1 / per_second
    return taken


@contextmanager
def quiet_service() -> Iterator[int]:
    """Start the service with little to say, and give its port when it answers: it listens before."""
    with service({"LOSSGRID_LOG_LEVEL": "warning"}) as server:
        probe(server.port, time.monotonic() + 0.1, 20)
        yield server.port


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", help="a service that runs already, for example http://127.0.0.1:8000")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--probes", type=int, default=240)
    parser.add_argument("--per-second", type=float, default=20)
    asked = parser.parse_args()
    body = batch(asked.megabytes)
    with nullcontext(urlsplit(asked.url).port or 80) if asked.url else quiet_service() as port:
        until = time.monotonic() + 1 + asked.probes / asked.per_second
        statuses: multiprocessing.Queue[Counter[int]] = multiprocessing.Queue()
        clients = [
            multiprocessing.Process(target=post, args=(port, body, until, statuses)) for _ in range(asked.clients)
        ]
        for client in clients:
            client.start()
        time.sleep(1)
        taken = probe(port, until, asked.per_second)
        counted: Counter[int] = Counter()
        for _ in clients:
            counted += statuses.get()
        for client in clients:
            client.join()
    found = {
        "probes": len(taken),
        "p50": round(statistics.median(taken), 4),
        "p99": round(statistics.quantiles(taken, n=100)[98], 4),
        "max": round(max(taken), 4),
        "uploads": dict(counted),
        "body_bytes": len(body),
        "cores": os.cpu_count(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

"""What a burst of requests meets: how many are answered and how, and how much later than on an idle service.

``python -m benchmarks.burst`` starts the service with its defaults on a free port, or asks the one at ``--url``. It
posts a JSON batch of ``--megabytes`` alone some times, then ``--at-once`` of them on as many
connections at the same moment, ``--rounds`` times. Prints one line of JSON; times are seconds from the moment at which
a request was begun to the end of its answer, status 0 is a broken connection.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from urllib.parse import urlsplit

from benchmarks.health_under_load import batch, quiet_service
from benchmarks.spread import percentile


async def post(port: int, body: bytes) -> tuple[int, float]:
    """Post a body on a connection of its own; give the status and the seconds that it took."""
    head = (
        f"POST /loss HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    started = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        answer = await reader.read(-1)
        writer.close()
    except OSError:
        return 0, time.perf_counter() - started
    return int(answer.split(maxsplit=2)[1]) if answer else 0, time.perf_counter() - started


async def measure(port: int, body: bytes, at_once: int, rounds: int) -> dict[str, object]:
    """Measure a service."""
    alone = [(await post(port, body))[1] for _ in range(20)]
    statuses: Counter[int] = Counter()
    taken: dict[int, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for status, seconds in await asyncio.gather(*(post(port, body) for _ in range(at_once))):
            statuses[status] += 1
            taken[status].append(seconds)
        await asyncio.sleep(0.5)
    accepted = percentile(taken[200], 99)
    return {
        "body_bytes": len(body),
        "alone_p50": round(statistics.median(alone), 4),
        "alone_p99": round(percentile(alone, 99), 4),
        "statuses": dict(statuses),
        "accepted_p50": round(statistics.median(taken[200]), 4),
        "accepted_p99": round(accepted, 4),
        "refused_p99": round(percentile(taken[503] or [0.0], 99), 4),
        "times_slower": round(accepted / statistics.median(alone), 1),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", help="a service that runs already, for example http://127.0.0.1:8000")
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--megabytes", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with nullcontext(urlsplit(asked.url).port or 80) if asked.url else quiet_service() as port:
        found = asyncio.run(measure(port, batch(asked.megabytes), asked.at_once, asked.rounds))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

"""What a burst of requests meets: how many are answered and how, and how much later than on an idle service.

``python -m benchmarks.burst`` starts the service with its defaults on a free port, or asks the one at ``--url``. It
posts a JSON batch of ``--megabytes`` alone some times, then ``--at-once`` of them on as many open connections, each as
soon as the one before lies in the buffers of the system, ``--rounds`` times. With ``--expect`` it asks before it sends
a body (``Expect: 100-continue``), as curl does for large ones. Prints one line of JSON; times are seconds from the
moment at which the first byte of a request was sent to the last one of its answer, status 0 is a broken connection.

The client is one thread that parses next to nothing, since it competes with the service for the processor: one that is
made of tasks or threads takes longer to ask a hundred times than the service takes to refuse.
"""

import argparse
import json
import os
import selectors
import socket
import statistics
import sys
import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from typing import Final
from urllib.parse import urlsplit

from benchmarks.health_under_load import batch, quiet_service
from benchmarks.spread import percentile

_WAIT_SECONDS: Final = 60.0
_REST_SECONDS: Final = 0.5


class Post:
    """One request on a connection of its own, and what has come of it.

    Parameters
    ----------
    port
        Where the service listens.
    head, body
        The request.
    expects
        Whether the body waits until it is asked for.
    """

    def __init__(self, port: int, head: bytes, body: bytes, *, expects: bool) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.setblocking(False)
        self.unsent = memoryview(head if expects else head + body)
        self.held = memoryview(body if expects else b"")
        self.received = b""
        self.began = 0.0
        self.seconds = 0.0
        self.status = 0

    @property
    def wanted(self) -> int:
        """What there is to wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)

    def send(self) -> None:
        """Send as much as there is room for; whoever has been refused need not send the rest."""
        self.began = self.began or time.perf_counter()
        try:
            self.unsent = self.unsent[self.connection.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = memoryview(b"")

    def is_answered(self) -> bool:
        """Take what has come, and tell whether that was all."""
        try:
            piece = self.connection.recv(2**18)
        except OSError:
            piece = b""
        self.received += piece
        if self.held and self.received.startswith(b"HTTP/1.1 100 ") and b"\r\n\r\n" in self.received:
            self.unsent, self.held = self.held, memoryview(b"")
            self.received = self.received.partition(b"\r\n\r\n")[2]
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        whole = bool(end) and len(body) >= int(length[0].split(b":")[1])
        if whole or not piece:
            self.seconds = time.perf_counter() - self.began
            self.status = int(self.received.split(maxsplit=2)[1]) if whole else 0
            self.connection.close()
        return whole or not piece


def posted(posts: list[Post]) -> list[Post]:
    """Send all requests at once, and wait for their answers."""
    with selectors.DefaultSelector() as selector:
        for post in posts:
            post.send()
            selector.register(post.connection, post.wanted, post)
        left = len(posts)
        until = time.monotonic() + _WAIT_SECONDS
        while left and time.monotonic() < until:
            for key, events in selector.select(1):
                post = key.data
                if events & selectors.EVENT_WRITE:
                    post.send()
                if events & selectors.EVENT_READ and post.is_answered():
                    selector.unregister(key.fileobj)
                    left -= 1
                elif key.events != post.wanted:
                    selector.modify(key.fileobj, post.wanted, post)
    return posts


def measure(port: int, body: bytes, at_once: int, rounds: int, *, expects: bool = False) -> dict[str, object]:
    """Measure a service."""
    lines = ["POST /loss HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(["Expect: 100-continue"] if expects else [])]
    head = "\r\n".join([*lines, "", ""]).encode()

    def burst(count: int) -> list[Post]:
        return posted([Post(port, head, body, expects=expects) for _ in range(count)])

    alone = [burst(1)[0].seconds for _ in range(25)][5:]
    statuses: Counter[int] = Counter()
    taken: dict[int, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for post in burst(at_once):
            statuses[post.status] += 1
            taken[post.status].append(post.seconds)
        time.sleep(_REST_SECONDS)
    accepted, refused = (taken[status] or [0.0] for status in (200, 503))
    return {
        "body_bytes": len(body),
        "alone_p50": round(statistics.median(alone), 4),
        "alone_p99": round(percentile(alone, 99), 4),
        "statuses": dict(statuses),
        "accepted_p50": round(statistics.median(accepted), 4),
        "accepted_p99": round(percentile(accepted, 99), 4),
        "refused_p50": round(statistics.median(refused), 4),
        "refused_p99": round(percentile(refused, 99), 4),
        "refused_max": round(max(refused), 4),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", help="a service that runs already, for example http://127.0.0.1:8000")
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--megabytes", type=float, default=0.03)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--expect", action="store_true", help="ask before a body is sent")
    asked = parser.parse_args()
    with nullcontext(urlsplit(asked.url).port or 80) if asked.url else quiet_service() as port:
        found = measure(port, batch(asked.megabytes), asked.at_once, asked.rounds, expects=asked.expect)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

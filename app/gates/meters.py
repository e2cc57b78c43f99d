"""What is counted and timed, for Prometheus: by route and status, never by anything that a client made up.

With several workers, each writes its numbers into files of a folder that all of them share, and whichever is asked adds
them up: `prepare` has to be called with that folder before the meters of a process are made. The files are named for
the process, which a successor has its name of, and goes on counting in them.
"""

import multiprocessing
import os
import platform
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, multiprocess, values

from app.gates.entry import Entry

__all__ = ["MEDIA_TYPE", "Meters", "Work", "folder_of_workers", "forget", "prepare", "reserve"]

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's own text."""

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client knows the folder that workers share."""

REQUEST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
STAGE_SECONDS: Final = (0.0001, 0.00025, 0.0005, *REQUEST_SECONDS)

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # when each series began: twice as many lines, and nobody asks


_OF_GAUGES: Final = ("gauge_livesum", "gauge_livemax")
_BYTES_OF_FILES: Final = {"counter": 2**20, "histogram": 2**18, **dict.fromkeys(_OF_GAUGES, 2**16)}
"""How the files of a process are called, and how large they are: for every route, method and status that there is."""


def _path(folder: Path, kind: str, name: str) -> Path:
    return folder / f"{kind}_{name}.db"


def _own_name() -> str:
    return multiprocessing.current_process().name


def reserve(folder: Path, names: Iterable[str]) -> None:
    """Take the room for the numbers of processes: where a mapped file has none, writing to it ends the process.

    prometheus_client would make files that are nothing but holes, and a worker that counted something new while the
    disk is full would die of SIGBUS, and so would each of its successors.

    Parameters
    ----------
    folder
        That of `folder_of_workers`.
    names
        Those of the workers; this process has files as well.

    Raises
    ------
    OSError
        There is no room.
    """
    for name in (_own_name(), *names):
        for kind, count in _BYTES_OF_FILES.items():
            _path(folder, kind, name).write_bytes(bytes(count))


def prepare(folder: Path) -> None:
    """Let the meters that are made from now on, in this process and those that it starts, add up in a folder.

    Parameters
    ----------
    folder
        One that all workers can write to, such as that of `folder_of_workers`, with room by `reserve`.
    """
    os.environ[SHARED] = str(folder)
    # prometheus_client looks at the variable when it is imported, and it may have been already.
    values.ValueClass = values.MultiProcessValue(_own_name)  # type: ignore[no-untyped-call]  # as prometheus_client has it


@contextmanager
def folder_of_workers() -> Iterator[Path]:
    """Make a folder for `prepare`; at the end remove it, and let meters count for their own process again."""
    with tempfile.TemporaryDirectory(prefix="lossgrid-metrics-") as name:
        try:
            yield Path(name)
        finally:
            os.environ.pop(SHARED, None)
            values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]  # as prometheus_client has it


def forget(name: str) -> None:
    """Drop what a worker that has ended said of its present state; what it has counted stays, and its successor adds.

    Parameters
    ----------
    name
        Of the worker.
    """
    for kind in _OF_GAUGES:
        # Not by removing the file, whose successor might find no room.
        with suppress(OSError), _path(Path(os.environ[SHARED]), kind, name).open("r+b") as file:
            file.write(bytes(_BYTES_OF_FILES[kind]))


class Meters:
    """The counters and clocks of one application.

    Parameters
    ----------
    version
        Of the service.
    """

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        if SHARED not in os.environ:
            ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "lossgrid_requests",
            "Requests that have ended.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lossgrid_request_duration_seconds",
            "Time from the head of a request until its answer was complete.",
            ["route"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "lossgrid_stage_duration_seconds",
            "Time of the work: reading the body's text or arrays (decode), computing, writing the answer (encode).",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=self.registry,
        )
        self._received = Counter(
            "lossgrid_received_bytes",
            "Bytes of bodies that were read, as they arrived.",
            ["route"],
            registry=self.registry,
        )
        self._sent = Counter("lossgrid_sent_bytes", "Bytes of bodies of answers.", ["route"], registry=self.registry)
        self._refusals = Counter(
            "lossgrid_refusals", "Problems that were answered, by kind.", ["problem"], registry=self.registry
        )
        self.computing = Gauge(
            "lossgrid_computing_requests",
            "Requests that are being decoded, computed or written now.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self.waiting = Gauge(
            "lossgrid_waiting_requests",
            "Requests whose bodies are there and that wait to be computed.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        built = Gauge(
            "lossgrid_build_info",
            "1; which version runs, and on which Python.",
            ["version", "python"],
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        built.labels(version, platform.python_version()).set(1)
        # Looking a child up by its labels takes longer than counting. There are only so many routes and statuses.
        self._by_answer: dict[tuple[str, str, int], Counter] = {}
        self._by_route: dict[str, tuple[Histogram, Counter, Counter]] = {}
        self._by_stage = {stage: self._stages.labels(stage) for stage in ("decode", "compute", "encode")}

    def observe(self, entry: Entry) -> None:
        """Count a request that has ended."""
        answer = (entry.route, entry.method, entry.status)
        requests = self._by_answer.get(answer)
        if requests is None:
            requests = self._by_answer[answer] = self._requests.labels(*map(str, answer))
        requests.inc()
        if entry.route not in self._by_route:
            of_route = (self._seconds, self._received, self._sent)
            self._by_route[entry.route] = tuple(one.labels(entry.route) for one in of_route)  # type: ignore[assignment]  # mypy does not map tuples
        seconds, received, sent = self._by_route[entry.route]
        seconds.observe(entry.seconds)
        if entry.bytes_in:
            received.inc(entry.bytes_in)
        sent.inc(entry.bytes_out)
        for stage, took in entry.stages_so_far():
            self._by_stage[stage].observe(took)
        if entry.problem:
            self._refusals.labels(entry.problem).inc()

    def page(self) -> bytes:
        """Write everything, of all workers where there are several, as `MEDIA_TYPE`."""
        registry = self.registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # as prometheus_client has it
        return prometheus_client.generate_latest(registry)

    @contextmanager
    def work(self) -> Iterator["Work"]:
        """Count a request as waiting, and once it has begun as computing, until it leaves."""
        work = Work(self)
        try:
            yield work
        finally:
            work.end()


class Work:
    """A request that waits to be computed, or is. It begins in a thread, and may end before that in another one."""

    def __init__(self, meters: Meters) -> None:
        self._gauges = [meters.computing, meters.waiting]
        self._now = self._gauges.pop()
        self._now.inc()
        self._lock = Lock()

    def begin(self) -> None:
        """Say that it waits no longer; only the first time counts, and only before the end."""
        with self._lock:
            if self._gauges:
                self._now.dec()
                self._now = self._gauges.pop()
                self._now.inc()

    def end(self) -> None:
        """Say that it has ended."""
        with self._lock:
            self._gauges.clear()
            self._now.dec()

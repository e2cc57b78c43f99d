"""``python -m tests.hostile.soak``: thousands of mixed requests, and what they leave in the service's memory.

Starts a service of its own, sends hostile and good requests over several connections at once, and looks at the resident
memory and the open files of its processes after each tenth. LOSSGRID_* variables are passed on to it.
"""

import http.client
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.process import Running, running
from tests.hostile.case import Case, complaints
from tests.hostile.run import LONGEST_SECONDS, cases, sent

__all__ = ["Findings", "soak"]

CLIENTS: Final = 4
MOST_GROWTH_MIB: Final = 64
MOST_DRIFT_MIB: Final = 32
"""By how much the memory at the end may exceed that after the first tenth."""

MOST_FILES: Final = 8
"""By how much open files may differ."""


@dataclass(slots=True)
class Findings:
    """What was seen.

    Attributes
    ----------
    statuses
        How often each was answered.
    complaints
        What was wrong with answers.
    mib
        Resident memory at rest: before, and after each tenth.
    files
        Open files likewise.
    seconds
        How long it took.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def faults(self) -> Iterator[str]:
        """Say what is not as it was promised."""
        yield from self.complaints[:20]
        yield from (f"{count} answers of {status}" for status, count in self.statuses.items() if status >= 500)
        if self.mib[-1] - self.mib[0] > MOST_GROWTH_MIB:
            yield f"memory grew by {self.mib[-1] - self.mib[0]:.0f} MiB; {MOST_GROWTH_MIB} are the most"
        if self.mib[-1] - self.mib[1] > MOST_DRIFT_MIB:
            yield f"memory still grew by {self.mib[-1] - self.mib[1]:.0f} MiB after the first tenth"
        if self.files[-1] - self.files[0] > MOST_FILES:
            yield f"{self.files[-1]} open files after {self.files[0]}"


def soak(server: Running, requests: int, seed: int = 1) -> Findings:
    """Send that many requests of the corpus in a random order, each half of them a good one.

    Parameters
    ----------
    server
        Who is to answer.
    requests
        How many; ten times as many as there are clients at the least.
    seed
        Of the order.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    corpus = [case for case in cases() if len(case.body) < 2**22]
    good = [case for case in corpus if case.statuses == {200} and case.body]
    found = Findings()
    began = time.monotonic()
    _look(server, found)
    for _ in range(10):
        plan = [chance.choice(good if chance.random() < 0.5 else corpus) for _ in range(requests // 10)]
        parts = [plan[start::CLIENTS] for start in range(CLIENTS)]
        threads = [threading.Thread(target=_send, args=(server.port, part, found)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.5)
        _look(server, found)
    found.seconds = time.monotonic() - began
    return found


def _send(port: int, plan: Sequence[Case], found: Findings) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_SECONDS)
    for case in plan:
        try:
            answer = sent(case, connection)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            found.complaints.append(f"{case.name}: {error!r}")
            continue
        found.statuses[answer.status] += 1
        found.complaints += [f"{case.name}: {complaint}" for complaint in complaints(case, answer)]
    connection.close()


def _look(server: Running, found: Findings) -> None:
    """Note memory and open files of the service and of the processes that it has started."""
    mib, files = 0.0, 0
    for number in _family(server.process.pid):
        status = Path(f"/proc/{number}/status").read_text(encoding="ascii")
        mib += int(status.split("VmRSS:")[1].split()[0]) / 1024
        files += len(list(Path(f"/proc/{number}/fd").iterdir()))
    found.mib.append(mib)
    found.files.append(files)


def _family(number: int) -> Iterator[int]:
    """Give a process and all that descend from it."""
    yield number
    for task in Path(f"/proc/{number}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield from _family(int(child))


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with running() as service:
        seen = soak(service, wanted)
    memory = " ".join(f"{value:.0f}" for value in seen.mib)
    sys.stdout.write(
        f"{seen.statuses.total()} answers in {seen.seconds:.0f} s: {dict(sorted(seen.statuses.items()))}\n"
    )
    sys.stdout.write(f"memory at rest, MiB: {memory}\nopen files: {' '.join(map(str, seen.files))}\n")
    faults = list(seen.faults())
    sys.stdout.write("\n".join([*faults, f"{len(faults)} faults\n"]))
    sys.exit(bool(faults))

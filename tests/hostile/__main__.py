"""``python -m tests.hostile http://127.0.0.1:8000``: the corpus against a service that runs."""

import sys
import time

from tests.hostile import wires
from tests.hostile.run import cases, failures, listed

if __name__ == "__main__":
    (url,) = sys.argv[1:]
    corpus = cases()
    began = time.monotonic()
    found = [f"{case.name}: {complaint}" for case, complaint in failures(url.rstrip("/"), corpus)]
    found += wires.failures(url)
    seconds = time.monotonic() - began
    count = len(corpus) + len(list(wires.wires()))
    sys.stdout.write(f"{listed(found)}\n{count} requests, {len(found)} failures, {seconds:.0f} s\n")
    sys.exit(bool(found))

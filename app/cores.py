"""How many cores this process may use: those that it may run on, and no more than its share of time is worth.

A container that may use two cores (``docker run --cpus 2``, ``limits: {cpu: 2}``) sees all 64 of its machine. As many
threads as that would take turns at the two, and each of them has memory of its own.
"""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["usable_cores"]


def usable_cores(groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that this process may use, at least one.

    Parameters
    ----------
    groups
        Where Linux says to which control groups the process belongs.
    mounted
        Where the limits of those can be read: one file system of version 2, or one for each controller of version 1.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min([seen, *_quotas(groups, mounted)])))


def _quotas(groups: Path, mounted: Path) -> Iterator[float]:
    """Find how many cores the time is worth that the groups of this process have, where that is limited at all.

    A container may not see the whole path of its group, but its own group in place of the topmost.
    """
    lines = ""
    with suppress(OSError):
        lines = groups.read_text(encoding="utf-8")
    for line in lines.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        inner = Path(path.strip("/"))
        for folder in (inner, *inner.parents):
            with suppress(OSError, ValueError):  # there is no such group here, or it has no limit: "max"
                if not controllers:
                    quota, period = (mounted / folder / "cpu.max").read_text(encoding="ascii").split()
                    yield int(quota) / int(period)
                elif "cpu" in controllers.split(","):
                    group = mounted / "cpu" / folder
                    quota = (group / "cpu.cfs_quota_us").read_text(encoding="ascii")
                    period = (group / "cpu.cfs_period_us").read_text(encoding="ascii")
                    if int(quota) > 0:  # -1 is no limit
                        yield int(quota) / int(period)

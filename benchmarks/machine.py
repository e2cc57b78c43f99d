"""What the figures were measured on: never who or where, only what matters to time."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.servers import ROOT

__all__ = ["Machine", "commit_of", "this_machine"]

_PACKAGES: Final = (
    *("numpy", "msgspec", "orjson", "pysimdjson", "zlib-ng", "fastapi", "starlette"),
    *("pydantic", "uvicorn", "httptools", "uvloop"),
)

_MEASURED: Final = ("app", "benchmarks", "pyproject.toml", "requirements")
"""What decides about the figures: what runs, what measures it, and what both are installed with."""


class Machine(msgspec.Struct, frozen=True):
    """Hardware, system, interpreter and packages, and the day and the commit of the run."""

    day: str
    commit: str
    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]


def this_machine(packages: Sequence[str] = _PACKAGES) -> Machine:
    """Describe where this runs.

    Parameters
    ----------
    packages
        Of which the version matters; one that is not installed is left out.
    """
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(
        day=datetime.now(UTC).date().isoformat(),
        commit=commit_of(ROOT),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages=found,
    )


def _processor() -> str:
    """Name the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit_of(root: Path) -> str:
    """Name the commit that is checked out, with ``-dirty`` behind it where what is measured is not what is committed.

    The results are not looked at: a run writes its own, and would make the next one dirty.

    Parameters
    ----------
    root
        The working tree.

    Returns
    -------
    str
        Empty where git does not know.
    """
    name = _git(root, "describe", "--always", "--abbrev=9")
    return f"{name}-dirty" if name and _git(root, "status", "--porcelain", "--", *_MEASURED) else name


def _git(root: Path, *words: str) -> str:
    """Ask git; it says nothing where it is not installed, or where there is no repository."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607 - ours
    except OSError:
        return ""
    return done.stdout.strip()

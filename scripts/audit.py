"""Ask whether the locked requirements have known vulnerabilities; say so where nobody can be asked."""

import json
import subprocess
import sys
from pathlib import Path

__all__ = ["main", "verdict"]

LOCK = Path(__file__).parents[1] / "requirements/runtime.txt"


def verdict(report: str) -> tuple[list[str], bool]:
    """Read a report of pip-audit.

    Parameters
    ----------
    report
        Its JSON; empty if it could ask nobody at all.

    Returns
    -------
    lines, good
        What to print, and whether no vulnerability is known.
    """
    rows = json.loads(report)["dependencies"] if report.strip() else []
    asked = [row for row in rows if "vulns" in row]
    if not asked:
        return ["no index of vulnerabilities can be reached: nothing was audited"], True
    found = [f"{row['name']} {row['version']}: {one['id']}" for row in asked for one in row["vulns"]]
    return [*found, f"{len(asked)} of {len(rows)} requirements audited, {len(found)} known vulnerabilities"], not found


def main() -> int:
    """Audit requirements/runtime.txt, and return the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format=json", "-r", str(LOCK)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)  # noqa: S603 - ours
    lines, good = verdict(done.stdout)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

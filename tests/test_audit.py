"""How the report of an audit is read."""

import json

import pytest

from scripts.audit import verdict

GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("rows", "good", "words"),
    [
        ([GOOD], True, ["1 of 1 requirements audited, 0 known vulnerabilities"]),
        ([GOOD, BAD, UNKNOWN], False, ["b 2: CVE-1", "b 2: CVE-2", "2 of 3 requirements audited, 2 known"]),
        ([UNKNOWN], True, ["nothing was audited"]),
    ],
)
def test_a_report_is_summed_up(rows: list[object], *, good: bool, words: list[str]) -> None:
    lines, found = verdict(json.dumps({"dependencies": rows}))
    assert found == good
    assert [word for word in words if not any(word in line for line in lines)] == []


def test_no_report_is_no_audit() -> None:
    assert verdict("")[1]

"""The room's Hypothesis profile, and the table of worst errors that a run of it ends with."""

from typing import TYPE_CHECKING

from hypothesis import settings

from tests.exact import table_of_worst

if TYPE_CHECKING:
    import pytest

# The same examples on every machine and in every run: a failure seen once is seen again.
settings.register_profile("losses", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("losses")


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    lines = table_of_worst()
    if lines:
        terminalreporter.section("worst errors seen; the contract allows 4 eps")
        for line in lines:
            terminalreporter.write_line(line)

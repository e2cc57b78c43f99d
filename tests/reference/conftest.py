"""A run among the frameworks ends with the table of how far they are from us."""

from typing import TYPE_CHECKING

from tests.reference.agreement import table, table_of_lost_digits

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    sections = {
        "largest disagreement, in eps of the framework's type": table(),
        "digits that a framework loses: errors in eps against 60 digits": table_of_lost_digits(),
    }
    for title, lines in sections.items():
        if lines:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)

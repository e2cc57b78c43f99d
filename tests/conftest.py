"""Fixtures for things with a life."""

import os
from collections.abc import Iterator

import pytest

from tests.inprocess import InProcess, a_client


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the LOSSGRID_* variables of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith("LOSSGRID_") and not name.startswith("LOSSGRID_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def client() -> Iterator[InProcess]:
    """Ask an application with default settings, in process."""
    with a_client() as found:
        yield found

"""What a person has: the service in a process of its own, and a browser that tells when a page misbehaves."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.process import Running, running

SCREENSHOTS = Path(__file__).parent / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

Screenshot = Callable[[str], None]


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """Run the service with its defaults, on a free port."""
    with running() as process:
        yield process


@pytest.fixture(scope="module")  # not longer: Playwright leaves an event loop running in the thread of all other tests
def browser() -> Iterator[Browser]:
    """Start Chromium; without one, skip, or fail where LOSSGRID_TEST_REQUIRE names "browser"."""
    chromium = Path(os.environ.get("LOSSGRID_TEST_CHROMIUM", "/usr/bin/chromium"))
    if not chromium.is_file():
        reason = f"no Chromium at {chromium}; LOSSGRID_TEST_CHROMIUM may name one"
        if "browser" in os.environ.get("LOSSGRID_TEST_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """Collect what `page` finds wrong: requests to elsewhere, console errors, policy violations, uncaught exceptions.

    A test that provokes one looks at the list and clears it; what is left at the test's end fails it.
    """
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """Open an empty tab; see `complaints`."""
    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    context.route(lambda url: is_foreign(url), lambda route: route.abort())  # noqa: PLW0108  it looks at the signature
    context.on("request", lambda sent: complaints.append(f"asked {sent.url}") if is_foreign(sent.url) else None)
    context.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    context.on("weberror", lambda raised: complaints.append(f"raised {raised.error}"))
    yield context.new_page()
    context.close()
    assert complaints == []


@pytest.fixture
def screenshot(page: Page) -> Screenshot:
    """Give a function that keeps what the page looks like now, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)

    def take(name: str) -> None:
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take


def is_foreign(url: str) -> bool:
    """Whether an address leads off this machine."""
    parts = urlsplit(url)
    return parts.scheme not in {"data", "blob", "about"} and parts.hostname != "127.0.0.1"

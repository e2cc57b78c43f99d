"""The panels of the explorer on a page of their own: served from the working copy, asking a real service."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

from tests.e2e.process import ROOT

__all__ = ["AXE", "NAMES", "Panels", "batch"]

NAMES = ("beta", "deviation", "spectrum", "latents", "variants", "identify")
WEB = ROOT / "app" / "web"
FOLDERS = (
    Path(__file__).parent / "explorer_panels",
    WEB / "explorer" / "panels",
    WEB / "explorer" / "vendor" / "d3",
    WEB / "explorer" / "vendor" / "observablehq-plot",
    WEB,
)
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
PLOT_STYLE = "'sha256-+TfQir1nvDucAdvE6XUQBt4ayUjpAWkbw2kCdSfekHM='"
"""The hash of the <style> element that Plot puts into every chart."""
POLICY = f"default-src 'none'; script-src 'self'; style-src 'self' {PLOT_STYLE}; img-src data:; connect-src 'self'"


def batch(name: str = "digits_vae", **changes: object) -> dict[str, Any]:
    """Read one of the samples, without what it asks to include."""
    found: dict[str, Any] = json.loads((ROOT / "samples" / f"{name}.json").read_text(encoding="utf-8"))
    found.pop("include", None)
    return found | changes


class Panels:
    """A page with all panels, and what its shell would do with them."""

    def __init__(self, page: Page, url: str, policy: str = POLICY) -> None:
        self.page = page

        def answer(route: Route) -> None:
            name = route.request.url.rpartition("/")[2]
            file = next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)
            if file is None:
                route.fulfill(status=404)
                return
            headers = {"Content-Security-Policy": policy}
            kind = f"{MEDIA_TYPES[file.suffix]}; charset=utf-8"
            route.fulfill(body=file.read_bytes(), content_type=kind, headers=headers)

        page.route(f"{url}/panels/**", answer)
        page.goto(f"{url}/panels/harness.html")
        page.wait_for_selector("body[data-ready]")

    def open(self, given: Mapping[str, Any], *include: str) -> dict[str, Any]:
        """Post a batch, show its answer, and give it."""
        self.page.evaluate("([batch, include]) => openBatch(batch, include)", [given, list(include)])
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Give the answer that is shown."""
        found: dict[str, Any] = self.page.evaluate("state.answer")
        return found

    def update(self, **parts: object) -> None:
        """Change the state of the page."""
        self.page.evaluate("parts => update(parts)", parts)

    def chosen(self) -> str:
        """Name the chosen variant."""
        found: str = self.page.evaluate("state.variant")
        return found

    def finding(self, name: str) -> str:
        """Read the sentence above a panel's chart."""
        return self.page.locator(f"#{name} .panel-finding").inner_text()

    def findings(self) -> dict[str, str]:
        """Read those of all panels."""
        return {name: self.finding(name) for name in NAMES}

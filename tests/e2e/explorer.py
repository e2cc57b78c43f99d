"""The explorer as a person finds it: opened at a view, asked for a choice, given files."""

import base64
from collections.abc import Mapping

from playwright.sync_api import Locator, Page, expect

from tests.e2e.process import Running

PAINTED = "times => performance.getEntriesByName('lossgrid:painted').length >= times"
"""Whether the page has painted so many times since it was opened."""

VERSION_1 = "sum_mean+sum_mean"
VERSION_2 = "mean_mean+sum_mean"

DROP = """files => {
  const carried = new DataTransfer();
  for (const [name, content] of Object.entries(files)) {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    carried.items.add(new File([bytes], name));
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.querySelector("#fold, #workbench").dispatchEvent(
      new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }),
    );
  }
}"""


PIXELS = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return copy.getImageData(0, 0, canvas.width, canvas.height);
}"""
"""Reads what a canvas shows; from a copy, since Chromium would warn of reading one again and again."""


UNTIL = """async given => {
  const end = performance.now() + 15000;
  while (!(%s)(given)) {
    if (performance.now() > end) throw new Error("it did not come to be");
    await new Promise(requestAnimationFrame);
  }
}"""


def until(page: Page, condition: str, given: object = None) -> None:
    """Wait until a function of the page gives true; Playwright's own way needs `eval`, which our policy forbids."""
    page.evaluate(UNTIL % condition, given)


def opened(page: Page, server: Running, fragment: str = "") -> None:
    """Open a view, and wait until its numbers are there."""
    visited(page, server, fragment)
    settled(page)


def visited(page: Page, server: Running, fragment: str = "") -> None:
    """Open a view that may have no numbers to show."""
    page.goto("about:blank")
    page.goto(f"{server.url}/{fragment and '#' + fragment}")


def settled(page: Page) -> None:
    """Wait until the page has its answer and asks for nothing."""
    expect(page.locator("#total strong")).not_to_be_empty()
    expect(page.locator("#workbench")).not_to_have_attribute("aria-busy", "true")


def cell(page: Page, variant: str) -> Locator:
    """Find the radio button of a variant."""
    return page.locator(f'#grid input[value="{variant}"]')


def choose(page: Page, variant: str) -> None:
    """Choose a variant in the grid, and see that it is chosen."""
    cell(page, variant).check()
    expect(cell(page, variant)).to_be_checked()


def total(page: Page) -> float:
    """Read the number to which the batch is folded, with all of its digits."""
    return float(page.locator("#total strong").get_attribute("title") or "nan")


def totals(page: Page) -> dict[str, float]:
    """Read the totals of all cells, with all of their digits."""
    found: list[list[str]] = page.locator("#grid td:has(input)").evaluate_all(
        "cells => cells.map(cell => [cell.querySelector('input').value, cell.title.split('total ')[1]])"
    )
    return {variant: float(text) for variant, text in found}


def drop(page: Page, files: Mapping[str, bytes]) -> None:
    """Drop files on the page."""
    page.evaluate(DROP, {name: base64.b64encode(content).decode() for name, content in files.items()})

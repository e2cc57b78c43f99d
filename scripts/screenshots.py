"""Take the pictures of the explorer: the one that the documentation shows, and more to look at.

    python -m scripts.screenshots                  start the service, write docs/images and tests/e2e/screenshots
    python -m scripts.screenshots --only-documents write docs/images alone

Chromium (LOSSGRID_TEST_CHROMIUM names another than Debian's) draws what a reader sees, and nothing is asked of another
host. Those for the documentation are reduced to 256 colours, a third of their size.
"""

import argparse
import base64
import os
import struct
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from tests.e2e.process import running

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "docs" / "images"
LOOKED_AT = ROOT / "tests" / "e2e" / "screenshots"
VERSION_2 = "variant=mean_mean+sum_mean"
LARGEST_BYTES = 250_000
COLOURS = 256
ROUNDS = 12
"""Of moving the colours of a palette to where they are needed; more change nothing that one sees."""

DECODE = """async png => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  return [image.width, image.height, Array.from(data.filter((_, at) => at % 4 < 3))];
}"""


@dataclass(frozen=True, slots=True)
class View:
    """One picture.

    Attributes
    ----------
    fragment
        the state of the page
    scheme
        the colours that the reader's system asks for
    size
        width and height of the window in CSS pixels
    whole
        whether to show all of the page, or the window alone
    """

    fragment: str = ""
    scheme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = (1280, 900)
    whole: bool = False


DOCUMENTED: Mapping[str, View] = {"explorer": View(f"{VERSION_2}&at=11", size=(1280, 1100))}
MORE: Mapping[str, View] = {
    "page-light": View(f"{VERSION_2}&observed=16.09", whole=True),
    "page-dark": View(f"{VERSION_2}&observed=16.09", scheme="dark", whole=True),
    "page-phone": View(VERSION_2, size=(390, 844), whole=True),
    "page-phone-dark": View(VERSION_2, scheme="dark", size=(390, 844), whole=True),
    "page-tablet": View(VERSION_2, size=(820, 1180), whole=True),
    "page-question": View("sample=question_100x90&variant=mean_mean"),
    "page-question-dark": View("sample=question_100x90&variant=mean_mean", scheme="dark"),
    "page-numbers": View("sample=numbers&x=0,1,2;3,4,5&y=1,0,0;1,2,3&mu=1,0;1,1&logvar=0,0;0,0"),
    "page-mixed": View("variant=mean_mean+sum_sum"),
    "page-top-phone": View(VERSION_2, size=(390, 1700)),
}


def take(browser: Browser, url: str, view: View, path: Path) -> None:
    """Open a view, wait until all of it is drawn, and write the picture."""
    size: ViewportSize = {"width": view.size[0], "height": view.size[1]}
    page = browser.new_page(viewport=size, color_scheme=view.scheme, reduced_motion="reduce")
    page.goto(f"{url}/#{view.fragment}")
    expect(page.locator("#total strong")).not_to_be_empty(timeout=30_000)
    if "observed" in view.fragment:
        expect(page.locator("#chart-identify ol")).to_be_visible(timeout=30_000)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    page.screenshot(path=path, full_page=view.whole)
    page.close()
    if path.parent == DOCUMENTS:
        path.write_bytes(reduced(browser, path.read_bytes()))
    sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes\n")


def reduced(browser: Browser, png: bytes) -> bytes:
    """Write a picture anew with a palette of 256 colours: the commonest to begin with, then moved by k-means."""
    page = browser.new_page()
    width, height, values = page.evaluate(DECODE, base64.b64encode(png).decode())
    page.close()
    pixels = np.array(values, dtype=np.int64).reshape(-1, 3)
    colours, inverse, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    counts = np.sqrt(counts)  # so that rare colours, the ends of a ramp, count for something
    palette = np.resize(colours[np.argsort(-counts, kind="stable")], (COLOURS, 3)).astype(np.float64)
    for _ in range(ROUNDS):
        nearest = closest(colours, palette)
        weight = np.bincount(nearest, counts, COLOURS)
        for channel in range(3):
            total = np.bincount(nearest, counts * colours[:, channel], COLOURS)
            palette[:, channel] = np.where(weight > 0, total / np.maximum(weight, 1), palette[:, channel])
    rounded = np.rint(palette).astype(np.uint8)
    lines = closest(colours, rounded)[inverse.ravel()].astype(np.uint8).reshape(height, width)
    body = np.concatenate([np.zeros((height, 1), dtype=np.uint8), lines], axis=1).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", head), (b"PLTE", rounded.tobytes()), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def closest(colours: NDArray[np.int64], palette: NDArray[np.generic]) -> NDArray[np.int64]:
    """Find the nearest colour of a palette for each colour."""
    wanted = palette.astype(np.float64)
    found = np.empty(len(colours), dtype=np.int64)
    for start in range(0, len(colours), 4096):
        part = colours[start : start + 4096, None, :] - wanted[None, :, :]
        found[start : start + 4096] = np.argmin((part * part).sum(axis=2), axis=1)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Take the pictures of the explorer.")
    parser.add_argument("--only-documents", action="store_true", help="leave out those that are only looked at")
    options = parser.parse_args(arguments)
    wanted = {DOCUMENTS / f"{name}.png": view for name, view in DOCUMENTED.items()}
    if not options.only_documents:
        wanted |= {LOOKED_AT / f"{name}.png": view for name, view in MORE.items()}
    chromium = os.environ.get("LOSSGRID_TEST_CHROMIUM", "/usr/bin/chromium")
    with running() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for path, view in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            take(browser, server.url, view, path)
        browser.close()
    large = [path.name for path in wanted if path.parent == DOCUMENTS and path.stat().st_size > LARGEST_BYTES]
    if large:
        sys.stdout.write(f"more than {LARGEST_BYTES:,} bytes: {', '.join(large)}\n")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())

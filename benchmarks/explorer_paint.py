"""How soon the explorer shows an answer, and how it keeps up with a pointer; measured in Chromium, by the page's marks.

    python -m benchmarks.explorer_paint                       start the service, and measure
    python -m benchmarks.explorer_paint --url http://...      measure one that runs

The page marks when the bytes of an answer are there (`lossgrid:answered`), when the browser has painted the fold, the
images and the grid (`lossgrid:painted`, in the second frame), and when the charts are there too (`lossgrid:charted`).
Frames are those of a pointer that moves over the loss matrix, with every plate following.
"""

import argparse
import io
import os
import statistics
import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.servers import service

__all__ = ["main"]

SHAPES = ((100, 90), (1000, 784))
LATENTS = 20
ALLOWED_MS = {(100, 90): 200, (1000, 784): 1000}
"""What first paint may take after the answer, in milliseconds."""

BETWEEN = """() => {
  const last = name => performance.getEntriesByName(`lossgrid:${name}`).at(-1)?.startTime;
  return [last("painted") - last("answered"), last("charted") - last("answered")];
}"""
UNTIL = "async () => { while (!(%s)) await new Promise(done => setTimeout(done, 10)); }"
FRAMES = """async () => {
  const canvas = document.querySelector("[data-plate=loss] .frame canvas");
  const box = canvas.getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const start = performance.now();
  for (let at = 0; at < 60; at += 1) {
    const place = { clientX: box.left + at, clientY: box.top + (at * box.height) / 60, bubbles: true };
    canvas.dispatchEvent(new PointerEvent("pointermove", place));
    await frame();
  }
  return (performance.now() - start) / 60;
}"""


def batch(samples: int, features: int) -> bytes:
    """Make a batch in [0, 1] as an archive; images where the features are a square."""
    random = np.random.default_rng(406038)
    x = random.random((samples, features), dtype=np.float32)
    y = np.clip(x + random.normal(scale=0.1, size=x.shape), 0, 1).astype(np.float32)
    latents = random.normal(size=(2, samples, LATENTS)).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, x=x, y=y, mu=latents[0], logvar=latents[1])
    return file.getvalue()


def measure(page: Page, url: str, content: bytes) -> tuple[float, float, float]:
    """Open the page, give it a file, and read the marks.

    Returns
    -------
    milliseconds from the answer to the first paint, to the charts, and of a frame while the pointer moves
    """
    page.goto("about:blank")
    page.goto(f"{url}/#sample=file")
    page.evaluate(UNTIL % "performance.getEntriesByName('lossgrid:painted').length > 0")
    page.evaluate("performance.clearMarks()")
    page.locator("#pick").set_input_files({"name": "batch.npz", "mimeType": "", "buffer": content})
    page.evaluate(UNTIL % f"({BETWEEN})().every(time => time > 0)")
    painted, charted = page.evaluate(BETWEEN)
    return painted, charted, page.evaluate(FRAMES)


def report(browser: Browser, url: str, rounds: int) -> bool:
    """Measure every shape, print a table, and tell whether the best of each is within what it may take."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    fits = True
    sys.stdout.write(
        "| batch | answer to paint, best (ms) | median (ms) | allowed (ms) | to charts, best (ms) | frame (ms) |\n"
    )
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    for shape in SHAPES:
        found = [measure(page, url, batch(*shape)) for _ in range(rounds)]
        paints, charts, frames = zip(*found, strict=True)
        best, allowed = min(paints), ALLOWED_MS[shape]
        fits = fits and best <= allowed
        figures = [
            f"{best:.0f}",
            f"{statistics.median(paints):.0f}",
            str(allowed),
            f"{min(charts):.0f}",
            f"{min(frames):.1f}",
        ]
        sys.stdout.write(f"| {shape[0]} x {shape[1]} | {' | '.join(figures)} |\n")
    return fits


def main(arguments: list[str] | None = None) -> int:
    """Measure; see the module's docstring."""
    parser = argparse.ArgumentParser(description="How soon the explorer shows an answer.")
    parser.add_argument("--url", help="address of a running service")
    parser.add_argument("--rounds", type=int, default=5, help="how often each batch is shown")
    options = parser.parse_args(arguments)
    chromium = Path(os.environ.get("LOSSGRID_TEST_CHROMIUM", "/usr/bin/chromium"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            if options.url:
                return 0 if report(browser, options.url, options.rounds) else 1
            with service({"LOSSGRID_LOG_LEVEL": "error"}) as server:
                return 0 if report(browser, f"http://127.0.0.1:{server.port}", options.rounds) else 1
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())

"""The explorer for every reader: on a phone, in the dark, by keyboard alone, with a screen reader, without script."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Screenshot
from tests.e2e.explorer import PAINTED, PIXELS, VERSION_1, VERSION_2, cell, drop, opened, settled, total, until, visited
from tests.e2e.process import Running
from tests.formats.files import npz

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
VIEWS = {
    "a VAE": f"variant={VERSION_2}&observed=16.09",
    "an autoencoder": "sample=question_100x90&variant=mean_mean",
    "numbers": "sample=numbers&x=0,1;2,3&y=1,1;0,0&mu=1;0&logvar=0;0&loss=huber",
}


def serious(page: Page) -> list[str]:
    """Ask axe-core what keeps somebody from using the page: its serious and critical findings, by rule and place."""
    # Evaluated by the debugger and not by the page, so that the page's policy needs no exception for it.
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run(document).then(found => found.violations)")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(
    server: Running,
    page: Page,
    view: str,
    scheme: Literal["light", "dark"],
    screenshot: Screenshot,
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, server, VIEWS[view])
    assert serious(page) == []
    screenshot(f"explorer-{view.replace(' ', '-')}-{scheme}")


def test_axe_finds_nothing_serious_in_a_problem(server: Running, page: Page, complaints: list[str]) -> None:
    visited(page, server, "sample=numbers&x=0,one&y=1,1")
    expect(page.locator("#problem")).to_be_visible()
    assert serious(page) == []
    complaints.clear()


@pytest.mark.parametrize("view", VIEWS)
def test_the_explorer_fits_a_phone(server: Running, page: Page, view: str, screenshot: Screenshot) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    opened(page, server, VIEWS[view])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    out = page.locator(".plate:visible, .panel:visible, #film:visible").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().right > 360.5).map(one => one.className)"
    )
    assert out == []
    assert serious(page) == []
    screenshot(f"explorer-{view.replace(' ', '-')}-phone")


OUTSIDE = """() => {
  const found = [];
  for (const box of document.querySelectorAll("#grid label, #grid th, .chip, .sources button, .plate .what, .total")) {
    const { left, right } = box.getBoundingClientRect();
    if (left === right) continue;
    const range = document.createRange();
    range.selectNodeContents(box);
    const out = [...range.getClientRects()].some(
      text => text.width > 1 && (text.left < left - 0.5 || text.right > right + 0.5),
    );
    const cut = left < 0 || right > innerWidth + 0.5 || box.scrollWidth > box.clientWidth + 1;
    if (out || cut) found.push(box.textContent);
  }
  return found;
}"""
"""Names what has text that sticks out of its box, is cut off, or lies beyond the window's edge."""

LONG = {
    "a VAE": f"variant={VERSION_2}",
    "a small beta": "beta=0.0001234",
    "a large beta": "beta=987.6",
    "an autoencoder": "sample=question_100x90&variant=mean_mean",
    "small numbers": "sample=numbers&x=0,1;2,3&y=0.01,1.01;2.01,3.01&mu=0.01;0.02&logvar=0;0&beta=0.123",
}
"""Views with numbers that are long."""


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("view", LONG)
def test_no_text_sticks_out(server: Running, page: Page, view: str, width: int, screenshot: Screenshot) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, server, LONG[view])
    assert page.evaluate(OUTSIDE) == []
    page.locator("#cells").scroll_into_view_if_needed()
    screenshot(f"explorer-{view.replace(' ', '-')}-{width}")


@pytest.mark.parametrize("view", LONG)
def test_the_cells_of_the_grid_are_alike_on_a_phone(server: Running, page: Page, view: str) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    opened(page, server, LONG[view])
    sizes = page.locator("#grid label").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => [Math.round(box.width), Math.round(box.height)])"
    )
    assert len(sizes) == 16 or view == "an autoencoder"
    assert max(width for width, _ in sizes) - min(width for width, _ in sizes) <= 1
    assert len({height for _, height in sizes}) == 1  # each number on a line of its own


def test_larger_letters_do_not_break_it(server: Running, page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    opened(page, server)
    page.evaluate("document.documentElement.style.fontSize = '150%'")
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 800


def test_the_pictures_follow_the_scheme(server: Running, page: Page) -> None:
    opened(page, server)
    corner = f"() => [...({PIXELS})(document.querySelector('[data-plate=loss] .frame canvas')).data.slice(-400, -397)]"
    until(page, PAINTED, 1)
    light = page.evaluate(corner)
    page.emulate_media(color_scheme="dark")
    until(page, f"light => String(({corner})()) !== String(light)", light)
    assert sum(page.evaluate(corner)) < sum(light)


def test_what_is_chosen_is_seen_in_the_colours_of_the_system(server: Running, page: Page) -> None:
    page.emulate_media(forced_colors="active")
    opened(page, server)
    for chosen, other in (
        ("#grid label:has(:checked)", "#grid label:not(:has(:checked))"),
        ("[data-sample][aria-pressed=true]", "[data-sample][aria-pressed=false]"),
        (".chip[aria-pressed=true]", ".chip[aria-pressed=false]"),
    ):
        backgrounds = [
            page.locator(one).first.evaluate("one => getComputedStyle(one).backgroundColor") for one in (chosen, other)
        ]
        assert backgrounds[0] != backgrounds[1], (chosen, backgrounds)


def focused(page: Page) -> str:
    """Say which element has the focus."""
    found: str = page.evaluate("[document.activeElement.id, document.activeElement.textContent.slice(0, 30)].join(' ')")
    return found


def test_by_keyboard_alone(server: Running, page: Page) -> None:
    opened(page, server)
    page.keyboard.press("Tab")
    assert "Skip to the content" in focused(page)
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-plate=x] canvas')"):
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#readout")).to_contain_text("x[1, 1] = ")
    expect(page.locator("#fold [role=status]")).to_contain_text("target x[1, 1]")
    page.keyboard.press("Enter")
    expect(page.locator("#film figcaption")).to_contain_text("Sample 1 of 297")
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#film canvas')"):
            page.keyboard.press("ArrowRight")
        if page.evaluate("document.activeElement.name === 'variant'"):
            break
    expect(page.locator("#film figcaption")).to_contain_text("Sample 2 of 297")
    expect(cell(page, VERSION_1)).to_be_focused()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(cell(page, VERSION_2)).to_be_checked()
    assert page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle") == "solid"


def test_without_script_the_article_stands(server: Running, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Which loss did you compute?")).to_be_visible()
    expect(page.get_by_text("The article below stands without it")).to_be_visible()
    expect(page.locator("#fold, .intake, #chart-identify").filter(visible=True)).to_have_count(0)
    assert "0.25" in page.locator("article").inner_text()
    context.close()


def test_a_thousand_images_are_fluid_enough_to_walk_through(server: Running, page: Page) -> None:
    """1000 x 784 is drawn, pointed at and folded in another way; how fast is measured in benchmarks."""
    random = np.random.default_rng(1)
    x = random.random((1000, 1, 28, 28), dtype=np.float32)
    opened(page, server)
    drop(page, {"large.npz": npz(x=x, y=x[::-1], mu=random.normal(size=(1000, 20)), logvar=np.zeros((1000, 20)))})
    expect(page.locator("#status")).to_contain_text("1,000 samples", timeout=60_000)
    settled(page)
    expect(page.locator("#film figcaption")).to_contain_text("Sample 0 of 1000")
    before = total(page)
    cell(page, VERSION_2).check()
    expect(page.locator("#verdict")).to_contain_text("R + 784 K")
    assert total(page) != before
    page.locator("[data-plate=loss] .frame canvas").hover(position={"x": 30, "y": 60})
    expect(page.locator("#readout")).to_contain_text("ℓ[")

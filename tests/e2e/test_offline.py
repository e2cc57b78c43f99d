"""Every page loads from the service alone, behind either kind of reverse proxy too, and nothing on it is refused.

The fixture `page` fails a test that asks another host for anything or writes an error or a warning to the console,
which is where a browser tells of a violated Content-Security-Policy.
"""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Screenshot
from tests.e2e.process import Running, proxy, running

pytestmark = pytest.mark.browser

PAGES = {
    "/": "#total strong",
    "/docs": ".opblock-summary-path[data-path='/loss']",
    "/redoc": "#redoc h1 >> text=Lossgrid",
    "/problems": "main h1",
}
"""Each page, and an element that is there once it has really started."""

every_page = pytest.mark.parametrize(("path", "element"), PAGES.items(), ids=list(PAGES))


@pytest.fixture(scope="module", params=["proxy strips the prefix", "proxy keeps the prefix"])
def prefixed(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the service below a prefix that is also the name of an endpoint, and give the address that a browser sees."""
    with (
        running(root_path="/loss") as server,
        proxy(server, "/loss", strips=request.param == "proxy strips the prefix") as address,
    ):
        yield address


@every_page
def test_every_page_loads_from_the_service_alone(
    server: Running, page: Page, path: str, element: str, screenshot: Screenshot
) -> None:
    for scheme in ("light", "dark"):
        page.goto("about:blank")
        page.emulate_media(color_scheme=scheme)
        page.goto(server.url + path)
        expect(page.locator(element).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        screenshot(f"{path.strip('/') or 'explorer'}-{scheme}")


@every_page
def test_every_page_fits_a_narrow_window(server: Running, page: Page, path: str, element: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(server.url + path)
    expect(page.locator(element).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [1280, 700, 480, 390])
def test_the_cards_of_the_explorer_leave_no_gap(server: Running, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(server.url + "/")
    tops: list[float] = page.locator("ul.cards li").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().top)"
    )
    assert len({tops.count(top) for top in tops}) == 1, tops


def test_the_text_of_a_problem_is_not_cut_off(server: Running, page: Page) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(server.url + "/problems/ragged-array")
        shown = page.locator("main pre").evaluate("pre => [pre.scrollWidth, pre.clientWidth]")
        assert shown[0] == shown[1]
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@every_page
def test_every_page_and_its_links_work_below_a_path_prefix(prefixed: str, page: Page, path: str, element: str) -> None:
    page.goto(prefixed + path)
    expect(page.locator(element).first).to_be_visible()
    links: list[str] = page.locator("a[href]").evaluate_all("links => links.map(link => link.href.split('#')[0])")
    own = {link for link in links if link.startswith("http://127.0.0.1:")}
    assert len(own) >= 4
    answers = {link: httpx.get(link).status_code for link in own}
    assert set(answers.values()) == {200}, answers


def test_the_command_on_the_explorer_is_for_the_address_at_which_one_reads_it(prefixed: str, page: Page) -> None:
    page.goto(prefixed + "/")
    expect(page.locator("#code pre")).to_contain_text(f"curl '{prefixed}/loss?")


def test_swagger_ui_reaches_the_service_below_a_path_prefix(prefixed: str, page: Page) -> None:
    page.goto(prefixed + "/docs")
    page.locator(".opblock-summary-path[data-path='/loss']").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")


def test_the_pages_follow_the_scheme_of_the_system(server: Running, page: Page) -> None:
    page.goto(server.url + "/docs")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html.dark-mode")).to_be_visible()
    assert page.evaluate(ground) != light


def test_the_address_cannot_make_swagger_ui_load_another_document(server: Running, page: Page) -> None:
    page.goto(server.url + "/docs?url=http://127.0.0.2/evil.json&configUrl=http://127.0.0.2/evil.json")
    expect(page.locator(PAGES["/docs"])).to_be_visible()
    expect(page.locator(".info .title")).to_contain_text("Lossgrid")

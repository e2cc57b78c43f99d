"""What the explorer says of a batch: the panels, in a browser, with real answers and the policy of the page.

The fixture `page` fails a test that violates the policy, raises, or asks another host for anything.
"""

import csv
import io
import re
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import SCREENSHOTS
from tests.e2e.panels import AXE, NAMES, POLICY, Panels, batch
from tests.e2e.process import Running

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser

ALL = ("collapse", "conventions")
PHONE_PX = 360


@pytest.fixture
def panels(server: Running, page: Page) -> Panels:
    """Open the page, with no batch."""
    return Panels(page, server.url)


@pytest.fixture
def digits(panels: Panels) -> dict[str, Any]:
    """Show the digits, with everything that can be included, and give the answer."""
    return panels.open(batch(), *ALL)


def marks(page: Page, name: str, chart: int = 0) -> Locator:
    """Find the marks of a panel's chart."""
    return page.locator(f"#{name} svg").nth(chart).locator(".marks > *")


# --- what they say --------------------------------------------------------------------------------


def test_without_a_batch_each_says_what_it_waits_for(panels: Panels) -> None:
    for name, finding in panels.findings().items():
        assert re.search(r"Choose a sample or drop a batch|With a batch", finding), name
        expect(panels.page.locator(f"#{name} .panel-body")).to_be_hidden()


@pytest.mark.usefixtures("digits")
def test_the_findings_are_those_of_the_question(panels: Panels) -> None:
    found = panels.findings()
    assert "Version 2 with a summed KL gives the KL 64 times the weight" in found["beta"]
    assert "AntixK/PyTorch-VAE VanillaVAE" in found["beta"]
    assert "a standard deviation of 5.66, where 0.111 fits this batch best: 50.8 times too wide." in found["deviation"]
    assert "vary in 19 directions. Under Version 2 with a summed KL, none survives" in found["spectrum"]
    assert "at most 0.0657 nat" in found["spectrum"]
    assert found["latents"].startswith("All 10 latents are active")
    panels.update(variant="sum_mean+sum_mean")
    found = panels.findings()
    assert "Version 1 with a summed KL keeps the proportions of the ELBO" in found["beta"]
    assert "6.35 times too wide" in found["deviation"]
    assert "3 of them survive in a linear autoencoder; the others collapse" in found["spectrum"]
    panels.update(variant="sum_sum+mean_mean")
    found = panels.findings()
    assert "200 times less weight than it has in the ELBO" in found["beta"]
    assert "times too narrow" in found["deviation"]


@pytest.mark.parametrize("name", ["question_100x90", "soft_label_bce"])
def test_without_a_kl_term_they_say_why_they_are_empty(panels: Panels, name: str) -> None:
    panels.update(variant="mean_mean")
    answer = panels.open(batch(name), "conventions")
    for panel in ("beta", "deviation", "spectrum", "latents"):
        assert panels.finding(panel).startswith("This batch has no mu and logvar."), panel
        expect(panels.page.locator(f"#{panel} .panel-body")).to_be_hidden()
    assert len(answer["variants"]) == panels.page.locator("#variants tbody tr").count() == 4
    assert panels.page.locator("#variants thead th").count() < 8


def test_another_loss_has_a_weight_but_no_variance(panels: Panels) -> None:
    panels.open(batch(loss="binary_cross_entropy"), "conventions")
    assert "64 times" in panels.finding("beta")
    assert "is not the likelihood of a Gaussian decoder" in panels.finding("deviation")
    assert "for the squared errors only" in panels.finding("spectrum")
    assert "active" in panels.finding("latents")


def test_a_beta_of_0_has_no_place_on_a_logarithmic_axis(panels: Panels) -> None:
    panels.open(batch(beta=0), *ALL)
    assert "With beta 0 the KL term has no weight" in panels.finding("beta")
    assert "assumes a decoder without noise" in panels.finding("deviation")
    assert "Its KL has no upper bound" in panels.finding("spectrum")
    assert panels.page.locator("#beta svg").count() == 1
    assert panels.page.locator("#deviation svg").count() == 0


def test_an_exact_reconstruction_has_no_best_deviation(panels: Panels) -> None:
    x = batch()["x"]
    panels.open(batch(y=x), *ALL)
    assert "The reconstruction is exact" in panels.finding("deviation")
    assert marks(panels.page, "deviation").count() == 16


def test_data_that_do_not_vary_have_no_spectrum(panels: Panels) -> None:
    flat = [[0.5, 0.25]] * 3
    panels.open({"x": flat, "y": flat, "mu": [[0]] * 3, "logvar": [[0]] * 3}, *ALL)
    assert panels.finding("spectrum").startswith("All samples of this batch are the same")
    assert panels.finding("latents").startswith("The only latent is inactive")


@pytest.mark.parametrize("latents", [1, 2])
def test_nothing_is_said_of_others_where_there_are_none(panels: Panels, latents: int) -> None:
    x = [[4.0 * (feature == sample) for feature in range(latents)] for sample in range(latents + 1)]
    posterior = {"mu": [[1] * latents] * len(x), "logvar": [[0] * latents] * len(x)}
    panels.open({"x": x, "y": x} | posterior, *ALL)
    said = "it survives" if latents == 1 else "all of them survive"
    assert f", {said} in a linear autoencoder. For every" in panels.finding("spectrum")
    carried = (
        "active: more than 0.01 nat. It carries 0.5 nat" if latents == 1 else "nat each. Together they carry 1 nat"
    )
    assert carried in panels.finding("latents")


@pytest.mark.parametrize("width", [1280, PHONE_PX])
@pytest.mark.parametrize("error", [1e-9, 1e6], ids=["small", "large"])
def test_the_best_deviation_is_named_within_the_chart(panels: Panels, error: float, width: int) -> None:
    panels.page.set_viewport_size({"width": width, "height": 800})
    y = [[value + error for value in row] for row in batch()["x"]]
    panels.open(batch(y=y), *ALL)
    label = panels.page.locator("#deviation .level-text text")
    assert label.inner_html().startswith("best: ")
    assert label.evaluate(
        "text => { const [inner, outer] = [text, text.ownerSVGElement].map(one => one.getBoundingClientRect());"
        " return inner.left >= outer.left && inner.right <= outer.right; }"
    )


def test_while_a_new_answer_is_under_way_the_old_one_is_marked(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    panels.update(stale=True)
    assert panels.page.locator("#beta .model-panel[aria-busy=true] svg").count() == 2
    assert panels.page.locator(".model-panel[aria-busy=true]").count() == len(NAMES)
    panels.update(stale=False)
    assert panels.page.locator(".model-panel[aria-busy=true]").count() == 0


@pytest.mark.usefixtures("digits")
def test_the_same_state_again_changes_nothing(panels: Panels) -> None:
    changes: int = panels.page.evaluate(
        """() => {
            const seen = new MutationObserver(() => {});
            seen.observe(document.querySelector("main"), {childList: true, subtree: true, characterData: true});
            update({});
            return seen.takeRecords().length;
        }"""
    )
    assert changes == 0


# --- effective beta -------------------------------------------------------------------------------


def test_every_weight_of_known_code_is_a_mark(panels: Panels, digits: dict[str, Any]) -> None:
    weights = [row["effective_beta"] for row in digits["conventions"] if row["effective_beta"]]
    assert len(weights) > 40
    assert marks(panels.page, "beta", 1).count() == len(weights)
    assert marks(panels.page, "beta", 0).count() == 16
    assert panels.page.locator("#beta .marks > .chosen").count() == 1
    fitting = sum(row["loss"] == "squared_error" and bool(row["effective_beta"]) for row in digits["conventions"])
    panels.page.get_by_label("only code whose loss is squared_error").check()
    expect(marks(panels.page, "beta", 1)).to_have_count(fitting)


def test_marks_stand_where_their_value_is_and_not_on_each_other(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    spots: list[list[float]] = marks(panels.page, "beta", 1).evaluate_all(
        "all => all.map(one => [Number(one.getAttribute('cx')), Number(one.getAttribute('cy'))])"
    )
    nearest = min(abs(a[0] - b[0]) + abs(a[1] - b[1]) for i, a in enumerate(spots) for b in spots[:i])
    assert nearest > 5
    top: float = (
        panels.page.locator("#beta svg")
        .nth(1)
        .evaluate(
            "svg => Math.min(...[...svg.querySelectorAll('.marks > *')].map(one => one.getBoundingClientRect().top))"
            " - svg.getBoundingClientRect().top"
        )
    )
    assert top >= 0


def test_names_stand_beside_their_marks_and_on_no_other(panels: Panels, digits: dict[str, Any]) -> None:
    named: set[str] = set()
    for variant in digits["variants"]:
        panels.update(variant=variant)
        covered: list[str] = (
            panels.page.locator("#beta svg")
            .nth(1)
            .evaluate(
                """svg => {
                const boxes = all => [...svg.querySelectorAll(all)].map(one => [one, one.getBoundingClientRect()]);
                const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
                return boxes(".soft-text text").flatMap(([text, box]) =>
                    boxes(".marks > *, .soft-text text").filter(([one, other]) => one !== text && over(box, other))
                ).map(([one]) => one.outerHTML);
            }"""
            )
        )
        assert covered == [], variant
        named |= set(panels.page.locator("#beta .soft-text text").all_text_contents())
    assert any(name.startswith("antixk-vanilla") for name in named)


@pytest.mark.usefixtures("digits")
def test_marks_are_walked_with_the_keyboard(panels: Panels) -> None:
    page = panels.page
    page.get_by_label("only code whose loss is squared_error").focus()
    page.keyboard.press("Tab")
    chosen = page.locator(":focus")
    assert chosen.get_attribute("data-key") == "mean_mean+sum_mean"
    assert chosen.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(":focus").get_attribute("data-key") == "sum_sum+sum_mean"
    expect(page.locator("#beta .panel-readout")).to_contain_text("sum_sum+sum_mean effective beta 0.05")
    page.keyboard.press("Enter")
    assert panels.chosen() == "sum_sum+sum_mean"
    assert page.locator(":focus").get_attribute("data-key") == "sum_sum+sum_mean"
    assert "20 times less weight" in panels.finding("beta")
    page.keyboard.press("Tab")  # one stop for each chart
    page.keyboard.press("End")
    assert "effective beta 1280" in str(page.locator(":focus").get_attribute("aria-label"))
    expect(page.locator("#beta .panel-readout a").first).to_be_visible()


def test_a_mark_of_known_code_says_whose_it_is(panels: Panels, digits: dict[str, Any]) -> None:
    row = next(row for row in digits["conventions"] if row["id"] == "antixk-vanilla" and row["when"] == "validation")
    page = panels.page
    mark = page.locator("#beta [data-key^='antixk-vanilla validation']")
    mark.click()
    readout = page.locator("#beta .panel-readout")
    expect(readout).to_contain_text(f"(validation): effective beta {row['effective_beta']:g} for this batch")
    assert readout.get_by_role("link").first.get_attribute("href") == "/conventions/antixk-vanilla"
    assert str(readout.get_by_role("link").last.get_attribute("href")).endswith("/models/vanilla_vae.py")
    marks(page, "beta", 1).first.hover()  # pressed marks stay until another is
    expect(readout).to_contain_text("(validation)")


# --- the decoder, the spectrum, the latents -------------------------------------------------------


@pytest.mark.usefixtures("digits")
def test_a_variant_is_chosen_by_its_dot(panels: Panels) -> None:
    panels.page.locator("#deviation [data-key='mean_sum+sum_sum']").click()
    assert panels.chosen() == "mean_sum+sum_sum"
    assert panels.page.locator("#deviation .marks > .chosen").get_attribute("data-key") == "mean_sum+sum_sum"
    assert panels.page.locator("#deviation .names .chosen-text").inner_html() == "mean_sum+sum_sum"
    assert panels.page.locator("#variants .chosen-row code").inner_text() == "mean_sum+sum_sum"


def test_as_many_bars_survive_as_the_service_says(panels: Panels, digits: dict[str, Any]) -> None:
    for variant, forecast in digits["collapse"]["variants"].items():
        panels.update(variant=variant)
        assert panels.page.locator("#spectrum .marks > .kept").count() == forecast["linear_directions"], variant
        assert panels.page.locator("#spectrum .chosen-line").count() == 1


def test_active_latents_are_marked_and_can_be_sorted(panels: Panels) -> None:
    given = batch()
    for name in ("mu", "logvar"):
        given[name] = [[0.0 if latent % 3 else value for latent, value in enumerate(row)] for row in given[name]]
    answer = panels.open(given, *ALL)
    page = panels.page
    assert answer["latent"]["active_units"] == page.locator("#latents .marks > .kept").count() == 4
    assert page.locator("#latents .crosses > *").count() == 6
    assert panels.finding("latents").startswith("4 of 10 latents are active")
    page.locator("#latents summary").click()
    column = page.locator("#latents tbody th")
    expect(column).to_have_text([str(latent) for latent in range(10)])
    page.get_by_label("sort by KL").check()
    by_size = sorted(range(10), key=lambda latent: -answer["latent"]["kl_per_dimension"][latent])
    expect(column).to_have_text([str(latent) for latent in by_size])


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_sorted_by_each_of_its_columns(panels: Panels, digits: dict[str, Any]) -> None:
    values: dict[str, Callable[[dict[str, Any]], float]] = {
        "reconstruction": lambda row: row["reconstruction"],
        "kl": lambda row: row["kl"],
        "total": lambda row: row["total"],
        "scale": lambda row: row["scale"],
        "effective_beta": lambda row: row["effective_beta"],
        "implied_decoder_variance": lambda row: row["implied_decoder_variance"],
        "kl_weight_for.unit_beta": lambda row: row["kl_weight_for"]["unit_beta"],
        "kl_weight_for.optimal_variance": lambda row: row["kl_weight_for"]["optimal_variance"],
        "used_by": lambda row: len(row["used_by"]),
    }
    page = panels.page
    headings = page.locator("#variants thead button")
    assert headings.count() == 1 + len(values)
    for name, value in values.items():
        for direction in ("ascending", "descending"):
            page.locator(f"#variants button[data-sort='{name}']").click()
            assert page.locator("#variants th[aria-sort]").get_attribute("aria-sort") == direction
            shown = page.locator("#variants tbody th code").all_inner_texts()
            expected = [value(digits["variants"][variant]) for variant in shown]
            assert expected == sorted(expected, reverse=direction == "descending"), name
    page.locator("#variants button[data-sort='variant']").press("Enter")
    assert page.locator("#variants tbody th code").all_inner_texts() == sorted(digits["variants"])
    assert page.locator(":focus").get_attribute("data-sort") == "variant"


@pytest.mark.usefixtures("digits")
def test_a_row_is_chosen_by_a_click_or_a_key(panels: Panels) -> None:
    page = panels.page
    page.locator("#variants tbody tr").nth(3).locator("td").nth(2).click()
    assert panels.chosen() == "sum_mean+mean_sum"
    button = page.locator("#variants [data-variant='sum_sum+sum_sum']")
    button.press("Enter")
    assert panels.chosen() == "sum_sum+sum_sum"
    expect(page.locator(":focus")).to_have_attribute("data-variant", "sum_sum+sum_sum")
    assert button.get_attribute("aria-pressed") == "true"


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_table_is_copied_with_all_digits(panels: Panels, digits: dict[str, Any]) -> None:
    page = panels.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as CSV").click()
    expect(page.locator("#variants [role=status]")).to_have_text("Copied: 16 lines and a heading.")
    rows = read_csv(page.evaluate("navigator.clipboard.readText()"))
    assert [row["variant"] for row in rows] == list(digits["variants"])
    for row in rows:
        variant = digits["variants"][row["variant"]]
        for name in ("reconstruction", "kl", "total", "scale", "effective_beta", "implied_decoder_variance"):
            assert float(row[name]) == variant[name]
        assert float(row["kl_weight_for.optimal_variance"]) == variant["kl_weight_for"]["optimal_variance"]
        assert row["used_by"].split() == variant["used_by"]


@pytest.mark.usefixtures("digits")
def test_without_a_clipboard_the_table_is_there_to_be_copied(panels: Panels) -> None:
    page = panels.page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy as CSV").click()
    text = page.get_by_role("textbox", name="The table as CSV")
    expect(text).to_be_focused()
    assert len(read_csv(text.input_value())) == 16


def test_who_uses_a_variant_is_shown_with_links(server: Running, panels: Panels, digits: dict[str, Any]) -> None:
    page = panels.page
    users = digits["variants"]["sum_mean+sum_mean"]["used_by"]
    page.get_by_role("button", name=f"{len(users)} conventions: which").click()
    links = page.get_by_role("dialog", name="Code that uses sum_mean+sum_mean").get_by_role("link")
    expect(links).to_have_count(len(users))
    assert panels.chosen() == "mean_mean+sum_mean"
    for place, name in enumerate(users):
        path = links.nth(place).get_attribute("href")
        assert path == f"/conventions/{name}"
        assert httpx.get(server.url + path).status_code == 200
    page.keyboard.press("Escape")
    expect(links.first).to_be_hidden()


# --- the number -----------------------------------------------------------------------------------


def ask(page: Page, text: str) -> Locator:
    """Type a number, press Enter, and wait for what is said about it."""
    page.get_by_label("The number that was printed for this batch").fill(text)
    page.keyboard.press("Enter")
    out = page.locator("#identify .panel-out")
    expect(page.get_by_role("button", name="Explain it")).to_be_enabled()
    expect(out).not_to_have_attribute("aria-busy", "true")
    return out


def test_a_number_is_explained(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    page = panels.page
    panels.update(variant="sum_mean+sum_mean")
    with page.expect_request("**/loss/identify") as asked:
        out = ask(page, "15.674")
    sent = asked.value.post_data_json
    assert sent is not None
    assert sent["observed"] == 15.674
    assert sent["rtol"] == pytest.approx(0.0005 / 15.674, rel=1e-12)
    expect(out.locator(".panel-verdict")).to_contain_text("Found. It is mean_mean(squared_error) + sum_mean(kl).")
    first = out.locator(".panel-explanations > li").first
    expect(first.locator("code").first).to_have_text("mean_mean(squared_error) + sum_mean(kl)")
    assert "Just this: AntixK/PyTorch-VAE VanillaVAE (validation)." in first.inner_text()
    first.get_by_role("button", name="Show Version 2 with a summed KL").click()
    assert panels.chosen() == "mean_mean+sum_mean"
    expect(out.locator(".panel-verdict")).to_be_visible()


def test_few_digits_leave_more_than_one_explanation(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    out = ask(panels.page, "0.8")
    expect(out.locator(".panel-explanations > li").nth(1)).to_be_visible()
    assert not out.locator(".panel-verdict").inner_text().startswith("Found.")


@pytest.mark.usefixtures("digits")
def test_a_number_that_nothing_gives_is_said_to_be_one(panels: Panels) -> None:
    out = ask(panels.page, "987654321.12345")
    expect(out.locator(".panel-verdict")).to_contain_text("No explanation.")
    assert out.locator(".panel-explanations").count() == 0


def test_the_same_number_by_other_formulas_is_listed(panels: Panels) -> None:
    panels.open(batch("tiny"), "conventions")
    one = {name: rows[:1] for name, rows in batch("tiny").items() if isinstance(rows, list)}
    answer = panels.open(one, "conventions")
    out = ask(panels.page, repr(answer["variants"]["sum_mean+sum_mean"]["total"]))
    folded = out.locator("summary", has_text="The same number for this batch, but not for others").first
    folded.click()
    expect(out.locator("details[open] li code").first).to_be_visible()


TYPED = {
    "0.0231": (0.0231, 0.00005 / 0.0231),
    "13.60": (13.6, 0.005 / 13.6),
    " -2.5e-3 ": (-0.0025, 0.00005 / 0.0025),
    "1.5E2": (150, 5 / 150),
    ".5": (0.5, 0.1),
    "12.": (12, 0.5 / 12),
    "3": (3, 0.1),  # no more is taken
    "0.1234567890123456789": (0.12345678901234568, 1e-12),  # no less makes sense
    "0": (0, 1e-4),
    "0.000": (0, 1e-4),
}
"""What is typed, the number that it is, and the relative error that its digits leave open."""


def test_the_digits_say_how_near_an_explanation_has_to_come(panels: Panels) -> None:
    script = "async typed => { const { read } = await import('./identify.js'); return typed.map(read); }"
    found = panels.page.evaluate(script, list(TYPED))
    for (text, (value, rtol)), seen in zip(TYPED.items(), found, strict=True):
        assert (seen["value"], seen["rtol"]) == (value, pytest.approx(rtol, rel=1e-12)), text


def test_what_is_no_number_is_not_sent(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    page = panels.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    field = page.get_by_label("The number that was printed for this batch")
    for text in ("", "1,5", "abc", "1e999", "NaN", "0x10", "1 000", "-"):
        field.fill(text)
        assert field.get_attribute("aria-invalid") is None
        page.keyboard.press("Enter")
        expect(field).to_be_focused()
        assert field.get_attribute("aria-invalid") == "true", text
    assert asked == []


def test_what_the_service_refuses_is_said(panels: Panels, complaints: list[str]) -> None:
    panels.open(batch("tiny"), "conventions")
    panels.page.route("**/loss/identify", lambda route: route.fulfill(status=503, json={"detail": "Come back later."}))
    expect(ask(panels.page, "1.5").locator(".panel-problem")).to_have_text("Come back later.")
    panels.page.unroute("**/loss/identify")
    panels.page.route("**/loss/identify", lambda route: route.abort())
    expect(ask(panels.page, "1.5").locator(".panel-problem")).to_be_visible()
    assert len(complaints) == 2  # the browser writes a line for each
    complaints.clear()


def test_another_batch_takes_the_explanations_away(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    expect(ask(panels.page, "15.674").locator(".panel-verdict")).to_be_visible()
    panels.open(batch("tiny"), *ALL)
    expect(panels.page.locator("#identify .panel-verdict")).to_have_count(0)


@pytest.mark.usefixtures("digits")
def test_a_number_of_a_link_is_asked_for_and_told(panels: Panels) -> None:
    page = panels.page
    page.evaluate("view.observed = text => { window.told = text; }")
    panels.update(observed="15.674")
    expect(page.locator("#identify .panel-verdict")).to_contain_text("Found.")
    assert page.evaluate("told") == "15.674"
    expect(page.get_by_label("The number that was printed for this batch")).to_have_value("15.674")


# --- for everybody --------------------------------------------------------------------------------


def test_the_style_of_plot_is_let_in_by_its_hash_alone(server: Running, page: Page, complaints: list[str]) -> None:
    panels = Panels(page, server.url, re.sub(r" 'sha256-[^']+'", "", POLICY))
    panels.open(batch(), *ALL)
    # What the console says comes when it likes: all of it is there when nothing has come for a while.
    heard, quiet = 0, 0
    for _ in range(200):
        page.wait_for_timeout(50)
        quiet = quiet + 1 if complaints and len(complaints) == heard else 0
        heard = len(complaints)
        if quiet == 10:
            break
    assert complaints
    assert all("Content Security Policy" in line for line in complaints), complaints
    complaints.clear()


@pytest.mark.parametrize(
    ("name", "scheme", "width", "text"),
    [
        ("light", "light", 1280, 16),
        ("dark", "dark", 1280, 16),
        ("phone", "light", PHONE_PX, 16),
        ("phone-dark-large", "dark", PHONE_PX, 24),
    ],
)
def test_the_panels_fit_and_can_be_used_by_everybody(
    panels: Panels, name: str, scheme: Literal["light", "dark"], width: int, text: int
) -> None:
    page = panels.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("size => { document.documentElement.style.fontSize = `${size}px`; }", text)
    panels.open(batch(), *ALL)
    ask(page, "15.67")
    SCREENSHOTS.mkdir(exist_ok=True)
    for panel in NAMES:
        place = page.locator(f"#{panel}")
        place.screenshot(path=SCREENSHOTS / f"panel-{panel}-{name}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in page.locator("svg.plot").all():
        assert chart.evaluate("svg => svg.getBoundingClientRect().width <= svg.parentElement.clientWidth + 1")
        assert chart.get_attribute("aria-label")
    for folded in page.locator(".panel-table summary").all():
        folded.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def violations(page: Page) -> list[str]:
    """Ask axe-core what is wrong with the page, and give all that is more than a trifle."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{rule['id']}: {node['html']}"
        for rule in found
        for node in rule["nodes"]
        if rule["impact"] in {"moderate", "serious", "critical"}
    ]


def test_axe_would_find_something(panels: Panels, digits: dict[str, Any]) -> None:
    assert digits
    panels.page.evaluate("document.querySelector('#panel-observed').labels[0].remove()")
    assert any(line.startswith("label: ") for line in violations(panels.page))

"""A person's way through the explorer: look, choose, understand, ask whose number it is, and pass the view on."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Screenshot
from tests.e2e.explorer import (
    PAINTED,
    PIXELS,
    VERSION_1,
    VERSION_2,
    cell,
    choose,
    opened,
    settled,
    total,
    totals,
    until,
    visited,
)
from tests.e2e.process import Running

pytestmark = pytest.mark.browser

SAMPLES = Path(__file__).parents[2] / "samples"


def answer(server: Running, sample: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - as httpx has it
    """Ask the service itself."""
    body = (SAMPLES / sample).read_bytes()
    kind = "application/x-npz" if sample.endswith(".npz") else "application/json"
    got = httpx.post(f"{server.url}/loss", params=options, content=body, headers={"Content-Type": kind}, timeout=60)
    found: dict[str, Any] = got.raise_for_status().json()
    return found


@pytest.fixture
def digits(server: Running, page: Page) -> Page:
    """Open the page without a fragment: the digits, Version 1."""
    opened(page, server)
    return page


def test_from_a_sample_to_a_link(server: Running, digits: Page, screenshot: Screenshot) -> None:
    page = digits
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(cell(page, VERSION_1)).to_be_checked()
    choose(page, VERSION_2)
    expect(page.locator("#verdict")).to_contain_text("R + 64 K")
    expect(page.locator("#verdict")).to_contain_text("at most 0.07223 nat, and a linear model collapses whole")
    expect(page.locator("#chart-beta")).to_contain_text("64 times")
    expect(page.locator("#chart-spectrum")).to_contain_text("none survives")
    expect(page.locator("#chart-deviation")).to_contain_text("45.4 times")
    screenshot("explorer-version-2")
    page.locator("#chart-identify input").fill("16.09")
    page.get_by_role("button", name="Explain it").click()
    expect(page.locator("#chart-identify ol code").first).to_have_text("mean_mean(squared_error) + sum_mean(kl)")
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{server.url}/#sample=digits_vae&variant={VERSION_2}&observed=16.09"
    before = total(page)
    other = page.context.new_page()
    other.goto(link)
    settled(other)
    assert total(other) == before
    expect(cell(other, VERSION_2)).to_be_checked()
    expect(other.locator("#chart-identify ol code").first).to_have_text("mean_mean(squared_error) + sum_mean(kl)")


@pytest.mark.parametrize(
    ("fragment", "sample", "options"),
    [
        ("", "digits_vae.npz", {}),
        (
            "sample=digits_vae&beta=4&loss=huber&delta=0.25",
            "digits_vae.npz",
            {"beta": 4, "loss": "huber", "delta": 0.25},
        ),
        ("loss=gaussian_nll&variance=0.02", "digits_vae.npz", {"loss": "gaussian_nll", "variance": 0.02}),
        ("sample=question_100x90", "question_100x90.json", {}),
    ],
)
def test_the_page_shows_what_the_service_answers(
    server: Running, page: Page, fragment: str, sample: str, options: dict[str, Any]
) -> None:
    opened(page, server, fragment)
    expected = {name: row["total"] for name, row in answer(server, sample, **options)["variants"].items()}
    assert totals(page) == expected


def test_every_cell_lights_its_own_path(digits: Page) -> None:
    page = digits
    for variant in totals(page):
        choose(page, variant)
        reconstruction, kl = variant.split("+")
        lit = page.locator(".plate.lit:not(.plate-total)").evaluate_all("all => all.map(one => one.dataset.plate)")
        assert lit == [f"reconstruction.{reconstruction.split('_')[0]}", f"kl.{kl.split('_')[0]}"]
        assert page.locator(".chip[aria-pressed=true]").count() == 2
        assert page.locator(".paths path").count() == 6
        assert total(page) == totals(page)[variant]
        agree = reconstruction.split("_")[1] == kl.split("_")[1]
        assert (page.locator(".plate-total.lit").count() == 1) == agree


def test_a_number_in_the_picture_is_a_choice_too(digits: Page) -> None:
    page = digits
    page.locator(".plate-reconstruction-mean .chip", has_text="sum").click()
    expect(cell(page, "mean_sum+sum_mean")).to_be_checked()
    page.locator(".plate-kl-mean .reduce").click()
    expect(cell(page, "mean_sum+mean_mean")).to_be_checked()
    expect(page).to_have_url(re.compile(r"variant=mean_sum\+mean_mean$"))


def test_a_warning_is_shown_where_it_concerns_the_choice(digits: Page) -> None:
    page = digits
    warnings = page.locator("#warnings li")
    choose(page, VERSION_2)
    expect(warnings).to_have_count(1)
    expect(warnings).to_contain_text("kl_overweighted The implied decoder variance is 32 and the optimal one 0.0155.")
    choose(page, "mean_sum+sum_mean")
    expect(warnings).to_have_count(0)
    page.locator("select[name=loss]").select_option("binary_cross_entropy")
    expect(warnings).to_contain_text("bce_targets_not_binary")


def test_without_a_kl_term_there_are_four_numbers_and_no_right_half(digits: Page) -> None:
    page = digits
    page.get_by_role("button", name="The question’s batch").click()
    expect(page.locator("#grid input")).to_have_count(4)
    expect(page.locator(".plate-kl")).to_be_hidden()
    expect(page.locator("#chart-beta")).to_contain_text("mu")
    choose(page, "mean_mean")
    expect(page.locator("#verdict")).to_contain_text("a learning rate in disguise")
    expect(page).to_have_url(re.compile("sample=question_100x90&variant=mean_mean$"))


def test_the_objective_is_changed_by_its_controls(server: Running, digits: Page) -> None:
    page = digits
    page.locator("select[name=loss]").select_option("huber")
    page.locator("input[name=delta]").fill("0.5")
    page.get_by_label("beta, exactly").fill("4")
    expected = answer(server, "digits_vae.npz", loss="huber", delta=0.5, beta=4)["variants"][VERSION_1]["total"]
    until(page, "total => Number(document.querySelector('#total strong')?.title) === total", expected)
    expect(page).to_have_url(f"{server.url}/#sample=digits_vae&loss=huber&delta=0.5&beta=4")
    slider = page.get_by_label("beta, on a logarithmic scale")
    slider.focus()
    slider.press("Home")
    expect(page.get_by_label("beta, exactly")).to_have_value("0.0001")
    page.locator("select[name=loss]").select_option("squared_error")
    expect(page.locator("input[name=delta]")).to_be_hidden()


def test_an_impossible_option_is_not_sent(digits: Page) -> None:
    page = digits
    before = total(page)
    page.get_by_label("beta, exactly").fill("-1")
    expect(page.get_by_label("beta, exactly")).to_have_attribute("aria-invalid", "true")
    assert total(page) == before
    assert "beta" not in page.url


def test_numbers_are_typed_and_fit_into_the_link(server: Running, digits: Page) -> None:
    page = digits
    page.get_by_role("button", name="Your numbers").click()
    page.get_by_label("x, the targets").fill("0 1\n2 3")
    page.get_by_label("y, the reconstructions").fill("[[1, 1], [0, 0]]")
    page.get_by_label("mu, if there are latents").fill("")
    page.get_by_label("logvar, if there are latents").fill("")
    page.get_by_role("button", name="Use these numbers").click()
    expect(page.locator("#grid input")).to_have_count(4)
    settled(page)
    assert totals(page) == {"sum_mean": 7, "mean_mean": 3.5, "sum_sum": 14, "mean_sum": 7}
    link = f"{server.url}/#sample=numbers&x=0,1;2,3&y=%5B%5B1,1%5D,%5B0,0%5D%5D"
    expect(page).to_have_url(link)
    opened(page, server, link.partition("#")[2])
    assert totals(page)["mean_mean"] == 3.5
    expect(page.get_by_label("x, the targets")).to_have_value("0, 1\n2, 3")


def test_numbers_that_are_too_many_for_a_link_are_asked_for_again(server: Running, digits: Page) -> None:
    page = digits
    many = "\n".join(f"{row}.25, {row}.5" for row in range(400))
    page.get_by_role("button", name="Your numbers").click()
    for label in "x, the targets", "y, the reconstructions":
        page.get_by_label(label).fill(many)
    for label in "mu, if there are latents", "logvar, if there are latents":
        page.get_by_label(label).fill("")
    page.get_by_role("button", name="Use these numbers").click()
    expect(page.locator("#status")).to_contain_text("400 samples")
    expect(page.locator("#link-note")).to_have_text("These numbers are too many for a link.")
    page.locator("article a[href='#sample=question_100x90&variant=sum_mean']").click()
    expect(page.locator("#status")).to_contain_text("signals")
    page.go_back()
    expect(page.locator("#status")).to_contain_text("400 samples")
    visited(page, server, "sample=numbers")
    expect(page.locator("#status")).to_contain_text("more numbers than a link can hold")
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.get_by_label("x, the targets")).to_be_visible()


def test_another_link_to_numbers_fills_the_form_anew(server: Running, page: Page) -> None:
    opened(page, server, "sample=numbers&x=1;2&y=1;0")
    page.goto(f"{server.url}/#sample=numbers&x=5%0A7&y=5;0")
    expect(page.locator("#total strong")).to_have_text("24.5")
    expect(page.get_by_label("x, the targets")).to_have_value("5\n7")
    expect(page.get_by_label("y, the reconstructions")).to_have_value("5\n0")


@pytest.mark.parametrize("typed", ["3\n1", "3, 1", "3 1", "[3, 1]"], ids=["lines", "one line", "blanks", "JSON"])
def test_weights_of_samples_are_typed_and_fit_into_the_link(server: Running, digits: Page, typed: str) -> None:
    page = digits
    opened(page, server, "sample=numbers&x=0,1;2,3&y=1,1;0,0")
    assert totals(page)["sum_mean"] == (1 + 13) / 2
    page.get_by_label("weights, if samples differ").fill(typed)
    page.get_by_role("button", name="Use these numbers").click()
    expect(page.locator("#total strong")).to_have_text("4")
    assert totals(page) == {"sum_mean": 4, "mean_mean": 2, "sum_sum": 16, "mean_sum": 8}
    expect(page.locator("#code")).to_contain_text('"sample_weight": [3,1]')
    link = page.url.partition("#")[2]
    assert "&sample_weight=" in link
    opened(page, server, link)
    assert totals(page)["sum_mean"] == 4
    expect(page.get_by_label("weights, if samples differ")).to_have_value(re.compile("3"))
    page.get_by_role("button", name="Handwritten digits").click()
    expect(page).not_to_have_url(re.compile("sample_weight"))


def test_a_weight_that_cannot_be_is_named(server: Running, page: Page, complaints: list[str]) -> None:
    visited(page, server, "sample=numbers&x=0,1;2,3&y=1,1;0,0&sample_weight=1,-1")
    expect(page.locator("#problem")).to_contain_text("sample_weight[1]")
    complaints.clear()


def test_the_numbers_that_the_form_begins_with_are_checked_in_the_head(digits: Page) -> None:
    page = digits
    page.get_by_role("button", name="Your numbers").click()
    page.get_by_role("button", name="Use these numbers").click()
    expect(page.locator("#status")).to_contain_text("2 samples, shape 2 × 3")
    settled(page)
    assert totals(page)[VERSION_1] == (1 + 1 + 4 + 4 + 4 + 4) / 2 + 0.75


def test_the_links_of_the_article_change_the_view(digits: Page) -> None:
    page = digits
    page.get_by_role("link", name="choose Version 2 for them").click()
    expect(cell(page, VERSION_2)).to_be_checked()
    expect(page.locator("#total strong")).to_be_in_viewport()
    page.get_by_role("link", name="mean over features, mean over batch").click()
    expect(cell(page, "mean_mean")).to_be_checked()
    page.go_back()
    expect(cell(page, VERSION_2)).to_be_checked()


def test_a_total_is_seen_where_its_terms_have_different_signs(server: Running, page: Page) -> None:
    # r is log(2 pi 0.01) / 2, about -1.38, and k is 1/2: the bar leads from 0 to -1.38, and back to -0.88.
    opened(page, server, "sample=numbers&x=0&y=0&mu=1&logvar=0&loss=gaussian_nll&variance=0.01")
    assert total(page) == pytest.approx(-0.8836, abs=1e-4)
    until(page, PAINTED, 1)
    back, out = page.locator("[data-plate=total] .frame canvas").evaluate(
        f"canvas => {{ const {{ data, width, height }} = ({PIXELS})(canvas); return [0.2, 0.6].map(share => {{"
        " const at = 4 * (Math.floor(height / 2) * width + Math.floor(share * width));"
        " return data[at] > data[at + 2] ? 'reconstruction' : 'KL'; }); }"
    )
    assert (back, out) == ("KL", "reconstruction")


def test_a_place_on_the_page_is_no_state(digits: Page) -> None:
    page = digits
    choose(page, VERSION_2)
    page.evaluate("location.hash = '#with-kl'")
    expect(page.locator("#with-kl")).to_be_in_viewport()
    expect(cell(page, VERSION_2)).to_be_checked()


@pytest.mark.parametrize(
    "fragment",
    ["variant=nonsense&beta=-1&delta=x&at=-1&loss=%", "=&&&unknown=1", "variant=sum_mean%2Bsum_mean&at=999999"],
)
def test_a_broken_link_shows_what_can_be_shown(server: Running, page: Page, fragment: str) -> None:
    opened(page, server, fragment)
    expect(cell(page, VERSION_1)).to_be_checked()
    assert len(totals(page)) == 16


def test_looking_at_a_cell_tells_its_index_and_value(server: Running, digits: Page) -> None:
    page = digits
    target = page.locator("[data-plate=x] .frame canvas")
    box = target.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 10.5 / 64, box["y"] + box["height"] * 3.5 / 297)
    x = answer(server, "digits_vae.npz", include="elementwise")["elementwise"]
    expect(page.locator("#readout")).to_contain_text("x[3, 10] = ")
    expect(page.locator("#readout")).to_contain_text(f"ℓ[3, 10] = {x[3][10]:.4g}")
    page.mouse.click(box["x"] + 5, box["y"] + box["height"] * 7.5 / 297)
    expect(page.locator("#film figcaption")).to_contain_text("Sample 7 of 297")
    expect(page).to_have_url(re.compile("&at=7$"))


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_calls_that_are_shown_give_what_is_shown(server: Running, page: Page, language: str) -> None:
    opened(page, server, f"sample=digits_vae&loss=huber&delta=0.5&beta=4&variant={VERSION_2}&observed=64.3")
    expect(page.locator("#chart-identify .panel-verdict")).to_be_visible()
    page.locator("#code").get_by_role("button", name=language, exact=True).click()
    calls = page.locator("#code pre").all_inner_texts()
    assert len(calls) == 2
    answers = [run(call, language) for call in calls]
    assert answers[0]["variants"][VERSION_2]["total"] == total(page)
    assert "verdict" in answers[1]


def run(call: str, language: str) -> dict[str, Any]:
    """Run a call as it is shown, in the folder of the samples."""
    command = (
        ["sh", "-c", call]
        if language == "curl"
        else [sys.executable, "-c", f"{call}\nprint(__import__('json').dumps(answer))"]
    )
    done = subprocess.run(command, cwd=SAMPLES, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - shown by our page
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_impossible_option_gives_way_to_what_is_shown(digits: Page) -> None:
    beta = digits.locator("input[name=beta]")
    beta.fill("")
    expect(beta).to_have_attribute("aria-invalid", "true")
    beta.blur()
    expect(beta).to_have_value("1")
    expect(beta).not_to_have_attribute("aria-invalid", "true")


def test_the_slider_is_read_out_as_beta_and_not_as_its_logarithm(digits: Page) -> None:
    digits.locator("input[name=beta]").fill("100")
    expect(digits.locator("input[name=beta-slider]")).to_have_attribute("aria-valuetext", "100")


def test_a_number_that_is_being_typed_is_left_alone(digits: Page) -> None:
    observed = digits.locator("#panel-observed")
    observed.fill("17.07")
    observed.press("Enter")
    expect(digits.locator("#chart-identify .panel-verdict")).to_be_visible()
    observed.fill("16.0")
    choose(digits, VERSION_2)
    expect(digits.locator("#chart-beta .panel-finding")).to_contain_text("Version 2")
    expect(observed).to_have_value("16.0")
    observed.fill("what")
    observed.press("Enter")
    expect(observed).to_have_attribute("aria-invalid", "true")
    expect(digits.locator("#chart-identify .panel-verdict")).to_have_count(0)


def test_a_number_with_a_typographic_minus_stands_in_links_and_calls(digits: Page) -> None:
    digits.locator("#panel-observed").fill("\N{MINUS SIGN}0.5")
    digits.locator("#panel-observed").press("Enter")
    expect(digits).to_have_url(re.compile("observed=-0.5$"))
    expect(digits.locator("#code pre").last).to_contain_text("observed=-0.5&")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("17.07", "half a unit of its last digit"), ("1", "the most that is asked for"), ("0.00", "only exact zeros")],
)
def test_the_page_says_how_near_an_explanation_has_to_come(digits: Page, typed: str, said: str) -> None:
    digits.locator("#panel-observed").fill(typed)
    expect(digits.locator("#panel-digits")).to_contain_text(said)


WRITTEN = {
    19008: ("19008", "19008"),
    -19008.4: ("\N{MINUS SIGN}19008", "\N{MINUS SIGN}19008"),
    0.000243: ("0.000243", "2.43e\N{MINUS SIGN}4"),
    -1.25e-7: ("\N{MINUS SIGN}1.25e\N{MINUS SIGN}7", "\N{MINUS SIGN}1.25e\N{MINUS SIGN}7"),
    3.18e300: ("3.18e300", "3.18e300"),
    0.5: ("0.5", "0.5"),
}
"""A number, as the fold writes it and as the panels do."""


def test_numbers_are_written_whole_and_without_hyphens(digits: Page) -> None:
    script = """async values => {
      const folder = new URL('.', document.querySelector('script[type=module]').src).href;
      const { brief } = await import(`${folder}words.js`);
      const { number } = await import(`${folder}panels/words.js`);
      return values.map(value => [brief(value), number(value)]);
    }"""
    assert digits.evaluate(script, list(WRITTEN)) == [list(texts) for texts in WRITTEN.values()]

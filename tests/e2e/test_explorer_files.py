"""Files of every kind, dropped and picked: what the page shows is what the service makes of them."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Screenshot
from tests.e2e.explorer import PAINTED, PIXELS, VERSION_2, cell, drop, opened, settled, total, totals, until
from tests.e2e.process import Running
from tests.formats.files import npy, npz, safetensors

pytestmark = pytest.mark.browser

RANDOM = np.random.default_rng(406038)
IMAGES = {
    "x": RANDOM.random((12, 1, 6, 7)),
    "y": RANDOM.random((12, 1, 6, 7)),
    "mu": RANDOM.normal(size=(12, 3)),
    "logvar": RANDOM.normal(size=(12, 3)),
}
FLAT = {name: array.reshape(12, -1) for name, array in IMAGES.items()}


def lines(array: NDArray[Any]) -> bytes:
    """Write a matrix as CSV, with all of its digits."""
    return "\n".join(",".join(repr(float(value)) for value in row) for row in array).encode()


FILES: Mapping[str, Mapping[str, bytes]] = {
    "npz": {"batch.npz": npz(**IMAGES)},
    "npz, compressed": {"batch.npz": npz(compressed=True, **IMAGES)},
    "safetensors": {"batch.safetensors": safetensors(**IMAGES)},
    "json": {"batch.json": json.dumps({name: array.tolist() for name, array in IMAGES.items()}).encode()},
    "npy": {f"{name}.npy": npy(array) for name, array in IMAGES.items()},
    "npy in another order": {
        f"test-{name}.npy": npy(np.asfortranarray(array).astype(">f8")) for name, array in IMAGES.items()
    },
    "csv": {f"{name}.csv": lines(array) for name, array in FLAT.items()},
}


@pytest.fixture(scope="module")
def expected(server: Running) -> dict[str, float]:
    """Ask the service itself."""
    found = httpx.post(f"{server.url}/loss", json={name: array.tolist() for name, array in IMAGES.items()}).json()
    return {name: row["total"] for name, row in found["variants"].items()}


def the_colours(page: Page, plate: str) -> list[int]:
    """Read what a heat map shows: the sums of its pixels' channels, row by row."""
    found: list[int] = page.locator(f"[data-plate={plate}] .frame canvas").evaluate(
        f"canvas => {{ const {{ data }} = ({PIXELS})(canvas);"
        " const sums = Array(12).fill(0); for (let at = 0; at < data.length; at += 4)"
        " sums[Math.floor(at / 4 / canvas.width / canvas.height * 12)] += data[at] + data[at + 1] + data[at + 2];"
        " return sums; }"
    )
    return found


@pytest.mark.parametrize("kind", FILES)
def test_files_are_dropped(server: Running, page: Page, expected: dict[str, float], kind: str) -> None:
    opened(page, server)
    drop(page, FILES[kind])
    expect(page.locator("#status")).to_contain_text("12 samples, shape 12 × ")
    settled(page)
    assert totals(page) == expected
    expect(page.locator("[data-plate=x] .size")).to_have_text("12 × 42" if kind == "csv" else "12 × 1 × 6 × 7")
    expect(page.locator("#film")).to_be_visible(visible=kind != "csv")
    until(page, PAINTED, 2)
    assert len(set(the_colours(page, "x"))) > 6
    expect(page.locator("#link-note")).to_contain_text("cannot hold your file")
    expect(page).to_have_url(re.compile("#sample=file"))


def test_a_file_is_picked(server: Running, page: Page, expected: dict[str, float], screenshot: Screenshot) -> None:
    opened(page, server)
    page.get_by_role("button", name="Your files").click()
    name, content = next(iter(FILES["npz"].items()))
    page.locator("#pick").set_input_files({"name": name, "mimeType": "", "buffer": content})
    expect(page.locator("#status")).to_contain_text("batch.npz: 12 samples")
    settled(page)
    assert totals(page) == expected
    screenshot("explorer-file")


def test_files_may_come_one_after_the_other(server: Running, page: Page) -> None:
    opened(page, server)
    drop(page, {"x.npy": npy(FLAT["x"])})
    expect(page.locator("#status")).to_have_text("x is here; now drop the file of y.")
    drop(page, {"y.csv": lines(FLAT["y"])})
    expect(page.locator("#status")).to_contain_text("x.npy, y.csv: 12 samples")
    expect(page.locator("#grid input")).to_have_count(4)


def test_files_whose_names_say_nothing_may_come_one_after_the_other(server: Running, page: Page) -> None:
    opened(page, server)
    for name, array, role in ("targets.npy", "x", "x"), ("decoded.npy", "y", "y"):
        drop(page, {name: npy(FLAT[array])})
        roles = page.locator("#roles")
        assert roles.get_by_label(name).input_value() == role
        roles.get_by_role("button", name="Use these files").click()
        expect(roles).to_be_hidden()
        if role == "x":
            expect(page.locator("#status")).to_have_text("x is here; now drop the file of y.")
            expect(page.locator("#pick")).to_be_focused()
    expect(page.locator("#status")).to_contain_text("targets.npy, decoded.npy: 12 samples")


def test_a_file_that_is_no_array_is_laid_aside(server: Running, page: Page) -> None:
    opened(page, server)
    drop(page, {"cat.png": b"\x89PNG"})
    page.locator("#roles").get_by_label("cat.png").select_option("none of them")
    page.locator("#roles").get_by_role("button", name="Use these files").click()
    expect(page.locator("#status")).to_have_text("Drop the files of x and y.")
    expect(page.locator("#grid input")).to_have_count(16)
    drop(page, {"mu.npy": npy(FLAT["mu"]), "logvar.npy": npy(FLAT["logvar"])})
    expect(page.locator("#status")).to_have_text("mu and logvar are here; now drop the files of x and y.")


@pytest.mark.parametrize("shape", [(2, 5000), (5000, 2)], ids=["wide", "tall"])
def test_only_the_axis_with_too_many_cells_is_averaged(server: Running, page: Page, shape: tuple[int, int]) -> None:
    halves = np.zeros(shape)
    halves[(1, slice(None)) if shape[0] == 2 else (slice(None), 1)] = 1
    opened(page, server)
    drop(page, {"halves.npz": npz(x=halves, y=halves)})
    expect(page.locator("#status")).to_contain_text("halves.npz")
    settled(page)
    until(page, PAINTED, 2)
    colours = page.locator("[data-plate=y] .frame canvas").evaluate(
        f"canvas => {{ const {{ data, width, height }} = ({PIXELS})(canvas); const found = new Set();"
        " const shares = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9];"
        " for (const down of shares) for (const across of shares)"
        " found.add(data[4 * (Math.floor(down * height) * width + Math.floor(across * width))]);"
        " return [...found]; }"
    )
    assert len(colours) == 2


def test_the_page_asks_what_names_do_not_say(server: Running, page: Page) -> None:
    opened(page, server)
    drop(page, {"targets.npy": npy(FLAT["x"]), "decoded.npy": npy(FLAT["y"])})
    roles = page.locator("#roles")
    expect(roles).to_be_visible()
    expect(roles.locator("select").first).to_be_focused()
    roles.get_by_label("targets.npy").select_option("x")
    roles.get_by_label("decoded.npy").select_option("y")
    roles.get_by_role("button", name="Use these files").click()
    expect(page.locator("#status")).to_contain_text("12 samples, shape 12 × 42")
    expect(roles).to_be_hidden()


def test_options_of_a_json_file_move_to_the_controls(server: Running, page: Page) -> None:
    opened(page, server)
    body = {name: array.tolist() for name, array in FLAT.items()}
    drop(page, {"body.json": json.dumps(body | {"loss": "huber", "delta": 0.125, "beta": 3, "include": []}).encode()})
    expect(page.locator("select[name=loss]")).to_have_value("huber")
    expect(page.locator("input[name=delta]")).to_have_value("0.125")
    expect(page.locator("#status")).to_contain_text("body.json: 12 samples")
    settled(page)
    answer = httpx.post(f"{server.url}/loss", json=body | {"loss": "huber", "delta": 0.125, "beta": 3}).json()
    assert totals(page)[VERSION_2] == answer["variants"][VERSION_2]["total"]


def test_what_the_page_cannot_read_the_service_may(server: Running, page: Page) -> None:
    """A structured header that NumPy writes in another way than usual: the answer is drawn, without x and y."""
    opened(page, server)
    odd = npy(FLAT["x"]).replace(b"'descr': '<f8'", b'"descr": "<f8"')
    drop(page, {"x.npy": odd, "y.npy": npy(FLAT["y"])})
    expect(page.locator("#status")).to_have_text("x.npy, y.npy")
    expect(page.locator("[data-plate=x]")).to_be_hidden()
    expect(page.locator("[data-plate=loss]")).to_be_visible()
    settled(page)
    assert totals(page)["mean_mean"] == pytest.approx(float(((FLAT["x"] - FLAT["y"]) ** 2).mean()), rel=1e-15)


def test_a_long_upload_tells_how_far_it_is(server: Running, page: Page) -> None:
    opened(page, server)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 600_000}
    network.send("Network.emulateNetworkConditions", slow)
    big = RANDOM.random((400, 300))
    drop(page, {"big.npz": npz(x=big, y=big)})
    expect(page.locator("#progress")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("Sending: ")
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    expect(page.locator("#status")).to_contain_text("400 samples", timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()


def test_losses_that_are_too_many_are_not_asked_for_one_by_one(server: Running, page: Page) -> None:
    opened(page, server)
    x = RANDOM.random((2048, 2048)).astype(np.float16)
    with page.expect_response("**/loss?*", timeout=60_000) as answered:
        drop(page, {"large.npz": npz(x=x, y=x[::-1])})
    assert "elementwise" not in answered.value.url
    expect(page.locator("#status")).to_contain_text("too many to draw one by one", timeout=30_000)
    expect(page.locator("[data-plate=loss]")).to_be_hidden()
    expect(page.locator("[data-plate=x]")).to_be_visible()
    settled(page)
    assert totals(page)["mean_mean"] == pytest.approx(float(((x - x[::-1].astype(float)) ** 2).mean()), rel=1e-12)


def test_a_newer_question_takes_the_place_of_an_older_one(server: Running, page: Page) -> None:
    opened(page, server)
    for beta in ("2", "3", "5"):
        page.get_by_label("beta, exactly").fill(beta)
    page.locator("#total span", has_text="+ 5 ×").wait_for()
    settled(page)
    expect(cell(page, "sum_mean+sum_mean")).to_be_checked()


def test_a_link_to_somebodys_file_says_what_is_missing(server: Running, page: Page) -> None:
    page.goto(f"{server.url}/#sample=file&variant={VERSION_2}")
    expect(page.locator("#status")).to_contain_text("which a link cannot hold")
    expect(page.locator("#fold")).to_be_hidden()
    drop(page, FILES["npz"])
    settled(page)
    expect(cell(page, VERSION_2)).to_be_checked()


def test_the_way_back_leads_to_the_files(server: Running, page: Page) -> None:
    opened(page, server)
    drop(page, {"mine.npz": npz(x=np.ones((2, 3)), y=np.zeros((2, 3)))})
    expect(page.locator("#status")).to_contain_text("mine.npz")
    settled(page)
    page.locator("article a[href='#sample=question_100x90&variant=sum_mean']").click()
    expect(page.locator("#status")).to_contain_text("signals")
    page.go_back()
    expect(page.locator("#status")).to_contain_text("mine.npz")
    settled(page)
    assert total(page) == 3


def test_a_file_that_is_left_aside_is_named(server: Running, page: Page) -> None:
    opened(page, server)
    drop(page, {"a.npz": npz(x=np.ones((2, 3)), y=np.zeros((2, 3))), "b.npz": npz(x=np.ones(2), y=np.ones(2))})
    expect(page.locator("#status")).to_contain_text("not read: b.npz")


def test_a_file_that_is_read_slowly_does_not_take_the_place_of_a_newer_choice(server: Running, page: Page) -> None:
    opened(page, server)
    page.evaluate(
        """() => {
          const read = Blob.prototype.arrayBuffer;
          window.done = false;
          Blob.prototype.arrayBuffer = async function () {
            await new Promise(resolve => setTimeout(resolve, 500));
            setTimeout(() => { window.done = true; }, 200);
            return read.call(this);
          };
        }"""
    )
    drop(page, {"slow.npz": npz(x=np.ones((2, 3)), y=np.zeros((2, 3)))})
    page.locator("[data-sample=question_100x90]").click()
    until(page, "() => window.done")
    settled(page)
    expect(page.locator("#status")).to_contain_text("signals")


def test_more_directions_than_latents_are_not_promised(server: Running, page: Page) -> None:
    wide = np.random.default_rng(0).normal(size=(20, 5)) * 10
    opened(page, server)
    drop(page, {"wide.npz": npz(x=wide, y=wide + 1, mu=np.ones((20, 2)), logvar=np.zeros((20, 2)))})
    expect(page.locator("#verdict")).to_contain_text("It optimises R + K")
    expect(page.locator("#verdict")).to_contain_text("could keep 5 directions, more than its 2 latents")

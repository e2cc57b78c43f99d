"""What is wrong is said beside the input and shown in the matrix; a service that is gone is no end of the page."""

import json

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Screenshot
from tests.e2e.explorer import PIXELS, drop, opened, settled, totals, until, visited
from tests.e2e.process import Running, running
from tests.formats.files import npy, npz

pytestmark = pytest.mark.browser

X = np.arange(12.0).reshape(3, 4)
WITH_NAN = np.where(X == 6, np.nan, X)
RINGED = """canvas => {
  const { data, width, height } = (%s)(canvas);
  const found = [];
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === 0xa3 && data[at + 1] === 0x14 && data[at + 2] === 0x8c) found.push(at / 4);
  const middle = list => list.reduce((sum, one) => sum + one, 0) / list.length;
  return [middle(found.map(at => at % width)) / width, middle(found.map(at => Math.floor(at / width))) / height];
}""".replace("%s", PIXELS)
"""Where the middle of what has the colour of faults is: shares of the width and the height of a heat map."""

FAULTS = {
    "a word": ({"x.csv": b"0,1,2,3\n4,5,six,7\n8,9,10,11", "y.npy": npy(X)}, "An element is not a number", (1, 2)),
    "NaN in an array": ({"batch.npz": npz(x=WITH_NAN, y=X)}, "NaN or infinity", (1, 2)),
    "null in JSON": (
        {"b.json": json.dumps({"x": [[0, 1], [None, 3]], "y": [[0, 1], [2, 3]]}).encode()},
        "An element is not a number",
        (1, 0),
    ),
    "a short line": (
        {"x.csv": b"0,1,2\n3,4\n5,6,7", "y.csv": b"0,1,2\n3,4,5\n5,6,7"},
        "x[1] (line 2) has 2 numbers",
        (1, None),
    ),
}


def only_refusals(complaints: list[str]) -> None:
    """Forget the lines that the browser itself writes for an answer of 4xx."""
    assert [text for text in complaints if "the server responded with a status of 4" not in text] == []
    complaints.clear()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_and_shown(
    server: Running, page: Page, complaints: list[str], fault: str, screenshot: Screenshot
) -> None:
    files, words, (row, column) = FAULTS[fault]
    opened(page, server)
    drop(page, files)
    problem = page.locator("#problem")
    expect(problem).to_contain_text(words)
    expect(problem).to_be_focused()
    expect(problem).to_be_in_viewport()
    expect(problem.get_by_role("link", name="What this means")).to_be_visible()
    expect(page.locator("#grid")).to_be_hidden()
    matrix = page.locator("[data-plate=x] .frame canvas")
    expect(matrix).to_be_visible()
    until(page, f"() => ({RINGED})(document.querySelector('[data-plate=x] .frame canvas'))[0] >= 0")
    rows, columns = map(int, page.locator("[data-plate=x] .size").inner_text().split(" × "))
    across, down = matrix.evaluate(RINGED)
    assert int(down * rows) == row
    if column is not None:
        assert int(across * columns) == column
    screenshot(f"explorer-problem-{fault.replace(' ', '-')}")
    only_refusals(complaints)


def test_a_fault_in_typed_numbers_keeps_them_and_goes_when_it_is_mended(
    server: Running, page: Page, complaints: list[str]
) -> None:
    visited(page, server, "sample=numbers&x=0,1;two,3&y=1,1;0,0")
    expect(page.locator("#problem")).to_contain_text("x[1][0]")
    field = page.get_by_label("x, the targets")
    expect(field).to_have_value("0, 1\ntwo, 3")
    field.fill("0, 1\n2, 3")
    page.get_by_role("button", name="Use these numbers").click()
    expect(page.locator("#problem")).to_be_hidden()
    settled(page)
    assert totals(page)["sum_sum"] == 14
    only_refusals(complaints)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ("x=[[1e400,2]]&y=[[1,1]]", "x[0][0] is a number out of range"),
        ("x=[[1,2],[3,4]]&y=1,two;3,4", "y[0][1] is a string"),
        ("x=[[1,2],[3,4]]&y=a,b;1,2;3,four", "y[1][1] is a string"),
    ],
)
def test_numbers_are_refused_as_what_was_typed(
    server: Running, page: Page, complaints: list[str], numbers: str, said: str
) -> None:
    visited(page, server, f"sample=numbers&{numbers}")
    expect(page.locator("#problem")).to_contain_text(said)
    only_refusals(complaints)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"broken.npz": b"PK\x03\x04 no archive"}, "archive"),
        ({"broken.json": b'{"x": [1, 2'}, "JSON"),
        ({"scalar.npz": npz(x=np.float64(1), y=X)}, "x"),
        ({"empty.json": b'{"x": [[]], "y": [[]]}'}, "x"),
        ({"deep.json": b'{"x": ' + b"[" * 9000 + b"]" * 9000 + b', "y": [1]}'}, "nest deeper than"),
        ({"broken.safetensors": b"\xff" * 30}, "safetensors"),
    ],
)
def test_a_file_that_cannot_be_read(
    server: Running, page: Page, complaints: list[str], file: dict[str, bytes], words: str
) -> None:
    opened(page, server)
    drop(page, file)
    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("#problem")).to_contain_text(words)
    page.get_by_role("button", name="Handwritten digits").click()
    expect(page.locator("#problem")).to_be_hidden()
    settled(page)
    only_refusals(complaints)


def test_a_value_out_of_the_domain_is_marked(server: Running, page: Page, complaints: list[str]) -> None:
    opened(page, server, "sample=question_100x90&loss=squared_error")
    page.locator("select[name=loss]").select_option("binary_cross_entropy")
    expect(page.locator("#problem")).to_contain_text("y[")
    expect(page.locator("[data-plate=y]")).to_be_visible()
    page.locator("select[name=loss]").select_option("absolute_error")
    expect(page.locator("#problem")).to_be_hidden()
    only_refusals(complaints)


def test_a_service_that_is_gone_and_comes_back(page: Page, complaints: list[str], screenshot: Screenshot) -> None:
    with running() as server:
        opened(page, server)
        port = server.port
    page.get_by_label("beta, exactly").fill("2")
    problem = page.locator("#problem")
    expect(problem).to_contain_text("The service does not answer")
    expect(page.locator("#grid input")).to_have_count(16)  # its last answer stays
    screenshot("explorer-gone")
    with running(port=port):
        problem.get_by_role("button", name="Ask again").click()
        expect(problem).to_be_hidden()
        settled(page)
        expect(page.locator("#total span")).to_contain_text("+ 2 ×")
    assert all("ERR_CONNECTION_REFUSED" in text for text in complaints), complaints
    complaints.clear()


@pytest.mark.parametrize("gone", ["the sample", "the losses"])
def test_a_page_whose_service_goes_before_its_first_answer(
    server: Running, page: Page, complaints: list[str], gone: str
) -> None:
    page.route("**/losses" if gone == "the losses" else "**/digits_vae.npz", lambda route: route.abort())
    page.goto(server.url)
    if gone == "the sample":
        expect(page.locator("#problem")).to_contain_text("The service does not answer")
        page.unroute("**/digits_vae.npz")
        page.get_by_role("button", name="Ask again").click()
    settled(page)
    assert len(totals(page)) == 16
    complaints.clear()  # the browser's own lines for what was refused


def test_a_service_that_wants_a_token(server: Running, page: Page, complaints: list[str]) -> None:
    """Played by the browser's side, so that it does not depend on how a service is told its tokens."""
    refusal = {"type": "/problems/unauthorized", "title": "A token is wanted", "detail": "Send one.", "status": 401}

    def gate(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer open-sesame":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(refusal))

    page.route("**/loss?*", gate)
    page.route("**/loss/identify?*", gate)
    visited(page, server, "observed=17.066")
    problem = page.locator("#problem")
    expect(problem).to_contain_text("A token is wanted")
    problem.get_by_label("Token").fill("open-sesame")
    problem.get_by_role("button", name="Use this token").click()
    expect(problem).to_be_hidden()
    settled(page)
    expect(page.locator("#chart-identify ol code").first).to_have_text("sum_mean(squared_error) + sum_mean(kl)")
    expect(page.locator("#code pre").first).to_contain_text('--header "Authorization: Bearer $TOKEN"')
    assert "sesame" not in page.content() + page.url
    assert all("status of 401" in text for text in complaints), complaints
    complaints.clear()


def test_a_service_that_is_busy_may_be_asked_again(server: Running, page: Page, complaints: list[str]) -> None:
    opened(page, server)
    busy = {"type": "/problems/over-capacity", "title": "The service is busy", "detail": "Try again.", "status": 503}
    page.route("**/loss?*", lambda route: route.fulfill(status=503, body=json.dumps(busy)))
    page.get_by_label("beta, exactly").fill("2")
    problem = page.locator("#problem")
    expect(problem).to_contain_text("The service is busy")
    expect(page.get_by_label("beta, exactly")).to_be_focused()
    page.unroute("**/loss?*")
    problem.get_by_role("button", name="Ask again").click()
    expect(problem).to_be_hidden()
    settled(page)
    expect(page.locator("#total span")).to_contain_text("+ 2 ×")
    complaints.clear()


def test_a_json_file_is_sent_as_it_is(server: Running, page: Page, complaints: list[str]) -> None:
    opened(page, server)
    drop(page, {"huge.json": b'{"x": [[1e400, 2]], "y": [[1, 2]]}'})
    expect(page.locator("#problem")).to_contain_text("x[0][0] is a number out of range")
    only_refusals(complaints)


def test_what_the_browser_cannot_read_is_said(server: Running, page: Page) -> None:
    """A folder that is dropped is a file whose reading fails."""
    opened(page, server)
    page.evaluate("() => { Blob.prototype.arrayBuffer = async () => { throw new Error('it is a folder.'); }; }")
    drop(page, {"folder.npz": b""})
    expect(page.locator("#problem")).to_contain_text("folder.npz: it is a folder.")


def test_a_loss_that_is_refused_leaves_the_focus_in_the_list(
    server: Running, page: Page, complaints: list[str]
) -> None:
    opened(page, server, "sample=numbers&x=0,5&y=1,2")
    page.locator("select[name=loss]").focus()
    page.locator("select[name=loss]").select_option("binary_cross_entropy")
    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("select[name=loss]")).to_be_focused()
    only_refusals(complaints)

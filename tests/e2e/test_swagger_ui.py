"""A person opens /docs, chooses an example, presses Execute, and reads the numbers."""

import json
import re
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Screenshot
from tests.e2e.process import Running
from tests.formats.files import npy

pytestmark = pytest.mark.browser


@pytest.fixture
def operation(server: Running, page: Page) -> Locator:
    """Open POST /loss on the page."""
    page.goto(server.url + "/docs")
    return opened(page, "/loss")


def opened(page: Page, path: str) -> Locator:
    """Open an operation on the page."""
    block = page.locator(".opblock", has=page.locator(f".opblock-summary-path[data-path='{path}']"))
    block.locator(".opblock-summary").click()
    expect(block.get_by_role("button", name="Execute")).to_be_visible()
    return block


@pytest.fixture(scope="module")
def examples(server: Running) -> dict[str, Any]:
    """Read the named examples of POST /loss from the document that the page shows."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    named: dict[str, Any] = document["paths"]["/loss"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    return {name: example["value"] for name, example in named.items()}


def execute(operation: Locator) -> tuple[int, Any]:
    """Press Execute, wait for the answer, and read the status and the body that the page shows."""
    operation.get_by_role("button", name="Execute").click()
    row = operation.locator(".live-responses-table tbody tr").first
    status = row.locator(".response-col_status")
    expect(status).to_contain_text(re.compile(r"\d{3}"))
    return int(status.inner_text()[:3]), json.loads(row.locator("pre").first.inner_text())


def test_every_example_gives_its_numbers(
    server: Running, operation: Locator, examples: dict[str, Any], screenshot: Screenshot
) -> None:
    assert len(examples) >= 3
    for name, body in examples.items():
        operation.locator("select.examples-select-element").first.select_option(name)
        assert json.loads(operation.locator("textarea").first.input_value()) == body
        status, shown = execute(operation)
        assert (status, shown) == (200, httpx.post(f"{server.url}/loss", json=body).json())
        operation.locator(".live-responses-table").scroll_into_view_if_needed()
        screenshot(f"swagger-ui-{name}")
        operation.get_by_role("button", name="Clear").click()


@pytest.mark.parametrize("example", ["tiny", "digits"])
def test_an_open_operation_and_its_answer_fit_a_narrow_window(
    page: Page, operation: Locator, example: str, screenshot: Screenshot
) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    operation.locator("select.examples-select-element").first.select_option(example)
    status, _ = execute(operation)
    assert status == 200
    expect(operation.locator(".responses-table tr.response[data-code='422']")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(operation.get_by_text("No links").first).to_be_hidden()
    operation.locator(".live-responses-table").scroll_into_view_if_needed()
    screenshot(f"swagger-ui-{example}-narrow")


def test_a_broken_body_shows_the_problem(operation: Locator, complaints: list[str], screenshot: Screenshot) -> None:
    operation.locator("textarea").first.fill('{"x": [[0, 1], [2, 3]], "y": [[0, 1], [2]]}')
    status, problem = execute(operation)
    assert (status, problem["status"], problem["type"]) == (422, 422, "/problems/ragged-array")
    assert problem["errors"][0]["pointer"] == "/y/1"
    operation.locator(".live-responses-table").scroll_into_view_if_needed()
    screenshot("swagger-ui-problem")
    assert [text for text in complaints if "422" not in text] == []
    complaints.clear()  # the browser itself writes a line for an answer of 422


def test_a_matrix_is_edited_in_rows(operation: Locator, examples: dict[str, Any]) -> None:
    operation.locator("select.examples-select-element").first.select_option("tiny")
    lines = operation.locator("textarea").first.input_value().splitlines()
    assert lines.count('  "x": [') == 1
    assert json.loads(lines[lines.index('  "x": [') + 1].rstrip(",")) == examples["tiny"]["x"][0]


def test_a_number_typed_into_the_editor_stays_as_it_was_typed(operation: Locator) -> None:
    editor = operation.locator("textarea").first
    editor.fill('{"x": [[1]], "y": [[')
    editor.press_sequentially("  2,\n 3 ]] }", delay=5)
    assert editor.input_value() == '{"x": [[1]], "y": [[  2,\n 3 ]] }'


def test_a_long_answer_is_shown_in_time(operation: Locator) -> None:
    numbers = [[round(0.001 * (row * 300 + column), 3) for column in range(300)] for row in range(100)]
    operation.locator("textarea").first.fill(
        json.dumps({"x": numbers, "y": numbers, "loss": "squared_error", "include": ["elementwise"]})
    )
    status, shown = execute(operation)
    assert status == 200
    assert len(shown["elementwise"]) == 100
    assert operation.locator(".live-responses-table pre span[class^='hljs']").count() == 0


def test_an_operation_is_a_link(server: Running, operation: Locator, page: Page) -> None:
    operation.locator(".opblock-summary-path a").click()
    operation.locator(".opblock-summary-path a").click()
    address = page.url
    assert address.startswith(f"{server.url}/docs#/")
    page.goto(server.url + "/")
    page.goto(address)
    expect(page.get_by_role("button", name="Execute")).to_be_visible()


def pick(operation: Locator, name: str, content: bytes) -> None:
    """Choose a file for an array."""
    file = {"name": f"{name}.npy", "mimeType": "application/octet-stream", "buffer": content}
    row = operation.locator(f"tr[data-property-name='{name}']")
    row.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]  # a dict is a FilePayload


def test_files_are_picked_one_for_each_array(operation: Locator, screenshot: Screenshot) -> None:
    operation.locator(".opblock-section-request-body select.content-type").select_option("multipart/form-data")
    batch = {"x": np.array([[0.5, 1], [2, 3]], ">f4"), "y": np.asfortranarray([[0, 1], [2, 5]])}
    for name, array in batch.items():
        pick(operation, name, npy(array))
    for name in ("mu", "logvar", "sample_weight"):
        expect(operation.locator(f"tr[data-property-name='{name}'] input[type=file]")).to_be_visible()
    operation.locator("tr[data-property-name='beta'] input[type=text]").fill("0.5")
    status, shown = execute(operation)
    assert (status, shown.get("beta")) == (200, 0.5), shown
    assert shown["per_sample"]["reconstruction"]["sum"] == [0.25, 4.0]
    operation.locator(".live-responses-table").scroll_into_view_if_needed()
    screenshot("swagger-ui-files")


@pytest.mark.parametrize(
    ("observed", "sizes", "value"),
    [("19", "", 19.0), ("6,13", "1,2", [6.0, 13.0])],
    ids=["one batch", "two batches"],
)
def test_a_number_is_identified_from_files(
    server: Running, page: Page, observed: str, sizes: str, value: object
) -> None:
    page.goto(server.url + "/docs")
    operation = opened(page, "/loss/identify")
    operation.locator(".opblock-section-request-body select.content-type").select_option("multipart/form-data")
    pick(operation, "x", npy([[1, 2, 3], [4, 5, 6], [0, 1, 0]]))
    pick(operation, "y", npy([[2, 1, 1], [2, 3, 4], [0, 0, 0]]))
    for name, text in {"observed": observed, "batch_sizes": sizes}.items():
        operation.locator(f"tr[data-property-name='{name}'] input[type=text]").fill(text)
    status, shown = execute(operation)
    assert status == 200, shown
    first = shown["explanations"][0]
    assert (first["formula"], first["value"]) == ("sum_sum(squared_error)", value)


@pytest.mark.parametrize(("path", "named"), [("/losses/{name}", "huber"), ("/conventions/{id}", "torch-mse-loss")])
def test_a_row_of_a_catalogue_is_asked_for_without_typing_its_name(
    server: Running, page: Page, path: str, named: str
) -> None:
    page.goto(server.url + "/docs")
    status, row = execute(opened(page, path))
    assert (status, row) == (200, httpx.get(f"{server.url}{path.partition('{')[0]}{named}").json())

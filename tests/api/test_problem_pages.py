"""/problems and /problems/<slug>: every kind has a page that a person can read."""

import html

import pytest

from app.problems import KINDS, Kind
from tests.inprocess import InProcess, a_client
from tests.refusals import assert_problem


def text(page: str) -> str:
    return html.unescape(page)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_has_a_page(client: InProcess, kind: Kind) -> None:
    page = client.get(f"/problems/{kind.slug}")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for part in (kind.title, str(kind.status), kind.meaning, kind.mending, f'"type": "/problems/{kind.slug}"'):
        assert part in text(page.text)


def test_the_index_leads_to_every_page(client: InProcess) -> None:
    page = client.get("/problems").text
    for kind in KINDS.values():
        assert f'href="/problems/{kind.slug}"' in page
        assert kind.title in text(page)


@pytest.mark.parametrize("path", ["/problems", "/problems/overflow"])
def test_pages_allow_nothing_foreign_and_no_script(client: InProcess, path: str) -> None:
    page = client.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "<script" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_links_carry_the_path_prefix() -> None:
    with a_client(root_path="/grid") as client:
        assert 'href="/grid/problems/overflow"' in client.get("/problems").text
        assert 'href="/grid/problems"' in client.get("/problems/overflow").text


@pytest.mark.parametrize("slug", ["ovrflow", "OVERFLOW", "%3Cscript%3E", "x" * 3000])
def test_an_unknown_kind_is_a_problem_itself(client: InProcess, slug: str) -> None:
    document = assert_problem(client.get(f"/problems/{slug}"), "not-found", unsaid=["<script>", "x" * 50])
    near = (
        "did you mean /problems/overflow?" if slug.lower() in {"ovrflow", "overflow"} else "/problems lists them all."
    )
    assert document["detail"] == f"There is no problem of this name; {near}"

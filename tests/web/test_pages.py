"""The pages and their files, asked for in process: addresses, headers, encodings."""

import gzip
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.gates import Prefix
from app.web import router
from app.web.files import files
from scripts.vendor_docs import VENDOR

pytestmark = pytest.mark.anyio

PAGES = ("/", "/docs", "/redoc")
PREFIXES = {
    "no prefix": ("", ""),
    "stripped by the proxy": ("/team/losses", ""),
    "kept by the proxy": ("/team/losses",) * 2,
}
every_page = pytest.mark.parametrize("path", PAGES)


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the service does."""
    return "asyncio"


def a_client(root_path: str = "") -> httpx.AsyncClient:
    """Make a client of an application that has nothing but the pages."""
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router())
    app.add_middleware(Prefix, prefix=root_path, serves=lambda _: True)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


class Addresses(HTMLParser):
    """Collects what a page loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        for name, value in attrs:
            if name in {"href", "src"} and value is not None:
                (self.links if tag == "a" else self.loaded).append(value)


def addresses() -> Iterator[str]:
    return (file.path for file in files().values())


@every_page
async def test_a_page_is_html_that_is_asked_for_anew(path: str) -> None:
    async with a_client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@every_page
@pytest.mark.parametrize(("root", "kept"), PREFIXES.values(), ids=list(PREFIXES))
async def test_all_that_a_page_loads_is_there(path: str, root: str, kept: str) -> None:
    async with a_client(root) as client:
        page = Addresses((await client.get(kept + path)).text)
        assert len(page.loaded) >= 3
        assert [address for address in page.loaded if not address.startswith(f"{root}/web/")] == []
        assert [link for link in page.links if not link.startswith((f"{root}/", "#"))] == []
        for address in page.loaded:
            assert (await client.get(kept + address.removeprefix(root))).status_code == 200, address


@every_page
async def test_the_bar_says_where_one_is(path: str) -> None:
    async with a_client() as client:
        html = (await client.get(path)).text
    assert re.findall(r'<a href="([^"]+)" aria-current="page">', html) == [path]


@every_page
async def test_the_policy_of_a_page_is_strict(path: str) -> None:
    async with a_client() as client:
        policy = (await client.get(path)).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules.get("connect-src", "'self'") == "'self'"
    assert {rules["base-uri"], rules["form-action"], rules["frame-ancestors"]} == {"'none'"}
    assert "unsafe" not in policy
    assert "http" not in policy


@every_page
async def test_nothing_of_the_request_is_repeated(path: str) -> None:
    async with a_client() as client:
        usual = await client.get(path)
        odd = await client.get(f"{path}?url=<script>", headers={"Host": "evil.example", "X-Forwarded-Prefix": "/evil"})
    assert odd.text == usual.text


async def test_a_prefix_is_escaped() -> None:
    async with a_client('/a"b') as client:
        html = (await client.get("/docs")).text
    assert 'data-openapi="/a&quot;b/openapi.json"' in html
    assert '"/a"' not in html


async def test_head_is_answered_like_get_without_the_body() -> None:
    async with a_client() as client:
        for path in (*PAGES, files()["pages.css"].path):
            answer = await client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["content-length"] == (await client.get(path)).headers["content-length"]


async def test_no_page_is_in_the_openapi_document() -> None:
    app = FastAPI()
    app.include_router(router())
    assert app.openapi()["paths"] == {}


@pytest.mark.parametrize("name", sorted(files()))
async def test_a_file_may_be_kept_for_ever(name: str) -> None:
    file = files()[name]
    async with a_client() as client:
        answer = await client.get(file.path, headers={"Accept-Encoding": "identity"})
    assert answer.content == file.body
    assert answer.headers["content-type"] == file.media_type
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers


async def test_the_address_of_a_file_changes_with_its_content() -> None:
    file = files()["pages.css"]
    async with a_client() as client:
        answer = await client.get(file.path.replace(file.digest, "0" * 16))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("br, gzip; q=0", False),
        ("gzip;q=0.000", False),
        ("x-gzip-like", False),
    ],
)
async def test_a_file_is_compressed_for_those_who_take_it(accepted: str, zipped: bool) -> None:  # noqa: FBT001  a column
    file = files()["swagger-ui-bundle.js"]
    async with a_client() as client:
        request = client.build_request("GET", file.path, headers={"Accept-Encoding": accepted})
        answer = await client.send(request, stream=True)
        sent = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == ("gzip" if zipped else None)
    assert (gzip.decompress(sent) if zipped else sent) == file.body
    assert (len(sent) < len(file.body) / 3) == zipped


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_a_file_that_one_has_is_not_sent_again(accepted: str) -> None:
    path = files()["pages.css"].path
    async with a_client() as client:
        first = await client.get(path, headers={"Accept-Encoding": accepted})
        tag = first.headers["etag"]
        for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await client.get(path, headers={"Accept-Encoding": accepted, "If-None-Match": condition})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        other = await client.get(path, headers={"Accept-Encoding": accepted, "If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_the_two_encodings_of_a_file_have_different_tags() -> None:
    path = files()["pages.css"].path
    async with a_client() as client:
        tags = {
            (await client.get(path, headers={"Accept-Encoding": way})).headers["etag"] for way in ("gzip", "identity")
        }
    assert len(tags) == 2


def test_every_vendored_script_and_style_is_served() -> None:
    vendored = {path.name for path in VENDOR.rglob("*") if path.suffix in {".css", ".js"}}
    assert vendored <= set(files())
    assert len(set(addresses())) == len(files())


def test_all_of_the_explorer_has_one_digest_so_that_its_modules_find_each_other() -> None:
    own = {name: file for name, file in files().items() if name.startswith("explorer/")}
    assert {"explorer/main.js", "explorer/explorer.css", "explorer/samples/digits_vae.npz"} <= set(own)
    assert len({file.digest for file in own.values()}) == 1
    for name, file in own.items():
        for imported in re.findall(rb'^(?:import|export) .*? from "([^"]+)";$', file.body, re.MULTILINE):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), imported.decode()))
            assert target in own, f"{name} imports {target}"


async def test_the_explorer_is_an_article_without_script() -> None:
    async with a_client() as client:
        html = (await client.get("/")).text
    words = re.sub(r"<[^>]+>", " ", html.partition("<article>")[2].partition("</article>")[0]).split()
    assert 600 <= len(words) <= 1000
    assert 'class="without-script"' in html
    assert html.count("<math") >= 4


@pytest.mark.parametrize("name", ["digits_vae.npz", "question_100x90.json"])
def test_a_sample_of_the_explorer_is_the_published_one(name: str) -> None:
    published = Path(__file__).parents[2] / "samples" / name
    assert files()[f"explorer/samples/{name}"].body == published.read_bytes()

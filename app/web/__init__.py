"""The pages, from our own files only: the explorer at /, Swagger UI at /docs, ReDoc at /redoc, and all that they load.

`router()` is what the application includes. The room's files:

page.py       what all pages share: the bar, the style sheet, the Content-Security-Policy
files.py      the files that pages load, each at an address made from its content
explorer/     the page at /: an article and a workbench, its modules, charts, samples, pinned copies
docs/         how Swagger UI and ReDoc are started; docs/vendor holds their pinned copies with licences and checksums
problems.py   /problems and /problems/<slug>
"""

from functools import cache
from html import escape
from importlib.resources import files as package_files
from string import Template

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.web import files
from app.web.page import page, root_of

__all__ = ["router"]

MAIN = "explorer/main.js"
CHARTING = ("explorer/vendor/d3/d3.min.js", "explorer/vendor/observablehq-plot/plot.umd.min.js")
# Plot writes one style element of fixed text into each chart; its hash lets exactly this in.
PLOT_STYLE = "'sha256-+TfQir1nvDucAdvE6XUQBt4ayUjpAWkbw2kCdSfekHM='"

# ReDoc puts its styles into elements that it makes: empty ones, whose rules it then inserts by script, and one with
# fixed text for its scroll bars. Their hashes let exactly these in, where 'unsafe-inline' would let in everything.
REDOC_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
)


@cache
def _explorer_template() -> Template:
    """Read the explorer's main part; `$root` in it is the path prefix, `$files` where its own files are."""
    return Template(package_files("app.web").joinpath("explorer/index.html").read_text(encoding="utf-8"))


async def _explorer(request: Request) -> HTMLResponse:
    """Answer `GET /`."""
    root = root_of(request)
    own = [name for name in files.files() if name.startswith("explorer/")]
    modules = [name for name in own if name.endswith(".js") and "/vendor/" not in name and name != MAIN]
    folder = root + files.files()[MAIN].path.rpartition("/")[0]
    return page(
        request,
        title="Lossgrid: which loss did you compute?",
        here="/",
        main=_explorer_template().substitute(root=escape(root), files=escape(folder)),
        styles=[name for name in own if name.endswith(".css")],
        scripts=CHARTING,
        modules=[MAIN, *modules],
        allow={"connect-src": "'self'", "style-src": f"'self' {PLOT_STYLE}"},
    )


async def _docs(request: Request) -> HTMLResponse:
    """Answer `GET /docs`: Swagger UI."""
    return page(
        request,
        title="Try it: Lossgrid",
        here="/docs",
        main=_viewer("swagger-ui", request),
        styles=["swagger-ui.css", "docs.css"],
        scripts=["swagger-ui-bundle.js", "swagger.js"],
        allow={"connect-src": "'self'", "img-src": "'self' data:"},
    )


async def _redoc(request: Request) -> HTMLResponse:
    """Answer `GET /redoc`: ReDoc."""
    return page(
        request,
        title="Reference: Lossgrid",
        here="/redoc",
        main=_viewer("redoc", request),
        styles=["docs.css"],
        scripts=["redoc.standalone.js", "redoc.js"],
        allow={"connect-src": "'self'", "img-src": "'self' data:", "style-src": f"'self' {REDOC_STYLES}"},
    )


def _viewer(place: str, request: Request) -> str:
    """Give the element in which a viewer of the OpenAPI document starts, and what is shown where no script runs."""
    document = escape(root_of(request) + "/openapi.json")
    return (
        f'<div id="{place}" data-openapi="{document}"></div>\n'
        f'<noscript><div class="text"><p>This page needs JavaScript. The document that it shows is '
        f'<a href="{document}">openapi.json</a>.</p></div></noscript>'
    )


def router() -> APIRouter:
    """Give the routes of the pages and their files, none of which is in the OpenAPI document.

    They are plain Starlette routes: they answer HEAD too, and work under a path prefix whether a proxy strips it or
    not.
    """
    pages = {"/": _explorer, "/docs": _docs, "/redoc": _redoc}
    routes = [Route(path, endpoint, include_in_schema=False) for path, endpoint in pages.items()]
    return APIRouter(routes=[*routes, *files.routes()])

"""/problems and /problems/<slug>: what each kind of problem means and how to mend it, from the rows of its table."""

import json
from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.losses.refusals import nearest
from app.problems import EXAMPLE_INSTANCE, KINDS, MEDIA_TYPE, NOT_FOUND, Kind, Problem, RefusedError, render
from app.web.page import page, root_of

__all__ = ["router"]


def router() -> APIRouter:
    """Give the routes of the problem pages; they are not in the OpenAPI document."""
    pages = {"/problems": _index, "/problems/{slug}": _one}
    return APIRouter(routes=[Route(path, endpoint, include_in_schema=False) for path, endpoint in pages.items()])


async def _index(request: Request) -> HTMLResponse:
    """Answer `GET /problems`."""
    root = escape(root_of(request))
    rows = "\n".join(
        f'<tr><td>{_badge(kind)}</td><th scope="row"><a href="{root}{kind.type}">{escape(kind.title)}</a></th>'
        f"<td><code>{kind.slug}</code></td></tr>"
        for kind in KINDS.values()
    )
    main = f"""\
<div class="text">
<h1>Problems</h1>
<p class="lead">Whatever the service refuses, it answers with <code>{MEDIA_TYPE}</code>
(<abbr title="Problem Details for HTTP APIs">RFC 9457</abbr>): one shape for every error, whoever raises it.</p>
<p>The member <code>type</code> is stable and leads to one of the pages below; <code>detail</code> says what is wrong
with this request; <code>errors</code> lists the places in the body as JSON pointers, at most twenty of them;
<code>instance</code> is the id of the request, as in the header <code>X-Request-Id</code> and in the service's log.
A problem never repeats what was sent, but for the names of fields.</p>
<table class="rows stacked">
<thead><tr><th scope="col">Status</th><th scope="col">What is wrong</th><th scope="col">Slug</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""
    return page(request, title="Problems: Lossgrid", here="/problems", main=main)


async def _one(request: Request) -> HTMLResponse:
    """Answer `GET /problems/<slug>`."""
    slug = request.path_params["slug"]
    if slug not in KINDS:
        near = nearest(slug, KINDS)
        hint = f"did you mean /problems/{near[0]}?" if near else "/problems lists them all."
        detail = f"There is no problem of this name; {hint}"
        raise RefusedError(Problem(NOT_FOUND, detail))
    kind = KINDS[slug]
    example = json.dumps(json.loads(render(kind.example, EXAMPLE_INSTANCE)), indent=2)
    root = escape(root_of(request))
    main = f"""\
<div class="text">
<p class="quiet"><a href="{root}/problems">Problems</a></p>
<h1>{escape(kind.title)}</h1>
<p>{_badge(kind)} <code>{kind.type}</code></p>
<p class="lead">{escape(kind.meaning)}</p>
<h2>How to mend it</h2>
<p>{escape(kind.mending)}</p>
<h2>An example of the answer</h2>
<pre class="prose"><code>{escape(example)}</code></pre>
</div>"""
    return page(request, title=f"{kind.title}: Lossgrid", main=main)


def _badge(kind: Kind) -> str:
    """Write the status as a badge."""
    return f'<span class="status status-{kind.status // 100}">{kind.status}</span>'

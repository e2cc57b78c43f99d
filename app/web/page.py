"""What all pages share: the bar at the top, the style sheet, and headers that let nothing foreign be loaded or run."""

from collections.abc import Mapping, Sequence
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.web.files import files

__all__ = ["page", "root_of"]

NAME = "Lossgrid"
LINE = "Every way to reduce the loss of a batch to one number."
LINKS = (
    ("/", "Explorer"),
    ("/docs", "Try it"),
    ("/redoc", "Reference"),
    ("/problems", "Problems"),
    ("/openapi.json", "OpenAPI"),
)
POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def root_of(request: Request) -> str:
    """Give the path prefix under which a browser sees the service: "" or, for example, "/loss".

    It comes from the setting, never from the request, and every link of a page begins with it, so that pages work
    behind proxies that strip the prefix and behind those that keep it.
    """
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def page(  # noqa: PLR0913  one keyword for each part of a page; a class of its own would only rename them
    request: Request,
    *,
    title: str,
    main: str,
    here: str = "",
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    modules: Sequence[str] = (),
    allow: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Make a page.

    Parameters
    ----------
    request
        tells the path prefix; nothing of it is repeated in the page
    title
        plain text for the browser's tab
    main
        the HTML of the body's main part, already escaped; the classes are described at the top of `pages.css`
    here
        the link of the bar that leads to this page, for example "/docs"
    styles, scripts
        names of more files of this room; scripts run in their order after the page is parsed
    modules
        names of ECMAScript modules: the first is run, the others are fetched early since it imports them
    allow
        what the Content-Security-Policy grants beyond the page's own style sheets and images, by directive

    Returns
    -------
    the answer, with a strict Content-Security-Policy
    """
    root = root_of(request)

    def link(name: str) -> str:
        return escape(root + files()[name].path)

    head = [f'<link rel="stylesheet" href="{link(name)}">' for name in ("pages.css", *styles)]
    head += [f'<script defer src="{link(name)}"></script>' for name in scripts]
    head += [f'<script type="module" src="{link(name)}"></script>' for name in modules[:1]]
    head += [f'<link rel="modulepreload" href="{link(name)}">' for name in modules[1:]]
    styling = "\n".join(head)
    current = {here: ' aria-current="page"'}
    bar = [f'<a href="{escape(root + path)}"{current.get(path, "")}>{text}</a>' for path, text in LINKS]
    granted = POLICY | ({"script-src": "'self'"} if scripts or modules else {}) | dict(allow or {})
    html = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" type="image/svg+xml" href="{link("icon.svg")}">
{styling}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="site">
<a class="brand" href="{escape(root)}/"><img src="{link("icon.svg")}" alt="" width="24" height="24">{NAME}</a>
<p class="line">{LINE}</p>
<nav aria-label="Pages">{"".join(bar)}</nav>
</header>
<main id="main">
{main}
</main>
</body>
</html>
"""
    return HTMLResponse(
        html,
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in granted.items()),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )

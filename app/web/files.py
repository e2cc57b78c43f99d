"""The files that pages are made of: style sheets, scripts, samples, the icon, and the pinned copies of others' code.

Every file has an address of its own for every content, `/web/<digest>/<name>`, so that a browser may keep it for ever
and never shows an old style with a new page. The explorer's modules import each other by relative paths, so all files
below `explorer/` share one digest, that of the whole folder: a change of one moves them all, and no page needs an
import map. They are plain routes rather than a `StaticFiles` mount, since a mount answers 404 behind a proxy that
strips the path prefix.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.threads import Threads

__all__ = ["File", "files", "routes"]

MEDIA_TYPES = MappingProxyType(
    {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "json": "application/json",
        "npz": "application/x-npz",
        "svg": "image/svg+xml",
    }
)
FOLDERS = (".", "docs", "docs/vendor/swagger-ui-dist", "docs/vendor/redoc")
TREE = "explorer"
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent.

    Attributes
    ----------
    name
        its file name, for example `pages.css`, or below the explorer's folder its path, `explorer/main.js`; no two
        files share one
    body
        its content
    digest
        the first 16 hexadecimal digits of the SHA-256 of its content, or of that of the explorer's whole folder
    """

    name: str
    body: bytes
    digest: str

    @property
    def path(self) -> str:
        """The address below the service's root, beginning with a slash."""
        return f"/web/{self.digest}/{self.name}"

    @property
    def media_type(self) -> str:
        """The media type, with its charset where it is text."""
        return MEDIA_TYPES[self.name.rpartition(".")[2]]


@cache
def files() -> Mapping[str, File]:
    """Read every file that may be sent, once.

    Returns
    -------
    the files by name
    """
    root = package_files("app.web")
    found: dict[str, File] = {}
    for folder in FOLDERS:
        for entry in root.joinpath(folder).iterdir():
            if _is_sent(entry.name):
                body = entry.read_bytes()
                found[entry.name] = File(entry.name, body, hashlib.sha256(body).hexdigest()[:16])
    tree = dict(sorted(_below(root.joinpath(TREE), TREE)))
    whole = hashlib.sha256()
    for name, body in tree.items():
        whole.update(f"{name} {len(body)}\n".encode() + body)
    found |= {name: File(name, body, whole.hexdigest()[:16]) for name, body in tree.items()}
    return MappingProxyType(found)


def _is_sent(name: str) -> bool:
    """Whether a file is part of a page: pages themselves, licences and tables of checksums are not."""
    return name.rpartition(".")[2] in MEDIA_TYPES


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    """Find the files of a folder and of those within it, by path."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{path}/{entry.name}")
        elif _is_sent(entry.name):
            yield f"{path}/{entry.name}", entry.read_bytes()


@cache
def _compressed(name: str) -> bytes:
    """Give a file's gzip form, made when it is asked for first: 60 ms for the largest, and none of it at the start."""
    return gzip.compress(files()[name].body, compresslevel=6, mtime=0)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header lets gzip be sent; `gzip;q=0` forbids it, and so does silence."""
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


async def _send(file: File, packing: Threads, request: Request) -> Response:
    """Answer with a file, compressed in a thread so that other requests are not held up."""
    zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    headers = {
        "Cache-Control": FOR_EVER,
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{file.digest}{"-gzip" if zipped else ""}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    wanted = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in wanted or "*" in wanted:
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = await packing.aside(_compressed, file.name) if zipped else file.body
    return Response(body, media_type=file.media_type, headers=headers)


def routes() -> list[Route]:
    """Give one plain route for each file."""
    packing = Threads(1, "lossgrid-packing")
    return [Route(file.path, partial(_send, file, packing), include_in_schema=False) for file in files().values()]

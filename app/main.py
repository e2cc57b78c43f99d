"""The application: the rooms, put together."""

from functools import cache, partial
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware import Middleware
from starlette.routing import Match
from starlette.types import Scope

from app import api, web
from app.api.document import DESCRIPTION, SUMMARY, TAGS, TITLE, openapi, version_of
from app.api.errors import HANDLERS
from app.formats import FORMATS
from app.formats.json import MEDIA_TYPE as JSON
from app.gates import BodyLimit, HeadAsGet, Inflation, Journal, OneHost, Prefix, Silence
from app.gates.host import LOOPBACK_NAMES, is_loopback
from app.settings import Settings, from_environment, limits, listed, variable
from app.web import problems

__all__ = ["create_app"]

PROBES = frozenset({"/healthz", "/readyz"})
"""What is asked by the address of a machine or a container, whatever name it has."""

METRICS = "/metrics"
"""What Prometheus asks likewise; on a loopback address it does not."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    settings
        What an operator has set; by default what the environment says.
    """
    settings = settings or from_environment()
    largest, setting = settings.max_json_bytes, variable("max_json_bytes")
    uploads = dict.fromkeys({*FORMATS} - {JSON}, (settings.max_upload_bytes, variable("max_upload_bytes")))
    names = listed(settings.allowed_hosts) or (
        [*LOOPBACK_NAMES, settings.host] if is_loopback(settings.host) else ["*"]
    )
    probes = PROBES if is_loopback(settings.host) else PROBES | {METRICS}
    app = FastAPI(
        title=TITLE,
        summary=SUMMARY,
        description=DESCRIPTION.strip(),
        version=version_of(Path(__file__).parents[1] / "pyproject.toml"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict(HANDLERS),
        middleware=[
            Middleware(BodyLimit, bytes=largest, setting=setting, others=uploads),
            Middleware(Journal),
            Middleware(OneHost, names=names, setting=variable("allowed_hosts"), probes=probes),
            Middleware(Silence, seconds=settings.silence_seconds, setting=variable("silence_seconds")),
            Middleware(Inflation, bytes=largest, setting=setting, others=uploads),
            Middleware(HeadAsGet),
        ],
    )
    app.state.ready = True
    app.include_router(
        api.router(
            max_json_depth=settings.max_json_depth,
            max_integer_digits=settings.max_integer_digits,
            max_upload_bytes=settings.max_upload_bytes,
            computing_threads=settings.computing_threads,
            listed_limits=limits(settings),
        )
    )
    app.include_router(web.router())
    app.include_router(problems.router())
    app.add_middleware(Prefix, prefix=settings.root_path, serves=partial(_serves, app))
    app.openapi = cache(partial(openapi, app))  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    return app


def _serves(app: FastAPI, scope: Scope) -> bool:
    """Tell whether a route answers a request."""
    return any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)

"""The application: the rooms, put together."""

from functools import cache, partial
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware import Middleware
from starlette.routing import Match
from starlette.types import Scope

from app import api, web
from app.api.capacity import Capacity, cores
from app.api.document import DESCRIPTION, SUMMARY, TAGS, TITLE, openapi, version_of
from app.api.errors import HANDLERS
from app.api.sizes import Sizes
from app.formats import FORMATS
from app.formats.json import MEDIA_TYPE as JSON
from app.gates import BodyLimit, HeadAsGet, Inflation, Journal, OneHost, Prefix, Silence
from app.settings import Settings, from_environment, variable
from app.spool import Intake, Spool
from app.web import problems

__all__ = ["create_app"]


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
            Middleware(OneHost),
            Middleware(Silence, seconds=settings.silence_seconds, setting=variable("silence_seconds")),
            Middleware(Inflation, bytes=largest, setting=setting, others=uploads),
            Middleware(HeadAsGet),
        ],
    )
    app.state.ready = True
    spool = Spool(settings.spool_directory, setting=variable("spool_directory"))
    spool.sweep()
    intake = Intake(spool, threshold_bytes=settings.spool_threshold_bytes, memory_bytes=settings.bodies_in_memory_bytes)
    app.state.capacity = Capacity(
        at_once=settings.computing_threads or max(1, cores() // settings.workers),
        waiting=settings.max_waiting,
        seconds=settings.computing_seconds,
        waiting_setting=variable("max_waiting"),
        seconds_setting=variable("computing_seconds"),
    )
    app.include_router(
        api.router(
            intake,
            Sizes(settings.max_samples, settings.max_features, settings.max_answer_bytes),
            max_json_depth=settings.max_json_depth,
            max_integer_digits=settings.max_integer_digits,
            max_upload_bytes=settings.max_upload_bytes,
            max_spectrum=settings.max_spectrum,
            engine_threads=settings.engine_threads,
            capacity=app.state.capacity,
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

"""The application: the rooms, put together."""

import os
from functools import cache, partial
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - what anyio loads with the first upload; there may be no file left then
from fastapi import FastAPI
from fastapi.middleware import Middleware
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

from app import api, web
from app.api.capacity import Capacity
from app.api.direct import Direct, endpoints_of
from app.api.document import DESCRIPTION, SUMMARY, TAGS, TITLE, openapi, version_of
from app.api.errors import HANDLERS
from app.api.sizes import Sizes
from app.api.telemetry import telemetry
from app.formats import FORMATS
from app.formats.json import MEDIA_TYPE as JSON
from app.gates import (
    Access,
    BodyLimit,
    Forwarded,
    HeadAsGet,
    Headers,
    Inflation,
    Journal,
    OneHost,
    Origins,
    Prefix,
    Silence,
    Traced,
)
from app.gates.access import Rate, Tokens, UnusableTokensError
from app.gates.entry import routes_of
from app.gates.host import LOOPBACK_NAMES, is_loopback
from app.gates.lines import write
from app.gates.meters import Meters
from app.settings import ImpossibleSettingsError, Settings, from_environment, limits, listed
from app.spool import Collector, Spool
from app.variables import variable
from app.web import problems

__all__ = ["OPENED", "cautions", "create_app"]

PROBES = frozenset({"/healthz", "/readyz"})
"""What is asked by the address of a machine or a container, whatever name it has."""

METRICS = "/metrics"
"""What Prometheus asks likewise; on a loopback address it does not."""

OPENED = PROBES | {
    *("/", "/docs", "/redoc", "/openapi.json", "/problems", "/problems/{slug}", "/web/{file}"),
    *("/limits", "/losses", "/losses/{name}", "/conventions", "/conventions/{id}"),
}
"""What may be read without a token: pages, and catalogues that are the same for everybody. A new route is not open."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    settings
        What an operator has set; by default what the environment says.

    Raises
    ------
    ImpossibleSettingsError
        The file of tokens cannot be used.
    """
    settings = settings or from_environment()
    largest, setting = settings.max_json_bytes, variable("max_json_bytes")
    uploads = dict.fromkeys({*FORMATS} - {JSON}, (settings.max_upload_bytes, variable("max_upload_bytes")))
    spool = Spool(settings.spool_directory)
    spool.sweep()
    capacity = Capacity(
        at_once=settings.computing_threads or settings.cores_for_each,
        waiting=settings.max_waiting,
        seconds=settings.computing_seconds,
    )
    routers = (
        api.router(
            Collector(
                spool, threshold_bytes=settings.spool_threshold_bytes, memory_bytes=settings.bodies_in_memory_bytes
            ),
            Sizes(settings.max_samples, settings.max_features, settings.max_answer_bytes),
            max_json_depth=settings.max_json_depth,
            max_integer_digits=settings.max_integer_digits,
            max_upload_bytes=settings.max_upload_bytes,
            max_expansion=settings.max_expansion,
            max_spectrum=settings.max_spectrum,
            engine_threads=settings.engine_threads or settings.cores_for_each,
            capacity=capacity,
            listed_limits=limits(settings),
        ),
        web.router(),
        problems.router(),
    )
    paths = [context.path for router in routers for context in iter_route_contexts(router.routes)]
    version = version_of(Path(__file__).parents[1] / "pyproject.toml")
    meters = Meters(version)
    closed = (meters.observe, write)
    origins = listed(settings.cors_origins)
    traces = telemetry(os.environ, settings.root_path)
    app = FastAPI(
        title=TITLE,
        summary=SUMMARY,
        description=DESCRIPTION.strip(),
        version=version,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict(HANDLERS.items()),
        # Without an endpoint FastAPI would still look for a provider at every request.
        telemetry=traces or {"tracing": False, "metrics": False, "logs": False},
        middleware=[
            Middleware(BodyLimit, bytes=largest, setting=setting, others=uploads),
            Middleware(Headers),
            *([Middleware(Origins, origins=origins)] if origins else []),
            *([Middleware(Traced)] if traces else []),
            Middleware(Journal, route_of=routes_of(["/openapi.json", *filter(None, paths)]), closed=closed),
            _host(settings),
            *_access(settings),
            Middleware(Silence, seconds=settings.silence_seconds),
            Middleware(
                Inflation,
                bytes=largest,
                setting=setting,
                others=uploads,
                expansion=settings.max_expansion,
            ),
            Middleware(HeadAsGet),
            # A trace learns from the router which route it is about.
            *([] if traces else [Middleware(Direct, endpoints=endpoints_of(routers))]),
        ],
    )
    app.state.ready = True
    app.state.capacity = capacity
    app.state.spool = spool
    app.state.meters = meters
    app.state.closed = closed
    app.state.origins = origins
    app.state.traced = traces is not None
    for router in routers:
        app.include_router(router)
    app.add_middleware(Prefix, prefix=settings.root_path, serves=partial(_serves, app))
    if settings.trusted_proxies:
        app.add_middleware(Forwarded, proxies=listed(settings.trusted_proxies))
    app.openapi = cache(partial(openapi, app, OPENED))  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    return app


def cautions(settings: Settings) -> list[str]:
    """Say what an operator may not have meant: one line each, for the log at the start."""
    if is_loopback(settings.host) or settings.tokens_file or settings.rate_per_minute:
        return []
    unset = f"neither {variable('tokens_file')} nor {variable('rate_per_minute')} is set"
    return [f"whoever reaches {settings.host} may use the service as much as they like: {unset}"]


def _host(settings: Settings) -> Middleware:
    """Make the gate that knows our names."""
    own = is_loopback(settings.host)
    names = listed(settings.allowed_hosts) or ([*LOOPBACK_NAMES, settings.host] if own else ["*"])
    probes = PROBES if own else PROBES | {METRICS}
    return Middleware(OneHost, names=names, probes=probes)


def _access(settings: Settings) -> list[Middleware]:
    """Make the gate that asks for tokens and counts requests, if there is one."""
    tokens = rate = None
    if settings.tokens_file:
        try:
            tokens = Tokens(Path(settings.tokens_file))
        except UnusableTokensError as error:
            raise ImpossibleSettingsError([f"{variable('tokens_file')} is not possible: {error}"]) from None
    if settings.rate_per_minute:
        rate = Rate(settings.rate_per_minute)
    return [Middleware(Access, tokens=tokens, rate=rate, opened=OPENED)] if tokens or rate else []


def _serves(app: FastAPI, scope: Scope) -> bool:
    """Tell whether a route answers a request."""
    return any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)

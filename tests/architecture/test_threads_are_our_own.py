"""Nothing runs in a thread of the framework or of the standard library: who begins one may wait for it for ever."""

import ast
from functools import partial
from inspect import iscoroutinefunction, unwrap
from pathlib import Path

from fastapi.routing import iter_route_contexts

import app as package
from tests.inprocess import an_app

ALLOWED = {"app/watchdog.py", "app/workers.py"}
"""Begin threads when a process starts or ends, while nobody is served by it."""

BEGINNING = {"Thread", "Timer", "ThreadPoolExecutor", "to_thread", "run_sync", "run_in_executor", "run_in_threadpool"}


def test_nobody_else_begins_one() -> None:
    root = Path(package.__path__[0])
    found = {
        f"app/{path.relative_to(root).as_posix()}"
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in BEGINNING)
        or (isinstance(node, ast.Name) and node.id in BEGINNING)
        or (isinstance(node, ast.ImportFrom) and BEGINNING & {*(node.module or "").split(".")})
    }
    assert found == ALLOWED


def test_every_endpoint_is_a_coroutine() -> None:
    """Starlette runs plain functions in threads of AnyIO."""
    for context in iter_route_contexts(an_app().routes):
        endpoint = context.original_route.endpoint  # type: ignore[attr-defined]  # there are no mounts
        while isinstance(endpoint, partial):
            endpoint = endpoint.func
        assert iscoroutinefunction(unwrap(endpoint)), context.path

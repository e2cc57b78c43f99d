"""The tests against other frameworks have environments without a server: what they use of ours must not need one."""

import subprocess
import sys

import pytest

SERVERS = ("anyio", "fastapi", "httptools", "httpx", "pydantic", "starlette", "uvicorn", "uvloop")


@pytest.mark.parametrize("module", ["app.engines.local", "app.losses", "tests.reference.ours"])
def test_it_is_imported_without_any(module: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({SERVERS})); import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stderr

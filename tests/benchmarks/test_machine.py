"""A figure names the commit it is of: what was measured has to be what is committed, and nothing else matters."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.machine import commit_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")

FILES = (
    *("app/main.py", "app/api/loss.py", "benchmarks/load.py", "benchmarks/peers/run.py"),
    *("pyproject.toml", "requirements/runtime.txt", "docs/benchmarks.md", "docs/benchmarks/service.json"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a repository with one commit."""
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("before")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "--message=all")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)  # noqa: S603, S607 - our own words
    return tmp_path


def test_the_commit_is_named(tree: Path) -> None:
    name = commit_of(tree)
    assert len(name) == 9
    assert int(name, 16) >= 0


def test_what_a_run_writes_is_no_dirt(tree: Path) -> None:
    name = commit_of(tree)
    for result in ("docs/benchmarks.md", "docs/benchmarks/service.json", "docs/benchmarks/peers.json"):
        (tree / result).write_text("after")
    assert commit_of(tree) == name


@pytest.mark.parametrize("changed", [*FILES[:6], "app/new.py", "benchmarks/new.py"])
def test_what_is_measured_is(tree: Path, changed: str) -> None:
    name = commit_of(tree)
    (tree / changed).write_text("after")
    assert commit_of(tree) == f"{name}-dirty"


def test_so_is_what_is_gone(tree: Path) -> None:
    name = commit_of(tree)
    (tree / FILES[0]).unlink()
    assert commit_of(tree) == f"{name}-dirty"


def test_without_a_repository_or_git_there_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_of(tmp_path) == ""
    monkeypatch.setenv("PATH", "")
    assert commit_of(tmp_path) == ""

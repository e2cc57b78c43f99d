"""The repository itself: what is in it, what must not be, and what its files say about each other."""

import os
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app.settings import Settings
from app.variables import variable

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {"runtime": [], **{name: [name] for name in PROJECT["dependency-groups"]}}
"""requirements/<name>.txt by the dependency groups that it locks beside the requirements of the service."""

FOREIGN = ("app/web/docs/vendor/", "app/web/explorer/vendor/", "tests/e2e/vendor/", "LICENSE")
"""Where others' texts stand, which we keep as they are."""

NEVER = (
    r"pythonhoste[d]",
    r"pyp[i]\.org",
    r"registry\.npmj[s]",
    r"deb\.debia[n]\.org",
    r"/wor[k]/",
    r"/far[m]/",
    r"/roo[t]/",
    r"DEVELOPER[S]\.md",
)
"""Registries and places of one machine or another, written so that this file does not name them either."""

LARGEST_BYTES = 3_000_000

TOP = frozenset(
    {
        *(".ci", ".dockerignore", ".editorconfig", ".gitignore", "Dockerfile", "Makefile", "pyproject.toml"),
        *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
        *("app", "benchmarks", "docs", "openapi", "requirements", "samples", "scripts", "tests"),
    }
)
"""What stands at the top: whatever else does was left behind by something that was tried out."""


@cache
def kept() -> list[Path]:
    """Return the files that are committed, or would be by ``git add``."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a clone: git does not list the files here")
    paths = [ROOT / name for name in sorted(set(done.stdout.split("\0"))) if name]
    return [path for path in paths if path.is_file()]


@cache
def texts() -> dict[str, str]:
    """Return the text files of our own by their path from the root."""
    own = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in kept()}
    return {
        name: content.decode()
        for name, content in own.items()
        if not name.startswith(FOREIGN) and b"\0" not in content[:8000]
    }


def locked(name: str) -> list[str]:
    """Return the entries of a lock file, each with its continuation lines."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    return [entry for entry in text.replace("\\\n", " ").splitlines() if entry and not entry.startswith("#")]


def matches(pattern: str) -> list[str]:
    """Return where a pattern occurs, as file:line."""
    found = re.compile(pattern, re.IGNORECASE)
    return [
        f"{name}:{number}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if found.search(line)
    ]


@pytest.mark.parametrize("pattern", NEVER)
def test_no_file_names_a_registry_or_a_place_on_a_build_machine(pattern: str) -> None:
    assert matches(pattern) == []


def test_every_setting_that_is_named_anywhere_exists() -> None:
    known = {variable(field) for field in Settings.model_fields}
    of_others = re.compile("LOSSGRID_(TEST(_.*)?|TOKEN)")  # of the tests, and of the shell in the explorer's examples
    named = set()
    for name, text in texts().items():
        if not name.startswith(("tests/", ".ci/")):
            found = re.findall(r"LOSSGRID_[A-Z0-9_]*[A-Z0-9]", text)
            found += map(variable, re.findall(r"""\bvariable\(\s*["']([^"']*)["']""", text))
            named |= {(name, one) for one in found if not of_others.fullmatch(one)}
    assert {(name, one) for name, one in named if one not in known} == set()
    assert known == {one for _, one in named}


def test_nothing_strange_stands_at_the_top() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in kept()} == TOP


def test_no_line_ends_in_white_space() -> None:
    assert matches(r"[ \t\r]$") == []


def test_every_text_ends_with_one_newline() -> None:
    assert [name for name, text in texts().items() if text and not re.search(r"[^\n]\n\Z", text)] == []


def test_no_file_is_large() -> None:
    own = [path for path in kept() if not path.relative_to(ROOT).as_posix().startswith(FOREIGN)]
    assert [path for path in own if path.stat().st_size > LARGEST_BYTES] == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_one_version_and_hashes_and_no_address(name: str) -> None:
    line = re.compile(r"[a-z0-9-]+(\[[a-z,-]+\])?==[^ ;]+( ; [^#:]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert locked(name)
    assert [entry for entry in locked(name) if not line.fullmatch(entry)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_covers_what_pyproject_asks_for(name: str) -> None:
    groups = [PROJECT["project"]["dependencies"], *(PROJECT["dependency-groups"][group] for group in LOCKS[name])]
    asked = [Requirement(text) for group in groups for text in group]
    versions = dict(entry.split()[0].split("==") for entry in locked(name))
    assert [str(one) for one in asked if not one.specifier.contains(versions.get(one.name, "0"))] == []


def test_all_locks_agree_on_the_service() -> None:
    runtime = set(locked("runtime"))
    assert {name: runtime - set(locked(name)) for name in LOCKS} == {name: set() for name in LOCKS}


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|\$ |^)make ([a-z][a-z-]*)", text, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert sorted(re.findall(r"^([a-z][a-z-]*):.*## .+$", makefile, re.MULTILINE)) == sorted(phony.split())


@pytest.mark.parametrize("script", [".ci/run", "scripts/hooks/pre-commit"])
def test_a_script_may_be_run(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


def test_the_image_says_its_version() -> None:
    labels = re.findall(r'image\.version="([^"]*)"', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert labels == [PROJECT["project"]["version"]]


def test_the_image_can_be_built_with_every_lock_that_is_named_for_it() -> None:
    dockerfile, operations = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "docs/operations.md")
    )
    named = set(re.findall(r"\bREQUIREMENTS=(\w+)", dockerfile + operations))
    assert named >= {"runtime", "telemetry"}
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in named:
        assert (ROOT / f"requirements/{name}.txt").is_file()
        assert f"!requirements/{name}.txt" in sent


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [path.name[:5] for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
    assert numbers == [f"{number:04}-" for number in range(1, len(numbers) + 1)]
    assert numbers

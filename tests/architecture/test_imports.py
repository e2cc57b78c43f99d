"""Imports run downhill: the contracts in pyproject.toml are kept, and each of them would notice if it were broken."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]

STAND_ALONE = frozenset({"health_probe"})
"""Modules of app that import nothing of the service, and nothing else but the standard library."""


def verdict(folder: Path) -> tuple[int, str]:
    """Run lint-imports in a folder that holds pyproject.toml and app/; return its exit code and what it says."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_are_kept() -> None:
    code, said = verdict(ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    ("room", "planted", "contract"),
    [
        ("losses", "import app.formats.json", "imports run downhill"),
        ("problems", "import app.api", "imports run downhill"),
        ("gates", "import app.formats", "imports run downhill"),
        ("losses", "import pydantic", "the numeric core knows only NumPy"),
        ("formats", "import fastapi", "formats, gates and the spool know no web framework"),
        ("formats", "import pydantic", "formats, gates and the spool know no web framework"),
        ("gates", "import starlette.requests", "formats, gates and the spool know no web framework"),
        ("spool", "import starlette.requests", "formats, gates and the spool know no web framework"),
        ("gates", "import app.settings", "formats, gates and the spool know no web framework"),
        ("formats", "import zlib", "what is deflated has one door"),
        ("gates", "from zlib_ng import zlib_ng", "what is deflated has one door"),
    ],
)
def test_a_forbidden_import_is_noticed(room: str, planted: str, contract: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    package = tmp_path / "app" / room
    file = package / "planted.py" if package.is_dir() else package.with_suffix(".py")
    with file.open("a", encoding="utf-8") as source:
        source.write(f"\n{planted}\n")
    code, said = verdict(tmp_path)
    assert code == 1, said
    assert f"{contract} BROKEN" in said


def test_every_room_has_its_place_in_the_layers() -> None:
    rooms = {path.stem for path in (ROOT / "app").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    (layers,) = (contract["layers"] for contract in CONFIGURATION["contracts"] if contract["type"] == "layers")
    placed = {room.strip().removeprefix("app.") for layer in layers for room in layer.split("|")}
    assert rooms - {"__init__"} == placed


@pytest.mark.parametrize("name", sorted(STAND_ALONE))
def test_what_stands_alone_imports_only_the_standard_library(name: str) -> None:
    tree = ast.parse((ROOT / "app" / name).with_suffix(".py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in imported} <= sys.stdlib_module_names

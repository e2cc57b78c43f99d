"""Every setting of the catalogue is confirmed by a framework, or stands in a list that says why it is not.

This runs in the ordinary suite: it reads the files of this folder and needs none of the frameworks.
"""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from app.conventions import CONVENTIONS
from tests.reference.proofs import FOLDER, rows_proved

ROOT: Final = Path(__file__).parents[2]
LIST: Final = tomllib.loads((FOLDER / "unproved.toml").read_text(encoding="utf-8"))
FRAMEWORKS: Final = sorted(
    path.stem.removeprefix("test_") for path in FOLDER.glob("test_*.py") if path.name != Path(__file__).name
)

Setting = tuple[str, str | None]


def settings() -> set[Setting]:
    """Return the settings of all rows; one that is not affine is shown as a whole."""
    return {
        (row.id, recipe.when if row.not_affine is None else None)
        for row in CONVENTIONS.values()
        for recipe in row.recipes
    }


def proved() -> set[Setting]:
    """Return what the files of the frameworks prove."""
    return {one for name in FRAMEWORKS for one in rows_proved((FOLDER / f"test_{name}.py").read_text(encoding="utf-8"))}


def listed() -> set[Setting]:
    """Return the settings in the list."""
    return {one for one in settings() if one[0] in LIST and LIST[one[0]]["settings"] in ([], [one[1]])}


def test_what_is_proved_is_in_the_catalogue() -> None:
    assert proved() - settings() == set()


def test_what_is_not_proved_is_in_the_list_and_nothing_else() -> None:
    assert settings() - proved() == listed()


@pytest.mark.parametrize("row", LIST)
def test_every_line_of_the_list_names_settings_of_its_row_and_a_reason(row: str) -> None:
    assert LIST[row].keys() == {"settings", "reason"}
    assert set(LIST[row]["settings"]) <= {recipe.when for recipe in CONVENTIONS[row].recipes}
    assert re.search(r"\w+ \w+ \w+", LIST[row]["reason"])


def test_proofs_are_read_from_a_source() -> None:
    source = """
_SUM: Final = "by sum"
@proves("a", when=_SUM, loss="mse")
@proves("a", loss="mse")
@shows("b", when="c")
@other("d")
def f(): ...
"""
    assert rows_proved(source) == {("a", "by sum"), ("a", None), ("b", "c")}


def locked(name: str) -> dict[str, set[str]]:
    """Return the versions of a lock file by package, each with what it is for, and check that all have hashes."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    line = re.compile(r"([a-z0-9-]+)(?:\[[a-z,-]+\])?==([^ ;]+)( ; [^#:]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    found: dict[str, set[str]] = {}
    for entry in filter(None, text.splitlines()):
        match = line.fullmatch(entry)
        assert match is not None, f"{name}: {entry}"
        found.setdefault(match[1], set()).add(f"{match[2]}{match[3] or ''}")
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_environment_is_locked_and_has_the_versions_of_the_service(framework: str) -> None:
    lock, service = locked(f"reference-{framework}"), locked("runtime")
    assert {"numpy", "msgspec", "pytest", "mpmath"} <= lock.keys()
    assert {name: versions for name, versions in lock.items() if service.get(name, versions) != versions} == {}
    assert not {name for name in lock if name in {"tensorflow", "torch"} or name.startswith("nvidia")}


def test_make_knows_every_framework() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (names,) = re.findall(r"^REFERENCES := (.+)$", makefile, re.MULTILINE)
    assert sorted(names.split()) == FRAMEWORKS

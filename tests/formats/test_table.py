"""The table of formats follows its rule: a module with MEDIA_TYPE and decode, that can be imported, is a format."""

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import app.formats
from app.formats import FORMATS, found_in

A_FORMAT = "MEDIA_TYPE = 'application/a'\ndef decode(body, fields): ...\n"
AN_ANSWER = "MEDIA_TYPE = 'application/b'\ndef decode(body, fields): ...\ndef encode(reply): ...\n"


def a_package(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> ModuleType:
    for name in [name for name in sys.modules if name.partition(".")[0] == "stand_in"]:
        monkeypatch.delitem(sys.modules, name)
    package = folder / "stand_in"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, source in modules.items():
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module("stand_in")


def test_every_module_that_decodes_is_in_the_table() -> None:
    modules = [
        importlib.import_module(f"app.formats.{info.name}") for info in pkgutil.iter_modules(app.formats.__path__)
    ]

    assert [module.MEDIA_TYPE for module in modules if hasattr(module, "decode")] == list(FORMATS)


def test_json_is_read_and_written() -> None:
    assert FORMATS["application/json"].media_type == "application/json"
    assert FORMATS["application/json"].encode is not None


def test_modules_that_are_no_formats_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_in(
        a_package(tmp_path, monkeypatch, b=AN_ANSWER, a=A_FORMAT, c="decode = 1\n", d="MEDIA_TYPE = 'd'\n")
    )

    assert list(found) == ["application/a", "application/b"]
    assert found["application/a"].encode is None
    assert found["application/b"].encode is not None


def test_a_format_whose_library_is_not_installed_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_in(a_package(tmp_path, monkeypatch, a=A_FORMAT, b="import no_such_library.part\n" + AN_ANSWER))

    assert list(found) == ["application/a"]


@pytest.mark.parametrize("line", ["import stand_in.nothing\n", "from stand_in import nothing\n"])
def test_a_module_of_our_own_that_is_missing_is_an_error(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImportError, match="nothing"):
        found_in(a_package(tmp_path, monkeypatch, a=line + A_FORMAT))


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FORMATS["a"] = FORMATS["application/json"]  # type: ignore[index]  # that is what must not work

"""A name without an underscore is public, and what is public stands in ``__all__``: nothing more, nothing less.

A function that a row of a table in its module names, ``Loss(value=huber)``, is reached through the table.
That the names are in order is ruff's to check (RUF022).
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "app").rglob("*.py"))


def declared(tree: ast.Module) -> set[str] | None:
    """Return the names in ``__all__``, or nothing where there is none."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return set(ast.literal_eval(value))
    return None


def public(names: set[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def made(tree: ast.Module) -> set[str]:
    """Return the public functions and classes that a module defines."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return public({node.name for node in tree.body if isinstance(node, kinds)})


def in_tables(tree: ast.Module) -> set[str]:
    """Return the names that the tables of a module give as fields of their rows."""
    tables = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    fields = [node for table in tables for node in ast.walk(table) if isinstance(node, ast.keyword)]
    return {field.value.id for field in fields if isinstance(field.value, ast.Name)}


def bound(tree: ast.Module) -> set[str]:
    """Return the public names that a module gives to values: tables, constants, aliases of types."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=targets):
                names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return public(names)


def brought(tree: ast.Module) -> set[str]:
    """Return the public names that a package takes from its own modules."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app")]
    return public({alias.asname or alias.name for node in imports for alias in node.names})


def faults(tree: ast.Module, *, is_package: bool) -> list[str]:
    """Return what is wrong with the public names of one module."""
    names = declared(tree)
    if names is None:
        return ["there is no __all__"] if made(tree) or (is_package and brought(tree)) else []
    known = made(tree) | bound(tree) | (brought(tree) if is_package else set())
    return [f"{name} is public but not in __all__" for name in sorted(made(tree) - names - in_tables(tree))] + [
        f"{name} is in __all__ but not defined here" for name in sorted(names - known)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_is_declared(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert faults(tree, is_package=path.name == "__init__.py") == []


def test_whoever_asks_the_core_can_name_every_refusal_from_its_front() -> None:
    """Its modules offer more to each other than to other rooms; what they raise is everybody's affair."""
    front, errors = (
        ast.parse((ROOT / "app/losses" / name).read_text("utf-8")) for name in ("__init__.py", "errors.py")
    )
    refusals = {node.name for node in errors.body if isinstance(node, ast.ClassDef)}
    assert "LossInputError" in refusals
    assert refusals <= (declared(front) or set())


@pytest.mark.parametrize(
    ("source", "is_package", "expected"),
    [
        ("def f(): ...", False, ["there is no __all__"]),
        ("from app.losses import f", True, ["there is no __all__"]),
        ("__all__ = ['f']\ndef f(): ...\nclass G: ...", False, ["G is public but not in __all__"]),
        ("__all__ = ['f', 'g']\ndef f(): ...", False, ["g is in __all__ but not defined here"]),
        ("__all__ = ['f']\nfrom app.losses import f", False, ["f is in __all__ but not defined here"]),
        ("__all__ = ['f']\nfrom app.losses.x import f", True, []),
        ("__all__ = ['A', 'B', 'f']\nA = 1\nB: int = 2\nasync def f(): ...\ndef _g(): ...", False, []),
        ("_hidden = 1\ndef _f(): ...", False, []),
        ("__all__ = ['T']\ndef f(): ...\nT = (Row(name='f', value=f),)", False, []),
        ("__all__ = ['T']\ndef f(): ...\nT = (Row(f),)", False, ["f is public but not in __all__"]),
    ],
)
def test_a_name_out_of_place_is_found(source: str, is_package: bool, expected: list[str]) -> None:  # noqa: FBT001 - a column of the table
    assert faults(ast.parse(source), is_package=is_package) == expected

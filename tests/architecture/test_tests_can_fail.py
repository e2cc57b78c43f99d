"""A test that cannot fail is worse than none: our own test files are read for the ways in which that happens.

No linter sees a bare ``np.isclose(a, b)``, whose answer nobody looks at, or a test that only calls something.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))

ANSWERS = frozenset({"allclose", "array_equal", "array_equiv", "isclose", "isinstance", "issubclass", "shares_memory"})
"""Functions that only answer yes or no: called as a statement, they say it to nobody."""

RAISERS = frozenset({"call_and_validate", "expect", "fail", "raises", "validate", "validate_response", "warns"})
"""Functions of pytest, Playwright, jsonschema and schemathesis that raise where an expectation is not met."""


def called_name(call: ast.Call) -> str:
    """Return the last part of what is called: ``isclose`` of ``np.isclose(a, b)``."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def can_fail(function: ast.AST, judges: frozenset[str]) -> bool:
    """Tell whether a function asserts something, itself or by calling one of those that do."""
    return any(
        (isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant))
        or (isinstance(node, ast.Call) and (called_name(node).startswith("assert_") or called_name(node) in judges))
        for node in ast.walk(function)
    )


def judges_among(trees: list[ast.Module]) -> frozenset[str]:
    """Return the names of all functions that assert something, directly or through each other."""
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    helpers = [function for function in functions if not function.name.startswith("test_")]
    judges = RAISERS
    while True:
        more = judges | {function.name for function in helpers if can_fail(function, judges)}
        if more == judges:
            return judges
        judges = more


def is_broad(caught: ast.expr | None) -> bool:
    """Tell whether an ``except`` clause or ``suppress`` argument takes AssertionError with the rest."""
    match caught:
        case None | ast.Name(id="Exception" | "BaseException" | "AssertionError"):
            return True
        case ast.Tuple(elts=several):
            return any(is_broad(one) for one in several)
        case _:
            return False


def dropped(node: ast.AST, _judges: frozenset[str]) -> str | None:
    """Complain about an answer that nobody looks at."""
    match node:
        case ast.Expr(value=ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not())):
            return "a comparison whose result is dropped"
        case ast.Expr(value=ast.Call() as call) if called_name(call) in ANSWERS:
            return f"{called_name(call)}(...) only answers, and the answer is dropped"
        case _:
            return None


def silent(node: ast.AST, judges: frozenset[str]) -> str | None:
    """Complain about a test that asserts nothing."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
            return None if can_fail(node, judges) else f"{name} asserts nothing"
        case _:
            return None


def unexplained(node: ast.AST, _judges: frozenset[str]) -> str | None:
    """Complain about a test that is left out, or expected to fail, without a reason."""
    match node:
        case ast.Call(args=[], keywords=[]) if called_name(node) in {"skip", "skipif", "xfail"}:
            return f"{called_name(node)}() without a reason"
        case ast.Call(func=ast.Attribute(ast.Attribute(attr="mark"), "skipif" | "xfail" as mark), keywords=keywords):
            explained = any(keyword.arg == "reason" for keyword in keywords)
            return None if explained else f"{mark}(...) without a reason"
        case ast.FunctionDef(decorator_list=marks) | ast.ClassDef(decorator_list=marks):
            bare = {mark.attr for mark in marks if isinstance(mark, ast.Attribute)} & {"skip", "skipif", "xfail"}
            return f"{bare.pop()} without a reason" if bare else None
        case _:
            return None


def swallowed(node: ast.AST, _judges: frozenset[str]) -> str | None:
    """Complain about a failed assertion that is caught and forgotten."""
    match node:
        case ast.Call(args=several) if called_name(node) == "suppress" and any(is_broad(one) for one in several):
            return "suppress(...) of everything swallows a failed assertion"
        case ast.ExceptHandler(type=caught, body=body) if is_broad(caught):
            goes_on = all(isinstance(step, ast.Pass | ast.Continue | ast.Expr) for step in body)
            return "a broad except that goes on swallows a failed assertion" if goes_on else None
        case _:
            return None


def complaints(tree: ast.Module, judges: frozenset[str]) -> Iterator[str]:
    """Yield what in one file cannot fail, each with its line."""
    for node in ast.walk(tree):
        for complain in (dropped, silent, unexplained, swallowed):
            why = complain(node, judges)
            if why is not None:
                yield f"line {getattr(node, 'lineno', 0)}: {why}"


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path)


@cache
def all_judges() -> frozenset[str]:
    return judges_among([parsed(path) for path in FILES])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_is_unable_to_fail(path: Path) -> None:
    assert list(complaints(parsed(path), all_judges())) == []


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("def test_a():\n    np.isclose(a, b)\n    assert c", "isclose"),
        ("def test_a():\n    math.isclose(a, b)\n    assert c", "isclose"),
        ("def test_a():\n    np.allclose(a, b)\n    assert c", "allclose"),
        ("def test_a():\n    array_equal(a, b)\n    assert c", "array_equal"),
        ("def test_a():\n    a == b\n    assert c", "comparison"),
        ("def test_a():\n    not a\n    assert c", "comparison"),
        ("def test_a():\n    a and b\n    assert c", "comparison"),
        ("def test_a():\n    run()", "test_a asserts nothing"),
        ("async def test_a():\n    await run()", "test_a asserts nothing"),
        ("class TestA:\n    def test_a(self):\n        run()", "test_a asserts nothing"),
        ("def test_a():\n    assert True", "test_a asserts nothing"),
        ("def test_a():\n    pytest.skip()\n    assert c", "skip"),
        ("@pytest.mark.skip\ndef test_a():\n    assert c", "skip"),
        ("@pytest.mark.skip()\ndef test_a():\n    assert c", "skip"),
        ("@pytest.mark.skipif(d)\ndef test_a():\n    assert c", "skipif"),
        ("@pytest.mark.xfail\ndef test_a():\n    assert c", "xfail"),
        ("@pytest.mark.xfail(raises=OSError)\ndef test_a():\n    assert c", "xfail"),
        ("def test_a():\n    try:\n        assert c\n    except Exception:\n        pass", "broad except"),
        (
            "def test_a():\n    try:\n        assert c\n    except (A, BaseException):\n        pass",
            "broad except",
        ),
        ("def test_a():\n    try:\n        assert c\n    except:\n        print()", "broad except"),
        ("def test_a():\n    with suppress(Exception):\n        assert c", "suppress"),
    ],
)
def test_what_cannot_fail_is_found(source: str, word: str) -> None:
    (found,) = complaints(ast.parse(source), RAISERS)
    assert word in found


@pytest.mark.parametrize(
    "source",
    [
        "def test_a():\n    assert np.isclose(a, b)",
        "def test_a():\n    np.testing.assert_allclose(a, b)",
        "def test_a():\n    with pytest.raises(ValueError, match='x'):\n        run()",
        "def test_a():\n    expect(page).to_have_title('x')",
        "def test_a():\n    refuses(a)\ndef refuses(a):\n    look(a)\ndef look(a):\n    assert a",
        "def test_a():\n    pytest.skip('no engine')\n    assert c",
        "def test_a():\n    pytest.xfail('not yet')\n    assert c",
        "@pytest.mark.skipif(d, reason='e')\ndef test_a():\n    assert c",
        "def test_a():\n    try:\n        assert c\n    except OSError:\n        pass",
        "def test_a():\n    try:\n        assert c\n    except Exception:\n        log()\n        raise",
        "def run():\n    'No test, so it may be silent.'\n    start()",
    ],
)
def test_what_can_fail_is_left_alone(source: str) -> None:
    tree = ast.parse(source)
    assert list(complaints(tree, judges_among([tree]))) == []

"""Formulas: read without running anything, worked out in double precision, written so that they can be read again."""

import math
from fractions import Fraction

import pytest

from app.conventions import Expression, ExpressionError

NAMES = {"N": 7.0, "D": 11.0, "L": 3.0, "beta": 0.3, "w": 1e-3, "gamma_max": 2.0}

GOOD = {
    "1": (1.0, "1", "1"),
    "0": (0.0, "0", "0"),
    "0.5": (0.5, "1 / 2", r"\frac{1}{2}"),
    "255": (255.0, "255", "255"),
    " beta ": (0.3, "beta", r"\beta"),
    "-beta": (-0.3, "-beta", r"-\beta"),
    "1/(N*D)": (1 / 77, "1 / (N * D)", r"\frac{1}{N \, D}"),
    "D*w*beta": (11 * 1e-3 * 0.3, "beta * w * D", r"\beta \, \mathrm{w} \, D"),
    "2 * w * N / (4 * D)": (7e-3 / 22, "w * N / (2 * D)", r"\frac{\mathrm{w} \, N}{2 \, D}"),
    "N / D * D": (7.0, "N", "N"),
    "D**2 / L**3 * L**4": (363.0, "D**2 * L", r"D^{2} \, L"),
    "gamma_max**0": (1.0, "1", "1"),
    "(N + D) * (N - D)": (-72.0, "-D**2 + N**2", "-D^{2} + N^{2}"),
    "N - beta": (6.7, "N - beta", r"N - \beta"),
    "N - N": (0.0, "0", "0"),
    "1 / gamma_max": (0.5, "1 / gamma_max", r"\frac{1}{\mathrm{gamma\_max}}"),
    "0.1 + 0.2": (0.3, "3 / 10", r"\frac{3}{10}"),
}


@pytest.mark.parametrize(("text", "value"), [(text, row[0]) for text, row in GOOD.items()])
def test_a_formula_has_a_value(text: str, value: float) -> None:
    assert math.isclose(Expression.of(text).value(NAMES), value, rel_tol=1e-15)


@pytest.mark.parametrize(("text", "written"), [(text, row[1]) for text, row in GOOD.items()])
def test_a_formula_is_written_in_its_simplest_form(text: str, written: str) -> None:
    formula = Expression.of(text)
    assert str(formula) == written
    assert Expression.of(written) == formula


@pytest.mark.parametrize(("text", "latex"), [(text, row[2]) for text, row in GOOD.items()])
def test_a_formula_has_latex(text: str, latex: str) -> None:
    assert Expression.of(text).latex == latex


def test_a_formula_says_what_it_needs() -> None:
    formula = Expression.of("beta * L / (D * D) + 1")
    assert formula.names == {"beta", "L", "D"}
    with pytest.raises(KeyError, match=r"beta|L"):
        formula.value({"D": 1.0})


def test_a_number_is_what_is_written() -> None:
    assert Expression.of("0.1").terms == ((Fraction(1, 10), ()),)


def test_a_quotient_of_whole_numbers_is_rounded_once() -> None:
    assert Expression.of("D / N").value({"D": 49152.0, "N": 10000.0}) == 4.9152


def test_a_value_beyond_double_precision_is_not_finite_and_nothing_is_raised() -> None:
    formula = Expression.of("D**2 / L**2")
    assert formula.value({"D": 1e300, "L": 1.0}) == math.inf
    assert math.isnan(formula.value({"D": 1.0, "L": 0.0}))


BAD = {
    "": "not a formula",
    "N D": "not a formula",
    "N\nD": "not a formula",
    "\0": "not a formula",
    "1 +": "not a formula",
    "(" * 199: "not a formula",
    "N" + " " * 200 + "+ D": "longer than 200 characters",
    "__import__('os')": "Call has no place",
    "N.real": "Attribute has no place",
    "N[0]": "Subscript has no place",
    "[N]": "List has no place",
    "lambda: 1": "Lambda has no place",
    "N if D else L": "IfExp has no place",
    "N < D": "Compare has no place",
    "N and D": "BoolOp has no place",
    "not N": "UnaryOp has no place",
    "~N": "UnaryOp has no place",
    "N // D": "BinOp has no place",
    "N % D": "BinOp has no place",
    "N @ D": "BinOp has no place",
    "N ** D": "BinOp has no place",
    "N ** 0.5": "BinOp has no place",
    "N ** True": "BinOp has no place",
    "True": "Constant has no place",
    "'N'": "Constant has no place",
    "1j": "Constant has no place",
    "...": "Constant has no place",
    "(x := 1)": "NamedExpr has no place",
    "f'{N}'": "JoinedStr has no place",
    "9 ** 9 ** 9": "BinOp has no place",
    "1 ** 9": "out of all proportion",
    "9 ** 99": "out of all proportion",
    "D ** 8 * D": "out of all proportion",
    "(10 ** 8) ** 8 * 10 ** 8 * 10 ** 8": "out of all proportion",
    "1e400": "out of all proportion",
    "1e-300": "out of all proportion",
    "1" + "0" * 70: "out of all proportion",
    "(a + b + c + d) ** 4": "a sum of more than 16 products",
    "1 / 0": "divides by zero",
    "N / (D - D)": "divides by zero",
    "N / (D + L)": "divides by a sum",
    "N ** -1": "BinOp has no place",
}


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_what_is_no_formula_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        Expression.of(text)

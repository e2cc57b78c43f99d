"""Small formulas such as ``beta * kld_weight / D``, read without running anything.

A formula is a sum of products of numbers, names and whole powers of names. It is kept in that form and not as text,
so that two formulas can be multiplied or divided and the result printed in its simplest writing: the scale and the
effective beta of a convention are found in this way.
"""

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeVar

__all__ = ["ONE", "SYMBOLS", "ZERO", "Expression", "ExpressionError"]

SYMBOLS: Final[Mapping[str, str]] = {
    "N": "number of samples in the batch; the sum of the sample weights where there are any",
    "mean_weight": "mean of the sample weights; 1 where there are none",
    "other_axes": "product of the feature axes before the last: D by the length of the last; 1 where there is one axis",
    "channels": "length of the last feature axis where x has three of them or more, otherwise 1",
    "last_latent_axis": "length of the last latent axis where mu has two of them or more, otherwise 1",
    "ln_2pi": "natural logarithm of 2 pi",
    "D": "number of features of a sample",
    "L": "number of latent dimensions",
}
"""What a formula may name besides the parameters of its row, in the order in which a product is written."""

_LATEX: Final[Mapping[str, str]] = {
    "N": "N",
    "mean_weight": r"\bar{w}",
    "other_axes": "(D/C)",
    "channels": "C",
    "last_latent_axis": "T",
    "ln_2pi": r"\ln 2\pi",
    "D": "D",
    "L": "L",
    "beta": r"\beta",
    "gamma": r"\gamma",
}

_LONGEST_TEXT = 200
_MOST_TERMS = 16
_LARGEST_POWER = 8
_LARGEST_NUMBER, _SMALLEST_NUMBER = 1e60, 1e-60
_MOST_BITS = 256  # of a numerator or denominator: far beyond any weight, far below what takes time
_OUT_OF_PROPORTION = "a number or a power out of all proportion"


_Powers = tuple[tuple[str, int], ...]
_Term = tuple[Fraction, _Powers]
_Number = TypeVar("_Number", float, Decimal)


class ExpressionError(ValueError):
    """A text that is no formula of the kind described above."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A sum of products. Made by `Expression.of`, or by multiplying and dividing others.

    Attributes
    ----------
    terms
        For each product its coefficient and the power of each name in it, names in alphabetical order. No two products
        have the same names with the same powers, none has the coefficient 0; an empty sum is 0.
    """

    terms: tuple[_Term, ...]

    @classmethod
    def of(cls, text: str) -> "Expression":
        """Read a formula: numbers, names, ``+ - * /``, whole powers, parentheses, and nothing else.

        Raises
        ------
        ExpressionError
            Anything else stands in the text, it divides by zero or by a sum, or it is out of all proportion.
        """
        if len(text) > _LONGEST_TEXT:
            raise ExpressionError(f"longer than {_LONGEST_TEXT} characters")
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError) as error:  # a zero byte is a ValueError in some versions
            raise ExpressionError("not a formula") from error
        return _read(tree.body)

    @property
    def names(self) -> frozenset[str]:
        """The names whose values the formula needs."""
        return frozenset(name for _, powers in self.terms for name, _ in powers)

    def value(self, names: Mapping[str, float]) -> float:
        """Evaluate in double precision.

        One rounding for each multiplication and a single division in each product. The result is infinite or NaN where
        it lies beyond double precision: the caller looks.

        Raises
        ------
        KeyError
            A name has no value.
        """
        return sum((_product(coefficient, powers, names, float) for coefficient, powers in self.terms), start=0.0)

    def exact(self, names: Mapping[str, Decimal]) -> Decimal:
        """Evaluate in decimals, in the caller's context; NaN where a divisor is 0.

        Raises
        ------
        KeyError
            A name has no value.
        """
        products = (_product(coefficient, powers, names, Decimal) for coefficient, powers in self.terms)
        return sum(products, start=Decimal(0))

    def __add__(self, other: "Expression") -> "Expression":
        """Return the sum."""
        return _collect((*self.terms, *other.terms))

    def __sub__(self, other: "Expression") -> "Expression":
        """Return the difference."""
        return _collect((*self.terms, *((-coefficient, powers) for coefficient, powers in other.terms)))

    def __mul__(self, other: "Expression") -> "Expression":
        """Return the product."""
        return _collect((a * b, p + q) for a, p in self.terms for b, q in other.terms)

    def __truediv__(self, other: "Expression") -> "Expression":
        """Return the quotient; ExpressionError unless `other` is a single product."""
        if len(other.terms) != 1:
            raise ExpressionError("divides by zero" if not other.terms else "divides by a sum")
        ((coefficient, powers),) = other.terms
        return self * _collect([(1 / coefficient, tuple((name, -power) for name, power in powers))])

    def __str__(self) -> str:
        """Write the formula: ``N * D / nominal_batch``; reading that again gives the same formula."""
        return _sum(_text(coefficient, powers) for coefficient, powers in self.terms)

    @property
    def latex(self) -> str:
        """The formula in LaTeX, without delimiters."""
        return _sum(_in_latex(coefficient, powers) for coefficient, powers in self.terms)


def _collect(terms: Iterable[_Term]) -> Expression:
    """Bring products to their normal form, and refuse what is out of all proportion."""
    sums: dict[_Powers, Fraction] = defaultdict(Fraction)
    for coefficient, factors in terms:
        powers: dict[str, int] = defaultdict(int)
        for name, power in factors:
            powers[name] += power
        sums[tuple(sorted((name, power) for name, power in powers.items() if power))] += coefficient
    found = tuple((coefficient, powers) for powers, coefficient in sorted(sums.items()) if coefficient)
    if len(found) > _MOST_TERMS:
        raise ExpressionError(f"a sum of more than {_MOST_TERMS} products")
    for coefficient, factors in found:
        bits = max(coefficient.numerator.bit_length(), coefficient.denominator.bit_length())
        if bits > _MOST_BITS or any(abs(power) > _LARGEST_POWER for _, power in factors):
            raise ExpressionError(_OUT_OF_PROPORTION)
    return Expression(found)


def _read(node: ast.expr) -> Expression:
    """Turn one node of the syntax tree into a formula; what is not listed here is refused."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _number(number)
        case ast.Name(id=name):
            return Expression(((Fraction(1), ((name, 1),)),))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ZERO - _read(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if not isinstance(power, bool):
            return _power(_read(left), power)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATIONS:
            return _OPERATIONS[type(sign)](_read(left), _read(right))
        case _:
            raise ExpressionError(f"{type(node).__name__} has no place in a formula")


def _number(number: float) -> Expression:
    """Return a number as it is written: 0.1 is a tenth, not the double next to it."""
    if number and not _SMALLEST_NUMBER <= abs(number) <= _LARGEST_NUMBER:
        raise ExpressionError(_OUT_OF_PROPORTION)
    return _collect([(Fraction(str(number)), ())])


def _power(base: Expression, power: int) -> Expression:
    """Return a whole power, by multiplying again and again."""
    if power > _LARGEST_POWER:
        raise ExpressionError(_OUT_OF_PROPORTION)
    result = ONE
    for _ in range(power):
        result = result * base
    return result


def _product(coefficient: Fraction, powers: _Powers, names: Mapping[str, _Number], kind: type[_Number]) -> _Number:
    """Evaluate one product: everything above the line, everything below, one division."""
    above, below = kind(coefficient.numerator), kind(coefficient.denominator)
    for name, power in powers:
        for _ in range(abs(power)):
            if power > 0:
                above *= names[name]
            else:
                below *= names[name]
    return above / below if below else kind("nan")


def _split(coefficient: Fraction, powers: _Powers) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return what stands above and below the line: names with positive powers, parameters before symbols."""
    order = list(SYMBOLS)
    ranked = sorted(powers, key=lambda one: (one[0] in SYMBOLS, order.index(one[0]) if one[0] in SYMBOLS else 0, one))
    above = [(str(abs(coefficient.numerator)), 1)] if abs(coefficient.numerator) != 1 else []
    below = [(str(coefficient.denominator), 1)] if coefficient.denominator != 1 else []
    above += [(name, power) for name, power in ranked if power > 0]
    below += [(name, -power) for name, power in ranked if power < 0]
    return above, below


def _text(coefficient: Fraction, powers: _Powers) -> str:
    """Write one product as text."""
    above, below = _split(coefficient, powers)
    upper, lower = (
        " * ".join(name if power == 1 else f"{name}**{power}" for name, power in part) for part in (above, below)
    )
    sign = "-" if coefficient < 0 else ""
    if not below:
        return f"{sign}{upper or '1'}"
    return f"{sign}{upper or '1'} / {lower if len(below) == 1 else f'({lower})'}"


def _in_latex(coefficient: Fraction, powers: _Powers) -> str:
    """Write one product in LaTeX."""
    upper, lower = (
        r" \, ".join(_symbol(name) if power == 1 else f"{_symbol(name)}^{{{power}}}" for name, power in part)
        for part in _split(coefficient, powers)
    )
    sign = "-" if coefficient < 0 else ""
    return f"{sign}\\frac{{{upper or '1'}}}{{{lower}}}" if lower else f"{sign}{upper or '1'}"


def _symbol(name: str) -> str:
    """Write a number, a symbol or the name of a parameter in LaTeX."""
    if name in _LATEX or name.isdigit():
        return _LATEX.get(name, name)
    return rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"


def _sum(products: Iterable[str]) -> str:
    """Join products, a minus sign in place of a plus before a negative one."""
    return " + ".join(products).replace("+ -", "- ") or "0"


ONE: Final = Expression(((Fraction(1), ()),))
"""The formula 1."""

ZERO: Final = Expression(())
"""The formula 0."""

_OPERATIONS: Final[Mapping[type[ast.operator], Callable[[Expression, Expression], Expression]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

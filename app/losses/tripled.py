"""Arithmetic in tripled precision: a number held as three doubles, some 155 bits long, by the same means as `doubled`.

For differences of which doubled precision leaves too little. It is ten times as slow.
"""

from decimal import Context, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import Array
from app.losses.doubled import two_product, two_sum

__all__ = ["Tripled", "expm1_tripled", "multiplied", "summed"]

Tripled = tuple[Array, Array, Array]


def summed(*terms: Array) -> Tripled:
    """Add arrays up, largest first.

    Parameters
    ----------
    *terms
        Three or more, of one shape.

    Returns
    -------
    hi, mid, lo
        Their sum, to within a few eps**3 of the sum of magnitudes (Ogita, Rump and Oishi, "Accurate sum and dot
        product", 2005, algorithm 4.8 with K = 3).
    """
    parts = list(terms)
    for first in (0, 1):
        for place in reversed(range(first, len(parts) - 1)):
            parts[place], parts[place + 1] = two_sum(parts[place], parts[place + 1])
    hi, mid, *rest = parts
    return hi, mid, np.sum(rest, axis=0)


def multiplied(a: Tripled, b: Tripled, plus: tuple[float, float, float] | None = None) -> Tripled:
    """Multiply two numbers, and add a third."""
    product, low = two_product(a[0], b[0])
    first, first_low = two_product(a[0], b[1])
    second, second_low = two_product(a[1], b[0])
    lowest = first_low + second_low + (a[0] * b[2] + a[1] * b[1] + a[2] * b[0])
    if plus is None:
        return summed(product, low, first, second, lowest)
    hi, mid, lo = plus
    return summed(np.full_like(product, hi), product, np.full_like(product, mid), low, first, second, lowest + lo)


def expm1_tripled(size: Array) -> tuple[Tripled, Tripled, NDArray[np.int32]]:
    """Compute exp(-size) = 2**-k t (1 + w), as `exp_doubled` does.

    Parameters
    ----------
    size
        Any shape; 0 < size <= 2000.

    Returns
    -------
    t
        From a table, 1/2 < t <= 1; exactly 1 below a size of 2**-9.6.
    w
        At most 2**-9.5 in magnitude. Where t is 1 it is exp(-size) - 1, good to some 2**-152 of itself.
    k
        The power of two.
    """
    n = np.rint(size * _STEPS_PER_UNIT)
    # All parts of a step but the last have so few bits that n times them is exact, and so is the first difference.
    u = summed(n * _STEP[0] - size, *(n * part for part in _STEP[1:]))
    # exp(u) - 1 = u (1 + u (1/2 + u (1/6 + ...)))
    tail = np.full_like(size, _INVERSE_FACTORIALS[-1][0])
    for coefficient, *_ in reversed(_INVERSE_FACTORIALS[_IN_FULL:-1]):
        tail *= u[0]
        tail += coefficient
    nothing = np.zeros_like(tail)
    w: Tripled = tail, nothing, nothing
    for coefficients in reversed(_INVERSE_FACTORIALS[:_IN_FULL]):
        w = multiplied(w, u, coefficients)
    steps = n.astype(np.int32)
    k = steps // _STEPS
    hi, mid, lo = _TABLE[:, steps - k * _STEPS]
    return (hi, mid, lo), multiplied(w, u), k


_STEPS: Final = 256
_DIGITS: Final = Context(prec=80)
_LOG_2: Final = _DIGITS.ln(Decimal(2))
_STEPS_PER_UNIT: Final = float(_DIGITS.divide(Decimal(_STEPS), _LOG_2))

# From this place in the series on, which is 2**-107 of the whole, plain doubles are enough.
_IN_FULL: Final = 9


def _tripled(number: Decimal) -> tuple[float, float, float]:
    """Round a number to tripled precision."""
    hi = float(number)
    number = _DIGITS.subtract(number, Decimal(hi))
    mid = float(number)
    return hi, mid, float(_DIGITS.subtract(number, Decimal(mid)))


def _in_five_parts(number: Decimal) -> tuple[float, ...]:
    """Write a number as a sum of five doubles, all but the last of which have their last 21 bits clear."""
    parts = []
    for _ in range(4):
        bits = np.float64(number).view(np.int64) & ~np.int64(2**21 - 1)
        parts.append(float(bits.view(np.float64)))
        number = _DIGITS.subtract(number, Decimal(parts[-1]))
    return *parts, float(number)


def _inverse_factorials() -> tuple[tuple[float, float, float], ...]:
    """List 1 / (n + 1)! for n = 0, 1, ..., 12."""
    found = [Decimal(1)]
    for n in range(2, 14):
        found.append(_DIGITS.divide(found[-1], Decimal(n)))
    return tuple(map(_tripled, found))


def _powers_of_two() -> Array:
    """Tabulate 2**(-j / _STEPS) for j = 0, 1, ..., _STEPS - 1, shape (3, _STEPS)."""
    powers = [_tripled(_DIGITS.exp(_DIGITS.multiply(_LOG_2, Decimal(-j) / _STEPS))) for j in range(_STEPS)]
    return np.array(powers).T


_STEP: Final = _in_five_parts(_DIGITS.divide(_LOG_2, Decimal(_STEPS)))
_INVERSE_FACTORIALS: Final = _inverse_factorials()
_TABLE: Final = _powers_of_two()

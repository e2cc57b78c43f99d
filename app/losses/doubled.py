"""Arithmetic in doubled precision: a number held as two doubles, ``hi + lo``, some 106 bits long.

For the few places where a plain double loses the digits that are wanted: sums of many terms, and differences of two
numbers that are nearly equal. The operations are the classic error-free transformations of Dekker (1971) and Knuth
(1969); see Muller et al., "Handbook of Floating-Point Arithmetic", 2nd edition 2018, chapters 4 and 14.

Everything works on arrays element by element, and expects its caller to have floating-point warnings off.
"""

from decimal import Context, Decimal
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import Array

__all__ = ["exp_doubled", "two_product", "two_sum"]

Number = TypeVar("Number", float, Array)

Doubled = tuple[Array, Array]

# 2**27 + 1 cuts the 53 bits of a double into two halves whose products are exact.
_SPLITTER: Final = 134_217_729.0


def two_sum(a: Number, b: Number) -> tuple[Number, Number]:
    """Give a + b rounded, and exactly what the rounding took away.

    Returns
    -------
    hi, lo
        ``hi + lo == a + b``, exactly, unless `hi` overflows.
    """
    hi = a + b
    of_b = hi - a
    return hi, (a - (hi - of_b)) + (b - of_b)


def two_product(a: Array, b: Array) -> Doubled:
    """Give a * b rounded, and exactly what the rounding took away.

    Parameters
    ----------
    a, b
        The same shape, magnitudes below 2**996 (beyond, cutting them into halves overflows).

    Returns
    -------
    hi, lo
        ``hi + lo == a * b``, exactly, where the product is above 2**-968 (below, `lo` underflows).
    """
    hi = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return hi, a_low * b_low - (((hi - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(a: Array) -> Doubled:
    """Cut each number into two of at most 26 bits each (Veltkamp)."""
    shifted = a * _SPLITTER
    high = shifted - (shifted - a)
    return high, a - high


def exp_doubled(t: Array) -> tuple[Array, Array, NDArray[np.int32]]:
    """Compute exp(-t) in doubled precision, with its power of two apart so that nothing underflows.

    With n = round(t / c) and c = log(2) / 256, exp(-t) = 2**(-n / 256) exp(-r): a power of two, a number from a table,
    and a series in r, whose magnitude is at most c / 2 = 2**-9.5.

    Parameters
    ----------
    t
        Any shape; 0 <= t <= 2000.

    Returns
    -------
    hi, lo
        1/2 < hi + lo <= 1, to within about 2**-103.
    k
        exp(-t) = (hi + lo) * 2**-k.
    """
    n = np.rint(t * _STEPS_PER_UNIT)
    # The first two parts of c have so few bits that n times them is exact, and so is the first difference.
    u, u_low = two_sum(n * _STEP[0] - t, n * _STEP[1])
    u_low += n * _STEP[2]

    # exp(u) - 1 = u (1 + u (1/2 + u (1/6 + u (1/24 + u tail)))): a plain double is enough for the tail, at most 2**-54.
    tail = np.full_like(u, _INVERSE_FACTORIALS[-1][0])
    for coefficient, _ in reversed(_INVERSE_FACTORIALS[5:-1]):
        tail *= u
        tail += coefficient
    hi, lo = tail, np.zeros_like(tail)
    for high, low in reversed(_INVERSE_FACTORIALS[:5]):
        hi, lo = _product(hi, lo, u, u_low)
        hi, lost = two_sum(np.full_like(hi, high), hi)
        lo += lost + low

    steps = n.astype(np.int32)
    k = steps // _STEPS
    entry = steps - k * _STEPS
    return *_product(hi, lo, _TABLE[0][entry], _TABLE[1][entry]), k


def _product(a: Array, a_low: Array, b: Array, b_low: Array) -> Doubled:
    """Multiply two numbers in doubled precision."""
    hi, lo = two_product(a, b)
    return hi, lo + (a * b_low + a_low * b)


_STEPS: Final = 256
_DIGITS: Final = Context(prec=60)
_LOG_2: Final = _DIGITS.ln(Decimal(2))
_STEPS_PER_UNIT: Final = float(_DIGITS.divide(Decimal(_STEPS), _LOG_2))


def _doubled(number: Decimal) -> tuple[float, float]:
    """Round a number to doubled precision."""
    hi = float(number)
    return hi, float(_DIGITS.subtract(number, Decimal(hi)))


def _in_three_parts(number: Decimal) -> tuple[float, float, float]:
    """Write a number as a sum of three doubles, the first two of which have their last 21 bits clear."""
    parts = []
    for _ in range(2):
        bits = np.float64(number).view(np.int64) & ~np.int64(2**21 - 1)
        parts.append(float(bits.view(np.float64)))
        number = _DIGITS.subtract(number, Decimal(parts[-1]))
    return parts[0], parts[1], float(number)


def _inverse_factorials(count: int) -> tuple[tuple[float, float], ...]:
    """List 1 / n! for n = 0, 1, ..., each in doubled precision."""
    found = [Decimal(1)]
    while len(found) < count:
        found.append(_DIGITS.divide(found[-1], Decimal(len(found))))
    return tuple(map(_doubled, found))


def _powers_of_two() -> Doubled:
    """Tabulate 2**(-j / _STEPS) for j = 0, 1, ..., _STEPS - 1 in doubled precision."""
    powers = [_doubled(_DIGITS.exp(_DIGITS.multiply(_LOG_2, Decimal(-j) / _STEPS))) for j in range(_STEPS)]
    hi, lo = np.array(powers).T
    return hi, lo


_STEP: Final = _in_three_parts(_DIGITS.divide(_LOG_2, Decimal(_STEPS)))
_INVERSE_FACTORIALS: Final = _inverse_factorials(11)
_TABLE: Final = _powers_of_two()

"""The sigmoid less a number that it nearly equals: what is left, to the last digit.

The slope of a cross-entropy of logits is ``sigmoid(y) - x``, and a model that fits its soft labels makes the two agree
to as many bits as the logit has. What is left then lies some 2**-54 below either, at times much deeper, and each stage
here answers what the one before it cannot vouch for:

==================  ===================================  ==========================
stage               what is left, at least               time for 65,536 elements
==================  ===================================  ==========================
doubled precision   2**-45                               10 ms
tripled precision   2**-95, times size if that is < 1    80 ms
decimal             any                                  700 ms
==================  ===================================  ==========================

(On one core of the build machine.) Below a size of 2**-27 two terms of a series are exact, whatever is left. Nobody can
send many elements for the last stage: one has to be looked for among 2**39 that agree as well as doubles can, and is
remembered.
"""

import functools
from decimal import Context, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import Array
from app.losses.doubled import exp_doubled, two_product, two_sum
from app.losses.tripled import expm1_tripled, multiplied, summed

__all__ = ["sigmoid_less"]

_Flags = NDArray[np.bool_]

_LEFT_BY_DOUBLED: Final = 2.0**-45
_LEFT_BY_TRIPLED: Final = 2.0**-95
_TINY_SIZE: Final = 2.0**-27

# Elements at a time: so many arrays are on the way that more would leave the cache.
_BLOCK: Final = 16_384

# What is left is at least some 2**-120 of the terms.
_DIGITS: Final = Context(prec=100)


def sigmoid_less(x: Array, size: Array, negative: _Flags) -> Array:
    """Compute s - q for s = z / (1 + z), z = exp(-size), q = x where `negative` and 1 - x elsewhere.

    Parameters
    ----------
    x
        Labels, shape (n,), between 0 and 1, such that s and q lie within a factor of 8 of each other.
    size, negative
        The logits' magnitudes, at most 746, and whether they are below 0; (n,) each.

    Returns
    -------
    Array
        Shape (n,), each to within 2 eps, or half a unit of the smallest double.
    """
    found, left = _in_doubled_precision(x, size, negative)
    close = np.flatnonzero(left < _LEFT_BY_DOUBLED)
    for start in range(0, close.size, _BLOCK):
        block = close[start : start + _BLOCK]
        found[block] = _nearly_nothing(x[block], size[block], negative[block])
    return found


def _complements(x: Array, negative: _Flags) -> tuple[Array, Array, Array, Array]:
    """Write q and p = 1 - q exactly: p, p_low, q, q_low."""
    rest, rest_low = two_sum(np.ones_like(x), -x)
    exactly = np.zeros_like(x)
    p, p_low = np.where(negative, rest, x), np.where(negative, rest_low, exactly)
    q, q_low = np.where(negative, x, rest), np.where(negative, exactly, rest_low)
    return p, p_low, q, q_low


def _in_doubled_precision(x: Array, size: Array, negative: _Flags) -> tuple[Array, Array]:
    """Compute s - q, and the magnitude of what was left of terms of the order of 1, which is good to some 2**-101.

    It is (z p - q) / (1 + z) with p = 1 - q: one difference of two products that are known in doubled precision. With
    z = m 2**-k everything is of the order of 1, however small the labels.
    """
    p, p_low, q, q_low = _complements(x, negative)
    m, m_low, k = exp_doubled(size)
    product, product_low = two_product(m, p)
    difference, lost = two_sum(product, -np.ldexp(q, k))
    difference += lost + (product_low + (m_low * p + m * p_low) - np.ldexp(q_low, k))
    left = np.abs(difference)
    difference /= 1.0 + np.ldexp(m, -k)
    return np.ldexp(difference, -k), left


def _nearly_nothing(x: Array, size: Array, negative: _Flags) -> Array:
    """Compute s - q where little is left of it."""
    found, left = _in_tripled_precision(x, size, negative)
    tiny = size < _TINY_SIZE
    if tiny.any():
        found[tiny] = _by_series(x[tiny], size[tiny], negative[tiny])
    for each in np.flatnonzero((left < _LEFT_BY_TRIPLED * np.minimum(size, 1.0)) & ~tiny):
        found[each] = _in_decimal(float(x[each]), float(size[each]), negative=bool(negative[each]))
    return found


def _by_series(x: Array, size: Array, negative: _Flags) -> Array:
    """Compute s - q for a tiny size from s = 1/2 - size/4 + size**3/48 - ...

    1/2 - q is exact wherever it is about as small as the size. Its difference from size/4 is 0 or at least 6 times as
    large as the third term, so nothing cancels any more.
    """
    half_less_q = np.where(negative, 0.5 - x, x - 0.5)
    left, low = two_sum(half_less_q, -0.25 * size)
    return left + (low + size * size * size / 48.0)


def _in_tripled_precision(x: Array, size: Array, negative: _Flags) -> tuple[Array, Array]:
    """Compute s - q, and the magnitude of what was left, which is good to some 2**-150 times min(size, 1).

    As in doubled precision, but z = 2**-k t (1 + w) with w as exact as it is small: then p t - q, which is exact where
    t is 1, and p t w are two terms of the order of the size.
    """
    p, p_low, q, q_low = _complements(x, negative)
    t, w, k = expm1_tripled(size)
    nothing = np.zeros_like(p)
    main = multiplied((p, p_low, nothing), t)
    rest = multiplied(main, w)
    # The leading difference is taken first: it is exact, and then nothing that is summed is larger than the size.
    difference, lost = two_sum(main[0], -np.ldexp(q, k))
    hi, mid, lo = summed(difference, rest[0], main[1], rest[1], -np.ldexp(q_low, k), lost, main[2], rest[2])
    hi += mid + lo
    left = np.abs(hi)
    hi /= 1.0 + np.ldexp(t[0] * (1.0 + w[0]), -k)
    return np.ldexp(hi, -k), left


@functools.lru_cache(maxsize=4096)
def _in_decimal(x: float, size: float, *, negative: bool) -> float:
    """Compute s - q for one element."""
    z = _DIGITS.exp(Decimal(-size))
    q = Decimal(x) if negative else _DIGITS.subtract(Decimal(1), Decimal(x))
    return float(_DIGITS.subtract(_DIGITS.divide(z, _DIGITS.add(Decimal(1), z)), q))

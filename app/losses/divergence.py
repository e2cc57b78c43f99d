"""The KL divergence of a diagonal Gaussian N(mu, exp(logvar)) from N(0, 1), one number per latent dimension.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B, with v = logvar::

    k = 1/2 (exp(v) + mu^2 - 1 - v)  =  1/2 (mu^2 + g(v)),     g(v) = exp(v) - 1 - v >= 0
"""

from math import factorial
from typing import Final

import numpy as np

from app.losses.arrays import Array
from app.losses.buffers import spare

__all__ = ["divergence", "divergence_slopes"]

# Up to this |v| the series of g is summed; beyond, exp(v) - 1 - v loses a factor of 3, which expm1 has to spare.
_SERIES_UP_TO: Final = 1.0

# g(v) = v^2/2 (1 + v (c0 + c1 v + ...)); the first term left out is below 2**-56 of the sum.
_SERIES: Final = tuple(2 / factorial(n + 3) for n in range(17))


@np.errstate(all="ignore")
def divergence(mu: Array, logvar: Array) -> Array:
    """Compute 1/2 (exp(v) + mu^2 - 1 - v) for each latent dimension of each sample.

    The textbook formula has nothing left of its digits near the prior: at mu = 0 and v = 1e-8 its terms cancel to 0
    where the answer is 2.5e-17, and expm1(v) - v is no cure (it keeps 8 of 16 digits there). Hence the series.

    Parameters
    ----------
    mu, logvar
        The same shape, any rank above 0; finite.

    Returns
    -------
    Array
        The same shape; >= 0, and exactly 0 at the prior. Infinite where it overflows (logvar above 709.8, or mu above
        1.8e154). In nats.
    """
    found = np.multiply(0.5, mu, out=spare(mu.shape))
    found *= mu
    g = _g(logvar)
    g *= 0.5
    found += g
    return found


@np.errstate(all="ignore")
def divergence_slopes(mu: Array, logvar: Array) -> tuple[Array, Array]:
    """Differentiate `divergence`: by mu it is mu, by logvar (exp(v) - 1) / 2.

    Parameters
    ----------
    mu, logvar
        The same shape; finite.

    Returns
    -------
    by_mu, by_logvar
        New arrays of the same shape.
    """
    return mu.copy(), 0.5 * np.expm1(logvar)


def _g(v: Array) -> Array:
    """Compute exp(v) - 1 - v."""
    near = np.abs(v, out=spare(v.shape)) <= _SERIES_UP_TO
    if near.all():
        return _g_by_series(v)
    g = np.expm1(v, out=spare(v.shape))
    g -= v
    if near.any():
        g[near] = _g_by_series(v[near])
    return g


def _g_by_series(v: Array) -> Array:
    """Compute exp(v) - 1 - v for small v, where those terms cancel."""
    rest = np.multiply(v, _SERIES[-1], out=spare(v.shape))
    rest += _SERIES[-2]
    for coefficient in reversed(_SERIES[:-2]):
        rest *= v
        rest += coefficient
    half_square = np.multiply(0.5, v, out=spare(v.shape))
    half_square *= v
    rest *= v
    rest *= half_square
    rest += half_square
    return rest

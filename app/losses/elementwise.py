"""The catalogue of elementwise losses: for each its value, its slope and its row.

x is the target, y the prediction, e = x - y. A value ``l(x, y)`` and a slope ``dl/dy`` are functions of two arrays of
the same shape (any rank above 0, float64, inside the row's domains); their keyword-only parameters *are* the loss's.
They give a new array of the same shape and write to neither input. Every element is right to within 4 eps; an element
that overflows is infinite or NaN, without a warning, and whoever sums them up says which sample it was.

A new loss is one block here: the value, the slope, the row in `LOSSES`. Its claims are what the property tests try.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from app.losses.arrays import Array
from app.losses.buffers import spare
from app.losses.domains import ABOVE_MINUS_ONE, NON_NEGATIVE, POSITIVE, REAL, UNIT_INTERVAL, Domain
from app.losses.doubled import two_product, two_sum
from app.losses.errors import Fault, UnknownLoss
from app.losses.refusals import nearest, refusal
from app.losses.sigmoid import sigmoid_less

__all__ = ["CLAMPED_BELOW", "LOG_CLAMP", "LOSSES", "Claim", "Loss", "Multiple", "find"]


class Claim(StrEnum):
    """What a loss is said to be; the property tests try each claim of each row, whatever its parameters."""

    SYMMETRIC = "symmetric"  # l(x, y) = l(y, x)
    NON_NEGATIVE = "non_negative"
    ZERO_AT_EQUALITY = "zero_at_equality"  # and nowhere below
    LEAST_AT_EQUALITY = "least_at_equality"  # for each x, no y is better than y = x
    CONVEX_IN_Y = "convex_in_y"  # where no logarithm is clamped
    SHIFT_INVARIANT = "shift_invariant"  # a function of e alone
    DEGREE_1 = "degree_1"  # l(c x, c y) = c l(x, y) for c > 0
    DEGREE_2 = "degree_2"  # l(c x, c y) = c^2 l(x, y)
    LIPSCHITZ = "lipschitz"  # no slope is steeper than 1


@dataclass(frozen=True, slots=True)
class Multiple:
    """How one loss follows from another.

    Attributes
    ----------
    of
        Name of the other loss, which is no multiple itself.
    times
        How many times that one it is: a function of the parameters.
    """

    of: str
    times: Callable[..., float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A row of the catalogue.

    Attributes
    ----------
    name, aliases
        What a request may call it; lower case, unique over the whole catalogue.
    title
        What people call it.
    formula, latex
        l as text and as LaTeX, in x, y and e = x - y.
    value, slope
        l and dl/dy: see the module's docstring.
    x_domain, y_domain
        Where l is defined.
    claims
        What the property tests may try.
    decoder_variance
        For Gaussian losses a function of the loss's parameters: the factor v with which the loss is the negative
        log-likelihood, up to scale and constants, of a Gaussian decoder of fixed variance v times the effective beta.
        None for the others.
    multiple
        For a loss that is a constant times another one, which, and how many times; None for the others. The cross
        entropy of logits is once that of the probabilities that they stand for, so that one model has one number.
    cross_entropy_of
        For a binary cross entropy what y is; None for the others. Of probabilities, logarithms are clamped.
    note
        Where the definition differs between frameworks: the trap.
    """

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    formula: str
    latex: str
    value: Callable[..., Array]
    slope: Callable[..., Array]
    x_domain: Domain = REAL
    y_domain: Domain = REAL
    claims: frozenset[Claim] = field(default_factory=frozenset)
    decoder_variance: Callable[..., float] | None = None
    multiple: Multiple | None = None
    cross_entropy_of: Literal["probabilities", "logits"] | None = None
    note: str

    @property
    def parameters(self) -> Mapping[str, float]:
        """The loss's parameters and their defaults."""
        return _parameters(self.value)

    @property
    def unit(self) -> str:
        """Name of the loss of which this one is a multiple: its own where it is none. Losses of one unit are kin."""
        return self.name if self.multiple is None else self.multiple.of

    def units(self, parameters: Mapping[str, float]) -> float:
        """How many times its unit it is, given its parameters; others may be among them."""
        if self.multiple is None:
            return 1.0
        return self.multiple.times(**{name: parameters[name] for name in self.parameters})

    @property
    def squared_error_factor(self) -> float | None:
        """What to multiply it with to get the squared error; None for losses that are no multiple of that."""
        return 1 / self.units({}) if self.unit == "squared_error" else None


@cache
def _parameters(value: Callable[..., Array]) -> Mapping[str, float]:
    """Read the keyword-only parameters of a function, and their defaults, from its signature."""
    signature = inspect.signature(value).parameters.values()
    return MappingProxyType({each.name: each.default for each in signature if each.kind is each.KEYWORD_ONLY})


# Everything may overflow: e of 1e308 and -1e308, squares of 1e200. Infinity and NaN are how the kernels say so.
_quietly = np.errstate(all="ignore")


# --- powers of the error --------------------------------------------------------------------------


@_quietly
def squared_error(x: Array, y: Array) -> Array:
    """Compute e^2: half an eps from the difference counts twice, half an eps from the square."""
    e = np.subtract(x, y, out=spare(x.shape))
    return np.square(e, out=e)


@_quietly
def squared_error_slope(x: Array, y: Array) -> Array:
    """Compute 2 (y - x)."""
    e = y - x
    e *= 2.0
    return e


@_quietly
def half_squared_error(x: Array, y: Array) -> Array:
    """Compute e^2 / 2, which overflows no sooner than it must: halved before it is multiplied."""
    e = np.subtract(x, y, out=spare(x.shape))
    half = np.multiply(0.5, e, out=spare(x.shape))
    half *= e
    return half


@_quietly
def half_squared_error_slope(x: Array, y: Array) -> Array:
    """Compute y - x."""
    return y - x


@_quietly
def absolute_error(x: Array, y: Array) -> Array:
    """Compute abs(e)."""
    e = np.subtract(x, y, out=spare(x.shape))
    return np.abs(e, out=e)


@_quietly
def absolute_error_slope(x: Array, y: Array) -> Array:
    """Compute the sign of y - x: 0 at the kink, as every framework has it."""
    e = y - x
    return np.sign(e, out=e)


@_quietly
def huber(x: Array, y: Array, *, delta: float = 1.0) -> Array:
    """Compute e^2/2 if abs(e) <= delta, else delta (abs(e) - delta/2).

    With c = min(abs(e), delta) both are c (abs(e) - c/2): no square, so neither a tiny nor a huge delta does harm.
    """
    distance = absolute_error(x, y)
    clipped = np.minimum(distance, delta, out=spare(x.shape))
    distance -= np.multiply(0.5, clipped, out=spare(x.shape))
    distance *= clipped
    return distance


@_quietly
def huber_slope(x: Array, y: Array, *, delta: float = 1.0) -> Array:
    """Compute y - x, clipped to [-delta, delta]."""
    e = y - x
    return np.clip(e, -delta, delta, out=e)


@_quietly
def smooth_l1(x: Array, y: Array, *, delta: float = 1.0) -> Array:
    """Compute huber / delta, dividing first: (c / delta) (abs(e) - c/2) with c = min(abs(e), delta)."""
    distance = absolute_error(x, y)
    clipped = np.minimum(distance, delta, out=spare(x.shape))
    distance -= np.multiply(0.5, clipped, out=spare(x.shape))
    clipped /= delta
    distance *= clipped
    return distance


@_quietly
def smooth_l1_slope(x: Array, y: Array, *, delta: float = 1.0) -> Array:
    """Compute y - x, clipped to [-delta, delta], divided by delta."""
    e = y - x
    np.clip(e, -delta, delta, out=e)
    e /= delta
    return e


# --- log cosh -------------------------------------------------------------------------------------

_LOG_2: Final = 0.6931471805599453  # less than log(2) by _LOG_2_LOW
_LOG_2_LOW: Final = 2.3190468138462996e-17

# log(cosh(e)) = t/2 (1 - t q(t)) with t = e^2. q on [0, 1] by Chebyshev interpolation in 60 digits, constant first:
# mpmath.chebyfit(lambda t: (1 - 2 * log(cosh(sqrt(t))) / t) / t, [0, 1], 15), which errs by 4e-18.
_LOG_COSH: Final = (
    0.16666666666666666,
    -0.04444444444444274,
    0.013492063491935585,
    -0.004373897703432536,
    0.0014772058623517261,
    -0.0005131605881420159,
    0.00018197582862395373,
    -6.55437571369996e-05,
    2.3867584637315353e-05,
    -8.709743947401039e-06,
    3.1083031489560727e-06,
    -1.024829530784235e-06,
    2.8162167155844245e-07,
    -5.463685831073877e-08,
    5.3784006581465236e-09,
)


@_quietly
def log_cosh(x: Array, y: Array) -> Array:
    """Compute log(cosh(e)).

    abs(e) + log1p(exp(-2 abs(e))) - log(2) never overflows, but cancels to nothing for small e: at e = 1e-8 it gives 0
    or 1e-16 where the answer is 5e-17. So up to abs(e) = 1 it is a polynomial in e^2 instead.
    """
    distance = absolute_error(x, y)
    near = distance <= 1.0
    if near.all():
        return _log_cosh_by_polynomial(distance)
    far = np.multiply(-2.0, distance, out=spare(x.shape))
    np.exp(far, out=far)
    np.log1p(far, out=far)
    far -= _LOG_2_LOW
    far += np.subtract(distance, _LOG_2, out=spare(x.shape))
    if near.any():
        far[near] = _log_cosh_by_polynomial(distance[near])
    return far


def _log_cosh_by_polynomial(e: Array) -> Array:
    """Compute log(cosh(e)) for abs(e) <= 1."""
    t = np.square(e, out=spare(e.shape))
    rest = np.multiply(t, _LOG_COSH[-1], out=spare(e.shape))
    rest += _LOG_COSH[-2]
    for coefficient in reversed(_LOG_COSH[:-2]):
        rest *= t
        rest += coefficient
    rest *= t
    t *= 0.5
    rest *= t
    return np.subtract(t, rest, out=rest)


@_quietly
def log_cosh_slope(x: Array, y: Array) -> Array:
    """Compute tanh(y - x)."""
    e = y - x
    return np.tanh(e, out=e)


# --- binary cross entropy -------------------------------------------------------------------------

LOG_CLAMP: Final = -100.0  # what no logarithm of the binary cross entropy falls below
CLAMPED_BELOW: Final = 3.720075976020836e-44  # the first double above exp(LOG_CLAMP)


@_quietly
def binary_cross_entropy(x: Array, y: Array) -> Array:
    """Compute -(x log(y) + (1 - x) log(1 - y)), each logarithm clamped at -100 from below; 0 log(0) is 0.

    log(1 - y) is log1p(-y): 1 - y would have lost what there is to say about a small y.
    """
    of_y = np.log(y, out=spare(x.shape))
    np.maximum(of_y, LOG_CLAMP, out=of_y)
    of_y *= x
    of_rest = np.negative(y, out=spare(x.shape))
    np.log1p(of_rest, out=of_rest)
    np.maximum(of_rest, LOG_CLAMP, out=of_rest)
    of_rest *= np.subtract(1.0, x, out=spare(x.shape))
    of_y += of_rest
    return np.subtract(0.0, of_y, out=of_y)  # not negated, which would make -0.0 of 0


@_quietly
def binary_cross_entropy_slope(x: Array, y: Array) -> Array:
    """Compute (y - x) / (y (1 - y)): the slope of the formula with its clamps, so a clamped logarithm contributes 0.

    PyTorch differs at the ends: its backward pass clamps y (1 - y) at 1e-12 from below and knows nothing of the -100.
    """
    slope = y - x
    slope /= y * (1.0 - y)
    clamped = y < CLAMPED_BELOW
    if clamped.any():
        slope[clamped] = 1.0 - x[clamped]  # what is left is (1 - x) / (1 - y), and 1 - y is 1 to 43 digits
    clamped = y == 1.0
    if clamped.any():
        slope[clamped] = 0.0 - x[clamped]  # what is left is -x / y
    return slope


@_quietly
def binary_cross_entropy_with_logits(x: Array, y: Array) -> Array:
    """Compute max(y, 0) - x y + log(1 + exp(-abs(y))) from terms of one sign.

    max(y, 0) - x y is abs(y) times 1 - x (y >= 0) or x (y < 0); as a difference it would cancel for soft labels that
    the logit matches.
    """
    size = np.abs(y, out=spare(x.shape))
    value = np.subtract(1.0, x, out=spare(x.shape))
    np.copyto(value, x, where=y < 0.0)
    value *= size
    np.negative(size, out=size)
    np.exp(size, out=size)
    np.log1p(size, out=size)
    value += size
    return value


@_quietly
def binary_cross_entropy_with_logits_slope(x: Array, y: Array) -> Array:
    """Compute sigmoid(y) - x.

    With z = exp(-abs(y)) and s = z / (1 + z) it is s - x for y < 0 and (1 - x) - s for y >= 0, so labels of 0 and 1
    keep all digits. Where a soft label and its logit nearly agree the two terms cancel, and what is left is computed
    again, in as much precision as that takes.
    """
    negative = y < 0.0
    size = np.abs(y)
    s = np.exp(-size)
    s /= 1.0 + s
    other = np.where(negative, x, 1.0 - x)
    slope = s - other
    # Outside of these factors the difference keeps its digits: at most 2.4 eps. A quotient's bounds would overflow.
    cancels = (other < 4.0 * s) & (s < 8.0 * other)
    if cancels.any():
        slope[cancels] = sigmoid_less(x[cancels], size[cancels], negative[cancels])
    return np.where(negative, slope, 0.0 - slope)


# --- likelihoods ----------------------------------------------------------------------------------


@_quietly
def gaussian_nll(x: Array, y: Array, *, variance: float = 1.0) -> Array:
    """Compute (e^2/variance + log(2 pi variance)) / 2: terms of either sign for a variance below 1 / (2 pi).

    e^2 / variance is (e / variance) e, so that neither e^2 nor 1 / variance can overflow on the way.
    """
    e = np.subtract(x, y, out=spare(x.shape))
    half = np.multiply(0.5, e, out=spare(x.shape))
    half /= variance
    half *= e
    half += _half_log_two_pi_times(variance)
    return half


@_quietly
def gaussian_nll_slope(x: Array, y: Array, *, variance: float = 1.0) -> Array:
    """Compute (y - x) / variance."""
    e = y - x
    e /= variance
    return e


_DIGITS: Final = Context(prec=50)
_TWO_PI: Final = Decimal("6.28318530717958647692528676655900576839433879875021")


@lru_cache(maxsize=64)  # a variance comes with every chunk of a request, and any number of them over the years
def _half_log_two_pi_times(variance: float) -> float:
    """Compute log(2 pi variance) / 2 in 50 digits, rounded once: near variance = 1 / (2 pi) a plain one cancels."""
    return float(_DIGITS.ln(_DIGITS.multiply(_TWO_PI, Decimal(variance))) / 2)


@_quietly
def poisson_nll(x: Array, y: Array) -> Array:
    """Compute y - x log(y), without the constant log(x!): terms of either sign where y > 1."""
    value = np.log(y, out=spare(x.shape))
    value *= x
    return np.subtract(y, value, out=value)


@_quietly
def poisson_nll_slope(x: Array, y: Array) -> Array:
    """Compute (y - x) / y."""
    e = y - x
    e /= y
    return e


# --- squared logarithmic error --------------------------------------------------------------------

_HUGE: Final = 2.0**900
_SMALLER: Final = 2.0**-100


@_quietly
def squared_log_error(x: Array, y: Array) -> Array:
    """Compute (log(1 + x) - log(1 + y))^2."""
    log, log_low = _log_of_quotient(np.maximum(x, y), np.minimum(x, y))
    log_low *= log
    log_low *= 2.0
    log *= log
    log += log_low
    return log


@_quietly
def squared_log_error_slope(x: Array, y: Array) -> Array:
    """Compute 2 (log(1 + y) - log(1 + x)) / (1 + y)."""
    log, log_low = _log_of_quotient(np.maximum(x, y), np.minimum(x, y))
    log += log_low
    log *= 2.0
    log /= 1.0 + y
    return np.copysign(log, y - x)


def _log_of_quotient(big: Array, small: Array) -> tuple[Array, Array]:
    """Compute log((1 + big) / (1 + small)) = log1p(q), q = (big - small) / (1 + small), as a number and its correction.

    The difference of two logarithms cancels where big and small are near or where both are huge; q does not. The
    square that follows doubles every error, so q is taken with its low part: numerator and denominator exactly, the
    quotient with its remainder.
    """
    scale = np.where(big > _HUGE, _SMALLER, 1.0)  # or else cutting the denominator into halves may overflow
    above, above_low = two_sum(big * scale, -small * scale)
    below, below_low = two_sum(scale, small * scale)
    q = above / below
    product, product_low = two_product(q, below)
    remainder = (above - product) - product_low
    remainder += above_low - q * below_low
    remainder /= below
    log = np.log1p(q)
    remainder /= 1.0 + q
    # log1p of a huge q does not care for the last digits of q. Where q itself overflows, small is next to -1 and its
    # logarithm is negative: that difference does not cancel.
    remainder[q > _HUGE] = 0.0
    lost = np.isinf(q)
    if lost.any():
        log[lost] = np.log1p(big[lost]) - np.log1p(small[lost])
    return log, remainder


# --- the catalogue --------------------------------------------------------------------------------

_OF_THE_ERROR: Final = frozenset(
    {Claim.SYMMETRIC, Claim.NON_NEGATIVE, Claim.ZERO_AT_EQUALITY, Claim.LEAST_AT_EQUALITY, Claim.CONVEX_IN_Y,
     Claim.SHIFT_INVARIANT}
)  # fmt: skip


def _catalogue(rows: Iterable[Loss]) -> Mapping[str, Loss]:
    """Put the rows under their names, in the order given."""
    return MappingProxyType({row.name: row for row in rows})


LOSSES: Final = _catalogue(
    (
        Loss(
            name="squared_error",
            title="Squared error",
            aliases=("mse",),
            formula="e^2",
            latex=r"e^2",
            value=squared_error,
            slope=squared_error_slope,
            claims=_OF_THE_ERROR | {Claim.DEGREE_2},
            decoder_variance=lambda: 0.5,
            note=(
                "As a Gaussian log-likelihood it lacks a factor 1/2: summed over features it stands for a decoder "
                "variance of 1/2, not 1. Keras averages over the last axis only, so images keep an (N, H, W) loss; "
                "PyTorch averages over everything."
            ),
        ),
        Loss(
            name="half_squared_error",
            title="Half squared error",
            aliases=("l2",),
            formula="e^2 / 2",
            latex=r"\tfrac{1}{2} e^2",
            value=half_squared_error,
            slope=half_squared_error_slope,
            claims=_OF_THE_ERROR | {Claim.DEGREE_2},
            decoder_variance=lambda: 1.0,
            multiple=Multiple("squared_error", lambda: 0.5),
            note=(
                "The squared error with the 1/2 of the Gaussian log-likelihood. Optax's l2_loss has this factor, its "
                "squared_error and the L2 or MSE losses of PyTorch and Keras do not."
            ),
        ),
        Loss(
            name="absolute_error",
            title="Absolute error",
            aliases=("mae", "l1"),
            formula="abs(e)",
            latex=r"\lvert e \rvert",
            value=absolute_error,
            slope=absolute_error_slope,
            claims=_OF_THE_ERROR | {Claim.DEGREE_1, Claim.LIPSCHITZ},
            note="Its slope at y = x is taken as 0. Up to scale and constants the log-likelihood of a Laplace decoder.",
        ),
        Loss(
            name="huber",
            title="Huber",
            formula="e^2/2 if abs(e) <= delta, else delta (abs(e) - delta/2)",
            latex=(
                r"\begin{cases} \tfrac{1}{2} e^2 & \lvert e \rvert \le \delta \\"
                r" \delta \left( \lvert e \rvert - \tfrac{1}{2} \delta \right) & \text{otherwise} \end{cases}"
            ),
            value=huber,
            slope=huber_slope,
            claims=_OF_THE_ERROR,
            multiple=Multiple("smooth_l1", lambda *, delta: delta),
            note="delta times smooth_l1: the two agree at delta = 1 only. PyTorch has both; its HuberLoss is this one.",
        ),
        Loss(
            name="smooth_l1",
            title="Smooth L1",
            formula="e^2/(2 delta) if abs(e) <= delta, else abs(e) - delta/2",
            latex=(
                r"\begin{cases} \dfrac{e^2}{2 \delta} & \lvert e \rvert \le \delta \\"
                r" \lvert e \rvert - \tfrac{1}{2} \delta & \text{otherwise} \end{cases}"
            ),
            value=smooth_l1,
            slope=smooth_l1_slope,
            claims=_OF_THE_ERROR | {Claim.LIPSCHITZ},
            note=(
                "huber divided by delta. PyTorch's SmoothL1Loss calls delta beta and allows 0, which is the absolute "
                "error. Here beta is the weight of the KL term."
            ),
        ),
        Loss(
            name="log_cosh",
            title="Log-cosh",
            formula="log(cosh(e))",
            latex=r"\log \cosh e",
            value=log_cosh,
            slope=log_cosh_slope,
            claims=_OF_THE_ERROR | {Claim.LIPSCHITZ},
            note=(
                "About e^2/2 for small errors and abs(e) - log 2 for large ones. The usual softplus form loses every "
                "digit of an error below 1e-8, and a literal log(cosh(e)) overflows above 710."
            ),
        ),
        Loss(
            name="binary_cross_entropy",
            title="Binary cross entropy of probabilities",
            aliases=("bce",),
            formula="-(x log(y) + (1 - x) log(1 - y)), each log clamped at -100 from below",
            latex=r"-\bigl( x \log y + (1 - x) \log(1 - y) \bigr)",
            value=binary_cross_entropy,
            slope=binary_cross_entropy_slope,
            x_domain=UNIT_INTERVAL,
            y_domain=UNIT_INTERVAL,
            claims=frozenset({Claim.NON_NEGATIVE, Claim.LEAST_AT_EQUALITY, Claim.CONVEX_IN_Y}),
            cross_entropy_of="probabilities",
            note=(
                "The clamp at -100 is PyTorch's; Keras clips y itself to [1e-7, 1 - 1e-7]. Soft targets cannot reach "
                "0: their entropy is the least. The slope is that of the clamped formula, where PyTorch's backward "
                "pass clamps y (1 - y) at 1e-12 instead."
            ),
        ),
        Loss(
            name="binary_cross_entropy_with_logits",
            title="Binary cross entropy of logits",
            aliases=("bce_with_logits",),
            formula="max(y, 0) - x y + log(1 + exp(-abs(y)))",
            latex=r"\max(y, 0) - x y + \log\left(1 + e^{-\lvert y \rvert}\right)",
            value=binary_cross_entropy_with_logits,
            slope=binary_cross_entropy_with_logits_slope,
            x_domain=UNIT_INTERVAL,
            claims=frozenset({Claim.NON_NEGATIVE, Claim.CONVEX_IN_Y, Claim.LIPSCHITZ}),
            multiple=Multiple("binary_cross_entropy", lambda: 1.0),
            cross_entropy_of="logits",
            note=(
                "y is the logit, before any sigmoid: a decoder that ends in a sigmoid wants binary_cross_entropy, and "
                "nothing fails if the two are mixed up. There is no clamp. Optax calls it sigmoid_binary_cross_entropy."
            ),
        ),
        Loss(
            name="gaussian_nll",
            title="Gaussian negative log-likelihood",
            formula="(e^2/variance + log(2 pi variance)) / 2",
            latex=r"\tfrac{1}{2} \left( \frac{e^2}{\sigma^2} + \log(2 \pi \sigma^2) \right)",
            value=gaussian_nll,
            slope=gaussian_nll_slope,
            claims=frozenset({Claim.SYMMETRIC, Claim.LEAST_AT_EQUALITY, Claim.CONVEX_IN_Y, Claim.SHIFT_INVARIANT}),
            decoder_variance=lambda *, variance=1.0: variance,
            note=(
                "A density, so it may be negative. PyTorch's GaussianNLLLoss leaves out log(2 pi) unless full=True "
                "and raises the variance to eps = 1e-6 at least; here nothing is left out or clamped."
            ),
        ),
        Loss(
            name="poisson_nll",
            title="Poisson negative log-likelihood",
            formula="y - x log(y)",
            latex=r"y - x \log y",
            value=poisson_nll,
            slope=poisson_nll_slope,
            x_domain=NON_NEGATIVE,
            y_domain=POSITIVE,
            claims=frozenset({Claim.LEAST_AT_EQUALITY, Claim.CONVEX_IN_Y}),
            note=(
                "y is the rate and log(x!) is left out, so it may be negative. PyTorch's PoissonNLLLoss takes log(y) "
                "unless log_input=False, and then adds 1e-8 inside the logarithm, as Keras adds 1e-7."
            ),
        ),
        Loss(
            name="squared_log_error",
            title="Squared logarithmic error",
            aliases=("msle",),
            formula="(log(1 + x) - log(1 + y))^2",
            latex=r"\bigl( \log(1 + x) - \log(1 + y) \bigr)^2",
            value=squared_log_error,
            slope=squared_log_error_slope,
            x_domain=ABOVE_MINUS_ONE,
            y_domain=ABOVE_MINUS_ONE,
            claims=frozenset({Claim.SYMMETRIC, Claim.NON_NEGATIVE, Claim.ZERO_AT_EQUALITY, Claim.LEAST_AT_EQUALITY}),
            note=(
                "Not convex in y. scikit-learn takes values above -1 too, whereas Keras raises x and y to 1e-7 at "
                "least, so negative values give other numbers there."
            ),
        ),
    )
)

_BY_ANY_NAME: Final = MappingProxyType({each: row for row in LOSSES.values() for each in (row.name, *row.aliases)})


def find(name: str) -> Loss:
    """Look a loss up by its name or an alias.

    Parameters
    ----------
    name
        As in the catalogue: lower case.

    Returns
    -------
    Loss
        The row.

    Raises
    ------
    UnknownLoss
        There is none; the nearest known names are in its detail, or all of them where none is near.
    """
    row = _BY_ANY_NAME.get(name)
    if row is not None:
        return row
    # Frameworks say mse_loss and MSELoss. With that word bce_loss is more like bce_with_logits than like bce.
    near = nearest(name.casefold().removesuffix("loss").rstrip("_- "), _BY_ANY_NAME, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(_BY_ANY_NAME)}"
    raise refusal(UnknownLoss, Fault(("loss",), f"is not the name of a loss; {hint}"))

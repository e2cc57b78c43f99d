"""The oracle: the formulas of docs/contract.md in 50 digits and more, written as naively as possible.

Nothing is rearranged to spare digits, and nothing is imported from the service: where a formula cancels, as
``exp(v) + mu**2 - 1 - v`` does, it is simply evaluated with as many digits more as can cancel (`_enough_digits`).

Every answer is a `Number`: its value, and the bound to which an error is compared. That is the magnitude of the value,
except where terms of either sign must cancel ("Accuracy" there), where it is the sum of the terms' magnitudes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import mpmath
import numpy as np
from mpmath import mpf
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DIGITS",
    "EPS",
    "FOUR_EPS",
    "WORST",
    "Answer",
    "Number",
    "Rows",
    "answer",
    "error",
    "kl",
    "kl_slope",
    "reading",
    "slope",
    "table_of_worst",
    "value",
    "worst",
]

EPS: Final = 2.0**-52
FOUR_EPS: Final = 4 * EPS  # what docs/contract.md promises of every number

#: The digits of everything that does not cancel; linear combinations of answers are taken with these.
DIGITS: Final = 60

ONE: Final = mpf(1)

#: Below this a double cannot keep its relative accuracy: such results must be within a unit of the smallest one.
SMALLEST_NORMAL: Final = 2.0**-1022
SMALLEST: Final = 2.0**-1074


@dataclass(frozen=True, slots=True)
class Number:
    """A value in many digits, and the magnitude that its error is compared to."""

    value: mpf
    bound: mpf

    def __add__(self, other: "Number") -> "Number":
        return Number(self.value + other.value, self.bound + other.bound)

    def __mul__(self, factor: mpf) -> "Number":
        return Number(self.value * factor, self.bound * abs(factor))

    def __truediv__(self, divisor: mpf) -> "Number":
        return Number(self.value / divisor, self.bound / abs(divisor))


Rows = list[list[Number]]  # (N, D), or (N, L)


def number(*terms: mpf) -> Number:
    """Give a sum of terms that may have either sign, bounded by the sum of their magnitudes."""
    return Number(mpmath.fsum(terms), mpmath.fsum(terms, absolute=True))


# --- how far off ----------------------------------------------------------------------------------


def error(found: float, exact: Number) -> float:
    """Give the error of one number in eps; infinite where it is not a number, or lost in underflow by over a unit."""
    if not math.isfinite(found):
        return math.inf
    with mpmath.workdps(DIGITS):
        off = abs(mpf(found) - exact.value)
        if off == 0:
            return 0.0
        if exact.bound < SMALLEST_NORMAL:
            return 0.0 if off <= SMALLEST else math.inf
        return float(off / exact.bound / EPS)


def worst(found: ArrayLike, exact: Rows | Sequence[Number]) -> float:
    """Give the worst error of an array in eps; its shape may be any that flattens to the order of `exact`."""
    flat = np.asarray(found, dtype=np.float64).ravel().tolist()
    wanted = list(_flat(exact))
    assert len(flat) == len(wanted), f"{len(flat)} numbers found, {len(wanted)} wanted"
    return max((error(each, number_) for each, number_ in zip(flat, wanted, strict=True)), default=0.0)


def _flat(exact: Rows | Sequence[Number]) -> Iterator[Number]:
    for each in exact:
        if isinstance(each, Number):
            yield each
        else:
            yield from each


#: The worst error seen in this run, in eps: {(what, of which loss or input): (error, kind of input)}.
WORST: Final[dict[tuple[str, str], tuple[float, str]]] = {}


def reading(what: str, whose: str, kind: str, eps: float) -> float:
    """Note an error for the table that the run ends with, and give it back."""
    if eps >= WORST.get((what, whose), (0.0, ""))[0]:
        WORST[what, whose] = (eps, kind)
    return eps


def table_of_worst() -> list[str]:
    """Write the worst errors seen as lines of text."""
    return [f"{what:<24} {whose:<34} {eps:7.3f} eps  {kind}" for (what, whose), (eps, kind) in sorted(WORST.items())]


# --- elements -------------------------------------------------------------------------------------


def _decimals(numbers: Iterable[float]) -> int:
    """Tell how many places the smallest or largest of some numbers lies from 1."""
    return max((math.ceil(abs(math.log10(abs(each)))) for each in numbers if each), default=0)


def _enough_digits(*numbers: float) -> int:
    """Tell how many digits a naive formula of these numbers needs so that 50 are left.

    A square of the smallest of them may have to survive beside a 1, and so may the exponential of the largest (which is
    nothing to a double beyond 745).
    """
    gaps = [a - b for a in numbers for b in numbers if a is not b and math.isfinite(a - b)]
    steepest = max((abs(each) for each in numbers if abs(each) < 800), default=0.0)
    return DIGITS + 2 * _decimals([*numbers, *gaps]) + math.ceil(steepest / 2)


def _naively(formula: Callable[..., Number]) -> Callable[..., Number]:
    """Let a formula take doubles, and evaluate it with enough digits."""

    @wraps(formula)
    def evaluated(*numbers: float, **parameters: float) -> Number:
        with mpmath.workdps(_enough_digits(*numbers, *parameters.values())):
            return formula(*map(mpf, numbers), **{name: mpf(each) for name, each in parameters.items()})

    return evaluated


def _clamped_log(a: mpf) -> mpf:
    return mpf(-100) if a == 0 else max(mpmath.log(a), mpf(-100))


def _huber(x: mpf, y: mpf, delta: mpf) -> mpf:
    e = abs(x - y)
    return e * e / 2 if e <= delta else delta * (e - delta / 2)


def _huber_slope(x: mpf, y: mpf, delta: mpf) -> mpf:
    return max(-delta, min(delta, y - x))


def _bce_slope(x: mpf, y: mpf) -> mpf:
    """Differentiate each logarithm that is not clamped."""
    first = -x / y if y > 0 and mpmath.log(y) > -100 else mpf(0)
    second = (1 - x) / (1 - y) if y < 1 and mpmath.log(1 - y) > -100 else mpf(0)
    return first + second


VALUES: Final[Mapping[str, Callable[..., Number]]] = {
    "squared_error": lambda x, y: number((x - y) ** 2),
    "half_squared_error": lambda x, y: number((x - y) ** 2 / 2),
    "absolute_error": lambda x, y: number(abs(x - y)),
    "huber": lambda x, y, delta=ONE: number(_huber(x, y, delta)),
    "smooth_l1": lambda x, y, delta=ONE: number(_huber(x, y, delta) / delta),
    "log_cosh": lambda x, y: number(mpmath.log(mpmath.cosh(x - y))),
    "binary_cross_entropy": lambda x, y: number(-(x * _clamped_log(y) + (1 - x) * _clamped_log(1 - y))),
    "binary_cross_entropy_with_logits": lambda x, y: number(
        max(y, mpf(0)) - x * y + mpmath.log(1 + mpmath.exp(-abs(y)))
    ),
    "gaussian_nll": lambda x, y, variance=ONE: number(
        (x - y) ** 2 / variance / 2, mpmath.log(2 * mpmath.pi * variance) / 2
    ),
    "poisson_nll": lambda x, y: number(y, -x * mpmath.log(y)),
    "squared_log_error": lambda x, y: number((mpmath.log(1 + x) - mpmath.log(1 + y)) ** 2),
}

SLOPES: Final[Mapping[str, Callable[..., Number]]] = {
    "squared_error": lambda x, y: number(2 * (y - x)),
    "half_squared_error": lambda x, y: number(y - x),
    "absolute_error": lambda x, y: number(mpmath.sign(y - x)),
    "huber": lambda x, y, delta=ONE: number(_huber_slope(x, y, delta)),
    "smooth_l1": lambda x, y, delta=ONE: number(_huber_slope(x, y, delta) / delta),
    "log_cosh": lambda x, y: number(mpmath.tanh(y - x)),
    "binary_cross_entropy": lambda x, y: number(_bce_slope(x, y)),
    "binary_cross_entropy_with_logits": lambda x, y: number(1 / (1 + mpmath.exp(-y)) - x),
    "gaussian_nll": lambda x, y, variance=ONE: number((y - x) / variance),
    "poisson_nll": lambda x, y: number((y - x) / y),
    "squared_log_error": lambda x, y: number(2 * (mpmath.log(1 + y) - mpmath.log(1 + x)) / (1 + y)),
}


def value(loss: str, x: float, y: float, **parameters: float) -> Number:
    """Give one element of a loss."""
    return _naively(VALUES[loss])(x, y, **parameters)


def slope(loss: str, x: float, y: float, **parameters: float) -> Number:
    """Give the derivative of one element by y."""
    return _naively(SLOPES[loss])(x, y, **parameters)


@_naively
def kl(mu: mpf, logvar: mpf) -> Number:
    """Give one element of the KL term."""
    return number((mpmath.exp(logvar) + mu**2 - 1 - logvar) / 2)


@_naively
def kl_slope(logvar: mpf) -> Number:
    """Give the derivative of one element of the KL term by logvar; that by mu is mu."""
    return number((mpmath.exp(logvar) - 1) / 2)


@_naively
def _entropy(x: mpf) -> Number:
    """Give what a binary cross entropy with target x can least be."""
    return number(-sum((p * mpmath.log(p) for p in (x, 1 - x) if p), mpf(0)))


# --- a whole batch --------------------------------------------------------------------------------

FACTORS: Final = ("sum", "mean")
TERMS: Final = ("sum_mean", "mean_mean", "sum_sum", "mean_sum")


@dataclass(frozen=True)
class Answer:
    """Everything that is published about a batch, by its names in docs/contract.md ("The answer").

    Arrays are rows of the flattened samples; what is absent without mu and logvar is None.
    """

    elementwise: Rows
    kl_elementwise: Rows | None
    per_sample: dict[str, dict[str, list[Number]] | None]
    terms: dict[str, dict[str, Number] | None]
    variants: dict[str, dict[str, Any]]  # reconstruction, kl, total, scale, effective_beta, implied_..., kl_weight_for
    kl_per_dimension: list[Number] | None
    mean_squared_error: Number  # the optimal decoder variance of the Gaussian losses
    entropy: Number | None  # of the targets, in nats per sample (weighted mean); for the two binary cross entropies
    gradients: dict[str, Rows]  # of R + beta K, by y, mu and logvar
    total_variance: Number


def _rows(array: ArrayLike) -> list[list[float]]:
    given = np.asarray(array)
    return given.astype(np.float64).reshape(len(given), -1).tolist()


def _sum(numbers: Iterable[Number]) -> Number:
    """Add numbers up, values and bounds."""
    held = list(numbers)
    return Number(mpmath.fsum(each.value for each in held), mpmath.fsum(each.bound for each in held))


def _over_batch(numbers: Iterable[Number], weights: list[mpf]) -> Number:
    return _sum(each * weight for each, weight in zip(numbers, weights, strict=True))


def _reductions(per_sample: dict[str, list[Number]], weights: list[mpf]) -> dict[str, Number]:
    found = {}
    for features in FACTORS:
        total = _over_batch(per_sample[features], weights)
        found[f"{features}_sum"] = total
        found[f"{features}_mean"] = total / mpmath.fsum(weights)
    return {term: found[term] for term in TERMS}


def _per_sample(elements: Rows) -> dict[str, list[Number]]:
    return {
        "sum": [_sum(row) for row in elements],
        "mean": [_sum(row) / mpf(len(row)) for row in elements],
    }


def answer(  # noqa: PLR0913 - the options of a request, by name
    arrays: Mapping[str, NDArray[Any]],
    loss: str = "squared_error",
    *,
    beta: float = 1.0,
    parameters: Mapping[str, float] | None = None,
    collapse: bool = False,
    gradients: bool = False,
) -> Answer:
    """Answer for a batch.

    Parameters
    ----------
    arrays
        ``x`` and ``y``; perhaps ``mu`` and ``logvar``, ``sample_weight``. Any dtype whose values doubles can hold.
    loss, beta, parameters
        As in a request; the loss by its name, `parameters` its delta or variance.
    collapse, gradients
        Whether to compute what takes another pass: `total_variance` (0 otherwise), `gradients` (none otherwise).
    """
    own = dict(parameters or {})
    x, y = _rows(arrays["x"]), _rows(arrays["y"])
    pairs = [list(zip(*each, strict=True)) for each in zip(x, y, strict=True)]
    elements = [[value(loss, *pair, **own) for pair in row] for row in pairs]
    latents = None
    if "mu" in arrays:
        rows = zip(_rows(arrays["mu"]), _rows(arrays["logvar"]), strict=True)
        latents = [list(zip(*each, strict=True)) for each in rows]
    with mpmath.workdps(DIGITS):
        given = arrays.get("sample_weight", np.ones(len(x)))
        weights = [mpf(each) for each in np.asarray(given, dtype=np.float64).tolist()]
        weight, b = mpmath.fsum(weights), mpf(beta)
        kl_elements = None if latents is None else [[kl(*pair) for pair in row] for row in latents]
        r = _per_sample(elements)
        k = None if kl_elements is None else _per_sample(kl_elements)
        squares = (_sum(number((mpf(p) - mpf(q)) ** 2) for p, q in row) / mpf(len(row)) for row in pairs)
        mse = _over_batch(squares, weights) / weight
        terms: dict[str, dict[str, Number] | None] = {
            "reconstruction": _reductions(r, weights),
            "kl": None if k is None else _reductions(k, weights),
        }
        counts = (mpf(len(x[0])), None if latents is None else mpf(len(latents[0])))
        return Answer(
            elementwise=elements,
            kl_elementwise=kl_elements,
            per_sample={
                "reconstruction": r,
                "kl": k,
                "total": None
                if k is None
                else {
                    f"{p}+{q}": [one + other * b for one, other in zip(r[p], k[q], strict=True)]
                    for p in FACTORS
                    for q in FACTORS
                },
            },
            terms=terms,
            variants=_variants(
                terms,
                beta=b,
                weight=weight,
                counts=counts,
                decoder_variance=_decoder_variance(loss, own),
                mse=mse,
            ),
            kl_per_dimension=None
            if kl_elements is None
            else [_over_batch(column, weights) / weight for column in zip(*kl_elements, strict=True)],
            mean_squared_error=mse,
            entropy=_over_batch((_sum(map(_entropy, row)) for row in x), weights) / weight
            if loss.startswith("binary")
            else None,
            gradients=_gradients(
                pairs,
                latents,
                loss=loss,
                shares=[each / weight for each in weights],
                beta=b,
                parameters=own,
            )
            if gradients
            else {},
            total_variance=_total_variance(x, weights) if collapse else number(),
        )


def _decoder_variance(loss: str, parameters: Mapping[str, float]) -> mpf | None:
    known = {"squared_error": mpf(1) / 2, "half_squared_error": mpf(1)}
    return mpf(parameters.get("variance", 1.0)) if loss == "gaussian_nll" else known.get(loss)


def _variants(  # noqa: PLR0913 - what the sixteen rows depend on
    terms: dict[str, dict[str, Number] | None],
    *,
    beta: mpf,
    weight: mpf,
    counts: tuple[mpf, mpf | None],
    decoder_variance: mpf | None,
    mse: Number,
) -> dict[str, dict[str, Any]]:
    """Give the 4 or 16 rows; scale and what follows from it by section 2's factors a and b."""

    def factors(count: mpf) -> dict[str, mpf]:
        return dict(zip(TERMS, (mpf(1), 1 / count, weight, weight / count), strict=True))

    reconstruction, kl_terms = terms["reconstruction"], terms["kl"]
    assert reconstruction is not None
    a = factors(counts[0])
    if kl_terms is None or counts[1] is None:
        absent = dict.fromkeys(("kl", "effective_beta", "implied_decoder_variance", "kl_weight_for"))
        return {
            name: {"reconstruction": term, "total": term, "scale": number(a[name]), **absent}
            for name, term in reconstruction.items()
        }
    b = factors(counts[1])
    found = {}
    for p, q in ((p, q) for p in TERMS for q in TERMS):
        effective = number(beta * b[q] / a[p])
        gaussian = decoder_variance is not None
        found[f"{p}+{q}"] = {
            "reconstruction": reconstruction[p],
            "kl": kl_terms[q],
            "total": reconstruction[p] + kl_terms[q] * beta,
            "scale": number(a[p]),
            "effective_beta": effective,
            "implied_decoder_variance": effective * decoder_variance if gaussian else None,
            "kl_weight_for": {
                "unit_beta": number(a[p] / b[q]),
                "optimal_variance": mse * (a[p] / b[q] / decoder_variance) if gaussian else None,
            },
        }
    return found


def _gradients(  # noqa: PLR0913 - a batch and an objective
    pairs: list[list[tuple[float, float]]],
    latents: list[list[tuple[float, float]]] | None,
    *,
    loss: str,
    shares: list[mpf],
    beta: mpf,
    parameters: Mapping[str, float],
) -> dict[str, Rows]:
    """Differentiate R + beta K."""
    found = {
        "y": [
            [slope(loss, *pair, **parameters) * share for pair in row] for row, share in zip(pairs, shares, strict=True)
        ]
    }
    if latents is not None:
        shared = list(zip(latents, shares, strict=True))
        found["mu"] = [[number(mpf(mu) * share * beta) for mu, _ in row] for row, share in shared]
        found["logvar"] = [[kl_slope(v) * share * beta for _, v in row] for row, share in shared]
    return found


def _total_variance(x: list[list[float]], weights: list[mpf]) -> Number:
    """Add up the weighted batch variances of the features, divided by W."""
    weight = mpmath.fsum(weights)
    found = []
    for column in zip(*x, strict=True):
        mean = mpmath.fsum(w * each for w, each in zip(weights, column, strict=True)) / weight
        found.append(mpmath.fsum(w * (each - mean) ** 2 for w, each in zip(weights, column, strict=True)) / weight)
    return number(*found)

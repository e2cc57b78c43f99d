"""Named small batches, the hard inputs of the contract, and Hypothesis strategies for the rest.

A batch is a plain dictionary of arrays, what `Batch.of` takes; nothing here computes a loss. Hard inputs are given by
the name of their kind, so that a failing test says what was hard about it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

__all__ = [
    "HUGE",
    "IMAGE",
    "NEARLY_PRIOR",
    "ONE_FEATURE",
    "ONE_SAMPLE",
    "PARAMETERS",
    "PREDICTED",
    "SUBNORMAL",
    "TARGETS",
    "TINY",
    "UINT8",
    "VAE",
    "a_batch",
    "batches",
    "hard_latents",
    "hard_pairs",
    "hard_rows",
    "pairs",
]

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


# --- small batches --------------------------------------------------------------------------------

#: Per sample 1 and 13, sum_sum 14, mean_mean 3.5 as squared errors: a reader can do it in the head.
TINY: Final[Arrays] = {"x": np.array([[0.0, 1.0], [2.0, 3.0]]), "y": np.array([[1.0, 1.0], [0.0, 0.0]])}

#: TINY with two latents: KL elements 1/2 mu^2, so 0.5, 2, 0, 4.5; per sample 2.5 and 4.5.
VAE: Final[Arrays] = {**TINY, "mu": np.array([[1.0, 2.0], [0.0, 3.0]]), "logvar": np.zeros((2, 2))}

ONE_SAMPLE: Final[Arrays] = {"x": np.array([[0.25, 0.5, 1.0]]), "y": np.array([[0.5, 0.5, 0.75]])}
ONE_FEATURE: Final[Arrays] = {"x": np.array([0.25, 0.5, 1.0]), "y": np.array([0.5, 0.5, 0.75])}
SUBNORMAL: Final[Arrays] = {
    "x": np.array([[5e-324, 1e-310], [0.0, 3e-320]]),
    "y": np.array([[0.0, 2e-310], [1e-323, 0.0]]),
}
HUGE: Final[Arrays] = {
    "x": np.array([[1e150, 2e150], [1e-150, -3e150]]),
    "y": np.array([[-1e150, 1e150], [0.0, 1e-150]]),
}
NEARLY_PRIOR: Final[Arrays] = {
    **TINY,
    "mu": np.array([[1e-4, -1e-6], [1e-9, 0.0]]),
    "logvar": np.array([[1e-4, 1e-6], [-1e-9, 1e-12]]),
}


def _noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(size=shape)


IMAGE: Final[Arrays] = {"x": _noise(4, 1, 28, 28), "y": _noise(4, 1, 28, 28, seed=1)}

#: Its squares wrap in 8 bits: 200 - 10, squared, is 36,100 and not 4.
UINT8: Final[Arrays] = {
    "x": np.array([[200, 0], [255, 7]], dtype=np.uint8),
    "y": np.array([[10, 255], [0, 7]], dtype=np.uint8),
}


def a_batch(
    size: int = 3, features: int = 4, latents: int | None = None, seed: int = 0, **changes: NDArray[Any]
) -> Arrays:
    """Make a batch of numbers between 0 and 1, which every loss takes, with the changes that a test is about."""
    rng = np.random.default_rng(seed)
    arrays: Arrays = {"x": rng.uniform(size=(size, features)), "y": rng.uniform(0.001, 0.999, size=(size, features))}
    if latents is not None:
        arrays |= {"mu": rng.normal(size=(size, latents)), "logvar": rng.normal(size=(size, latents))}
    return {**arrays, **changes}


# --- hard inputs ----------------------------------------------------------------------------------

#: Parameters to try a loss with, beside its defaults.
PARAMETERS: Final[Mapping[str, tuple[dict[str, float], ...]]] = {
    "huber": ({"delta": 1.0}, {"delta": 0.3}, {"delta": 1e-150}, {"delta": 1e150}),
    "smooth_l1": ({"delta": 1.0}, {"delta": 0.3}, {"delta": 1e-150}, {"delta": 1e150}),
    # 1 / (2 pi), to the last bit and next to it: there log(2 pi variance) is nothing but rounding error.
    "gaussian_nll": (
        {"variance": 1.0},
        {"variance": 0.15915494309189535},
        {"variance": 0.1592},
        {"variance": 1e-6},
        {"variance": 1e150},
    ),
}

_WORDS: Final = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "poisson_nll", "squared_log_error")

#: By how much a number next to another differs from it, relatively.
_STEPS: Final = (2.0**-52, 1e-15, 1e-12, 1e-8, 1e-4)


def hard_pairs(loss: str, size: int = 120) -> dict[str, tuple[Array, Array]]:
    """Give pairs (x, y) of vectors by their kind, all of which the loss is defined for.

    None of the elements overflows, and none but those of kind "underflowing" is below the smallest normal double.
    """
    rng = np.random.default_rng(sum(map(ord, loss)))
    return _HARD[loss if loss in _WORDS else "error"](rng, size)


def _signs(rng: np.random.Generator, size: int) -> Array:
    return rng.choice([-1.0, 1.0], size)


def _magnitudes(rng: np.random.Generator, size: int, low: float, high: float) -> Array:
    """Draw positive numbers whose decimal logarithm is uniform."""
    return np.asarray(10.0 ** rng.uniform(low, high, size))


def _next_to(rng: np.random.Generator, a: Array) -> Array:
    """Move each number by a relative step from an ulp to 1e-4."""
    return np.asarray(a * (1.0 + _signs(rng, len(a)) * rng.choice(_STEPS, len(a))))


def _of_errors(rng: np.random.Generator, size: int) -> dict[str, tuple[Array, Array]]:
    """For the losses of x - y, which take all real numbers."""
    ordinary = rng.normal(size=size), rng.normal(size=size)
    zeros = np.zeros(size)
    return {
        "ordinary": ordinary,
        "small integers": (rng.integers(-5, 5, size).astype(float), rng.integers(-5, 5, size).astype(float)),
        "nearly equal": (ordinary[0], _next_to(rng, ordinary[0])),
        "tiny errors": (_signs(rng, size) * _magnitudes(rng, size, -150, -1), zeros),
        "errors about 1": (1.0 + _signs(rng, size) * _magnitudes(rng, size, -16, -0.5), zeros),
        "errors from 0.2 to 1.2": (_signs(rng, size) * rng.uniform(0.2, 1.2, size), zeros),
        "errors up to 50": (rng.uniform(-50, 50, size), rng.uniform(-1, 1, size)),
        "huge errors": (_signs(rng, size) * _magnitudes(rng, size, 1, 150), zeros),
        "magnitudes 1e-150 to 1e150": (
            _signs(rng, size) * _magnitudes(rng, size, -150, 150),
            _signs(rng, size) * _magnitudes(rng, size, -150, 150),
        ),
    }


def _of_probabilities(rng: np.random.Generator, size: int) -> dict[str, tuple[Array, Array]]:
    binary = rng.integers(0, 2, size).astype(float)
    soft, inner = rng.uniform(size=size), rng.uniform(size=size)
    next_to_one = 1.0 - np.minimum(_magnitudes(rng, size, -16, -1), 0.5)
    corners = np.array([0.0, 1e-300, 2.0**-1074, 1e-40, 2.0**-53, 0.5, 1.0 - 2.0**-53, 1.0])
    corner_x, corner_y = (each.ravel() for each in np.meshgrid(corners, corners))
    about_clamp = 3.720075976020836e-44 * (1.0 + np.arange(-8, 9) * 2.0**-52)
    return {
        "binary targets": (binary, np.clip(inner, 1e-9, 1 - 1e-9)),
        "soft targets": (soft, inner),
        "y next to x": (soft, np.clip(_next_to(rng, soft), 0.0, 1.0)),
        "y near 0": (soft, _magnitudes(rng, size, -300, -1)),
        "y near 1": (soft, next_to_one),
        "x near 0": (_magnitudes(rng, size, -300, -1), inner),
        "x near 1": (next_to_one, inner),
        "ends": (corner_x, corner_y),
        "about the clamp": (np.resize(soft, about_clamp.size), about_clamp),
    }


def _of_logits(rng: np.random.Generator, size: int) -> dict[str, tuple[Array, Array]]:
    binary = rng.integers(0, 2, size).astype(float)
    soft, logits = rng.uniform(size=size), rng.normal(size=size) * 4
    wide = rng.uniform(-36, 36, size)
    negative = -rng.uniform(1, 690, size)
    next_to_one = 1.0 - np.minimum(_magnitudes(rng, size, -16, -1), 0.5)
    return {
        "binary targets": (binary, logits),
        "soft targets": (soft, logits),
        "large logits": (soft, _signs(rng, size) * rng.uniform(30, 700, size)),
        "binary targets, large logits": (binary, _signs(rng, size) * rng.uniform(30, 700, size)),
        "huge logits": (soft, _signs(rng, size) * _magnitudes(rng, size, 3, 150)),
        "tiny logits": (soft, _signs(rng, size) * _magnitudes(rng, size, -300, -1)),
        "x near 0": (_magnitudes(rng, size, -300, -1), logits),
        "x near 1": (next_to_one, logits),
        "the logit matches": (1 / (1 + np.exp(-wide)), wide),
        "the logit nearly matches": (np.clip(_next_to(rng, 1 / (1 + np.exp(-wide))), 0.0, 1.0), wide),
        "the logit matches a tiny x": (np.exp(negative), negative),
        "next to one half and to 0": (0.5 - _magnitudes(rng, size, -16.5, -3), _magnitudes(rng, size, -17, -3)),
        "one half at 0": (np.full(3, 0.5), np.array([0.0, -0.0, 1e-300])),
        "the logit of x": (soft, np.log(soft / (1.0 - soft))),
        "the logit of x, about one half": (near_half := _near_half(rng, size), 2.0 * np.arctanh(2.0 * near_half - 1.0)),
        "its first term, about one half": (near_half, 4.0 * (near_half - 0.5)),
        # Found by review: 2**-73 of the terms is left of the first; of the third, 2**-98, as three terms of a series
        # of its logit are doubles.
        "hardly anything is left": (
            np.array([0.5537014855765868, 0.16270285601447543, 0.5 + 3 * 2.0**-26, 0.5 - 3 * 2.0**-26]),
            np.array([0.21563766384491695, -1.6382534502836104, tiny := 3 * 2.0**-24 + 9 * 2.0**-74, -tiny]),
        ),
    }


def _near_half(rng: np.random.Generator, size: int) -> Array:
    """Draw numbers about 1/2 that are multiples of 2**-54: their distance from 1/2 is exact."""
    return np.asarray(0.5 - np.rint(_magnitudes(rng, size, -15, -1) * 2.0**54) / 2.0**54)


def _of_rates(rng: np.random.Generator, size: int) -> dict[str, tuple[Array, Array]]:
    counts, rates = rng.poisson(4, size).astype(float), rng.gamma(4, size=size) + 1e-3
    return {
        "counts": (counts, rates),
        "y next to x": (counts + 1, _next_to(rng, counts + 1)),
        "y near 1": (counts, 1.0 + _signs(rng, size) * _magnitudes(rng, size, -15, -1)),
        "no counts": (np.zeros(size), _magnitudes(rng, size, -300, 150)),
        "magnitudes 1e-150 to 1e150": (_magnitudes(rng, size, -150, 150), _magnitudes(rng, size, -150, 150)),
    }


def _of_logarithms(rng: np.random.Generator, size: int) -> dict[str, tuple[Array, Array]]:
    ordinary = rng.gamma(2, size=size), rng.gamma(2, size=size)
    huge = _magnitudes(rng, size, 10, 307)
    near_minus_one = -1.0 + _magnitudes(rng, size, -15.5, -1)
    return {
        "ordinary": ordinary,
        "nearly equal": (ordinary[0], _next_to(rng, ordinary[0])),
        "nearly equal and huge": (huge, _next_to(rng, huge)),
        "huge": (huge, _magnitudes(rng, size, 10, 307)),
        "tiny": (_magnitudes(rng, size, -150, -5), -_magnitudes(rng, size, -150, -5)),
        "nearly equal and tiny": (small := _magnitudes(rng, size, -140, -5), _next_to(rng, small)),
        "near -1": (near_minus_one, -1.0 + _magnitudes(rng, size, -15.5, -1)),
        "nearly equal, near -1": (near_minus_one, np.maximum(_next_to(rng, near_minus_one), -1.0 + 2.0**-53)),
        "huge beside -1": (_magnitudes(rng, size, 280, 308), np.full(size, -1.0 + 2.0**-53)),
        "magnitudes 1e-150 to 1e150": (_magnitudes(rng, size, -150, 150), _magnitudes(rng, size, -150, 150)),
    }


_HARD: Final[Mapping[str, Callable[[np.random.Generator, int], dict[str, tuple[Array, Array]]]]] = {
    "error": _of_errors,
    "binary_cross_entropy": _of_probabilities,
    "binary_cross_entropy_with_logits": _of_logits,
    "poisson_nll": _of_rates,
    "squared_log_error": _of_logarithms,
}


def hard_latents(size: int = 120) -> dict[str, tuple[Array, Array]]:
    """Give pairs (mu, logvar) of vectors by their kind."""
    rng = np.random.default_rng(12)
    zeros = np.zeros(size)
    near = {
        f"within {scale:g} of the prior": (rng.normal(size=size) * scale, rng.normal(size=size) * scale)
        for scale in (1e-1, 1e-2, 1e-4, 1e-6, 1e-9, 1e-100)
    }
    return {
        **near,
        "ordinary": (rng.normal(size=size), rng.normal(size=size)),
        "variance alone": (zeros, rng.uniform(-3, 3, size)),
        "tiny variance alone": (zeros, _signs(rng, size) * _magnitudes(rng, size, -150, -1)),
        "logvar about 1": (zeros, _signs(rng, size) * (1.0 + rng.uniform(-0.1, 0.1, size))),
        "mean alone": (_signs(rng, size) * _magnitudes(rng, size, -150, 150), zeros),
        "1e-300": (np.full(3, 1e-300), np.array([1e-3, -1e-2, 1e-1])),
        "very certain": (zeros, -_magnitudes(rng, size, 0, 150)),
        "very uncertain": (rng.normal(size=size), rng.uniform(1, 709, size)),
    }


def hard_rows() -> dict[str, Array]:
    """Give matrices by their kind whose rows are hard to sum; their exact sums are within the range of doubles."""
    rng = np.random.default_rng(5)
    half_ulps = np.full((4, 5001), 0.49 * 2.0**-53)
    half_ulps[0, 0] = half_ulps[1, -1] = half_ulps[2, 2500] = half_ulps[3, ::1000] = 1.0
    positive, signed = rng.uniform(size=(6, 1000)), rng.normal(size=(6, 1000))
    cancelling = rng.normal(size=(5, 600)) * _magnitudes(rng, 600, -8, 8)
    alternating = np.where(np.arange(1001) % 2, -1e300, 1e300) * np.ones((3, 1))
    alternating[:, 0] += [0.0, 1e290, 1e299]
    return {
        "uniform": positive,
        "either sign": signed,
        "half ulps beside a 1": half_ulps,
        "cancelling": np.hstack([cancelling, -cancelling, rng.uniform(size=(5, 3))]),
        "alternating and huge": alternating,
        "sums of magnitudes overflow": np.hstack(
            [np.full((2, 40), 1.7e308), np.full((2, 40), -1.7e308), np.ones((2, 1))]
        ),
        "nearly the largest": np.full((3, 100), 1.79e306),
        "mixed magnitudes": _magnitudes(rng, 4000, -150, 150).reshape(4, 1000),
        "rows of unlike magnitudes": rng.uniform(size=(7, 300)) * 10.0 ** np.arange(-300, 301, 100)[:, np.newaxis],
        "subnormal": rng.integers(0, 1000, size=(3, 90)) * 2.0**-1074,
        "about the smallest normal": rng.uniform(size=(3, 200)) * 2.0**-1020,
        "zeros": np.zeros((2, 70)),
        "short": rng.uniform(size=(50, 10)),
        "two columns": signed[:, :2].copy(),
        "one column": signed[:, :1].copy(),
        "one row": positive[:1],
    }


# --- strategies -----------------------------------------------------------------------------------

#: What a loss takes as x and as y, from the ordinary to the extreme, short of what overflows or underflows as a square.
_REAL: Final = st.one_of(
    st.floats(-10, 10), st.floats(-1e150, 1e150), st.floats(-1e-3, 1e-3), st.integers(-3, 3).map(float)
).map(lambda a: a if abs(a) > 1e-150 else 0.0)
_PROBABILITIES: Final = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))
_ABOVE_MINUS_ONE: Final = st.one_of(
    st.floats(-1, 10, exclude_min=True), st.floats(0, 1e150), st.floats(-1e-3, 1e-3)
).map(lambda a: a if abs(a) > 1e-150 else 0.0)

TARGETS: Final[Mapping[str, st.SearchStrategy[float]]] = {
    "binary_cross_entropy": _PROBABILITIES,
    "binary_cross_entropy_with_logits": _PROBABILITIES,
    "poisson_nll": st.one_of(st.integers(0, 9).map(float), st.floats(0, 1e100)),
    "squared_log_error": _ABOVE_MINUS_ONE,
}
PREDICTED: Final[Mapping[str, st.SearchStrategy[float]]] = {
    "binary_cross_entropy": _PROBABILITIES,
    "binary_cross_entropy_with_logits": st.one_of(st.floats(-30, 30), st.floats(-1e100, 1e100)),
    "poisson_nll": st.one_of(st.floats(1e-3, 10), st.floats(1e-100, 1e100)),
    "squared_log_error": _ABOVE_MINUS_ONE,
}


@st.composite
def pairs(draw: st.DrawFn, loss: str, size: int | None = None) -> tuple[Array, Array]:
    """Draw (x, y), two vectors of one length that the loss is defined for."""
    length = draw(st.integers(1, 12)) if size is None else size
    x = draw(hnp.arrays(np.float64, length, elements=TARGETS.get(loss, _REAL)))
    y = draw(hnp.arrays(np.float64, length, elements=PREDICTED.get(loss, _REAL)))
    return x, y


@st.composite
def batches(
    draw: st.DrawFn, loss: str = "squared_error", *, latents: bool | None = None, weights: bool | None = None
) -> Arrays:
    """Draw a batch of up to 9 samples that the loss is defined for.

    Parameters
    ----------
    draw
        Given by Hypothesis.
    loss
        A name of the catalogue.
    latents, weights
        Whether it has mu and logvar, and sample weights; drawn where None.
    """
    size = draw(st.integers(1, 9))
    shape = (size, *draw(st.lists(st.integers(1, 4), max_size=3)))
    x, y = draw(pairs(loss, size=int(np.prod(shape))))
    arrays: Arrays = {"x": x.reshape(shape), "y": y.reshape(shape)}
    if draw(st.booleans()) if latents is None else latents:
        code = (size, draw(st.integers(1, 5)))
        arrays["mu"] = draw(hnp.arrays(np.float64, code, elements=_REAL))
        arrays["logvar"] = draw(hnp.arrays(np.float64, code, elements=st.floats(-50, 50)))
    if draw(st.booleans()) if weights is None else weights:
        some = hnp.arrays(np.float64, size, elements=st.one_of(st.just(1.0), st.just(0.0), st.floats(1e-3, 1e3)))
        arrays["sample_weight"] = draw(some.filter(lambda each: bool(each.any())))
    return arrays

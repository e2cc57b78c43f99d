"""What is left of a sigmoid less a number that it nearly equals, and the arithmetic that keeps it."""

import math
import time
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from app.losses import sigmoid
from app.losses.arrays import Array
from app.losses.doubled import exp_doubled
from app.losses.elementwise import LOSSES
from app.losses.tripled import expm1_tripled, multiplied, summed
from tests import exact

slope = LOSSES["binary_cross_entropy_with_logits"].slope

#: 2**-98 of its terms is left of the sigmoid of the second less the first.
ALMOST_EQUAL = 0.5 + 3 * 2.0**-26, 3 * 2.0**-24 + 9 * 2.0**-74


def bits(error: mpmath.mpf) -> float:
    """Give an error's binary logarithm."""
    return float(mpmath.log(abs(error), 2)) if error else -math.inf


def total(*parts: float) -> mpmath.mpf:
    return mpmath.fsum(map(mpmath.mpf, parts))


def sizes(low: float, high: float) -> Array:
    return np.random.default_rng(0).uniform(low, high, 300)


@pytest.mark.parametrize(("low", "high"), [(0, 1e-3), (0.001, 0.01), (0, 1), (1, 40), (40, 746)])
def test_the_exponential_is_as_exact_as_it_is_said_to_be(low: float, high: float) -> None:
    size = sizes(low, high)
    (hi, lo, k), (t, w, k_tripled) = exp_doubled(size), expm1_tripled(size)
    with mpmath.workprec(700):
        for i, each in enumerate(size.tolist()):
            wanted = mpmath.exp(-mpmath.mpf(each))
            assert bits(total(hi[i], lo[i]) / mpmath.mpf(2) ** int(k[i]) / wanted - 1) < -102
            scaled = total(*(part[i] for part in t)) * (1 + total(*(part[i] for part in w)))
            assert bits(scaled / mpmath.mpf(2) ** int(k_tripled[i]) / wanted - 1) < -150


@pytest.mark.parametrize("exponent", [-10, -27, -60, -300])
def test_the_exponential_less_1_is_as_exact_as_it_is_small(exponent: int) -> None:
    size = np.ldexp(sizes(0.5, 1), exponent)
    t, w, k = expm1_tripled(size)
    assert (t[0] == 1).all()
    assert not k.any()
    with mpmath.workprec(1500):
        for i, each in enumerate(size.tolist()):
            wanted = mpmath.expm1(-mpmath.mpf(each))
            assert bits(total(*(part[i] for part in w)) / wanted - 1) < -150


def test_products_and_sums_keep_three_doubles() -> None:
    rng = np.random.default_rng(1)
    a, b, c = ((rng.normal(size=50), rng.normal(size=50) * 2.0**-55, rng.normal(size=50) * 2.0**-110) for _ in range(3))
    product, added = multiplied(a, b), summed(*a, *b, *c)
    shifted = multiplied(a, b, (1 / 3, 2.0**-56 / 3, 2.0**-111 / 3))
    with mpmath.workprec(700):
        for i in range(50):
            left, right, third = (total(*(part[i] for part in each)) for each in (a, b, c))
            wanted = left * right
            assert bits(total(*(part[i] for part in product)) / wanted - 1) < -154
            plus = total(1 / 3, 2.0**-56 / 3, 2.0**-111 / 3)
            assert bits(total(*(part[i] for part in shifted)) - wanted - plus) < -150
            assert bits(total(*(part[i] for part in added)) - left - right - third) < -152


def agreeing(y: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-y)))


AGREEING: dict[str, Callable[[np.random.Generator], tuple[Array, Array]]] = {
    "the sigmoid, rounded": lambda rng: (agreeing(y := rng.uniform(-36, 36, 1000)), y),
    "next to the sigmoid": lambda rng: (np.nextafter(agreeing(y := rng.uniform(-36, 36, 1000)), 0.5), y),
    "its logit, rounded": lambda rng: (x := rng.random(1000), np.log(x / (1 - x))),
    "tiny labels": lambda rng: (np.exp(y := rng.uniform(-650, -36, 1000)), y),
    "subnormal labels": lambda rng: (np.exp(y := rng.uniform(-745, -690, 1000)), y),
}


@pytest.mark.parametrize("kind", AGREEING)
def test_a_slope_of_labels_that_the_logits_agree_with_has_all_its_digits(kind: str) -> None:
    x, y = AGREEING[kind](np.random.default_rng(2))
    wanted = [
        exact.slope("binary_cross_entropy_with_logits", *pair) for pair in zip(x.tolist(), y.tolist(), strict=True)
    ]
    assert exact.reading("slope", "binary_cross_entropy_with_logits", kind, exact.worst(slope(x, y), wanted)) <= 2


@pytest.mark.parametrize("exponent", range(-52, -1, 5))
@pytest.mark.parametrize("terms", [1, 2, 9], ids="{} terms".format)
def test_a_slope_about_one_half_has_all_its_digits(exponent: int, terms: int) -> None:
    """There, x has few bits, and y can agree with a series of any length."""
    rng = np.random.default_rng(exponent + 60)
    half = np.rint(rng.choice([-1.0, 1.0], 100) * rng.uniform(1, 2, 100) * 2.0 ** (54 + exponent - 1)) / 2.0**54
    d = 2.0 * half
    y = {1: 2 * d, 2: 2 * d + 2 * d**3 / 3, 9: 2 * np.arctanh(d)}[terms]
    x = 0.5 + half
    wanted = [
        exact.slope("binary_cross_entropy_with_logits", *pair) for pair in zip(x.tolist(), y.tolist(), strict=True)
    ]
    assert exact.worst(slope(x, y), wanted) <= 2


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_three_doubles_cannot_tell_is_told_in_decimal(sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = 0.5 + sign * (ALMOST_EQUAL[0] - 0.5), sign * ALMOST_EQUAL[1]
    wanted = exact.slope("binary_cross_entropy_with_logits", x, y)
    assert abs(wanted.value) < abs(y) * 2.0**-96
    assert exact.error(float(slope(np.array([x]), np.array([y]))[0]), wanted) <= 0.5
    monkeypatch.setattr(sigmoid, "_in_decimal", lambda *_, **__: 42.0)
    assert abs(slope(np.array([x]), np.array([y]))[0]) == 42


@pytest.mark.parametrize("exponent", range(-52, -1, 5))
def test_pairs_that_are_easily_found_never_take_decimals(exponent: int) -> None:
    """One pair is done in microseconds; a million would take ten seconds, and about one half they have a formula."""
    half = np.rint(np.random.default_rng(5).uniform(1, 2, 1000) * 2.0 ** (53 + exponent)) / 2.0**54
    before = sigmoid._in_decimal.cache_info()  # noqa: SLF001 - that it is not called cannot be seen from outside
    for y in (4 * half, 2 * np.arctanh(2 * half)):
        slope(0.5 + half, y)
    if exponent > -5:
        y = np.random.default_rng(6).uniform(-700, 36, 1000)
        slope(agreeing(y), y)
    assert sigmoid._in_decimal.cache_info() == before  # noqa: SLF001 - as above


@pytest.mark.parametrize(("x", "y"), [(0.5537014855765868, 0.21563766384491695), (0.25, -1.0), (0.9, 2.2)])
def test_decimals_agree_with_the_rest(x: float, y: float) -> None:
    found = sigmoid._in_decimal(x, abs(y), negative=y < 0)  # noqa: SLF001 - few pairs need it, none of which is ordinary
    wanted = exact.slope("binary_cross_entropy_with_logits", x, y)
    assert exact.error(math.copysign(found, float(wanted.value)), wanted) <= 0.5


@pytest.mark.parametrize("kind", ["agreeing", "one pair that takes decimals"])
def test_a_hundred_thousand_slopes_of_nearly_nothing_take_seconds_at_most(kind: str) -> None:
    y = np.random.default_rng(3).uniform(-4, 4, 100_000) if kind == "agreeing" else np.full(100_000, ALMOST_EQUAL[1])
    x = agreeing(y) if kind == "agreeing" else np.full(100_000, ALMOST_EQUAL[0])
    started = time.process_time()
    slope(x, y)
    assert time.process_time() - started < 2  # 0.1 s

"""Sums that keep their digits: along rows and columns, over a batch, and across many chunks."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.losses.arrays import EPS, Array
from app.losses.summation import Sum, VectorSum, batch_sum, column_sums, row_sums
from tests import exact
from tests.batches import hard_rows

SumsOfRows = Callable[[Array], tuple[Array, Array]]


def columns_of_the_transpose(a: Array) -> tuple[Array, Array]:
    return column_sums(np.ascontiguousarray(a.T))


both_ways = pytest.mark.parametrize("sums", [row_sums, columns_of_the_transpose], ids=["rows", "columns"])


def true_sum(numbers: Array) -> Fraction:
    return sum(map(Fraction, numbers.tolist()), Fraction())


def magnitudes(numbers: Array) -> Fraction:
    return sum((abs(Fraction(each)) for each in numbers.tolist()), Fraction())


@both_ways
@pytest.mark.parametrize("kind", hard_rows())
def test_a_row_keeps_its_digits(sums: SumsOfRows, kind: str) -> None:
    rows = hard_rows()[kind]
    hi, lo = sums(rows)
    assert hi.shape == lo.shape == (len(rows),)
    for high, low, row in zip(hi.tolist(), lo.tolist(), rows, strict=True):
        scale = magnitudes(row) or Fraction(1)
        both = float(abs(Fraction(high) + Fraction(low) - true_sum(row)) / scale) / EPS
        assert exact.reading("sum, hi + lo", "all", kind, both) <= 1e-6
        assert exact.reading("sum, hi", "all", kind, float(abs(Fraction(high) - true_sum(row)) / scale) / EPS) <= 0.501


@both_ways
@pytest.mark.parametrize("small", [0.49 * 2.0**-53, 0.1, 1 - 2.0**-53], ids=["half ulps", "tenths", "nearly ones"])
def test_a_million_terms_keep_their_digits(sums: SumsOfRows, small: float) -> None:
    rows = np.full((1, 10**6), small)
    rows[0, 0] = 1.0
    hi, lo = sums(rows)
    wanted = 1 + (10**6 - 1) * Fraction(small)
    off = float(abs(Fraction(hi[0]) + Fraction(lo[0]) - wanted) / wanted) / EPS
    assert exact.reading("sum, hi + lo", "all", "a million terms", off) <= 1e-6


@given(
    st.lists(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from([1, 30]),
)
def test_short_and_long_rows_keep_their_digits(rows: list[list[float]], repeats: int) -> None:
    a = np.tile(np.array(rows), (1, repeats))
    hi, lo = row_sums(a)
    for high, low, row in zip(hi.tolist(), lo.tolist(), a, strict=True):
        assert abs(Fraction(high) + Fraction(low) - true_sum(row)) <= Fraction(EPS) / 10**6 * magnitudes(row)


@pytest.mark.parametrize("columns", [1, 5, 100])
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_row_that_is_not_finite_says_so_and_spares_its_neighbours(columns: int, broken: float) -> None:
    a = np.full((4, columns), 1e304)
    a[1, -1] = broken
    a[2, 0] = 1e-300
    a[3] = 2.0**-1074
    hi, lo = row_sums(a)
    assert not math.isfinite(hi[1] + lo[1])
    others = [0, 2, 3]
    alone = [row_sums(a[i : i + 1]) for i in others]
    assert hi[others].tolist() == [each[0].item() for each in alone]
    assert np.isfinite(hi[others]).all()
    assert hi[3] == columns * 2.0**-1074


def test_a_sum_beyond_the_range_is_not_finite_and_warns_about_nothing() -> None:
    hi, lo = row_sums(np.full((2, 100), 1e308))
    assert not np.isfinite(hi + lo).any()
    assert not math.isfinite(batch_sum(np.full(2, 1.7e308), np.zeros(2)).value)
    total = VectorSum(np.full(2, 1.7e308), np.zeros(2))
    assert not np.isfinite((total + total).value).any()


def test_rows_are_left_alone_and_not_handed_back() -> None:
    for columns in (1, 5, 100):
        a = np.full((3, columns), 0.5)
        a.flags.writeable = False
        hi, lo = row_sums(a)
        assert hi.flags.writeable
        assert not np.shares_memory(hi, a)
        assert lo.tolist() == [0, 0, 0]


def test_the_low_part_is_what_the_high_part_lacks() -> None:
    hi, lo = row_sums(np.array([[1.0, 2.0**-60, 2.0**-61]]))
    assert (hi[0], lo[0]) == (1.0, 2.0**-60 + 2.0**-61)


def test_low_parts_and_weights_count_in_a_sum_over_the_batch() -> None:
    hi, lo = np.array([1.0, 3.0]), np.array([2.0**-60, 2.0**-61])
    assert batch_sum(hi, lo).exact() == Sum(4.0, 2.0**-60 + 2.0**-61).exact()
    assert batch_sum(hi, lo, np.array([0.0, 2.0])).exact() == Sum(6.0, 2.0**-60).exact()


@pytest.mark.parametrize("size", [1, 2, 63, 64, 1000])
def test_a_weighted_sum_over_the_batch_is_within_half_an_eps(size: int) -> None:
    rng = np.random.default_rng(size)
    hi, lo, weight = rng.uniform(size=size), rng.uniform(size=size) * 2.0**-54, rng.uniform(size=size)
    found = batch_sum(hi, lo, weight)
    wanted = sum(
        (
            Fraction(w) * (Fraction(a) + Fraction(b))
            for w, a, b in zip(weight.tolist(), hi.tolist(), lo.tolist(), strict=True)
        ),
        Fraction(),
    )
    assert abs(Fraction(found.hi) + Fraction(found.lo) - wanted) <= Fraction(EPS) / 2 * wanted


def test_a_hundred_thousand_sums_add_up_without_loss() -> None:
    """Plain addition is off by some 30 eps here; dropping the low parts alone would show."""
    numbers = np.random.default_rng(0).uniform(size=(100_000, 10))
    hi, lo = row_sums(numbers)
    total = Sum()
    for high, low in zip(hi.tolist(), lo.tolist(), strict=True):
        total += Sum(high, low)
    assert total.value == math.fsum(numbers.ravel())
    assert abs(Fraction(total.hi) + Fraction(total.lo) - true_sum(numbers.ravel())) < Fraction(EPS) ** 2 * 10**6


def test_vectors_of_sums_add_up_without_loss() -> None:
    numbers = np.random.default_rng(1).normal(size=(4000, 5, 7))
    total = VectorSum(np.zeros(7), np.zeros(7))
    for chunk in numbers:
        total += VectorSum(*column_sums(chunk))
    assert total.value.tolist() == [math.fsum(column) for column in numbers.reshape(-1, 7).T]


def test_a_vector_sum_keeps_low_parts() -> None:
    total = VectorSum(np.array([1.0]), np.array([2.0**-60])) + VectorSum(np.array([-1.0]), np.array([2.0**-70]))
    assert total.value.tolist() == [2.0**-60 + 2.0**-70]


def test_a_sum_has_every_digit_of_both_its_parts() -> None:
    found = Sum(1e308, 5e-324).exact()
    assert Fraction(found) == Fraction(1e308) + Fraction(5e-324)


def test_a_sum_that_is_not_finite_has_no_digits() -> None:
    assert Sum(math.inf, math.nan).exact().is_nan()
    assert Sum(math.inf).exact().is_nan()

"""Intervals: which ends belong, and where the first element outside is."""

import math

import numpy as np
import pytest

from app.losses.domains import ABOVE_MINUS_ONE, NON_NEGATIVE, POSITIVE, REAL, UNIT_INTERVAL, Domain

TINY = 2.0**-1074

every_edge = pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (REAL, [0.0, -1.7e308, 1.7e308], [math.inf, -math.inf, math.nan]),
        (UNIT_INTERVAL, [0.0, -0.0, 1.0, 0.5], [-TINY, 1 + 2.0**-52, math.nan]),
        (NON_NEGATIVE, [0.0, -0.0, TINY, 1e308], [-TINY, -1.0, math.inf]),
        (POSITIVE, [TINY, 1e308], [0.0, -0.0, -1.0]),
        (ABOVE_MINUS_ONE, [-1 + 2.0**-53, 0.0, 1e308], [-1.0, -2.0]),
        (Domain("< 2", high=2.0), [1.9, -1e308], [2.0, 3.0]),
    ],
    ids=lambda each: each.text if isinstance(each, Domain) else "",
)


@every_edge
def test_a_domain_ends_where_it_says(domain: Domain, inside: list[float], outside: list[float]) -> None:
    assert domain.inside(np.array(inside)).all()
    assert not domain.inside(np.array(outside)).any()
    assert all(map(domain.holds, inside))
    assert not any(map(domain.holds, outside))


@every_edge
def test_nothing_is_outside_where_all_is_inside(domain: Domain, inside: list[float], outside: list[float]) -> None:
    assert domain.first_outside(np.array(inside)) is None
    assert domain.first_outside(np.array(inside + outside)) == len(inside)


@pytest.mark.parametrize("strange", [-0.5, 1.5, math.nan])
def test_the_first_element_outside_is_counted_in_c_order(strange: float) -> None:
    a = np.full((3, 4), 0.5)
    a[1, 2] = strange
    a[2, 0] = -7.0
    assert UNIT_INTERVAL.first_outside(a) == 6
    assert UNIT_INTERVAL.first_outside(np.asfortranarray(a)) == 6


def test_inside_tells_it_for_each_element_in_its_shape() -> None:
    assert UNIT_INTERVAL.inside(np.array([[0.5, 2.0], [math.nan, 1.0]])).tolist() == [[True, False], [False, True]]

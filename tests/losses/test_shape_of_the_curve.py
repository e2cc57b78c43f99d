"""What each row claims about its curve, and that it claims all that is true.

Claims are tried on a grid of multiples of 1/16, on which differences, means and products by 2 are exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.losses.arrays import EPS, Array
from app.losses.domains import Domain
from app.losses.elementwise import LOSSES, Claim, Loss
from tests.batches import pairs

GRID: Final = np.arange(-48, 49) / 16


def points(*domains: Domain, clear_of_ends: bool = False) -> list[Array]:
    """Give every combination of points of the grid, one column for each domain."""
    inside = [GRID[domain.inside(GRID)] for domain in domains]
    if clear_of_ends:
        inside = [
            each[(each != domain.low) & (each != domain.high)] for each, domain in zip(inside, domains, strict=True)
        ]
    return [each.ravel() for each in np.meshgrid(*inside)]


def roundoff(*terms: Array) -> Array:
    """Give what rounding may make of a comparison of terms of this size, none of which is far above 10."""
    return np.asarray(16 * EPS * (10 + sum(map(np.abs, terms))))


def symmetric(loss: Loss) -> bool:
    if loss.x_domain != loss.y_domain:
        return False
    x, y = points(loss.x_domain, loss.y_domain)
    return np.array_equal(loss.value(x, y), loss.value(y, x))


def non_negative(loss: Loss) -> bool:
    return bool((loss.value(*points(loss.x_domain, loss.y_domain)) >= 0).all())


def zero_at_equality(loss: Loss) -> bool:
    """And nowhere below."""
    x = GRID[loss.x_domain.inside(GRID) & loss.y_domain.inside(GRID)]
    return non_negative(loss) and not loss.value(x, x).any()


def least_at_equality(loss: Loss) -> bool:
    x, y = points(loss.x_domain, loss.y_domain)
    x, y = x[loss.y_domain.inside(x)], y[loss.y_domain.inside(x)]
    here, best = loss.value(x, y), loss.value(x, x)
    return bool((here >= best - roundoff(here, best)).all())


def convex_in_y(loss: Loss) -> bool:
    x, a, b = points(loss.x_domain, loss.y_domain, loss.y_domain, clear_of_ends=True)
    ends = loss.value(x, a), loss.value(x, b)
    return bool((loss.value(x, (a + b) / 2) <= (ends[0] + ends[1]) / 2 + roundoff(*ends)).all())


def shift_invariant(loss: Loss) -> bool:
    if not (loss.x_domain.text == loss.y_domain.text == "real"):
        return False
    x, y = points(loss.x_domain, loss.y_domain)
    return np.array_equal(loss.value(x + 5, y + 5), loss.value(x, y))


def homogeneous(degree: int) -> Callable[[Loss], bool]:
    def claim(loss: Loss) -> bool:
        x, y = (each / 2 for each in points(loss.x_domain, loss.y_domain))
        return np.array_equal(loss.value(2 * x, 2 * y), 2.0**degree * loss.value(x, y))

    return claim


def lipschitz(loss: Loss) -> bool:
    return bool((np.abs(loss.slope(*points(loss.x_domain, loss.y_domain))) <= 1).all())


TRUE_OF: Final[Mapping[Claim, Callable[[Loss], bool]]] = {
    Claim.SYMMETRIC: symmetric,
    Claim.NON_NEGATIVE: non_negative,
    Claim.ZERO_AT_EQUALITY: zero_at_equality,
    Claim.LEAST_AT_EQUALITY: least_at_equality,
    Claim.CONVEX_IN_Y: convex_in_y,
    Claim.SHIFT_INVARIANT: shift_invariant,
    Claim.DEGREE_1: homogeneous(1),
    Claim.DEGREE_2: homogeneous(2),
    Claim.LIPSCHITZ: lipschitz,
}


def claiming(claim: Claim) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "loss", [row for row in LOSSES.values() if claim in row.claims], ids=lambda row: row.name
    )


@pytest.mark.parametrize("claim", Claim)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_row_claims_what_is_true_of_its_curve_and_nothing_else(loss: Loss, claim: Claim) -> None:
    tried = [dict.fromkeys(loss.parameters, size) for size in (0.1, 1.0, 4.0)]
    curves = [replace(loss, value=partial(loss.value, **each), slope=partial(loss.slope, **each)) for each in tried]
    assert all(map(TRUE_OF[claim], curves)) == (claim in loss.claims)


@claiming(Claim.SYMMETRIC)
@given(data=st.data())
def test_target_and_prediction_may_be_exchanged(loss: Loss, data: st.DataObject) -> None:
    x, y = data.draw(pairs(loss.name))
    np.testing.assert_array_equal(loss.value(x, y), loss.value(y, x))


@claiming(Claim.NON_NEGATIVE)
@given(data=st.data())
def test_no_value_is_below_0(loss: Loss, data: st.DataObject) -> None:
    assert (loss.value(*data.draw(pairs(loss.name))) >= 0).all()


@claiming(Claim.ZERO_AT_EQUALITY)
@given(data=st.data())
def test_a_perfect_prediction_costs_nothing_and_the_curve_is_flat_there(loss: Loss, data: st.DataObject) -> None:
    x, _ = data.draw(pairs(loss.name))
    assert not loss.value(x, x).any()
    assert not loss.slope(x, x).any()


@claiming(Claim.LIPSCHITZ)
@given(data=st.data())
def test_no_slope_is_steeper_than_1(loss: Loss, data: st.DataObject) -> None:
    assert (np.abs(loss.slope(*data.draw(pairs(loss.name)))) <= 1).all()


@pytest.mark.parametrize("delta", [0.25, 1.0, 3.0])
def test_smooth_l1_is_huber_divided_by_delta(delta: float) -> None:
    x, y = np.meshgrid(GRID, GRID)
    found = LOSSES["smooth_l1"].value(x, y, delta=delta) * delta
    np.testing.assert_allclose(found, LOSSES["huber"].value(x, y, delta=delta), rtol=4 * EPS)

"""Each slope against central differences of its value, away from kinks and clamps; the oracle's too."""

from typing import Final

import mpmath
import numpy as np
import pytest

from app.losses.divergence import divergence, divergence_slopes
from app.losses.elementwise import LOSSES, Loss
from tests import exact

STEP: Final = 2.0**-17  # a central difference then errs by about 1e-10, half of it rounding

# Between 0 and 1, which is inside every domain, and for real losses on both sides of every delta below.
INSIDE: Final = np.array([0.07, 0.31, 0.52, 0.76, 0.93])
WIDE: Final = np.array([-3.3, -0.71, -0.2, 0.13, 0.55, 2.9])

with_parameters = pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        pytest.param(row, parameters, id=f"{name}-{'-'.join(map(str, parameters.values()))}")
        for name, row in LOSSES.items()
        for parameters in (
            [{}] if not row.parameters else [{each: size} for each in row.parameters for size in (0.4, 1.5)]
        )
    ],
)


def grid(loss: Loss) -> tuple[list[float], list[float]]:
    ends = [WIDE if domain.text == "real" else INSIDE for domain in (loss.x_domain, loss.y_domain)]
    x, y = np.meshgrid(*ends)
    y = y + 0.011  # off the diagonal, where absolute_error has its kink
    return x.ravel().tolist(), y.ravel().tolist()


@with_parameters
def test_a_slope_is_the_derivative_of_its_value(loss: Loss, parameters: dict[str, float]) -> None:
    x, y = map(np.array, grid(loss))
    rise = loss.value(x, y + STEP, **parameters) - loss.value(x, y - STEP, **parameters)
    np.testing.assert_allclose(loss.slope(x, y, **parameters), rise / (2 * STEP), rtol=1e-6, atol=1e-9)


@with_parameters
def test_the_oracle_differentiates_its_own_value(loss: Loss, parameters: dict[str, float]) -> None:
    for x, y in zip(*grid(loss), strict=True):
        step = 1e-20
        with mpmath.workdps(80):
            given = {name: mpmath.mpf(each) for name, each in parameters.items()}
            formula = exact.VALUES[loss.name]
            ends = [formula(mpmath.mpf(x), mpmath.mpf(y) + side * mpmath.mpf(step), **given).value for side in (1, -1)]
            found = (ends[0] - ends[1]) / (2 * mpmath.mpf(step))
        wanted = exact.slope(loss.name, x, y, **parameters).value
        assert abs(found - wanted) <= mpmath.mpf("1e-30") * (1 + abs(wanted))


def test_the_slopes_of_the_divergence_are_its_derivatives() -> None:
    mu, logvar = (each.ravel() for each in np.meshgrid(WIDE, WIDE))
    by_mu, by_logvar = divergence_slopes(mu, logvar)
    rise = divergence(mu + STEP, logvar) - divergence(mu - STEP, logvar)
    np.testing.assert_allclose(by_mu, rise / (2 * STEP), rtol=1e-6, atol=1e-9)
    rise = divergence(mu, logvar + STEP) - divergence(mu, logvar - STEP)
    np.testing.assert_allclose(by_logvar, rise / (2 * STEP), rtol=1e-6, atol=1e-9)


def test_the_slope_of_an_absolute_error_at_its_kink_is_0() -> None:
    assert LOSSES["absolute_error"].slope(np.array([0.5, 0.5]), np.array([0.5, 0.25])).tolist() == [0, -1]

"""What is asked of a batch: which loss with which parameters, and how much the KL term weighs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from app.losses.arrays import Array
from app.losses.elementwise import LOSSES, Loss, find
from app.losses.errors import Fault, InvalidOption
from app.losses.refusals import refusal

__all__ = ["Objective"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss, its parameters and beta. Made by `Objective.of`.

    Attributes
    ----------
    loss
        A row of `LOSSES`.
    parameters
        Every parameter that the loss has, by name.
    beta
        Weight of the KL term, finite and >= 0.
    """

    loss: Loss
    parameters: Mapping[str, float]
    beta: float

    @classmethod
    def of(cls, loss: str = "squared_error", *, beta: float = 1.0, **parameters: float) -> "Objective":
        """Take a loss by name or alias; parameters that are not given have the loss's defaults.

        Raises
        ------
        UnknownLoss
            No loss has this name.
        InvalidOption
            A parameter that the loss does not have, or that is not finite and above 0; a beta that is not finite or
            is negative. Every such option is named.
        """
        return _objective(loss, beta, *parameters.items())

    def value(self, x: Array, y: Array) -> Array:
        """Elementwise loss, same shape as `x` and `y`."""
        return self.loss.value(x, y, **self.parameters)

    def slope(self, x: Array, y: Array) -> Array:
        """Slope of the elementwise loss with respect to `y`, same shape."""
        return self.loss.slope(x, y, **self.parameters)

    @property
    def decoder_variance(self) -> Decimal | None:
        """The variance of a Gaussian decoder at effective beta 1; None where the loss is not Gaussian."""
        variance = self.loss.decoder_variance
        return None if variance is None else Decimal(variance(**self.parameters))


@lru_cache(maxsize=64)  # whoever trains asks for the same thing again and again
def _objective(loss: str, beta: float, *parameters: tuple[str, float]) -> Objective:
    """Make an objective, with the parameters that are given, as `Objective.of` says."""
    row = find(loss)
    faults = [fault for name, value in parameters if (fault := _misfit(row, name, value)) is not None]
    if not (_is_finite(beta) and beta >= 0):
        faults.append(Fault(("beta",), "is out of range; a finite number >= 0 is wanted"))
    if faults:
        raise refusal(InvalidOption, *faults)
    given = {name: float(value) for name, value in parameters}
    known = MappingProxyType({**row.parameters, **given})  # all who ask get the same one
    return Objective(row, known, float(beta) + 0.0)  # + 0.0 makes a zero of -0.0


def _misfit(loss: Loss, name: str, value: float) -> Fault | None:
    """Say what is wrong with one parameter of a loss: None if nothing is."""
    if name not in loss.parameters:
        owners = [row.name for row in LOSSES.values() if name in row.parameters]
        known = f"only {' and '.join(owners)} {'have' if len(owners) > 1 else 'has'} it" if owners else "no loss has it"
        return Fault((name,), f"is not a parameter of {loss.name}; {known}")
    if not (_is_finite(value) and value > 0):
        return Fault((name,), "is out of range; a finite number > 0 is wanted")
    return None


def _is_finite(value: float) -> bool:
    """Tell whether a number is finite as a double; integers may be too large for one."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False

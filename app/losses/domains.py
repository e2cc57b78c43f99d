"""Where a loss is defined: intervals of the real line, each end open or closed, and what of an array lies outside."""

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import Array

__all__ = ["ABOVE_MINUS_ONE", "NON_NEGATIVE", "POSITIVE", "REAL", "UNIT_INTERVAL", "Domain"]


@dataclass(frozen=True, slots=True)
class Domain:
    """An interval of the real line.

    Attributes
    ----------
    text
        The interval as people write it: ``"real"``, ``"[0, 1]"``, ``"> -1"``.
    low, high
        Its ends, infinite where there is none.
    low_belongs, high_belongs
        Whether the ends are part of it. An infinite end never belongs: a domain holds finite numbers.
    """

    text: str
    low: float = -inf
    high: float = inf
    low_belongs: bool = False
    high_belongs: bool = False

    def inside(self, a: Array) -> NDArray[np.bool_]:
        """Tell for each element whether the domain holds it; NaN is in no domain.

        Parameters
        ----------
        a
            Any shape.

        Returns
        -------
        NDArray[np.bool_]
            The shape of `a`.
        """
        above = np.greater_equal(a, self.low) if self.low_belongs else np.greater(a, self.low)
        below = np.less_equal(a, self.high) if self.high_belongs else np.less(a, self.high)
        return above & below

    def holds(self, number: float) -> bool:
        """Tell whether the domain holds one number."""
        above = number >= self.low if self.low_belongs else number > self.low
        below = number <= self.high if self.high_belongs else number < self.high
        return above and below

    def first_outside(self, a: Array) -> int | None:
        """Find the first element that the domain does not hold.

        Two reductions where everything lies inside, which is what happens to nearly every array; the element is
        looked for only where one of them fails.

        Parameters
        ----------
        a
            Any shape, not empty.

        Returns
        -------
        int or None
            The index into the flattened array, C order; None where every element lies inside.
        """
        # min and max of an array with a NaN are NaN, which no domain holds, so the search below finds it.
        if self.holds(float(a.min())) and self.holds(float(a.max())):
            return None
        return int(np.argmin(self.inside(a)))


REAL: Final = Domain("real")
UNIT_INTERVAL: Final = Domain("[0, 1]", 0.0, 1.0, low_belongs=True, high_belongs=True)
NON_NEGATIVE: Final = Domain(">= 0", 0.0, low_belongs=True)
POSITIVE: Final = Domain("> 0", 0.0)
ABOVE_MINUS_ONE: Final = Domain("> -1", -1.0)

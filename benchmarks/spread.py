"""Many measurements of one thing, in three numbers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

__all__ = ["Spread", "percentile"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some measurements, and the quartiles around it."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Sum up at least one value."""
        return cls(percentile(values, 25), statistics.median(values), percentile(values, 75))

    @classmethod
    def of_ratios(cls, dividends: Sequence[float], divisors: Sequence[float]) -> Self:
        """Sum up the ratios of values that were measured one after the other: noise that lasts hits both of a pair."""
        return cls.of([one / other for one, other in zip(dividends, divisors, strict=True)])

    def inverse(self) -> Self:
        """Sum up the same ratios the other way round."""
        return type(self)(1 / self.high, 1 / self.median, 1 / self.low)


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the value below which so many percent of the values are, between two of them by proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

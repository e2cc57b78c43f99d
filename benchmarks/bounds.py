"""What has to come out: for some rows, how many times as fast as the usual service, and how near to the limit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.results import RowResult
from benchmarks.spread import Spread

__all__ = ["BOUNDS", "Bound", "Verdict", "verdicts"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What is asked of a row.

    Attributes
    ----------
    row
        Its name.
    times_usual
        The usual service takes at least so many times as long as ours; or None.
    of_limit
        We take at most so many times as long as the limit; or None.
    reason
        Why it is not reached, for where it is not.
    """

    row: str
    times_usual: float | None = None
    of_limit: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bound and what was measured.

    Attributes
    ----------
    bound
        What is asked.
    measured
        Ratios.
    reached
        Whether their median is on the right side.
    limit
        What the limit itself would have, by medians: nobody can be better.
    """

    bound: Bound
    measured: Spread
    reached: bool
    limit: float


_NUMERALS: Final = (
    "four fifths of the time go to reading numerals: each becomes a Python float first, which simdjson never makes"
)
_DIGITS: Final = (
    "half of the time goes to sums that keep their digits (4 eps, whatever the size); the usual service sums plainly"
)
_FIXED: Final = (
    "0.2 ms go to the answer itself, as much as the usual service takes in all: 16 variants with what they amount to,"
    " the checks of every number, and steps of NumPy that cost microseconds however few the numbers are; 0.1 ms more to"
    " the way into a thread and back, and 0.02 ms to the gates"
)

BOUNDS: Final = (
    Bound("JSON, 100 x 90 + 20", times_usual=6, reason=_NUMERALS),
    Bound("JSON, 100 x 90 + 20", of_limit=1.25, reason=_NUMERALS),
    Bound("JSON, 1000 x 784", times_usual=4.5, reason=_NUMERALS),
    Bound("JSON, 1000 x 784", of_limit=1.25, reason=_NUMERALS),
    Bound("JSON, 1 x 10", times_usual=1.2, reason=_FIXED),
    Bound("npz float64, 1000 x 784", times_usual=30, reason=_DIGITS),
    Bound("npz float32, 1000 x 784", times_usual=40, reason=_DIGITS),
    Bound("npz float32, 10000 x 784", of_limit=1.5, reason=_DIGITS),
)
"""What `make bench` has to show."""


def verdicts(results: Iterable[RowResult], bounds: Iterable[Bound] = BOUNDS) -> list[Verdict]:
    """Judge the bounds whose rows were measured."""
    by_name = {one.row: one for one in results}
    found = []
    for bound in bounds:
        if bound.row not in by_name:
            continue
        row = by_name[bound.row]
        if bound.times_usual is not None:
            ratio = row.to_ours["usual"]
            ceiling = row.seconds["usual"].median / row.seconds["limit"].median
            found.append(Verdict(bound, ratio, ratio.median >= bound.times_usual, ceiling))
        if bound.of_limit is not None:
            found.append(Verdict(bound, row.of_limit, row.of_limit.median <= bound.of_limit, 1.0))
    return found

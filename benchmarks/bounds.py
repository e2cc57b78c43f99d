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
    of_echo
        We take at most so many times as long as an echo of the same bytes; or None.
    reason
        Why it is not reached, for where it is not.
    """

    row: str
    times_usual: float | None = None
    of_limit: float | None = None
    of_echo: float | None = None
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


_BRIEF: Final = (
    "beyond the limit, which is bytes and numerals, the bound leaves no more than a request of ten numbers takes beyond"
    " its own (JSON, 1 x 10): gates, counters, the report and its text. Here come a thread and back, the proof that the"
    " lists are an array, sums that keep their digits and 16 variants in decimals of 40 digits, in a cache that the"
    " text has swept. Nearly half of the time is spent by Python's interpreter, a quarter by simdjson, and no line"
    " takes more than 2.5 %; see docs/decisions/0022"
)
_LONG: Final = (
    "nearly all of it is bytes and numerals, as for the limit; what is beyond are the proof of the shape, the sums that"
    " keep their digits, and blocks short enough for others to be served between them"
)
_FIXED: Final = (
    "a half of the time is uvicorn's and the gates'; the other is the answer itself: four variants and what they amount"
    " to, each number exact, by steps of NumPy that cost a microsecond however few the numbers are; see"
    " docs/decisions/0020"
)
_DIGITS: Final = (
    "nearly half of the time the bytes are on their way, no longer than to a bare socket that does nothing else"
    " (docs/decisions/0021), and more than a third is the fold, whose sums keep their digits (4 eps, whatever the size)"
    " and whose numbers are no longer in a cache; the checksum, at which the limit does not look, is summed up"
    " meanwhile (docs/decisions/0024). Two threads fold no sooner: between two steps of NumPy each waits for the other"
    " (docs/decisions/0015)"
)

BOUNDS: Final = (
    Bound("JSON, 100 x 90 + 20", times_usual=6, reason=_BRIEF),
    Bound("JSON, 100 x 90 + 20", of_limit=1.25, reason=_BRIEF),
    Bound("JSON, 1000 x 784", times_usual=4.5, reason=_LONG),
    Bound("JSON, 1000 x 784", of_limit=1.25, reason=_LONG),
    Bound("JSON, 1 x 10", times_usual=1.2, reason=_FIXED),
    Bound("npz float64, 1000 x 784", times_usual=30, reason=_DIGITS),
    Bound("npz float32, 1000 x 784", times_usual=40, reason=_DIGITS),
    Bound("npz float32, 10000 x 784", of_echo=1.5, reason=_DIGITS),
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
        if bound.of_echo is not None:
            ratio = row.to_ours["echo"].inverse()
            ceiling = row.seconds["limit"].median / row.seconds["echo"].median
            found.append(Verdict(bound, ratio, ratio.median <= bound.of_echo, ceiling))
    return found

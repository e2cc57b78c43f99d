"""How far a framework's numbers are from ours, in units of the framework's own eps, and what is remembered of it.

Numbers are compared relatively, arrays as a whole: the largest difference, by the largest magnitude among ours. The
worst relative difference of a single element is remembered beside it and bounds nothing: where a framework's formula
cancels it says how much is lost, which is a figure for docs/reference.md and no fault of either side.
"""

import functools
import math
import operator
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import mpmath
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.exact import DIGITS, Number, error, worst

__all__ = ["EPS", "EPS32", "Foreign", "agree", "lost_digits", "table", "table_of_lost_digits", "worst_element"]

Foreign: TypeAlias = Any
"""An array, function or module of a framework, which the type checker of this repository has never seen."""

EPS: Final = 2.0**-52
EPS32: Final = 2.0**-23

_LOST: Final[list[tuple[str, str, float, float, float]]] = []
_SEEN: Final[dict[tuple[str, str], dict[str, float]]] = defaultdict(dict)


def agree(  # noqa: PLR0913 - two sides, and how and for which cell of the table they are compared
    theirs: ArrayLike,
    ours: ArrayLike,
    *,
    about: tuple[str, str],
    column: str = "numbers",
    within: float,
    size: float | None = None,
    eps: float = EPS,
) -> None:
    """Hold a framework's number or array to ours, and remember the largest difference.

    Parameters
    ----------
    theirs, ours
        The same shape.
    about
        Framework and what was computed: a line of the table.
    column
        A column of the table.
    within
        How many eps they may differ by.
    size
        What the difference is compared to; by default the largest magnitude among ours.
    eps
        That of the framework's type.
    """
    found, expected = np.asarray(theirs, dtype=np.float64), np.asarray(ours, dtype=np.float64)
    assert found.shape == expected.shape, f"{about}: shape {found.shape}, ours {expected.shape}"
    scale = float(np.max(np.abs(expected))) if size is None else size
    difference = float(np.max(np.abs(found - expected)))
    with np.errstate(divide="ignore"):
        units = float(np.divide(difference, eps * scale)) if difference else 0.0
    _remember(about, column, units)
    if expected.ndim and column == "elements":
        _remember(about, "worst element", worst_element(found, expected, eps))
    assert units <= within, f"{about}, {column}: {units:.3g} eps apart: {found} and ours {expected}"


def worst_element(theirs: NDArray[np.float64], ours: NDArray[np.float64], eps: float = EPS) -> float:
    """Return the largest relative difference of one element, in eps; infinite where ours is 0 and theirs is not."""
    difference = np.abs(theirs - ours)
    with np.errstate(divide="ignore"):
        return float(np.max(np.divide(difference, eps * np.abs(ours), out=0 * difference, where=difference > 0)))


def lost_digits(  # noqa: PLR0913 - three sides, and the line of the table
    theirs: ArrayLike, ours: ArrayLike, exact: Sequence[Number], *, framework: str, what: str, at_least: float
) -> None:
    """Hold both sides' elements to the exact ones: we are within 4 eps, and the framework is worse than it should be.

    The second is asserted too, so that what the documentation says of a framework is taken back when it is mended.

    Parameters
    ----------
    theirs, ours
        Vectors of double precision.
    exact
        Their values in many digits.
    framework, what
        A line of the table of lost digits.
    at_least
        How many eps the framework's worst element is off by, and more.
    """
    elements = np.asarray(theirs, dtype=np.float64)
    their_error, our_error = worst(elements, exact), worst(ours, exact)
    with mpmath.workdps(DIGITS):
        their_sum = error(math.fsum(elements), functools.reduce(operator.add, exact))
    _LOST.append((framework, what, their_error, their_sum, our_error))
    assert our_error <= 4, f"ours is off by {our_error:.3g} eps"
    assert their_error >= at_least, f"{framework} is off by {their_error:.3g} eps only: mend docs/accuracy.md"


def _remember(about: tuple[str, str], column: str, units: float) -> None:
    """Keep the worst."""
    _SEEN[about][column] = max(units, _SEEN[about].get(column, 0.0))


_COLUMNS: Final = ("numbers", "elements", "worst element", "gradients", "float32")


def table() -> list[str]:
    """Return what was seen as the lines of a Markdown table, empty if nothing was compared."""
    if not _SEEN:
        return []
    lines = [f"| framework | what | {' | '.join(_COLUMNS)} |", "| --- | --- |" + " ---: |" * len(_COLUMNS)]
    for (framework, what), seen in _SEEN.items():
        cells = [f"{seen[column]:.3g}" if column in seen else "" for column in _COLUMNS]
        lines.append(f"| {framework} | {what} | {' | '.join(cells)} |")
    return lines


def table_of_lost_digits() -> list[str]:
    """Return what `lost_digits` was told as the lines of a Markdown table, empty if nothing was."""
    if not _LOST:
        return []
    lines = [
        "| framework | what, in double precision | its worst element | its sum | our worst element |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    return lines + [
        f"| {name} | {what} | {theirs:.2g} | {total:.2g} | {ours:.2g} |" for name, what, theirs, total, ours in _LOST
    ]

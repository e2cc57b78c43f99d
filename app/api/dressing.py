"""A report becomes a reply: the fields of docs/contract.md in order, who uses each variant, and what was asked for.

Nothing is computed here. The core and the catalogue of conventions do, and the engine is handed in. What a noun of
theirs says is answered as it is, attribute by attribute; only its arrays are put elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.conventions import Extent, Observed, Reading, losses_needed, observe_all, used_by
from app.formats.reply import Reply
from app.losses import (
    Batch,
    Checkpoint,
    Collapse,
    Fault,
    Gradients,
    InvalidOption,
    LossInputError,
    Objective,
    Report,
    Tally,
    collapse,
    divergence_elementwise,
    elementwise,
    go_on,
    gradients,
    report,
    tally,
)
from app.losses.collapse import LARGEST_SPECTRUM
from app.losses.refusals import refusal
from app.variables import variable

__all__ = ["Engine", "dress"]

Arrays = dict[str, NDArray[np.float64]]
Engine = Callable[[Batch, Objective, Checkpoint], Tally]
"""Who tallies a batch: ``app.engines.local.run``, or that of several threads."""

_PLAIN: Final = frozenset({str, float, int, bool, type(None)})
"""What a document holds as it is."""


def dress(  # noqa: PLR0913 - what there is to compute, who does it, and how much of it
    batch: Batch,
    objective: Objective,
    include: Sequence[str],
    engine: Engine,
    checkpoint: Checkpoint = go_on,
    *,
    max_spectrum: int = LARGEST_SPECTRUM,
) -> Reply:
    """Compute everything that a request asks for, and lay it out.

    Parameters
    ----------
    batch, objective
        What is computed.
    include
        What else to answer with: names of `app.api.options.Include`, in any order; twice is as good as once.
    engine
        Who tallies a batch.
    checkpoint
        Called between pieces of the work.
    max_spectrum
        The most eigenvalues that are computed.

    Raises
    ------
    LossInputError
        Whatever the core refuses; if it is something in `include`, the path leads to that item.
    """
    tallied = engine(batch, objective, checkpoint)
    found = report(batch, tallied, objective)
    work = _Work(batch, objective, engine, tallied, found, checkpoint, max_spectrum)
    summary, arrays = _document(found)
    for name, make in _EXTRAS.items():
        if name in include:
            try:
                summary[name] = _laid_out(make(work), name, arrays)
            except InvalidOption as error:
                place = ("include", include.index(name))
                raise refusal(InvalidOption, Fault(place, error.faults[0].detail)) from None
    return Reply(summary, arrays, _nulls(found.loss, with_kl=found.terms.kl is not None))


def _document(found: Report) -> tuple[dict[str, Any], Arrays]:
    """Lay out a report."""
    arrays: Arrays = {}
    summary = {
        name: _variants(found) if name == "variants" else _laid_out(one, name, arrays)
        for name, one in _fields(Report)(found).items()
    }
    return summary, arrays


@cache
def _nulls(loss: str, *, with_kl: bool) -> int:
    """Count what a report of a loss leaves out: in every batch the same, so that a small one tells."""
    latents = {"mu": [[1.0]], "logvar": [[0.0]]} if with_kl else {}
    batch = Batch.of({"x": [[0.25]], "y": [[0.5]], **latents})
    objective = Objective.of(loss)
    summary, arrays = _document(report(batch, tally(batch.chunk(0, 1), objective), objective))
    return sum(value is None for value in _leaves(summary)) - len(arrays)


def _leaves(document: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    """Give every value that is no mapping and no list."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for one in document:
            yield from _leaves(one)
    else:
        yield document


class _Work(NamedTuple):
    """What there is when the report is done."""

    batch: Batch
    objective: Objective
    engine: Engine
    tally: Tally
    report: Report
    checkpoint: Checkpoint
    max_spectrum: int


def _variants(found: Report) -> dict[str, Any]:
    """Lay out the variants, most of a small answer, and say who uses each."""
    laid_out = {}
    for name, one in found.variants.items():
        laid_out[name] = variant = one._asdict()
        variant["kl_weight_for"] = one.kl_weight_for and one.kl_weight_for._asdict()
        variant["used_by"] = used_by(found.loss, name)
    return laid_out


def _laid_out(node: Any, place: str, arrays: Arrays) -> Any:  # noqa: ANN401 - any noun of the core, any JSON value
    """Turn a noun into mappings and lists, and put its arrays at their places, leaving None behind.

    Parameters
    ----------
    node
        A record, a mapping, a tuple, an array, or something that a document can hold as it is.
    place
        Where it stands in the answer: the names that lead to it, joined by dots.
    arrays
        Where arrays are put.
    """
    kind: type = type(node)
    if kind in _PLAIN:
        return node
    if kind is np.ndarray:
        arrays[place] = node
        return None
    if kind is tuple:
        return [_laid_out(one, place, arrays) for one in node]
    laid_out = _fields(kind)(node)
    inner = f"{place}." if place else ""
    for name, one in laid_out.items():
        if type(one) not in _PLAIN:
            laid_out[name] = _laid_out(one, f"{inner}{name}", arrays)
    return laid_out


@cache
def _fields(kind: type) -> Callable[[Any], dict[str, Any]]:
    """Make the function that lists what a record of some type, or a mapping, has, in its order."""
    if issubclass(kind, tuple):
        made: Callable[[Any], dict[str, Any]] = kind._asdict  # type: ignore[attr-defined]  # a named one
        return made
    if not is_dataclass(kind):
        return dict
    first, second, *others = (field.name for field in fields(kind))  # none of them has fewer
    values = attrgetter(first, second, *others)
    return lambda node: dict(zip((first, second, *others), values(node), strict=True))


def _elementwise(work: _Work) -> NDArray[np.float64]:
    """Give the loss of each element."""
    return elementwise(work.batch, work.objective, work.checkpoint)


def _kl_elementwise(work: _Work) -> NDArray[np.float64]:
    """Give the KL divergence of each element."""
    matrix = divergence_elementwise(work.batch, work.checkpoint)
    if matrix is None:
        raise refusal(InvalidOption, Fault(("include",), "asks for kl_elementwise, which needs mu and logvar"))
    return matrix


def _gradients(work: _Work) -> Gradients:
    """Give the slopes of R + beta K."""
    return gradients(work.batch, work.objective, work.tally, work.checkpoint)


def _collapse(work: _Work) -> Collapse:
    """Give the forecast."""
    setting = variable("max_spectrum")
    return collapse(
        work.batch, work.objective, work.report, work.checkpoint, largest=work.max_spectrum, setting=setting
    )


def _conventions(work: _Work) -> Sequence[Observed]:
    """Give what known code bases would report, after a pass over the batch for each further loss that they have."""
    found, batch = work.report, work.batch
    asked = Reading(found.loss, work.objective.parameters, found.terms.reconstruction["sum_mean"])
    readings, refused = [asked], {}
    for loss, parameters in losses_needed(found.loss, work.objective.parameters):
        other = Objective.of(loss, **parameters)
        try:
            total = report(batch, work.engine(batch, other, work.checkpoint), other).terms.reconstruction["sum_mean"]
        except LossInputError as error:
            refused[loss] = f"is not defined for this batch: {error.detail}"
        else:
            readings.append(Reading(loss, other.parameters, total))
    kl = None if found.terms.kl is None else found.terms.kl["sum_mean"]
    weight = found.variants[next(name for name in found.variants if name.startswith("sum_sum"))].scale
    extent = Extent(found.shape.batch, weight, found.shape.features, found.shape.latents)
    observed, _left_out = observe_all(readings, kl, extent, refused)
    return observed


_EXTRAS: Final[Mapping[str, Callable[[_Work], Any]]] = {
    "elementwise": _elementwise,
    "kl_elementwise": _kl_elementwise,
    "gradients": _gradients,
    "collapse": _collapse,
    "conventions": _conventions,
}
"""How each thing that can be included is made."""

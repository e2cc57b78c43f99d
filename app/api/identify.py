"""POST /loss/identify: what a printed number is, out of all that the core and the conventions can make of a batch."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import Field, with_config
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.bodies import ANSWER_CONTENT, OPTION_SCHEMAS, content_of, query_of
from app.api.capacity import Capacity
from app.api.direct import DirectRoute
from app.api.dressing import Engine
from app.api.examples import REQUESTS
from app.api.exchange import exchanged
from app.api.options import FIELDS, Options
from app.api.refusals import refusals
from app.api.sizes import ANY_SIZE, Sizes
from app.conventions import CONVENTIONS, Expression, Extent, Recipe, used_by
from app.conventions.convention import GAUSSIAN
from app.engines.local import run
from app.formats import Format
from app.formats.errors import MissingField
from app.formats.reply import Reply
from app.formats.scratch import Body
from app.losses import (
    LOSSES,
    Batch,
    Checkpoint,
    Fault,
    InvalidOption,
    LossInputError,
    Objective,
    ShapeMismatch,
    go_on,
    report,
)
from app.losses.identify import (
    MOST_EXPLANATIONS,
    SAME,
    Formula,
    Identification,
    Known,
    Measurement,
    Question,
    Reading,
    Use,
    gaussian_nll,
    identify,
    made_up,
    measure,
    readings,
)
from app.losses.refusals import refusal, sentence
from app.spool import Collector

__all__ = [
    "MOST_BATCHES",
    "PROPERTIES",
    "ExplanationAnswer",
    "FormulaOfNumberAnswer",
    "IdentifyAnswer",
    "SkippedAnswer",
    "UseAnswer",
    "VerdictAnswer",
    "answer",
    "router",
]

MOST_BATCHES = 100
LARGEST_RTOL = 0.1
DEFAULT_RTOL = 1e-4
_OWN: Final = ("observed", "batch_sizes", "rtol")
_WANTED: Final = f"a finite number, or a list of 1 to {MOST_BATCHES} of them, one for each batch, is wanted"

_DESCRIPTION = f"""
Which loss does that code compute? Takes the batch that went in, as `POST /loss` does, and the number that came out:
`observed`. Tries every variant of every loss that is defined for the batch, the terms alone, with `beta` as given, 1
and the weights of known code, each times the factors that people put there (1/2, D, 1/D, N, 1/N, L, 1/L, C and 1/C for
the length of the last axis, 4 and 1/4 for a range of [-1, 1], 255 and 255^2 for pixels, 1/ln 2 for bits, 1/(D ln 2)
for bits per dimension, and a minus sign for an ELBO), the root of the mean squared error, the constants that frameworks
leave out or put in, and the formulas of the conventions. Answers with those that lie within `rtol`: best digits first,
then the simplest, so that the loss that was asked for is the first where it fits.

What a match is worth is said as well. `expected_by_chance`: how many candidates lie within `rtol` of any number of that
magnitude. `ambiguous_with`: formulas that are the same number for this batch but not for others, such as a sum over the
batch where it has one sample. `verdict` puts it in a sentence.

- **Digits.** JSON does not say how many digits were printed, so `rtol` does: half a unit of the last digit, over the
  number. For 0.0231 that is 0.002. An observed 0 is matched only by exact zeros.
- **Several batches** pin a formula down that one leaves open. Put them one after the other along axis 0 of every array;
  `batch_sizes` says how many samples each has (they may differ) and `observed` lists a number for each, at most
  {MOST_BATCHES}. An explanation must fit them all.
- `include` is taken as by `POST /loss`, so that the same body can be sent, and changes nothing.
"""


# --- the shape of the answer ----------------------------------------------------------------------

_closed: Final = with_config(extra="forbid")


@_closed
class UseAnswer(TypedDict):
    """A convention that computes just this number."""

    id: Annotated[str, Field(description="The convention, as in GET /conventions.")]
    when: Annotated[str | None, Field(description="In which setting; null if it has only one.")]


@_closed
class FormulaOfNumberAnswer(TypedDict):
    """A formula that gives the same number for this batch."""

    term: Annotated[
        Literal["total", "reconstruction", "kl"], Field(description="Both terms, or which one it is alone.")
    ]
    loss: Annotated[str | None, Field(description="The loss; null for a KL term alone.")]
    parameters: Annotated[dict[str, float], Field(description="The loss's parameters, where it has any.")]
    constant: Annotated[
        str | None, Field(description="Which constant a framework leaves out of the loss, or puts in; or null.")
    ]
    variant: Annotated[str, Field(description="How it is reduced: the id of a term's reduction or of a total.")]
    factor: Annotated[
        str,
        Field(
            description="What it is multiplied with, in N (samples), D (features), L (latents) and C (the last feature"
            " axis); for a convention's own formula, what its reconstruction term is multiplied with."
        ),
    ]
    beta: Annotated[
        float | None, Field(description="The weight of the KL term before `factor`; null without both terms.")
    ]
    formula: Annotated[str, Field(description="All of it as text.")]
    conventions: Annotated[
        list[UseAnswer], Field(description="Known code that computes just this, factor and weight included.")
    ]
    used_by: Annotated[
        list[str],
        Field(description="Known code that reduces this loss in this way, with whatever factor and weight."),
    ]


@_closed
class ExplanationAnswer(FormulaOfNumberAnswer):
    """A number near the observed one, and the simplest formula for it."""

    value: Annotated[
        float | list[float], Field(description="What it gives for the batch; for each, where `observed` is a list.")
    ]
    relative_error: Annotated[float, Field(description="Of the value, relatively; the largest of several.", ge=0)]
    expected_by_chance: Annotated[
        float,
        Field(
            description="How many candidates as simple as this one, or simpler, are to be expected within `rtol` of any"
            " number of this magnitude. Much below 1, the match means something.",
            ge=0,
        ),
    ]
    ambiguous_with: Annotated[
        list[FormulaOfNumberAnswer],
        Field(
            description="Other formulas that are the same number for this batch but not for others, simplest first.",
            max_length=MOST_EXPLANATIONS,
        ),
    ]
    ambiguous_count: Annotated[int, Field(description="How many of those there are.", ge=0)]


@_closed
class VerdictAnswer(TypedDict):
    """What the explanations are worth."""

    code: Annotated[
        Literal["none", "unique", "ambiguous", "coincidence_likely"], Field(description="In a word, stable.")
    ]
    detail: Annotated[str, Field(description="In a sentence or two.")]


@_closed
class SkippedAnswer(TypedDict):
    """A loss that was not tried."""

    loss: Annotated[str, Field(description="Its name.")]
    reason: Annotated[str, Field(description="Why: mostly a value that is out of its domain.")]


@_closed
class IdentifyAnswer(TypedDict):
    """What gives the observed number for this batch, and what that is worth."""

    verdict: Annotated[VerdictAnswer, Field(description="What to make of it.")]
    rtol: Annotated[float, Field(description="The relative error that was allowed.", gt=0)]
    candidates: Annotated[int, Field(description="How many different numbers were tried.", ge=1)]
    expected_by_chance: Annotated[
        float,
        Field(
            description="How many of them are to be expected within `rtol` of any number of this magnitude, from how"
            " densely their logarithms lie around it; of several batches, the least.",
            ge=0,
        ),
    ]
    explanation_count: Annotated[int, Field(description="How many of them lie within `rtol` of the observed.", ge=0)]
    explanations: Annotated[
        list[ExplanationAnswer],
        Field(description=f"The first {MOST_EXPLANATIONS} of those; empty if none.", max_length=MOST_EXPLANATIONS),
    ]
    skipped: Annotated[list[SkippedAnswer], Field(description="Losses that were not tried.")]


PROPERTIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "observed": {
        "description": "What was printed for the batch; or for each of several batches, with `batch_sizes`.",
        "anyOf": [
            {"type": "number"},
            {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": MOST_BATCHES},
        ],
    },
    "batch_sizes": {
        "description": "If the arrays hold several batches one after the other along axis 0: the number of samples of"
        " each. As many as `observed` has numbers, and together N.",
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        "maxItems": MOST_BATCHES,
    },
    "rtol": {
        "description": "Largest relative error of an explanation: about half a unit of the last digit that was"
        " printed, over the number.",
        "type": "number",
        "minimum": SAME,
        "maximum": LARGEST_RTOL,
        "default": DEFAULT_RTOL,
    },
}
"""The fields that the endpoint has beside those of POST /loss, as JSON schemas."""


# --- the question ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """The endpoint's own fields: one observed number for each batch, the batches' sizes if there are several."""

    observed: tuple[float, ...]
    is_list: bool
    sizes: tuple[int, ...] | None
    rtol: float


def _number(value: object) -> float | None:
    """Take a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _missing(name: str, detail: str) -> MissingField:
    """Make the refusal of a field that is not there."""
    fault = Fault((name,), detail)
    return MissingField(sentence([fault]), fault)


def _asked(options: Mapping[str, Any]) -> _Asked:
    """Read the endpoint's own fields.

    Raises
    ------
    MissingField
        No `observed`; or several numbers, and no `batch_sizes`.
    InvalidOption
        A field that is of the wrong type or out of range.
    ShapeMismatch
        `batch_sizes` and `observed` are not equally long.
    """
    if "observed" not in options:
        raise _missing("observed", "is missing; the number that was printed for the batch is wanted")
    given = options["observed"]
    items = given if isinstance(given, list) else [given]
    if not 1 <= len(items) <= MOST_BATCHES:
        raise refusal(InvalidOption, Fault(("observed",), f"has the wrong length; {_WANTED}"))
    observed = [_number(item) for item in items]
    faults = [
        Fault(("observed", place) if isinstance(given, list) else ("observed",), f"is not valid; {_WANTED}")
        for place, number in enumerate(observed)
        if number is None
    ]
    rtol = _number(options.get("rtol", DEFAULT_RTOL))
    if rtol is None or not SAME <= rtol <= LARGEST_RTOL:
        faults.append(Fault(("rtol",), f"is not valid; a number from {SAME:g} to {LARGEST_RTOL:g} is wanted"))
    sizes = options.get("batch_sizes")
    if sizes is not None and not (isinstance(sizes, list) and all(type(size) is int and size >= 1 for size in sizes)):
        faults.append(Fault(("batch_sizes",), "is not valid; a list of integers >= 1 is wanted"))
    if faults or rtol is None:
        raise refusal(InvalidOption, *faults)
    if sizes is None and len(items) > 1:
        detail = "is missing; where observed lists several numbers, it says how many samples each of the batches has"
        raise _missing("batch_sizes", detail)
    if sizes is not None and len(sizes) != len(items):
        detail = f"has {len(sizes)} numbers but observed has {len(items)}; each batch has one of both"
        raise refusal(ShapeMismatch, Fault(("batch_sizes",), detail))
    return _Asked(
        observed=tuple(number for number in observed if number is not None),
        is_list=isinstance(given, list),
        sizes=None if sizes is None else tuple(sizes),
        rtol=rtol,
    )


# --- what the conventions compute -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """One setting of a convention, with one of its losses.

    Attributes
    ----------
    use
        The convention and the setting.
    loss, fixed
        The loss, and the parameters of it that the setting fixes; None and nothing where it has only a KL term.
    recipe
        The setting, with no other loss.
    scale, kl_scale
        Of ``scale * (R + constant * D) + kl_scale * K``; None for a term that it does not have.
    text
        All of it.
    """

    use: Use
    loss: str | None
    fixed: Mapping[str, float]
    recipe: Recipe
    scale: Expression | None
    kl_scale: Expression | None
    text: str

    def value(self, one: Measurement, names: Mapping[str, float], tallied: Mapping[str, float]) -> float:
        """Give its number for a batch; NaN where the batch does not tell it.

        Parameters
        ----------
        one
            The batch.
        names
            What the symbols stand for in it.
        tallied
            The parameters that its loss was tallied with.
        """
        names = {**names, **self.recipe.parameters}
        total = 0.0
        if self.scale is not None:
            term = one.reconstructions.get(Reading(self.loss or ""), math.nan)
            if self.fixed.items() - tallied.items():
                squared = one.reconstructions.get(Reading("squared_error"), math.nan)
                variance = self.fixed.get("variance", math.nan)
                term = gaussian_nll(squared, variance, int(names["D"]))
            total = self.scale.value(names) * (term + self.recipe.constant.value(names) * names["D"])
        if self.kl_scale is not None:
            total += math.nan if one.kl is None else self.kl_scale.value(names) * one.kl
        return total

    def beta(self, names: Mapping[str, float]) -> float | None:
        """Give the weight of its KL term over the factor of its reconstruction term; None without both."""
        if self.scale is None or self.kl_scale is None:
            return None
        names = {**names, **self.recipe.parameters}
        factor = self.recipe.factor.value(names)
        return self.recipe.weight.value(names) / factor if factor else None


def _rows() -> Iterator[_Row]:
    """Take from the catalogue what comes out as one number."""
    for convention in CONVENTIONS.values():
        for given in convention.recipes if convention.not_affine is None else ():
            recipe = given
            if given.kl is not None and given.divergence != GAUSSIAN and _weighs_nothing(given):
                recipe = replace(given, kl=None)
            if recipe.is_reduced and recipe.other_loss is None and (recipe.kl is None or recipe.divergence == GAUSSIAN):
                yield from _rows_of(convention.id, recipe)


def _weighs_nothing(recipe: Recipe) -> bool:
    """Tell whether the weight of a KL term is 0 by default."""
    return recipe.weight.names <= recipe.parameters.keys() and recipe.weight.value(recipe.parameters) == 0


def _rows_of(convention: str, recipe: Recipe) -> Iterator[_Row]:
    """Take one setting with each of its losses."""
    for loss in _spoken(recipe) or (None,):
        one = replace(recipe, losses=() if loss is None else (loss,))
        own = LOSSES[loss].parameters if loss is not None else {}
        fixed = {name: recipe.parameters[name] for name in own if name in recipe.parameters}
        said = {*recipe.factor.names, *recipe.weight.names, *fixed}
        values = [f"{name} = {value:.15g}" for name, value in recipe.parameters.items() if name in said]
        yield _Row(
            use=Use(convention, recipe.when),
            loss=loss,
            fixed=fixed,
            recipe=one,
            scale=one.scale,
            kl_scale=None if one.kl_reduction is None else one.weight * one.kl_reduction,
            text=", ".join([one.total, *values]),
        )


def _spoken(recipe: Recipe) -> tuple[str, ...]:
    """Return its losses; a cross-entropy of logits may be one of uploaded probabilities, and the other way round."""
    twins = [other for loss in recipe.losses for other in _TWINS.get(loss, ())]
    return tuple(dict.fromkeys((*recipe.losses, *twins)))


_TWINS: Final = {
    "binary_cross_entropy": ("binary_cross_entropy_with_logits",),
    "binary_cross_entropy_with_logits": ("binary_cross_entropy",),
}
_ROWS: Final = tuple(_rows())
_WEIGHTS: Final = tuple(
    dict.fromkeys(
        row.recipe.weight.value(row.recipe.parameters)
        for row in _ROWS
        if row.scale is not None
        and row.kl_scale is not None
        and row.recipe.weight.names <= row.recipe.parameters.keys()
    )
)
"""Weights of KL terms in known code, where they depend on no batch."""


def _known(measurements: Sequence[Measurement], objectives: Mapping[Reading, Objective]) -> Iterator[Known]:
    """Work out what every convention gives for each batch; those that a batch does not tell are no candidates."""
    sizes = [one.sizes for one in measurements]
    names = [Extent(one.samples, one.weight, one.features, one.latents).symbols() for one in sizes]
    for row in _ROWS:
        if row.kl_scale is not None and sizes[0].latents is None:
            continue
        tallied = objectives[Reading(row.loss)].parameters if row.loss is not None else {}
        values = [row.value(one, symbols, tallied) for one, symbols in zip(measurements, names, strict=True)]
        yield Known(
            use=row.use,
            loss=row.loss,
            reconstruction=row.recipe.reconstruction,
            kl=row.recipe.kl,
            factor=str(row.recipe.factor if row.loss is not None else row.recipe.weight),
            text=row.text,
            beta=row.beta(names[0]),
            parameters={**tallied, **row.fixed},
            values=np.array(values),
        )


# --- the answer -----------------------------------------------------------------------------------


def _identified(
    batch: Batch, objective: Objective, asked: _Asked, engine: Engine, checkpoint: Checkpoint
) -> tuple[Identification, list[dict[str, str]]]:
    """Tally the batch with every loss, look for the number, and say which losses were left out.

    Raises
    ------
    LossInputError
        What POST /loss refuses as well, or sizes that do not add up.
    """
    if asked.sizes is not None and sum(asked.sizes) != batch.size:
        fault = Fault(("batch_sizes",), f"does not add up to {batch.size}, the samples of x")
        raise refusal(ShapeMismatch, fault)
    objectives = readings(objective)
    first, *others = objectives
    tallies = {first: engine(batch, objective, checkpoint)}
    report(batch, tallies[first], objective)  # refuses what overflows
    without_latents = replace(batch, mu=None, logvar=None)  # whose term is in the first tally
    skipped = []
    for reading in others:
        try:
            tallies[reading] = engine(without_latents, objectives[reading], checkpoint)
        except LossInputError as error:
            if reading.constant is None:
                skipped.append({"loss": reading.loss, "reason": error.detail})
    checkpoint()
    real = measure(batch, tallies, objective, asked.sizes)
    measurements = (*real, made_up(real[0], objective, weighted=batch.sample_weight is not None))
    checkpoint()
    question = Question(objective, asked.observed, asked.rtol)
    return identify(question, measurements, _known(measurements, objectives), _WEIGHTS), skipped


def _formula(formula: Formula) -> dict[str, Any]:
    """Lay out one formula."""
    return {
        "term": formula.term,
        "loss": formula.loss,
        "parameters": dict(formula.parameters),
        "constant": formula.constant,
        "variant": formula.variant,
        "factor": formula.factor,
        "beta": formula.beta,
        "formula": formula.text,
        "conventions": [{"id": use.id, "when": use.when} for use in formula.conventions],
        "used_by": [] if formula.loss is None else list(used_by(formula.loss, formula.variant)),
    }


def answer(  # noqa: PLR0913 - what there is to know
    body: Body,
    source: Format,
    target: Format,
    *,
    engine: Engine = run,
    sizes: Sizes = ANY_SIZE,
    checkpoint: Checkpoint = go_on,
    **circumstances: Any,  # noqa: ANN401 - each decoder takes what it names
) -> bytes:
    """Answer a body: everything between reading and sending, in one thread.

    Parameters
    ----------
    body
        The request's, whole.
    source, target
        Its format, and that of the answer.
    engine, sizes, checkpoint, **circumstances
        As `app.api.loss.answer` takes them.

    Raises
    ------
    DecodeError, LossInputError, RefusedError
        What is wrong with it.
    """
    submission = source.decode(body, FIELDS | {*_OWN}, checkpoint=checkpoint, **circumstances)
    with submission.checked():
        sizes.check_arrays(submission.arrays)
        batch = Batch.of(submission.arrays)
        asked = _asked(submission.options)
        options = Options.of({name: value for name, value in submission.options.items() if name not in _OWN})
        found, skipped = _identified(batch, options.objective(), asked, engine, checkpoint)
    summary = {
        "verdict": {"code": found.verdict.code, "detail": found.verdict.detail},
        "rtol": asked.rtol,
        "candidates": found.candidates,
        "expected_by_chance": found.expected_by_chance,
        "explanation_count": found.explanation_count,
        "explanations": [
            {
                **_formula(one.formula),
                "value": list(one.values) if asked.is_list else one.values[0],
                "relative_error": one.relative_error,
                "expected_by_chance": one.expected_by_chance,
                "ambiguous_with": [_formula(formula) for formula in one.ambiguous_with],
                "ambiguous_count": one.ambiguous_count,
            }
            for one in found.explanations
        ],
        "skipped": skipped,
    }
    assert target.encode is not None  # noqa: S101 - negotiation gives no other
    return target.encode(Reply(summary, {}))


_EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "tiny": {
        "summary": "A number that can be found in the head",
        "description": "The mean of the squared errors is 3 and the KL divergence 1.5: 4.5 is their sum, Version 2 of"
        " the question with a KL term that is summed over the latents.",
        "value": {**REQUESTS["tiny"]["value"], "observed": 4.5},
    },
    "several": {
        "summary": "Two batches of unequal size",
        "description": "With one sample a sum over the batch is a mean. The second batch, of two samples, tells the two"
        " apart: everything is summed.",
        "value": {
            "x": [[1, 2, 3], [4, 5, 6], [0, 1, 0]],
            "y": [[2, 1, 1], [2, 3, 4], [0, 0, 0]],
            "observed": [6, 13],
            "batch_sizes": [1, 2],
        },
    },
    "digits": {
        "summary": "Four digits of somebody's log, for handwritten digits",
        "description": "Printed as 32.57, so half a unit of the last digit is 1.6e-4 of it. None of the variants of the"
        " squared error that was asked about is near; it is a binary cross-entropy with a KL term, both summed over"
        " their features.",
        "value": {**REQUESTS["digits"]["value"], "observed": 32.57, "rtol": 1.6e-4},
    },
}


def router(limits: Mapping[str, Any], capacity: Capacity, collector: Collector) -> APIRouter:
    """Make the route.

    Parameters
    ----------
    limits
        What `answer` is told of the limits of bodies.
    capacity
        Lets so many requests be decoded, computed and written at once; of the others some wait.
    collector
        How bodies are taken in.
    """
    made = APIRouter(tags=["loss"], route_class=DirectRoute)

    async def identify_loss(request: Request) -> Response:
        return await exchanged(request, answer, limits, capacity, collector)

    made.add_api_route(
        "/loss/identify",
        identify_loss,
        methods=["POST"],
        operation_id="identify",
        summary="Which loss gives this number",
        description=_DESCRIPTION.strip(),
        response_model=IdentifyAnswer,
        response_description="The formulas that give it, and what the match is worth.",
        responses={200: {"content": ANSWER_CONTENT}, **refusals(400, 406, 408, 413, 415, 422, 503)},
        openapi_extra={
            "parameters": query_of({**OPTION_SCHEMAS, **PROPERTIES}),
            "requestBody": {
                "required": True,
                "description": "The batch, and the number that was observed.",
                "content": content_of("IdentifyRequest", "IdentifyForm", _EXAMPLES),
            },
        },
    )
    return made

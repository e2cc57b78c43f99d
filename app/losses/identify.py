"""Which loss gives a number that somebody's code printed? Every candidate is tried, and coincidences are counted.

A candidate is a formula of the few numbers that a batch leaves: ``factor * (R a + weight * K b)``, where R is the
``sum_mean`` of one of the losses, K that of the divergence, a and b are reductions, and factor and weight are well
known: 1/2, D, 1 / ln 2 ...  Two questions decide what a match is worth, and both are answered with numbers:

- *Could it be chance?* Thousands of candidates are tried, so some lie near any number. How many are to be expected
  within `rtol` follows from how densely their logarithms lie around the observed one; see `_Chance`.
- *Is it told apart?* With one sample a sum over the batch is a mean. Whether two candidates that are one number here
  are one formula in other words (D times a mean is a sum), or only agree in this batch, is seen in a *made-up* batch
  with odd sizes and terms, in which every candidate is worked out beside the real ones: there, only the former agree.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from app.losses.arrays import Array
from app.losses.batch import Batch
from app.losses.elementwise import LOSSES
from app.losses.errors import Fault, OutOfDomain
from app.losses.objective import Objective
from app.losses.reduction import TERM_REDUCTIONS
from app.losses.refusals import refusal
from app.losses.summation import batch_sum
from app.losses.tally import Tally, Term

__all__ = [
    "MOST_EXPLANATIONS",
    "Explanation",
    "Formula",
    "Identification",
    "Known",
    "Measurement",
    "Question",
    "Reading",
    "Sizes",
    "Use",
    "Verdict",
    "gaussian_nll",
    "identify",
    "made_up",
    "measure",
    "readings",
]

MOST_EXPLANATIONS: Final = 50
"""How many explanations are listed, and how many formulas beside one of them; more are only counted."""

SAME: Final = 1e-12
"""Up to this relative error a match is exact: it is within what rounding does to a few sums."""

_SINGLE: Final = 1e-6  # what single precision leaves of a sum
_LIKELY_CHANCE: Final = 0.1  # from so many candidates expected by chance on, a match is called a coincidence
_HARDLY_ANY: Final = 0.001
_GAP: Final = 1e-11  # between projected logarithms of candidates that are not the same number
_LOG_OF_ZERO: Final = -800.0  # the least double has -744.4
_LOG_OF_MINUS: Final = 41.3
_NEARLY_AS_SIMPLE: Final = 1  # what a formula may cost more than another and still be as good a reading

WITHOUT_LOG_2_PI: Final = "without log(2 pi)"
WITH_FACTORIAL: Final = "with log(x!) by Stirling's formula"


@dataclass(frozen=True, slots=True)
class Reading:
    """A loss, and what a framework leaves out of it or puts in: None, or a word on the constant."""

    loss: str
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a batch is: N, W (N without weights), the feature axes, and the latent axes or None."""

    samples: int
    weight: float
    features: tuple[int, ...]
    latents: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is known of a batch: its sizes, and as ``sum_mean`` R of each reading and K; K is None without latents."""

    sizes: Sizes
    reconstructions: Mapping[Reading, float]
    kl: float | None


@dataclass(frozen=True, slots=True)
class Use:
    """A convention that gives a number, and in which setting; None where it has only one."""

    id: str
    when: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A formula that is known from real code: ``scale * R + kl_scale * K + constant``.

    Attributes
    ----------
    use
        Whose.
    loss
        Its loss; None if it has only a KL term.
    reconstruction, kl
        How it reduces each term; None for a term that it does not have.
    factor, text
        What multiplies its reconstruction term, and the whole formula, in words.
    beta
        The weight of its KL term, which may depend on the batch, over `factor`; None without both terms.
    parameters
        Of its loss.
    values
        What it gives for each measurement, shape (B + 1,), the made-up one included.
    """

    use: Use
    loss: str | None
    reconstruction: str | None
    kl: str | None
    factor: str
    text: str
    beta: float | None
    parameters: Mapping[str, float]
    values: Array


@dataclass(frozen=True, slots=True)
class Question:
    """What was observed under what was asked for.

    Attributes
    ----------
    asked
        The loss, its parameters and beta that the caller believes in: the simplest explanation.
    observed
        One number for each batch, finite.
    rtol
        Largest relative error of an explanation, at least `SAME`.
    """

    asked: Objective
    observed: tuple[float, ...]
    rtol: float


@dataclass(frozen=True, slots=True)
class Formula:
    """One way to reduce a loss to a number.

    Attributes
    ----------
    term
        Which term it holds, or both.
    loss
        Name of the loss; None for a KL term alone.
    parameters
        The loss's parameters.
    constant
        What is left out of the loss or put in; mostly None.
    variant
        Id of the reduction: of a term, or of a total.
    factor
        What everything is multiplied with, in symbols: ``"1/D"``.
    beta
        Weight of the KL term beside a reconstruction term of weight 1; None without both terms.
    text
        All of it: ``1/D * (sum_mean(squared_error) + 4 * sum_mean(kl))``.
    conventions
        Who computes just this.
    """

    term: Literal["total", "reconstruction", "kl"]
    loss: str | None
    parameters: Mapping[str, float]
    constant: str | None
    variant: str
    factor: str
    beta: float | None
    text: str
    conventions: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A number near the observed one, and the formulas that give it.

    Attributes
    ----------
    formula
        The simplest.
    values
        What it gives for each batch.
    relative_error
        The largest over the batches.
    expected_by_chance
        How many candidates as simple as this one, or simpler, are to be expected within `rtol` of any number.
    ambiguous_with
        Other formulas that are the same number for these batches, but not for others; the simplest of them.
    ambiguous_count
        How many of them there are.
    """

    formula: Formula
    values: tuple[float, ...]
    relative_error: float
    expected_by_chance: float
    ambiguous_with: tuple[Formula, ...]
    ambiguous_count: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to make of the explanations: a stable code, and a sentence or two."""

    code: Literal["none", "unique", "ambiguous", "coincidence_likely"]
    detail: str


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer.

    Attributes
    ----------
    verdict
        In words.
    candidates
        How many different numbers were tried.
    expected_by_chance
        How many of them are to be expected within `rtol` of any number of this magnitude.
    explanation_count
        How many lie there.
    explanations
        The first of them: best digits first, then the simplest, then the nearest.
    """

    verdict: Verdict
    candidates: int
    expected_by_chance: float
    explanation_count: int
    explanations: tuple[Explanation, ...]


# --- what a batch leaves --------------------------------------------------------------------------


_PLAIN_NLL: Final = Reading("gaussian_nll", WITHOUT_LOG_2_PI)


@np.errstate(all="ignore")
def _poisson_nll_with_factorial(x: Array, y: Array) -> Array:
    """Compute y - x log(y) and, where x > 1, Stirling's x log(x) - x + log(2 pi x) / 2: PyTorch's ``full=True``."""
    value = LOSSES["poisson_nll"].value(x, y)
    many = np.maximum(x, 1.0)
    stirling = many * np.log(many) - many + 0.5 * np.log(math.tau * many)
    return np.add(value, np.where(x > 1.0, stirling, 0.0))


def readings(asked: Objective) -> Mapping[Reading, Objective]:
    """Return everything that a batch is to be tallied with, the loss that was asked for first.

    The others have their default parameters, save for one that the caller has given (`delta`, for both who have it).
    """
    wanted = {Reading(asked.loss.name): asked}
    for name, row in LOSSES.items():
        given = {own: value for own, value in asked.parameters.items() if own in row.parameters}
        wanted.setdefault(Reading(name), Objective.of(name, beta=asked.beta, **given))
    row = replace(LOSSES["poisson_nll"], value=_poisson_nll_with_factorial)
    wanted[Reading(row.name, WITH_FACTORIAL)] = Objective(row, {}, asked.beta)
    return wanted


def measure(
    batch: Batch, tallies: Mapping[Reading, Tally], asked: Objective, sizes: Sequence[int] | None = None
) -> tuple[Measurement, ...]:
    """Read off the tallies what every formula needs.

    Parameters
    ----------
    batch
        What was tallied.
    tallies
        By reading (those of `readings` that the batch allows), the one that was asked for first: it has the KL term.
    asked
        The loss that was asked for.
    sizes
        If the arrays are several batches one after the other: the number of samples of each; they add up to N.

    Raises
    ------
    OutOfDomain
        All samples of one of the batches have the weight 0.
    """
    ends = np.cumsum(sizes or [batch.size])
    return tuple(
        _measured(batch, tallies, asked, slice(int(end - count), int(end)))
        for count, end in zip(sizes or [batch.size], ends, strict=True)
    )


@np.errstate(all="ignore")  # what overflows is no candidate
def _measured(batch: Batch, tallies: Mapping[Reading, Tally], asked: Objective, part: slice) -> Measurement:
    """Measure some consecutive samples."""
    all_weights = batch.weights()
    weight = None if all_weights is None else all_weights[part]
    samples = part.stop - part.start
    total = float(samples) if weight is None else batch_sum(weight, np.zeros_like(weight)).value
    if total == 0:
        detail = f"holds only zeros for the samples {part.start} to {part.stop - 1}, which are a batch of their own"
        raise refusal(OutOfDomain, Fault(("sample_weight", part.start), detail))

    def mean(term: Term) -> float:
        return batch_sum(term.hi[part], term.lo[part], weight).value / total

    found = {reading: mean(tally.reconstruction) for reading, tally in tallies.items()}
    squared = found.get(Reading("squared_error"))
    if squared is not None:
        variance = asked.parameters.get("variance", 1.0)
        found[_PLAIN_NLL] = gaussian_nll(squared, variance, batch.feature_count, 0.0)
    divergence = next(iter(tallies.values())).divergence
    return Measurement(
        sizes=Sizes(samples, math.ldexp(total, batch.weight_exponent), batch.feature_shape, batch.latent_shape),
        reconstructions=found,
        kl=None if divergence is None else mean(divergence),
    )


def gaussian_nll(squared_error: float, variance: float, features: int, constant: float = math.log(math.tau)) -> float:
    """Turn squared errors, as ``sum_mean``, into the loss of this name; `constant` is log(2 pi), or 0 without it."""
    return 0.5 * (squared_error / variance + features * (math.log(variance) + constant))


_MADE_UP_BETA: Final = 0.7193


def made_up(real: Measurement, asked: Objective, *, weighted: bool) -> Measurement:
    """Make up a batch in which only those formulas agree that always do.

    It has the axes of a real one with other lengths, and terms of which none follows from another but by definition.
    Parameters are those of the real one: huber and smooth_l1 with a delta of 1 are the same.
    """
    sizes = real.sizes
    features = tuple(101 + 2 * axis for axis in range(max(1, len(sizes.features))))
    latents = None if sizes.latents is None else tuple(43 + 2 * axis for axis in range(max(1, len(sizes.latents))))
    delta, variance = (asked.parameters.get(name, 1.0) for name in ("delta", "variance"))
    found = {Reading(name): 7.0 + math.sqrt(place + 2) for place, name in enumerate(LOSSES)}
    squared = found[Reading("squared_error")]
    found[Reading("half_squared_error")] = 0.5 * squared
    found[Reading("huber")] = delta * found[Reading("smooth_l1")]
    found[Reading("gaussian_nll")] = gaussian_nll(squared, variance, math.prod(features))
    found[_PLAIN_NLL] = gaussian_nll(squared, variance, math.prod(features), 0.0)
    found[Reading("poisson_nll", WITH_FACTORIAL)] = 5.0 + math.sqrt(3.0)
    return Measurement(
        sizes=Sizes(61, 83.7 if weighted else 61.0, features, latents),
        reconstructions={reading: found[reading] for reading in real.reconstructions},
        kl=None if real.kl is None else math.sqrt(19.0),
    )


# --- candidates -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A candidate before its factor.

    Attributes
    ----------
    reading, reconstruction, kl, beta
        What is reduced, how, and the weight of the KL term.
    cost
        How complicated it is; a variant of the loss that was asked for costs nothing.
    values
        For each measurement, (B + 1,).
    is_narrow
        Whether it is tried without factors, but for the sign.
    is_root
        Whether it is a square root.
    known
        The convention that it is, or None.
    """

    reading: Reading | None
    reconstruction: str | None
    kl: str | None
    beta: float | None
    cost: int
    values: Array
    is_narrow: bool = False
    is_root: bool = False
    known: Known | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Factor:
    """A factor in words, what it costs, and its value for each measurement, (B + 1,)."""

    text: str
    cost: int
    values: Array


def _reductions(measurements: Sequence[Measurement], counts: Sequence[int]) -> dict[str, Array]:
    """Return each reduction of a term as a multiple of its ``sum_mean``, (B + 1,), given D or L of each measurement."""
    weight = np.array([one.sizes.weight for one in measurements])
    count = np.array(counts, dtype=float)
    return dict(zip(TERM_REDUCTIONS, (np.ones_like(weight), 1 / count, weight, weight / count), strict=True))


def _forms(
    asked: Objective, measurements: Sequence[Measurement], known: Iterable[Known], weights: Iterable[float]
) -> Iterator[_Form]:
    """List every candidate before its factor; at equal cost, those of the loss that was asked for come first."""
    a = _reductions(measurements, [math.prod(one.sizes.features) for one in measurements])
    kls = {}
    if measurements[0].kl is not None:
        b = _reductions(measurements, [math.prod(one.sizes.latents or ()) for one in measurements])
        divergence = np.array([one.kl for one in measurements], dtype=float)
        kls = {way: divergence * b[way] for way in TERM_REDUCTIONS}
    given = np.full(len(measurements), asked.beta)
    given[-1] = _MADE_UP_BETA
    further = [(weight, 1 if weight == 1 else 3) for weight in (1.0, *weights) if weight != asked.beta]
    further = list(dict(further).items())
    for reading in measurements[0].reconstructions:
        cost = (0 if reading.loss == asked.loss.name else 2) + (0 if reading.constant is None else 1)
        total = np.array([one.reconstructions[reading] for one in measurements])
        for way in TERM_REDUCTIONS:
            term = total * a[way]
            for kl, reduced in kls.items():
                yield _Form(reading, way, kl, asked.beta, cost, term + given * reduced)
                for weight, more in further:
                    value = term + weight * reduced
                    yield _Form(reading, way, kl, weight, cost + more, value, is_narrow=weight != 1)
            yield _Form(reading, way, None, None, cost + bool(kls), term)
        if reading.loss == "squared_error":
            yield _Form(reading, "mean_mean", None, None, cost + 2, np.sqrt(total * a["mean_mean"]), is_root=True)
    for kl, reduced in kls.items():
        yield _Form(None, None, kl, None, 1, reduced)
    for row in known:
        cost = 2 if row.loss in (asked.loss.name, None) else 3
        own = None if row.loss is None else Reading(row.loss)
        yield _Form(own, row.reconstruction, row.kl, row.beta, cost, row.values, is_narrow=True, known=row)


def _factors(measurements: Sequence[Measurement]) -> list[_Factor]:
    """List the known factors with both signs, 1 and -1 first; symbols that are 1 here are left out."""
    sizes = [one.sizes for one in measurements]
    features = np.array([math.prod(one.features) for one in sizes], dtype=float)
    ones = np.ones_like(features)
    symbols: dict[str, tuple[int, Array]] = {
        "D": (2, features),
        "N": (2, np.array([one.samples for one in sizes], dtype=float)),
    }
    if sizes[0].latents is not None:
        symbols["L"] = (2, np.array([math.prod(one.latents or ()) for one in sizes], dtype=float))
    if len(sizes[0].features) > 1:
        symbols["C"] = (3, np.array([one.features[-1] for one in sizes], dtype=float))
    symbols |= {"2": (2, 2 * ones), "4": (3, 4 * ones), "255": (3, 255 * ones), "255^2": (3, 255**2 * ones)}
    found = [_Factor("1", 0, ones)]
    for text, (cost, values) in symbols.items():
        if not (values[:-1] == 1).all():
            found += [_Factor(text, cost, values), _Factor(f"1/{text}", cost, 1 / values)]
    found.append(_Factor("1/ln 2", 2, ones / math.log(2)))
    if not (features[:-1] == 1).all():
        found.append(_Factor("1/(D ln 2)", 3, 1 / (features * math.log(2))))
    return [
        signed for one in found for signed in (one, _Factor(f"-{one.text}", one.cost + 1, -one.values))
    ]  # the sign: an ELBO where a loss is its negative


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """All M candidates with finite values.

    Attributes
    ----------
    forms, factors
        What they are made of.
    form, factor
        Which form and which factor each one has, (M,).
    cost
        How complicated it is, (M,).
    values
        (M, B + 1): for the real batches, and for the one that is made up.
    number, formula_number
        Candidates that are the same number for the real batches have the same `number`, (M,), and those that are the
        same for the made-up one the same `formula_number`.
    """

    forms: Sequence[_Form]
    factors: Sequence[_Factor]
    form: NDArray[np.intp]
    factor: NDArray[np.intp]
    cost: NDArray[np.intp]
    values: Array
    number: NDArray[np.intp]
    formula_number: NDArray[np.intp]

    @classmethod
    def of(cls, forms: Sequence[_Form], factors: Sequence[_Factor]) -> "_Candidates":
        """Multiply forms by factors."""
        narrow = np.array([form.is_narrow for form in forms])
        tried = ~narrow[:, np.newaxis] | (np.arange(len(factors)) < 2)  # noqa: PLR2004 - 1 and -1
        form, factor = np.nonzero(tried)
        form_costs = np.array([one.cost for one in forms])
        factor_costs = np.array([one.cost for one in factors])
        with np.errstate(all="ignore"):
            values = np.array([one.values for one in forms])[form] * np.array([one.values for one in factors])[factor]
        finite = np.isfinite(values).all(axis=1)
        form, factor = form[finite], factor[finite]
        values = values[finite]
        return cls(
            forms=forms,
            factors=factors,
            form=form,
            factor=factor,
            cost=form_costs[form] + factor_costs[factor],
            values=values + 0.0,  # no -0.0
            number=_numbered(values[:, :-1]),
            formula_number=_numbered(values[:, -1:]),
        )

    def is_known(self, place: int) -> bool:
        """Tell whether one of them is the formula of a convention."""
        return self.forms[self.form[place]].known is not None

    def formula(self, place: int, asked: Objective, conventions: Iterable[Use]) -> Formula:
        """Write one of them out."""
        form, factor = self.forms[self.form[place]], self.factors[self.factor[place]]
        term: Literal["total", "reconstruction", "kl"] = "total"
        if form.kl is None or form.reconstruction is None:
            term = "kl" if form.reconstruction is None else "reconstruction"
        defaults = {} if form.reading is None else LOSSES[form.reading.loss].parameters
        parameters = {name: asked.parameters.get(name, default) for name, default in defaults.items()}
        written = factor.text
        if form.known is not None:
            written = f"-{form.known.factor}" if factor.text == "-1" else form.known.factor
        return Formula(
            term=term,
            loss=None if form.reading is None else form.reading.loss,
            parameters=parameters if form.known is None else form.known.parameters,
            constant=None if form.reading is None else form.reading.constant,
            variant="+".join(way for way in (form.reconstruction, form.kl) if way is not None),
            factor=written,
            beta=form.beta,
            text=_times(factor.text, _text(form)),
            conventions=tuple(dict.fromkeys(conventions)),
        )


def _logarithms(values: Array) -> Array:
    """Take logarithms of magnitudes; that of 0 is below all others."""
    magnitudes = np.abs(values)
    return np.log(magnitudes, out=np.full_like(magnitudes, _LOG_OF_ZERO), where=magnitudes > 0)


def _numbered(values: Array) -> NDArray[np.intp]:
    """Give each row of (M, B) a number from 0 on, (M,), the same to rows that agree.

    A row is brought down to one number, a sum of logarithms with weights that are no simple fractions of each other;
    sorted, rows that agree are neighbours with hardly a gap.
    """
    weights = np.sqrt(np.arange(values.shape[1]) + 2.0)
    projected = (_logarithms(values) + _LOG_OF_MINUS * (values < 0)) @ weights
    order = np.argsort(projected)
    numbers = np.empty(len(values), dtype=np.intp)
    numbers[order] = np.cumsum(np.diff(projected[order], prepend=-np.inf) > _GAP) - 1
    return numbers


def _text(form: _Form) -> str:
    """Write a form out."""
    if form.known is not None:
        return form.known.text
    parts = []
    if form.reading is not None:
        inside = " ".join(word for word in (form.reading.loss, form.reading.constant) if word is not None)
        parts.append(f"{form.reconstruction}({inside})")
    if form.kl is not None:
        weight = "" if form.beta is None or form.beta == 1 else f"{form.beta:.15g} * "
        parts.append(f"{weight}{form.kl}(kl)")
    text = " + ".join(parts)
    return f"sqrt({text})" if form.is_root else text


def _times(factor: str, text: str) -> str:
    """Put a factor before a formula."""
    if factor == "1":
        return text
    inside = f"({text})" if " + " in text else text
    return f"-{inside}" if factor == "-1" else f"{factor} * {inside}"


# --- chance ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Chance:
    """How many candidates lie near any number of the observed magnitude.

    The logarithms of the different values of the observed sign are taken for a random scatter. Its density at the
    observed number is estimated from those within a factor e of it, or from the ten nearest where that is too few; the
    matches themselves are left out, for they may be there for a reason. The expected number of matches is the density
    times the length of the interval that `rtol` allows. Of several batches the least of their estimates is taken: more
    cannot be expected to fit them all. For an observed 0, which only an exact 0 matches, it is 0.
    """

    distances: tuple[Array, ...]
    cost: NDArray[np.intp]
    length: float
    count: int

    _NEAREST = 10
    _REACH = 1.0

    @classmethod
    def of(cls, candidates: _Candidates, question: Question) -> "_Chance":
        """Look at the values for the real batches, different ones only, each at its least cost."""
        order = np.argsort(candidates.cost, kind="stable")
        _, first = np.unique(candidates.number[order], return_index=True)
        some = order[first]
        values = candidates.values[some, :-1]
        distances = tuple(
            np.where(
                np.sign(values[:, column]) == np.sign(number),
                np.abs(_logarithms(values[:, column]) - math.log(abs(number))),
                np.inf,
            )
            for column, number in enumerate(question.observed)
            if number
        )
        length = math.log1p(question.rtol) - math.log1p(-question.rtol)
        return cls(distances, candidates.cost[some], length, len(first))

    def expected(self, most: int | None = None) -> float:
        """Estimate how many candidates are to be expected, of those that cost at most so much or of all."""
        some = np.ones_like(self.cost, dtype=bool) if most is None else self.cost <= most
        return min((self._expected(distances[some]) for distances in self.distances), default=0.0)

    def _expected(self, distances: Array) -> float:
        """Estimate it for one batch."""
        near = np.sort(distances[(distances > self.length / 2) & np.isfinite(distances)])
        if near.size == 0:
            return 0.0
        reach = max(self._REACH, float(near[min(self._NEAREST, near.size) - 1]))
        return float(np.count_nonzero(near <= reach) * self.length / (2 * reach - self.length))


# --- the answer -----------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Group:
    """Matches that are one number for the real batches: one for each formula, the simplest first.

    Attributes
    ----------
    places
        The candidates.
    spoken
        The same formulas as they are written: in general terms where there is a choice.
    uses
        Who computes each.
    """

    places: list[int] = field(default_factory=list)
    spoken: list[int] = field(default_factory=list)
    uses: list[list[Use]] = field(default_factory=list)


def identify(
    question: Question, measurements: Sequence[Measurement], known: Iterable[Known] = (), weights: Iterable[float] = ()
) -> Identification:
    """Find the formulas that give what was observed.

    Parameters
    ----------
    question
        What was observed.
    measurements
        Of each batch, and `made_up` at the end.
    known
        What real code computes.
    weights
        Weights of the KL term, beside the one that was asked for and 1, to try with every variant.
    """
    forms = list(_forms(question.asked, measurements, known, weights))
    candidates = _Candidates.of(forms, _factors(measurements))
    chance = _Chance.of(candidates, question)
    errors = _errors(candidates.values[:, :-1], np.array(question.observed))
    matches = np.flatnonzero(errors <= question.rtol)
    digits = np.searchsorted([SAME, _SINGLE], errors[matches])
    order = np.lexsort((np.where(digits > 0, errors[matches], 0.0), candidates.cost[matches], digits))
    groups = _grouped(candidates, matches[order])
    ranks = dict(
        zip(matches.tolist(), zip(digits.tolist(), candidates.cost[matches].tolist(), strict=True), strict=True)
    )
    costs = {int(candidates.cost[group.places[0]]) for group in groups[:MOST_EXPLANATIONS]}
    expected = {cost: chance.expected(cost) for cost in costs}
    explanations = []
    for group in groups[:MOST_EXPLANATIONS]:
        place = group.places[0]
        first, *others = _written(candidates, group, question.asked)
        found = Explanation(
            formula=first,
            values=tuple(candidates.values[place, :-1].tolist()),
            relative_error=float(errors[place]),
            expected_by_chance=expected[int(candidates.cost[place])],
            ambiguous_with=tuple(others),
            ambiguous_count=len(group.places) - 1,
        )
        explanations.append(found)
    return Identification(
        verdict=_verdict(explanations, groups, ranks, question),
        candidates=chance.count,
        expected_by_chance=chance.expected(),
        explanation_count=len(groups),
        explanations=tuple(explanations),
    )


@np.errstate(all="ignore")
def _errors(values: Array, observed: Array) -> Array:
    """Return the largest relative error over the batches, (M,); of an observed 0 it is 0 or infinite."""
    errors = np.abs(values - observed) / np.abs(observed)
    largest: Array = np.max(np.where(observed == 0, np.where(values == 0, 0.0, np.inf), errors), axis=1)
    return largest


def _grouped(candidates: _Candidates, ranked: NDArray[np.intp]) -> list[_Group]:
    """Put matches together that are the same number, and drop those that are the same formula in other words.

    What a convention computes counts as the variant of its loss that it is, if that is the same number here: 1/C of a
    sum where C = 1.
    """
    groups: dict[int, _Group] = {}
    seen: dict[tuple[object, ...], int] = {}
    for place in ranked.tolist():
        form = candidates.forms[candidates.form[place]]
        number, formula = int(candidates.number[place]), int(candidates.formula_number[place])
        variant = (number, form.reading, form.reconstruction, form.kl)
        uses = [] if form.known is None else [form.known.use]
        group = groups.setdefault(number, _Group())
        same = seen.get((number, formula))
        if same is not None and form.known is None and candidates.is_known(group.spoken[same]):
            group.spoken[same] = place
        if same is None and form.known is not None:
            same = seen.get(variant)
        if same is None:
            same = len(group.places)
            group.places.append(place)
            group.spoken.append(place)
            group.uses.append([])
        group.uses[same] += uses
        seen.setdefault((number, formula), same)
        seen.setdefault(variant, same)
    return list(groups.values())


def _written(candidates: _Candidates, group: _Group, asked: Objective) -> tuple[Formula, ...]:
    """Write the formulas of a group out, as many as are shown."""
    both = list(zip(group.spoken, group.uses, strict=True))[: MOST_EXPLANATIONS + 1]
    return tuple(candidates.formula(place, asked, uses) for place, uses in both)


def _verdict(
    explanations: Sequence[Explanation],
    groups: Sequence[_Group],
    ranks: Mapping[int, tuple[int, int]],
    question: Question,
) -> Verdict:
    """Say what to make of it; `ranks` holds for each match in which class its digits are, and what it costs."""
    if not explanations:
        return Verdict(
            "none",
            f"No candidate lies within {question.rtol:.3g} of what was observed, relatively. A number that was printed"
            " with few digits needs a larger rtol: half a unit of its last digit, over the number.",
        )
    best, places = explanations[0], groups[0].places
    unlikely = len(groups) - 1
    lie = "1 less likely number lies" if unlikely == 1 else f"{unlikely} less likely numbers lie"
    others = f" {lie} there too." if unlikely else ""
    if best.expected_by_chance >= _LIKELY_CHANCE:
        return Verdict(
            "coincidence_likely",
            f"The best of {len(groups)} is {best.formula.text}, but about {best.expected_by_chance:.2g} candidates as"
            " simple as that are to be expected so near any number: more digits and a smaller rtol, or more batches,"
            " would tell.",
        )
    twins = sum(ranks[place][1] <= ranks[places[0]][1] + _NEARLY_AS_SIMPLE for place in places[1:])
    if twins:
        more = f" and {twins - 1} more" if twins > 1 else ""
        return Verdict(
            "ambiguous",
            f"It is {best.formula.text}, which here is the same number as {best.ambiguous_with[0].text}{more}; another"
            f" batch would tell them apart.{others}",
        )
    rivals = sum(ranks[group.places[0]] <= ranks[places[0]] for group in groups[1:])
    if rivals:
        return Verdict(
            "ambiguous",
            f"It is {best.formula.text}, or one of {rivals} further numbers that are as simple and as near: more"
            " digits and a smaller rtol, or more batches, would tell.",
        )
    return Verdict(
        "unique",
        f"It is {best.formula.text}. {_few(best.expected_by_chance)} candidates as simple as that would lie so near by"
        f" chance.{others}",
    )


def _few(expected: float) -> str:
    """Say a small number at the beginning of a sentence."""
    return f"About {expected:.1g}" if expected >= _HARDLY_ANY else f"Fewer than {_HARDLY_ANY:g}"

"""From a number back to what computed it: nothing is missed, twins are named, and chance is counted honestly."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engines import local
from app.losses import LOSSES, Batch, LossInputError, Objective, OutOfDomain
from app.losses.identify import (
    MOST_EXPLANATIONS,
    WITH_FACTORIAL,
    WITHOUT_LOG_2_PI,
    Explanation,
    Formula,
    Identification,
    Known,
    Measurement,
    Question,
    Reading,
    Use,
    identify,
    made_up,
    measure,
    readings,
)
from tests.batches import a_batch, batches
from tests.losses.cases import Arrays, arrays_for, every_loss, reported

WEIGHTS: Final = (1.0, 0.00025, 0.1, 4.0)

#: What the arrays of `arrays_for` look like, by a name.
SHAPES: Final[dict[str, dict[str, object]]] = {
    "plain": {"latents": None},
    "latents": {},
    "weighted": {"weighted": True},
    "image": {"features": (4, 5, 3), "latents": (2, 3), "samples": 7},
    "one sample": {"samples": 1},
    "one feature": {"features": ()},
    "one latent": {"latents": (1,)},
    "one of all": {"samples": 1, "features": (1,), "latents": (1,)},
}


def measured(
    arrays: Arrays, loss: str = "squared_error", sizes: Sequence[int] | None = None, **options: float
) -> tuple[Objective, tuple[Measurement, ...]]:
    """Measure a batch with every loss that it allows, as the service does, and make one up."""
    batch, asked = Batch.of(arrays), Objective.of(loss, **options)
    tallies: dict[Reading, Any] = {}
    for reading, objective in readings(asked).items():
        try:
            tallies[reading] = local.run(replace(batch, mu=None, logvar=None) if tallies else batch, objective)
        except LossInputError:
            assert tallies
    real = measure(batch, tallies, asked, sizes)
    return asked, (*real, made_up(real[0], asked, weighted=batch.sample_weight is not None))


def identified(
    arrays: Arrays,
    *observed: float,
    rtol: float = 1e-9,
    loss: str = "squared_error",
    sizes: Sequence[int] | None = None,
    known: Sequence[Known] = (),
    **options: float,
) -> Identification:
    """Ask what a number is."""
    asked, measurements = measured(arrays, loss, sizes, **options)
    return identify(Question(asked, observed, rtol), measurements, known, WEIGHTS)


def same_number(explanation: Explanation) -> list[Formula]:
    """Return everything that an explanation offers."""
    return [explanation.formula, *explanation.ambiguous_with]


# --- nothing is missed ----------------------------------------------------------------------------


@every_loss
@pytest.mark.parametrize("shape", SHAPES)
def test_every_variant_is_found_first_from_its_own_number(loss: str, shape: str) -> None:
    arrays = arrays_for(loss, **SHAPES[shape])  # type: ignore[arg-type]  # keywords by name
    for name, variant in reported(arrays, loss).variants.items():
        first = identified(arrays, variant.total, loss=loss).explanations[0]
        own = [
            one.variant for one in same_number(first) if (one.loss, one.factor, one.beta) == (loss, "1", _beta(name))
        ]
        assert first.formula.loss == loss
        assert first.formula.factor == "1"
        assert name in own
        assert first.relative_error <= 1e-14
        if shape in ("plain", "latents", "weighted", "image"):
            assert own == [name]


def _beta(variant: str) -> float | None:
    return 1.0 if "+" in variant else None


@given(data=st.data(), beta=st.sampled_from([0.0, 0.37, 1.0, 8.0]))
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "binary_cross_entropy", "squared_log_error"])
def test_whatever_the_batch_a_variant_is_among_the_first(loss: str, data: st.DataObject, beta: float) -> None:
    arrays = data.draw(batches(loss))
    try:
        report = reported(arrays, loss, beta=beta)
    except LossInputError:
        return
    name = data.draw(st.sampled_from(sorted(report.variants)))
    first = identified(arrays, report.variants[name].total, loss=loss, beta=beta).explanations[0]
    assert name in [one.variant for one in same_number(first) if (one.loss, one.factor) == (loss, "1")]


@pytest.mark.parametrize("beta", [0.3, 4.0])
def test_beta_is_taken_as_it_is_given_as_one_and_as_in_known_code(beta: float) -> None:
    arrays = arrays_for("squared_error", samples=7)
    terms = reported(arrays).terms
    assert terms.kl is not None
    for weight in {beta, 1.0, 0.00025, 4.0}:
        total = terms.reconstruction["mean_mean"] + weight * terms.kl["sum_mean"]
        found = identified(arrays, total, beta=beta).explanations[0].formula
        assert (found.variant, found.beta, found.factor) == ("mean_mean+sum_mean", weight, "1")


@every_loss
def test_a_term_alone_is_found(loss: str) -> None:
    arrays = arrays_for(loss, samples=7)
    terms = reported(arrays, loss).terms
    assert terms.kl is not None
    for way, value in terms.kl.items():
        found = identified(arrays, value, loss=loss).explanations[0].formula
        assert (found.term, found.loss, found.variant, found.beta) == ("kl", None, way, None)
        assert found.text == f"{way}(kl)"
    for way, value in terms.reconstruction.items():
        found = identified(arrays, value, loss=loss).explanations[0].formula
        assert (found.term, found.loss, found.variant, found.beta) == ("reconstruction", loss, way, None)


N, D, L, C = 7, 60, 11, 3
FACTORS: Final[dict[str, float]] = {
    "1/2": 0.5,
    "2": 2,
    "1/4": 0.25,
    "4": 4,
    "1/N": 1 / N,
    "1/L": 1 / L,
    "L": L,
    "1/C": 1 / C,
    "C": C,
    "1/ln 2": 1 / math.log(2),
    "1/(D ln 2)": 1 / (D * math.log(2)),
    "255": 255,
    "1/255": 1 / 255,
    "255^2": 65025,
    "1/255^2": 1 / 65025,
}


@pytest.mark.parametrize("sign", [1, -1], ids=["", "minus"])
@pytest.mark.parametrize("factor", FACTORS)
def test_a_known_factor_is_found(factor: str, sign: int) -> None:
    arrays = arrays_for("absolute_error", samples=N, features=(4, 5, C), latents=(L,))
    total = reported(arrays, "absolute_error").variants["sum_mean+sum_mean"].total
    first = identified(arrays, sign * FACTORS[factor] * total, loss="absolute_error").explanations[0]
    assert first.formula.factor == ("-" if sign < 0 else "") + factor
    assert first.formula.text == f"{first.formula.factor} * (sum_mean(absolute_error) + sum_mean(kl))"
    assert first.ambiguous_count == 0


def test_a_negative_objective_is_an_elbo() -> None:
    arrays = arrays_for("squared_error")
    total = reported(arrays).variants["sum_mean+sum_mean"].total
    found = identified(arrays, -total).explanations[0].formula
    assert found.text == "-(sum_mean(squared_error) + sum_mean(kl))"


def test_the_root_of_the_mean_squared_error_is_found() -> None:
    arrays = arrays_for("squared_error", latents=None)
    root = math.sqrt(reported(arrays).variants["mean_mean"].total)
    assert identified(arrays, root).explanations[0].formula.text == "sqrt(mean_mean(squared_error))"
    assert identified(arrays, 255 * root).explanations[0].formula.text == "255 * sqrt(mean_mean(squared_error))"


@pytest.mark.parametrize("variance", [1.0, 0.3])
def test_a_gaussian_likelihood_without_its_constant_is_found(variance: float) -> None:
    arrays = arrays_for("gaussian_nll", latents=None)
    e = arrays["x"] - arrays["y"]
    plain = float(np.mean(0.5 * (e**2 / variance + math.log(variance))))
    first = identified(arrays, plain, loss="gaussian_nll", variance=variance).explanations[0]
    found = first.formula
    assert (found.loss, found.constant, found.variant) == ("gaussian_nll", WITHOUT_LOG_2_PI, "mean_mean")
    assert found.parameters == {"variance": variance}
    assert first.ambiguous_count == 0


def test_a_poisson_likelihood_with_stirlings_constant_is_found() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.poisson(5.0, (6, 8)).astype(float), rng.uniform(0.5, 9, (6, 8))
    stirling = [n * math.log(n) - n + 0.5 * math.log(2 * math.pi * n) if n > 1 else 0.0 for n in x.ravel()]
    full = float(np.mean(y - x * np.log(y)) + np.mean(stirling))
    found = identified({"x": x, "y": y}, full).explanations[0].formula
    assert (found.loss, found.constant, found.variant) == ("poisson_nll", WITH_FACTORIAL, "mean_mean")
    assert found.text == f"mean_mean(poisson_nll {WITH_FACTORIAL})"


def test_another_loss_than_the_one_asked_about_is_found() -> None:
    arrays = arrays_for("binary_cross_entropy")
    for loss in LOSSES:
        total = reported(arrays, loss).variants["mean_mean+sum_mean"].total
        first = identified(arrays, total).explanations[0]
        named = "huber" if loss == "smooth_l1" else loss  # they are one formula where delta is 1
        assert (named, "mean_mean+sum_mean", "1") in [(o.loss, o.variant, o.factor) for o in same_number(first)]


def test_a_parameter_counts_for_every_loss_that_has_it() -> None:
    arrays = arrays_for("huber", latents=None)
    total = reported(arrays, "smooth_l1", delta=0.3).variants["sum_mean"].total
    found = identified(arrays, total, loss="huber", delta=0.3).explanations[0].formula
    assert (found.loss, found.parameters) == ("smooth_l1", {"delta": 0.3})


# --- twins are named ------------------------------------------------------------------------------


def twins(arrays: Arrays, variant: str, beta: float = 1.0) -> set[str]:
    """Return the variants of the loss that was asked for that are the same number."""
    total = reported(arrays, beta=beta).variants[variant].total
    found = identified(arrays, total, beta=beta)
    assert found.verdict.code == "ambiguous"
    first = found.explanations[0]
    return {one.variant for one in same_number(first) if (one.loss, one.factor) == ("squared_error", "1")}


@pytest.mark.parametrize(
    ("changes", "variant", "others"),
    [
        ({"samples": 1}, "sum_mean+sum_mean", {"sum_sum+sum_sum", "sum_mean+sum_sum", "sum_sum+sum_mean"}),
        ({"features": (1,)}, "sum_mean+sum_mean", {"mean_mean+sum_mean"}),
        ({"latents": (1,)}, "sum_mean+sum_sum", {"sum_mean+mean_sum"}),
        ({"samples": 1, "latents": None}, "mean_mean", {"mean_sum"}),
        ({"features": (), "latents": None}, "sum_sum", {"mean_sum"}),
    ],
)
def test_what_one_sample_feature_or_latent_cannot_tell_apart_is_named(
    changes: dict[str, object], variant: str, others: set[str]
) -> None:
    assert twins(arrays_for("squared_error", **changes), variant) == {variant, *others}  # type: ignore[arg-type]  # keywords by name


def test_weights_that_sum_up_to_one_make_a_sum_a_mean() -> None:
    arrays = arrays_for("squared_error", samples=4, latents=None) | {
        "sample_weight": np.array([0.5, 0.25, 0.125, 0.125])
    }
    assert twins(arrays, "mean_mean") == {"mean_mean", "mean_sum"}


def test_without_divergence_every_kl_term_is_the_same() -> None:
    arrays = arrays_for("squared_error") | {"mu": np.zeros((6, 3)), "logvar": np.zeros((6, 3))}
    ways = {"sum_mean", "mean_mean", "sum_sum", "mean_sum"}
    assert twins(arrays, "mean_mean+sum_mean") == {"mean_mean", *(f"mean_mean+{way}" for way in ways)}
    assert twins(arrays, "mean_mean+sum_mean", beta=0.0) == {"mean_mean", *(f"mean_mean+{way}" for way in ways)}


def test_a_perfect_reconstruction_leaves_only_the_divergence() -> None:
    arrays = arrays_for("squared_error")
    arrays["y"] = arrays["x"]
    ways = {"sum_mean", "mean_mean", "sum_sum", "mean_sum"}
    assert twins(arrays, "mean_mean+sum_mean") == {f"{way}+sum_mean" for way in ways}


@pytest.mark.parametrize("shape", ["plain", "latents", "image"])
def test_the_same_formula_in_other_words_is_no_twin(shape: str) -> None:
    arrays = arrays_for("absolute_error", **SHAPES[shape])  # type: ignore[arg-type]  # keywords by name
    for variant in reported(arrays, "absolute_error").variants.values():
        found = identified(arrays, variant.total, loss="absolute_error")
        assert found.explanation_count == 1
        assert found.verdict.code == "unique"
        assert found.explanations[0].ambiguous_with == ()


def test_an_observed_zero_is_matched_by_exact_zeros_alone() -> None:
    arrays = arrays_for("squared_error", latents=None)
    assert identified(arrays, 0.0, rtol=0.1).verdict.code == "none"
    arrays["y"] = arrays["x"]
    found = identified(arrays, 0.0)
    assert found.explanation_count == 1
    assert found.explanations[0].relative_error == 0
    assert found.explanations[0].ambiguous_count > len(found.explanations[0].ambiguous_with) == MOST_EXPLANATIONS
    assert found.expected_by_chance == 0
    assert found.verdict.code == "ambiguous"


# --- several batches ------------------------------------------------------------------------------

SIZES: Final = (1, 4, 2)


def parts(arrays: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    """Cut a batch into batches."""
    ends = np.cumsum(sizes)
    return [
        {name: array[end - size : end] for name, array in arrays.items()} for size, end in zip(sizes, ends, strict=True)
    ]


@pytest.mark.parametrize("shape", ["plain", "latents", "weighted"])
def test_every_variant_is_found_from_its_numbers_for_batches_of_unequal_size(shape: str) -> None:
    arrays = arrays_for("squared_error", **{**SHAPES[shape], "samples": sum(SIZES)})  # type: ignore[arg-type]  # keywords by name
    reports = [reported(part) for part in parts(arrays, SIZES)]
    for name in reports[0].variants:
        observed = [report.variants[name].total for report in reports]
        found = identified(arrays, *observed, sizes=SIZES)
        first = found.explanations[0]
        assert (first.formula.variant, first.formula.factor) == (name, "1")
        assert first.values == pytest.approx(observed, rel=1e-14)
        assert first.ambiguous_count == 0
        assert found.verdict.code == "unique"


def test_what_fits_one_of_the_batches_only_is_no_explanation() -> None:
    arrays = arrays_for("squared_error", samples=sum(SIZES))
    observed = [reported(part).variants["sum_sum+sum_sum"].total for part in parts(arrays, SIZES)]
    assert identified(arrays, observed[0], observed[1] * 1.001, observed[2], sizes=SIZES, rtol=1e-4).explanations == ()


def test_a_batch_after_another_is_measured_as_if_it_were_alone() -> None:
    arrays = arrays_for("gaussian_nll", samples=sum(SIZES), weighted=True)
    _, together = measured(arrays, "gaussian_nll", SIZES)
    for one, part in zip(together, parts(arrays, SIZES), strict=False):
        _, (alone, _) = measured(part, "gaussian_nll")
        assert one.sizes == alone.sizes
        assert one.kl == pytest.approx(alone.kl, rel=1e-15)
        assert one.reconstructions == pytest.approx(alone.reconstructions, rel=1e-14)


def test_weights_too_small_for_their_products_are_measured_all_the_same() -> None:
    arrays = arrays_for("squared_error", weighted=True)
    _, (plain, _) = measured(arrays)
    _, (tiny, _) = measured(arrays | {"sample_weight": arrays["sample_weight"] * 2.0**-1000})
    assert tiny.sizes.weight == plain.sizes.weight * 2.0**-1000
    assert tiny.reconstructions == plain.reconstructions


def test_a_batch_whose_samples_all_weigh_nothing_is_refused_by_its_first_sample() -> None:
    arrays = arrays_for("squared_error", samples=3) | {"sample_weight": np.array([1.0, 0.0, 0.0])}
    with pytest.raises(OutOfDomain) as caught:
        measured(arrays, sizes=[1, 2])
    assert caught.value.faults[0].path == ("sample_weight", 1)


# --- chance ---------------------------------------------------------------------------------------


def drawn(arrays: Arrays, rtol: float, draws: int) -> list[Identification]:
    """Ask about random numbers whose logarithm is uniform over the magnitudes that candidates have."""
    rng = np.random.default_rng(0)
    asked, measurements = measured(arrays)
    numbers = np.exp(rng.uniform(math.log(1e-2), math.log(1e5), draws))
    return [identify(Question(asked, (float(number),), rtol), measurements, (), WEIGHTS) for number in numbers]


@pytest.mark.parametrize("latents", [None, 6], ids=["without latents", "with latents"])
@pytest.mark.parametrize("rtol", [3e-3, 3e-2])
def test_as_many_candidates_lie_near_a_random_number_as_are_expected(latents: int | None, rtol: float) -> None:
    found = drawn(a_batch(40, 50, latents), rtol, draws=250)
    seen, expected = sum(one.explanation_count for one in found), sum(one.expected_by_chance for one in found)
    assert seen > 30
    assert seen / 1.6 < expected < 1.6 * seen


def test_as_many_simple_candidates_lie_near_a_random_number_as_are_expected() -> None:
    """The least complicated match of each number, if any: it says how many as simple as that were to be expected."""
    found = drawn(a_batch(40, 50, 6), 3e-3, draws=400)
    least = [min((one.expected_by_chance for one in each.explanations), default=math.inf) for each in found]
    for threshold in (0.1, 0.3):
        share = sum(expected <= threshold for expected in least) / len(found)
        assert threshold / 4 < share < 1.5 * threshold
    assert all(one.expected_by_chance <= each.expected_by_chance for each in found for one in each.explanations)


@pytest.mark.parametrize(("rtol", "most_sold", "least_none"), [(1e-4, 0.06, 0.9), (3e-2, 0.1, 0.0)])
def test_a_random_number_is_rarely_sold_as_an_answer(rtol: float, most_sold: float, least_none: float) -> None:
    found = drawn(a_batch(40, 50, 6), rtol, draws=300)
    sold = [one for one in found if one.verdict.code in ("unique", "ambiguous")]
    assert len(sold) <= most_sold * len(found)
    assert sum(one.verdict.code == "none" for one in found) >= least_none * len(found)
    assert all(one.explanations[0].expected_by_chance < 0.1 for one in sold)
    chance = [one for one in found if one.verdict.code == "coincidence_likely"]
    assert all(one.explanations[0].expected_by_chance >= 0.1 for one in chance)


def test_a_number_far_from_every_candidate_is_expected_to_match_none() -> None:
    found = identified(a_batch(5, 4, 3), 1e200, rtol=0.1)
    assert found.verdict.code == "none"
    assert found.expected_by_chance < 0.1


def test_fewer_are_expected_the_smaller_rtol_is_and_the_more_batches_there_are() -> None:
    arrays = a_batch(6, 4, 3)
    few = [identified(arrays, 2.0, rtol=rtol).expected_by_chance for rtol in (1e-2, 1e-3, 1e-6)]
    assert few == sorted(few, reverse=True)
    assert few[1] == pytest.approx(1000 * few[2], rel=0.05)
    numbers = (2.0, 1e40)
    both = identified(arrays, *numbers, sizes=[3, 3], rtol=1e-2)
    alone = [identified(part, number, rtol=1e-2) for part, number in zip(parts(arrays, [3, 3]), numbers, strict=True)]
    assert alone[1].expected_by_chance < 0.1 * alone[0].expected_by_chance
    assert both.expected_by_chance < 2 * alone[1].expected_by_chance


def test_of_an_unheard_of_sign_nothing_is_expected() -> None:
    arrays = arrays_for("squared_error", latents=None)
    found = identified(arrays, 1.0, -1.0, sizes=[3, 3], rtol=0.1)
    assert found.explanations == ()


# --- the order, and what is said ------------------------------------------------------------------


def test_the_digits_come_before_simplicity() -> None:
    arrays = a_batch(40, 50, 9)
    terms = reported(arrays).terms
    assert terms.kl is not None
    total = terms.reconstruction["sum_mean"] + 0.1 * terms.kl["sum_mean"]
    found = [one.formula.text for one in identified(arrays, total, rtol=0.1).explanations]
    assert found[0] == "sum_mean(squared_error) + 0.1 * sum_mean(kl)"
    assert "sum_mean(squared_error) + mean_mean(kl)" in found  # a ninth of the divergence, and simpler


def test_simplicity_comes_before_the_error() -> None:
    arrays = a_batch(40, 50, 6)
    total = reported(arrays).variants["sum_mean+sum_mean"].total
    first, *others = identified(arrays, float(f"{total:.3g}"), rtol=0.05).explanations
    assert first.formula.text == "sum_mean(squared_error) + sum_mean(kl)"
    assert min(one.relative_error for one in others) < first.relative_error


def test_only_the_first_explanations_are_listed_and_the_others_counted() -> None:
    found = identified(a_batch(40, 50, 6), 50.0, rtol=0.1)
    assert len(found.explanations) == MOST_EXPLANATIONS < found.explanation_count
    assert found.candidates > 5000


def test_numbers_that_are_as_simple_and_as_near_make_the_answer_ambiguous() -> None:
    arrays = arrays_for("squared_error")
    arrays["mu"], arrays["logvar"] = arrays["mu"] * 1e-4, arrays["logvar"] * 1e-4
    total = reported(arrays).variants["sum_mean+sum_mean"].total
    found = identified(arrays, total * (1 + 1e-6), rtol=1e-5)
    assert found.explanations[0].ambiguous_count == 0
    assert found.verdict.code == "ambiguous"
    assert "further numbers" in found.verdict.detail


@pytest.mark.parametrize(
    ("observed", "code", "words"),
    [
        (1.0, "unique", "It is sum_mean(squared_error)."),
        (7.654321, "none", "few digits"),
    ],
)
def test_the_verdict_is_a_sentence(observed: float, code: str, words: str) -> None:
    arrays = arrays_for("squared_error", latents=None, samples=7)
    total = reported(arrays).variants["sum_mean"].total
    found = identified(arrays, observed * total, rtol=1e-7)
    assert found.verdict.code == code
    assert words in found.verdict.detail
    assert found.verdict.detail.endswith(".")


# --- what real code computes ----------------------------------------------------------------------


def known(id_: str, values: Sequence[float], **changes: object) -> Known:
    """Make a convention of the variant mean_mean+sum_mean with a factor of 10 and a weight of 3."""
    given_: dict[str, object] = {
        "use": Use(id_, None),
        "loss": "squared_error",
        "reconstruction": "mean_mean",
        "kl": "sum_mean",
        "factor": "10",
        "text": "10 * mean_mean(squared_error) + 3 * sum_mean(kl)",
        "beta": 0.3,
        "parameters": {},
        "values": np.array(values),
    }
    return Known(**(given_ | changes))  # type: ignore[arg-type]  # keywords by name


def test_a_convention_with_a_factor_and_weight_of_its_own_is_found_with_either_sign() -> None:
    arrays = arrays_for("squared_error")
    terms = reported(arrays).terms
    assert terms.kl is not None
    number = 10 * terms.reconstruction["mean_mean"] + 3 * terms.kl["sum_mean"]
    rows = [known("one", (number, 1.0)), known("other", (number, 1.0)), known("apart", (2 * number, 2.0))]
    first = identified(arrays, number, known=rows).explanations[0].formula
    assert first.text == "10 * mean_mean(squared_error) + 3 * sum_mean(kl)"
    assert (first.factor, first.beta, first.variant) == ("10", 0.3, "mean_mean+sum_mean")
    assert first.conventions == (Use("one", None), Use("other", None))
    negative = identified(arrays, -number, known=rows).explanations[0].formula
    assert negative.factor == "-10"
    assert negative.text == "-(10 * mean_mean(squared_error) + 3 * sum_mean(kl))"


def test_a_convention_stands_beside_the_variant_that_it_computes() -> None:
    arrays = arrays_for("squared_error")
    total = reported(arrays).variants["mean_mean+sum_mean"].total
    same = known("same", (total, 1.0), factor="1")
    nothing = known("nothing", (math.nan, 1.0))
    twin = known("twin", (total, 2.0), reconstruction="mean_sum", text="elsewhere another number")
    first = identified(arrays, total, known=[same, nothing, twin]).explanations[0]
    assert first.formula.text == "mean_mean(squared_error) + sum_mean(kl)"
    assert first.formula.conventions == (Use("same", None),)
    (other,) = (one for one in first.ambiguous_with if one.conventions)
    assert (other.text, other.conventions) == ("elsewhere another number", (Use("twin", None),))


def test_a_made_up_batch_agrees_with_definitions_and_with_nothing_else() -> None:
    _, (real, false) = measured(arrays_for("binary_cross_entropy", features=(3, 2), weighted=True))
    assert real.reconstructions.keys() == false.reconstructions.keys()
    values = {reading.loss: value for reading, value in false.reconstructions.items() if reading.constant is None}
    assert values["half_squared_error"] == values["squared_error"] / 2
    same = ["huber", "smooth_l1"], ["half_squared_error", "gaussian_nll"]  # delta is 1, and so is the variance
    assert len(set(false.reconstructions.values())) == len(false.reconstructions) - len(same)
    assert len(false.sizes.features) == 2
    assert false.sizes.weight != false.sizes.samples

"""What is refused: by which exception, naming which array or option, and which index."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.losses import (
    Batch,
    Fault,
    InvalidOption,
    LossInputError,
    MissingArray,
    NotFinite,
    Objective,
    OutOfDomain,
    Overflow,
    ShapeMismatch,
    UnknownLoss,
    WrongType,
)
from app.losses.refusals import nearest, refusal, sentence
from tests.losses.cases import Arrays, arrays_for, every_loss, refused, reported


def zeros(*shape: int) -> NDArray[np.float64]:
    return np.zeros(shape)


def paths(error: LossInputError) -> list[tuple[str | int, ...]]:
    return [fault.path for fault in error.faults]


def changed(array: NDArray[Any], index: tuple[int, ...], value: float) -> NDArray[Any]:
    copy = array.astype(np.float64)
    copy[index] = value
    return copy


MISSING: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, ["x", "y"]),
    "no y": ({"x": zeros(2, 3)}, ["y"]),
    "no x": ({"y": zeros(2, 3)}, ["x"]),
    "mu alone": ({"x": zeros(2), "y": zeros(2), "mu": zeros(2, 1)}, ["logvar"]),
    "logvar alone": ({"x": zeros(2), "y": zeros(2), "logvar": zeros(2, 1)}, ["mu"]),
    "weights alone": ({"sample_weight": zeros(2)}, ["x", "y"]),
    "one of each pair": ({"y": np.zeros(2, "complex"), "mu": zeros(0)}, ["x", "logvar"]),
}


@pytest.mark.parametrize("case", MISSING)
def test_every_array_that_is_missing_is_named_before_anything_else_is_looked_at(case: str) -> None:
    arrays, wrong = MISSING[case]
    error = refused(arrays, MissingArray)
    assert paths(error) == [(name,) for name in wrong]
    assert error.detail.startswith(f"{wrong[0]} is missing; ")
    assert all(name in error.detail for name in wrong)


MISFITS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "y is longer": ({"x": zeros(2, 3), "y": zeros(3, 3)}, ["y"]),
    "y would broadcast": ({"x": zeros(2, 3), "y": zeros(1, 3)}, ["y"]),
    "y has another rank": ({"x": zeros(4), "y": zeros(4, 1)}, ["y"]),
    "features permuted": ({"x": zeros(2, 3, 4), "y": zeros(2, 4, 3)}, ["y"]),
    "x is one number": ({"x": zeros(), "y": zeros(2)}, ["x"]),
    "both are one number": ({"x": zeros(), "y": zeros()}, ["x", "y"]),
    "no sample": ({"x": zeros(0, 3), "y": zeros(0, 3)}, ["x", "y"]),
    "no feature": ({"x": zeros(2, 0), "y": zeros(2, 0)}, ["x", "y"]),
    "no latent": ({"x": zeros(2), "y": zeros(2), "mu": zeros(2, 0), "logvar": zeros(2, 0)}, ["mu", "logvar"]),
    "logvar is shorter": ({"x": zeros(2), "y": zeros(2), "mu": zeros(2, 3), "logvar": zeros(2, 2)}, ["logvar"]),
    "too many latents": ({"x": zeros(2), "y": zeros(2), "mu": zeros(3, 3), "logvar": zeros(3, 3)}, ["mu", "logvar"]),
    "mu is one number": ({"x": zeros(2), "y": zeros(2), "mu": zeros(), "logvar": zeros(2)}, ["mu"]),
    "too few weights": ({"x": zeros(2), "y": zeros(2), "sample_weight": zeros(1)}, ["sample_weight"]),
    "weights as a column": ({"x": zeros(2), "y": zeros(2), "sample_weight": zeros(2, 1)}, ["sample_weight"]),
    "one weight": ({"x": zeros(2), "y": zeros(2), "sample_weight": zeros()}, ["sample_weight"]),
    "everything at once": (
        {"x": zeros(2, 3), "y": zeros(3), "mu": zeros(4, 1), "logvar": zeros(4), "sample_weight": zeros(5)},
        ["y", "mu", "logvar", "sample_weight"],
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_shapes_that_do_not_fit_name_every_array(case: str) -> None:
    arrays, wrong = MISFITS[case]
    error = refused(arrays, ShapeMismatch)
    assert paths(error) == [(name,) for name in wrong]
    assert error.detail.startswith(f"{wrong[0]} {error.faults[0].detail}.")
    assert all(name in error.detail for name in wrong)
    assert str(error) == error.detail


@pytest.mark.parametrize(
    "array",
    [
        np.array([1j, 2]),
        np.array(["1", "2"]),
        np.array([b"1", b"2"]),
        np.array([1.0, None]),
        np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"),
        np.array([1, 2], "timedelta64[s]"),
        np.zeros(2, [("a", "f8")]),
        np.zeros(2, "V4"),
    ],
    ids=lambda array: array.dtype.kind,
)
@pytest.mark.parametrize("name", ["x", "y", "mu", "logvar", "sample_weight"])
def test_types_without_real_numbers_are_refused_by_name(name: str, array: NDArray[Any]) -> None:
    arrays: Arrays = {each: np.ones(2) for each in ("x", "y", "mu", "logvar", "sample_weight")}
    assert paths(refused(arrays | {name: array}, WrongType)) == [(name,)]


def test_every_array_of_a_wrong_type_is_named() -> None:
    error = refused({"x": np.array([1j]), "y": np.ones(1), "mu": np.array(["a"]), "logvar": np.ones(1)}, WrongType)
    assert paths(error) == [("x",), ("mu",)]
    assert "complex128" in error.detail
    assert "mu" in error.detail


def test_an_array_that_no_batch_has_is_refused() -> None:
    assert paths(refused({"x": zeros(2), "y": zeros(2), "z": zeros(2)}, InvalidOption)) == [("z",)]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "y", "mu", "logvar"])
def test_values_that_are_not_finite_name_the_index_in_the_uploaded_shape(name: str, value: float) -> None:
    arrays = arrays_for("squared_error", samples=6, features=(2, 3), latents=(3, 2))
    arrays[name] = changed(arrays[name], (4, 1, 1), value)
    error = refused(arrays, NotFinite)
    assert paths(error) == [(name, 4, 1, 1)]
    assert "the only one" in error.detail
    assert error.detail.startswith(f"{name}[4][1][1] is NaN, infinite")


def test_every_array_says_how_many_values_are_not_finite_wherever_they_are() -> None:
    x, logvar = zeros(70_000, 3), zeros(70_000, 2)
    x[[30_000, 69_999]] = np.nan
    logvar[60_000:60_004, 1] = np.inf
    error = refused({"x": x, "y": zeros(70_000, 3), "mu": zeros(70_000, 2), "logvar": logvar}, NotFinite)
    assert paths(error) == [("x", 30_000, 0), ("logvar", 60_000, 1)]
    assert "first of 6 in x" in error.faults[0].detail
    assert "first of 4 in logvar" in error.faults[1].detail


def test_long_doubles_beyond_double_precision_are_not_finite() -> None:
    if np.finfo(np.longdouble).max <= np.finfo(np.float64).max:
        pytest.skip("long doubles are doubles here")
    huge = np.array([1, np.longdouble(10) ** 400])
    assert paths(refused({"x": huge, "y": zeros(2)}, NotFinite)) == [("x", 1)]


@pytest.mark.parametrize(
    ("weight", "kind", "path"),
    [
        ([1.0, -1.0, -2.0], OutOfDomain, ("sample_weight", 1)),
        ([1.0, 0.0, -5e-324], OutOfDomain, ("sample_weight", 2)),
        ([1.0, 0.0, np.nan], NotFinite, ("sample_weight", 2)),
        ([np.inf, 0.0, -1.0], NotFinite, ("sample_weight", 0)),
        ([0.0, 0.0, -0.0], OutOfDomain, ("sample_weight",)),
    ],
)
def test_weights_out_of_range_name_their_sample(
    weight: list[float], kind: type[LossInputError], path: tuple[str | int, ...]
) -> None:
    error = refused({"x": zeros(3), "y": zeros(3), "sample_weight": np.array(weight)}, kind)
    assert paths(error) == [path]


@pytest.mark.parametrize(
    ("loss", "name", "value"),
    [
        ("binary_cross_entropy", "x", 1.5),
        ("binary_cross_entropy", "y", -0.5),
        ("bce_with_logits", "x", -1e-300),
        ("poisson_nll", "x", -1.0),
        ("poisson_nll", "y", 0.0),
        ("squared_log_error", "x", -1.0),
        ("msle", "y", -2.0),
    ],
)
def test_a_value_out_of_the_domain_names_the_first_index_and_how_many(loss: str, name: str, value: float) -> None:
    arrays = {"x": np.full((40_000, 2, 2), 0.5), "y": np.full((40_000, 2, 2), 0.5)}
    arrays[name][30_001, 1, 0] = value
    error = refused(arrays, OutOfDomain, loss)
    assert paths(error) == [(name, 30_001, 1, 0)]
    assert "the only such value" in error.detail
    arrays[name][39_999] = value
    error = refused(arrays, OutOfDomain, loss)
    assert paths(error) == [(name, 30_001, 1, 0)]
    assert f"first of 5 such values in {name}" in error.detail


def test_a_domain_fault_says_what_is_wanted_and_of_logits_which_loss_takes_them() -> None:
    error = refused({"x": np.array([2.0]), "y": np.array([-3.0])}, OutOfDomain, "bce")
    assert paths(error) == [("x", 0), ("y", 0)]
    assert all("in [0, 1]" in fault.detail for fault in error.faults)
    assert "with_logits" not in error.faults[0].detail
    assert "binary_cross_entropy_with_logits" in error.faults[1].detail


OVERFLOWS: dict[str, tuple[dict[str, Any], str, dict[str, float], tuple[str | int, ...]]] = {
    "an element": ({"x": [[0.0], [1e200]], "y": [[0.0], [0.0]]}, "squared_error", {}, ("x", 1)),
    "a difference": ({"x": [1e308], "y": [-1e308]}, "absolute_error", {}, ("x", 0)),
    "a sum of features": ({"x": [[0, 0], [1e308, 1e308]], "y": [[0, 0], [0, 0]]}, "mae", {}, ("x", 1)),
    "a sum of samples": ({"x": [1e308, 0, 7e307, 1e308], "y": [0, 0, 0, 0]}, "mae", {}, ("x", 3)),
    "a sum of samples by its last rounding": (
        {"x": [np.finfo(float).max, 0.3 * 2.0**971, 0.3 * 2.0**971], "y": [0, 0, 0]},
        "mae",
        {},
        ("x", 2),
    ),
    "a weighted sum": (
        {"x": [1e200, 0, 1], "y": [0, 0, 0], "sample_weight": [1e108, 1, 1e308]},
        "mae",
        {},
        ("x", 2),
    ),
    "weights": ({"x": [0, 0], "y": [0, 0], "sample_weight": [1e308, 1e308]}, "mae", {}, ("sample_weight",)),
    "a squared error beside it": ({"x": [0, 1e160], "y": [0, 0]}, "gaussian_nll", {"variance": 1e300}, ("x", 1)),
    "its sum": (
        {"x": [1.3e154, 1e10, 1.3e154], "y": [0, 0, 0]},
        "gaussian_nll",
        {"variance": 1e300},
        ("x", 2),
    ),
    "a divergence by logvar": (
        {"x": [0, 0], "y": [0, 0], "mu": [[0, 0], [1e10, 0]], "logvar": [[0, 0], [0, 710]]},
        "mse",
        {},
        ("logvar", 1),
    ),
    "a divergence by mu": (
        {"x": [0, 0], "y": [0, 0], "mu": [[0], [1e155]], "logvar": [[0], [500]]},
        "mse",
        {},
        ("mu", 1),
    ),
    "a divergence by both, more by mu": (
        {"x": [0, 0], "y": [0, 0], "mu": [0, 1e155], "logvar": [0, 712]},
        "mse",
        {},
        ("mu", 1),
    ),
    "a divergence by both, more by logvar": (
        {"x": [0, 0], "y": [0, 0], "mu": [0, 1e155], "logvar": [0, 715]},
        "mse",
        {},
        ("logvar", 1),
    ),
    "a sum of divergences": (
        {"x": [0, 0], "y": [0, 0], "mu": [1.8e154, 1.8e154], "logvar": [0, 0]},
        "mse",
        {},
        ("mu", 1),
    ),
    "a sum of divergences by logvar": (
        {"x": [0, 0], "y": [0, 0], "mu": [1e10, 1e150], "logvar": [-1.5e308, -1.5e308], "sample_weight": [2, 2]},
        "mse",
        {},
        ("logvar", 1),
    ),
    "a sample's total by beta": (
        {"x": [1, 1, 1], "y": [1, 1, 1], "mu": [0, 1e100, 0], "logvar": [0, 0, 0]},
        "mse",
        {"beta": 1e300},
        ("mu", 1),
    ),
    "a sample's total by logvar": (
        {"x": [0], "y": [0], "mu": [0], "logvar": [700]},
        "mse",
        {"beta": 1e10},
        ("logvar", 0),
    ),
    "a sample's total by x": (
        {"x": [1e308], "y": [0], "mu": [1e154], "logvar": [0]},
        "mae",
        {"beta": 1.9},
        ("x", 0),
    ),
    "a light sample's total by beta": (
        {"x": [0, 0], "y": [0, 0], "mu": [0, 1.41e50], "logvar": [0, 0], "sample_weight": [0.1, 0.1]},
        "mse",
        {"beta": 2.5e208},
        ("mu", 1),
    ),
    "a light sample's total by logvar": (
        {"x": [0, 1e308], "y": [0, 0], "mu": [0, 1.7e154], "logvar": [0, 0], "sample_weight": [0.1, 0.1]},
        "mae",
        {},
        ("mu", 1),
    ),
    "a light sample's total by x": (
        {"x": [0, 1.5e308], "y": [0, 0], "mu": [0, 1.4e154], "logvar": [0, 0], "sample_weight": [0.1, 0.1]},
        "mae",
        {},
        ("x", 1),
    ),
    "a batch's total by beta": (
        {"x": [0] * 9, "y": [0] * 9, "mu": [1.0] * 9, "logvar": [0] * 9},
        "mse",
        {"beta": 1e308},
        ("mu", 0),
    ),
    "a batch's total by x": (
        {"x": [0.9e308, 0], "y": [0, 0], "mu": [0, 1.3e154], "logvar": [0, 0], "sample_weight": [1.2, 1]},
        "mae",
        {"beta": 1.0},
        ("x", 0),
    ),
    "a batch's total by logvar": (
        {"x": [0.8e308, 0], "y": [0, 0], "mu": [0, 1.3e154], "logvar": [0, 0], "sample_weight": [1, 1.3]},
        "mae",
        {"beta": 1.0},
        ("mu", 1),
    ),
    "an effective beta": (
        {"x": [[0.0] * 9], "y": [[0.0] * 9], "mu": [0], "logvar": [0]},
        "mae",
        {"beta": 1e308},
        ("beta",),
    ),
    "an effective beta by weight": (
        {"x": [[0.0] * 9], "y": [[0.0] * 9], "mu": [0], "logvar": [0], "sample_weight": [1e-308]},
        "mae",
        {},
        ("sample_weight",),
    ),
    "an implied variance": (
        {"x": [0], "y": [0], "mu": [0], "logvar": [0]},
        "gaussian_nll",
        {"variance": 1e300, "beta": 1e100},
        ("variance",),
    ),
    "an optimal weight by variance": (
        {"x": [1e-10], "y": [0], "mu": [0], "logvar": [0]},
        "gaussian_nll",
        {"variance": 1e-320},
        ("x", 0),
    ),
    "an optimal weight by x": (
        {"x": [1e154, 0], "y": [0, 0], "mu": [[0] * 9] * 2, "logvar": [[0] * 9] * 2},
        "mse",
        {},
        ("x", 0),
    ),
    "a weight for unit beta": (
        {"x": [0], "y": [0], "mu": [[0] * 9], "logvar": [[0] * 9], "sample_weight": [1e308]},
        "mae",
        {"beta": 0.0},
        ("sample_weight",),
    ),
    "an optimal variance": ({"x": [1.8e154], "y": [0]}, "half_squared_error", {}, ("x", 0)),
}


#: Those for which it takes a beta beside the sample.
AND_BETA = (
    "a sample's total by beta",
    "a sample's total by logvar",
    "a light sample's total by beta",
    "a batch's total by beta",
)


@pytest.mark.parametrize("case", OVERFLOWS)
def test_a_result_beyond_double_precision_names_what_took_it_there(case: str) -> None:
    lists, loss, options, path = OVERFLOWS[case]
    error = refused({name: np.array(values, np.float64) for name, values in lists.items()}, Overflow, loss, **options)
    assert paths(error) == [path, ("beta",)] if case in AND_BETA else [path]
    assert "double precision" in error.detail


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("a sample's total by beta", "mu[1] takes the total of sample 1 beyond"),
        ("a batch's total by beta", "mu[0] takes total of sum_mean+sum_sum beyond"),
        ("an effective beta", "beta takes effective_beta of mean_mean+sum_mean beyond"),
        ("a weight for unit beta", "sample_weight takes unit_beta of sum_sum+mean_mean beyond"),
        ("an optimal variance", "x[0] takes optimal_decoder_variance beyond"),
        ("a sum of samples", "x[3] takes the sum over the batch beyond"),
    ],
)
def test_an_overflow_says_of_what(case: str, words: str) -> None:
    lists, loss, options, _ = OVERFLOWS[case]
    error = refused({name: np.array(values, np.float64) for name, values in lists.items()}, Overflow, loss, **options)
    assert error.detail.startswith(words)


def test_one_sample_is_spoken_of_in_the_singular() -> None:
    error = refused({"x": zeros(2), "y": zeros(2), "sample_weight": zeros(1)}, ShapeMismatch)
    assert error.detail == "sample_weight has 1 sample but x has 2."
    error = refused({"x": zeros(1), "y": zeros(1), "mu": zeros(2, 3), "logvar": zeros(2, 3)}, ShapeMismatch)
    assert [fault.detail for fault in error.faults] == ["has 2 samples but x has 1"] * 2


def test_the_largest_results_that_fit_are_answered() -> None:
    found = reported({"x": np.array([1e308, 0.0]), "y": np.array([0.0, 7e307])}, "mae")
    assert found.terms.reconstruction["sum_sum"] == 1.7e308


def test_an_unknown_loss_is_refused_by_the_objective() -> None:
    with pytest.raises(UnknownLoss) as caught:
        Objective.of("meen_squared_error")
    assert caught.value.faults[0].path == ("loss",)


def test_a_refusal_speaks_of_its_first_fault_and_mentions_each_other_array_once() -> None:
    error = refusal(ShapeMismatch, Fault(("x", 3, 1), "is odd"), Fault(("y",), "too"), Fault(("y", 2), "again"))
    assert error.detail == "x[3][1] is odd. There is more to mend in y."
    assert paths(error) == [("x", 3, 1), ("y",), ("y", 2)]


def test_a_sentence_says_how_many_faults_are_not_listed_and_ends_where_a_question_does() -> None:
    faults = [Fault(("größe",), "is odd; did you mean size?"), Fault(("x", 0), "is odd"), Fault(("y", 7), "is odd")]
    assert sentence(faults[:1]) == r"gr\xf6\xdfe is odd; did you mean size?"
    assert sentence(faults[1:], 2) == "x[0] is odd. There is more to mend in y."
    assert sentence(faults[1:], 9) == ("x[0] is odd. There is more to mend in y; the first 2 of 9 faults are listed.")


def test_the_nearest_name_is_found_in_any_case_and_none_where_none_is_like_it() -> None:
    known = ("LOSSGRID_PORT", "LOSSGRID_HOST", "beta")
    assert nearest("lossgrid_prot", known) == ["LOSSGRID_PORT"]
    assert nearest("LOSSGRID_POST", known, 2) == ["LOSSGRID_PORT", "LOSSGRID_HOST"]
    assert nearest("Betta", known) == ["beta"]
    assert nearest("xx", known) == []
    assert nearest("beta" * 1_000_000, known) == []


def test_a_batch_is_not_looked_at_before_its_chunks_are() -> None:
    assert Batch.of({"x": np.array([np.nan]), "y": np.array([0.0])}).size == 1


@every_loss
@pytest.mark.parametrize("features", [1, 3, 100])
@pytest.mark.parametrize("values", [*itertools.product([np.nan, np.inf, -np.inf, 0.5], repeat=2)])
def test_no_loss_hides_what_is_not_finite(loss: str, features: int, values: tuple[float, float]) -> None:
    arrays = arrays_for(loss, samples=3, features=(features,))
    arrays["x"][1, -1], arrays["y"][1, -1] = values
    wanted = [(name, 1, features - 1) for name, value in zip("xy", values, strict=True) if not np.isfinite(value)]
    if wanted:
        assert paths(refused(arrays, NotFinite, loss)) == wanted
    else:
        reported(arrays, loss)


@pytest.mark.parametrize("values", [*itertools.product([np.nan, np.inf, -np.inf, 0.5, 300.0], repeat=2)])
def test_the_divergence_does_not_hide_it_either(values: tuple[float, float]) -> None:
    arrays = arrays_for("squared_error", latents=(4,))
    arrays["mu"][1, 2], arrays["logvar"][1, 2] = values
    wanted = [(name, 1, 2) for name, value in zip(("mu", "logvar"), values, strict=True) if not np.isfinite(value)]
    if wanted:
        assert paths(refused(arrays, NotFinite)) == wanted
    else:
        reported(arrays)


def test_what_is_not_finite_is_said_before_what_overflows() -> None:
    arrays = {"x": np.array([1e200, 0.0]), "y": zeros(2), "mu": zeros(2), "logvar": np.array([0.0, np.nan])}
    assert paths(refused(arrays, NotFinite)) == [("logvar", 1)]

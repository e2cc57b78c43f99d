"""Each variant is its definition, and a factor times R + effective beta K."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.losses import EPS, LOSSES, TERM_REDUCTIONS, VARIANTS, Batch, Objective
from app.losses.divergence import divergence
from tests.losses.cases import Arrays, arrays_for, every_loss, reported, weighted_or_not

GAUSSIAN = {"squared_error": 0.5, "half_squared_error": 1.0, "gaussian_nll": 0.25}
OPTIONS = {"gaussian_nll": {"variance": 0.25}}


def reduced(elements: NDArray[np.float64], weight: NDArray[np.float64], how: str) -> float:
    """Reduce a matrix in the order that the id spells."""
    features, batch = how.split("_")
    vector = elements.sum(axis=1) if features == "sum" else elements.mean(axis=1)
    total = float((weight * vector).sum())
    return total / float(weight.sum()) if batch == "mean" else total


def weights_of(arrays: Arrays) -> NDArray[np.float64]:
    return np.asarray(arrays.get("sample_weight", np.ones(len(arrays["x"]))))


@every_loss
@weighted_or_not
@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
def test_every_variant_is_its_definition(loss: str, *, weighted: bool, beta: float) -> None:
    arrays = arrays_for(loss, weighted=weighted)
    weight = weights_of(arrays)
    objective = Objective.of(loss, **OPTIONS.get(loss, {}))
    losses, divergences = objective.value(arrays["x"], arrays["y"]), divergence(arrays["mu"], arrays["logvar"])
    found = reported(arrays, loss, beta=beta, **OPTIONS.get(loss, {}))
    assert tuple(found.variants) == VARIANTS
    for name, variant in found.variants.items():
        ours, theirs = name.split("+")
        reconstruction, kl = reduced(losses, weight, ours), reduced(divergences, weight, theirs)
        assert variant.reconstruction == pytest.approx(reconstruction, rel=32 * EPS, abs=0)
        assert variant.kl == pytest.approx(kl, rel=32 * EPS, abs=0)
        assert variant.total == pytest.approx(reconstruction + beta * kl, rel=32 * EPS, abs=0)
        assert found.terms.reconstruction[ours] == variant.reconstruction
        assert found.terms.kl is not None
        assert found.terms.kl[theirs] == variant.kl


@every_loss
@weighted_or_not
def test_every_total_is_the_same_objective_scaled(loss: str, *, weighted: bool) -> None:
    found = reported(arrays_for(loss, weighted=weighted), loss, beta=3.0)
    of_everything = found.variants["sum_mean+sum_mean"]
    assert of_everything.scale == 1.0
    assert of_everything.effective_beta == 3.0
    for variant in found.variants.values():
        assert variant.effective_beta is not None
        assert of_everything.kl is not None
        wanted = variant.scale * (of_everything.reconstruction + variant.effective_beta * of_everything.kl)
        assert variant.total == pytest.approx(wanted, rel=4 * EPS, abs=0)


@every_loss
def test_reductions_agree_where_adding_the_kl_vector_first_gives_the_same(loss: str) -> None:
    found = reported(arrays_for(loss), loss)
    assert found.per_sample.total is not None
    assert sum(variant.batch_reductions_agree for variant in found.variants.values()) == 8
    for name, variant in found.variants.items():
        (features, batch), (latents, _) = (term.split("_") for term in name.split("+"))
        vector = found.per_sample.total[f"{features}+{latents}"]
        added_first = vector.mean() if batch == "mean" else vector.sum()
        assert (variant.total == pytest.approx(added_first, rel=1e-9, abs=0)) == variant.batch_reductions_agree


@every_loss
@weighted_or_not
def test_without_kl_there_are_four_variants_and_no_beta(loss: str, *, weighted: bool) -> None:
    found = reported(arrays_for(loss, latents=None, weighted=weighted), loss)
    assert tuple(found.variants) == TERM_REDUCTIONS
    absent = (found.per_sample.kl, found.per_sample.total, found.terms.kl, found.latent)
    assert {*absent, found.shape.latents, found.shape.latent_count} == {None}
    for name, variant in found.variants.items():
        assert variant.total == variant.reconstruction == found.terms.reconstruction[name]
        absent_here = (variant.kl, variant.effective_beta, variant.implied_decoder_variance, variant.kl_weight_for)
        assert set(absent_here) == {None}
        assert variant.batch_reductions_agree
        assert "KL" not in variant.title


@every_loss
@weighted_or_not
def test_the_suggested_kl_weights_do_what_they_say(loss: str, *, weighted: bool) -> None:
    arrays, options = arrays_for(loss, weighted=weighted), OPTIONS.get(loss, {})
    found = reported(arrays, loss, beta=7.0, **options)
    for name, variant in found.variants.items():
        assert variant.kl_weight_for is not None
        with_unit = reported(arrays, loss, beta=variant.kl_weight_for.unit_beta, **options)
        assert with_unit.variants[name].effective_beta == pytest.approx(1.0, rel=2 * EPS, abs=0)
        if variant.kl_weight_for.optimal_variance is not None:
            optimal = reported(arrays, loss, beta=variant.kl_weight_for.optimal_variance, **options)
            implied = optimal.variants[name].implied_decoder_variance
            assert implied == pytest.approx(found.optimal_decoder_variance, rel=4 * EPS, abs=0)


@every_loss
@weighted_or_not
def test_decoder_variances_are_there_for_gaussian_losses_only(loss: str, *, weighted: bool) -> None:
    arrays = arrays_for(loss, weighted=weighted)
    found = reported(arrays, loss, beta=2.0, **OPTIONS.get(loss, {}))
    if loss not in GAUSSIAN:
        assert found.optimal_decoder_variance is None
        for variant in found.variants.values():
            assert variant.implied_decoder_variance is None
            assert variant.kl_weight_for is not None
            assert variant.kl_weight_for.optimal_variance is None
        return
    mean_squared_error = reduced((arrays["x"] - arrays["y"]) ** 2, weights_of(arrays), "mean_mean")
    assert found.optimal_decoder_variance == pytest.approx(mean_squared_error, rel=16 * EPS, abs=0)
    for variant in found.variants.values():
        assert variant.effective_beta is not None
        assert variant.implied_decoder_variance == pytest.approx(
            GAUSSIAN[loss] * variant.effective_beta, rel=EPS, abs=0
        )


def test_the_batch_of_the_question_has_the_numbers_of_the_contract() -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(100, 90)) for name in "xy"} | {
        name: rng.normal(size=(100, 20)) for name in ("mu", "logvar")
    }
    found = reported(arrays)
    averaged = found.variants["mean_mean+sum_mean"]
    assert averaged.title == "mean over features, mean over batch; KL: sum over latents, mean over batch"
    assert f"{averaged.scale:.4f}" == "0.0111"
    assert averaged.effective_beta == 90.0
    assert averaged.implied_decoder_variance == 45.0
    assert averaged.kl_weight_for is not None
    assert f"{averaged.kl_weight_for.unit_beta:.4f}" == "0.0111"
    version_1, version_2 = found.terms.reconstruction["sum_mean"], found.terms.reconstruction["mean_mean"]
    assert version_1 == pytest.approx(90 * version_2, rel=EPS, abs=0)
    assert averaged.batch_reductions_agree
    assert (found.shape.batch, found.shape.features, found.shape.feature_count) == (100, (90,), 90)
    assert (found.shape.latents, found.shape.latent_count) == ((20,), 20)


def test_a_tiny_batch_can_be_checked_in_the_head() -> None:
    found = reported({"x": np.array([[0.0, 1.0], [2.0, 3.0]]), "y": np.array([[1.0, 1.0], [0.0, 0.0]])})
    np.testing.assert_array_equal(found.per_sample.reconstruction["sum"], [1.0, 13.0])
    np.testing.assert_array_equal(found.per_sample.reconstruction["mean"], [0.5, 6.5])
    assert found.terms.reconstruction == {"sum_mean": 7.0, "mean_mean": 3.5, "sum_sum": 14.0, "mean_sum": 7.0}
    assert found.optimal_decoder_variance == 3.5


def test_any_rank_of_features_and_latents_gives_the_numbers_of_the_flat_batch() -> None:
    flat = arrays_for("squared_error", features=(12,), latents=(6,))
    cubes = {
        name: array.reshape(6, *shape)
        for (name, array), shape in zip(flat.items(), [(2, 3, 2), (2, 3, 2), (3, 1, 2), (3, 1, 2)], strict=True)
    }
    found, wanted = reported(cubes), reported(flat)
    assert found.shape.features == (2, 3, 2)
    assert found.shape.latents == (3, 1, 2)
    assert found.variants == wanted.variants


def test_one_number_a_sample_has_one_feature_and_one_latent() -> None:
    numbers = np.arange(4.0)
    found = reported({"x": numbers, "y": numbers + 2, "mu": numbers, "logvar": np.zeros(4)})
    assert (found.shape.features, found.shape.feature_count) == ((), 1)
    assert (found.shape.latents, found.shape.latent_count) == ((), 1)
    assert {variant.reconstruction for variant in found.variants.values()} == {4.0, 16.0}


def test_latents_are_averaged_over_the_batch_and_counted_where_active() -> None:
    mu = np.array([[2.0, 0.0, 0.2], [0.0, 0.0, 0.1]])
    arrays = {"x": np.zeros((2, 1)), "y": np.zeros((2, 1)), "mu": mu, "logvar": np.zeros((2, 3))}
    found = reported(arrays).latent
    assert found is not None
    np.testing.assert_allclose(found.kl_per_dimension, [1.0, 0.0, 0.0125], rtol=2 * EPS)
    assert found.active_units == 2
    weighted = reported(arrays | {"sample_weight": np.array([0.0, 3.0])}).latent
    assert weighted is not None
    np.testing.assert_allclose(weighted.kl_per_dimension, [0.0, 0.0, 0.005], rtol=2 * EPS)
    assert weighted.active_units == 0


@every_loss
def test_no_answer_holds_a_negative_zero(loss: str) -> None:
    row = LOSSES[loss]
    ones = np.ones((3, 2))
    x, y = (ones if domain.text in ("[0, 1]", "> 0") else 0 * ones for domain in (row.x_domain, row.y_domain))
    arrays = {"x": x, "y": y, "mu": -0.0 * ones, "logvar": -0.0 * ones}
    found = reported(arrays, loss, beta=-0.0)
    for vector in (*found.per_sample.reconstruction.values(), *(found.per_sample.total or {}).values()):
        assert not np.signbit(vector[vector == 0]).any()
    for variant in found.variants.values():
        for number in (variant.reconstruction, variant.kl, variant.total, variant.effective_beta):
            assert number is not None
            assert number != 0 or not np.signbit(number)


def test_a_batch_knows_its_sizes() -> None:
    batch = Batch.of(arrays_for("squared_error", features=(2, 4), latents=(3, 5)))
    assert (batch.size, batch.feature_shape, batch.feature_count) == (6, (2, 4), 8)
    assert (batch.latent_shape, batch.latent_count) == ((3, 5), 15)

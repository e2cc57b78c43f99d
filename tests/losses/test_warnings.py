"""What the numbers alone do not show is said, with a stable code and the numbers that matter."""

import math
import re

import numpy as np
import pytest

from app.losses import Report
from tests import exact
from tests.losses.cases import Arrays, arrays_for, reported

CROSS_ENTROPIES = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


def details(found: Report, code: str) -> list[str]:
    return [caution.detail for caution in found.warnings if caution.code == code]


def plain(**changes: object) -> Arrays:
    """Make a batch of 4 samples that nothing is to be said about, but for the changes."""
    arrays = {"x": np.ones((4, 2)), "y": np.full((4, 2), 0.5)}
    return arrays | {name: np.asarray(value) for name, value in changes.items()}


def posterior(mu: object, logvar: object = 0.0) -> Arrays:
    """Make latents of shape (4, L)."""
    found = np.broadcast_arrays(np.asarray(mu, np.float64), np.asarray(logvar, np.float64))
    return dict(zip(("mu", "logvar"), (np.broadcast_to(each, (4, each.shape[-1])) for each in found), strict=True))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", *CROSS_ENTROPIES])
def test_nothing_is_said_of_an_ordinary_batch(loss: str) -> None:
    assert reported(plain(), loss).warnings == ()


@pytest.mark.parametrize("loss", CROSS_ENTROPIES)
@pytest.mark.parametrize("weighted", [{}, {"sample_weight": [1.0, 2.0, 0.0, 5.0]}], ids=["unweighted", "weighted"])
def test_soft_targets_give_the_lowest_reachable_value(loss: str, weighted: dict[str, list[float]]) -> None:
    x = np.array([[0.25, 1.0], [0.0, 0.5], [1e-300, 1.0], [0.9, 0.1]])
    arrays = plain(x=x, **weighted)
    (detail,) = details(reported(arrays, loss), "bce_targets_not_binary")
    assert detail.startswith(f"{4 if weighted else 5} elements of x are neither 0 nor 1")  # one has no weight
    entropy = exact.answer(arrays, loss).entropy
    assert entropy is not None
    said = re.search(r"targets: (\S+) nats per sample, (\S+) per element\.$", detail)
    assert said is not None
    assert exact.error(float(said[1]), entropy) <= 4
    assert float(said[2]) == float(said[1]) / 2


@pytest.mark.parametrize("loss", CROSS_ENTROPIES)
def test_soft_targets_without_a_weight_are_not_spoken_of(loss: str) -> None:
    arrays = plain(x=[[1, 0], [0.5, 0.25], [1, 1], [0.1, 0]], sample_weight=[1.0, 0.0, 2.0, 0.0])
    assert details(reported(arrays, loss), "bce_targets_not_binary") == []


def test_one_soft_target_is_spoken_of_in_the_singular() -> None:
    (detail,) = details(reported(plain(x=[[0.5, 1], [0, 1], [1, 1], [0, 0]]), "bce"), "bce_targets_not_binary")
    assert detail.startswith("1 element of x is neither 0 nor 1")


def test_the_lowest_reachable_value_is_reached_by_the_targets_themselves() -> None:
    x = np.random.default_rng(0).random((4, 2))
    found = reported(plain(x=x, y=x), "bce")
    (detail,) = details(found, "bce_targets_not_binary")
    assert f"{found.terms.reconstruction['sum_mean']!r} nats per sample" in detail


@pytest.mark.parametrize("loss", ["squared_error", "poisson_nll"])
def test_other_losses_do_not_mind_soft_targets(loss: str) -> None:
    assert details(reported(plain(x=np.full((4, 2), 0.3)), loss), "bce_targets_not_binary") == []


def test_clamped_logarithms_are_counted_where_they_matter() -> None:
    # y: log y is clamped for 0 and 1e-44 where x > 0, log (1 - y) for 1 where x < 1. 3.8e-44 is just above e^-100.
    y = np.array([[0.0, 1e-44], [1.0, 3.8e-44], [0.0, 1.0], [1.0 - 2.0**-53, 1.0]])
    x = np.array([[1.0, 0.5], [0.0, 1.0], [0.0, 1.0], [0.0, 0.5]])
    (detail,) = details(reported(plain(x=x, y=y), "bce"), "bce_log_clamped")
    assert detail.startswith("In 4 elements a logarithm lies below -100")
    assert details(reported(plain(x=x, y=y), "bce_with_logits"), "bce_log_clamped") == []


@pytest.mark.parametrize(
    ("logvar", "float16", "float32"),
    [(11.0901, 0, 0), (11.0902, 4, 0), (88.7228, 4, 0), (88.7229, 4, 4)],
)
def test_log_variances_beyond_narrow_floats_are_counted(logvar: float, float16: int, float32: int) -> None:
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(logvar).astype(np.float16)) == bool(float16)
        assert np.isinf(np.exp(logvar).astype(np.float32)) == bool(float32)
    found = reported(plain(**posterior([1.0, 1.0], [0.0, logvar])))
    for bits, count in ((16, float16), (32, float32)):
        said = details(found, f"logvar_overflows_float{bits}")
        assert [detail.split(" above ")[0] for detail in said] == [f"{count} elements of logvar are"] * bool(count)


def test_latents_that_are_all_inactive_are_said_to_be() -> None:
    assert len(details(reported(plain(**posterior([0.1, 0.14]))), "all_latents_inactive")) == 1
    assert details(reported(plain(**posterior([0.1, 0.15]))), "all_latents_inactive") == []
    assert details(reported(plain()), "all_latents_inactive") == []


@pytest.mark.parametrize(("y", "beyond"), [(65_504.0, False), (65_519.0, False), (65_520.0, True)])
def test_a_sum_is_beyond_half_precision_from_where_it_is_rounded_to_infinity(y: float, *, beyond: bool) -> None:
    with np.errstate(over="ignore"):
        assert np.isinf(np.float64(y).astype(np.float16)) == beyond
    found = reported({"x": np.zeros((1, 1)), "y": np.full((1, 1), y)}, "absolute_error")
    assert bool(details(found, "sum_overflows_float16")) == beyond


def test_sums_beyond_half_precision_are_named() -> None:
    arrays = plain(x=[[256.0, 0.0], [1.0, 0.0], [0, 0], [0, 0]], y=np.zeros((4, 2)))
    assert details(reported(arrays, "half_squared_error"), "sum_overflows_float16") == []
    (detail,) = details(reported(arrays), "sum_overflows_float16")
    assert detail == "Beyond 65504, the end of float16: reconstruction sum_sum, reconstruction of 1 sample."
    latents = posterior([600.0, 0.0])
    (detail,) = details(reported(arrays | latents), "sum_overflows_float16")
    for name in ("reconstruction sum_sum", "kl sum_mean", "kl sum_sum", "kl mean_mean", "kl of 4 samples"):
        assert name in detail
    assert "reconstruction mean" not in detail


@pytest.mark.parametrize("loss", ["squared_error", "half_squared_error", "gaussian_nll"])
def test_overweighted_kl_is_said_of_each_variant_with_the_weight_that_mends_it(loss: str) -> None:
    rng = np.random.default_rng(0)
    arrays = arrays_for(loss, samples=50, features=(64,), latents=(10,))
    arrays |= {"y": arrays["x"] + 0.4 * rng.normal(size=(50, 64))}
    found = reported(arrays, loss)
    said = {detail.split(":")[0]: detail for detail in details(found, "kl_overweighted")}
    assert found.optimal_decoder_variance is not None
    assert 0 < len(said) < 16
    for name, variant in found.variants.items():
        assert variant.implied_decoder_variance is not None
        ratio = variant.implied_decoder_variance / found.optimal_decoder_variance
        assert (name in said) == (ratio > 10)
        assert not math.isclose(ratio, 10, rel_tol=1e-6)
        if name in said:
            assert variant.kl_weight_for is not None
            assert f"{variant.implied_decoder_variance:.4g}" in said[name]
            assert f"{found.optimal_decoder_variance:.4g}" in said[name]
            assert f"{variant.kl_weight_for.optimal_variance:.4g}" in said[name]
    assert "mean_mean+sum_mean" in said
    assert "sum_mean+sum_mean" not in said


def test_ten_times_the_optimal_variance_is_not_overweighted_yet() -> None:
    arrays = {"x": np.zeros(1), "y": np.ones(1), "mu": np.ones(1), "logvar": np.zeros(1)}
    assert details(reported(arrays, beta=20.0), "kl_overweighted") == []
    assert len(details(reported(arrays, beta=20.001), "kl_overweighted")) == 16


def test_a_perfect_reconstruction_has_no_weight_that_mends_it() -> None:
    arrays = {"x": np.ones((2, 3)), "y": np.ones((2, 3)), "mu": np.ones((2, 2)), "logvar": np.zeros((2, 2))}
    said = details(reported(arrays), "kl_overweighted")
    assert len(said) == 16
    assert said[0] == (
        "sum_mean+sum_mean: the implied decoder variance is 0.5. The reconstruction is perfect, so the optimal one is "
        "0, and no weight makes them equal."
    )


def test_overweighted_kl_is_not_said_without_a_gaussian_decoder() -> None:
    arrays = plain(**posterior([1.0, 1.0]))
    assert details(reported(arrays, "absolute_error", beta=1e6), "kl_overweighted") == []
    assert details(reported(plain(), "squared_error"), "kl_overweighted") == []


def test_warnings_come_in_the_order_of_the_contract() -> None:
    arrays = plain(x=np.full((4, 2), 0.5), y=np.zeros((4, 2)), **posterior([0.0], [100.0]))
    codes = [caution.code for caution in reported(arrays, "bce").warnings]
    assert codes == [
        "bce_targets_not_binary",
        "bce_log_clamped",
        "logvar_overflows_float16",
        "logvar_overflows_float32",
        "sum_overflows_float16",
    ]
    arrays |= {"x": np.full((4, 2), 1e-3)} | posterior([0.0], [12.0])
    codes = [caution.code for caution in reported(arrays).warnings]
    assert codes[:2] == ["logvar_overflows_float16", "sum_overflows_float16"]
    assert set(codes[2:]) == {"kl_overweighted"}

"""scikit-learn: `sklearn.metrics`, which are NumPy, so what is left is the order of summation."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from tests.reference.agreement import Foreign, agree
from tests.reference.ours import Arrays, Ours, batch
from tests.reference.proofs import Inputs, Proof, Proofs, hold_number

metrics: Foreign = pytest.importorskip(
    "sklearn.metrics", reason="scikit-learn has its own environment: make test-reference-sklearn"
)

proves = Proofs()

METRICS: Final[dict[str, Callable[..., Foreign]]] = {
    "squared_error": metrics.mean_squared_error,
    "half_squared_error": lambda x, y, **how: metrics.mean_squared_error(x, y, **how) / 2,
    "absolute_error": metrics.mean_absolute_error,
    "squared_log_error": metrics.mean_squared_log_error,
}
every_metric = pytest.mark.parametrize("loss", METRICS)
weighted_or_not = pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])


@every_metric
@weighted_or_not
def test_a_metric_is_our_mean_over_features_and_batch(loss: str, *, weighted: bool) -> None:
    arrays = batch(loss, weighted=weighted)
    found = METRICS[loss](arrays["x"], arrays["y"], sample_weight=arrays.get("sample_weight"))
    agree(found, Ours.of(arrays, loss).reconstruction["mean_mean"], about=("sklearn", loss), within=4)


@every_metric
@weighted_or_not
def test_its_raw_values_are_our_elements_averaged_over_the_batch(loss: str, *, weighted: bool) -> None:
    arrays = batch(loss, weighted=weighted)
    found = METRICS[loss](arrays["x"], arrays["y"], sample_weight=arrays.get("sample_weight"), multioutput="raw_values")
    expected = np.average(Ours.of(arrays, loss).elements, axis=0, weights=arrays.get("sample_weight"))
    agree(found, expected, about=("sklearn", loss), column="elements", within=4)


@weighted_or_not
def test_log_loss_is_our_cross_entropy_of_one_feature(*, weighted: bool) -> None:
    arrays = batch("binary_cross_entropy", weighted=weighted)
    one = {**arrays, "x": arrays["x"][:, 0], "y": arrays["y"][:, 0]}
    found = metrics.log_loss(one["x"], one["y"], sample_weight=one.get("sample_weight"), labels=[0, 1])
    expected = Ours.of(one, "binary_cross_entropy").reconstruction["sum_mean"]
    agree(found, expected, about=("sklearn", "binary_cross_entropy"), within=4)


def test_half_the_poisson_deviance_is_our_loss_less_its_least_value() -> None:
    arrays = batch("poisson_nll")
    one = {**arrays, "x": arrays["x"][:, 0] + 1, "y": arrays["y"][:, 0]}
    ours, least = Ours.of(one, "poisson_nll"), Ours.of({**one, "y": one["x"]}, "poisson_nll")
    expected = ours.reconstruction["sum_mean"] - least.reconstruction["sum_mean"]
    found = metrics.mean_poisson_deviance(one["x"], one["y"]) / 2
    size = float(np.abs(ours.elements).mean() + np.abs(least.elements).mean())
    agree(found, expected, about=("sklearn", "poisson_nll"), size=size, within=4)


@proves("sklearn-mse", loss="squared_error", batch="vectors")
@proves("sklearn-mse", loss="squared_error", batch="vectors", weighted=True)
def mean_squared_error(b: Inputs) -> Foreign:
    return metrics.mean_squared_error(b.x, b.y, sample_weight=b.sample_weight)


def taken(arrays: Arrays) -> Inputs:
    """Hand a batch over as it is."""
    return Inputs(**arrays)


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_a_function_of_scikit_learn_is_our_number(proof: Proof) -> None:
    hold_number(proof, "sklearn", taken)

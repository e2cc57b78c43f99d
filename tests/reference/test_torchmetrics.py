"""torchmetrics: metrics that are fed batch by batch, and what they say at the end."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from app.conventions import CONVENTIONS
from tests.reference.agreement import Foreign, agree
from tests.reference.ours import REDUCTIONS, Arrays, Ours, batch
from tests.reference.proofs import Inputs, Proof, Proofs, hold_number

torch: Foreign = pytest.importorskip("torch", reason="PyTorch is not here: make test-reference-torchmetrics")
torchmetrics: Foreign = pytest.importorskip(
    "torchmetrics", reason="torchmetrics has its own environment: make test-reference-torchmetrics"
)
regression: Final[Foreign] = torchmetrics.regression

proves = Proofs()
shows = pytest.mark.row

METRICS: Final[dict[str, Callable[..., Foreign]]] = {
    "squared_error": regression.MeanSquaredError,
    "absolute_error": regression.MeanAbsoluteError,
    "log_cosh": regression.LogCoshError,
    "squared_log_error": regression.MeanSquaredLogError,
}
every_metric = pytest.mark.parametrize("loss", METRICS)


def in_batches(metric: Foreign, y: Foreign, x: Foreign) -> Foreign:
    """Feed a metric of double precision two samples at a time, and the odd one at the end."""
    metric.set_dtype(torch.float64)
    for start in range(0, len(x), 2):
        metric.update(y[start : start + 2], x[start : start + 2])
    return metric.compute()


@every_metric
def test_a_metric_of_ragged_batches_is_our_mean_over_the_whole(loss: str) -> None:
    arrays = batch(loss)
    x, y = (torch.from_numpy(arrays[name]).flatten() for name in ("x", "y"))
    found = in_batches(METRICS[loss](), y, x)
    agree(found, Ours.of(arrays, loss).reconstruction["mean_mean"], about=("torchmetrics", loss), within=8)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "log_cosh"])
def test_with_an_output_for_each_feature_it_averages_over_the_batch(loss: str) -> None:
    arrays = batch(loss)
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
    found = in_batches(METRICS[loss](num_outputs=x.shape[1]), y, x)
    expected = Ours.of(arrays, loss).elements.mean(0)
    agree(found, expected, about=("torchmetrics", loss), column="elements", within=8)


@proves("torchmetrics-mse", loss="squared_error", batch="vectors")
@proves("torchmetrics-mse", loss="squared_error", batch="images")
def pooled(b: Inputs) -> Foreign:
    return in_batches(regression.MeanSquaredError(), b.y, b.x)


@pytest.mark.parametrize("recipe", CONVENTIONS["torchmetrics-kl"].recipes, ids=lambda recipe: recipe.when)
@shows("torchmetrics-kl", when="reduction='mean', the default")
@shows("torchmetrics-kl", when="reduction='sum'")
@shows("torchmetrics-kl", when="reduction='none'")
def test_the_categorical_divergence_reduces_as_its_row_says(recipe: Foreign) -> None:
    arrays = batch("squared_error")
    p, q = (np.exp(arrays[name]) for name in ("logvar", "mu"))
    normal_p, normal_q = (a / a.sum(1, keepdims=True) for a in (p, q))
    elements = normal_p * np.log(normal_p / normal_q)
    metric = regression.KLDivergence(reduction=recipe.when.split("'")[1])
    found = in_batches(metric, torch.from_numpy(p), torch.from_numpy(q))
    expected = elements.sum(1) if recipe.kl == "sum" else REDUCTIONS[recipe.kl](elements)
    agree(found, expected, about=("torchmetrics", "row torchmetrics-kl"), within=4)


def tensors(arrays: Arrays) -> Inputs:
    """Hand a batch over."""
    return Inputs(**{name: torch.from_numpy(array) for name, array in arrays.items()})


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_a_metric_is_our_number(proof: Proof) -> None:
    hold_number(proof, "torchmetrics", tensors)

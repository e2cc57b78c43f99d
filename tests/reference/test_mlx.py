"""MLX on the CPU, in double precision: the losses of `mlx.nn`, gradients by `mx.grad`, and one model.

Its exponential keeps 24 of 53 bits whatever the type: what has one in it is held to ours in single precision.
"""

from typing import Final

import numpy as np
import pytest

from app.conventions import CONVENTIONS
from tests.reference.agreement import EPS, EPS32, Foreign, agree
from tests.reference.ours import PARAMETERS, REDUCTIONS, Arrays, Ours, batch, recipe_of
from tests.reference.proofs import Inputs, Proof, Proofs, hold_number

mx: Foreign = pytest.importorskip("mlx.core", reason="MLX has its own environment: make test-reference-mlx")
losses: Final[Foreign] = pytest.importorskip("mlx.nn", reason="make test-reference-mlx").losses
mx.set_default_device(mx.cpu)  # nothing else has double precision

proves = Proofs()
shows = pytest.mark.row

LOSSES: Final = {
    "squared_error": losses.mse_loss,
    "absolute_error": losses.l1_loss,
    "huber": losses.huber_loss,
    "smooth_l1": lambda y, x, reduction, delta: losses.smooth_l1_loss(y, x, beta=delta, reduction=reduction),
    "log_cosh": losses.log_cosh_loss,
    "binary_cross_entropy": lambda y, x, reduction: losses.binary_cross_entropy(
        y, x, with_logits=False, reduction=reduction
    ),
    "binary_cross_entropy_with_logits": losses.binary_cross_entropy,
    "gaussian_nll": lambda y, x, reduction, variance: losses.gaussian_nll_loss(
        y, x, mx.full(y.shape, variance, dtype=mx.float64), full=True, reduction=reduction
    ),
}
EXPONENTIAL: Final = frozenset({"binary_cross_entropy_with_logits", "log_cosh"})


def precision(loss: str) -> float:
    """Return the eps in which a loss is held to ours."""
    return EPS32 if loss in EXPONENTIAL else EPS


CASES: Final = [(loss, parameters) for loss in LOSSES for parameters in PARAMETERS.get(loss, ({},))]
every_loss = pytest.mark.parametrize(("loss", "parameters"), CASES, ids=str)


def taken(arrays: Arrays) -> Inputs:
    """Hand a batch over."""
    return Inputs(**{name: mx.array(array, dtype=mx.float64) for name, array in arrays.items()})


@every_loss
def test_a_loss_has_our_elements_and_slopes(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss)
    ours, b, about = Ours.of(arrays, loss, **parameters), taken(arrays), ("mlx", loss)
    elements = LOSSES[loss](b.y, b.x, reduction="none", **parameters)
    agree(elements, ours.elements, about=about, column="elements", within=8, eps=precision(loss))
    slope = mx.grad(lambda y: LOSSES[loss](y, b.x, reduction="none", **parameters).sum(1).mean(0))(b.y)
    agree(slope, ours.slopes.y, about=about, column="gradients", within=8, eps=precision(loss))


@every_loss
@pytest.mark.parametrize(("reduction", "variant"), [("mean", "mean_mean"), ("sum", "sum_sum")])
def test_a_reduced_loss_is_our_variant(loss: str, parameters: dict[str, float], reduction: str, variant: str) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    reduced = LOSSES[loss](b.y, b.x, reduction=reduction, **parameters)
    agree(reduced, ours.reconstruction[variant], about=("mlx", loss), within=8, eps=precision(loss))


# --- functions of MLX -----------------------------------------------------------------------------

_MEAN: Final = "mse_loss, l1_loss, binary_cross_entropy, reduction='mean', the default"


@proves("mlx-losses", when=_MEAN, loss="squared_error")
def mse_mean(b: Inputs) -> Foreign:
    return losses.mse_loss(b.y, b.x)


@proves("mlx-losses", when="mse_loss, l1_loss, binary_cross_entropy, reduction='sum'", loss="squared_error")
def mse_sum(b: Inputs) -> Foreign:
    return losses.mse_loss(b.y, b.x, reduction="sum")


@proves("mlx-losses", when=_MEAN, loss="absolute_error")
def l1_mean(b: Inputs) -> Foreign:
    return losses.l1_loss(b.y, b.x)


@proves("mlx-losses", when=_MEAN, loss="binary_cross_entropy_with_logits")
def bce_mean(b: Inputs) -> Foreign:
    return losses.binary_cross_entropy(b.y, b.x)


@proves("mlx-losses", when="gaussian_nll_loss, reduction='mean', the default", loss="gaussian_nll")
def gaussian_mean(b: Inputs) -> Foreign:
    return losses.gaussian_nll_loss(b.y, b.x, mx.ones_like(b.x))


@proves("mlx-losses", when="gaussian_nll_loss, reduction='sum'", loss="gaussian_nll")
def gaussian_sum(b: Inputs) -> Foreign:
    return losses.gaussian_nll_loss(b.y, b.x, mx.ones_like(b.x), reduction="sum")


@proves("mlx-losses", when="gaussian_nll_loss, reduction='mean', full=True", loss="gaussian_nll")
def gaussian_full_mean(b: Inputs) -> Foreign:
    return losses.gaussian_nll_loss(b.y, b.x, mx.ones_like(b.x), full=True)


@proves("mlx-losses", when="gaussian_nll_loss, reduction='sum', full=True", loss="gaussian_nll")
def gaussian_full_sum(b: Inputs) -> Foreign:
    return losses.gaussian_nll_loss(b.y, b.x, mx.ones_like(b.x), full=True, reduction="sum")


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "binary_cross_entropy_with_logits"])
@shows("mlx-losses", when="reduction='none'")
def test_unreduced_losses_keep_the_shape_of_x(loss: str) -> None:
    arrays = batch(loss, "images")
    b = taken(arrays)
    found = LOSSES[loss](b.y, b.x, reduction="none")
    agree(found, Ours.of(arrays, loss).elements, about=("mlx", "row mlx-losses"), within=8, eps=precision(loss))


@pytest.mark.parametrize("recipe", CONVENTIONS["mlx-kl-div"].recipes, ids=lambda recipe: recipe.when)
@shows("mlx-kl-div", when="reduction='none', the default")
@shows("mlx-kl-div", when="reduction='mean'")
@shows("mlx-kl-div", when="reduction='sum'")
def test_the_categorical_divergence_reduces_as_its_row_says(recipe: Foreign) -> None:
    arrays = batch("squared_error")
    log_q, log_p = (a - np.log(np.exp(a).sum(1, keepdims=True)) for a in (arrays["mu"], arrays["logvar"]))
    elements = np.exp(log_p) * (log_p - log_q)
    inputs, targets = (mx.array(a, dtype=mx.float64) for a in (log_q, log_p))
    found = losses.kl_div_loss(inputs, targets, reduction=recipe.when.split("'")[1])
    expected = elements.sum(1) if recipe.kl == "sum" else REDUCTIONS[recipe.kl](elements)
    agree(found, expected, about=("mlx", "row mlx-kl-div"), within=8, eps=EPS32)


@proves("mlx-examples-cvae", loss="squared_error")
def cvae(b: Inputs) -> Foreign:
    reconstruction = losses.mse_loss(b.y, b.x, reduction="sum")
    return reconstruction - 0.5 * mx.sum(1 + b.logvar - b.mu.square() - b.logvar.exp())


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_what_is_written_in_mlx_is_our_number(proof: Proof) -> None:
    has_kl = recipe_of(proof.row, proof.when).kl is not None
    hold_number(proof, "mlx", taken, eps=EPS32 if has_kl else precision(proof.loss))


def test_the_exponential_of_double_precision_has_single_precision() -> None:
    """Should this fail one day, everything above can be held to ours in double precision."""
    x = np.linspace(-3, 3, 100)
    found = np.asarray(mx.exp(mx.array(x, dtype=mx.float64)))
    worst = float(np.max(np.abs(found / np.exp(x) - 1)))
    assert 1e-9 < worst < 2 * EPS32

"""Keras 3 on its JAX backend, in double precision: `keras.losses`, a layer's regulariser, and the Keras VAEs.

Every function under `@proves` is the row's formula in our words; what a row's caveat names (the clipping of
probabilities, a small constant, a sampled code) is left out, or has no effect: the batches stay away from the ends of
the domains.

Outside of TensorFlow Keras promotes float64 and float32 to float32, and computes the mean of double precision in single
precision. Nearly all of its losses have a mean, so all is held to ours in the eps of single precision.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pytest

from app.losses import find
from tests import exact
from tests.reference.agreement import EPS, EPS32, Foreign, agree, lost_digits
from tests.reference.ours import PARAMETERS, Arrays, Ours, batch, small_errors
from tests.reference.proofs import Inputs, Proof, Proofs, hold_gradients, hold_number

os.environ |= {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}  # both are read when Keras is imported
keras: Foreign = pytest.importorskip("keras", reason="Keras has its own environment: make test-reference-keras")
jax: Foreign = pytest.importorskip("jax", reason="JAX is the backend of Keras here: make test-reference-keras")
keras.config.set_floatx("float64")
ops: Final[Foreign] = keras.ops
mean_squared_error: Final[Foreign] = keras.losses.mean_squared_error
binary_crossentropy: Final[Foreign] = keras.losses.binary_crossentropy

proves = Proofs()
shows = pytest.mark.row


# --- losses ---------------------------------------------------------------------------------------


def huber_by_delta(*, delta: float, **how: Foreign) -> Callable[[Foreign, Foreign], Foreign]:
    """Make smooth L1 of Huber."""
    loss = keras.losses.Huber(delta=delta, **how)
    return lambda x, y: loss(x, y) / delta


LOSSES: Final[Mapping[str, Callable[..., Foreign]]] = {
    "squared_error": keras.losses.MeanSquaredError,
    "absolute_error": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
    "smooth_l1": huber_by_delta,
    "log_cosh": keras.losses.LogCosh,
    "binary_cross_entropy": keras.losses.BinaryCrossentropy,
    "binary_cross_entropy_with_logits": lambda **how: keras.losses.BinaryCrossentropy(from_logits=True, **how),
    "squared_log_error": keras.losses.MeanSquaredLogarithmicError,
}
"""Every loss of ours that Keras has, save Poisson, to which it adds a constant inside the logarithm."""

CASES: Final = [(loss, parameters) for loss in LOSSES for parameters in PARAMETERS.get(loss, ({},))]
every_loss = pytest.mark.parametrize(("loss", "parameters"), CASES, ids=str)


def taken(arrays: Arrays) -> Inputs:
    """Hand a batch over."""
    return Inputs(**{name: ops.convert_to_tensor(array) for name, array in arrays.items()})


@every_loss
def test_a_loss_has_our_elements_and_slopes(loss: str, parameters: dict[str, float]) -> None:
    """Keras always averages the last axis, so each element is given an axis of its own."""
    arrays = batch(loss)
    ours, b, about = Ours.of(arrays, loss, **parameters), taken(arrays), ("keras", loss)
    function = LOSSES[loss](reduction="none", dtype="float64", **parameters)
    elements = function(b.x[..., None], b.y[..., None])
    agree(elements, ours.elements, about=about, column="elements", within=8, eps=EPS32)
    slope = jax.grad(lambda y: function(b.x[..., None], y[..., None]).sum(1).mean(0))(b.y)
    agree(slope, ours.slopes.y, about=about, column="gradients", within=8, eps=EPS32)


@every_loss
@pytest.mark.parametrize(
    ("reduction", "variant"), [("sum_over_batch_size", "mean_mean"), ("mean", "mean_mean"), ("sum", "mean_sum")]
)
def test_a_reduced_loss_is_our_variant(loss: str, parameters: dict[str, float], reduction: str, variant: str) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    reduced = LOSSES[loss](reduction=reduction, dtype="float64", **parameters)(b.x, b.y)
    agree(reduced, ours.reconstruction[variant], about=("keras", loss), within=8, eps=EPS32)


@every_loss
def test_unreduced_it_is_our_mean_over_the_features_of_each_sample(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    found = LOSSES[loss](reduction="none", dtype="float64", **parameters)(b.x, b.y)
    agree(found, ours.report.per_sample.reconstruction["mean"], about=("keras", loss), within=8, eps=EPS32)


@every_loss
def test_in_single_precision_it_is_ours_to_single_precision(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss, dtype="float32")
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    reduced = LOSSES[loss](dtype="float32", **parameters)(b.x, b.y)
    expected = ours.reconstruction["mean_mean"]
    agree(reduced, expected, about=("keras", loss), column="float32", within=8, eps=EPS32)


def test_poisson_is_ours_with_a_small_constant_inside_the_logarithm() -> None:
    arrays, small = batch("poisson_nll"), 1e-7
    b = taken(arrays)
    shifted = Ours.of({**arrays, "y": arrays["y"] + small}, "poisson_nll")
    found = keras.losses.Poisson(reduction="sum", dtype="float64")(b.x, b.y)
    expected = shifted.reconstruction["mean_sum"] - small * len(arrays["x"])
    agree(
        found,
        expected,
        about=("keras", "poisson_nll"),
        size=float(np.abs(shifted.elements).mean(1).sum()),
        within=8,
        eps=EPS32,
    )


def test_the_mean_of_double_precision_has_single_precision() -> None:
    """Should this fail one day, everything here can be held to ours in double precision."""
    numbers = np.random.default_rng(16).uniform(size=50)
    off = abs(float(ops.mean(numbers)) / float(numbers.mean()) - 1)
    assert 1e3 * EPS < off < 8 * EPS32
    assert abs(float(ops.sum(numbers)) / float(numbers.sum()) - 1) < 8 * EPS


# --- functions of Keras ---------------------------------------------------------------------------

_DEFAULT: Final = "reduction='sum_over_batch_size' or 'mean', the default"
_BY_WEIGHT: Final = "reduction='mean_with_sample_weight'"
_SUM: Final = "reduction='sum'"
_EVERY_MEAN: Final = "every mean but 'mean_with_sample_weight'"


def of_keras(name: str, b: Inputs, **how: str) -> Foreign:
    """Ask a loss of Keras in double precision, weights and all."""
    return getattr(keras.losses, name)(dtype="float64", **how)(b.x, b.y, sample_weight=b.sample_weight)


@proves("keras-mse", when=_DEFAULT, loss="squared_error")
@proves("keras-mse", when=_DEFAULT, loss="squared_error", batch="vectors", weighted=True)
def mse_default(b: Inputs) -> Foreign:
    return of_keras("MeanSquaredError", b)


@proves("keras-mse", when=_BY_WEIGHT, loss="squared_error", batch="vectors", weighted=True)
def mse_by_weight(b: Inputs) -> Foreign:
    return of_keras("MeanSquaredError", b, reduction="mean_with_sample_weight")


@proves("keras-mse", when=_SUM, loss="squared_error")
@proves("keras-mse", when=_SUM, loss="squared_error", batch="vectors", weighted=True)
def mse_sum(b: Inputs) -> Foreign:
    return of_keras("MeanSquaredError", b, reduction="sum")


@proves("keras-bce", when=_DEFAULT, loss="binary_cross_entropy")
@proves("keras-bce", when=_DEFAULT, loss="binary_cross_entropy", batch="vectors", weighted=True)
def bce_default(b: Inputs) -> Foreign:
    return of_keras("BinaryCrossentropy", b)


@proves("keras-bce", when=_BY_WEIGHT, loss="binary_cross_entropy", batch="vectors", weighted=True)
def bce_by_weight(b: Inputs) -> Foreign:
    return of_keras("BinaryCrossentropy", b, reduction="mean_with_sample_weight")


@proves("keras-bce", when=_SUM, loss="binary_cross_entropy")
def bce_sum(b: Inputs) -> Foreign:
    return of_keras("BinaryCrossentropy", b, reduction="sum")


@proves("keras-loss-sample-weight", when=_EVERY_MEAN, loss="log_cosh", batch="vectors", weighted=True)
@proves("keras-loss-sample-weight", when=_EVERY_MEAN, loss="log_cosh", batch="vectors")
def any_mean(b: Inputs) -> Foreign:
    return of_keras("LogCosh", b, reduction="mean")


@proves("keras-loss-sample-weight", when=_BY_WEIGHT, loss="absolute_error", batch="vectors", weighted=True)
def any_mean_by_weight(b: Inputs) -> Foreign:
    return of_keras("MeanAbsoluteError", b, reduction="mean_with_sample_weight")


@pytest.mark.parametrize(
    ("loss", "name"), [("squared_error", "MeanSquaredError"), ("binary_cross_entropy", "BinaryCrossentropy")]
)
@shows("keras-mse", when="reduction='none'")
@shows("keras-bce", when="reduction='none'")
def test_unreduced_an_image_keeps_all_axes_but_the_last(loss: str, name: str) -> None:
    arrays = batch(loss, "images")
    expected = Ours.of(arrays, loss).elements.mean(-1)
    found = of_keras(name, taken(arrays), reduction="none")
    agree(
        found,
        expected,
        about=("keras", f"row keras-{'mse' if loss == 'squared_error' else 'bce'}"),
        within=8,
        eps=EPS32,
    )


@proves("keras-activity-regularizer", when="Keras 2, tf_keras, and Keras 3.14 or later", loss="squared_error")
def regularised(b: Inputs) -> Foreign:
    def summed(latents: Foreign) -> Foreign:
        mu, logvar = ops.split(latents, 2, axis=-1)
        return ops.sum(textbook(Inputs(b.x, b.y, mu, logvar)))

    layer = keras.layers.Activation("linear", activity_regularizer=summed, dtype="float64")
    layer(ops.concatenate([b.mu, b.logvar], axis=-1))
    (charged,) = layer.losses
    return charged


# --- models ---------------------------------------------------------------------------------------


def textbook(b: Inputs) -> Foreign:
    """Write the divergence of every latent from log variances."""
    return -0.5 * (1 + b.logvar - ops.square(b.mu) - ops.exp(b.logvar))


def axes(b: Inputs) -> tuple[int, ...]:
    """Name all axes but the batch."""
    return tuple(range(1, len(b.x.shape)))


@proves("keras-2016-05-first", loss="binary_cross_entropy", batch="vectors")
def first(b: Inputs) -> Foreign:
    return ops.mean(binary_crossentropy(b.x, b.y) + ops.mean(textbook(b), axis=-1))


@proves("keras-2016-07-stylefix", loss="binary_cross_entropy", batch="vectors")
def stylefix(b: Inputs) -> Foreign:
    return ops.mean(binary_crossentropy(b.x, b.y) + ops.sum(textbook(b), axis=-1))


@proves("keras-vae-mlp-final", when="the default", loss="binary_cross_entropy", batch="vectors")
def perceptron(b: Inputs) -> Foreign:
    return ops.mean(b.features * binary_crossentropy(b.x, b.y) + ops.sum(textbook(b), axis=-1))


@proves("keras-vae-mlp-final", when="--mse", loss="squared_error", batch="vectors")
def perceptron_of_squares(b: Inputs) -> Foreign:
    return ops.mean(b.features * mean_squared_error(b.x, b.y) + ops.sum(textbook(b), axis=-1))


@proves("keras-vae-deconv-final", when="the default", loss="binary_cross_entropy")
def deconvolution(b: Inputs) -> Foreign:
    whole = binary_crossentropy(ops.reshape(b.x, (-1,)), ops.reshape(b.y, (-1,)))
    return ops.mean(b.features * whole + ops.sum(textbook(b), axis=-1))


@proves("keras-vae-deconv-final", when="--mse", loss="squared_error")
def deconvolution_of_squares(b: Inputs) -> Foreign:
    whole = mean_squared_error(ops.reshape(b.x, (-1,)), ops.reshape(b.y, (-1,)))
    return ops.mean(b.features * whole + ops.sum(textbook(b), axis=-1))


@proves("keras-io-vae", loss="binary_cross_entropy")
@proves("keras-io-vae", loss="binary_cross_entropy", batch="grey images")
def keras_io(b: Inputs) -> Foreign:
    reconstruction = ops.mean(ops.sum(binary_crossentropy(b.x, b.y), axis=(1, 2)))
    return reconstruction + ops.mean(ops.sum(textbook(b), axis=1))


@proves("keras-io-vae-2020", loss="binary_cross_entropy", batch="grey images")
def keras_io_of_2020(b: Inputs) -> Foreign:
    return b.features * ops.mean(binary_crossentropy(b.x, b.y)) + ops.mean(textbook(b))


@proves("tf-docs-cvae", loss="binary_cross_entropy_with_logits")
def tensorflow_docs(b: Inputs) -> Foreign:
    log_p_x = -ops.sum(ops.binary_crossentropy(b.x, b.y, from_logits=True), axis=axes(b))

    def log_normal(z: Foreign, mean: Foreign, logvar: Foreign) -> Foreign:
        return ops.sum(-0.5 * ((z - mean) ** 2 * ops.exp(-logvar) + logvar + np.log(2 * np.pi)), axis=1)

    totals = []
    for noise in (1.0, -1.0):  # log q - log p is quadratic in the noise: the mean of two points is its expectation
        z = b.mu + noise * ops.exp(0.5 * b.logvar)
        log_p, log_q = log_normal(z, 0.0 * z, 0.0 * z), log_normal(z, b.mu, b.logvar)
        totals.append(-ops.mean(log_p_x + log_p - log_q))
    return (totals[0] + totals[1]) / 2


@proves("hwalsuk-mnist-vae", loss="binary_cross_entropy", batch="vectors")
def mnist(b: Inputs) -> Foreign:
    likelihood = ops.sum(b.x * ops.log(b.y) + (1 - b.x) * ops.log(1 - b.y), axis=1)
    variance = ops.square(ops.exp(0.5 * b.logvar))
    kl = 0.5 * ops.sum(ops.square(b.mu) + variance - ops.log(variance) - 1, axis=1)
    return -(ops.mean(likelihood) - ops.mean(kl))


@proves("gdl-book-vae", when="digits", loss="squared_error", batch="grey images")
@proves("gdl-book-vae", when="faces", loss="squared_error")
def book(b: Inputs, r_loss_factor: float) -> Foreign:
    reconstruction = ops.mean(ops.square(b.x - b.y), axis=(1, 2, 3))
    return ops.mean(r_loss_factor * reconstruction + ops.sum(textbook(b), axis=1))


@proves("keras-molecules", loss="binary_cross_entropy", batch="one-hot text")
def molecules(b: Inputs, max_length: float) -> Foreign:
    whole = binary_crossentropy(ops.reshape(b.x, (-1,)), ops.reshape(b.y, (-1,)))
    return ops.mean(max_length * whole + ops.mean(textbook(b), axis=-1))


# --- the proofs are put to the test ---------------------------------------------------------------


def differentiate(proof: Proof, arrays: Arrays, parameters: Mapping[str, float]) -> dict[str, Foreign]:
    """Ask the backend."""
    b = taken(arrays)

    def total(y: Foreign, mu: Foreign, logvar: Foreign) -> Foreign:
        return proof.computes(Inputs(b.x, y, mu, logvar, b.sample_weight), **parameters)

    return dict(zip(("y", "mu", "logvar"), jax.grad(total, argnums=(0, 1, 2))(b.y, b.mu, b.logvar), strict=True))


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_a_convention_written_in_keras_is_our_number(proof: Proof) -> None:
    hold_number(proof, "keras", taken, eps=EPS32)


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_its_gradients_are_scale_times_ours(proof: Proof) -> None:
    hold_gradients(proof, "keras", differentiate, eps=EPS32)


# --- where Keras is less exact --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "name", "at_least"),
    [("log_cosh", "LogCosh", 1e7), ("squared_log_error", "MeanSquaredLogarithmicError", 1e7)],
)
def test_a_loss_cancels_for_small_errors(loss: str, name: str, at_least: float) -> None:
    x, y = small_errors()
    found = getattr(keras.losses, name)(reduction="none", dtype="float64")(x[:, None], y[:, None])
    lost_digits(
        found,
        find(loss).value(x, y),
        [exact.value(loss, *pair) for pair in zip(x, y, strict=True)],
        framework="keras",
        what=f"{name}, x of [0.1, 0.9] and errors of N(0, 1e-6)",
        at_least=at_least,
    )

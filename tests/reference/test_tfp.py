"""TensorFlow Probability's layers, on the Keras 2 that they were written for: how a KL term enters a model's loss."""

import os
from typing import Final

import numpy as np
import pytest

from tests.reference.agreement import Foreign, agree
from tests.reference.ours import Arrays, Ours, batch
from tests.reference.proofs import Inputs, Proof, Proofs, hold_number

os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # both are read when TensorFlow is imported
where = "TensorFlow Probability has its own environment: make test-reference-tfp"
tfp: Foreign = pytest.importorskip("tensorflow_probability", reason=where)
tf: Foreign = pytest.importorskip("tensorflow", reason=where)
tf_keras: Foreign = pytest.importorskip("tf_keras", reason=where)
Normal: Final[Foreign] = tfp.distributions.Normal
Independent: Final[Foreign] = tfp.distributions.Independent
tf_keras.backend.set_floatx("float64")

proves = Proofs()


def taken(arrays: Arrays) -> Inputs:
    """Hand a batch over."""
    return Inputs(**{name: tf.constant(array) for name, array in arrays.items()})


def posterior(b: Inputs) -> Foreign:
    """Make the distribution of the codes, one for each sample."""
    return Independent(Normal(b.mu, tf.exp(0.5 * b.logvar)), reinterpreted_batch_ndims=1)


def prior(b: Inputs) -> Foreign:
    """Make the distribution that the codes are held to."""
    return Independent(Normal(tf.zeros_like(b.mu[0]), 1.0), reinterpreted_batch_ndims=1)


def charged(b: Inputs, layer: Foreign | None = None, **how: Foreign) -> Foreign:
    """Let a distribution pass through a model, and return what its layers add to the loss."""
    size = b.mu.shape[-1]

    def made(z: Foreign) -> Foreign:
        return posterior(Inputs(b.x, b.y, z[..., :size], z[..., size:]))

    layers = [tf_keras.layers.InputLayer((2 * size,), dtype="float64")]
    layers.append(tfp.layers.DistributionLambda(made, dtype="float64", **how))
    model = tf_keras.Sequential(layers if layer is None else [*layers, layer])
    model(tf.concat([b.mu, b.logvar], axis=-1))
    return model.losses[0]


@proves("tfp-kl-layers", when="KLDivergenceAddLoss, use_exact_kl=True", loss="squared_error")
def exact_loss(b: Inputs, weight: float) -> Foreign:
    return charged(b, tfp.layers.KLDivergenceAddLoss(prior(b), use_exact_kl=True, weight=weight))


@proves("tfp-kl-layers", when="KLDivergenceAddLoss, the default estimate from samples", loss="squared_error")
def estimated_loss(b: Inputs, weight: float) -> Foreign:
    """Put the codes at noise +1 and -1 in turn: the mean of the two is the expectation without any error."""

    def estimate(noise: float) -> Foreign:
        def codes(q: Foreign) -> Foreign:
            return q.mean() + noise * q.stddev()

        return charged(b, tfp.layers.KLDivergenceAddLoss(prior(b), test_points_fn=codes, weight=weight))

    return (estimate(1.0) + estimate(-1.0)) / 2


@proves("tfp-kl-layers", when="KLDivergenceRegularizer", loss="squared_error")
def regularised(b: Inputs, weight: float) -> Foreign:
    regularizer = tfp.layers.KLDivergenceRegularizer(prior(b), use_exact_kl=True, weight=weight)
    return charged(b, activity_regularizer=regularizer)


@proves("keras-activity-regularizer", when="Keras 2, tf_keras, and Keras 3.14 or later", loss="squared_error")
def regularised_by_hand(b: Inputs) -> Foreign:
    def summed(mu: Foreign) -> Foreign:
        return tf.reduce_sum(0.5 * (mu**2 + tf.exp(b.logvar) - 1 - b.logvar))

    layer = tf_keras.layers.Activation("linear", activity_regularizer=summed, dtype="float64")
    layer(b.mu)
    (found,) = layer.losses
    return found


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_what_a_layer_adds_to_the_loss_is_our_number(proof: Proof) -> None:
    hold_number(proof, "tfp", taken)


def test_the_divergence_has_our_values_per_sample() -> None:
    arrays = batch("squared_error")
    b = taken(arrays)
    kl = Ours.of(arrays, "squared_error").report.per_sample.kl
    assert kl is not None
    found = np.asarray(posterior(b).kl_divergence(prior(b)))
    agree(found, kl["sum"], about=("tfp", "KL, tfp.distributions"), column="elements", within=4)

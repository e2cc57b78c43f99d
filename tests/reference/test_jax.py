"""JAX: optax's losses, `jax.scipy.stats`, `jax.grad`, and the rows of the catalogue that are written with them.

Every function under `@proves` is the row's formula in our words; what a row's caveat names is left out. Chainer and
Flux cannot be had beside NumPy 2 and in Python: their models are written with optax instead.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pytest
from mpmath import mpf

from app.losses import find
from app.losses.divergence import divergence
from tests import exact
from tests.reference.agreement import EPS32, Foreign, agree, lost_digits
from tests.reference.ours import PARAMETERS, REDUCTIONS, Arrays, Ours, batch, labels, near_the_prior
from tests.reference.proofs import Inputs, Proof, Proofs, hold_gradients, hold_number

jax: Foreign = pytest.importorskip("jax", reason="JAX has its own environment: make test-reference-jax")
optax: Foreign = pytest.importorskip("optax", reason="optax has its own environment: make test-reference-jax")
jax.config.update("jax_enable_x64", True)
jnp: Final[Foreign] = jax.numpy
stats: Final[Foreign] = jax.scipy.stats

proves = Proofs()
shows = pytest.mark.row


# --- losses ---------------------------------------------------------------------------------------


def poisson(y: Foreign, x: Foreign) -> Foreign:
    """Take log(x!) out of the likelihood again, which ours leaves out."""
    return -stats.poisson.logpmf(x, y) - jax.scipy.special.gammaln(x + 1)


LOSSES: Final = {
    "squared_error": optax.squared_error,
    "half_squared_error": optax.l2_loss,
    "absolute_error": lambda y, x: jnp.abs(y - x),
    "huber": optax.huber_loss,
    "smooth_l1": lambda y, x, delta: optax.huber_loss(y, x, delta=delta) / delta,
    "log_cosh": optax.log_cosh,
    "binary_cross_entropy_with_logits": optax.sigmoid_binary_cross_entropy,
    "gaussian_nll": lambda y, x, variance: -stats.norm.logpdf(x, y, math.sqrt(variance)),
    "poisson_nll": poisson,
    "squared_log_error": lambda y, x: optax.squared_error(jnp.log1p(y), jnp.log1p(x)),
}
"""Every loss of ours but the cross entropy of probabilities, which optax does not have."""

CASES: Final = [(loss, parameters) for loss in LOSSES for parameters in PARAMETERS.get(loss, ({},))]
every_loss = pytest.mark.parametrize(("loss", "parameters"), CASES, ids=str)


def taken(arrays: Arrays) -> Inputs:
    """Hand a batch over."""
    return Inputs(**{name: jnp.asarray(array) for name, array in arrays.items()})


@every_loss
def test_a_loss_has_our_elements_and_slopes(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    about = ("jax", loss)
    agree(LOSSES[loss](b.y, b.x, **parameters), ours.elements, about=about, column="elements", within=4)
    slope = jax.grad(lambda y: LOSSES[loss](y, b.x, **parameters).sum(1).mean(0))(b.y)
    agree(slope, ours.slopes.y, about=about, column="gradients", within=4)


@every_loss
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_four_reductions_are_ours(loss: str, parameters: dict[str, float], reduction: str) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    reduced = REDUCTIONS[reduction](LOSSES[loss](b.y, b.x, **parameters))
    agree(reduced, ours.reconstruction[reduction], about=("jax", loss), within=4)


@every_loss
def test_in_single_precision_it_is_ours_to_single_precision(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss, dtype="float32")
    ours, b = Ours.of(arrays, loss, **parameters), taken(arrays)
    reduced = jnp.mean(LOSSES[loss](b.y, b.x, **parameters))
    assert reduced.dtype == jnp.float32
    expected = ours.reconstruction["mean_mean"]
    agree(reduced, expected, about=("jax", loss), column="float32", within=4, eps=EPS32)


# --- the KL divergence ----------------------------------------------------------------------------


def textbook(b: Inputs) -> Foreign:
    """Write the divergence of every latent from log variances."""
    return -0.5 * (1 + b.logvar - jnp.square(b.mu) - jnp.exp(b.logvar))


def of_sigma(b: Inputs) -> Foreign:
    """Write it for an encoder whose output is log sigma."""
    sigma = jnp.exp(0.5 * b.logvar)
    return 0.5 * (-jnp.log(sigma**2) - 1.0 + sigma**2 + b.mu**2)


def sampled(b: Inputs) -> Foreign:
    """Estimate it from codes, log q(z) - log p(z), at noise +1 and -1: the mean of the two is exact."""
    sigma = jnp.exp(0.5 * b.logvar)
    codes = [b.mu + noise * sigma for noise in (1, -1)]
    return sum(stats.norm.logpdf(z, b.mu, sigma) - stats.norm.logpdf(z) for z in codes) / 2


DIVERGENCES: Final = {"KL, textbook formula": textbook, "KL, of sigma": of_sigma, "KL, sampled at +1 and -1": sampled}
every_divergence = pytest.mark.parametrize("way", DIVERGENCES)


@every_divergence
def test_the_divergence_has_our_elements_and_slopes(way: str) -> None:
    arrays = batch("squared_error")
    ours, b = Ours.of(arrays, "squared_error"), taken(arrays)
    agree(DIVERGENCES[way](b), ours.divergence, about=("jax", way), column="elements", within=4)

    def total(mu: Foreign, logvar: Foreign) -> Foreign:
        return DIVERGENCES[way](Inputs(b.x, b.y, mu, logvar)).sum(1).mean(0)

    slopes = jax.grad(total, argnums=(0, 1))(b.mu, b.logvar)
    for found, slope in zip(slopes, (ours.slopes.mu, ours.slopes.logvar), strict=True):
        assert slope is not None
        agree(found, slope, about=("jax", way), column="gradients", within=4)


@every_divergence
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_reduced_divergence_is_ours(way: str, reduction: str) -> None:
    arrays = batch("squared_error")
    reduced = REDUCTIONS[reduction](DIVERGENCES[way](taken(arrays)))
    agree(reduced, Ours.of(arrays, "squared_error").kl[reduction], about=("jax", way), within=4)


# --- functions of optax ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "function"), [("squared_error", optax.squared_error), ("half_squared_error", optax.l2_loss)]
)
@shows("optax-squared-error", when="squared_error")
@shows("optax-squared-error", when="l2_loss")
def test_optax_returns_elements_in_the_shape_of_x(loss: str, function: Foreign) -> None:
    arrays = batch(loss, "images")
    b, about = taken(arrays), ("jax", "row optax-squared-error")
    agree(function(b.y, b.x), Ours.of(arrays, loss).elements, about=about, within=4)


@shows("optax-squared-error", when="squared_error")
def test_optax_does_not_broadcast_a_column_against_a_row() -> None:
    with pytest.raises(ValueError, match="Shape mismatch"):
        optax.squared_error(jnp.ones((3, 1)), jnp.ones(3))


@shows("optax-kl-divergence")
def test_optax_sums_the_categorical_divergence_over_the_last_axis() -> None:
    arrays = batch("squared_error")
    log_q, log_p = (a - np.log(np.exp(a).sum(1, keepdims=True)) for a in (arrays["mu"], arrays["logvar"]))
    elements = np.exp(log_p) * (log_p - log_q)
    found = optax.kl_divergence(jnp.asarray(log_q), jnp.exp(jnp.asarray(log_p)))
    agree(found, elements.sum(1), about=("jax", "row optax-kl-divergence"), within=4)


# --- models ---------------------------------------------------------------------------------------


@proves("flax-linen-vae", loss="binary_cross_entropy_with_logits", batch="vectors")
def linen(b: Inputs) -> Foreign:
    def of_one(logits: Foreign, labels: Foreign) -> Foreign:
        log_p = jax.nn.log_sigmoid(logits)
        return -jnp.sum(labels * log_p + (1.0 - labels) * jax.nn.log_sigmoid(-logits))

    def kl_of_one(mean: Foreign, logvar: Foreign) -> Foreign:
        return -0.5 * jnp.sum(1 + logvar - jnp.square(mean) - jnp.exp(logvar))

    return jax.vmap(of_one)(b.y, b.x).mean() + jax.vmap(kl_of_one)(b.mu, b.logvar).mean()


@proves("flax-nnx-05-vae", loss="binary_cross_entropy_with_logits")
def nnx(b: Inputs, kl_weight: float) -> Foreign:
    return jnp.mean(optax.sigmoid_binary_cross_entropy(b.y, b.x)) + kl_weight * jnp.mean(textbook(b))


@proves("haiku-vae", loss="binary_cross_entropy_with_logits")
def haiku(b: Inputs) -> Foreign:
    log_likelihood = -jnp.sum(optax.sigmoid_binary_cross_entropy(b.y, b.x), axis=(1, 2, 3))
    return -jnp.mean(log_likelihood - jnp.sum(of_sigma(b), axis=-1))


@proves("numpyro-vae", loss="binary_cross_entropy")
def numpyro(b: Inputs) -> Foreign:
    log_likelihood = jax.scipy.special.xlogy(b.x, b.y) + jax.scipy.special.xlog1py(1 - b.x, -b.y)
    return jnp.sum(sampled(b)) - jnp.sum(log_likelihood)


@proves("disentanglement-lib-beta", loss="binary_cross_entropy")
def disentanglement(b: Inputs, beta: float) -> Foreign:
    logits = jax.scipy.special.logit(b.y).reshape(b.size, -1)
    reconstruction = jnp.sum(optax.sigmoid_binary_cross_entropy(logits, b.x.reshape(b.size, -1)), axis=1)
    kl = 0.5 * jnp.sum(jnp.square(b.mu) + jnp.exp(b.logvar) - b.logvar - 1, axis=1)
    return jnp.mean(reconstruction) + beta * jnp.mean(kl)


@proves("disentanglement-lib-beta", loss="squared_error")
def disentanglement_of_squares(b: Inputs, beta: float) -> Foreign:
    reconstruction = jnp.sum(optax.squared_error(b.y, b.x), axis=(1, 2, 3))
    kl = 0.5 * jnp.sum(jnp.square(b.mu) + jnp.exp(b.logvar) - b.logvar - 1, axis=1)
    return jnp.mean(reconstruction) + beta * jnp.mean(kl)


@proves("chainer-vae", loss="binary_cross_entropy_with_logits")
def chainer(b: Inputs, beta: float) -> Foreign:
    reconstruction = jnp.sum(jnp.logaddexp(0, b.y) - b.x * b.y) / b.size
    return reconstruction + beta * jnp.sum(textbook(b)) / b.size


@proves("flux-model-zoo-vae", loss="binary_cross_entropy_with_logits")
def flux(b: Inputs) -> Foreign:
    kl = 0.5 * jnp.sum(jnp.exp(b.logvar) + b.mu**2 - 1 - b.logvar) / b.size
    return jnp.sum(optax.sigmoid_binary_cross_entropy(b.y, b.x)) / b.size + kl


@proves("flux-model-zoo-vae-2021-01", loss="binary_cross_entropy_with_logits")
def flux_of_two_days(b: Inputs) -> Foreign:
    kl = 0.5 * jnp.sum(jnp.exp(b.logvar) + b.mu**2 - 1 - b.logvar) / b.size
    return jnp.sum(jnp.mean(optax.sigmoid_binary_cross_entropy(b.y, b.x))) / b.size + kl


# --- the proofs are put to the test ---------------------------------------------------------------


def differentiate(proof: Proof, arrays: Arrays, parameters: Mapping[str, float]) -> dict[str, Foreign]:
    """Ask jax.grad."""
    b = taken(arrays)

    def total(y: Foreign, mu: Foreign, logvar: Foreign) -> Foreign:
        return proof.computes(Inputs(b.x, y, mu, logvar), **parameters)

    return dict(zip(("y", "mu", "logvar"), jax.grad(total, argnums=(0, 1, 2))(b.y, b.mu, b.logvar), strict=True))


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_a_convention_written_in_jax_is_our_number(proof: Proof) -> None:
    hold_number(proof, "jax", taken)


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_its_gradients_are_scale_times_ours(proof: Proof) -> None:
    hold_gradients(proof, "jax", differentiate)


# --- where JAX is less exact ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "soft"])
def test_the_cross_entropy_of_logits_keeps_its_digits(kind: str) -> None:
    loss, (x, y) = find("binary_cross_entropy_with_logits"), labels(soft=kind == "soft")
    lost_digits(
        optax.sigmoid_binary_cross_entropy(jnp.asarray(y), jnp.asarray(x)),
        loss.value(x, y),
        [exact.value(loss.name, *pair) for pair in zip(x, y, strict=True)],
        framework="optax",
        what=f"sigmoid_binary_cross_entropy, {kind} labels and logits of N(0, 3)",
        at_least=0,
    )


def test_log_cosh_cancels_for_small_errors() -> None:
    loss = find("log_cosh")
    y = np.random.default_rng(15).normal(0, 1e-3, 2000)
    x = np.zeros_like(y)
    lost_digits(
        optax.log_cosh(jnp.asarray(y), jnp.asarray(x)),
        loss.value(x, y),
        [exact.value(loss.name, *pair) for pair in zip(x, y, strict=True)],
        framework="optax",
        what="log_cosh, errors of N(0, 1e-3)",
        at_least=1000,
    )


def test_the_divergence_cancels_near_the_prior() -> None:
    mu, logvar = near_the_prior(1e-4)
    lost_digits(
        textbook(Inputs(None, None, jnp.asarray(mu), jnp.asarray(logvar))),
        divergence(mu, logvar),
        [exact.kl(mpf(float(m)), mpf(float(v))) for m, v in zip(mu, logvar, strict=True)],
        framework="jax",
        what="KL, textbook formula, mu and logvar of N(0, 0.0001)",
        at_least=1e7,
    )

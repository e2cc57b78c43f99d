"""What each code base would report for a batch, against its own words: axes summed or averaged, one after the other."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from app.conventions import (
    CONVENTIONS,
    Extent,
    LeftOut,
    Observed,
    Reading,
    load,
    losses_needed,
    observe,
    observe_all,
)
from app.losses.elementwise import LOSSES
from tests import exact
from tests.losses.cases import reported

CLOSE = 1e-12

Array = NDArray[np.float64]


class Batch(NamedTuple):
    """x, y in (0, 1) of shape (N, ...); mu, logvar of shape (N, channels, time)."""

    x: Array
    y: Array
    mu: Array
    logvar: Array


def batch(*features: int, n: int = 5, latents: tuple[int, ...] = (2, 7)) -> Batch:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.01, 0.99, (2, n, *features))
    mu, logvar = rng.normal(size=(2, n, *latents))
    return Batch(x, y, mu, logvar)


BATCHES = {
    "images": batch(4, 6, 3),
    "rows": batch(12, latents=(9,)),
    "series": batch(3, 4),
    "numbers": batch(latents=()),
    "one": batch(1, n=1, latents=(1,)),
}
IMAGES = BATCHES["images"]

every_batch = pytest.mark.parametrize("b", BATCHES.values(), ids=BATCHES)


def squares(b: Batch) -> Array:
    return np.square(b.x - b.y)


def entropies(b: Batch) -> Array:
    return -(b.x * np.log(b.y) + (1 - b.x) * np.log(1 - b.y))


ELEMENTS: Mapping[str, Callable[[Batch], Array]] = {
    "squared_error": squares,
    "half_squared_error": lambda b: squares(b) / 2,
    "absolute_error": lambda b: np.abs(b.x - b.y),
    "smooth_l1": lambda b: squares(b) / 2,  # every error is below 1
    "binary_cross_entropy": entropies,
    "binary_cross_entropy_with_logits": entropies,  # of the logits that stand for y
    "gaussian_nll": lambda b: (squares(b) + np.log(2 * np.pi)) / 2,
    "poisson_nll": lambda b: b.y - b.x * np.log(b.y),
}
"""The elementwise losses, with their default parameters."""


def kls(b: Batch) -> Array:
    return (np.exp(b.logvar) + np.square(b.mu) - 1 - b.logvar) / 2


def per_sample(a: Array) -> Array:
    """Sum over everything but the first axis."""
    sums: Array = a.reshape(len(a), -1).sum(axis=1)
    return sums


def means(a: Array) -> Array:
    """Average over everything but the first axis."""
    averages: Array = a.reshape(len(a), -1).mean(axis=1)
    return averages


def last_axis(a: Array) -> Array:
    """Average over the last feature axis, of which there is one at least."""
    averages: Array = a.reshape(len(a), *(a.shape[1:] or (1,))).mean(axis=-1)
    return averages


def over_pixels(a: Array) -> Array:
    """Average over the channels of images, those of other samples being one, and sum over the rest."""
    return per_sample(last_axis(a) if a.ndim > 3 else a)


def channel_sums(k: Array) -> Array:
    """Sum over latent channels, which come before the time."""
    return k.sum(axis=1) if k.ndim > 1 else k


Words = Callable[[Array, Array], float]
"""From the elementwise losses and divergences to the total."""

HALF_LN_2PI = math.log(2 * math.pi) / 2


def everything_summed(e: Array, k: Array) -> float:
    return float(e.sum() + k.sum())


def elbo(e: Array, k: Array) -> float:
    return float((per_sample(e) + per_sample(k)).mean())


def beta_elbo(beta: float) -> Words:
    return lambda e, k: (per_sample(e) + beta * per_sample(k)).mean()


def version_2(factor: float, weight: float) -> Words:
    return lambda e, k: factor * e.mean() + weight * per_sample(k).mean()


def element_means(factor: float, weight: float) -> Words:
    return lambda e, k: factor * e.mean() + weight * k.mean()


SWITCH: Mapping[str | None, Words] = {
    "reduction='mean', the default": lambda e, _: e.mean(),
    "reduction='sum'": lambda e, _: e.sum(),
}
KERAS: Mapping[str | None, Words] = {
    "reduction='sum_over_batch_size' or 'mean', the default": lambda e, _: last_axis(e).mean(),
    "reduction='mean_with_sample_weight'": lambda e, _: last_axis(e).mean(),
    "reduction='sum'": lambda e, _: last_axis(e).sum(),
}
PYTHAE: Mapping[str | None, Words] = {
    "mse, the default": lambda e, k: (per_sample(e / 2) + per_sample(k)).mean(),
    "bce": elbo,
}

TOLD: Mapping[str, Mapping[str | None, Words]] = {
    "pytorch-examples-vae": {None: everything_summed},
    "pytorch-examples-vae-2017-10": {None: lambda e, k: e.mean() + k.sum() / (128 * e[0].size)},
    "keras-2016-05-first": {None: element_means(1, 1)},
    "keras-2016-07-stylefix": {None: lambda e, k: (means(e) + per_sample(k)).mean()},
    "keras-vae-mlp-final": dict.fromkeys(
        ("the default", "--mse"), lambda e, k: (e[0].size * means(e) + per_sample(k)).mean()
    ),
    "keras-vae-deconv-final": dict.fromkeys(
        ("the default", "--mse"), lambda e, k: (e[0].size * e.mean() + per_sample(k)).mean()
    ),
    "keras-io-vae": {None: lambda e, k: over_pixels(e).mean() + per_sample(k).mean()},
    "keras-io-vae-2020": {None: lambda e, k: e.mean() * e[0].size + k.mean()},
    "tf-docs-cvae": {None: elbo},
    "flax-linen-vae": {None: elbo},
    "flax-nnx-05-vae": {None: element_means(1, 0.1)},
    "haiku-vae": {None: elbo},
    "antixk-vanilla": {"training": version_2(1, 0.00025), "validation": version_2(1, 1)},
    "antixk-beta-h": {None: version_2(1, 10 * 0.00025)},
    "antixk-dip": {None: lambda e, k: e.sum() + 0.00025 * k.sum()},
    "pythae-vae": PYTHAE,
    "pythae-beta-vae": PYTHAE,
    "pythae-ae": {None: lambda e, _: per_sample(e).mean()},
    "disentanglement-lib-beta": {None: beta_elbo(4)},
    "disentangling-vae-bernoulli": {None: beta_elbo(4)},
    "disentangling-vae-gaussian": {None: lambda e, k: (255**2 * e).sum() / 255 / len(e) + 4 * per_sample(k).mean()},
    "disentangling-vae-laplace": {None: lambda e, k: 3 * e.sum() / len(e) + 4 * per_sample(k).mean()},
    "1konny-beta-vae-h": {None: beta_elbo(4)},
    "bolts-vae": {None: element_means(1, 0.1)},
    "ldm-lpips-disc": {None: beta_elbo(1e-6)},
    "diffusers-autoencoderkl": dict.fromkeys(("squared error, the default", "absolute error"), beta_elbo(1e-6)),
    "pyro-vae": {None: everything_summed},
    "numpyro-vae": {None: everything_summed},
    "ctallec-world-models": {None: everything_summed},
    "yunjey-vae": {None: everything_summed},
    "mlx-examples-cvae": {None: everything_summed},
    "chainer-vae": {None: lambda e, k: e.sum() / len(e) + k.sum() / len(k)},
    "hwalsuk-mnist-vae": {None: elbo},
    "ethanluoyc-vae": {None: element_means(1, 1)},
    "flux-model-zoo-vae": {None: lambda e, k: e.sum() / len(e) + k.sum() / len(k)},
    "flux-model-zoo-vae-2021-01": {None: lambda e, k: e.mean() / len(e) + k.sum() / len(k)},
    "sigma-vae-mse-baseline": {None: lambda e, k: e.mean() + k.sum()},
    "dalle-pytorch-dvae": {None: lambda e, _: e.mean()},
    "gdl-book-vae": {"digits": version_2(1000, 1), "faces": version_2(10000, 1)},
    "alibi-detect-outliervae": {None: lambda e, k: per_sample(e).mean() + k.mean()},
    "keras-molecules": {None: element_means(120, 1)},
    "stable-audio-vae-bottleneck": {None: lambda _, k: channel_sums(2 * k).mean()},
    "probtorch-elbo": {"batch_dim given": elbo, "batch_dim not given": everything_summed},
    "torch-mse-loss": SWITCH,
    "torch-bce": SWITCH,
    "torch-gaussian-nll": {
        "reduction='mean', the default": lambda e, _: (e - HALF_LN_2PI).mean(),
        "reduction='sum'": lambda e, _: (e - HALF_LN_2PI).sum(),
        "reduction='mean', full=True": lambda e, _: e.mean(),
        "reduction='sum', full=True": lambda e, _: e.sum(),
    },
    "keras-mse": KERAS,
    "keras-bce": KERAS,
    "keras-loss-sample-weight": {
        "every mean but 'mean_with_sample_weight'": lambda e, _: e.sum() / e.size,
        "reduction='mean_with_sample_weight'": lambda e, _: e.mean(),
    },
    "keras-activity-regularizer": {
        "Keras 2, tf_keras, and Keras 3.14 or later": lambda _, k: k.sum() / len(k),
        "Keras 3.0 to 3.13": lambda _, k: k.sum(),
    },
    "sklearn-mse": {None: lambda e, _: e.mean(axis=0).mean()},
    "torchmetrics-mse": {None: lambda e, _: e.mean()},
    "mlx-losses": {
        "mse_loss, l1_loss, binary_cross_entropy, reduction='mean', the default": lambda e, _: e.mean(),
        "mse_loss, l1_loss, binary_cross_entropy, reduction='sum'": lambda e, _: e.sum(),
        "gaussian_nll_loss, reduction='mean', the default": lambda e, _: (e - HALF_LN_2PI).mean(),
        "gaussian_nll_loss, reduction='sum'": lambda e, _: (e - HALF_LN_2PI).sum(),
        "gaussian_nll_loss, reduction='mean', full=True": lambda e, _: e.mean(),
        "gaussian_nll_loss, reduction='sum', full=True": lambda e, _: e.sum(),
    },
    "flux-mse": {"agg=mean, the default": lambda e, _: e.mean(), "agg=sum": lambda e, _: e.sum()},
    "tfp-kl-layers": {
        "KLDivergenceAddLoss, the default estimate from samples": lambda _, k: per_sample(k).mean(),
        "KLDivergenceAddLoss, use_exact_kl=True": lambda _, k: per_sample(k).sum(),
        "KLDivergenceRegularizer": lambda _, k: per_sample(k).sum() / len(k),
    },
    "chainer-gaussian-kl": {
        "bernoulli_nll, reduce='sum', the default": lambda e, _: e.sum(),
        "gaussian_nll, reduce='sum', the default": lambda e, _: e.sum(),
        "gaussian_kl_divergence, reduce='sum', the default": lambda _, k: k.sum(),
    },
}
"""Every setting in the words of its row: what is done to the elements, in which order."""


def reading(b: Batch, loss: str, **parameters: float) -> Reading:
    """Return the reconstruction term of a batch under one loss."""
    own = {**LOSSES[loss].parameters, **parameters}
    elements = LOSSES["gaussian_nll"].value(b.x, b.y, **own) if loss == "gaussian_nll" else ELEMENTS[loss](b)
    return Reading(loss, own, float(per_sample(elements).mean()))


def extent(b: Batch) -> Extent:
    return Extent(len(b.x), float(len(b.x)), b.x.shape[1:], b.mu.shape[1:])


def divergence(b: Batch) -> float:
    return float(per_sample(kls(b)).mean())


def told(b: Batch, name: str, loss: str, **parameters: float) -> dict[str | None, Observed]:
    """Return what a row reports for a batch of which one loss is known, by setting."""
    outcome = observe(CONVENTIONS[name], [reading(b, loss, **parameters)], divergence(b), extent(b))
    return {} if isinstance(outcome, LeftOut) else {one.when: one for one in outcome}


def elements_for(b: Batch, name: str, loss: str) -> Array:
    """Return the elements of a loss with the parameters that a row fixes."""
    if name == "alibi-detect-outliervae":
        density: Array = (squares(b) / 0.05**2 + np.log(2 * np.pi * 0.05**2)) / 2
        return density
    return ELEMENTS[loss](b)


SETTINGS = [
    (row.id, recipe.when, loss)
    for row in CONVENTIONS.values()
    for recipe in row.recipes
    for loss in (recipe.losses or ("squared_error",))
    if row.id in TOLD and recipe.when in TOLD[row.id] and loss in ELEMENTS
]
OWN = {"alibi-detect-outliervae": {"variance": 0.0025}}


@every_batch
def test_a_total_is_what_the_code_computes_in_its_own_words(b: Batch) -> None:
    for name, when, loss in SETTINGS:
        found = told(b, name, loss, **OWN.get(name, {}))[when]
        expected = TOLD[name][when](elements_for(b, name, loss), kls(b))
        np.testing.assert_allclose(found.total, expected, rtol=CLOSE, err_msg=f"{name} {when} {loss}")


@pytest.mark.parametrize("b", [BATCHES[name] for name in ("images", "rows", "one")], ids=["images", "rows", "one"])
def test_a_total_of_a_report_is_within_4_eps_of_what_the_code_computes(b: Batch) -> None:
    """The words are spoken over 60 digits. Terms of either sign are compared to the sum of their magnitudes."""
    arrays = b._asdict()
    k = in_digits(exact.kl, b.mu, b.logvar)
    for loss in ELEMENTS:
        own = {"variance": 0.0025} if loss == "gaussian_nll" else {}
        e = in_digits(partial(exact.value, loss, **own), b.x, b.y)
        terms = reported(arrays, loss, **own).terms
        assert terms.kl is not None
        term = Reading(loss, {**LOSSES[loss].parameters, **own}, terms.reconstruction["sum_mean"])
        observed, _ = observe_all([term], terms.kl["sum_mean"], extent(b))
        for one in observed:
            if (one.id, one.when, loss) in SETTINGS:
                with mpmath.workdps(exact.DIGITS):
                    spoken, bound = (TOLD[one.id][one.when](*parts) for parts in zip(e, k, strict=True))
                    off = exact.error(one.total, exact.Number(spoken, max(abs(spoken), bound)))
                assert exact.reading("convention", loss, one.id, off) <= 4


def test_a_multiple_is_rounded_once() -> None:
    size = Extent(3, 0.7, (7, 11, 3), (5, 13))
    symbols = {"N": 0.7, "other_axes": 77, "channels": 3, "last_latent_axis": 13, "D": 231, "L": 65}
    rounded = 0
    for row in CONVENTIONS.values():
        if row.not_affine is not None or not row.losses:
            continue
        outcome = observe(row, [Reading(row.losses[0], {"delta": 1.0, "variance": 1.0}, 0.1)], 0.3, size)
        recipes = {recipe.when: recipe for recipe in row.recipes if row.losses[0] in recipe.losses}
        for one in () if isinstance(outcome, LeftOut) else outcome:
            for name in ("scale", "effective_beta") if one.when in recipes else ():
                formula, found = getattr(recipes[one.when], name), getattr(one, name)
                known = {each: Fraction(value) for each, value in {**symbols, **recipes[one.when].parameters}.items()}
                known["mean_weight"] = Fraction(0.7) / 3
                if found is not None and formula.names <= known.keys():
                    products = (c * math.prod(known[each] ** power for each, power in p) for c, p in formula.terms)
                    assert found == float(sum(products)), (row.id, one.when, name)
                    rounded += 1
    assert rounded > 100


def test_symbols_are_those_in_decimals_rounded_once() -> None:
    size = Extent(3, 0.7, (4, 6, 3), (2, 7))
    found, wanted = size.symbols(), size.exact_symbols()
    assert found == {name: float(value) for name, value in wanted.items()}
    assert found["mean_weight"] == float(Fraction(0.7) / 3)
    with mpmath.workdps(exact.DIGITS):
        assert found["ln_2pi"] == float(mpmath.log(2 * mpmath.pi))
    assert [found[name] for name in ("D", "L", "channels", "other_axes", "last_latent_axis")] == [72, 14, 3, 24, 7]


def in_digits(element: Callable[..., exact.Number], *arrays: Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute elements in many digits: their values, and the magnitudes that their errors are compared to."""
    found = [element(*pair) for pair in zip(*(a.ravel().tolist() for a in arrays), strict=True)]
    shape = arrays[0].shape
    return (
        np.array([one.value for one in found], object).reshape(shape),
        np.array([one.bound for one in found], object).reshape(shape),
    )


@every_batch
def test_scale_effective_beta_and_constant_are_those_of_the_words(b: Batch) -> None:
    for name, when, loss in SETTINGS:
        found, words = told(b, name, loss, **OWN.get(name, {}))[when], TOLD[name][when]
        e, k = elements_for(b, name, loss), kls(b)
        constant = words(0 * e, 0 * k)
        reconstruction = (words(e, 0 * k) - constant) / per_sample(e).mean()
        kl = (words(0 * e, k) - constant) / per_sample(k).mean()
        expected = [
            constant,
            reconstruction if found.scale is not None else None,
            kl / reconstruction if found.effective_beta is not None else None,
        ]
        assert (found.scale is None, found.kl is None) == (reconstruction == 0, kl == 0)
        for got, wanted in zip([found.constant, found.scale, found.effective_beta], expected, strict=True):
            np.testing.assert_allclose(got or 0.0, wanted or 0.0, rtol=CLOSE, err_msg=f"{name} {when} {loss}")


@every_batch
def test_the_parts_make_the_total(b: Batch) -> None:
    for name, when, loss in SETTINGS:
        found = told(b, name, loss, **OWN.get(name, {}))[when]
        parts = (found.reconstruction or 0) + (found.kl_weight or 0) * (found.kl or 0)
        np.testing.assert_allclose(parts, found.total, rtol=CLOSE)
        if found.scale is not None:
            r, k = reading(b, loss, **OWN.get(name, {})).reconstruction, divergence(b)
            whole = found.scale * (r + (found.effective_beta or 0) * k) + found.constant
            np.testing.assert_allclose(whole, found.total, rtol=CLOSE)


def test_the_rows_that_speak_are_those_in_words() -> None:
    spoken = {
        row.id: set(settings)
        for row in CONVENTIONS.values()
        if (settings := {when: one for loss in ELEMENTS for when, one in told(IMAGES, row.id, loss).items()})
    }
    assert spoken == {name: set(words) for name, words in TOLD.items()}


def test_the_kl_term_is_given_before_its_weight() -> None:
    found = told(IMAGES, "bolts-vae", "squared_error")[None]
    np.testing.assert_allclose([found.kl or 0.0, found.kl_weight or 0.0], [kls(IMAGES).mean(), 0.1], rtol=CLOSE)


@pytest.mark.parametrize(
    ("name", "asked", "factor"),
    [
        ("ctallec-world-models", "half_squared_error", 2.0),
        ("pythae-vae", "half_squared_error", 1.0),
        ("flax-linen-vae", "binary_cross_entropy", 1.0),
        ("yunjey-vae", "binary_cross_entropy_with_logits", 1.0),
        ("alibi-detect-outliervae", "squared_error", 200.0),
        ("alibi-detect-outliervae", "half_squared_error", 400.0),
    ],
)
def test_a_loss_is_told_by_its_kin_in_units_of_the_one_that_was_asked_for(name: str, asked: str, factor: float) -> None:
    (found,) = list(told(IMAGES, name, asked).values())[:1]
    (row, *_) = CONVENTIONS[name].recipes
    words = TOLD[name][found.when]
    expected = words(elements_for(IMAGES, name, row.losses[0]), kls(IMAGES))
    np.testing.assert_allclose(found.total, expected, rtol=CLOSE)
    assert found.loss == asked
    batch_factor = len(IMAGES.x) if name in {"ctallec-world-models", "yunjey-vae"} else 1
    np.testing.assert_allclose(found.scale or 0.0, factor * batch_factor, rtol=CLOSE)
    whole = (found.scale or 0) * (
        reading(IMAGES, asked).reconstruction + (found.effective_beta or 0) * divergence(IMAGES)
    ) + found.constant
    np.testing.assert_allclose(whole, found.total, rtol=CLOSE)


def test_huber_and_smooth_l1_tell_each_other_at_the_same_delta() -> None:
    table = load(
        """
        [[convention]]
        id = "some"
        project = "Some"
        kind = "api"
        class = "api"
        source = { repository = "a/b", path = "c.py" }
        verified = false
        recipes = [
            { when = "huber", loss = "huber", reconstruction = "sum_mean" },
            { when = "smooth", loss = "smooth_l1", reconstruction = "sum_mean" },
        ]
        note = "Delta is the caller's."
        """
    )
    size = Extent(3, 3.0, (2,), None)
    for loss, totals in (("huber", [8.0, 4.0]), ("smooth_l1", [16.0, 8.0])):
        outcome = observe(table["some"], [Reading(loss, {"delta": 2.0}, 8.0)], None, size)
        assert not isinstance(outcome, LeftOut)
        assert [one.total for one in outcome] == totals


def test_a_row_that_fixes_a_parameter_is_not_told_by_another_value() -> None:
    assert told(IMAGES, "dalle-pytorch-dvae", "smooth_l1", delta=0.5) == {}
    assert told(IMAGES, "alibi-detect-outliervae", "gaussian_nll", variance=0.5) == {}


def test_a_parameter_of_the_loss_that_no_row_fixes_is_that_of_the_request() -> None:
    found = told(IMAGES, "torch-gaussian-nll", "gaussian_nll", variance=0.5)["reduction='sum'"]
    np.testing.assert_allclose(found.total, ((squares(IMAGES) / 0.5 + np.log(0.5)) / 2).sum(), rtol=CLOSE)


def test_the_loss_that_was_asked_for_comes_first() -> None:
    readings = [reading(IMAGES, "absolute_error"), reading(IMAGES, "squared_error")]
    observed, left_out = observe_all(readings, divergence(IMAGES), extent(IMAGES))
    losses = {one.id: one.loss for one in observed}
    assert (
        losses["diffusers-autoencoderkl"]
        == losses["mlx-losses"]
        == losses["keras-loss-sample-weight"]
        == ("absolute_error")
    )
    assert losses["ctallec-world-models"] == "squared_error"
    assert set(losses) | {one.id for one in left_out} == set(CONVENTIONS)
    assert not set(losses) & {one.id for one in left_out}


def test_weights_divide_or_do_not() -> None:
    weight = np.array([0.5, 1.0, 2.0, 0.0, 3.0])
    e, k = per_sample(squares(IMAGES)), per_sample(kls(IMAGES))
    asked = Reading("squared_error", {}, float(weight @ e / weight.sum()))
    size = Extent(5, float(weight.sum()), (4, 6, 3), (2, 7))
    observed, _ = observe_all([asked], float(weight @ k / weight.sum()), size)
    found = {(one.id, one.when): one.total for one in observed}
    expected = {
        ("ctallec-world-models", None): weight @ (e + k),
        ("sklearn-mse", None): weight @ e / weight.sum() / 72,
        ("keras-mse", "reduction='sum_over_batch_size' or 'mean', the default"): weight @ e / 5 / 72,
        ("keras-mse", "reduction='mean_with_sample_weight'"): weight @ e / weight.sum() / 72,
        ("keras-mse", "reduction='sum'"): weight @ e / 3,
        ("keras-loss-sample-weight", "every mean but 'mean_with_sample_weight'"): weight @ e / 5 / 72,
    }
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), rtol=CLOSE)


def test_without_a_posterior_only_rows_without_a_kl_term_speak() -> None:
    size = Extent(5, 5.0, (4, 6, 3), None)
    observed, left_out = observe_all([reading(IMAGES, "squared_error")], None, size)
    assert {one.id for one in observed} == {
        "pythae-ae",
        "dalle-pytorch-dvae",
        "torch-mse-loss",
        "keras-mse",
        "keras-loss-sample-weight",
        "sklearn-mse",
        "torchmetrics-mse",
        "mlx-losses",
        "flux-mse",
    }
    assert all(one.kl is one.kl_weight is one.effective_beta is None for one in observed)
    assert all(one.total == one.reconstruction for one in observed)
    reasons = {one.id: one.reason for one in left_out}
    assert reasons["bolts-vae"] == reasons["tfp-kl-layers"] == "has a KL term, and the batch has no mu and logvar"


REASONS = {
    "antixk-iwae": "is no affine combination of the two terms, because the losses of several importance samples",
    "scvi-vae": "has a loss that is none of ours: negative log-likelihood of the chosen count distribution",
    "optax-squared-error": "returns one value for each element and leaves the reduction to its caller",
    "optax-kl-divergence": "returns a sum for each sample and leaves the reduction to its caller",
    "torchmetrics-kl": "has another divergence than that of mu and logvar: categorical, of probabilities",
    "ldm-lpips-disc": "needs absolute_error, which was not computed for this batch",
    "flax-linen-vae": "needs binary_cross_entropy, which is not defined for it",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_who_is_left_out_is_told_why(name: str, reason: str) -> None:
    refused = {"binary_cross_entropy": "is not defined for it"}
    _, left_out = observe_all([reading(IMAGES, "squared_error")], divergence(IMAGES), extent(IMAGES), refused)
    (found,) = [one.reason for one in left_out if one.id == name]
    assert found.startswith(reason)


def test_a_number_beyond_double_precision_is_left_out() -> None:
    asked = Reading("squared_error", {}, 1e308)
    outcome = observe(CONVENTIONS["disentangling-vae-gaussian"], [asked], 1.0, extent(IMAGES))
    assert outcome == LeftOut("disentangling-vae-gaussian", "gives a number beyond double precision")


NOTHING: Mapping[str, float] = MappingProxyType({})


@pytest.mark.parametrize(
    ("loss", "parameters", "needed"),
    [
        ("squared_error", {}, ["absolute_error", "binary_cross_entropy"]),
        ("half_squared_error", {}, ["absolute_error", "binary_cross_entropy"]),
        ("absolute_error", {}, ["squared_error", "binary_cross_entropy"]),
        ("binary_cross_entropy", {}, ["squared_error", "absolute_error"]),
        ("binary_cross_entropy_with_logits", {}, []),
        ("gaussian_nll", {"variance": 1.0}, ["squared_error", "absolute_error", "binary_cross_entropy"]),
        ("smooth_l1", {"delta": 1.0}, ["squared_error", "absolute_error", "binary_cross_entropy"]),
        ("poisson_nll", {}, ["squared_error", "absolute_error", "binary_cross_entropy"]),
    ],
)
def test_what_else_is_to_be_tallied(loss: str, parameters: dict[str, float], needed: list[str]) -> None:
    assert losses_needed(loss, parameters) == tuple((name, NOTHING) for name in needed)


def test_with_everything_tallied_only_those_are_left_out_that_cannot_be_told() -> None:
    asked = "poisson_nll"
    names = [asked, *(name for name, _ in losses_needed(asked, {}))]
    _, left_out = observe_all([reading(IMAGES, name) for name in names], divergence(IMAGES), extent(IMAGES))
    open_rows = {one.id for one in left_out if one.reason.startswith("needs ")}
    assert open_rows == {"torch-gaussian-nll"}

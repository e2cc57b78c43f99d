"""Who is named beside a variant of a loss."""

import pytest

from app.conventions import CONVENTIONS, load, used_by
from app.conventions.usage import index
from app.losses.elementwise import LOSSES
from app.losses.reduction import TERM_REDUCTIONS, VARIANTS

EVERY = (*TERM_REDUCTIONS, *VARIANTS)

EXPECTED = {
    ("binary_cross_entropy", "sum_sum+sum_sum"): (
        "pytorch-examples-vae",
        "pyro-vae",
        "numpyro-vae",
        "yunjey-vae",
        "probtorch-elbo",
    ),
    ("squared_error", "sum_sum+sum_sum"): ("antixk-dip", "ctallec-world-models", "mlx-examples-cvae"),
    ("binary_cross_entropy", "mean_mean+sum_mean"): ("keras-2016-07-stylefix",),
    ("squared_error", "mean_mean+sum_mean"): ("antixk-vanilla", "antixk-beta-h", "gdl-book-vae"),
    ("absolute_error", "sum_mean+sum_mean"): (
        "disentangling-vae-laplace",
        "ldm-lpips-disc",
        "diffusers-autoencoderkl",
    ),
    ("squared_error", "mean_mean+mean_mean"): ("bolts-vae", "ethanluoyc-vae"),
    ("squared_error", "mean_mean+sum_sum"): ("sigma-vae-mse-baseline",),
    ("binary_cross_entropy", "mean_mean+sum_sum"): ("pytorch-examples-vae-2017-10",),
    ("gaussian_nll", "sum_mean+mean_mean"): ("alibi-detect-outliervae",),
    ("binary_cross_entropy", "sum_mean+mean_mean"): ("keras-io-vae-2020",),
    ("squared_error", "mean_mean"): (
        "torch-mse-loss",
        "keras-mse",
        "keras-loss-sample-weight",
        "sklearn-mse",
        "torchmetrics-mse",
        "mlx-losses",
        "flux-mse",
    ),
    ("squared_error", "sum_mean"): ("pythae-ae",),
    ("squared_error", "mean_sum"): ("keras-mse",),
    ("gaussian_nll", "sum_sum"): ("torch-gaussian-nll", "mlx-losses", "chainer-gaussian-kl"),
    ("log_cosh", "mean_mean"): ("keras-loss-sample-weight",),
    ("log_cosh", "sum_mean+sum_mean"): (),
}


@pytest.mark.parametrize(("loss", "variant"), EXPECTED, ids=" ".join)
def test_the_rows_that_a_reader_expects_are_named(loss: str, variant: str) -> None:
    assert used_by(loss, variant) == EXPECTED[loss, variant]


@pytest.mark.parametrize("variant", EVERY)
def test_an_alias_and_a_loss_of_the_same_unit_have_the_same_users(variant: str) -> None:
    for row in LOSSES.values():
        for alias in row.aliases:
            assert used_by(alias, variant) == used_by(row.name, variant)
    assert used_by("half_squared_error", variant) == used_by("squared_error", variant)
    assert used_by("binary_cross_entropy_with_logits", variant) == used_by("binary_cross_entropy", variant)
    assert used_by("huber", variant) == used_by("smooth_l1", variant)


def test_the_density_is_not_of_the_unit_of_the_squared_error() -> None:
    assert {row.unit for row in LOSSES.values()} >= {"gaussian_nll", "squared_error"}
    assert used_by("gaussian_nll", "mean_mean") != used_by("squared_error", "mean_mean")


def test_every_variant_of_every_loss_has_an_answer() -> None:
    answers = {(loss, variant): used_by(loss, variant) for loss in LOSSES for variant in EVERY}
    assert {name for ids in answers.values() for name in ids} <= set(CONVENTIONS)


def test_rows_without_a_kl_term_stand_beside_plain_variants_only() -> None:
    totals = {name for loss in LOSSES for variant in VARIANTS for name in used_by(loss, variant)}
    terms = {name for loss in LOSSES for variant in TERM_REDUCTIONS for name in used_by(loss, variant)}
    assert not totals & terms
    assert {CONVENTIONS[name].kind for name in terms - {"pythae-ae"}} == {"api"}


@pytest.mark.parametrize(
    "name",
    [
        "world-models-convvae",  # not affine
        "dalle-pytorch-dvae",  # another divergence
        "flux-model-zoo-vae-2021-01",  # a mean, divided by the batch size once more
        "optax-squared-error",  # leaves the reduction to its caller
        "tfp-kl-layers",  # no reconstruction
        "moses-vae",  # another loss
    ],
)
def test_who_computes_no_variant_is_named_beside_none(name: str) -> None:
    assert all(name not in used_by(loss, variant) for loss in LOSSES for variant in EVERY)


def test_a_loss_or_variant_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_loss"):
        used_by("no_loss", "sum_mean")
    with pytest.raises(KeyError, match="sum_max"):
        used_by("mse", "sum_max")


def test_a_constant_in_each_element_makes_it_another_loss() -> None:
    row = """
        [[convention]]
        id = "some"
        project = "Some"
        kind = "api"
        class = "api"
        source = { repository = "a/b", path = "c.py" }
        verified = false
        recipes = [{ loss = "gaussian_nll", reconstruction = "sum_sum", constant = "0" }]
        note = "With a constant or without."
        """
    assert index(load(row))["gaussian_nll"]["sum_sum"] == ("some",)
    assert index(load(row.replace('"0"', '"1"')))["gaussian_nll"]["sum_sum"] == ()

"""A row as the catalogue shows it."""

import json

import pytest

from app.conventions import CONVENTIONS, Convention, Expression, as_document

every_row = pytest.mark.parametrize("row", CONVENTIONS.values(), ids=CONVENTIONS)


@every_row
def test_a_document_survives_json(row: Convention) -> None:
    document = as_document(row)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@every_row
def test_every_formula_of_a_document_reads_again(row: Convention) -> None:
    for recipe, shown in zip(row.recipes, as_document(row)["recipes"], strict=True):
        for key in ("factor", "constant", "weight", "scale", "effective_beta"):
            if shown[key] is not None:
                assert Expression.of(shown[key]) == getattr(recipe, key)


@every_row
def test_only_an_affine_row_has_a_total(row: Convention) -> None:
    shown = as_document(row)["recipes"]
    assert {recipe["total"] is None for recipe in shown} == {row.not_affine is not None}
    assert {recipe["latex"] is None for recipe in shown} == {row.not_affine is not None}


TOTALS = {
    "pytorch-examples-vae": (
        "sum_sum(binary_cross_entropy) + sum_sum(kl)",
        r"\sum_i \sum_j \ell_{ij} + \sum_i \sum_j k_{ij}",
    ),
    "pythae-vae": (
        "(1 / 2) * sum_mean(squared_error) + sum_mean(kl)",
        r"\frac{1}{2} \, \frac{1}{N} \sum_i \sum_j \ell_{ij} + \frac{1}{N} \sum_i \sum_j k_{ij}",
    ),
    "antixk-beta-h": (
        "mean_mean(squared_error) + beta * kld_weight * sum_mean(kl)",
        r"\frac{1}{N D} \sum_i \sum_j \ell_{ij} + \beta \, \mathrm{kld\_weight} \, \frac{1}{N} \sum_i \sum_j k_{ij}",
    ),
    "disentanglement-lib-beta": (
        "sum_mean(binary_cross_entropy or squared_error) + beta * sum_mean(kl)",
        r"\frac{1}{N} \sum_i \sum_j \ell_{ij} + \beta \, \frac{1}{N} \sum_i \sum_j k_{ij}",
    ),
    "torch-gaussian-nll": (
        "mean_mean(gaussian_nll - ln_2pi / 2)",
        r"\frac{1}{N D} \sum_i \sum_j \left(\ell_{ij} - \frac{\ln 2\pi}{2}\right)",
    ),
    "keras-io-vae": (
        "(1 / channels) * sum_mean(binary_cross_entropy) + sum_mean(kl)",
        r"\frac{1}{C} \, \frac{1}{N} \sum_i \sum_j \ell_{ij} + \frac{1}{N} \sum_i \sum_j k_{ij}",
    ),
    "optax-kl-divergence": ("sum(categorical, of probabilities)", r"\sum_j k_{ij}"),
    "optax-squared-error": ("none(squared_error)", r"\ell_{ij}"),
    "scvi-vae": (
        "sum_mean(negative log-likelihood of the chosen count distribution) + kl_weight * sum_mean(kl)",
        r"\frac{1}{N} \sum_i \sum_j \ell_{ij} + \mathrm{kl\_weight} \, \frac{1}{N} \sum_i \sum_j k_{ij}",
    ),
}


@pytest.mark.parametrize("name", TOTALS)
def test_a_total_is_told_in_symbols_and_in_latex(name: str) -> None:
    first = as_document(CONVENTIONS[name])["recipes"][0]
    assert (first["total"], first["latex"]) == TOTALS[name]


def test_a_document_has_what_the_contract_names() -> None:
    assert as_document(CONVENTIONS["bolts-vae"]) == {
        "id": "bolts-vae",
        "project": "Lightning-Bolts VAE",
        "kind": "model",
        "class": "E",
        "class_title": "element means of both terms: effective beta is the weight times D / L",
        "verified": True,
        "source": {
            "repository": "Lightning-Universe/lightning-bolts",
            "path": "src/pl_bolts/models/autoencoders/basic_vae/basic_vae_module.py",
            "commit": "34958a8892d42714edf02ba896fd5861ebb3cb7e",
            "version": None,
            "lines": "131-148",
            "url": "https://github.com/Lightning-Universe/lightning-bolts/blob/34958a8892d42714edf02ba896fd5861ebb3cb7e"
            "/src/pl_bolts/models/autoencoders/basic_vae/basic_vae_module.py",
        },
        "losses": ["squared_error"],
        "variants": ["mean_mean+mean_mean"],
        "not_affine": None,
        "parameters": {"kl_coeff": 0.1},
        "recipes": [
            {
                "when": None,
                "losses": ["squared_error"],
                "other_loss": None,
                "reconstruction": "mean_mean",
                "factor": "1",
                "constant": "0",
                "kl": "mean_mean",
                "divergence": "gaussian",
                "weight": "kl_coeff",
                "parameters": {"kl_coeff": 0.1},
                "features": None,
                "total": "mean_mean(squared_error) + kl_coeff * mean_mean(kl)",
                "latex": r"\frac{1}{N D} \sum_i \sum_j \ell_{ij}"
                r" + \mathrm{kl\_coeff} \, \frac{1}{N L} \sum_i \sum_j k_{ij}",
                "scale": "1 / D",
                "effective_beta": "kl_coeff * D / L",
            }
        ],
        "examples": [{"names": {"D": 3072, "L": 256}, "effective_beta": 1.2}],
        "posterior": None,
        "caveat": None,
        "note": CONVENTIONS["bolts-vae"].note,
    }


def test_an_encoder_is_shown_where_it_was_looked_up() -> None:
    assert as_document(CONVENTIONS["haiku-vae"])["posterior"] == {"output": "log sigma", "guard": "none"}

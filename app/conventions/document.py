"""A convention as a document that every format can write: strings, numbers, lists and mappings."""

from typing import Any

from app.conventions.convention import CLASSES, Convention, Recipe
from app.conventions.expressions import Expression

__all__ = ["as_document"]


def as_document(convention: Convention) -> dict[str, Any]:
    """Return one row for a catalogue.

    Formulas are text that `Expression.of` reads again, in the symbols of `SYMBOLS` and the row's parameters. In
    `total`, ``sum_mean(squared_error)`` is the reconstruction reduced in that way, and ``kl`` the divergence of this
    service. What is not known, or does not apply, is None.
    """
    source, posterior = convention.source, convention.posterior
    return {
        "id": convention.id,
        "project": convention.project,
        "kind": convention.kind,
        "class": convention.class_,
        "class_title": CLASSES[convention.class_],
        "verified": convention.verified,
        "source": {
            "repository": source.repository,
            "path": source.path,
            "commit": source.commit,
            "version": source.version,
            "lines": source.lines,
            "url": source.url,
        },
        "losses": list(convention.losses),
        "variants": list(convention.variants),
        "not_affine": convention.not_affine,
        "parameters": dict(convention.parameters),
        "recipes": [_recipe(recipe, is_affine=convention.not_affine is None) for recipe in convention.recipes],
        "examples": [
            {"names": dict(example.names), "effective_beta": example.effective_beta} for example in convention.examples
        ],
        "posterior": None if posterior is None else {"output": posterior.output, "guard": posterior.guard},
        "caveat": convention.caveat,
        "note": convention.note,
    }


def _recipe(recipe: Recipe, *, is_affine: bool) -> dict[str, Any]:
    """Return one setting of a row; what it does to the optimum only where its total is affine."""
    return {
        "when": recipe.when,
        "losses": list(recipe.losses),
        "other_loss": recipe.other_loss,
        "reconstruction": recipe.reconstruction,
        "factor": None if recipe.reconstruction is None else str(recipe.factor),
        "constant": None if recipe.reconstruction is None else str(recipe.constant),
        "kl": recipe.kl,
        "divergence": None if recipe.kl is None else recipe.divergence,
        "weight": None if recipe.kl is None else str(recipe.weight),
        "parameters": dict(recipe.parameters),
        "features": recipe.features,
        "total": recipe.total if is_affine else None,
        "latex": recipe.latex if is_affine else None,
        "scale": _text(recipe.scale) if is_affine else None,
        "effective_beta": _text(recipe.effective_beta) if is_affine else None,
    }


def _text(formula: Expression | None) -> str | None:
    """Write a formula, if there is one."""
    return None if formula is None else str(formula)

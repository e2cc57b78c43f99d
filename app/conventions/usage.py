"""Which conventions compute a given variant of a given loss."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from app.conventions.convention import Convention, Recipe
from app.conventions.table import CONVENTIONS
from app.losses.elementwise import LOSSES
from app.losses.reduction import TERM_REDUCTIONS, VARIANTS

__all__ = ["index", "used_by"]

_SIZES: Final = frozenset({"N", "D", "L"})


def used_by(loss: str, variant: str) -> tuple[str, ...]:
    """Return the ids of the conventions that compute a variant of a loss, in the order of the catalogue.

    These are the rows with a recipe that reduces this loss, or a kin of it (`Loss.unit`), in exactly this way, up to a
    constant factor on the reconstruction and whatever weight the KL term has: a row with a weight of 0.1 is among
    those that use the variant. For a variant without a KL term they are the rows without one: functions of
    frameworks, and plain autoencoders. Rows that are not affine, whose divergence is another one, that add a constant
    to each element, or whose factor depends on the size of the batch (a mean divided by the batch size once more), are
    in none.

    Parameters
    ----------
    loss
        Name or alias.
    variant
        Id of a term's reduction, or of a total.

    Raises
    ------
    KeyError
        There is no such loss or variant.
    """
    return _USED_BY[loss][variant]


def index(conventions: Mapping[str, Convention]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Answer `used_by` beforehand, for every name and alias of a loss and every variant."""
    users: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for convention in conventions.values():
        for recipe, variant in _computing(convention):
            for loss in recipe.losses:
                users[LOSSES[loss].unit, variant][convention.id] = None
    index: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for row in LOSSES.values():
        ids = {variant: tuple(users[row.unit, variant]) for variant in (*TERM_REDUCTIONS, *VARIANTS)}
        index.update(dict.fromkeys((row.name, *row.aliases), MappingProxyType(ids)))
    return MappingProxyType(index)


def _computing(convention: Convention) -> Iterator[tuple[Recipe, str]]:
    """Yield the recipes of a convention that compute a variant, factor and weight beside, and which."""
    if convention.not_affine is None:
        for recipe in convention.recipes:
            if recipe.variant is not None and not recipe.constant.terms and not recipe.factor.names & _SIZES:
                yield recipe, recipe.variant


_USED_BY: Final = index(CONVENTIONS)

"""From table.toml to conventions, each row checked on the way: a table with a fault in it is refused whole."""

import keyword
import math
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from app.conventions.convention import (
    CLASSES,
    GAUSSIAN,
    UNREDUCED,
    Convention,
    Example,
    Posterior,
    Recipe,
    Source,
)
from app.conventions.expressions import ONE, SYMBOLS, ZERO, Expression, ExpressionError
from app.losses.elementwise import LOSSES
from app.losses.reduction import TERM_REDUCTIONS

__all__ = ["CONVENTIONS", "TableError", "load"]


class TableError(ValueError):
    """The table of conventions has a fault; the message names the row."""


class _SourceRow(msgspec.Struct, forbid_unknown_fields=True):
    repository: str
    path: str
    lines: str | None = None
    commit: str | None = None
    version: str | None = None


class _PosteriorRow(msgspec.Struct, forbid_unknown_fields=True):
    output: str
    guard: str


class _RecipeRow(msgspec.Struct, forbid_unknown_fields=True):
    when: str | None = None
    loss: str | list[str] | None = None
    other_loss: str | None = None
    reconstruction: str | None = None
    factor: str | None = None
    constant: str | None = None
    kl: str | None = None
    divergence: str | None = None
    weight: str | None = None
    parameters: dict[str, float] = {}
    features: str | None = None


class _ConventionRow(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    project: str
    kind: Literal["model", "api"]
    class_: str = msgspec.field(name="class")
    source: _SourceRow
    verified: bool
    recipes: list[_RecipeRow]
    note: str
    parameters: dict[str, float] = {}
    not_affine: str | None = None
    posterior: _PosteriorRow | None = None
    examples: list[dict[str, float]] = []
    caveat: str | None = None


_LOSS_PARAMETERS: Final = frozenset(name for loss in LOSSES.values() for name in loss.parameters)
_KL_SYMBOLS: Final = frozenset({"L", "last_latent_axis"})
_PROBE: Final[Mapping[str, float]] = dict.fromkeys(SYMBOLS, 2.0)


def load(text: str) -> Mapping[str, Convention]:
    """Read a table of conventions.

    Parameters
    ----------
    text
        TOML: a ``[[convention]]`` for each row, as the docstring of `app.conventions` describes it.

    Returns
    -------
    Mapping[str, Convention]
        By id, in the order of the table; immutable.

    Raises
    ------
    TableError
        The text is no TOML, or a row is not as it should be.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"the table of conventions is not TOML: {error}") from error
    rows = document.pop("convention", [])
    if document or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TableError("the table of conventions may hold [[convention]] blocks and nothing else")
    found: dict[str, Convention] = {}
    for number, row in enumerate(rows, start=1):
        name = row.get("id", f"number {number}")
        try:
            convention = _convention(msgspec.convert(row, _ConventionRow))
        except (msgspec.ValidationError, _Fault, ExpressionError) as error:
            raise TableError(f"convention {name}: {error}") from error
        if convention.id in found:
            raise TableError(f"convention {name}: the id is taken by an earlier row")
        found[convention.id] = convention
    return MappingProxyType(found)


class _Fault(ValueError):
    """What is wrong with a row, without saying which."""


def _demand(*, that: bool, otherwise: str) -> None:
    """Refuse the row unless something holds."""
    if not that:
        raise _Fault(otherwise)


def _convention(row: _ConventionRow) -> Convention:
    """Check one row and build the convention."""
    _demand(that=re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.id) is not None, otherwise="the id is not-in-this-form")
    _demand(that=row.class_ in CLASSES, otherwise=f"unknown class {row.class_!r}")
    _demand(
        that=row.not_affine is None or row.not_affine.startswith("because "),
        otherwise="not_affine gives no reason: it begins with 'because '",
    )
    _demand(that=bool(row.project and row.note), otherwise="project and note are not empty")
    _demand(that=bool(row.recipes), otherwise="there is no recipe")
    recipes = tuple(_recipe(recipe, row) for recipe in row.recipes)
    settings = [recipe.when for recipe in recipes]
    _demand(
        that=len(set(settings)) == len(settings) and (len(settings) == 1 or None not in settings),
        otherwise="each of several recipes says when it holds, each differently",
    )
    if row.not_affine is None:
        idle = set(row.parameters) - _LOSS_PARAMETERS - {name for recipe in recipes for name in _names(recipe)}
        _demand(that=not idle, otherwise=f"no formula has the parameters {sorted(idle)}")
    return Convention(
        id=row.id,
        project=row.project,
        kind=row.kind,
        class_=row.class_,
        source=_source(row.source, verified=row.verified),
        verified=row.verified,
        parameters=_parameters(row.parameters),
        recipes=recipes,
        not_affine=row.not_affine,
        posterior=None if row.posterior is None else Posterior(row.posterior.output, row.posterior.guard),
        examples=tuple(_example(example, recipes[0]) for example in row.examples),
        caveat=row.caveat,
        note=row.note,
    )


def _source(row: _SourceRow, *, verified: bool) -> Source:
    """Check where a row was read: at a commit or in a release, unless it says that nothing was read."""
    read = [row.commit, row.version].count(None) == 1 and row.lines is not None
    unread = row.commit is row.version is row.lines is None
    _demand(
        that=read if verified else unread,
        otherwise="the source has a commit or a version, and lines"
        if verified
        else "a row that is not verified has neither commit nor version nor lines",
    )
    _demand(
        that=row.commit is None or re.fullmatch("[0-9a-f]{40}", row.commit) is not None,
        otherwise="the commit of the source is not 40 hexadecimal digits",
    )
    _demand(
        that=re.fullmatch(r"[\w.-]+/[\w.-]+", row.repository) is not None and bool(row.path),
        otherwise="the source is not owner/name and a path",
    )
    return Source(row.repository, row.path, row.commit, row.version, row.lines)


def _parameters(given: Mapping[str, float]) -> Mapping[str, float]:
    """Check names and values of parameters."""
    for name, value in given.items():
        _demand(
            that=name.isidentifier() and not keyword.iskeyword(name) and name not in SYMBOLS,
            otherwise=f"{name!r} cannot be the name of a parameter",
        )
        _demand(that=math.isfinite(value), otherwise=f"parameter {name} is not finite")
    return MappingProxyType(dict(given))


def _recipe(row: _RecipeRow, owner: _ConventionRow) -> Recipe:
    """Check one setting of a row and build the recipe."""
    _demand(that=row.reconstruction is not None or row.kl is not None, otherwise="a recipe has at least one term")
    losses = _losses(row)
    recipe = Recipe(
        when=row.when,
        losses=losses,
        other_loss=row.other_loss,
        reconstruction=_reduction(row.reconstruction),
        factor=_formula(row.factor, ONE, row.reconstruction),
        constant=_formula(row.constant, ZERO, row.reconstruction),
        kl=_reduction(row.kl),
        divergence=row.divergence or GAUSSIAN,
        weight=_formula(row.weight, ONE, row.kl),
        parameters=_parameters({**owner.parameters, **row.parameters}),
        features=row.features,
    )
    _demand(
        that=row.parameters.keys() <= owner.parameters.keys(),
        otherwise="a recipe has its own values only for parameters of its row",
    )
    unknown = _names(recipe) - SYMBOLS.keys() - owner.parameters.keys()
    _demand(that=not unknown, otherwise=f"a formula has the unknown names {sorted(unknown)}")
    _demand(
        that=not (recipe.factor.names | recipe.constant.names) & _KL_SYMBOLS,
        otherwise="the reconstruction depends on the latents",
    )
    for formula in (recipe.factor, recipe.constant, recipe.weight, recipe.effective_beta or ONE):
        value = formula.value({**_PROBE, **recipe.parameters})
        _demand(that=math.isfinite(value), otherwise=f"the formula {formula} has no value at the defaults")
    return recipe


def _losses(row: _RecipeRow) -> tuple[str, ...]:
    """Return the names of the losses of a recipe; ``"any"`` stands for all of them."""
    named = row.loss or []
    losses = tuple(LOSSES) if named == "any" else tuple([named] if isinstance(named, str) else named)
    unknown = [name for name in losses if name not in LOSSES]
    _demand(that=not unknown, otherwise=f"unknown losses {unknown}")
    _demand(
        that=[bool(losses), row.other_loss is not None].count(True) == (row.reconstruction is not None),
        otherwise="a reconstruction has either a loss or an other_loss, and nothing else has one",
    )
    return losses


def _reduction(name: str | None) -> str | None:
    """Check a reduction."""
    _demand(that=name in {None, *TERM_REDUCTIONS, *UNREDUCED}, otherwise=f"unknown reduction {name!r}")
    return name


def _formula(text: str | None, default: Expression, term: str | None) -> Expression:
    """Read what multiplies a term, or is added in it."""
    _demand(that=text is None or term is not None, otherwise=f"the formula {text} belongs to a term that is missing")
    return default if text is None else Expression.of(text)


def _names(recipe: Recipe) -> frozenset[str]:
    """Return what the formulas of a recipe name."""
    return recipe.factor.names | recipe.constant.names | recipe.weight.names


def _example(row: Mapping[str, float], recipe: Recipe) -> Example:
    """Check a worked number: the effective beta of the first recipe."""
    names = dict(row)
    expected = names.pop("effective_beta", math.nan)
    formula = recipe.effective_beta
    if formula is None:
        raise _Fault("an example of a row that has no effective beta")
    known = {**recipe.parameters, **names}
    missing = formula.names - known.keys()
    _demand(that=not missing, otherwise=f"an example does not say {sorted(missing)}")
    found = formula.value(known)
    _demand(
        that=math.isclose(found, expected, rel_tol=1e-12),
        otherwise=f"an example says that effective beta is {expected}, but it is {found}",
    )
    return Example(MappingProxyType(names), expected)


CONVENTIONS: Final = load(files(__package__).joinpath("table.toml").read_text(encoding="utf-8"))
"""The catalogue, by id; immutable."""

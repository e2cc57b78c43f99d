"""What a convention is: who computes which reductions of which loss, with which weights, and where that was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from app.conventions.expressions import ONE, Expression
from app.losses.reduction import TERM_REDUCTIONS

__all__ = ["CLASSES", "GAUSSIAN", "UNREDUCED", "Convention", "Example", "Posterior", "Recipe", "Source"]

CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "A": "everything summed: the ELBO times the batch size",
        "B": "the ELBO per sample, possibly with an explicit beta",
        "C": "the ELBO divided by D on both terms: nats per dimension",
        "D": "mean over features, KL summed over latents: effective beta is the weight times D",
        "E": "element means of both terms: effective beta is the weight times D / L",
        "F": "one term averaged over the batch, the other not: effective beta depends on the batch size",
        "G": "not an affine combination: capacity, free bits, importance weights, fitted variance",
        "H": "other",
        "api": "a loss function of a framework: its caller decides what it is added to",
    }
)
"""The kinds into which conventions fall by what they do to effective beta."""

UNREDUCED: Final[Mapping[str, str]] = MappingProxyType(
    {"none": "one value for each element", "sum": "a sum for each sample", "mean": "a mean for each sample"}
)
"""What a function returns that leaves the batch, or everything, to its caller."""

GAUSSIAN: Final = "gaussian"
"""The divergence of this service: KL(N(mu, exp(logvar)) || N(0, 1))."""

_FACTORS: Final[Mapping[str, str]] = {"sum_mean": "1", "mean_mean": "1 / {0}", "sum_sum": "N", "mean_sum": "N / {0}"}
_RECONSTRUCTION_FACTORS: Final = {name: Expression.of(text.format("D")) for name, text in _FACTORS.items()}
_KL_FACTORS: Final = {name: Expression.of(text.format("L")) for name, text in _FACTORS.items()}

_SUMS: Final[Mapping[str, str]] = {
    "sum_mean": r"\frac{{1}}{{N}} \sum_i \sum_j {0}",
    "mean_mean": r"\frac{{1}}{{N {1}}} \sum_i \sum_j {0}",
    "sum_sum": r"\sum_i \sum_j {0}",
    "mean_sum": r"\frac{{1}}{{{1}}} \sum_i \sum_j {0}",
    "none": "{0}",
    "sum": r"\sum_j {0}",
    "mean": r"\frac{{1}}{{{1}}} \sum_j {0}",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a convention was read.

    Attributes
    ----------
    repository
        ``owner/name`` on GitHub.
    path
        The file within it.
    commit
        The 40 hexadecimal digits of the version that was read, not necessarily the newest; None where a release was
        read instead, or nothing.
    version
        The release that was read, where it was not a commit.
    lines
        Line numbers or names of functions, and further files that matter; None where nothing was read.
    """

    repository: str
    path: str
    commit: str | None
    version: str | None
    lines: str | None

    @property
    def url(self) -> str | None:
        """The file as it was read; None where no commit is known."""
        return None if self.commit is None else f"https://github.com/{self.repository}/blob/{self.commit}/{self.path}"


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the encoder of a code base puts out, and what keeps its exponentials and logarithms finite.

    Attributes
    ----------
    output
        ``"log variance"``, ``"log sigma"`` ...
    guard
        The clamp or the small constant; ``"none"`` where nothing was found in the files that were read.
    """

    output: str
    guard: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """One setting of a convention: ``factor * reconstruction(loss + constant) + weight * kl(divergence)``.

    Attributes
    ----------
    when
        The setting: ``"reduction='mean', the default"``; None where there is only one.
    losses
        Names of the losses that it can be, the default first; empty where it has none of ours.
    other_loss
        The loss in words where it is none of ours.
    reconstruction, kl
        Id of the reduction of a term, or a key of `UNREDUCED`; None where the recipe has no such term.
    factor, weight
        What multiplies each of the two terms after its reduction.
    constant
        What is added to each element of the loss before it is reduced.
    divergence
        `GAUSSIAN`, or in words what is in its place.
    parameters
        Values of the names in the formulas: the row's, or this recipe's own. A parameter of a loss (`delta`,
        `variance`) may be among them; where it is not, it is the caller's.
    features
        What stands for the D features, where that is not simply every element of a sample; or None.
    scale
        What multiplies R in the total; None without a reconstruction that is one number.
    kl_reduction
        The reduction of the KL term as a multiple of K; None without a KL term that is one number.
    effective_beta
        What multiplies K, by `scale`: what the total does to the optimum; None unless it has both terms.
    """

    when: str | None
    losses: tuple[str, ...]
    other_loss: str | None
    reconstruction: str | None
    factor: Expression
    constant: Expression
    kl: str | None
    divergence: str
    weight: Expression
    parameters: Mapping[str, float]
    features: str | None
    scale: Expression | None = field(init=False)
    kl_reduction: Expression | None = field(init=False)
    effective_beta: Expression | None = field(init=False)

    def __post_init__(self) -> None:
        """Work out the formulas that follow from the others, once: they are asked for with every batch."""
        reduction = _RECONSTRUCTION_FACTORS.get(self.reconstruction or "")
        scale = None if reduction is None else self.factor * reduction
        kl_reduction = _KL_FACTORS.get(self.kl or "")
        beta = None if scale is None or kl_reduction is None else self.weight * kl_reduction / scale
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "kl_reduction", kl_reduction)
        object.__setattr__(self, "effective_beta", beta)

    @property
    def is_reduced(self) -> bool:
        """Whether every term of the recipe comes out as one number."""
        return {self.reconstruction, self.kl} <= {None, *TERM_REDUCTIONS}

    @property
    def variant(self) -> str | None:
        """The id of what the recipe computes, factor and weight beside; None where that is no variant of ours."""
        if self.reconstruction is None or not self.is_reduced or not (self.kl is None or self.divergence == GAUSSIAN):
            return None
        return self.reconstruction if self.kl is None else f"{self.reconstruction}+{self.kl}"

    @property
    def total(self) -> str:
        """The number that the code computes, in symbols: ``sum_sum(binary_cross_entropy) + sum_sum(kl)``."""
        parts = []
        if self.reconstruction is not None:
            loss = self.other_loss or " or ".join(self.losses)
            inside = loss if not self.constant.terms else f"{loss} + {self.constant}".replace("+ -", "- ")
            parts.append(_times(self.factor, f"{self.reconstruction}({inside})"))
        if self.kl is not None:
            divergence = "kl" if self.divergence == GAUSSIAN else self.divergence
            parts.append(_times(self.weight, f"{self.kl}({divergence})"))
        return " + ".join(parts)

    @property
    def latex(self) -> str:
        r"""The same in LaTeX: \ell_{ij} is the elementwise loss, k_{ij} the divergence for each latent dimension."""
        parts = []
        if self.reconstruction is not None:
            constant = self.constant.latex
            inside = r"\ell_{ij}" if not self.constant.terms else rf"\left(\ell_{{ij}} + {constant}\right)"
            parts.append((self.factor, _SUMS[self.reconstruction].format(inside.replace("+ -", "- "), "D")))
        if self.kl is not None:
            parts.append((self.weight, _SUMS[self.kl].format("k_{ij}", "L")))
        return " + ".join(text if factor == ONE else rf"{factor.latex} \, {text}" for factor, text in parts)


@dataclass(frozen=True, slots=True)
class Example:
    """A worked number: the effective beta of the first recipe for given symbols and parameters.

    Attributes
    ----------
    names
        Values of the symbols and of parameters that differ from their defaults.
    effective_beta
        What comes out.
    """

    names: Mapping[str, float]
    effective_beta: float


@dataclass(frozen=True, slots=True)
class Convention:
    """One row of the catalogue.

    Attributes
    ----------
    id
        Its name in answers and addresses; it never changes.
    project
        Who.
    kind
        ``"model"``: a loss that somebody trains with; ``"api"``: a function of a framework or library.
    class_
        A key of `CLASSES`.
    source
        Where it was read.
    verified
        Whether the source text itself was read. Rows that are known from quotations only say False.
    parameters
        Names in its formulas and their defaults.
    recipes
        Its settings, the default first; at least one.
    not_affine
        Why its total is no affine combination of the two terms: ``"because ..."``; None where it is one.
    posterior
        What its encoder puts out; None where that was not looked up.
    examples
        Worked numbers, checked whenever the table is loaded.
    caveat
        What its own number has besides the two terms, or does to them before: penalties, clips, sampling; or None.
    note
        What else is worth knowing.
    """

    id: str
    project: str
    kind: str
    class_: str
    source: Source
    verified: bool
    parameters: Mapping[str, float]
    recipes: tuple[Recipe, ...]
    not_affine: str | None
    posterior: Posterior | None
    examples: tuple[Example, ...]
    caveat: str | None
    note: str

    @property
    def losses(self) -> tuple[str, ...]:
        """Our losses among those of its recipes, each once."""
        return tuple(dict.fromkeys(loss for recipe in self.recipes for loss in recipe.losses))

    @property
    def variants(self) -> tuple[str, ...]:
        """Ids of what its recipes compute, each once; none where it is not affine."""
        if self.not_affine is not None:
            return ()
        return tuple(dict.fromkeys(recipe.variant for recipe in self.recipes if recipe.variant is not None))


def _times(factor: Expression, term: str) -> str:
    """Put a factor in front of a term, unless it is 1."""
    if factor == ONE:
        return term
    return f"({factor}) * {term}" if len(factor.terms) > 1 or "/" in str(factor) else f"{factor} * {term}"

"""What is shown about a row of the catalogue, and how: functions that compute its number with a framework's own calls.

A function is put under its row by `@proves`. The ordinary suite, which has none of the frameworks, reads the names of
the rows from the sources (`rows_proved`): so the list of rows without a proof is looked at everywhere.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from app.losses import EPS, Objective
from tests.reference.agreement import Foreign, agree
from tests.reference.ours import Array, Arrays, Ours, batch, kl_scale, number, recipe_of

__all__ = ["FOLDER", "Inputs", "Proof", "Proofs", "hold_gradients", "hold_number", "our_side", "rows_proved"]

FOLDER: Final = Path(__file__).parent


@dataclass(slots=True)
class Inputs:
    """A batch in a framework's arrays."""

    x: Foreign
    y: Foreign
    mu: Foreign
    logvar: Foreign
    sample_weight: Foreign | None = None

    @property
    def size(self) -> int:
        """N."""
        return int(self.x.shape[0])

    @property
    def features(self) -> int:
        """D."""
        count = 1
        for axis in self.x.shape[1:]:
            count *= int(axis)
        return count


@dataclass(frozen=True, slots=True)
class Proof:
    """One function that computes one setting of one row.

    Attributes
    ----------
    row, when
        A row of the catalogue and the setting.
    computes
        Takes `Inputs`, and the row's parameters by name; returns one number.
    loss
        The loss of ours that it is compared with: one of the row's, or what stands for a loss that is none of ours.
    batch
        A key of `ours.SHAPES`.
    weighted
        Whether samples have weights.
    elements
        For a loss that is none of ours: makes its elements, in NumPy, from the batch; they are not negative.
    symbols
        Symbols that have another value than the batch's shape says; made from the batch.
    """

    row: str
    when: str | None
    computes: Callable[..., Foreign]
    loss: str
    batch: str
    weighted: bool
    elements: Callable[[Arrays], Array] | None
    symbols: Callable[[Arrays], dict[str, float]] | None

    def __str__(self) -> str:
        """Name the row and the setting."""
        return " ".join(filter(None, (self.row, self.when, self.loss)))


@dataclass(slots=True)
class Proofs:
    """The proofs of one file, in its order."""

    found: list[Proof] = field(default_factory=list)

    def __call__(  # noqa: PLR0913 - the fields of a proof, by name
        self,
        row: str,
        *,
        when: str | None = None,
        loss: str,
        batch: str = "images",
        weighted: bool = False,
        elements: Callable[[Arrays], Array] | None = None,
        symbols: Callable[[Arrays], dict[str, float]] | None = None,
    ) -> Callable[[Callable[..., Foreign]], Callable[..., Foreign]]:
        """Put a function under a row."""

        def put(computes: Callable[..., Foreign]) -> Callable[..., Foreign]:
            self.found.append(Proof(row, when, computes, loss, batch, weighted, elements, symbols))
            return computes

        return put


def our_side(proof: Proof) -> tuple[Arrays, Ours]:
    """Make the batch of a proof and compute our side; elements of a loss that is none of ours enter as errors."""
    arrays = batch(proof.loss, proof.batch, weighted=proof.weighted)
    if proof.elements is not None:
        elements = proof.elements(arrays)
        return arrays, Ours.of({**arrays, "x": elements, "y": np.zeros_like(elements)}, "absolute_error")
    fixed = recipe_of(proof.row, proof.when).parameters
    own = Objective.of(proof.loss).parameters
    return arrays, Ours.of(arrays, proof.loss, **{name: fixed[name] for name in own if name in fixed})


def hold_number(proof: Proof, framework: str, take: Callable[[Arrays], Inputs], *, eps: float = EPS) -> None:
    """Hold what a proof computes to the row's formulas of our reductions, within 8 eps."""
    recipe = recipe_of(proof.row, proof.when)
    arrays, ours = our_side(proof)
    expected, size = number(proof.row, recipe, ours, **(proof.symbols(arrays) if proof.symbols else {}))
    found = proof.computes(take(arrays), **recipe.parameters)
    agree(found, expected, about=(framework, f"row {proof.row}"), size=size, within=8, eps=eps)


def hold_gradients(
    proof: Proof,
    framework: str,
    differentiate: Callable[[Proof, Arrays, Mapping[str, float]], Mapping[str, Foreign]],
    *,
    eps: float = EPS,
) -> None:
    """Hold a framework's derivatives of what a proof computes, by y, mu and logvar, to scale times ours: 4 eps."""
    recipe = recipe_of(proof.row, proof.when)
    arrays, ours = our_side(proof)
    found = differentiate(proof, arrays, recipe.parameters)
    names, slopes = ours.symbols(recipe), ours.slopes
    charged = kl_scale(recipe, names)
    assert slopes.mu is not None
    assert slopes.logvar is not None
    expected = {
        "y": slopes.y * (0.0 if recipe.scale is None else recipe.scale.value(names)),
        "mu": slopes.mu * (charged or 0.0),
        "logvar": slopes.logvar * (charged or 0.0),
    }
    for name, gradient in expected.items():
        agree(found[name], gradient, about=(framework, f"row {proof.row}"), column="gradients", within=4, eps=eps)


def rows_proved(source: str) -> set[tuple[str, str | None]]:
    """Read from a test file which settings of which rows it proves: the arguments of ``@proves`` and ``@shows``.

    The first is for functions that compute a row's number, the second for tests that show it in another way.
    """
    tree, found = ast.parse(source), set()
    constants: dict[str, object] = {}
    for line in tree.body:
        match line:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=constant)):
                constants[name] = constant
            case _:
                pass
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="proves" | "shows"), args=[ast.Constant(value=str(row))], keywords=words):
                setting = None
                for word in words:
                    if word.arg == "when":
                        named = isinstance(word.value, ast.Name)
                        setting = constants[ast.unparse(word.value)] if named else ast.literal_eval(word.value)
                assert setting is None or isinstance(setting, str)
                found.add((row, setting))
            case _:
                pass
    return found

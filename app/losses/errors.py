"""What can be wrong with a batch or an objective: which array, which index, what was wanted. No HTTP here.

LossInputError
├── MissingArray         an array that a batch cannot do without
├── ShapeMismatch        arrays whose shapes do not fit together, or are empty
├── WrongType            an array of a dtype that holds no real numbers
├── NotFinite            NaN or infinity among the values
├── OutOfDomain          a value at which the loss is not defined
├── UnknownLoss          no loss of that name or alias
├── InvalidOption        an option that the loss does not have, or whose value is out of range
└── Overflow             finite input, but a result beyond double precision
"""

from dataclasses import dataclass

__all__ = [
    "Fault",
    "InvalidOption",
    "LossInputError",
    "MissingArray",
    "NotFinite",
    "OutOfDomain",
    "Overflow",
    "ShapeMismatch",
    "UnknownLoss",
    "WrongType",
    "spelled",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where.

    Attributes
    ----------
    path
        Where: the name of an array or option, then the index into it, outermost axis first: ``("x", 3, 1)``.
    detail
        What was found there and what was wanted, as the end of a sentence that begins with the place and still lacks
        its full stop: ``"is NaN; a finite number is wanted"``. It never repeats a value of the request.
    """

    path: tuple[str | int, ...]
    detail: str


def spelled(path: tuple[str | int, ...]) -> str:
    """Write a place as people do, in ASCII: ``x[3][1]``."""
    name, *indices = path
    shown = str(name).encode("unicode_escape").decode("ascii")
    return shown + "".join(f"[{index}]" for index in indices)


class LossInputError(ValueError):
    """A batch or an objective that no loss can be computed for.

    Parameters
    ----------
    detail
        One sentence or two for a person: what is wrong and how to mend it.
    faults
        The places, most important first.
    """

    def __init__(self, detail: str, *faults: Fault) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults


class MissingArray(LossInputError):
    """An array that a batch cannot do without: x or y, or one of mu and logvar where there is the other."""


class ShapeMismatch(LossInputError):
    """Arrays whose shapes do not fit together, or that hold nothing."""


class WrongType(LossInputError):
    """An array whose dtype holds no real numbers."""


class NotFinite(LossInputError):
    """NaN or infinity among the values of an array."""


class OutOfDomain(LossInputError):
    """A value at which the loss is not defined."""


class UnknownLoss(LossInputError):
    """No loss has this name or alias."""


class InvalidOption(LossInputError):
    """An option that the loss does not have, or whose value is out of range."""


class Overflow(LossInputError):
    """Finite input whose result lies beyond double precision."""

"""How faults become the sentence that a refusal says."""

from typing import TypeVar

from app.losses.errors import Fault, LossInputError

__all__ = ["refusal"]

Refusal = TypeVar("Refusal", bound=LossInputError)


def refusal(kind: type[Refusal], *faults: Fault) -> Refusal:
    """Make the exception that reports the faults, its detail being the first of them as a sentence.

    Parameters
    ----------
    kind
        What is wrong: a child of `LossInputError`.
    *faults
        Where, at least one, most important first.
    """
    first, *others = faults
    name, *index = first.path
    place = f"{name}[{', '.join(map(str, index))}]" if index else str(name)
    also = [str(fault.path[0]) for fault in others]
    more = f" There is more to mend in {' and '.join(dict.fromkeys(also))}." if also else ""
    return kind(f"{place} {first.detail}.{more}", *faults)

"""How faults become the sentence that a refusal says, and how a name that nobody knows is met."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from app.losses.errors import Fault, LossInputError, spelled

__all__ = ["nearest", "refusal", "sentence"]

Refusal = TypeVar("Refusal", bound=LossInputError)

_LONGEST_NAME: Final = 64


def refusal(kind: type[Refusal], *faults: Fault) -> Refusal:
    """Make the exception that reports the faults, its detail being the first of them as a sentence.

    Parameters
    ----------
    kind
        What is wrong: a child of `LossInputError`.
    *faults
        Where, at least one, most important first.
    """
    return kind(sentence(faults), *faults)


def sentence(faults: Sequence[Fault], count: int = 0) -> str:
    """Say the first fault as a sentence, and in another where there is more.

    Parameters
    ----------
    faults
        Those that are listed, at least one.
    count
        How many there are in all, if that is more than are listed.
    """
    first, *others = faults
    said = f"{spelled(first.path)} {first.detail}{'' if first.detail.endswith('?') else '.'}"
    if others:
        places = dict.fromkeys(spelled(fault.path[:1]) for fault in others)
        listed = f"; the first {len(faults)} of {count} faults are listed" if count > len(faults) else ""
        said += f" There is more to mend in {' and '.join(places)}{listed}."
    return said


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Find the known names that were probably meant, whatever their case: the likeliest first, none if none is like it.

    Parameters
    ----------
    name
        What was asked for, of any length: the search takes time with its square, so only its beginning is looked at.
    known
        The names that there are.
    most
        How many to give at most.
    """
    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name[:_LONGEST_NAME].casefold(), by_folded, n=most)
    return [by_folded[each] for each in found]

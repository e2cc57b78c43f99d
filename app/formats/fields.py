"""Names of fields: how an unknown one is shown, and which known one was probably meant; the same for every format."""

from collections.abc import Sequence

from app.formats.errors import DuplicateField, UnknownField
from app.formats.submission import ARRAYS
from app.losses.errors import Fault, spelled
from app.losses.refusals import nearest, sentence

__all__ = ["advice", "check_names", "listed", "shown", "unknown"]

_LONGEST_NAME = 40


def advice(name: str, fields: frozenset[str]) -> str:
    """Name the field that was probably meant, or all there are."""
    near = nearest(name, sorted(fields))
    return f"did you mean {near[0]}?" if near else f"its fields are {listed(fields)}"


def listed(fields: frozenset[str]) -> str:
    """List fields, the arrays first."""
    first = [name for name in ARRAYS if name in fields]
    return ", ".join(first + sorted(fields - set(first)))


def shown(name: str) -> str:
    """Shorten the name of an unknown field until it takes at most 40 characters, those of its escapes counted."""
    found = name[:_LONGEST_NAME]
    while len(found.encode("unicode_escape")) > _LONGEST_NAME:
        found = found[:-1]
    return found


def unknown(name: str, detail: str) -> tuple[Fault, Fault]:
    """Report a name that nobody knows, of any length.

    Returns
    -------
    fault, spoken
        Its fault, and what a sentence is made of: a name that is empty or too long to be shown whole is no place that a
        pointer could lead to, so the detail has to name it.
    """
    short = shown(name)
    if short != name:
        return Fault((), f"{spelled((short,))}... {detail}"), Fault((f"{short}...",), detail)
    return Fault((name,), detail if name else f'"" {detail}'), Fault((name or '""',), detail)


def check_names(names: Sequence[str], known: frozenset[str], what: str) -> None:
    """Refuse names that are not known or are there twice.

    Parameters
    ----------
    names
        Those that a body has, in its order; a handful.
    known
        Those that it may have.
    what
        What a name stands for, such as "array of this request".

    Raises
    ------
    UnknownField, DuplicateField
        Every such name, in the order of the body.
    """
    strangers = [unknown(name, f"is no {what}; {advice(name, known)}") for name in names if name not in known]
    if strangers:
        raise UnknownField(sentence([spoken for _, spoken in strangers]), *(fault for fault, _ in strangers))
    double = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if double:
        faults = [Fault((name,), "is there more than once; one of them is wanted") for name in double]
        raise DuplicateField(sentence(faults), *faults)

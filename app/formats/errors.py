"""What can be wrong with bytes before they are arrays: no HTTP here, only what and where.

DecodeError
├── Malformed            not a document of the format at all
├── NotAnObject          a document, but not one that has fields
├── UnknownField         a field that the endpoint does not have
├── DuplicateField       a field that is there twice
├── MissingField         a field that is required and absent
├── NotANumber           something else where a number belongs
├── NullField            an option that is null
├── OutOfRange           a number that no double can hold, or an integer of more digits than are taken
├── Ragged               nesting that is not the nesting of an array
├── WrongDtype           elements of a type that holds no real numbers
└── TooLarge             more members than are taken, or more bytes once inflated
"""

from app.losses.errors import Fault

__all__ = [
    "DecodeError",
    "DuplicateField",
    "Malformed",
    "MissingField",
    "NotANumber",
    "NotAnObject",
    "NullField",
    "OutOfRange",
    "Ragged",
    "TooLarge",
    "UnknownField",
    "WrongDtype",
]


class DecodeError(ValueError):
    """Bytes that are not a submission.

    Parameters
    ----------
    detail
        One sentence or two for a person: what is wrong and how to mend it. Never a value of the request.
    faults
        The places, in the order of the document.
    offset
        Where in the body decoding stopped, in bytes, if that is known.
    """

    def __init__(self, detail: str, *faults: Fault, offset: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults
        self.offset = offset


class Malformed(DecodeError):
    """The bytes are not a document of this format."""


class NotAnObject(DecodeError):
    """The document is a list, a number, a string, a boolean or null, and has no fields."""


class UnknownField(DecodeError):
    """The document has a field that the endpoint does not know."""


class DuplicateField(DecodeError):
    """The document has the same field twice."""


class MissingField(DecodeError):
    """A required field is absent."""


class NotANumber(DecodeError):
    """Something other than a number stands where a number belongs."""


class NullField(DecodeError):
    """An option is null: one that is not wanted is left out."""


class OutOfRange(DecodeError):
    """A number lies beyond the range of a double, or is an integer of more digits than are taken."""


class Ragged(DecodeError):
    """The nesting is not that of an array: rows of different lengths, or numbers beside lists."""


class WrongDtype(DecodeError):
    """The elements of an array are of a type that holds no real numbers, or that this service does not read."""


class TooLarge(DecodeError):
    """There are more members than are taken, or they inflate to more bytes."""

"""multipart/form-data (RFC 7578): arrays as ``.npy`` or ``.csv`` files in fields of their names, options as texts.

What a part holds is decided by its field and its first bytes, never by a file name, which is not even kept. A ``.npy``
file is a view of the body. The delimiter is looked for as fast as memory is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.formats import csv, npy
from app.formats.elements import refused
from app.formats.errors import Malformed, TooLarge
from app.formats.fields import check_names, shown
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.formats.submission import ARRAYS, Submission
from app.formats.texts import options_of
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["MEDIA_TYPE", "MOST_FILES", "MOST_HEADER_BYTES", "MOST_PARTS", "MOST_TEXT_BYTES", "decode"]

MEDIA_TYPE = "multipart/form-data"

MOST_FILES = 8
MOST_PARTS = 64
MOST_HEADER_BYTES = 16 * 2**10
MOST_TEXT_BYTES = 16 * 2**10
_SEARCHED_BYTES = 2**20

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a word
_PARAMETER = rf"""[ \t]*;[ \t]*({_TOKEN})=("(?:[^"\\\r\n]|\\.)*+"|{_TOKEN})"""
_PARAMETERS = re.compile(_PARAMETER)
_TYPE = re.compile(rf"[ \t]*multipart/form-data(?:{_PARAMETER})*+[ \t]*;?[ \t]*", re.IGNORECASE)
_DISPOSITION = re.compile(rf"[ \t]*form-data(?:{_PARAMETER})*+[ \t]*;?[ \t]*", re.IGNORECASE)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PADDING = b" \t"


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a form.

    Attributes
    ----------
    name
        Of its field.
    start, stop
        Where its content lies.
    vacant
        Whether it has neither a file name nor content: what browsers send for a field that was not filled in.
    """

    name: str
    start: int
    stop: int
    vacant: bool


def decode(
    body: Body,
    fields: frozenset[str],
    *,
    content_type: str = MEDIA_TYPE,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
) -> Submission:
    """Read a form.

    Parameters
    ----------
    body
        The form.
    fields
        The names of all fields that the endpoint knows; those of `ARRAYS` hold files, the others texts.
    content_type
        The whole header, since it names the delimiter.
    scratch
        Gives room for what is not a view of the body.
    checkpoint
        Called between pieces of work.

    Returns
    -------
    Submission
        Arrays: of any real type from ``.npy`` files, float64 from ``.csv``. Options as `texts.options_of` reads them.

    Raises
    ------
    Malformed
        No form, or a part that cannot be read, which is named.
    UnknownField, DuplicateField
        A field that the endpoint does not know, or that is there twice.
    TooLarge
        More parts than are taken, or parts with longer headers.
    DecodeError
        What `npy.read` and `csv.read` refuse.
    """
    parts = [part for part in _parts(body, _delimiter(content_type), checkpoint) if not part.vacant]
    check_names(list(dict.fromkeys(part.name for part in parts)), fields, "field of this request")
    files = [part for part in parts if part.name in ARRAYS]
    check_names([part.name for part in files], fields & {*ARRAYS}, "array of this request")
    options = options_of([(part.name, _text(body, part)) for part in parts if part.name not in ARRAYS], fields)
    arrays = {}
    for part in files:
        is_npy = body[part.start : min(part.stop, part.start + len(npy.MAGIC))] == npy.MAGIC
        if is_npy:
            arrays[part.name] = npy.read(part.name, body, part.start, part.stop, scratch=scratch, checkpoint=checkpoint)
        else:
            if b"\0" in body[part.start : min(part.stop, part.start + 4096)]:
                raise refused(Malformed, part.name, "is neither a .npy file nor a text of numbers (.csv)")
            arrays[part.name] = csv.read(part.name, body, part.start, part.stop, scratch=scratch, checkpoint=checkpoint)
    return Submission.of(arrays, options)


def _delimiter(content_type: str) -> bytes:
    """Take the delimiter from Content-Type."""
    named = [
        _unquoted(value)
        for name, value in (_PARAMETERS.findall(content_type) if _TYPE.fullmatch(content_type) else [])
        if name.lower() == "boundary"
    ]
    if len(named) != 1 or not _BOUNDARY.fullmatch(named[0]):
        raise Malformed(
            "The Content-Type of a form must name its delimiter once, as in multipart/form-data; boundary=abc.",
            offset=0,
        )
    return b"--" + named[0].encode("ascii")


def _unquoted(value: str) -> str:
    """Take a parameter's value out of its quotes."""
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _parts(body: Body, delimiter: bytes, checkpoint: Checkpoint) -> Iterator[_Part]:
    """Cut a form into its parts."""
    position = 2 if _is_at(body, 0, b"\r\n" + delimiter) else 0
    if not _is_at(body, position, delimiter):
        raise Malformed("The body does not begin with the delimiter that its Content-Type names (byte 0).", offset=0)
    position += len(delimiter)
    count = files = 0
    while not _is_at(body, position, b"--"):
        begin = _line_end(body, position)
        end = body.find(b"\r\n\r\n", begin - 2, begin + MOST_HEADER_BYTES + 4)
        if end < 0:
            if len(body) > begin + MOST_HEADER_BYTES:
                raise TooLarge(
                    f"A part of a form may have at most {MOST_HEADER_BYTES} bytes of headers (byte {begin})."
                )
            raise _cut(begin)
        start = end + 4
        stop = _found(body, b"\r\n" + delimiter, start - 2, checkpoint)
        if stop < 0:
            raise _cut(len(body))
        name, nameless = _field(body[begin:end], begin)
        count += 1
        files += name in ARRAYS
        if files > MOST_FILES:
            raise TooLarge(f"A form may have at most {MOST_FILES} files.")
        if count > MOST_PARTS:
            raise Malformed(f"A form may have at most {MOST_PARTS} parts.", offset=begin)
        yield _Part(name, start, max(start, stop), nameless and stop <= start)
        position = stop + 2 + len(delimiter)
    position += 2
    if body[position : position + 1024].strip(b" \t\r\n") or len(body) > position + 1024:
        raise Malformed(f"Something follows the end of the form (byte {position}).", offset=position)


def _is_at(body: Body, position: int, text: bytes) -> bool:
    """Tell whether a text stands at a place."""
    return body[position : position + len(text)] == text


def _found(body: Body, text: bytes, position: int, checkpoint: Checkpoint) -> int:
    """Find a text from a place on, a stretch at a time; -1 if it is not there."""
    for start in range(position, len(body), _SEARCHED_BYTES):
        checkpoint()
        found = body[start : start + _SEARCHED_BYTES + len(text) - 1].find(text)  # a map's own find is a plain loop
        if found >= 0:
            return start + found
    return -1


def _line_end(body: Body, position: int) -> int:
    """Pass over the rest of a line with a delimiter."""
    while body[position : position + 1] in (b" ", b"\t"):
        position += 1
    if not _is_at(body, position, b"\r\n"):
        raise _cut(position)
    return position + 2


def _cut(position: int) -> Malformed:
    """Make the refusal of a form that ends, or breaks off, within a part."""
    message = f"The form is not whole: the end of a part is missing (byte {position})."
    return Malformed(message, offset=position)


def _field(headers: bytes, begin: int) -> tuple[str, bool]:
    """Read the headers of a part: the name of its field, and whether it has no file name."""
    dispositions = []
    for line in headers.split(b"\r\n"):
        key, colon, value = line.decode("utf-8", "replace").partition(":")
        header = key.strip().lower()
        if line and not colon:  # such as a second delimiter: whoever reads on would disagree with other readers
            raise Malformed(f"A part of the form (byte {begin}) has a header without a colon.", offset=begin)
        if header == "content-disposition":
            dispositions.append(value)
        if header == "content-transfer-encoding" and value.strip().lower() not in {"binary", "8bit", "7bit"}:
            message = (
                f"A part of the form (byte {begin}) has a Content-Transfer-Encoding; the bytes as they are wanted."
            )
            raise Malformed(message, offset=begin)
    given = [
        (name.lower(), _unquoted(value))
        for value in dispositions
        if _DISPOSITION.fullmatch(value)
        for name, value in _PARAMETERS.findall(value)
    ]
    names = [value for name, value in given if name == "name"]
    if len(dispositions) != 1 or len(names) != 1:
        message = f'A part of the form (byte {begin}) does not name its field, as in form-data; name="x".'
        raise Malformed(message, offset=begin)
    return names[0], not any(value for name, value in given if name.startswith("filename"))


def _text(body: Body, part: _Part) -> str:
    """Read the text of an option."""
    if part.stop - part.start > MOST_TEXT_BYTES:
        raise refused(TooLarge, shown(part.name), f"is an option of more than {MOST_TEXT_BYTES} bytes")
    try:
        return body[part.start : part.stop].decode()
    except UnicodeDecodeError:
        raise refused(Malformed, shown(part.name), "is not UTF-8") from None

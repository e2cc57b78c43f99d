"""The straight way through a JSON object: where its members are, found without reading the numbers among them.

An array goes on to the last bracket before the next quote, since neither it nor the punctuation behind it has any. What
is taken for its text in this way need not be an array; whoever reads its numbers finds that out. Whatever is unusual
(a name or an option with an escape, a kilobyte of white space, a field that is there twice) is left to the second look.
"""

import re
from typing import NamedTuple

from app.formats.json_outline import WHITE
from app.formats.scratch import Body
from app.formats.submission import ARRAYS
from app.losses.checkpoint import Checkpoint

__all__ = ["LONGEST_OPTION", "Member", "members"]

LONGEST_OPTION = 1 << 14
"""How many bytes the text of an option may have: a list of a hundred numbers with all their digits takes 3,000."""

_STRIDE = 1 << 18
_MOST_WHITE = 1 << 10
_SPACE = rb"[ \t\n\r]{0,%d}+" % _MOST_WHITE
_BEGIN = re.compile(rb"%b\{" % _SPACE)
_KEY = re.compile(rb'%b"([a-z_]{1,64}+)"%b:%b' % (_SPACE, _SPACE, _SPACE))
_STRING = rb'"[^"\\]{0,%d}+"' % LONGEST_OPTION
_OPTION = re.compile(
    rb'%b|\[(?:[^]\[{}"\\]|%b){0,%d}+\]|[^]\[{}",\\]{1,%d}+' % (_STRING, _STRING, LONGEST_OPTION, LONGEST_OPTION)
)
_NEXT = re.compile(rb"%b(,|\}%b\Z)" % (_SPACE, _SPACE))


class Member(NamedTuple):
    """Where the value of a field is."""

    start: int
    stop: int


def members(body: Body, fields: frozenset[str], checkpoint: Checkpoint) -> dict[str, Member] | None:
    """Find the members of an object.

    Parameters
    ----------
    body
        A document.
    fields
        The names that members may have; those of `ARRAYS` hold lists.
    checkpoint
        Called between pieces of work.

    Returns
    -------
    dict or None
        If each value is what its field says (nested lists of numbers; a string, a list without lists, or one word or
        number), then the document is an object with these members and no others, in their order. None if it is
        not, or if finding out takes more than this.
    """
    found: dict[str, Member] = {}
    begin = _BEGIN.match(body)
    place, more = (begin.end(), b",") if begin else (0, b"")
    while more == b",":
        key = _KEY.match(body, place)
        name = key[1].decode() if key else ""
        if key is None or name not in fields or name in found:
            return None
        start = key.end()
        stop = _end_of_array(body, start, checkpoint) if name in ARRAYS else _end_of_option(body, start)
        following = _NEXT.match(body, stop) if start < stop else None
        if following is None:
            return None
        found[name] = Member(start, stop)
        place, more = following.end(), following[1]
    return found or None


def _end_of_array(body: Body, start: int, checkpoint: Checkpoint) -> int:
    """Find the last closing bracket before the next quote; 0 if there is none nearby."""
    edge = len(body)
    for place in range(start, len(body), _STRIDE):
        checkpoint()
        quote = body[place : place + _STRIDE].find(b'"')
        if quote >= 0:
            edge = place + quote
            break
    return body.rfind(b"]", max(start, edge - 3 * _MOST_WHITE), edge) + 1


def _end_of_option(body: Body, start: int) -> int:
    """Find the end of a short option; 0 if it is none."""
    text = body[start : start + LONGEST_OPTION + 1]
    found = None if text[:1] in WHITE else _OPTION.match(text)  # there was more white space than is passed over
    stop = len(found[0].rstrip(WHITE)) if found else 0
    return start + stop if 0 < stop <= LONGEST_OPTION else 0

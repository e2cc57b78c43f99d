"""The layout of a ZIP archive as ``.npz`` uses it: where its members lie, after everything it says has been compared.

An archive says everything twice, and readers fell where the two differ. Here both have to agree, and members, their
directory and its end have to follow each other without a gap: so nothing overlaps, nothing hides between, and nothing
precedes or follows. Sizes of 64 bits are read (NumPy writes them), archives beyond 4 GiB or in several parts are not.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from app.deflate import FASTEST, RAW, Library
from app.formats.aside import Aside, Check, at_once, passed
from app.formats.elements import refused
from app.formats.errors import DecodeError, Malformed, TooLarge
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.losses.checkpoint import Checkpoint, go_on
from app.variables import variable

__all__ = ["MOST_MEMBERS", "Member", "content", "members"]

MOST_MEMBERS = 8
"""How many members an archive may have."""

MOST_EXPANSION = 100
"""How many times its compressed size a member may inflate to, where it is larger than `FREE_BYTES`."""

FREE_BYTES = 2**20
"""Up to this size a member may inflate from however little."""

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_END = _END.size + 0xFFFF
"""How long the end of an archive is at most, with its comment."""

_STORED, _DEFLATED = 0, 8
_SECRET_FLAGS, _LATER_FLAG = 0b10_0000_0100_0001, 0b1000  # encrypted, strongly, masked; sizes follow the content
_SATURATED = 0xFFFFFFFF
_EXTRA_OF_64_BITS = 1
_PIECE_BYTES = 2**16
_GROWTH_BYTES = 2**20
_SUMMED_BYTES = 2**25
"""How much is summed up between two checkpoints, some 3 ms: at each the thread that folds has to wait its turn."""

_ASIDE_BYTES = 2**20
"""From where on it is worth another thread to sum up a member."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive.

    Attributes
    ----------
    name
        As it is written; bytes that are no UTF-8 are replaced.
    deflated
        Whether it is compressed; otherwise it is stored.
    crc
        The checksum of its content.
    start, stop
        Where it lies in the archive, compressed or not.
    size
        How long its content is.
    """

    name: str
    deflated: bool
    crc: int
    start: int
    stop: int
    size: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row of the directory."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int

    @property
    def name(self) -> str:
        return self.raw_name[:_LONGEST_NAME].decode("utf-8", "replace")


_LONGEST_NAME = 256
_LONGEST_TAIL = 24


def members(body: Body) -> list[Member]:
    """Find the members of an archive, in the order in which they lie.

    Raises
    ------
    Malformed
        No such archive, a broken or contradictory one, or a member that is encrypted or compressed in another way than
        deflated; named where it is a member's fault.
    TooLarge
        More than `MOST_MEMBERS`.
    """
    directory, end = _directory(body)
    found = []
    position = 0
    for entry, following in zip(directory, [*(entry.offset for entry in directory), end][1:], strict=True):
        if entry.offset != position:
            how = "overlaps what precedes it" if entry.offset < position else "leaves a gap before it"
            raise refused(Malformed, entry.name, f"is a member that {how} (byte {position} of the archive)")
        start = _checked_start(body, entry)
        stop = start + entry.compressed
        tail = body[stop:following] if stop <= following <= stop + _LONGEST_TAIL else b"?"
        if tail not in (_descriptors(entry) if entry.flags & _LATER_FLAG else (b"",)):
            raise refused(
                Malformed, entry.name, "is a member that does not end where the next part of the archive begins"
            )
        found.append(Member(entry.name, entry.method == _DEFLATED, entry.crc, start, stop, entry.size))
        position = following
    return found


def _directory(body: Body) -> tuple[list[_Entry], int]:
    """Read the directory at the end of an archive: its rows by offset, and where it begins."""
    if body[:2] != b"PK":
        detail = "The body is no ZIP archive: its first bytes are not those of one; what numpy.savez writes is wanted."
        raise Malformed(detail, offset=0)
    place = len(body) - _END.size
    if place < 0 or body[place : place + 4] != b"PK\5\6":
        begun = body.rfind(b"PK\5\6", max(0, len(body) - _LONGEST_END))  # all of a large body would take seconds
        detail = "something follows its end" if begun >= 0 else "its directory is missing at the end"
        raise Malformed(f"The archive is not whole: {detail}.", offset=len(body))
    _, disk, first_disk, here, count, length, begin, comment = _END.unpack_from(body, place)
    if disk or first_disk or here != count or comment or begin + length != place:
        raise Malformed(f"The end of the archive (byte {place}) contradicts the rest of it.", offset=place)
    if count > MOST_MEMBERS:
        raise TooLarge(f"An archive may have at most {MOST_MEMBERS} members; what numpy.savez writes is wanted.")
    entries = []
    position = begin
    for _ in range(count):
        if position + _ENTRY.size > place or body[position : position + 4] != b"PK\1\2":
            raise Malformed(f"The directory of the archive is broken (byte {position}).", offset=position)
        fields = _ENTRY.unpack_from(body, position)
        _, _, _, flags, method, _, _, crc, compressed, size, name, extra, note, disk, _, _, offset = fields
        raw_name = body[position + _ENTRY.size : position + _ENTRY.size + name]
        extras = position + _ENTRY.size + name
        position = extras + extra + note
        if position > place or disk:
            raise Malformed(f"The directory of the archive is broken (byte {extras}).", offset=extras)
        wide = _wide(body[extras : extras + extra])
        size, compressed, offset = (
            next(wide, _SATURATED) if value == _SATURATED else value for value in (size, compressed, offset)
        )
        entries.append(_Entry(raw_name, flags, method, crc, compressed, size, offset))
    if position != place:
        raise Malformed(f"The directory of the archive is broken (byte {position}).", offset=position)
    if not count and begin:
        raise Malformed("The archive has no members, but is not empty.", offset=0)
    return sorted(entries, key=lambda entry: entry.offset), begin


def _wide(extra: bytes) -> Iterator[int]:
    """Give the numbers of 64 bits that an extra field holds, if any."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        numbers = extra[position + 4 : position + 4 + length]
        if kind == _EXTRA_OF_64_BITS:
            for place in range(0, len(numbers) - 7, 8):
                yield int.from_bytes(numbers[place : place + 8], "little")
        position += 4 + length


def _checked_start(body: Body, entry: _Entry) -> int:
    """Compare a member's own header with the directory, and give where its content begins."""
    if entry.flags & _SECRET_FLAGS:
        raise refused(Malformed, entry.name, "is a member that is encrypted")
    if entry.method not in (_STORED, _DEFLATED):
        raise refused(Malformed, entry.name, "is a member whose compression is neither stored nor deflated")
    if entry.method == _STORED and entry.size != entry.compressed:
        raise refused(Malformed, entry.name, "is a stored member with two different sizes")
    begin = entry.offset + _LOCAL.size
    if begin > len(body) or body[entry.offset : entry.offset + 4] != b"PK\3\4":
        raise refused(Malformed, entry.name, f"is a member without a header of its own (byte {entry.offset})")
    _, _, flags, method, _, _, crc, compressed, size, name, extra = _LOCAL.unpack_from(body, entry.offset)
    raw_name = body[begin : begin + name]
    start: int = begin + name + extra
    wide = _wide(body[begin + name : start])
    size, compressed = (next(wide, _SATURATED) if value == _SATURATED else value for value in (size, compressed))
    later = bool(flags & _LATER_FLAG) and (crc, compressed, size) == (0, 0, 0)
    same = (crc, compressed, size) == (entry.crc, entry.compressed, entry.size)
    if start > len(body) or (raw_name, flags, method) != (entry.raw_name, entry.flags, entry.method):
        raise refused(Malformed, entry.name, "is a member whose own header contradicts the directory")
    if not (same or later):
        raise refused(Malformed, entry.name, "is a member whose own header gives other sizes than the directory")
    return start


def _descriptors(entry: _Entry) -> tuple[bytes, ...]:
    """Write what may follow the content of a member whose sizes are given after it."""
    plain = tuple(
        struct.pack(layout, entry.crc, entry.compressed, entry.size)
        for layout in ("<3L", "<L2Q")
        if max(entry.compressed, entry.size) <= _SATURATED or "Q" in layout
    )
    return (*plain, *(b"PK\7\x08" + one for one in plain))


def content(  # noqa: PLR0913 - what to give, and what to heed
    body: Body,
    member: Member,
    *,
    most_bytes: int,
    most_expansion: int = MOST_EXPANSION,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
    library: Library = FASTEST,
    aside: Aside = at_once,
) -> tuple[Body | memoryview, int, int, Check]:
    """Give the content of a member: where it lies, in the archive itself if it is stored.

    Parameters
    ----------
    body, member
        The archive, and one of its members.
    most_bytes, most_expansion
        How long the content may be, and how many times as long as it is in the archive, above `FREE_BYTES`.
    scratch
        Gives room for what is inflated.
    checkpoint
        Called between pieces.
    library
        Inflates and sums up; it is for tests to give zlib where there is a faster one.
    aside
        Has the checksum of a large member that is stored looked at.

    Returns
    -------
    data, start, stop
        The content is ``data[start:stop]``.
    check
        Raises `Malformed` if its checksum is another, once that is known.

    Raises
    ------
    TooLarge
        It says that it is longer than `most_bytes`, or inflates to more than `most_expansion` times its size. Nothing
        has been inflated then.
    Malformed
        Its checksum, or what it inflates to, is not what the directory says.
    """
    if member.size > most_bytes:
        detail = f"inflates to more than the {most_bytes} bytes that are left for it ({variable('max_upload_bytes')})"
        raise refused(TooLarge, member.name, detail)
    if member.size > max(FREE_BYTES, most_expansion * (member.stop - member.start)):
        raise refused(
            TooLarge,
            member.name,
            f"inflates to more than {most_expansion} times its compressed size; above {FREE_BYTES} bytes that is the"
            f" most ({variable('max_expansion')}), send it stored",
        )
    if member.deflated:
        return _inflated(body, member, scratch, checkpoint, library), 0, member.size, passed
    check = partial(_check_stored, body, member, checkpoint, library)
    return body, member.start, member.stop, (aside if member.size >= _ASIDE_BYTES else at_once)(check)


def _check_stored(body: Body, member: Member, checkpoint: Checkpoint, library: Library) -> None:
    """Sum up a member that is stored, and compare that with the directory's."""
    crc = 0
    with memoryview(body) as stored:  # a map that is viewed cannot be closed
        for place in range(member.start, member.stop, _SUMMED_BYTES):
            checkpoint()
            crc = library.crc32(stored[place : min(member.stop, place + _SUMMED_BYTES)], crc)
    _check_sum(member, crc)


def _check_sum(member: Member, crc: int) -> None:
    """Compare a checksum with the directory's."""
    if crc != member.crc:
        raise refused(Malformed, member.name, "is a member that is damaged: its checksum is another")


def _inflated(body: Body, member: Member, scratch: Scratch, checkpoint: Checkpoint, library: Library) -> memoryview:
    """Inflate a member into room of just the size that it says it has, and sum it up on the way."""
    target = scratch.bytes(member.size)
    source = memoryview(body)[member.start : member.stop]
    stream = library.decompressobj(wbits=RAW)
    filled = crc = 0
    try:
        for place in range(0, len(source), _PIECE_BYTES):
            data: bytes | memoryview = source[place : place + _PIECE_BYTES]
            while data and not stream.eof:
                checkpoint()
                piece = stream.decompress(data, min(_GROWTH_BYTES, member.size - filled + 1))
                if filled + len(piece) > member.size:
                    raise _damaged(member)
                target[filled : filled + len(piece)] = piece
                crc = library.crc32(piece, crc)
                filled += len(piece)
                data = stream.unconsumed_tail
            if stream.unused_data or (stream.eof and place + _PIECE_BYTES < len(source)):
                raise _damaged(member)
    except library.error:
        raise _damaged(member) from None
    if not stream.eof or filled != member.size:
        raise _damaged(member)
    _check_sum(member, crc)
    return target


def _damaged(member: Member) -> DecodeError:
    """Make the refusal of a member that is not what it says."""
    return refused(Malformed, member.name, "is a member that is damaged: it does not inflate to the size it says")

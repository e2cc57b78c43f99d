"""``.npz``: an archive of ``.npy`` files named for the arrays; the options are in the query of the request.

Stored members (`numpy.savez`) are not copied: their arrays are views of the body. Deflated ones
(`numpy.savez_compressed`) are inflated once, within the limit. An answer is such an archive too.
"""

import io
import zipfile

import numpy as np
import orjson

from app.deflate import FASTEST, Library
from app.formats import npy
from app.formats.archive import MOST_EXPANSION, content, members
from app.formats.aside import Aside, Check, at_once
from app.formats.elements import refused
from app.formats.errors import UnknownField
from app.formats.fields import check_names
from app.formats.reply import Reply
from app.formats.scratch import IN_MEMORY, Body, Scratch
from app.formats.submission import ARRAYS, Submission, awaiting
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["MEDIA_TYPE", "SUMMARY", "decode", "encode"]

MEDIA_TYPE = "application/x-npz"

SUMMARY = "summary.json"
"""The member of an answer that holds everything but the arrays."""

_SUFFIX = ".npy"
_UNNAMED = "arr_"  # what NumPy calls arrays that it was given without a name


def decode(  # noqa: PLR0913 - what there is to heed
    body: Body,
    fields: frozenset[str],
    *,
    max_upload_bytes: int = 256 * 2**20,
    max_expansion: int = MOST_EXPANSION,
    scratch: Scratch = IN_MEMORY,
    checkpoint: Checkpoint = go_on,
    library: Library = FASTEST,
    aside: Aside = at_once,
) -> Submission:
    """Read an archive of arrays.

    Parameters
    ----------
    body
        The archive.
    fields
        The names of all fields that the endpoint knows; members are the arrays among them.
    max_upload_bytes
        What all members together may inflate to.
    max_expansion
        How many times its compressed size a member may inflate to, if it is large.
    scratch
        Gives room for what is inflated.
    checkpoint
        Called between pieces of work.
    library
        Inflates members and sums them up; it is for tests to give zlib where there is a faster one.
    aside
        Has checksums looked at while the batch is computed already.

    Returns
    -------
    Submission
        Arrays of any real type, byte order and layout, views of `body` where they are stored; no options. Whoever gave
        an `aside` works with it within `Submission.checked`.

    Raises
    ------
    Malformed
        A broken archive or member, which is named.
    WrongDtype
        An array without real numbers.
    UnknownField, DuplicateField
        A member that is no array of the request, or is there twice.
    TooLarge
        More members, or more inflated bytes, than are taken.
    """
    found = members(body)
    for member in found:
        if not member.name.endswith(_SUFFIX):
            detail = "is a member that is no array; names that end with .npy, as numpy.savez writes them, are wanted"
            raise refused(UnknownField, member.name[:40], detail)
    names = [member.name.removesuffix(_SUFFIX) for member in found]
    are_unnamed = any(name.startswith(_UNNAMED) for name in names)
    how = " (numpy.savez(file, x=x, y=y) gives names)" if are_unnamed else ""
    check_names(names, fields & {*ARRAYS}, f"array of this request{how}")
    arrays = {}
    checks: list[Check] = []
    left = max_upload_bytes
    try:
        for name, member in zip(names, found, strict=True):
            data, start, stop, check = content(
                body,
                member,
                most_bytes=left,
                most_expansion=max_expansion,
                scratch=scratch,
                checkpoint=checkpoint,
                library=library,
                aside=aside,
            )
            checks.append(check)
            arrays[name] = npy.read(name, data, start, stop, scratch=scratch, checkpoint=checkpoint)
            left -= member.size
    except BaseException:
        with awaiting(checks):  # what is wrong further ahead counts, and nobody may be left who looks at the body
            raise
    return Submission.of(arrays, {}, tuple(checks))


def encode(reply: Reply) -> bytes:
    """Write a reply as an archive, for `numpy.load`: arrays by their dotted place, the rest as JSON in `SUMMARY`.

    Where an array belongs, the summary has null.

    Raises
    ------
    ValueError
        If a number is not finite; a fault of this service, as in `app.formats.json.encode`.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for place, array in reply.arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{place} is not finite")
            with archive.open(zipfile.ZipInfo(place + _SUFFIX), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.writestr(zipfile.ZipInfo(SUMMARY), orjson.dumps(reply.summary))
    return written.getvalue()

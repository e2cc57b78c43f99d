"""A body is put together from the pieces in which it arrives: in memory while it is small, in a file from then on."""

import mmap
from collections.abc import AsyncIterable, Callable
from typing import Final, TypeVar

import anyio

from app.spool.files import Spool, SpoolFile
from app.spool.room import room
from app.spool.tidy import Tidy
from app.spool.workspace import Allowance, Workspace
from app.threads import Threads

__all__ = ["Collector"]

PIECE_BYTES: Final = 2**18
"""How much is collected before it is written, since each hop to a thread costs as much as writing half of it;
more would add up where hundreds of clients are slow."""

LANDING_BYTES: Final = 2**16
"""From where on a body goes to its place by itself: a shorter one has arrived before it is asked for."""

LARGE_BYTES: Final = 2**20
"""From where on a body in memory is put together in a thread."""

T = TypeVar("T")


class Collector:
    """How bodies are taken in: how much of them is in memory, and where the rest goes.

    Parameters
    ----------
    spool
        Where large bodies go, and what is made of them.
    threshold_bytes
        How much one request may hold in memory; a body that comes in pieces, half of it.
    memory_bytes
        How much all of them together may.
    writers
        How many bodies are written to disk at once, in threads; the others wait, and their clients with them.
    """

    def __init__(self, spool: Spool, *, threshold_bytes: int, memory_bytes: int, writers: int = 4) -> None:
        self.spool = spool
        self.allowance = Allowance(memory_bytes)
        self._threshold = threshold_bytes
        self._writing = Threads(writers, "lossgrid-writing", awaited=True)
        self._tidy = Tidy()

    def workspace(self) -> Workspace:
        """Give a request its room, to be used with ``with``, or until `give_back`."""
        return Workspace(self.spool, self.allowance, threshold_bytes=self._threshold)

    async def give_back(self, workspace: Workspace) -> None:
        """Close a workspace that is on disk in a thread: to free gigabytes takes the system a while.

        After a large one, the memory that it has freed goes back to the system as soon as there is quiet.

        Whoever did its work has closed it, as a rule. It has not where no work was begun, or goes on without a client.
        """
        if workspace.most_bytes > LARGE_BYTES:
            self._tidy.soon()
        if workspace.is_on_disk:
            with anyio.CancelScope(shield=True):
                await self._aside(workspace.close)
        else:
            workspace.close()

    async def collected(
        self,
        pieces: AsyncIterable[bytes],
        workspace: Workspace,
        declared: int = 0,
        land: Callable[[memoryview], bool] | None = None,
    ) -> bytes | mmap.mmap:
        """Put a body together; nothing of it is left if it does not become whole.

        Parameters
        ----------
        pieces
            What arrives. What the iteration raises (the client has left, the body is too large) passes through.
        workspace
            What counts it, and holds the map of its file.
        declared
            How long it is said to be; 0 if nothing is said.
        land
            Lets a body that is as long as declared go to its place by itself, as `app.gates.landing` says.

        Returns
        -------
        bytes or mmap.mmap
            The body; a map of a file without a name where it is larger than the request may hold in memory.

        Raises
        ------
        RefusedError
            413: it is larger than half of the room that is left on disk; 503: there is no room.
        """
        if land is not None and LANDING_BYTES <= declared <= self._threshold and workspace.hold(declared):
            place = room(declared)
            if land(place.getbuffer()):
                async for _ in pieces:
                    pass
                return place.getvalue()  # not a copy: it is the one that was filled
            workspace.drop(declared)
        file: SpoolFile | None = None
        held: list[bytes] = []
        waiting = 0
        try:
            if declared > self._threshold:
                await self._aside(self.spool.check, declared)
                file = await self._aside(self.spool.create)
            async for piece in pieces:
                held.append(piece)
                waiting += len(piece)
                # What is in pieces is there twice while it is joined.
                if file is None and (waiting > self._threshold // 2 or not workspace.hold(len(piece))):
                    file = await self._aside(self.spool.create)
                    await self._aside(file.append, held)
                    workspace.drop(waiting - len(piece))
                    held, waiting = [], 0
                elif file is not None and waiting >= PIECE_BYTES:
                    await self._aside(file.append, held)
                    held, waiting = [], 0
            if file is None:  # to join mebibytes takes a while, and other threads may run meanwhile
                return b"".join(held) if waiting < LARGE_BYTES else await self._aside(b"".join, held)
            await self._aside(file.append, held)
            return await self._aside(workspace.map, file) if file.size else b""
        finally:
            if file is not None:
                with anyio.CancelScope(shield=True):  # likewise in a thread
                    await self._aside(file.close)

    async def _aside(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function that may wait for the disk."""
        return await self._writing.aside(function, *arguments)

"""How much memory a request takes: the peak of a process that has answered nothing but small requests before."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.batches import Size, arrays, upload
from benchmarks.client import Client, Refused, Request
from benchmarks.results import MemoryResult
from benchmarks.rounds import FAILED
from benchmarks.servers import Server, ours, unlike_ours

__all__ = ["grown"]

_WARM: Final = Size(1, 10)

_KINDS: Final[Sequence[tuple[str, str, Callable[[], AbstractContextManager[Server]]]]] = (
    ("ours", "JSON of float32", ours),
    ("usual", "JSON of float32", partial(unlike_ours, "usual")),
    ("ours", "npz float32", ours),
)


def grown(sizes: Sequence[Size], say: Callable[[str], None]) -> list[MemoryResult]:
    """Measure the growth of memory over sizes; nothing where the system does not tell, as only Linux does.

    Parameters
    ----------
    sizes
        Of batches.
    say
        Is told of every size when it is done, and of one that fails, which is left out.
    """
    if not Path("/proc/self/clear_refs").exists():
        return []
    results = []
    for size in sizes:
        try:
            done = [_growth(who, form, start, size) for who, form, start in _KINDS]
        except (Refused, OSError, RuntimeError) as error:
            say(f"{FAILED}: memory for {size}: {error}")
            continue
        say(f"{size}: " + ", ".join(f"{one.who} {one.form} +{one.grown_bytes / 2**20:.1f} MiB" for one in done))
        results += done
    return results


def _growth(who: str, form: str, start: Callable[[], AbstractContextManager[Server]], size: Size) -> MemoryResult:
    """Start a server, let it answer a small request and then the one in question."""
    request = _request(form, size)
    with start() as server, Client(server.port) as client:
        client.ask(_request(form, _WARM))
        before = server.forget_peak()
        client.ask(request)
        return MemoryResult(
            who=who,
            form=form,
            size=str(size),
            elements=size.elements,
            body_bytes=len(request.text),
            idle_bytes=before,
            grown_bytes=max(0, server.peak() - before),
        )


def _request(form: str, size: Size) -> Request:
    """Write a request for the loss of a batch."""
    written = upload(form, arrays(size))
    return Request.of("/loss", written.body, written.headers)

"""The engine of one process: a fold over chunks that fit a core's own cache."""

from collections.abc import Iterator

from app.losses import Batch, Objective, Tally, tally
from app.losses.checkpoint import Checkpoint, go_on

__all__ = ["run"]


def run(batch: Batch, objective: Objective, checkpoint: Checkpoint = go_on) -> Tally:
    """Tally a batch, chunk by chunk, with a checkpoint before each.

    Raises
    ------
    NotFinite, OutOfDomain, Overflow
        As `Batch.chunks` and `tally` do.
    """

    def tallies() -> Iterator[Tally]:
        for chunk in batch.chunks():
            checkpoint()
            yield tally(chunk, objective)

    return Tally.of_all(tallies())

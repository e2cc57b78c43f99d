"""The engine of one process: a fold over chunks that fit a core's own cache."""

from app.losses import Batch, Objective, Tally, tally

__all__ = ["run"]


def run(batch: Batch, objective: Objective) -> Tally:
    """Tally a batch, chunk by chunk.

    Raises
    ------
    NotFinite, OutOfDomain, Overflow
        As `Batch.chunks` and `tally` do.
    """
    return Tally.of_all(tally(chunk, objective) for chunk in batch.chunks())

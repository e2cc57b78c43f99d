"""The engine of one process: a fold over chunks that fit a core's own cache."""

from app.losses import Batch, Checkpoint, Objective, Tally, go_on, tally

__all__ = ["run"]


def run(batch: Batch, objective: Objective, checkpoint: Checkpoint = go_on) -> Tally:
    """Tally a batch, chunk by chunk, with the checkpoint before each.

    Raises
    ------
    NotFinite, OutOfDomain, Overflow
        As `Batch.chunks` and `tally` do.
    """
    return Tally.of_all(tally(chunk, objective, checkpoint) for chunk in batch.chunks(checkpoint=checkpoint))

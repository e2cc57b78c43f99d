"""The engine of one process: the fold over chunks is the tally of the whole."""

import numpy as np
import pytest

from app.engines import local
from app.losses import LOSSES, Batch, NotFinite, Objective, Tally, report, tally
from tests.losses.cases import arrays_for, assert_same_bits, every_loss


@every_loss
def test_a_small_batch_is_one_chunk(loss: str) -> None:
    batch, objective = Batch.of(arrays_for(loss)), Objective.of(loss)
    (chunk,) = batch.chunks()
    found, wanted = local.run(batch, objective), tally(chunk, objective)
    assert_same_bits(report(batch, found, objective), report(batch, wanted, objective))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_large_batch_is_folded(loss: str) -> None:
    batch, objective = Batch.of(arrays_for(loss, samples=30_000)), Objective.of(loss)
    chunks = list(batch.chunks())
    assert len(chunks) > 1
    wanted = Tally.of_all(tally(chunk, objective) for chunk in chunks)
    assert_same_bits(report(batch, local.run(batch, objective), objective), report(batch, wanted, objective))


def test_the_first_bad_chunk_ends_the_fold() -> None:
    x = np.zeros((30_000, 5))
    x[29_999, 3] = np.nan
    with pytest.raises(NotFinite) as caught:
        local.run(Batch.of({"x": x, "y": np.zeros((30_000, 5))}), Objective.of())
    assert caught.value.faults[0].path == ("x", 29_999, 3)

"""Long work asks between its pieces whether it is to go on, and ends with whatever the answer raises."""

from collections.abc import Callable

import numpy as np
import pytest

from app.engines import local
from app.losses import (
    Batch,
    Checkpoint,
    NotFinite,
    Objective,
    OutOfDomain,
    collapse,
    divergence_elementwise,
    elementwise,
    go_on,
    gradients,
)
from tests.losses.cases import arrays_for, reported

WORK: dict[str, Callable[[Batch, Objective, Checkpoint], object]] = {
    "tally": local.run,
    "elementwise": elementwise,
    "kl_elementwise": lambda batch, _, checkpoint: divergence_elementwise(batch, checkpoint),
    "gradients": lambda batch, objective, checkpoint: gradients(
        batch, objective, local.run(batch, objective), checkpoint
    ),
    "collapse": lambda batch, objective, checkpoint: collapse(
        batch, objective, reported({"x": batch.x, "y": batch.y, "mu": batch.mu, "logvar": batch.logvar}), checkpoint
    ),
}


class StoppedError(Exception):
    """What a checkpoint raises."""


class Counter:
    """Lets so many pieces be done, and no more."""

    def __init__(self, most: int) -> None:
        self.left = most

    def __call__(self) -> None:
        """Count one piece."""
        if not self.left:
            raise StoppedError
        self.left -= 1


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("pieces", [0, 2])
def test_work_is_stopped_between_its_pieces(work: str, pieces: int) -> None:
    batch = Batch.of(arrays_for("squared_error", samples=120_000, features=(5,), latents=(2,)))
    counter = Counter(pieces)
    with pytest.raises(StoppedError):
        WORK[work](batch, Objective.of(), counter)
    assert not counter.left


def test_the_spectrum_of_few_long_samples_can_be_stopped_too() -> None:
    batch = Batch.of(arrays_for("squared_error", samples=2, features=(600_000,), latents=(1,)))
    most = Counter(10_000)
    WORK["collapse"](batch, Objective.of(), most)
    with pytest.raises(StoppedError):
        WORK["collapse"](batch, Objective.of(), Counter(10_000 - most.left - 2))  # in the midst of the last pass


@pytest.mark.parametrize(("value", "error"), [(np.nan, NotFinite), (-1.0, OutOfDomain)])
def test_counting_what_is_wrong_can_be_stopped(value: float, error: type[Exception]) -> None:
    arrays = arrays_for("binary_cross_entropy", samples=120_000, features=(5,))
    arrays["x"][0, 0] = value
    batch, objective = Batch.of(arrays), Objective.of("binary_cross_entropy")
    with pytest.raises(StoppedError):
        local.run(batch, objective, Counter(3))
    with pytest.raises(error):
        local.run(batch, objective, go_on)

"""What was uploaded is the caller's: read-only arrays are accepted, and no array changes."""

from collections.abc import Callable

import numpy as np
import pytest

from app.engines import local
from app.losses import Batch, Objective, collapse, divergence_elementwise, elementwise, gradients
from tests.losses.cases import Arrays, arrays_for, every_loss, reported

ASKED: dict[str, Callable[[Batch, Objective, Arrays], object]] = {
    "report": lambda _, objective, arrays: reported(arrays, objective.loss.name),
    "elementwise": lambda batch, objective, _: elementwise(batch, objective),
    "kl_elementwise": lambda batch, _, __: divergence_elementwise(batch),
    "gradients": lambda batch, objective, _: gradients(batch, objective, local.run(batch, objective)),
    "collapse": lambda batch, objective, arrays: collapse(batch, objective, reported(arrays, objective.loss.name)),
}


@every_loss
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("features", [3, 9], ids=["narrow", "wide"])
def test_arrays_stay_as_they_are(loss: str, asked: str, features: int) -> None:
    arrays = arrays_for(loss, features=(features,), weighted=True)
    copies = {name: array.copy() for name, array in arrays.items()}
    for array in arrays.values():
        array.flags.writeable = False
    if asked != "collapse" or loss in ("squared_error", "half_squared_error"):
        ASKED[asked](Batch.of(arrays), Objective.of(loss), arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, copies[name])


def test_an_answer_shares_no_memory_with_the_upload() -> None:
    arrays = arrays_for("absolute_error", features=(), latents=())
    batch, objective = Batch.of(arrays), Objective.of("absolute_error")
    slopes = gradients(batch, objective, local.run(batch, objective))
    answers = [elementwise(batch, objective), divergence_elementwise(batch), slopes.y, slopes.mu, slopes.logvar]
    answers += reported(arrays, "absolute_error").per_sample.reconstruction.values()
    for answer in answers:
        assert answer is not None
        assert not any(np.shares_memory(answer, array) for array in arrays.values())


def test_float64_in_c_order_is_not_copied() -> None:
    arrays = arrays_for("squared_error")
    (chunk,) = Batch.of(arrays).chunks()
    assert np.shares_memory(chunk.x, arrays["x"])

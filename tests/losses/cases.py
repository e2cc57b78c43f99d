"""Builders that the tests of this room share: a batch inside the domains of a loss, its report, all its numbers."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from app.engines import local
from app.losses import EPS, LOSSES, Batch, LossInputError, Objective, Report, report

Arrays = dict[str, NDArray[Any]]

every_loss = pytest.mark.parametrize("loss", tuple(LOSSES))
weighted_or_not = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def arrays_for(  # noqa: PLR0913 - one keyword for each thing that a test may vary
    loss: str,
    *,
    samples: int = 6,
    features: tuple[int, ...] = (5,),
    latents: tuple[int, ...] | None = (3,),
    weighted: bool = False,
    seed: int = 0,
) -> Arrays:
    """Draw an ordinary batch that the loss is defined for.

    Its numbers are multiples of 1/1024 between 0 and 2, so that every float type from float16 on holds them exactly.
    """
    rng = np.random.default_rng(seed)

    def numbers(domain: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        highest = 1023 if domain == "[0, 1]" else 2047
        return rng.integers(1, highest, (samples, *shape), endpoint=True) / 1024

    row = LOSSES[loss]
    arrays: Arrays = {"x": numbers(row.x_domain.text, features), "y": numbers(row.y_domain.text, features)}
    if latents is not None:
        arrays["mu"] = numbers("real", latents) - 1
        arrays["logvar"] = numbers("real", latents) - 1
    if weighted:
        arrays["sample_weight"] = rng.integers(1, 4096, samples) / 1024
    return arrays


def reported(arrays: Mapping[str, Any], loss: str = "squared_error", **options: float) -> Report:
    """Report on a batch as the service does."""
    batch, objective = Batch.of(arrays), Objective.of(loss, **options)
    return report(batch, local.run(batch, objective), objective)


Refusal = TypeVar("Refusal", bound=LossInputError)


def refused(arrays: Mapping[str, Any], kind: type[Refusal], loss: str = "squared_error", **options: float) -> Refusal:
    """Report on a batch that is to be refused, and return the exception."""
    with pytest.raises(kind) as caught:
        reported(arrays, loss, **options)
    assert type(caught.value) is kind
    return caught.value


def numbers_of(nested: object, path: str = "") -> dict[str, NDArray[np.float64]]:
    """List every number of a report by where it is: ``"variants.sum_mean.total"``. Texts and None are left out."""
    if dataclasses.is_dataclass(nested):
        nested = {field.name: getattr(nested, field.name) for field in dataclasses.fields(nested)}
    if isinstance(nested, tuple) and hasattr(nested, "_asdict"):
        nested = nested._asdict()
    if isinstance(nested, Mapping):
        found: dict[str, NDArray[np.float64]] = {}
        for name, value in nested.items():
            found |= numbers_of(value, f"{path}.{name}" if path else str(name))
        return found
    if isinstance(nested, (bool, int, float, np.ndarray)):
        return {path: np.asarray(nested, dtype=np.float64)}
    return {}


def assert_same_bits(found: object, wanted: object) -> None:
    """Compare every number of two reports to the last bit."""
    left, right = numbers_of(found), numbers_of(wanted)
    assert left.keys() == right.keys()
    for name, value in right.items():
        np.testing.assert_array_equal(left[name].view(np.int64), value.view(np.int64), err_msg=name, strict=True)


def assert_close(found: object, wanted: object, *, eps: float, where: Callable[[str], bool] = lambda _: True) -> None:
    """Compare numbers of two reports relatively, with a tolerance in eps."""
    left, right = numbers_of(found), numbers_of(wanted)
    assert left.keys() == right.keys()
    for name, value in right.items():
        if where(name):
            np.testing.assert_allclose(left[name], value, rtol=eps * EPS, atol=0, err_msg=name)

"""Samples have no order: vectors follow a permutation, scalars stay within a rounding."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.losses import LOSSES
from tests.losses.cases import arrays_for, assert_close, every_loss, numbers_of, reported, weighted_or_not


@every_loss
@weighted_or_not
def test_vectors_follow_and_scalars_stay(loss: str, *, weighted: bool) -> None:
    arrays = arrays_for(loss, samples=30, weighted=weighted)
    order = np.random.default_rng(1).permutation(30)
    found = reported({name: array[order] for name, array in arrays.items()}, loss)
    wanted = reported(arrays, loss)
    vectors = numbers_of(wanted.per_sample)
    for name, vector in numbers_of(found.per_sample).items():
        np.testing.assert_array_equal(vector, vectors[name][order], err_msg=name)
    assert_close(found, wanted, eps=1, where=lambda name: not name.startswith("per_sample"))
    assert [caution.code for caution in found.warnings] == [caution.code for caution in wanted.warnings]


@settings(deadline=None, max_examples=40)
@given(loss=st.sampled_from(tuple(LOSSES)), seed=st.integers(0, 1000), samples=st.integers(1, 12))
def test_a_batch_and_its_mirror_image_agree(loss: str, seed: int, samples: int) -> None:
    arrays = arrays_for(loss, samples=samples, seed=seed, weighted=bool(seed % 2))
    found, wanted = reported({name: array[::-1] for name, array in arrays.items()}, loss), reported(arrays, loss)
    eps = 1 if loss not in {"gaussian_nll", "poisson_nll"} else 1e6  # terms of either sign may cancel
    assert_close(found, wanted, eps=eps, where=lambda name: not name.startswith("per_sample"))


@every_loss
def test_features_and_latents_may_be_shuffled_too(loss: str) -> None:
    arrays = arrays_for(loss, samples=30)
    order = np.random.default_rng(1).permutation(5)
    shuffled = arrays | {name: arrays[name][:, order] for name in ("x", "y")}
    assert_close(reported(shuffled, loss), reported(arrays, loss), eps=1)

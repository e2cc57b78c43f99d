"""The tally of a batch is the sum of the tallies of its chunks, for every cut and in every order."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.losses import EPS, LOSSES, Batch, Objective, Report, Tally, report, tally
from tests.losses.cases import arrays_for, assert_close, assert_same_bits, every_loss, numbers_of, weighted_or_not


def cut(batch: Batch, objective: Objective, rows: int) -> list[Tally]:
    return [tally(chunk, objective) for chunk in batch.chunks(rows)]


def report_on(batch: Batch, objective: Objective, rows: int) -> Report:
    return report(batch, Tally.of_all(cut(batch, objective, rows)), objective)


@every_loss
@weighted_or_not
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 50])
def test_every_cut_gives_the_same_vectors_and_scalars_within_a_rounding(
    loss: str, *, weighted: bool, rows: int
) -> None:
    batch = Batch.of(arrays_for(loss, samples=23, weighted=weighted))
    objective = Objective.of(loss, beta=0.7)
    found, whole = report_on(batch, objective, rows), report_on(batch, objective, 23)
    left, right = numbers_of(found.per_sample), numbers_of(whole.per_sample)
    for name, vector in right.items():
        np.testing.assert_array_equal(left[name], vector, err_msg=name)
    assert_close(found, whole, eps=1)
    assert found.warnings == whole.warnings


@settings(deadline=None, max_examples=60)
@given(
    loss=st.sampled_from(tuple(LOSSES)),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4)),
    weighted=st.booleans(),
    rows=st.integers(1, 41),
    seed=st.integers(0, 1000),
)
def test_any_batch_cut_anywhere(
    *, loss: str, sizes: tuple[int, int, int], weighted: bool, rows: int, seed: int
) -> None:
    n, d, latents = sizes
    arrays = arrays_for(loss, samples=n, features=(d,), latents=(latents,), weighted=weighted, seed=seed)
    batch, objective = Batch.of(arrays), Objective.of(loss)
    # Terms of either sign may cancel in these two; relative to their sum nothing is promised then.
    eps = 1 if loss not in {"gaussian_nll", "poisson_nll"} else 1e6
    assert_close(report_on(batch, objective, rows), report_on(batch, objective, n), eps=eps)


@every_loss
@weighted_or_not
def test_tallies_come_in_any_order(loss: str, *, weighted: bool) -> None:
    batch, objective = Batch.of(arrays_for(loss, samples=7, weighted=weighted)), Objective.of(loss)
    parts = cut(batch, objective, 3)
    wanted = report(batch, Tally.of_all(parts), objective)
    for order in itertools.permutations(parts):
        assert_same_bits(report(batch, Tally.of_all(order), objective), wanted)


@every_loss
def test_tallies_add_in_pairs_as_well(loss: str) -> None:
    batch, objective = Batch.of(arrays_for(loss, samples=5)), Objective.of(loss)
    first, second, third = cut(batch, objective, 2)
    assert_close(report(batch, first + (second + third), objective), report_on(batch, objective, 5), eps=1)


@weighted_or_not
def test_the_digits_survive_ten_thousand_chunks(*, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    errors = rng.random(10_000) ** 4 * 1e3
    weight = rng.integers(1, 9, 10_000).astype(np.float64) if weighted else np.ones(10_000)
    arrays = {"x": np.sqrt(errors), "y": np.zeros(10_000), "sample_weight": weight}
    batch = Batch.of(arrays if weighted else {name: arrays[name] for name in ("x", "y")})
    squares = np.square(batch.x)
    found = report_on(batch, Objective.of(), 1).terms.reconstruction["sum_sum"]
    # Small whole weights are exact repetitions: fsum gives the correctly rounded sum of the rounded products.
    assert found == pytest.approx(math.fsum(weight * squares), rel=EPS / 2, abs=0)


def test_chunks_are_cut_to_fit_the_cache_and_hold_one_sample_at_least() -> None:
    long = Batch.of({"x": np.zeros((3, 100_000)), "y": np.zeros((3, 100_000))})
    assert [(chunk.start, len(chunk.x)) for chunk in long.chunks()] == [(0, 1), (1, 1), (2, 1)]
    short = Batch.of({"x": np.zeros((100_000, 2)), "y": np.zeros((100_000, 2))})
    assert 1 < len(list(short.chunks())) < 10
    narrow, wide = np.zeros(3), np.zeros((3, 100_000))
    latent = Batch.of({"x": narrow, "y": narrow, "mu": wide, "logvar": wide})
    assert len(list(latent.chunks())) == 3

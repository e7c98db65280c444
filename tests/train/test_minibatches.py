"""Minibatches: each row once an epoch, or independent draws; from the generator handed in."""

import itertools

import numpy as np
import pytest

from diffkit.train import TrainingError, minibatches


@pytest.mark.parametrize("n, size, count", [(10, 3, 4), (9, 3, 3), (3, 10, 1), (1, 1, 1)])
def test_each_row_once_an_epoch(n: int, size: int, count: int) -> None:
    batches = list(minibatches(n, size, np.random.default_rng(0)))
    assert len(batches) == count
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert [len(rows) for rows in batches[:-1]] == [size] * (count - 1)


def test_the_protocol_one_permutation_cut_in_slices() -> None:
    rng, expected = np.random.default_rng(1003), np.random.default_rng(1003)
    for _ in range(3):
        order = expected.permutation(7)
        found = [rows.tolist() for rows in minibatches(7, 3, rng)]
        assert found == [order[:3].tolist(), order[3:6].tolist(), order[6:].tolist()]


def test_without_shuffle_nothing_is_drawn() -> None:
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert [rows.tolist() for rows in minibatches(4, 2, rng, shuffle=False)] == [[0, 1], [2, 3]]
    assert rng.bit_generator.state == before


def test_drop_last_leaves_the_short_one_out() -> None:
    assert [len(rows) for rows in minibatches(10, 4, 0, drop_last=True)] == [4, 4]


def test_the_mean_over_all_minibatches_is_the_full_gradient() -> None:
    x, y, w = np.arange(12.0), np.arange(12.0) ** 2, 0.3
    gradients = 2 * (w * x - y) * x
    means = [gradients[rows].mean() for rows in minibatches(12, 4, 0)]
    assert np.mean(means) == pytest.approx(gradients.mean(), rel=1e-14)


def test_independent_draws_are_uniform_and_repeat() -> None:
    rng = np.random.default_rng(5)
    drawn = np.concatenate([rows for _ in range(2000) for rows in minibatches(5, 5, rng, replace=True)])
    counts = np.bincount(drawn, minlength=5)
    # 2000 each, with a standard deviation of 40; a partition would give exactly 2000.
    assert np.all(np.abs(counts - 2000) < 200)
    assert np.any(counts != 2000)


@pytest.mark.parametrize("arguments", [(0, 1), (5, 0), (5, 2.5), (5, True), (-1, 2)])
def test_impossible_sizes_are_refused_at_the_call(arguments: tuple[int, int]) -> None:
    with pytest.raises(TrainingError, match="an integer of at least 1"):
        minibatches(*arguments, 0)
    with pytest.raises(TrainingError, match="leaves nothing"):
        minibatches(3, 4, 0, drop_last=True)


def test_a_seed_gives_the_same_epoch_and_a_generator_goes_on() -> None:
    one, two = ([rows.tolist() for rows in minibatches(6, 2, 7)] for _ in range(2))
    assert one == two
    rng = np.random.default_rng(7)
    first, second = ([rows.tolist() for rows in minibatches(6, 2, rng)] for _ in range(2))
    assert first == one
    assert second != one
    assert list(itertools.chain(*second)) != list(itertools.chain(*first))

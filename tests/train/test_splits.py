"""Parts of data: disjoint, complete, of the right sizes, and with each class's share."""

import numpy as np
import pytest

from diffkit.train import TrainingError, split


def test_parts_are_disjoint_and_complete_and_rows_stay_together() -> None:
    x = np.arange(20)[:, None] * np.ones((1, 3))
    y = np.arange(20)
    parts = split(x, y, shares=(0.5, 0.3, 0.2), seed=3)
    assert [len(part[1]) for part in parts] == [10, 6, 4]
    assert sorted(np.concatenate([part[1] for part in parts]).tolist()) == list(range(20))
    for rows, numbers in parts:
        np.testing.assert_array_equal(rows[:, 0], numbers)


@pytest.mark.parametrize("seed", range(5))
def test_stratified_parts_have_each_class_in_its_share(seed: int) -> None:
    y = np.repeat(["a", "b", "c"], [70, 20, 10])
    (train,), (test,) = split(y, shares=(0.8, 0.2), seed=seed, stratify=y)
    assert len(train) == 80
    for label, share in (("a", 14), ("b", 4), ("c", 2)):
        assert abs(int(np.sum(test == label)) - share) <= 1


def test_a_seed_repeats_and_another_differs() -> None:
    y = np.arange(50)
    one, again, other = (split(y, seed=seed)[0][0].tolist() for seed in (0, 0, 1))
    assert one == again
    assert one != other


@pytest.mark.parametrize("arrays, options, message", [
    ((np.ones(4), np.ones(5)), {}, r"arrays\[1\] has 5 rows, arrays\[0\] 4"),
    ((np.ones(4),), {"shares": (0.5, 0.6)}, "add up to 1"),
    ((np.ones(4),), {"shares": (1.5, -0.5)}, "positive shares"),
    ((np.ones(2),), {"shares": (0.9, 0.1)}, r"parts of \[2, 0\] rows"),
    ((np.ones(4),), {"stratify": np.ones((4, 1))}, "one label a row"),
    ((np.ones((0, 2)),), {}, "has no rows"),
])
def test_what_does_not_fit_is_named(arrays: tuple[np.ndarray, ...], options: dict, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        split(*arrays, **options)

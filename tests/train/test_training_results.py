"""The results that training must reach, on real data, to the last test row and the last digit.

The numbers were measured with hand-written NumPy, autograd, torch and optax, which agree with
each other; ``comparisons/training_accuracy.py`` runs all tasks and seeds.
"""

import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from comparisons import training_accuracy as accuracy


@pytest.mark.parametrize("task, seed", [("digits", 0), ("digits", 3), ("iris", 0), ("iris", 3), ("wine", 3),
                                        ("breast_cancer", 3), ("diabetes", 0)])
def test_seed_for_seed(task: str, seed: int) -> None:
    assert accuracy.agrees(accuracy.protocol(task, seed), accuracy.EXPECTED[task][seed])


def test_micrograds_notebook_to_the_last_digit() -> None:
    losses = accuracy.micrograd()
    assert len(losses) == 100
    assert losses[99] == 0.010978370135492717
    np.testing.assert_allclose(losses[:3], [0.8958441028683222, 1.723590533697202, 0.742900631385113], rtol=1e-14)

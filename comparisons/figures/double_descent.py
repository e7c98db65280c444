"""Double descent (Straka's four figures, model-wise): the test error peaks where the model just fits the data.

Least squares of minimum norm on random ReLU features of 300 digits with 15 % wrong labels: the worst width is the
number of examples, and far wider is nearly as good as the best narrower one.  Pixels scaled to [-1, 1]; means of five
seeds.

    python -m comparisons.figures.double_descent [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from comparisons.figures.shared import main, mislabel, new_axes, report
from diffkit import nn

EXAMPLES = 300
REFERENCE = {30: 0.258, 100: 0.170, 200: 0.320, 300: 0.772, 400: 0.485, 1000: 0.244, 4000: 0.180}


def test_error(width: int, seed: int) -> float:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    x, y = x[order] / 8 - 1, y[order]
    labels = mislabel(y[:EXAMPLES], 0.15, rng)
    features = nn.relu(x @ rng.standard_normal((64, width)) / 8)
    weights = np.linalg.lstsq(features[:EXAMPLES], np.eye(10)[labels], rcond=None)[0]
    return float(np.mean((features[EXAMPLES:] @ weights).argmax(axis=1) != y[EXAMPLES:]))


def run() -> Any:
    """Test error by width."""
    found = {width: float(np.mean([test_error(width, seed) for seed in range(5)])) for width in REFERENCE}
    report("test error by width (300 examples)", [(str(w), found[w], error) for w, error in REFERENCE.items()])
    return found


def plot(found: Any, ax: Any = None) -> Any:
    """Error over width, with the number of examples marked."""
    ax = ax or new_axes()
    ax.semilogx(list(found), list(found.values()), "o-", label="measured")
    ax.semilogx(list(REFERENCE), list(REFERENCE.values()), "x:", label="reference")
    ax.axvline(EXAMPLES, color="0.7", label="width = examples")
    ax.set(xlabel="random features", ylabel="test error", ylim=(0, 1))
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)

"""Stochastic gradient descent may go uphill, and whether small batches generalise better (Ewing, after Hardt).

The digits, SGD with rate 0.05: the share of steps after which the loss on all training rows is larger, and the
test accuracy once every run has had 600 steps.  The claim is reported as measured.

    python -m comparisons.figures.uphill [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import MODEL, digits, main, new_axes
from diffkit import nn, optim

STEPS = 600


def descend(size: int, steps: int = STEPS) -> tuple[list[float], float]:
    """Loss on all rows after each step, and the accuracy at the end."""
    x, y, x_test, y_test = digits()
    loss = lambda params, x, y: nn.cross_entropy(MODEL.apply(params, x), y)
    slope, opt, rng = dk.grad(loss), optim.SGD(0.05), np.random.default_rng(1000)
    params, losses = MODEL.init(0), []
    state = opt.init(params)
    for _ in range(steps):
        rows = rng.permutation(len(y))[:size]
        params, state = opt.step(params, slope(params, x[rows], y[rows]), state)
        losses.append(float(loss(params, x, y)))
    return losses, float(np.mean(MODEL.apply(params, x_test).argmax(axis=1) == y_test))


def run() -> Any:
    """Print the share of uphill steps and the accuracy, by batch size."""
    found = {size: descend(size) for size in (1, 8, 32, 256, 1347)}
    print("batch size   uphill steps   test accuracy after 600 steps")
    for size, (losses, accuracy) in found.items():
        print(f"{size:10d}   {np.mean(np.diff(losses) > 0):12.1%}   {accuracy:.3f}")
    print("reference: the share is above 0 for small batches, and 0 for the full batch at this rate")
    return found


def plot(found: Any, ax: Any = None) -> Any:
    """The loss on all rows, step by step."""
    ax = ax or new_axes()
    for size, (losses, _) in found.items():
        ax.semilogy(losses, linewidth=0.8, label=str(size))
    ax.set(xlabel="step", ylabel="loss on all training rows")
    ax.legend(title="batch size")
    return ax


if __name__ == "__main__":
    main(run, plot)

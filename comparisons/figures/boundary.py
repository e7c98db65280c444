"""The decision boundary of a 2-D classifier while it learns, and the histogram of its weights.

Two noisy moons, 2-16-16-2 tanh units, Adam; the boundary after 1, 10 and 100 epochs.

    python -m comparisons.figures.boundary [FILE]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from comparisons.figures.shared import new_axes
from diffkit import nn, optim, train

MODEL = nn.MLP((2, 16, 16, 2), "tanh")
EPOCHS = (1, 10, 100)


def moons(count: int = 200, noise: float = 0.2) -> Any:
    """Two half circles that reach into each other, and their labels."""
    rng = np.random.default_rng(0)
    angle, y = rng.uniform(0, np.pi, count), np.arange(count) % 2
    x = np.stack([np.cos(angle) + y, np.sin(angle) * (1 - 2 * y) + 0.5 * y], axis=1)
    return x + noise * rng.standard_normal(x.shape), y


def run() -> Any:
    """The parameters after some epochs."""
    x, y = moons()
    kept = {0: MODEL.init(0)}

    def keep(epoch: Any) -> None:
        if epoch.epoch in EPOCHS:
            kept[epoch.epoch] = epoch.params

    train.fit(lambda params, x, y: nn.cross_entropy(MODEL.apply(params, x), y), MODEL.init(0), (x, y),
              optim.Adam(0.01), epochs=max(EPOCHS), progress=False, callbacks=[keep])
    for epoch, params in kept.items():
        print(f"epoch {epoch:3d}: accuracy {accuracy(params):.3f}")
    return kept


def accuracy(params: Any) -> float:
    """The share of the points on their own side of the boundary."""
    x, y = moons()
    return float(np.mean(MODEL.apply(params, x).argmax(axis=1) == y))


def plot_boundary(params: Any, ax: Any = None) -> Any:
    """The probability of the second class, and the points."""
    ax = ax or new_axes()
    x, y = moons()
    grid = np.meshgrid(np.linspace(-1.7, 2.7, 120), np.linspace(-1.2, 1.7, 120))
    scores = nn.softmax(MODEL.apply(params, np.stack(grid, axis=-1)))
    ax.contourf(*grid, scores[..., 1], np.linspace(0, 1, 21), cmap="RdBu", alpha=0.7)
    ax.contour(*grid, scores[..., 1], [0.5], colors="k")
    ax.scatter(*x.T, c=y, cmap="RdBu", edgecolors="k", linewidths=0.4, s=14)
    ax.set(xlabel="x", ylabel="y")
    return ax


def plot_weights(kept: Any, ax: Any = None) -> Any:
    """Histogram of the second layer's weights, before and after."""
    ax = ax or new_axes()
    for epoch in (0, max(EPOCHS)):
        ax.hist(kept[epoch][1]["W"].ravel(), np.linspace(-2, 2, 41), alpha=0.5, label=f"epoch {epoch}")
    ax.set(title="weights of layer 1", xlabel="weight", ylabel="number of weights")
    ax.legend()
    return ax


if __name__ == "__main__":
    found = run()
    if len(sys.argv) > 1:
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(1, len(EPOCHS) + 1, figsize=(16, 3.8), layout="constrained")
        for ax, epoch in zip(axes, EPOCHS):
            plot_boundary(found[epoch], ax).set_title(f"epoch {epoch}, accuracy {accuracy(found[epoch]):.3f}")
        plot_weights(found, axes[-1])
        figure.savefig(sys.argv[1], dpi=100)

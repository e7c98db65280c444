"""A slice through the loss landscape (Straka, after Li et al.): a trained network and two random directions.

Each direction's weights are scaled, unit by unit, to the norm of the trained weights ("filter-normalised").  41 × 41
losses on all training rows of the digits; the smallest is the training loss in the middle.

    python -m comparisons.figures.landscape [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from comparisons.figures.shared import MODEL, digits, fit_digits, main, new_axes, report
from diffkit import nn, optim, tree

SIDE = np.linspace(-1, 1, 41)


def direction(params: Any, rng: np.random.Generator) -> Any:
    """Random weights with the norm of the trained ones, column by column; biases stay."""
    def scaled(leaf: Any) -> Any:
        if leaf.ndim == 1:
            return np.zeros_like(leaf)
        random = rng.standard_normal(leaf.shape)
        return random * np.linalg.norm(leaf, axis=0) / np.linalg.norm(random, axis=0)

    return tree.map(scaled, params)


def run() -> Any:
    """The grid of losses."""
    x, y, *_ = digits()
    result = fit_digits(optim.Adam(1e-3), 20)
    params, rng = result.params, np.random.default_rng(0)
    one, two = direction(params, rng), direction(params, rng)
    losses = np.array([[float(nn.cross_entropy(MODEL.apply(tree.map(
        lambda p, d, e, a=a, b=b: p + a * d + b * e, params, one, two), x), y)) for a in SIDE] for b in SIDE])
    report("training loss on the slice", [("in the middle", losses[20, 20], result.history["val_training"][-1]),
                                          ("smallest", losses.min(), losses[20, 20]), ("largest", losses.max(), "-")])
    return losses


def plot(losses: Any, ax: Any = None) -> Any:
    """Contours of the logarithm."""
    ax = ax or new_axes(6.6, 4.8)
    drawn = ax.contourf(SIDE, SIDE, np.log10(losses), 30)
    ax.plot(0, 0, "w+")
    ax.annotate("trained network", (0, 0), (0, 8), textcoords="offset points", color="w", ha="center", fontsize=8)
    ax.figure.colorbar(drawn, ax=ax, label="log10 of the training loss")
    ax.set(title="two random directions, filter-normalised", xlabel="direction 1", ylabel="direction 2",
           aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    return ax


if __name__ == "__main__":
    main(run, plot)

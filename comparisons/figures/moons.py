"""Noisy moons: logistic regression on minibatches of five (Straka, after Radford's animation).

Two weights on two noisy half moons.  The surface is the loss over all rows; the walks are on minibatches, all on the
same ones.  Plain gradient descent trembles with each batch; momentum smooths, overshoots and comes back.

    python -m comparisons.figures.moons [FILE]          (.gif or .html: animated)
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.boundary import moons
from comparisons.figures.shared import animate, new_axes, report
from diffkit import nn, optim, train

METHODS = {"SGD 0.3": optim.SGD(0.3), "Momentum 0.1": optim.Momentum(0.1), "Nesterov 0.1": optim.Nesterov(0.1),
           "AdaGrad 0.5": optim.AdaGrad(0.5), "RMSProp 0.1": optim.RMSProp(0.1), "Adam 0.2": optim.Adam(0.2)}
START, EPOCHS, BATCH = np.array([-2.5, 3.0]), 4, 5


def data() -> tuple[Any, Any]:
    """Centred inputs, so that no bias is needed, and labels 0 and 1."""
    x, y = moons(200, 0.2)
    return x - x.mean(axis=0), y.astype(float)


def loss(weights: Any, x: Any, y: Any) -> Any:
    """Of a stack of weights at once, too."""
    scores = x @ weights
    return nn.bce_with_logits(scores, np.broadcast_to(y.reshape(-1, *(1,) * (scores.ndim - 1)), scores.shape),
                              reduction="none").mean(axis=0)


def walk(opt: Any) -> Any:
    """The weights after each step."""
    x, y = data()
    rng, slope, points = np.random.default_rng(0), dk.grad(loss), [START]
    state = opt.init(START)
    for _ in range(EPOCHS):
        for rows in train.minibatches(len(y), BATCH, rng):
            at = opt.grad_point(points[-1], state)
            point, state = opt.step(points[-1], slope(at, x[rows], y[rows]), state)
            points.append(point)
    return np.array(points)


def run() -> Any:
    """Walks, and the share of rows that is told apart after every step."""
    x, y = data()
    best = np.zeros(2)
    for _ in range(8):  # Newton's method finds where the surface is lowest
        best = best - np.linalg.solve(dk.hessian(loss)(best, x, y), dk.grad(loss)(best, x, y))
    walks = {name: walk(opt) for name, opt in METHODS.items()}
    report(f"loss over all rows after {EPOCHS} epochs (the lowest there is: {loss(best, x, y):.4f})",
           [(name, float(loss(points[-1], x, y)), "-") for name, points in walks.items()])
    return walks, best


def plot(result: Any, ax: Any = None, upto: int | None = None) -> Any:
    """The surface and the walks on it."""
    ax = ax or new_axes(6.4, 5)
    walks, best = result
    x, y = data()
    grid = np.meshgrid(np.linspace(-4, 5, 90), np.linspace(-6, 4, 90))
    surface = loss(np.array(grid).reshape(2, -1), x, y).reshape(90, 90)
    ax.contour(*grid, np.log(surface), 25, colors="0.75", linewidths=0.6)
    ax.plot(*best, "k*", markersize=11)
    for name, points in walks.items():
        line, = ax.plot(*points[:upto].T, "-", linewidth=0.9, label=name)
        ax.plot(*points[:upto][-1], "o", color=line.get_color(), markersize=5)
    ax.set(xlim=(-4, 5), ylim=(-6, 4), title="noisy moons: the loss over all rows, minibatches of five",
           xlabel="weight of x", ylabel="weight of y")
    ax.legend(fontsize=7, loc="upper right")
    return ax


def plot_accuracy(result: Any, ax: Any = None, upto: int | None = None) -> Any:
    """The accuracy over the steps."""
    ax = ax or new_axes(6.4, 2.4)
    x, y = data()
    for name, points in result[0].items():
        right = ((x @ points[:upto].T > 0) == (y[:, None] > 0.5)).mean(axis=0)
        ax.plot(right, linewidth=0.9, label=name)
    ax.set(xlabel="step", ylabel="accuracy", xlim=(0, EPOCHS * 200 // BATCH), ylim=(0, 1))
    ax.grid(alpha=0.3)
    return ax


if __name__ == "__main__":
    found = run()
    if len(sys.argv) > 1:
        from matplotlib import pyplot

        if sys.argv[1].endswith((".gif", ".html")):
            animate(lambda ax, step: plot(found, ax, upto=step + 1), range(0, 160, 3), sys.argv[1])
        else:
            figure, (above, below) = pyplot.subplots(2, 1, figsize=(6.4, 7), height_ratios=(3, 1),
                                                     layout="constrained")
            plot(found, above)
            plot_accuracy(found, below)
            figure.savefig(sys.argv[1], dpi=100)

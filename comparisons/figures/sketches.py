"""Small drawings of the notes: the sign of the slope, convex chords, a moving average's weights, Nesterov's step,
and the walk down the hill.

    python -m comparisons.figures.sketches [FILE]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import new_axes
from diffkit import optim


def slopes(ax: Any = None) -> Any:
    """½x² and its slope: where the slope is negative, go right (Deep Learning, figure 4.1)."""
    ax = ax or new_axes()
    x = np.linspace(-2, 2, 101)
    f = lambda x: 0.5 * x**2
    ax.plot(x, f(x), label="f = ½x²")
    ax.plot(x, dk.derivative(f)(x), "--", label="f'")
    for start, text in ((-1.5, "f' < 0: go right"), (1.5, "f' > 0: go left")):
        ax.annotate("", (start - 0.8 * dk.derivative(f)(start), f(start)), (start, f(start)),
                    arrowprops={"arrowstyle": "->"})
        ax.text(0.55 * start, f(start) + 0.1, text, ha="center", fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    ax.set(title="the sign of the slope says where to go")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper center")
    return ax


def chords(ax: Any = None) -> Any:
    """A chord of a convex function lies above it: x², eˣ, −log x; and sin, which is not convex."""
    ax = ax or new_axes()
    for name, f, left, right in (("x²", np.square, -1.0, 1.4), ("exp x", np.exp, -1.0, 1.2),
                                 ("−log x", lambda x: -np.log(x), 0.2, 2.5),
                                 ("sin x, not convex", np.sin, -1.0, 2.5)):
        x = np.linspace(left, right, 101)
        line, = ax.plot(x, f(x), label=f"{name}: smallest f'' {dk.derivative(f, 2)(x).min():.2g}")
        ax.plot([left, right], [f(left), f(right)], "--", color=line.get_color(), linewidth=0.8)
    ax.set(title="chords of convex functions lie above them")
    ax.legend(fontsize=7)
    return ax


def average_weights(ax: Any = None, steps: int = 25) -> Any:
    """What each gradient weighs in Adam's first moment, found by differentiating the moment itself.

    They are (1 − β) β^(t − i) and sum to 1 − βᵗ: the bias correction divides by it.
    """
    def moment(gradients: Any) -> Any:
        s = 0.0 * gradients[0]
        for i in range(steps):
            s = 0.9 * s + 0.1 * gradients[i]
        return s

    ax = ax or new_axes()
    weights = dk.grad(moment)(np.ones(steps))
    ax.bar(range(1, steps + 1), weights)
    ax.set(title=f"weights of a moving average, sum {weights.sum():.4f} = 1 − 0.9^{steps}", xlabel="step")
    return ax


def look_ahead(ax: Any = None) -> Any:
    """Nesterov's momentum takes the gradient where the velocity leads, not where it stands."""
    ax = ax or new_axes()
    f = lambda p: 0.5 * (p[0]**2 + 4 * p[1]**2)
    opt, p = optim.Nesterov(0.05), np.array([2.0, 1.5])
    state = opt.init(p)
    x, y = np.meshgrid(np.linspace(-0.5, 2.3, 80), np.linspace(-0.7, 1.7, 80))
    ax.contour(x, y, f(np.array([x, y])), 15, colors="0.8", linewidths=0.7)
    for _ in range(7):
        ahead = opt.grad_point(p, state)
        after, state = opt.step(p, dk.grad(f)(ahead), state)
        for start, end, color in ((p, ahead, "C0"), (ahead, after, "C3")):
            ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": color, "shrinkA": 0, "shrinkB": 0})
        p = after
    ax.set_title("blue: along the velocity, red: the gradient there")
    return ax


def hill(ax: Any = None, steps: int = 40) -> Any:
    """Walking down: gradient descent on a surface with two valleys, from two places near its top (3-D axes)."""
    ax = ax or new_axes(projection="3d")
    f = lambda p: 3 * (1 - p[0])**2 * np.exp(-p[0]**2 - (p[1] + 1)**2) + 0.3 * (p[0]**2 + p[1]**2) \
        - 10 * (p[0] / 5 - p[0]**3 - p[1]**5) * np.exp(-p[0]**2 - p[1]**2)
    grid = np.array(np.meshgrid(np.linspace(-2.6, 2.6, 70), np.linspace(-2.6, 2.6, 70)))
    ax.plot_surface(*grid, f(grid), cmap="viridis", alpha=0.6, linewidth=0, antialiased=False)
    for start, color in (((0.05, 1.35), "C3"), ((-0.35, 1.35), "k")):
        points = [np.array(start)]
        opt = optim.SGD(0.02)
        state = opt.init(points[0])
        for _ in range(steps):
            point, state = opt.step(points[-1], dk.grad(f)(points[-1]), state)
            points.append(point)
        path = np.array(points).T
        ax.plot(*path, f(path) + 0.15, ".-", color=color, markersize=4, zorder=10)
    ax.view_init(48, -60)
    ax.set_title("walking down: where it ends depends on the start")
    return ax


def draw_all(axes: Any) -> Any:
    """All five, on five axes (the last one with projection="3d")."""
    return [draw(ax) for draw, ax in zip((slopes, chords, average_weights, look_ahead, hill), axes)]


if __name__ == "__main__":
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(17, 8.5), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 1.1))
    draw_all([figure.add_subplot(grid[place]) for place in ((0, 0), (0, 1), (1, 0), (1, 1))]
         + [figure.add_subplot(grid[:, 2], projection="3d")])
    if len(sys.argv) > 1:
        figure.savefig(sys.argv[1], dpi=90)
    print("the moving average's weights are dk.grad of the average itself")

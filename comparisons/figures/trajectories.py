"""Where the optimizers walk: a ravine, Beale's function, and a saddle (Bischl, Laban, Straka's animations).

On the ravine plain gradient descent zigzags and momentum runs along it; at the saddle it nearly stops, and the
methods that divide by the gradient's size leave soonest.  Gradients are diffkit's.

    python -m comparisons.figures.trajectories [FILE]
    python -m comparisons.figures.trajectories saddle.gif       the walk at the saddle, animated
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import report
from diffkit import optim


def ravine(p: Any) -> Any:
    return 0.5 * (p[0]**2 + 100 * p[1]**2)


def beale(p: Any) -> Any:
    x, y = p[0], p[1]
    return (1.5 - x + x * y)**2 + (2.25 - x + x * y**2)**2 + (2.625 - x + x * y**3)**2


def saddle(p: Any) -> Any:
    return p[0]**2 - p[1]**2


#: Function, start, steps, window; then for each method its reference: steps to a level, or the last value.
SCENES: tuple[Any, ...] = (
    (ravine, (10.0, 1.0), 500, (-11, 11, -1.5, 1.5), 1e-6,
     {"SGD 0.018": (optim.SGD(0.018), 488), "Momentum 0.018": (optim.Momentum(0.018), 160)}),
    (beale, (1.0, 1.5), 1000, (-0.5, 4, -1.2, 1.8), None,
     {"SGD 0.01": (optim.SGD(0.01), 5e-5), "Momentum 0.001": (optim.Momentum(0.001), "-"),
      "AdaGrad 0.5": (optim.AdaGrad(0.5), 3e-5), "Adam 0.05": (optim.Adam(0.05), 1e-6)}),
    (saddle, (1.0, 1e-6), 700, (-0.6, 1.1, -0.2, 1.2), -1.0,
     {"SGD 0.01": (optim.SGD(0.01), 698), "Momentum 0.01": (optim.Momentum(0.01), 140),
      "RMSProp 0.01": (optim.RMSProp(0.01, like="torch", decay=0.9), 75), "Adam 0.01": (optim.Adam(0.01), 81),
      "AdaGrad 0.1": (optim.AdaGrad(0.1, like="torch"), 19)}))


def walk(function: Callable[..., Any], start: tuple[float, ...], opt: Any, steps: int, level: float | None) -> Any:
    """The points of a run, which ends below ``level``."""
    point, slope = np.array(start), dk.grad(function)
    state, points = opt.init(point), [np.array(start)]
    while len(points) <= steps and (level is None or function(point) >= level):
        point, state = opt.step(point, slope(opt.grad_point(point, state)), state)
        points.append(point)
    return np.array(points)


def run() -> Any:
    """The walks of every scene."""
    walks = []
    for function, start, steps, _, level, methods in SCENES:
        found = {name: walk(function, start, opt, steps, level) for name, (opt, _) in methods.items()}
        what = f"value after {steps} steps" if level is None else f"steps until f < {level:g}"
        report(f"{function.__name__}: {what}", [
            (name, function(found[name][-1]) if level is None else len(found[name]) - 1, reference)
            for name, (_, reference) in methods.items()])
        walks.append(found)
    return walks


def plot(scene: Any, walks: Any, ax: Any, upto: int | None = None) -> Any:
    """Contours and the walks (their first ``upto`` steps)."""
    function, _, _, (left, right, low, high), _, _ = scene
    grid = np.meshgrid(np.linspace(left, right, 200), np.linspace(low, high, 200))
    values = function(np.array(grid))
    ax.contour(*grid, np.arcsinh(10 * values), 25, colors="0.75", linewidths=0.6)
    for name, points in walks.items():
        ax.plot(*points[:upto].T, ".-", markersize=2.5, linewidth=0.9, label=name)
    ax.set(xlim=(left, right), ylim=(low, high), title=function.__name__)
    ax.legend(fontsize=7)
    return ax


def animate(scene: Any, walks: Any, path: str) -> None:
    """The walks of a scene, frame by frame, as a GIF (or an HTML page)."""
    from matplotlib import animation, pyplot

    figure, ax = pyplot.subplots(figsize=(6, 4.5), layout="constrained")

    def frame(step: int) -> Any:
        ax.clear()
        return plot(scene, walks, ax, upto=step + 1).lines

    film = animation.FuncAnimation(figure, frame, frames=range(0, 160, 4), interval=80)
    film.save(path, writer="html" if path.endswith(".html") else "pillow")


def draw(path: str, walks: Any) -> None:
    """All scenes in one picture."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    for ax, scene, found in zip(axes, SCENES, walks):
        plot(scene, found, ax)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    all_walks = run()
    if len(sys.argv) > 1:
        if sys.argv[1].endswith((".gif", ".html")):
            animate(SCENES[2], all_walks[2], sys.argv[1])
        else:
            draw(sys.argv[1], all_walks)

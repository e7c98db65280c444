"""Where the optimizers walk: a ravine, Beale's function, a saddle, a long valley (Bischl, Laban, Straka's films).

On the ravine plain gradient descent zigzags and momentum runs along it; at the saddle it nearly stops, and the
methods that divide by the gradient's size leave soonest.  Down the long valley they run ahead, because its slope is
small beside its walls.  Gradients are diffkit's.  (The fourth animation, noisy moons, is in ``moons``.)

    python -m comparisons.figures.trajectories [FILE]
    python -m comparisons.figures.trajectories saddle.gif       the walk there, animated (also .html, and ravine, …)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import animate, new_axes, report
from diffkit import optim


def ravine(p: Any) -> Any:
    return 0.5 * (p[0]**2 + 100 * p[1]**2)


def beale(p: Any) -> Any:
    x, y = p[0], p[1]
    return (1.5 - x + x * y)**2 + (2.25 - x + x * y**2)**2 + (2.625 - x + x * y**3)**2


def saddle(p: Any) -> Any:
    return p[0]**2 - p[1]**2


def valley(p: Any) -> Any:
    """Steep walls, and along the floor a slope of one twentieth."""
    return 10 * p[1]**2 - 0.05 * p[0]


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
      "AdaGrad 0.1": (optim.AdaGrad(0.1, like="torch"), 19)}),
    (valley, (-1.0, 0.6), 1000, (-1.2, 1.7, -0.65, 0.7), -0.05,
     {"SGD 0.05": (optim.SGD(0.05), "-"), "Momentum 0.05": (optim.Momentum(0.05), "-"),
      "Nesterov 0.05": (optim.Nesterov(0.05), "-"), "AdaGrad 0.1": (optim.AdaGrad(0.1), "-"),
      "RMSProp 0.05": (optim.RMSProp(0.05), "-"), "Adam 0.05": (optim.Adam(0.05), "-")}))

TITLES = {"ravine": "a ravine, ½(x² + 100y²)", "beale": "Beale's function", "saddle": "a saddle, x² − y²",
          "valley": "a long valley, 10y² − x/20"}


def walk(function: Callable[..., Any], start: tuple[float, ...], opt: Any, steps: int, level: float | None) -> Any:
    """The points of a run, which ends below ``level``."""
    point, slope = np.array(start), dk.grad(function)
    state, points = opt.init(point), [np.array(start)]
    while len(points) <= steps and (level is None or function(point) >= level):
        point, state = opt.step(point, slope(opt.grad_point(point, state)), state)
        points.append(point)
    return np.array(points)


def walks_of(scene: Any) -> dict[str, Any]:
    """The walks of a scene by method."""
    function, start, steps, _, level, methods = scene
    return {name: walk(function, start, opt, steps, level) for name, (opt, _) in methods.items()}


def run() -> Any:
    """The walks of every scene."""
    walks = []
    for scene in SCENES:
        function, _, steps, _, level, methods = scene
        found = walks_of(scene)
        what = f"value after {steps} steps" if level is None else f"steps until f < {level:g}"
        report(f"{function.__name__}: {what}", [
            (name, function(found[name][-1]) if level is None else len(found[name]) - 1, reference)
            for name, (_, reference) in methods.items()])
        walks.append(found)
    return walks


def plot(scene: Any, walks: Any, ax: Any = None, upto: int | None = None) -> Any:
    """Contours and the walks (their first ``upto`` steps, with a dot where they are)."""
    ax = ax or new_axes()
    function, _, _, (left, right, low, high), _, _ = scene
    grid = np.meshgrid(np.linspace(left, right, 200), np.linspace(low, high, 200))
    values = function(np.array(grid))
    ax.contour(*grid, np.arcsinh(10 * values), 25, colors="0.75", linewidths=0.6)
    for number, (name, points) in enumerate(walks.items()):
        shown = points[:upto]
        width = 0.9 if number else 2.2  # plain descent is wide, to be seen below others on the same way
        line, = ax.plot(*shown.T, ".-", markersize=2 + width, linewidth=width, label=name)
        ax.plot(*shown[-1], "o", color=line.get_color(), markersize=4 + width)
    ax.set(xlim=(left, right), ylim=(low, high), title=TITLES[function.__name__], xlabel="x", ylabel="y")
    ax.legend(fontsize=7, loc="upper right")
    return ax


def draw(path: str, walks: Any) -> None:
    """All scenes in one picture."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(12, 9), layout="constrained")
    for ax, scene, found in zip(axes.ravel(), SCENES, walks):
        plot(scene, found, ax)
    figure.savefig(path, dpi=100)


def draw_film(path: str) -> None:
    """The walk of the scene that the file is named after, frame by frame."""
    named = {scene[0].__name__: scene for scene in SCENES}
    name = Path(path).stem
    if name not in named:
        raise SystemExit(f"a film is named after its scene: one of {', '.join(named)}, not {name!r}")
    scene = named[name]
    walks = walks_of(scene)
    animate(lambda ax, step: plot(scene, walks, ax, upto=step + 1), range(0, 120, 3), path)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].endswith((".gif", ".html")):
        draw_film(sys.argv[1])
    else:
        all_walks = run()
        if len(sys.argv) > 1:
            draw(sys.argv[1], all_walks)

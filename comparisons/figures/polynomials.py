"""Under- and overfitting, and the L2 penalty that stands between them (Straka, after the Deep Learning book).

Polynomials of degree 1, 2 and 9 through ten noisy points of a parabola: too stiff, right, and through every
point.  With the penalty λ Σ w² the polynomial of degree 9 is stiffened again.  Medians over 200 draws.

    python -m comparisons.figures.polynomials [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import main, new_axes, report

DRAWS, GRID = 200, np.linspace(-1, 1, 201)
DEGREES = {1: (0.280, 0.438), 2: (0.0063, 0.0130), 9: (1e-25, 3e4)}
PENALTIES = {1e6: 0.739, 0.1: 0.032, 0.0: 3e4}


def truth(x: Any) -> Any:
    return x + 2 * x**2 - 0.5


def basis(x: Any, degree: int) -> Any:
    return np.vander(x, degree + 1, increasing=True)


def fitted(x: Any, y: Any, degree: int, penalty: float) -> Any:
    """The weights where diffkit's gradient of the penalised squared error is zero: one Newton step."""
    features = basis(x, degree)
    if penalty == 0:  # the Hessian squares the condition: solved by the features themselves
        return np.linalg.lstsq(features, y, rcond=None)[0]
    loss = lambda w: np.sum((features @ w - y)**2) + penalty * np.sum(w[1:]**2)
    zero = np.zeros(degree + 1)
    return -np.linalg.solve(dk.hessian(loss)(zero), dk.grad(loss)(zero))


def draw(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, 10))
    return x, truth(x) + 0.1 * rng.standard_normal(10)


def errors(degree: int, penalty: float, draws: int = DRAWS) -> tuple[float, float]:
    """Median training and test error."""
    found = []
    for seed in range(draws):
        x, y = draw(seed)
        w = fitted(x, y, degree, penalty)
        target = truth(GRID) + 0.1 * np.random.default_rng(seed + 10_000).standard_normal(GRID.size)
        found.append([np.mean((basis(x, degree) @ w - y)**2), np.mean((basis(GRID, degree) @ w - target)**2)])
    return tuple(np.median(found, axis=0))


def run() -> Any:
    """Numbers of both figures; without a penalty degree 9 goes where its points send it."""
    rows = []
    for degree, reference in DEGREES.items():
        rows += [(f"degree {degree}, {part}", error, expected)
                 for part, error, expected in zip(("training", "test"), errors(degree, 0.0), reference)]
    report("median squared error without a penalty (the reference drew other points)", rows)
    report("median test error of degree 9", [
        (f"penalty {penalty:g}", errors(9, penalty)[1], expected)
        for penalty, expected in PENALTIES.items()])
    return draw(2)


def plot(points: Any, ax: Any = None) -> Any:
    """One draw, and the polynomials through it."""
    ax = ax or new_axes()
    x, y = points
    for degree, penalty in ((1, 0.0), (2, 0.0), (9, 0.0), (9, 0.1)):
        label = f"degree {degree}" + (f", penalty {penalty:g}" if penalty else "")
        ax.plot(GRID, basis(GRID, degree) @ fitted(x, y, degree, penalty), label=label)
    ax.plot(x, y, "ko", label="training points")
    ax.set(ylim=(-1.5, 2.5), xlabel="x", ylabel="y")
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)

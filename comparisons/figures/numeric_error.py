"""The error of numeric differentiation has two sides: the formula's for large steps, rounding's for small ones.

f(x) = 2x + 3x² + x(6 − 2) at 1.5 has the derivative 15.  The forward difference is best near √ε; the
complex step never subtracts, so it has one side only; diffkit's numeric method finds its own step.

    python -m comparisons.figures.numeric_error [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import main, new_axes, report

ZERO = 1e-17  # where an error of exactly 0 is drawn
REFERENCE = {1e-1: 0.3, 1e-4: 3e-4, 1e-8: -1.8e-7, 1e-12: 1.3e-3, 1e-16: -15.0}


def f(x: Any) -> Any:
    return 2 * x + 3 * x**2 + x * (6 - 2)


SCHEMES = {"forward difference": lambda h: (f(1.5 + h) - f(1.5)) / h,
           "central difference": lambda h: (f(1.5 + h) - f(1.5 - h)) / (2 * h),
           "complex step": lambda h: f(1.5 + 1j * h).imag / h}


def run() -> Any:
    """Errors of each scheme over steps from 1e-16 to 1."""
    report("error of the forward difference at step h",
           [(f"{h:g}", SCHEMES["forward difference"](h) - 15, error) for h, error in REFERENCE.items()])
    own = dk.grad(f, method="numeric")(1.5)
    print(f"  diffkit's numeric method, no step to choose: error {own - 15:.1e};  "
          f"reverse mode: {dk.grad(f)(1.5) - 15:g}")
    steps = np.logspace(-16, 0, 129)
    return steps, {name: np.array([abs(scheme(h) - 15) for h in steps]) for name, scheme in SCHEMES.items()}


def plot(result: Any, ax: Any = None) -> Any:
    """The V, log-log; an error of exactly 0 is drawn at the bottom."""
    ax = ax or new_axes()
    steps, errors = result
    for name, values in errors.items():
        ax.loglog(steps, np.maximum(values, ZERO), ".-", markersize=3, linewidth=0.8, label=name)
    ax.set_xlabel("step h")
    ax.set_ylabel("absolute error of the derivative")
    ax.set_ylim(bottom=0.05 * ZERO)
    ax.text(steps[-1], 0.25 * ZERO, "no error at all", ha="right", va="center", fontsize=8, color="0.4")
    ax.set_title("2x + 3x² + x(6 − 2) at 1.5: a parabola, on which the\ncentral difference has rounding errors only",
                 fontsize=10)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)

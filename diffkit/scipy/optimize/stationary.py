"""The equations of a minimum: the gradient is zero, or a bound holds.

At a minimum within bounds an entry is either free, and the cost's slope along it is zero, or
at a bound that presses against it, and moves with the bound.  Which it is, is read off at
the solution.  An entry at a bound with no slope is neither (the smallest change of a
parameter would decide), and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.custom.implicit import implicit
from diffkit.errors import ImplicitError
from diffkit.scipy.calls import primal
from diffkit.transforms import grad

__all__ = ["minimum"]

#: How near a bound counts as at it, and how small a slope (of the largest) as none.
_NEAR, _WEAK = 1e-6, 1e-7


def minimum(name: str, solve: Callable[..., Any], cost: Callable[..., Any], low: Any, high: Any,
            leaves: Sequence[Any]) -> Any:
    """What ``solve(*leaves)`` finds, differentiable: the stationary point of ``cost(x, *leaves)`` within bounds.

    ``low`` and ``high`` are vectors (traced perhaps), or None.
    """
    slope = grad(cost)
    bounded = low is not None

    def solver(low: Any, high: Any, *leaves: Any) -> Any:
        return solve(*leaves)

    def equation(x: Any, low: Any, high: Any, *leaves: Any) -> Any:
        g = slope(x, *leaves)
        if not bounded:
            return g
        at_low, at_high = _active(name, *(primal(part) for part in (x, low, high, g)))
        return np.where(at_low, x - np.where(at_low, low, 0), np.where(at_high, x - np.where(at_high, high, 0), g))

    solver.__qualname__ = name
    return implicit(solver, equation, tolerance=1e-2)(low if bounded else 0.0, high if bounded else 0.0, *leaves)


def _active(name: str, x: Any, low: Any, high: Any, g: Any) -> tuple[Any, Any]:
    """Which entries a bound holds."""
    near = _NEAR * np.maximum(1, np.abs(x))
    at_low, at_high = x - low <= near, high - x <= near
    weak = np.abs(g) <= _WEAK * max(1.0, float(np.max(np.abs(g), initial=0)))
    doubtful = (at_low | at_high) & weak & (low < high)
    if np.any(doubtful):
        raise ImplicitError(
            f"entry {int(np.argmax(doubtful))} of {name}'s solution is at a bound that does not press: whether it "
            "moves with the bound or with the cost is not determined", "the problem without that bound")
    return at_low & (g > 0), at_high & (g < 0)

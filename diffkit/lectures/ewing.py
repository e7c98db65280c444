"""Ewing: numeric, symbolic and automatic differentiation, and a loop that runs as often as it likes."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.lectures.example import Example

__all__ = ["EXAMPLES"]


def nested(x: Any) -> Any:
    """F(x) = (2x² + 1)²."""
    return (2 * x**2 + 1)**2


def nested_steps(x: Any) -> dict[str, Any]:
    g = 2 * x**2 + 1
    return {"g": g, "F": g**2}


def simplified(x: Any) -> Any:
    """2x + 3x² + x(6 − 2), which a symbolic method simplifies first."""
    return 2 * x + 3 * x**2 + x * (6 - 2)


def one(x: Any) -> Any:
    """sin² + cos²: automatic differentiation does not know that this is 1."""
    return np.sin(x)**2 + np.cos(x)**2


def halve(x: Any) -> Any:
    """The loop of the notes."""
    while abs(x) > 5:
        x = x / 2
    return x


#: x, the result, how often the loop ran, the derivative.
LOOPS = ((3.0, 3.0, 0, 1.0), (5.0, 5.0, 0, 1.0), (6.0, 3.0, 1, 0.5), (20.0, 5.0, 2, 0.25), (100.0, 3.125, 5, 1 / 32),
         (-7.0, -3.5, 1, 0.5), (5.0 * 2.0**100, 5.0, 100, 2.0**-100))

EXAMPLES = (
    Example("nested", "ewing", "8", "F = (2x² + 1)²", nested, (1.5,), 30.25, (66.0,),
            erratum="the derivative is not printed: 8x(2x² + 1)", steps=nested_steps, steps_point=(1.5,)),
    Example("simplified", "ewing", "12", "2x + 3x² + x(6 − 2)", simplified, (1.5,), 15.75, (15.0,)),
    Example("one", "ewing", "13", "sin²x + cos²x", one, (0.7,), 1.0, (0.0,)),
    *(Example(f"loop-{x:.4g}", "ewing", "14", f"while abs(x) > 5: x = x / 2   ({times} times)", halve, (x,), value,
              (slope,), erratum='"once or 100 times" may also be 0 times; 5 itself stops',
              without={"numeric": "just above 20 the loop runs once more: f jumps"} if x == 20 else {})
      for x, value, times, slope in LOOPS if x != 5.0 and times < 100),
)

"""Trigonometric and hyperbolic functions and their inverses.

The textbook partial loses digits at the ends of a domain (1 - tanh(x)^2 keeps three at
x = 15; 1 - x^2 cancels near 1), so it is written in a factored or reciprocal form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.domains import NONZERO, REAL, UNIT, above, except_every
from diffkit.rules.kinds import elementwise

_POLES = except_every(np.pi, np.pi / 2, "x != pi/2 + k*pi")


def _sech2(x: Any) -> Any:
    """1/cosh(x)^2 in this order: beyond cosh's overflow the quotient is 0, which is right."""
    c = 1 / np.cosh(x)
    return c * c


elementwise(np.sin, lambda y, x: np.cos(x), "sin(x)", REAL)
elementwise(np.cos, lambda y, x: -np.sin(x), "cos(x)", REAL)
elementwise(np.tan, lambda y, x: 1 + y * y, "tan(x)", _POLES)
elementwise(np.arcsin, lambda y, x: 1 / np.sqrt((1 - x) * (1 + x)), "asin(x)", UNIT,
            pinned={1.0: np.inf, -1.0: np.inf})
elementwise(np.arccos, lambda y, x: -1 / np.sqrt((1 - x) * (1 + x)), "acos(x)", UNIT,
            pinned={1.0: -np.inf, -1.0: -np.inf})
elementwise(np.arctan, lambda y, x: 1 / (1 + x * x), "atan(x)", REAL)
elementwise(np.sinh, lambda y, x: np.cosh(x), "sinh(x)", REAL)
elementwise(np.cosh, lambda y, x: np.sinh(x), "cosh(x)", REAL)
elementwise(np.tanh, lambda y, x: _sech2(x), "tanh(x)", REAL)
elementwise(np.arcsinh, lambda y, x: 1 / np.hypot(1, x) if np.isrealobj(x) else 1 / np.sqrt(1 + x * x),
            "asinh(x)", REAL)
elementwise(np.arccosh, lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)), "acosh(x)", above(1))
elementwise(np.arctanh, lambda y, x: 1 / ((1 - x) * (1 + x)), "atanh(x)", UNIT)
# Scaled by the larger argument, so that neither square overflows.
elementwise(np.arctan2, (lambda y, a, b: _arctan2_partial(b, a, b), lambda y, a, b: -_arctan2_partial(a, a, b)),
            "atan2(x, y)", NONZERO, NONZERO)
elementwise(np.deg2rad, lambda y, x: np.pi / 180, "x*pi/180", REAL)
elementwise(np.radians, lambda y, x: np.pi / 180, "x*pi/180", REAL)
elementwise(np.rad2deg, lambda y, x: 180 / np.pi, "x*180/pi", REAL)
elementwise(np.degrees, lambda y, x: 180 / np.pi, "x*180/pi", REAL)


def _arctan2_partial(numerator: Any, a: Any, b: Any) -> Any:
    r = np.hypot(a, b)
    return numerator / r / r

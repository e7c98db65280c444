"""Trigonometric and hyperbolic functions and their inverses.

The textbook partial loses digits at the ends of a domain (1 - tanh(x)^2 keeps three at
x = 15; 1 - x^2 cancels near 1), so it is written in a factored or reciprocal form.

Complex arguments take the branch that NumPy's value takes, also on the cuts, where the
sign of a zero imaginary part decides: 1 - z is written -(z - 1), because adding a real
1 to -0j would make it +0j.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.domains import NONZERO, REAL, UNIT, above, except_every
from diffkit.rules.kinds import elementwise, over

_POLES = except_every(np.pi, np.pi / 2, "x != pi/2 + k*pi")


def _is_complex(x: Any) -> bool:
    return bool(x.dtype.kind == "c")


def _sech2(x: Any) -> Any:
    with np.errstate(over="ignore"):  # beyond cosh's overflow the quotient is 0, which is right
        c = 1 / np.cosh(x)
    return c * c


# A row of its own, because its derivative closes on it: no order meets 0 * inf.
SECH2 = elementwise(_sech2, lambda y, x: -2 * y * np.tanh(x), "1/cosh(x)**2", REAL, name="sech2",
                    pinned={800.0: 0.0})


def _tan(y: Any, x: Any) -> Any:
    if not _is_complex(x):
        return 1 + y * y
    c = 1 / np.cos(x)  # 1 + y^2 cancels where tan z is near +-i
    return c * c


def _half_circle(y: Any, x: Any) -> Any:
    """sqrt(1 - x^2)."""
    if not _is_complex(x):
        return np.sqrt((1 - x) * (1 + x))
    return np.sqrt(-(x - 1)) * np.sqrt(-(-x - 1))


def _arccosh(y: Any, x: Any) -> Any:
    return np.sqrt(x - 1) * np.sqrt(-(-x - 1) if _is_complex(x) else x + 1)


def _arctan(y: Any, x: Any) -> Any:
    return (x - 1j) * (x + 1j) if _is_complex(x) else 1 + x * x


def _arcsinh(y: Any, x: Any) -> Any:
    return np.sqrt(-(-x * x - 1)) if _is_complex(x) else np.hypot(1, x)


elementwise(np.sin, lambda y, x: np.cos(x), "sin(x)", REAL)
elementwise(np.cos, lambda y, x: -np.sin(x), "cos(x)", REAL)
elementwise(np.tan, _tan, "tan(x)", _POLES)
elementwise(np.arcsin, over(_half_circle), "asin(x)", UNIT, pinned={1.0: np.inf, -1.0: np.inf})
elementwise(np.arccos, over(lambda y, x: -_half_circle(y, x)), "acos(x)", UNIT, pinned={1.0: -np.inf, -1.0: -np.inf})
elementwise(np.arctan, over(_arctan), "atan(x)", REAL)
elementwise(np.sinh, lambda y, x: np.cosh(x), "sinh(x)", REAL)
elementwise(np.cosh, lambda y, x: np.sinh(x), "cosh(x)", REAL)
elementwise(np.tanh, lambda y, x: SECH2(x), "tanh(x)", REAL, pinned={800.0: 0.0})
elementwise(np.arcsinh, over(_arcsinh), "asinh(x)", REAL)
elementwise(np.arccosh, over(_arccosh), "acosh(x)", above(1), pinned={1.0: np.inf})
elementwise(np.arctanh, over(lambda y, x: (1 - x) * (1 + x)), "atanh(x)", UNIT, pinned={1.0: np.inf, -1.0: np.inf})


def _arctan2_partial(numerator: Any, a: Any, b: Any) -> Any:
    r = np.hypot(a, b)  # divided twice, so that no square over- or underflows
    return numerator / r / r


elementwise(np.arctan2, (lambda y, a, b: _arctan2_partial(b, a, b), lambda y, a, b: -_arctan2_partial(a, a, b)),
            "atan2(x, y)", NONZERO, NONZERO, pinned={(0.0, 2.0): (0.5, 0.0), (2.0, 0.0): (0.0, -0.5)})
elementwise(np.deg2rad, lambda y, x: np.deg2rad(y.dtype.type(1)), "x*pi/180", REAL)
elementwise(np.radians, lambda y, x: np.deg2rad(y.dtype.type(1)), "x*pi/180", REAL)
elementwise(np.rad2deg, lambda y, x: np.rad2deg(y.dtype.type(1)), "x*180/pi", REAL)
elementwise(np.degrees, lambda y, x: np.rad2deg(y.dtype.type(1)), "x*180/pi", REAL)

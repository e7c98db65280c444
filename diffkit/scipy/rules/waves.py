"""Functions that a differential equation defines, with their derivative as second result:
Mathieu, spheroidal wave and parabolic cylinder functions.

By the argument the equation itself gives the second result's derivative (DLMF 28.2.1,
28.20.1, 30.2.1, 12.2.2-3).  By a parameter both are measured; orders and degrees count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.rules.kinds import REFUSED
from diffkit.scipy.rules.words import NUMERIC, WHOLE, row, several

# --- parabolic cylinder -----------------------------------------------------------------------
several(sp.pbdv, NUMERIC, lambda y, v, x: [y[1], (x * x / 4 - v - 0.5) * y[0]])
several(sp.pbvv, NUMERIC, lambda y, v, x: [y[1], (x * x / 4 - v - 0.5) * y[0]])
several(sp.pbwa, NUMERIC, lambda y, a, x: [y[1], (a - x * x / 4) * y[0]])

# --- Mathieu ------------------------------------------------------------------------------------
row(sp.mathieu_a, WHOLE, NUMERIC)
row(sp.mathieu_b, WHOLE, NUMERIC)
_DEGREE = math.pi / 180


def _angular(value: Any) -> Callable[..., Any]:
    """y'' = (2 q cos 2x - a) y; the argument is in degrees, y' by radians."""
    def slopes(y: Any, m: Any, q: Any, x: Any) -> Any:
        return [_DEGREE * y[1], _DEGREE * (2 * q * np.cos(2 * _DEGREE * x) - value(m, q)) * y[0]]
    return slopes


def _radial(value: Any) -> Callable[..., Any]:
    """y'' = (a - 2 q cosh 2x) y."""
    return lambda y, m, q, x: [y[1], (value(m, q) - 2 * q * np.cosh(2 * x)) * y[0]]


several(sp.mathieu_cem, WHOLE, NUMERIC, _angular(sp.mathieu_a))
several(sp.mathieu_sem, WHOLE, NUMERIC, _angular(sp.mathieu_b))
several(sp.mathieu_modcem1, WHOLE, NUMERIC, _radial(sp.mathieu_a))
several(sp.mathieu_modcem2, WHOLE, NUMERIC, _radial(sp.mathieu_a))
several(sp.mathieu_modsem1, WHOLE, NUMERIC, _radial(sp.mathieu_b))
several(sp.mathieu_modsem2, WHOLE, NUMERIC, _radial(sp.mathieu_b))

# --- spheroidal -----------------------------------------------------------------------------------
row(sp.pro_cv, WHOLE, WHOLE, NUMERIC)
row(sp.obl_cv, WHOLE, WHOLE, NUMERIC)


def _slopes(space: float, sign: float, y: Any, m: Any, c: Any, e: Any, x: Any) -> Any:
    """((1 - s x^2) y')' + (s e - k c^2 x^2 - s m^2/(1 - s x^2)) y = 0, for the characteristic value e.

    s = 1 but for radial oblate functions, where s = -1; k = 1 for prolate, -1 for oblate ones.
    """
    room = 1 - space * x * x
    rest = space * e - sign * c * c * x * x - space * m * m / room
    return [y[1], (2 * space * x * y[1] - rest * y[0]) / room]


def _spheroidal(name: str, value: Callable[..., Any], space: float, sign: float) -> None:
    """Rows for a function and its variant that is given the characteristic value."""
    several(getattr(sp, name), WHOLE, WHOLE, NUMERIC,
            lambda y, m, n, c, x: _slopes(space, sign, y, m, c, value(m, n, c), x))
    # Off the characteristic value SciPy's routine computes nothing meaningful (and may crash).
    several(getattr(sp, f"{name}_cv"), WHOLE, WHOLE, WHOLE, WHOLE,
            lambda y, m, n, c, e, x: _slopes(space, sign, y, m, c, e, x))


_spheroidal("pro_ang1", sp.pro_cv, 1.0, 1.0)
_spheroidal("pro_rad1", sp.pro_cv, 1.0, 1.0)
_spheroidal("obl_ang1", sp.obl_cv, 1.0, -1.0)
_spheroidal("obl_rad1", sp.obl_cv, -1.0, -1.0)
for _name in ("pro_rad2", "pro_rad2_cv", "obl_rad2", "obl_rad2_cv"):
    REFUSED[getattr(sp, _name)] = ("SciPy's values and SciPy's own derivatives of it differ by percents",
                                   "the spheroidal wave equation, solved by scipy.integrate.solve_ivp")

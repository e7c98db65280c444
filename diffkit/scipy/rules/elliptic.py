"""Elliptic integrals and functions.

The textbook derivatives (E - (1 - m) K)/(2 m (1 - m)) and the like cancel as m goes to 0.
Carlson's symmetric integrals do not: with one row for

    I(x; p) = integral from 0 to infinity of prod (t + x_i)^(-p_i) dt,     dI/dx_i = -p_i I(x; p + e_i)

every derivative of every order is an integral of a positive function.  Substituting t = e^u
makes the trapezoidal rule converge geometrically.  Sources: DLMF 19.16, 19.18, 19.25.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.domains import POSITIVE, REAL, Domain
from diffkit.rules.kinds import Elementwise
from diffkit.scipy.rules.words import precise, row, several


def _integral(powers: tuple[float, ...]) -> Any:
    """The integral on plain arrays: one number for each entry."""
    @precise
    def carlson(*args: Any) -> Any:
        args = np.broadcast_arrays(*args)
        sizes = np.abs(np.stack([*args])).reshape(len(args), -1)
        positive = sizes[(sizes > 0) & np.isfinite(sizes)]
        if not positive.size:
            return np.full(args[0].shape, np.nan)
        # Decay of the integrand at both ends, at the slowest 1/2 in u.
        step = 0.25 if any(arg.dtype.kind == "c" for arg in args) else 0.4
        u = np.arange(math.log(positive.min()) - 80, math.log(positive.max()) + 80, step)
        t = np.exp(u)
        with np.errstate(all="ignore"):
            values: Any = t
            for arg, power in zip(args, powers):
                if power:
                    values = values * (t + arg[..., None]) ** -power
            bad = functools.reduce(np.logical_or, ((np.real(arg) < 0) | np.isnan(arg) for arg in args))
            return np.where(bad, np.nan, step * np.sum(values, axis=-1))

    return carlson


@functools.cache
def integral(*powers: float) -> Elementwise:
    """The row of I(x; p) for these powers."""
    def by(position: int) -> Any:
        more = tuple(p + (i == position) for i, p in enumerate(powers))

        def partial(y: Any, *args: Any) -> Any:
            return -powers[position] * integral(*more)(*args)

        return partial

    from diffkit.rules.kinds import TABLE
    rule = row(_integral(powers), *(by(i) for i in range(len(powers))), name=f"special.carlson{powers}")
    del TABLE[rule.name]  # made on demand
    return rule


def _carlson(ufunc: Any, factor: float, *powers: float, negative: int | None = None) -> None:
    """A row for factor * I(x; powers).

    SciPy takes the principal value for a negative argument number ``negative``.
    """
    def by(position: int) -> Any:
        more = tuple(p + (i == position) for i, p in enumerate(powers))

        def partial(y: Any, *args: Any) -> Any:
            _refuse_negative(ufunc, args, negative)
            return -factor * powers[position] * integral(*more)(*args)

        return partial

    row(ufunc, *(by(i) for i in range(len(powers))), domain=(POSITIVE,) * len(powers))


def _refuse_negative(ufunc: Any, args: Any, position: int | None) -> None:
    if position is not None:
        found = args[position]
        if np.any(np.real(found) < 0):
            raise UnsupportedArgumentError(
                f"scipy.special.{ufunc.__name__} with a negative argument number {position} is a principal value, "
                "which has no derivative rule", "the transformation to positive arguments (DLMF 19.20)")


_carlson(sp.elliprc, 0.5, 0.5, 1.0, negative=1)
_carlson(sp.elliprf, 0.5, 0.5, 0.5, 0.5)
_carlson(sp.elliprd, 1.5, 0.5, 0.5, 1.5)
_carlson(sp.elliprj, 1.5, 0.5, 0.5, 0.5, 1.0, negative=3)


def _by_rg(position: int) -> Any:
    """dR_G/dx = 1/8 integral of t (t + x)^(-3/2) (t + y)^(-1/2) (t + z)^(-1/2); a fourth argument 0 carries the t."""
    powers = tuple(0.5 + (i == position) for i in range(3))

    def partial(y: Any, *args: Any) -> Any:
        return integral(*powers, -1.0)(*args, 0.0) / 8

    return partial


row(sp.elliprg, *(_by_rg(i) for i in range(3)), domain=(POSITIVE,) * 3)


def _rd(x: Any, y: Any, z: Any) -> Any:
    return sp.elliprd(x, y, z)


_BELOW_ONE = Domain("x < 1", high=1.0)
row(sp.ellipk, lambda y, m: _rd(0.0, 1.0, 1 - m) / 6, symbol="elliptic_k(x)", domain=(_BELOW_ONE,))
row(sp.ellipkm1, lambda y, p: -_rd(0.0, 1.0, p) / 6, symbol="elliptic_k(1 - x)", domain=(POSITIVE,))
row(sp.ellipe, lambda y, m: -_rd(0.0, 1 - m, 1.0) / 6, symbol="elliptic_e(x)", domain=(_BELOW_ONE,))


def _sine_cosine(phi: Any) -> Any:
    """How many half turns, and sine and cosine of the rest in [-pi/2, pi/2]."""
    turns = np.rint(phi / np.pi)
    rest = phi - turns * np.pi
    return turns, np.sin(rest), np.cos(rest)


def _root(s: Any, c: Any, m: Any) -> Any:
    """1 - m s^2 without cancellation."""
    return c * c + (1 - m) * s * s


def _first_by_m(phi: Any, m: Any) -> Any:
    """dF/dm = s^3/6 R_D(c^2, 1, 1 - m s^2), and dK/dm for each quarter turn."""
    turns, s, c = _sine_cosine(phi)
    whole = np.where(turns == 0, 0, _rd(0.0, 1.0, 1 - np.where(turns == 0, 0, m)) / 3)
    return turns * whole + s ** 3 / 6 * _rd(c * c, 1.0, _root(s, c, m))


def _second_by_m(phi: Any, m: Any) -> Any:
    """dE/dm = -s^3/6 R_D(c^2, 1 - m s^2, 1)."""
    turns, s, c = _sine_cosine(phi)
    whole = np.where(turns == 0, 0, -_rd(0.0, 1 - np.where(turns == 0, 0, m), 1.0) / 3)
    return turns * whole - s ** 3 / 6 * _rd(c * c, _root(s, c, m), 1.0)


def _delta(phi: Any, m: Any) -> Any:
    _, s, c = _sine_cosine(phi)
    return np.sqrt(_root(s, c, m))


row(sp.ellipkinc, lambda y, phi, m: 1 / _delta(phi, m), lambda y, phi, m: _first_by_m(phi, m),
    domain=(REAL, _BELOW_ONE))
row(sp.ellipeinc, lambda y, phi, m: _delta(phi, m), lambda y, phi, m: _second_by_m(phi, m),
    domain=(REAL, _BELOW_ONE))


def _jacobi_by_m(y: Any, u: Any, m: Any) -> Any:
    """u = F(phi, m) gives dphi/dm = -dn F_m; the others follow from phi."""
    sn, cn, dn, phi = y
    turn = -dn * _first_by_m(phi, m)
    return [cn * turn, -sn * turn, -(sn * sn + 2 * m * sn * cn * turn) / (2 * dn), turn]


several(sp.ellipj, lambda y, u, m: [y[1] * y[2], -y[0] * y[2], -m * y[0] * y[1], y[2]], _jacobi_by_m)


def _agm_slope(y: Any, a: Any, b: Any) -> Any:
    """agm = pi/2 / R_F(0, a^2, b^2)."""
    return 2 / (3 * math.pi) * (y / a) ** 2 * _rd(0.0, (b / a) ** 2, 1.0)


row(sp.agm, _agm_slope, lambda y, a, b: _agm_slope(y, b, a), symbol="pi/4*(x + y)/elliptic_k(((x - y)/(x + y))**2)",
    domain=(POSITIVE, POSITIVE))

"""Bessel, Hankel, Struve, Airy and Kelvin functions, and integrals of them.

By the argument: the recurrences C' = (C_(v-1) - C_(v+1))/2 and their kin (DLMF 10.6.1,
10.29.1), which do not divide by the argument.  By the order: measured.  Functions that are
scaled by an exponential have derivatives that cancel for large arguments, because the
exponential is most of what moves; there the derivative of the asymptotic series
(DLMF 10.40.1) takes over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.domains import POSITIVE, REAL, above
from diffkit.scipy.rules.words import NUMERIC, WHOLE, polynomial, row, several


def _middle(c: Any, sign: int) -> Callable[..., Any]:
    """(C_(v-1) + sign C_(v+1))/2."""
    return lambda y, v, x: (c(v - 1, x) + sign * c(v + 1, x)) / 2


def _real_only(ufunc: Any, partial: Callable[..., Any]) -> Callable[..., Any]:
    """The scale exp(|Im z|) or exp(|Re z|) is no holomorphic function."""
    def checked(y: Any, v: Any, x: Any) -> Any:
        if getattr(x, "dtype", None) is not None and x.dtype.kind == "c":
            raise UnsupportedArgumentError(f"scipy.special.{ufunc.__name__} of a complex argument is not holomorphic",
                                           "the unscaled function times an exponential of your own")
        return partial(y, v, x)
    return checked


ORDER_AND_ARGUMENT = (above(-0.9), POSITIVE)
row(sp.jv, NUMERIC, _middle(sp.jv, -1), symbol="besselj(x, y)", domain=ORDER_AND_ARGUMENT)
row(sp.jve, NUMERIC, _real_only(sp.jve, _middle(sp.jve, -1)), symbol="besselj(x, y)", domain=ORDER_AND_ARGUMENT)
row(sp.yv, NUMERIC, _middle(sp.yv, -1), symbol="bessely(x, y)", domain=ORDER_AND_ARGUMENT)
row(sp.yve, NUMERIC, _real_only(sp.yve, _middle(sp.yve, -1)), symbol="bessely(x, y)", domain=ORDER_AND_ARGUMENT)
row(sp.yn, WHOLE, _middle(sp.yn, -1), symbol="bessely(x, y)")
row(sp.iv, NUMERIC, _middle(sp.iv, 1), symbol="besseli(x, y)", domain=ORDER_AND_ARGUMENT)
row(sp.kv, NUMERIC, lambda y, v, x: -_middle(sp.kv, 1)(y, v, x), symbol="besselk(x, y)", domain=ORDER_AND_ARGUMENT)
row(sp.kn, WHOLE, lambda y, n, x: -(sp.kn(np.abs(n - 1), x) + sp.kn(n + 1, x)) / 2, symbol="besselk(x, y)")
row(sp.hankel1, NUMERIC, _middle(sp.hankel1, -1), symbol="hankel1(x, y)")
row(sp.hankel2, NUMERIC, _middle(sp.hankel2, -1), symbol="hankel2(x, y)")
row(sp.hankel1e, NUMERIC, lambda y, v, z: (sp.hankel1e(v - 1, z) - sp.hankel1e(v + 1, z)) / 2 - 1j * y,
    symbol="hankel1(x, y)*exp(-I*y)")
row(sp.hankel2e, NUMERIC, lambda y, v, z: (sp.hankel2e(v - 1, z) - sp.hankel2e(v + 1, z)) / 2 + 1j * y,
    symbol="hankel2(x, y)*exp(I*y)")

row(sp.j0, lambda y, x: -sp.j1(x), symbol="besselj(0, x)", domain=(REAL,))
row(sp.j1, lambda y, x: (sp.j0(x) - sp.jv(2.0, x)) / 2, symbol="besselj(1, x)", domain=(REAL,))
row(sp.y0, lambda y, x: -sp.y1(x), symbol="bessely(0, x)", domain=(POSITIVE,))
row(sp.y1, lambda y, x: (sp.y0(x) - sp.yv(2.0, x)) / 2, symbol="bessely(1, x)", domain=(POSITIVE,))
row(sp.i0, lambda y, x: sp.i1(x), symbol="besseli(0, x)", domain=(REAL,))
row(sp.i1, lambda y, x: (sp.i0(x) + sp.iv(2.0, x)) / 2, symbol="besseli(1, x)", domain=(REAL,))
row(sp.k0, lambda y, x: -sp.k1(x), symbol="besselk(0, x)", domain=(POSITIVE,))
row(sp.k1, lambda y, x: -(sp.k0(x) + sp.kv(2.0, x)) / 2, symbol="besselk(1, x)", domain=(POSITIVE,))


def _scaled_slope(near: Callable[..., Any], constant: float, sign: int) -> Callable[..., Any]:
    """The derivative of sqrt(constant/x) Sum sign^k a_k(v)/x^k (all k), where that series holds."""
    def slope(y: Any, v: Any, x: Any) -> Any:
        size = np.abs(x)
        far = size > 25 + v * v
        w = np.where(far, size, 50)
        coefficient = 1.0 + 0 * v
        total = 0.5 * coefficient / w
        power = w
        for k in range(1, 31):
            coefficient = coefficient * sign * (4 * v * v - (2 * k - 1) ** 2) / (8 * k)
            power = power * w
            total = total + (k + 0.5) * coefficient / power
        return np.where(far, -np.sqrt(constant / w) * total * np.sign(x), near(y, v, np.where(far, np.sign(x), x)))
    return slope


def _ive_near(y: Any, v: Any, x: Any) -> Any:
    return (sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2 - np.sign(x) * sp.ive(v, x)


def _kve_near(y: Any, v: Any, x: Any) -> Any:
    return sp.kve(v, x) - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2


_ive_slope = _scaled_slope(_ive_near, 1 / (2 * math.pi), -1)
_kve_slope = _scaled_slope(_kve_near, math.pi / 2, 1)


def _kve_complex(y: Any, v: Any, x: Any) -> Any:
    return _kve_near(y, v, x) if getattr(x, "dtype", np.dtype(float)).kind == "c" else _kve_slope(y, v, x)


row(sp.ive, NUMERIC, _real_only(sp.ive, _ive_slope), symbol="besseli(x, y)*exp(-Abs(y))", domain=ORDER_AND_ARGUMENT)
row(sp.kve, NUMERIC, _kve_complex, symbol="besselk(x, y)*exp(y)", domain=ORDER_AND_ARGUMENT)



row(sp.i0e, lambda y, x: _ive_slope(y, 0.0, x), symbol="besseli(0, x)*exp(-Abs(x))", domain=(REAL,))
row(sp.i1e, lambda y, x: _i1e_slope(y, x), symbol="besseli(1, x)*exp(-Abs(x))", domain=(REAL,))
row(sp.k0e, lambda y, x: _kve_slope(y, 0.0, x), symbol="besselk(0, x)*exp(x)", domain=(POSITIVE,))
row(sp.k1e, lambda y, x: _kve_slope(y, 1.0, x), symbol="besselk(1, x)*exp(x)", domain=(POSITIVE,))


def _i1e_slope(y: Any, x: Any) -> Any:
    """i1e is odd."""
    return _ive_slope(y, 1.0, np.abs(x))


# --- Struve, Airy, Kelvin ------------------------------------------------------------------------

def _struve_slope(f: Any, sign: int) -> Callable[..., Any]:
    """(f_(v-1) + sign f_(v+1) + (x/2)^v/(sqrt(pi) Gamma(v + 3/2)))/2, DLMF 11.4.29-32."""
    def slope(y: Any, v: Any, x: Any) -> Any:
        rest = (x / 2) ** v * sp.rgamma(v + 1.5) / math.sqrt(math.pi)
        return (f(v - 1, x) + sign * f(v + 1, x) + rest) / 2
    return slope


row(sp.struve, NUMERIC, _struve_slope(sp.struve, -1), domain=(above(0.1), POSITIVE))
row(sp.modstruve, NUMERIC, _struve_slope(sp.modstruve, 1), domain=(above(0.1), POSITIVE))

several(sp.airy, lambda y, x: [y[1], x * y[0], y[3], x * y[2]])


def _airye_slopes(y: Any, x: Any) -> Any:
    """Ai and Ai' are scaled by exp(2/3 x sqrt(x)), Bi and Bi' by exp(-|Re 2/3 x sqrt(x)|)."""
    if x.dtype.kind == "c":
        raise UnsupportedArgumentError("scipy.special.airye of a complex argument is not holomorphic",
                                       "scipy.special.airy times an exponential of your own")
    root = np.sqrt(np.where(x > 0, x, 0))  # left of 0 real results of Ai are not defined, Bi is not scaled
    rising = [y[1] + root * y[0], x * y[0] + root * y[1]]
    return [*(np.where(x < 0, np.nan, t) for t in rising), y[3] - root * y[2], x * y[2] - root * y[3]]


several(sp.airye, _airye_slopes)


def _over(numerator: Any, x: Any, limit: Any) -> Any:
    """numerator/x, and its limit at 0."""
    return np.where(x == 0, limit, numerator / np.where(x == 0, 1, x))


# r w'' + w' = i r w for w = ber + i bei and ker + i kei (DLMF 10.61.2).
row(sp.ber, lambda y, x: sp.berp(x), domain=(REAL,))
row(sp.bei, lambda y, x: sp.beip(x), domain=(REAL,))
row(sp.ker, lambda y, x: sp.kerp(x), domain=(POSITIVE,))
row(sp.kei, lambda y, x: sp.keip(x), domain=(POSITIVE,))
row(sp.berp, lambda y, x: -sp.bei(x) - _over(y, x, 0), domain=(REAL,))
row(sp.beip, lambda y, x: sp.ber(x) - _over(y, x, 0.5), domain=(REAL,))
row(sp.kerp, lambda y, x: -sp.kei(x) - y / x, domain=(POSITIVE,))
row(sp.keip, lambda y, x: sp.ker(x) - y / x, domain=(POSITIVE,))
several(sp.kelvin, lambda y, x: [y[2], y[3], 1j * y[0] - _over(y[2], x, 0.5j), 1j * y[1] - y[3] / x])

# --- integrals -------------------------------------------------------------------------------------

_ONE_MINUS_J0 = [(-1.0) ** k / (4.0 ** (k + 1) * math.factorial(k + 1) ** 2) for k in range(16)]
_I0_MINUS_ONE = [1.0 / (4.0 ** (k + 1) * math.factorial(k + 1) ** 2) for k in range(16)]


def _reduced(function: Callable[[Any], Any], series: list[float], x: Any) -> Any:
    """function(x)/x, near 0 by a series in x^2."""
    near = np.abs(x) < 3
    u, far = np.where(near, x, 0), np.where(near, 4, x)
    return np.where(near, u * polynomial(series, u * u), function(far) / far)


several(sp.itj0y0, lambda y, x: [sp.j0(x), sp.y0(x)])
several(sp.iti0k0, lambda y, x: [sp.i0(x), sp.k0(x)])
several(sp.it2j0y0, lambda y, x: [_reduced(lambda t: 1 - sp.j0(t), _ONE_MINUS_J0, x), -sp.y0(x) / x])
several(sp.it2i0k0, lambda y, x: [_reduced(lambda t: sp.i0(t) - 1, _I0_MINUS_ONE, x), -sp.k0(x) / x])
several(sp.itairy, lambda y, x: [sp.airy(x)[0], sp.airy(x)[2], sp.airy(-x)[0], sp.airy(-x)[2]])
row(sp.itstruve0, lambda y, x: sp.struve(x.dtype.type(0), x), domain=(POSITIVE,))
row(sp.it2struve0, lambda y, x: -sp.struve(x.dtype.type(0), x) / x, domain=(POSITIVE,))
row(sp.itmodstruve0, lambda y, x: sp.modstruve(x.dtype.type(0), x), domain=(POSITIVE,))
row(sp.besselpoly, lambda y, a, power, v: sp.besselpoly(a, power + 1, v - 1) - sp.besselpoly(a, power + 1, v + 1),
    NUMERIC, NUMERIC, domain=(POSITIVE, POSITIVE, POSITIVE))
row(sp.wright_bessel, NUMERIC, NUMERIC, lambda y, a, b, x: sp.wright_bessel(a, a + b, x),
    domain=(POSITIVE, POSITIVE, POSITIVE))
row(sp.log_wright_bessel, NUMERIC, NUMERIC, lambda y, a, b, x: np.exp(sp.log_wright_bessel(a, a + b, x) - y),
    domain=(POSITIVE, POSITIVE, POSITIVE))

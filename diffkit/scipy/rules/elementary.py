"""Elementary functions with care for digits: logit, entropies, Huber, Box-Cox, degrees, exponential integrals.

Quotients such as (exp(x) - 1)/x have derivatives that cancel near 0; they come from power
series there, plain polynomials whose derivatives of every order are right.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.rules.domains import NONZERO, POSITIVE, REAL, above, between, except_every
from diffkit.rules.kinds import Elementwise, over
from diffkit.scipy.rules.words import WHOLE, polynomial, row, several

row(sp.cbrt, lambda y, x: 1 / (3 * y * y), symbol="cbrt(x)", domain=(POSITIVE,))
row(sp.exp10, lambda y, x: y * math.log(10), symbol="10**x", domain=(REAL,))
row(sp.exp2, lambda y, x: y * math.log(2), symbol="2**x", domain=(REAL,))
row(sp.expm1, lambda y, x: np.exp(x), symbol="exp(x) - 1", domain=(REAL,))
row(sp.log1p, over(lambda y, x: 1 + x), symbol="log(1 + x)", domain=(above(-1),))
row(sp.cosm1, lambda y, x: -np.sin(x), symbol="cos(x) - 1", domain=(REAL,))
row(sp.powm1, lambda y, x, p: p * x ** (p - 1), lambda y, x, p: np.log(x) * x ** p, symbol="x**y - 1",
    domain=(POSITIVE, REAL))

_DEGREE = math.pi / 180
row(sp.sindg, lambda y, x: _DEGREE * sp.cosdg(x), symbol="sin(pi*x/180)", domain=(REAL,))
row(sp.cosdg, lambda y, x: -_DEGREE * sp.sindg(x), symbol="cos(pi*x/180)", domain=(REAL,))
row(sp.tandg, lambda y, x: _DEGREE * (1 + y * y), symbol="tan(pi*x/180)", domain=(REAL,))
row(sp.cotdg, lambda y, x: -_DEGREE / sp.sindg(x) ** 2, symbol="cot(pi*x/180)",
    domain=(except_every(180, 0, "x not 180 n"),))
row(sp.radian, lambda y, d, m, s: _DEGREE, lambda y, d, m, s: _DEGREE / 60, lambda y, d, m, s: _DEGREE / 3600,
    symbol="pi/180*(x + y/60 + z/3600)", domain=(REAL, REAL, REAL))

row(sp.expit, lambda y, x: y * sp.expit(-x), symbol="1/(1 + exp(-x))", domain=(REAL,))
row(sp.log_expit, lambda y, x: sp.expit(-x), symbol="-log(1 + exp(-x))", domain=(REAL,))
row(sp.logit, over(lambda y, x: x * (1 - x)), symbol="log(x/(1 - x))", domain=(between(0, 1),))

row(sp.entr, lambda y, x: -np.log(x) - 1, symbol="-x*log(x)", domain=(POSITIVE,))
row(sp.rel_entr, lambda y, x, p: np.log(x / p) + 1, lambda y, x, p: -x / p, symbol="x*log(x/y)",
    domain=(POSITIVE, POSITIVE))
row(sp.kl_div, lambda y, x, p: -np.log1p((p - x) / x), lambda y, x, p: (p - x) / p, symbol="x*log(x/y) - x + y",
    domain=(POSITIVE, POSITIVE))


def _quotient(x: Any, of: Any) -> Any:
    """x/of, where 0/0 is 0: xlogy(0, y) is 0 for all y."""
    return x / np.where((x == 0) & (of == 0), 1, of)


row(sp.xlogy, lambda y, x, p: np.log(p), lambda y, x, p: _quotient(x, p), symbol="x*log(y)", domain=(REAL, POSITIVE),
    pinned={(0.0, 0.0): (-np.inf, 0.0), (0.0, 2.0): (math.log(2), 0.0)})
row(sp.xlog1py, lambda y, x, p: np.log1p(p), lambda y, x, p: _quotient(x, 1 + p), symbol="x*log(1 + y)",
    domain=(REAL, above(-1)))
row(sp.huber, lambda y, delta, r: np.where(np.abs(r) <= delta, 0, np.abs(r) - delta),
    lambda y, delta, r: np.clip(r, -delta, delta),
    symbol="Piecewise((y**2/2, Abs(y) <= x), (x*(Abs(y) - x/2), True))", domain=(above(1.5), REAL))


def _pseudo_huber_by_delta(y: Any, delta: Any, r: Any) -> Any:
    """2 y/delta - r^2/(delta s) = delta (s - 1)^2/s with s = sqrt(1 + q), q = (r/delta)^2."""
    q = (r / delta) ** 2
    s = np.sqrt(1 + q)
    return delta * q * q / (s * (s + 1) ** 2)


row(sp.pseudo_huber, _pseudo_huber_by_delta, lambda y, delta, r: r / np.sqrt(1 + (r / delta) ** 2),
    symbol="x**2*(sqrt(1 + (y/x)**2) - 1)", domain=(POSITIVE, REAL))

# --- quotients with power series at 0 ------------------------------------------------------------

_EXPREL = [(k + 1) / math.factorial(k + 2) for k in range(26)]
_LOGREL = [(-1.0) ** (k + 1) * (k + 1) / (k + 2) for k in range(44)]


def exprel_slope(y: Any, x: Any) -> Any:
    """d/dx (exp(x) - 1)/x."""
    near = np.abs(x) < 1.5
    u, far = np.where(near, x, 0), np.where(near, 2, x)
    high = far > 0  # exp(far)/far for positive arguments, no overflow of the part that is not chosen
    up, down = np.where(high, far, 1), np.where(high, -1, far)
    return np.where(near, polynomial(_EXPREL, u), np.where(high, np.exp(up) * (up - 1 + np.exp(-up)) / (up * up),
                                                           (np.exp(down) * (down - 1) + 1) / (down * down)))


row(sp.exprel, exprel_slope, symbol="(exp(x) - 1)/x", domain=(NONZERO,), pinned={0.0: 0.5})


def log1prel(z: Any) -> Any:
    """log(1 + z)/z."""
    small = np.abs(z) < 0.4
    u, far = np.where(small, z, 0), np.where(small, 1, z)
    return np.where(small, polynomial([(-1.0) ** k / (k + 1) for k in range(44)], u), np.log1p(far) / far)


def log1prel_slope(z: Any) -> Any:
    """The derivative of log(1 + z)/z."""
    small = np.abs(z) < 0.4
    u, far = np.where(small, z, 0), np.where(small, 1, z)
    return np.where(small, polynomial(_LOGREL, u), (far / (1 + far) - np.log1p(far)) / (far * far))


def _boxcox_by_power(log: Any, power: Any) -> Any:
    """boxcox = L exprel(p L) with L = log x: by p, L^2 exprel'(p L)."""
    return log * log * exprel_slope(None, power * log)


row(sp.boxcox, lambda y, x, p: x ** (p - 1), lambda y, x, p: _boxcox_by_power(np.log(x), p), symbol="(x**y - 1)/y",
    domain=(POSITIVE, NONZERO), pinned={(2.0, 0.0): (0.5, math.log(2) ** 2 / 2)})
row(sp.boxcox1p, lambda y, x, p: (1 + x) ** (p - 1), lambda y, x, p: _boxcox_by_power(np.log1p(x), p),
    symbol="((1 + x)**y - 1)/y", domain=(above(-1), NONZERO))
row(sp.inv_boxcox, lambda x, y, p: x ** (1 - p), lambda x, y, p: x * y * y * log1prel_slope(p * y),
    symbol="(1 + x*y)**(1/y)", domain=(POSITIVE, POSITIVE), pinned={(2.0, 0.0): (math.exp(2), -2 * math.exp(2))})
row(sp.inv_boxcox1p, lambda x, y, p: (1 + x) ** (1 - p), lambda x, y, p: (1 + x) * y * y * log1prel_slope(p * y),
    symbol="(1 + x*y)**(1/y) - 1", domain=(POSITIVE, POSITIVE))


def _tukey_by_shape(y: Any, x: Any, shape: Any) -> Any:
    """x = boxcox(y, shape) - boxcox(1 - y, shape)."""
    rest = sp.tklmbda(-x, shape)
    inner = (y > 0) & (rest > 0)
    p, q = np.where(inner, y, 0.5), np.where(inner, rest, 0.5)
    moved = _boxcox_by_power(np.log(p), shape) - _boxcox_by_power(np.log(q), shape)
    return np.where(inner, -moved / (p ** (shape - 1) + q ** (shape - 1)), 0)


def _tukey_slope(y: Any, x: Any, shape: Any) -> Any:
    rest = sp.tklmbda(-x, shape)
    inner = (y > 0) & (rest > 0)
    p, q = np.where(inner, y, 0.5), np.where(inner, rest, 0.5)
    return np.where(inner, 1 / (p ** (shape - 1) + q ** (shape - 1)), 0)


row(sp.tklmbda, _tukey_slope, _tukey_by_shape, domain=(REAL, between(-0.5, 0.5)))

# --- exponential integrals -----------------------------------------------------------------------

row(sp.exp1, lambda y, x: -np.exp(-x) / x, symbol="expint(1, x)", domain=(POSITIVE,))
row(sp.expi, lambda y, x: np.exp(x) / x, symbol="Ei(x)", domain=(NONZERO,))


def _expn_slope(y: Any, n: Any, x: Any) -> Any:
    """-E_(n-1)(x), and for n = 0, E_0 = exp(-x)/x."""
    if np.ndim(n) == 0:
        return -np.exp(-x) * (1 + x) / (x * x) if n == 0 else -sp.expn(n - 1, x)
    return np.where(n == 0, -np.exp(-x) * (1 + x) / (x * x), -sp.expn(np.maximum(n, 1) - 1, x))


row(sp.expn, WHOLE, _expn_slope, symbol="expint(x, y)")

_SINC = [(-1.0) ** k / math.factorial(2 * k + 1) for k in range(14)]
_SINHC = [1.0 / math.factorial(2 * k + 1) for k in range(14)]
_COSC = [(-1.0) ** k / math.factorial(2 * k + 2) for k in range(14)]


def _over_x(function: Any, series: list[float], x: Any, odd: int = 0) -> Any:
    """function(x)/x, near 0 by its series in x^2 (times x, if odd)."""
    near = np.abs(x) < 2
    u, far = np.where(near, x, 0), np.where(near, 3, x)
    return np.where(near, polynomial(series, u * u) * u ** odd, function(far) / far)


several(sp.sici, lambda y, x: [_over_x(np.sin, _SINC, x), np.cos(x) / x])
several(sp.shichi, lambda y, x: [_over_x(np.sinh, _SINHC, x), np.cosh(x) / x])


def _spence_slope(y: Any, z: Any) -> Any:
    """log(z)/(1 - z)."""
    near = np.abs(z - 1) < 0.4
    far = np.where(near, 3, z)
    return np.where(near, -log1prel(np.where(near, z - 1, 0)), np.log(far) / (1 - far))


row(sp.spence, _spence_slope, domain=(POSITIVE,), pinned={1.0: -1.0})
row(sp.wrightomega, lambda y, z: y / (1 + y), symbol="LambertW(exp(x))", domain=(REAL,))


def _lambert_slope(y: Any, z: Any, k: Any, tolerance: Any) -> Any:
    """W' = exp(-W)/(1 + W); far from 0 W/(z (1 + W)), where exp(-W) would lose digits."""
    far = np.abs(z) > 1
    return np.where(far, y / np.where(far, z, 1), np.exp(-np.where(far, 0, y))) / (1 + y)


LAMBERT: Elementwise = row(sp._ufuncs._lambertw, _lambert_slope, None, None)

"""Gamma and its logarithm, polygamma, beta, binomial coefficients, zeta.

All partials are made of digamma; where two digammas would cancel (beta, binom, poch) their
difference is a row of its own, with all digits: positive terms by the recurrence
psi(x + 1) = psi(x) + 1/x, and beyond 10 the asymptotic series (DLMF 5.5.2, 5.11.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from diffkit.rules.domains import POSITIVE, REAL, above, except_every
from diffkit.rules.kinds import Elementwise
from diffkit.scipy.rules.words import NUMERIC, flat, precise, row

_OFF_POLES = except_every(1.0, 0.0, "x not a whole number")


@precise
def _polygamma(n: Any, x: Any) -> Any:
    """DLMF 5.15.1; by reflection-free recurrence in SciPy's zeta for negative x."""
    if x.dtype.kind == "c":
        return _complex_polygamma(n, x)
    n = np.asarray(n, dtype=float)
    with np.errstate(all="ignore"):
        return np.where(n == 0, sp.psi(x), (-1.0) ** (n + 1) * sp.gamma(n + 1) * sp.zeta(n + 1, x))


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def _complex_polygamma(n: Any, z: Any) -> Any:
    """psi^(n), n >= 1: the recurrence (DLMF 5.15.5) up to Re z > 15, then the series (5.15.8)."""
    order = int(n)
    total = np.zeros_like(z)
    sign = (-1.0) ** (order + 1)
    with np.errstate(all="ignore"):
        while np.any(np.real(z) < 15):
            low = np.real(z) < 15
            total = total + np.where(low, sign * sp.gamma(order + 1) / z ** (order + 1), 0)
            z = np.where(low, z + 1, z)
        series = sp.gamma(order) / z ** order + sp.gamma(order + 1) / (2 * z ** (order + 1))
        for k, b in enumerate(_BERNOULLI, 1):
            series = series + b * sp.gamma(2 * k + order) / sp.gamma(2 * k + 1) / z ** (2 * k + order)
    return total + sign * series


POLYGAMMA: Elementwise = row(_polygamma, None, lambda y, n, x: POLYGAMMA(n + 1, x), name="special.polygamma")


@precise
def _psi_difference(x: Any, m: Any) -> Any:
    """psi(x + m) - psi(x), with all digits where both arguments are positive."""
    x, m = np.broadcast_arrays(x, m)
    good = (x > 0) & (x + m > 0)
    a, b = np.where(good, x, 1.0), np.where(good, m, 1.0)
    total = np.zeros(a.shape)
    with np.errstate(all="ignore"):
        for _ in range(11):  # up to a, a + b > 10
            low = (a < 10) | (a + b < 10)
            total = total + np.where(low, b / a / (a + b), 0)
            a = np.where(low, a + 1, a)
        ratio = np.log1p(b / a)
        series = ratio + b / a / (2 * (a + b))
        for k, bernoulli in enumerate(_BERNOULLI[:8], 1):
            series = series - bernoulli / (2 * k) * a ** (-2.0 * k) * np.expm1(-2 * k * ratio)
        return np.where(good, total + series, sp.psi(x + m) - sp.psi(x))


PSI_DIFFERENCE = row(_psi_difference, lambda y, x, m: POLYGAMMA(1, x + m) - POLYGAMMA(1, x),
                     lambda y, x, m: POLYGAMMA(1, x + m), domain=(POSITIVE, POSITIVE), name="special.psi_difference")

row(sp.gamma, lambda y, x: y * sp.psi(x), symbol="gamma(x)", domain=(_OFF_POLES,))
row(sp.gammaln, lambda y, x: sp.psi(x), symbol="loggamma(x)", domain=(POSITIVE,))
row(sp.loggamma, lambda y, x: sp.psi(x), symbol="loggamma(x)", domain=(POSITIVE,))
row(sp.psi, lambda y, x: POLYGAMMA(1, x), symbol="digamma(x)", domain=(_OFF_POLES,))
flat(sp.gammasgn)


def _rgamma_slope(y: Any, x: Any) -> Any:
    """-psi(x)/Gamma(x); left of 1/2 by reflection, which is smooth through the zeros at 0, -1, ..."""
    left = np.real(x) < 0.5
    u = np.where(left, x, 0.25)
    nearest = 2 * np.rint(np.real(u) / 2)
    angle = np.pi * (u - nearest)
    reflected = sp.gamma(1 - u) * (np.cos(angle) - sp.psi(1 - u) * np.sin(angle) / np.pi)
    right = np.where(left, 1, x)
    return np.where(left, reflected, -sp.rgamma(right) * sp.psi(right))


row(sp.rgamma, _rgamma_slope, symbol="1/gamma(x)", domain=(REAL,), pinned={0.0: 1.0, -1.0: -1.0, -2.0: 2.0})
row(sp.poch, lambda y, x, m: y * PSI_DIFFERENCE(x, m), lambda y, x, m: y * sp.psi(x + m),
    symbol="gamma(x + y)/gamma(x)", domain=(POSITIVE, POSITIVE))
row(sp.beta, lambda y, a, b: -y * PSI_DIFFERENCE(a, b), lambda y, a, b: -y * PSI_DIFFERENCE(b, a),
    symbol="gamma(x)*gamma(y)/gamma(x + y)", domain=(POSITIVE, POSITIVE))
row(sp.betaln, lambda y, a, b: -PSI_DIFFERENCE(a, b), lambda y, a, b: -PSI_DIFFERENCE(b, a),
    symbol="loggamma(x) + loggamma(y) - loggamma(x + y)", domain=(POSITIVE, POSITIVE))
row(sp.binom, lambda y, n, k: y * PSI_DIFFERENCE(n - k + 1, k), lambda y, n, k: y * PSI_DIFFERENCE(k + 1, n - 2 * k),
    symbol="gamma(x + 1)/gamma(y + 1)/gamma(x - y + 1)", domain=(above(3.5), above(0.1)))

row(_ufuncs._zeta, NUMERIC, lambda y, x, q: -x * _ufuncs._zeta(x + 1, q), domain=(above(1.2), POSITIVE))
row(_ufuncs._riemann_zeta, NUMERIC, domain=(above(1.2),))
row(sp.zetac, NUMERIC, domain=(above(1.2),))

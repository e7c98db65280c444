"""Incomplete gamma and beta functions, and the distribution functions made of them.

By the argument each has its density as derivative.  Written as exp(a log x - x - gammaln(a))
a density loses digits as a grows; Loader's form ("Fast and accurate computation of binomial
probabilities", 2000) has them all: the deviance, which is small where the density is not,
and Stirling's remainder.  By a shape parameter there is no closed form: measured.
Quantiles (gammaincinv, stdtrit, ...) solve F(..., y, ...) = p, and are differentiated so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from diffkit.rules.domains import POSITIVE, REAL, above, between
from diffkit.rules.kinds import Elementwise
from diffkit.scipy.rules.gamma import PSI_DIFFERENCE
from diffkit.scipy.rules.words import NUMERIC, WHOLE, composed, inverse, precise, row

UNIT_INTERVAL = between(0, 1)
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


def _stirling_rest(a: Any) -> Any:
    """log Gamma(a + 1) - (a + 1/2) log a + a - log(2 pi)/2."""
    big = np.where(a > 15, a, 16.0)
    series = sum(c * big ** (-1.0 - 2 * k) for k, c in enumerate(_STIRLING))
    small = np.where(a > 15, 1.0, a)
    return np.where(a > 15, series, sp.gammaln(small + 1) - (small + 0.5) * np.log(small) + small
                    - 0.5 * math.log(2 * math.pi))


def _deviance(a: Any, x: Any) -> Any:
    """a log(a/x) + x - a."""
    relative = (x - a) / a
    return np.where(np.abs(relative) < 0.5, -a * _ufuncs._log1pmx(np.where(np.abs(relative) < 0.5, relative, 0)),
                    a * np.log(a / x) + x - a)


@precise
def _poisson(a: Any, x: Any) -> Any:
    """x^a exp(-x)/Gamma(a + 1), for any real a."""
    with np.errstate(all="ignore"):
        a, x = np.broadcast_arrays(a, x)
        big = a > 5
        high = np.where(big, a, 10.0)
        y = np.exp(-_stirling_rest(high) - _deviance(high, x)) / np.sqrt(2 * math.pi * high)
        small = np.where(big, 1.0, a)
        return np.where((x == 0) & big, 0.0, np.where(big, y, x ** small * np.exp(-x) * sp.rgamma(small + 1)))


POISSON: Elementwise = row(_poisson, lambda y, a, x: y * (np.log(x) - sp.psi(a + 1)),
                           lambda y, a, x: POISSON(a - 1, x) - y, domain=(POSITIVE, POSITIVE),
                           name="special.poisson_density")


@precise
def _binomial(a: Any, b: Any, x: Any) -> Any:
    """Gamma(a + b + 1)/(Gamma(a + 1) Gamma(b + 1)) x^a (1 - x)^b."""
    with np.errstate(all="ignore"):
        a, b, x = np.broadcast_arrays(a, b, x)
        big = (a > 5) & (b > 5)
        p, q = np.where(big, a, 10.0), np.where(big, b, 10.0)
        n = p + q
        y = np.exp(_stirling_rest(n) - _stirling_rest(p) - _stirling_rest(q) - _deviance(p, n * x)
                   - _deviance(q, n * (1 - x))) * np.sqrt(n / (2 * math.pi * p * q))
        p, q = np.where(big, 1.0, a), np.where(big, 1.0, b)
        plain = x ** p * np.exp(q * np.log1p(-x)) / (sp.beta(p + 1, q + 1) * (p + q + 1))
        return np.where(big, y, np.where(x == 1, np.where(q == 0, 1.0, np.where(q > 0, 0.0, np.inf)), plain))


BINOMIAL: Elementwise = row(
    _binomial, lambda y, a, b, x: y * (np.log(x) + PSI_DIFFERENCE(a + 1, b)),
    lambda y, a, b, x: y * (np.log1p(-x) + PSI_DIFFERENCE(b + 1, a)),
    lambda y, a, b, x: (a + b) * (BINOMIAL(a - 1, b, x) - BINOMIAL(a, b - 1, x)),
    domain=(POSITIVE, POSITIVE, UNIT_INTERVAL), name="special.binomial_density")


def gamma_density(a: Any, x: Any) -> Any:
    """x^(a-1) exp(-x)/Gamma(a)."""
    return POISSON(a - 1, x)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a-1) (1-x)^(b-1)/B(a, b)."""
    return (a + b - 1) * BINOMIAL(a - 1, b - 1, x)


_G = (POSITIVE, POSITIVE)
_B = (POSITIVE, POSITIVE, UNIT_INTERVAL)
row(sp.gammainc, NUMERIC, lambda y, a, x: gamma_density(a, x), symbol="lowergamma(x, y)/gamma(x)")
row(sp.gammaincc, NUMERIC, lambda y, a, x: -gamma_density(a, x), symbol="uppergamma(x, y)/gamma(x)")
row(sp.betainc, NUMERIC, NUMERIC, lambda y, a, b, x: beta_density(a, b, x))
row(sp.betaincc, NUMERIC, NUMERIC, lambda y, a, b, x: -beta_density(a, b, x))
inverse(sp.gammaincinv, sp.gammainc, 1, [0, "p"], measured=(0,))
inverse(sp.gammainccinv, sp.gammaincc, 1, [0, "p"], measured=(0,))
inverse(sp.betaincinv, sp.betainc, 2, [0, 1, "p"], measured=(0, 1))
inverse(sp.betainccinv, sp.betaincc, 2, [0, 1, "p"], measured=(0, 1))
inverse(sp.btdtria, sp.betainc, 0, ["p", 1, 2], measured=(0, 1, 2))
inverse(sp.btdtrib, sp.betainc, 1, [0, "p", 2], measured=(0, 1, 2))

# chi squared, gamma, Poisson
composed(sp.chdtr, lambda v, x: sp.gammainc(v / 2, x / 2), domain=_G, measured=(0,))
composed(sp.chdtrc, lambda v, x: sp.gammaincc(v / 2, x / 2), domain=_G, measured=(0,))
inverse(sp.chdtri, sp.chdtrc, 1, [0, "p"], measured=(0,))
inverse(sp.chdtriv, sp.chdtr, 0, ["p", 1], measured=(0, 1))
composed(sp.gdtr, lambda a, b, x: sp.gammainc(b, a * x), domain=(POSITIVE,) * 3, measured=(1,))
composed(sp.gdtrc, lambda a, b, x: sp.gammaincc(b, a * x), domain=(POSITIVE,) * 3, measured=(1,))
inverse(sp.gdtria, sp.gdtr, 0, ["p", 1, 2], measured=(1,))
inverse(sp.gdtrib, sp.gdtr, 1, [0, "p", 2], measured=(0, 1, 2))
inverse(sp.gdtrix, sp.gdtr, 2, [0, 1, "p"], measured=(1,))
# Counts k are rounded down by these functions: a step, whose derivative is zero.
composed(sp.pdtr, lambda k, m: sp.gammaincc(np.floor(k) + 1, m), none=(0,))
composed(sp.pdtrc, lambda k, m: sp.gammainc(np.floor(k) + 1, m), none=(0,))
inverse(sp.pdtri, sp.pdtr, 1, [0, "p"], whole=(0,))
inverse(sp.pdtrik, lambda k, m: sp.gammaincc(k + 1, m), 0, ["p", 1], measured=(0, 1))

# binomial, negative binomial
composed(sp.bdtr, lambda k, n, p: sp.betaincc(np.floor(k) + 1, n - np.floor(k), p), none=(0,), whole=(1,))
composed(sp.bdtrc, lambda k, n, p: sp.betainc(np.floor(k) + 1, n - np.floor(k), p), none=(0,), whole=(1,))
inverse(sp.bdtri, sp.bdtr, 2, [0, 1, "p"], none=(0,), whole=(1,))


def _binomial_distribution(k: Any, n: Any, p: Any) -> Any:
    return sp.betaincc(k + 1, n - k, p)


def _negative_binomial_distribution(k: Any, n: Any, p: Any) -> Any:
    return sp.betainc(n, k + 1, p)


inverse(sp.bdtrik, _binomial_distribution, 0, ["p", 1, 2], measured=(0, 1, 2))
inverse(sp.bdtrin, _binomial_distribution, 1, [0, "p", 2], measured=(0, 1, 2))
composed(sp.nbdtr, lambda k, n, p: sp.betainc(1.0 * n, np.floor(k) + 1.0, p), whole=(0, 1))
composed(sp.nbdtrc, lambda k, n, p: sp.betaincc(1.0 * n, np.floor(k) + 1.0, p), whole=(0, 1))
inverse(sp.nbdtri, sp.nbdtr, 2, [0, 1, "p"], whole=(0, 1))
inverse(sp.nbdtrik, _negative_binomial_distribution, 0, ["p", 1, 2], measured=(0, 1, 2))
inverse(sp.nbdtrin, _negative_binomial_distribution, 1, [0, "p", 2], measured=(0, 1, 2))


# F and Student's t
def _f_fraction(dfn: Any, dfd: Any, x: Any) -> Any:
    return dfn * x / (dfd + dfn * x)


composed(sp.fdtr, lambda n, d, x: sp.betainc(n / 2, d / 2, _f_fraction(n, d, x)), domain=(POSITIVE,) * 3,
         measured=(0, 1))
composed(sp.fdtrc, lambda n, d, x: sp.betainc(d / 2, n / 2, d / (d + n * x)), domain=(POSITIVE,) * 3, measured=(0, 1))
inverse(sp.fdtri, sp.fdtr, 2, [0, 1, "p"], measured=(0, 1))
inverse(sp.fdtridfd, sp.fdtr, 1, [0, "p", 2], measured=(0, 1, 2))


def t_density(v: Any, t: Any) -> Any:
    """Gamma((v+1)/2)/(sqrt(pi v) Gamma(v/2)) (1 + t^2/v)^(-(v+1)/2)."""
    return sp.poch(v / 2, 0.5) / np.sqrt(math.pi * v) * np.exp(-(v + 1) / 2 * np.log1p(t * t / v))


row(sp.stdtr, NUMERIC, lambda y, v, t: t_density(v, t), domain=(POSITIVE, REAL))
inverse(sp.stdtrit, sp.stdtr, 1, [0, "p"], measured=(0,))
inverse(sp.stdtridf, sp.stdtr, 0, ["p", 1], measured=(0, 1))


# noncentral distributions
def noncentral_density(x: Any, v: Any, c: Any) -> Any:
    """exp(-(x + c)/2)/2 (x/2)^(v/2-1) 0F1(v/2, c x/4)/Gamma(v/2); by the scaled Bessel function for large c x."""
    z = c * x
    far = z > 4
    w, p, q = np.where(far, z, 9), np.where(far, x, 3), np.where(far, c, 3)
    root = np.sqrt(w)
    large = 0.5 * np.exp(-0.5 * (np.sqrt(p) - np.sqrt(q)) ** 2) * (p / q) ** (v / 4 - 0.5) * sp.ive(v / 2 - 1, root)
    z = np.where(far, 1, z)
    small = 0.5 * np.exp(-(np.where(far, 1, x + c)) / 2) * np.where(far, 1, x / 2) ** (v / 2 - 1)
    return np.where(far, large, small * sp.hyp0f1(v / 2, z / 4) * sp.rgamma(v / 2))


row(sp.chndtr, lambda y, x, v, c: noncentral_density(x, v, c), NUMERIC,
    lambda y, x, v, c: -noncentral_density(x, v + 2, c), domain=(POSITIVE, above(0.5), POSITIVE))
inverse(sp.chndtrix, sp.chndtr, 0, ["p", 1, 2], measured=(1,))
inverse(sp.chndtridf, sp.chndtr, 1, [0, "p", 2], measured=(0, 1, 2))
inverse(sp.chndtrinc, sp.chndtr, 2, [0, 1, "p"], measured=(1,))
row(sp.ncfdtr, NUMERIC, NUMERIC, NUMERIC, NUMERIC, domain=(above(0.5), above(0.5), POSITIVE, POSITIVE))
inverse(sp.ncfdtri, sp.ncfdtr, 3, [0, 1, 2, "p"], measured=(0, 1, 2, 3))
inverse(sp.ncfdtridfd, sp.ncfdtr, 1, [0, "p", 2, 3], measured=(0, 1, 2, 3))
inverse(sp.ncfdtridfn, sp.ncfdtr, 0, ["p", 1, 2, 3], measured=(0, 1, 2, 3))
inverse(sp.ncfdtrinc, sp.ncfdtr, 2, [0, 1, "p", 3], measured=(0, 1, 2, 3))
row(sp.nctdtr, NUMERIC, NUMERIC, NUMERIC, domain=(above(0.5), POSITIVE, POSITIVE))
inverse(sp.nctdtrit, sp.nctdtr, 2, [0, 1, "p"], measured=(0, 1, 2))
inverse(sp.nctdtridf, sp.nctdtr, 0, ["p", 1, 2], measured=(0, 1, 2))
inverse(sp.nctdtrinc, sp.nctdtr, 1, [0, "p", 2], measured=(0, 1, 2))


# Kolmogorov and Smirnov
def _kolmogorov_slope(y: Any, x: Any) -> Any:
    """The density by the theta series that converges at x, with the sign of a survival function."""
    high = x > 0.8
    u, w = np.where(high, x, 1), np.where(high, 1, np.maximum(x, 0.02))
    tail = sum((-1.0) ** (k - 1) * 8 * k * k * u * np.exp(-2.0 * k * k * u * u) for k in range(1, 8))
    head = 0 * w
    for k in range(1, 5):
        c = ((2 * k - 1) * math.pi) ** 2 / 8
        head = head + np.exp(-c / (w * w)) * (2 * c / w ** 4 - 1 / (w * w))
    return np.where(x > 0, -np.where(high, tail, math.sqrt(2 * math.pi) * head), 0)


row(sp.kolmogorov, _kolmogorov_slope, domain=(POSITIVE,))
row(sp.kolmogi, lambda x, p: 1 / _kolmogorov_slope(None, x), domain=(UNIT_INTERVAL,))
SMIRNOV_SLOPE = row(_ufuncs._smirnovp, WHOLE, NUMERIC)
row(sp.smirnov, WHOLE, lambda y, n, d: _ufuncs._smirnovp(n, d))
row(sp.smirnovi, WHOLE, lambda y, n, p: 1 / _ufuncs._smirnovp(n, y))

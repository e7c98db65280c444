"""The continuous distributions, each for loc = 0 and scale = 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.scipy.stats.families import HALF_LINE, LINE, UNIT, Distribution
from diffkit.scipy.stats.tails import log_head, log_one_minus_exp, log_tail, logs
from diffkit.transforms import value

_LOG_ROOT = 0.5 * math.log(2 * math.pi)

norm = Distribution("norm", "", LINE, 0.0,
                    ppf=lambda q: sp.ndtri(q), isf=lambda q: -sp.ndtri(q),
                    logpdf=lambda z: -z * z / 2 - _LOG_ROOT, cdf=lambda z: sp.ndtr(z),
                    sf=lambda z: sp.ndtr(-z), logcdf=lambda z: sp.log_ndtr(z), logsf=lambda z: sp.log_ndtr(-z))
t = Distribution("t", "df", LINE, 0.0,
                    ppf=lambda q, v: sp.stdtrit(v, q), isf=lambda q, v: -sp.stdtrit(v, q),
                    logpdf=lambda z, v: np.log(sp.poch(v / 2, 0.5) / np.sqrt(math.pi * v))
                 - (v + 1) / 2 * np.log1p(z * z / v),
                 **logs(lambda z, v: sp.stdtr(v, z), lambda z, v: sp.stdtr(v, -z)))
gamma = Distribution("gamma", "a", HALF_LINE, 1.0,
                    ppf=lambda q, a: sp.gammaincinv(a, q), isf=lambda q, a: sp.gammainccinv(a, q),
                    logpdf=lambda z, a: sp.xlogy(a - 1, z) - z - sp.gammaln(a),
                     cdf=lambda z, a: sp.gammainc(a, z), sf=lambda z, a: sp.gammaincc(a, z),
                     logcdf=lambda z, a: log_head(a, z, sp.gammainc(a, z)),
                     logsf=lambda z, a: log_tail(a, z, sp.gammaincc(a, z)))
chi2 = Distribution("chi2", "df", HALF_LINE, 1.0,
                    ppf=lambda q, v: 2 * sp.gammaincinv(v / 2, q), isf=lambda q, v: sp.chdtri(v, q),

                    logpdf=lambda z, v: sp.xlogy(v / 2 - 1, z) - z / 2 - sp.gammaln(v / 2) - v / 2 * math.log(2),
                    cdf=lambda z, v: sp.chdtr(v, z), sf=lambda z, v: sp.chdtrc(v, z),
                    logcdf=lambda z, v: log_head(v / 2, z / 2, sp.chdtr(v, z)),
                    logsf=lambda z, v: log_tail(v / 2, z / 2, sp.chdtrc(v, z)))
beta = Distribution("beta", "a b", UNIT, 0.5,
                    ppf=lambda q, a, b: sp.betaincinv(a, b, q), isf=lambda q, a, b: sp.betainccinv(a, b, q),

                    logpdf=lambda z, a, b: sp.xlog1py(b - 1, -z) + sp.xlogy(a - 1, z) - sp.betaln(a, b),
                    **logs(lambda z, a, b: sp.betainc(a, b, z), lambda z, a, b: sp.betaincc(a, b, z)))
expon = Distribution("expon", "", HALF_LINE, 1.0,
                    ppf=lambda q: -np.log1p(-q), isf=lambda q: -np.log(q),
                    logpdf=lambda z: -z, cdf=lambda z: -np.expm1(-z),
                     sf=lambda z: np.exp(-z), logcdf=log_one_minus_exp, logsf=lambda z: -z)
uniform = Distribution("uniform", "", UNIT, 0.5,
                    ppf=lambda q: q, isf=lambda q: 1 - q,
                    logpdf=lambda z: 0 * z, **logs(lambda z: z, lambda z: 1 - z))


def _laplace_cdf(z: Any) -> Any:
    low = np.exp(-np.abs(z)) / 2
    return np.where(value(z) > 0, 1 - low, low)


def _laplace_ppf(q: Any) -> Any:
    upper = value(q) > 0.5
    return np.where(upper, -np.log(2 * np.where(upper, 1 - q, 0.5)), np.log(2 * np.where(upper, 0.5, q)))


def _laplace_logcdf(z: Any) -> Any:
    positive = value(z) > 0
    return np.where(positive, np.log1p(-np.exp(-np.where(positive, z, 1)) / 2), z - math.log(2))


laplace = Distribution("laplace", "", LINE, 0.0,
                    ppf=lambda q: _laplace_ppf(q), isf=lambda q: -_laplace_ppf(q),
                    logpdf=lambda z: -np.abs(z) - math.log(2), cdf=_laplace_cdf,
                       sf=lambda z: _laplace_cdf(-z), logcdf=_laplace_logcdf, logsf=lambda z: _laplace_logcdf(-z))
cauchy = Distribution("cauchy", "", LINE, 0.0,
                    ppf=lambda q: np.tan(math.pi * q - math.pi / 2), isf=lambda q: np.tan(math.pi / 2 - math.pi * q),
                    logpdf=lambda z: -math.log(math.pi) - 2 * np.log(np.hypot(1.0, z)),
                      **logs(lambda z: np.arctan2(1.0, -z) / math.pi, lambda z: np.arctan2(1.0, z) / math.pi))
lognorm = Distribution("lognorm", "s", HALF_LINE, 1.0,
                    ppf=lambda q, s: np.exp(s * sp.ndtri(q)), isf=lambda q, s: np.exp(-s * sp.ndtri(q)),

                       logpdf=lambda z, s: -(np.log(z) / s) ** 2 / 2 - np.log(s * z) - _LOG_ROOT,
                       cdf=lambda z, s: sp.ndtr(np.log(z) / s), sf=lambda z, s: sp.ndtr(-np.log(z) / s),
                       logcdf=lambda z, s: sp.log_ndtr(np.log(z) / s), logsf=lambda z, s: sp.log_ndtr(-np.log(z) / s))


logistic = Distribution("logistic", "", LINE, 0.0, logpdf=lambda z: sp.log_expit(z) + sp.log_expit(-z),
                        cdf=lambda z: sp.expit(z), sf=lambda z: sp.expit(-z), logcdf=lambda z: sp.log_expit(z),
                        logsf=lambda z: sp.log_expit(-z), ppf=lambda q: sp.logit(q), isf=lambda q: -sp.logit(q))
gumbel_r = Distribution("gumbel_r", "", LINE, 0.0, logpdf=lambda z: -z - np.exp(-z),
                        cdf=lambda z: np.exp(-np.exp(-z)),
                        sf=lambda z: -np.expm1(-np.exp(-z)), logcdf=lambda z: -np.exp(-z),
                        logsf=lambda z: log_one_minus_exp(np.exp(-z)), ppf=lambda q: -np.log(-np.log(q)),
                        isf=lambda q: -np.log(-np.log1p(-q)))
gumbel_l = Distribution("gumbel_l", "", LINE, 0.0, logpdf=lambda z: z - np.exp(z), sf=lambda z: np.exp(-np.exp(z)),
                        cdf=lambda z: -np.expm1(-np.exp(z)), logsf=lambda z: -np.exp(z),
                        logcdf=lambda z: log_one_minus_exp(np.exp(z)), isf=lambda q: np.log(-np.log(q)),
                        ppf=lambda q: np.log(-np.log1p(-q)))
weibull_min = Distribution("weibull_min", "c", HALF_LINE, 1.0,
                           logpdf=lambda z, c: np.log(c) + sp.xlogy(c - 1, z) - z**c,
                           cdf=lambda z, c: -np.expm1(-z**c), sf=lambda z, c: np.exp(-z**c), logsf=lambda z, c: -z**c,
                           logcdf=lambda z, c: log_one_minus_exp(z**c),
                           ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c), isf=lambda q, c: (-np.log(q)) ** (1 / c))
pareto = Distribution("pareto", "b", (1.0, np.inf), 2.0, logpdf=lambda z, b: np.log(b) - (b + 1) * np.log(z),
                      cdf=lambda z, b: -np.expm1(-b * np.log(z)), sf=lambda z, b: z**-b,
                      logcdf=lambda z, b: log_one_minus_exp(b * np.log(z)), logsf=lambda z, b: -b * np.log(z),
                      ppf=lambda q, b: np.exp(-np.log1p(-q) / b), isf=lambda q, b: q ** (-1 / b))
powerlaw = Distribution("powerlaw", "a", UNIT, 0.5, logpdf=lambda z, a: np.log(a) + sp.xlogy(a - 1, z),
                        cdf=lambda z, a: z**a, sf=lambda z, a: -np.expm1(a * np.log(z)),
                        logcdf=lambda z, a: a * np.log(z), logsf=lambda z, a: log_one_minus_exp(-a * np.log(z)),
                        ppf=lambda q, a: q ** (1 / a), isf=lambda q, a: np.exp(np.log1p(-q) / a))
rayleigh = Distribution("rayleigh", "", HALF_LINE, 1.0, logpdf=lambda z: np.log(z) - z * z / 2,
                        pdf=lambda z: z * np.exp(-z * z / 2), cdf=lambda z: -np.expm1(-z * z / 2),
                        sf=lambda z: np.exp(-z * z / 2), logcdf=lambda z: log_one_minus_exp(z * z / 2),
                        logsf=lambda z: -z * z / 2, ppf=lambda q: np.sqrt(-2 * np.log1p(-q)),
                        isf=lambda q: np.sqrt(-2 * np.log(q)))
halfnorm = Distribution("halfnorm", "", HALF_LINE, 1.0, logpdf=lambda z: math.log(2) - z * z / 2 - _LOG_ROOT,
                        cdf=lambda z: sp.erf(z / math.sqrt(2)), sf=lambda z: 2 * sp.ndtr(-z),
                        logcdf=lambda z: np.log(sp.erf(z / math.sqrt(2))),
                        logsf=lambda z: math.log(2) + sp.log_ndtr(-z), ppf=lambda q: sp.ndtri((1 + q) / 2),
                        isf=lambda q: -sp.ndtri(q / 2))
halfcauchy = Distribution("halfcauchy", "", HALF_LINE, 1.0,
                          logpdf=lambda z: math.log(2 / math.pi) - 2 * np.log(np.hypot(1.0, z)),
                          **logs(lambda z: 2 / math.pi * np.arctan(z), lambda z: 2 / math.pi * np.arctan2(1.0, z)),
                          ppf=lambda q: np.tan(math.pi / 2 * q), isf=lambda q: 1 / np.tan(math.pi / 2 * q))
invgamma = Distribution("invgamma", "a", HALF_LINE, 1.0,
                        logpdf=lambda z, a: -(a + 1) * np.log(z) - sp.gammaln(a) - 1 / z,
                        cdf=lambda z, a: sp.gammaincc(a, 1 / z), sf=lambda z, a: sp.gammainc(a, 1 / z),
                        logcdf=lambda z, a: log_tail(a, 1 / z, sp.gammaincc(a, 1 / z)),
                        logsf=lambda z, a: log_head(a, 1 / z, sp.gammainc(a, 1 / z)),
                        ppf=lambda q, a: 1 / sp.gammainccinv(a, q), isf=lambda q, a: 1 / sp.gammaincinv(a, q))
chi = Distribution("chi", "df", HALF_LINE, 1.0,
                   logpdf=lambda z, v: (1 - v / 2) * math.log(2) - sp.gammaln(v / 2) + sp.xlogy(v - 1, z) - z * z / 2,
                   cdf=lambda z, v: sp.gammainc(v / 2, z * z / 2), sf=lambda z, v: sp.gammaincc(v / 2, z * z / 2),
                   logcdf=lambda z, v: log_head(v / 2, z * z / 2, sp.gammainc(v / 2, z * z / 2)),
                   logsf=lambda z, v: log_tail(v / 2, z * z / 2, sp.gammaincc(v / 2, z * z / 2)),
                   ppf=lambda q, v: np.sqrt(2 * sp.gammaincinv(v / 2, q)),
                   isf=lambda q, v: np.sqrt(2 * sp.gammainccinv(v / 2, q)))


def _f_logpdf(z: Any, n: Any, d: Any) -> Any:
    return (d / 2 * np.log(d) + n / 2 * np.log(n) + sp.xlogy(n / 2 - 1, z) - (n + d) / 2 * np.log(d + n * z)
            - sp.betaln(n / 2, d / 2))


def _f_isf(q: Any, n: Any, d: Any) -> Any:
    y = sp.betaincinv(d / 2, n / 2, q)
    return d * (1 - y) / (n * y)


f = Distribution("f", "dfn dfd", HALF_LINE, 1.0, logpdf=_f_logpdf,
                 **logs(lambda z, n, d: sp.fdtr(n, d, z), lambda z, n, d: sp.fdtrc(n, d, z)),
                 ppf=lambda q, n, d: sp.fdtri(n, d, q), isf=_f_isf)

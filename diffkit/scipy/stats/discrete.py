"""The distributions of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.scipy.stats.families import HALF_LINE, UNIT, Discrete
from diffkit.scipy.stats.tails import log_head, log_tail, logs

poisson = Discrete("poisson", "mu", HALF_LINE, 0.0, logpmf=lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu,
                   cdf=lambda k, mu: sp.pdtr(k, mu), sf=lambda k, mu: sp.pdtrc(k, mu),
                   logcdf=lambda k, mu: log_tail(k + 1, mu, sp.pdtr(k, mu)),
                   logsf=lambda k, mu: log_head(k + 1, mu, sp.pdtrc(k, mu)))


def _binomial_logpmf(k: Any, n: Any, p: Any) -> Any:
    coefficient = sp.gammaln(n + 1) - sp.gammaln(k + 1) - sp.gammaln(n - k + 1)
    return coefficient + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


binom = Discrete("binom", "n p", HALF_LINE, 0.0, logpmf=_binomial_logpmf,
                 **logs(lambda k, n, p: sp.betaincc(k + 1, n - k, p), lambda k, n, p: sp.betainc(k + 1, n - k, p)))
bernoulli = Discrete("bernoulli", "p", UNIT, 0.0, logpmf=lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p),
                     cdf=lambda k, p: 1 - p, sf=lambda k, p: p, logcdf=lambda k, p: np.log1p(-p),
                     logsf=lambda k, p: np.log(p))
geom = Discrete("geom", "p", (1.0, np.inf), 1.0, logpmf=lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p),
                cdf=lambda k, p: -np.expm1(k * np.log1p(-p)), sf=lambda k, p: np.exp(k * np.log1p(-p)),
                logcdf=lambda k, p: np.log(-np.expm1(k * np.log1p(-p))), logsf=lambda k, p: k * np.log1p(-p))


def _negative_binomial_logpmf(k: Any, n: Any, p: Any) -> Any:
    return sp.gammaln(n + k) - sp.gammaln(k + 1) - sp.gammaln(n) + sp.xlogy(n, p) + sp.xlog1py(k, -p)


nbinom = Discrete("nbinom", "n p", HALF_LINE, 0.0, logpmf=_negative_binomial_logpmf,
                  **logs(lambda k, n, p: sp.betainc(n, k + 1, p), lambda k, n, p: sp.betaincc(n, k + 1, p)))

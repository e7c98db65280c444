"""scipy.stats distributions on traced values: densities, distribution functions, quantiles, and logarithms.

Each is written once for loc = 0 and scale = 1 with ufuncs of scipy.special, whose rows have
the derivatives; logarithms are taken of nothing that underflows.  Derivatives exist by the
argument and by every parameter (where a shape has no closed form: measured).  Outside the
support densities are 0 with derivative 0.

``families``      what a distribution does with its arguments
``tails``         logarithms of distribution functions that underflow
``continuous``, ``discrete``, ``multivariate``   the distributions

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: norm.logcdf(x))(-40.0).round(6))
    40.024969
"""

from diffkit.scipy.stats.continuous import (
    beta,
    cauchy,
    chi,
    chi2,
    expon,
    f,
    gamma,
    gumbel_l,
    gumbel_r,
    halfcauchy,
    halfnorm,
    invgamma,
    laplace,
    logistic,
    lognorm,
    norm,
    pareto,
    powerlaw,
    rayleigh,
    t,
    uniform,
    weibull_min,
)
from diffkit.scipy.stats.discrete import bernoulli, binom, geom, nbinom, poisson
from diffkit.scipy.stats.multivariate import dirichlet, multivariate_normal

__all__ = ["bernoulli", "beta", "binom", "cauchy", "chi", "chi2", "dirichlet", "expon", "f", "gamma", "geom",
           "gumbel_l", "gumbel_r", "halfcauchy", "halfnorm", "invgamma", "laplace", "logistic", "lognorm",
           "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "powerlaw", "rayleigh", "t", "uniform",
           "weibull_min"]

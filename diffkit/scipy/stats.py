"""scipy.stats distributions on traced values: densities, distribution functions and their logarithms.

Each is written once for loc = 0 and scale = 1 with ufuncs of scipy.special, whose rows have
the derivatives; logarithms are taken of nothing that underflows.  Derivatives exist by the
argument and by every parameter (where a shape has no closed form: measured).  Outside the
support densities are 0 with derivative 0.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: norm.logcdf(x))(-40.0).round(6))
    40.024969
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sp
from scipy import stats as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import prepared, traced_among
from diffkit.transforms import value

__all__ = ["beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace", "lognorm",
           "multivariate_normal", "norm", "poisson", "t", "uniform"]

_LOG_ROOT = 0.5 * math.log(2 * math.pi)


class Distribution:
    """One distribution: SciPy's methods ``pdf`` … ``logsf`` (``pmf``, ``logpmf`` of a discrete one).

    ``method(x, *shapes, loc=0, scale=1)`` as in SciPy, everything broadcast.
    """

    def __init__(self, name: str, shapes: str, support: tuple[float, float], inside: float,
                 **functions: Callable[..., Any]) -> None:
        self.name = name
        self._shapes = tuple(shapes.split())
        self._support = support
        self._inside = inside
        self._functions = functions
        self.__doc__ = f"The distribution scipy.stats.{name}({', '.join((*self._shapes, 'loc', 'scale'))})."

    def __repr__(self) -> str:
        return f"<diffkit.scipy.stats.{self.name}>"

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], tail: tuple[str, ...]) -> dict[str, Any]:
        names = (*self._shapes, *tail)
        if len(args) > len(names):
            raise TypeError(f"{self.name} takes {', '.join(names)}")
        given = dict(zip(names, args))
        for name, argument in kwargs.items():
            if name not in names or name in given:
                raise TypeError(f"{self.name} got an unexpected or repeated argument {name!r}")
            given[name] = argument
        missing = [name for name in self._shapes if name not in given]
        if missing:
            raise TypeError(f"{self.name} misses the argument {missing[0]!r}")
        return {"loc": 0.0, "scale": 1.0, **given}

    def _call(self, method: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not traced_among((x, *args), kwargs):
            return getattr(getattr(original, self.name), method)(x, *args, **kwargs)
        given = {name: prepared(argument) if not isinstance(argument, (int, float)) else argument
                 for name, argument in self._arguments(args, kwargs, ("loc", "scale")).items()}
        scale = given["scale"]
        z = (prepared(x) - given["loc"]) / scale
        shapes = [given[name] for name in self._shapes]
        if method in ("logpdf", "pdf"):
            return self._density(z, shapes, scale, method == "pdf")
        low, high = self._support
        below, above = value(z) <= low, value(z) >= high
        lower = method in ("cdf", "logcdf")
        ends = ((0.0, 1.0) if lower else (1.0, 0.0)) if not method.startswith("log") else (
            (-np.inf, 0.0) if lower else (0.0, -np.inf))
        z = np.where(below | above, self._inside, z)
        y = self._functions[method](z, *shapes)
        y = np.where(value(scale) > 0, y, np.nan)
        return np.where(below, ends[0], np.where(above, ends[1], y))[()]

    def _density(self, z: Any, shapes: list[Any], scale: Any, exponential: bool) -> Any:
        low, high = self._support
        outside = (value(z) < low) | (value(z) > high)
        if self.name == "lognorm":
            outside = outside | (value(z) == 0)
        y = self._functions["logpdf"](np.where(outside, self._inside, z), *shapes) - np.log(scale)
        if exponential:
            return np.where(outside, 0.0, np.exp(y))[()]
        return np.where(outside, -np.inf, y)[()]

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        return self._call("pdf", x, args, kwargs)

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density."""
        return self._call("logpdf", x, args, kwargs)

    def cdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The distribution function P(X <= x)."""
        return self._call("cdf", x, args, kwargs)

    def logcdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the distribution function."""
        return self._call("logcdf", x, args, kwargs)

    def sf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The survival function P(X > x)."""
        return self._call("sf", x, args, kwargs)

    def logsf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the survival function."""
        return self._call("logsf", x, args, kwargs)


def _log_tail(a: Any, z: Any, upper: Any) -> Any:
    """log of the upper incomplete gamma ratio; where that underflows, by its asymptotic series (DLMF 8.11.2)."""
    tiny = value(upper) < 1e-280
    far = np.where(tiny, z, 1e4)
    term = total = 1.0 + 0 * far
    for k in range(1, 25):
        term = term * (a - k) / far
        total = total + term
    series = (a - 1) * np.log(far) - far - sp.gammaln(a) + np.log(np.where(value(total) > 0, total, 1))
    return np.where(tiny, series, np.log(np.where(tiny, 1, upper)))


def _log_head(a: Any, z: Any, lower: Any) -> Any:
    """log of the lower incomplete gamma ratio; where that underflows, by its power series (DLMF 8.11.4)."""
    tiny = value(lower) < 1e-280
    near = np.where(tiny, z, 1e-4)
    term = total = 1.0 + 0 * near
    for k in range(1, 60):
        term = term * near / (a + k)
        total = total + term
    series = a * np.log(near) - near - sp.gammaln(a + 1) + np.log(total)
    return np.where(tiny, series, np.log(np.where(tiny, 1, lower)))


def _log_one_minus_exp(x: Any) -> Any:
    """log(1 - exp(-x)) for x > 0."""
    small = value(x) < 0.7
    return np.where(small, np.log(-np.expm1(-np.where(small, x, 0.5))), np.log1p(-np.exp(-np.where(small, 1, x))))


def _logs(cdf: Callable[..., Any], sf: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """A distribution function whose tails do not underflow early: its logarithm as it is."""
    return {"cdf": cdf, "sf": sf, "logcdf": lambda z, *s: np.log(cdf(z, *s)),
            "logsf": lambda z, *s: np.log(sf(z, *s))}


_LINE, _HALF_LINE, _UNIT = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)

norm = Distribution("norm", "", _LINE, 0.0, logpdf=lambda z: -z * z / 2 - _LOG_ROOT, cdf=lambda z: sp.ndtr(z),
                    sf=lambda z: sp.ndtr(-z), logcdf=lambda z: sp.log_ndtr(z), logsf=lambda z: sp.log_ndtr(-z))
t = Distribution("t", "df", _LINE, 0.0, logpdf=lambda z, v: np.log(sp.poch(v / 2, 0.5) / np.sqrt(math.pi * v))
                 - (v + 1) / 2 * np.log1p(z * z / v),
                 **_logs(lambda z, v: sp.stdtr(v, z), lambda z, v: sp.stdtr(v, -z)))
gamma = Distribution("gamma", "a", _HALF_LINE, 1.0, logpdf=lambda z, a: sp.xlogy(a - 1, z) - z - sp.gammaln(a),
                     cdf=lambda z, a: sp.gammainc(a, z), sf=lambda z, a: sp.gammaincc(a, z),
                     logcdf=lambda z, a: _log_head(a, z, sp.gammainc(a, z)),
                     logsf=lambda z, a: _log_tail(a, z, sp.gammaincc(a, z)))
chi2 = Distribution("chi2", "df", _HALF_LINE, 1.0,
                    logpdf=lambda z, v: sp.xlogy(v / 2 - 1, z) - z / 2 - sp.gammaln(v / 2) - v / 2 * math.log(2),
                    cdf=lambda z, v: sp.chdtr(v, z), sf=lambda z, v: sp.chdtrc(v, z),
                    logcdf=lambda z, v: _log_head(v / 2, z / 2, sp.chdtr(v, z)),
                    logsf=lambda z, v: _log_tail(v / 2, z / 2, sp.chdtrc(v, z)))
beta = Distribution("beta", "a b", _UNIT, 0.5,
                    logpdf=lambda z, a, b: sp.xlog1py(b - 1, -z) + sp.xlogy(a - 1, z) - sp.betaln(a, b),
                    **_logs(lambda z, a, b: sp.betainc(a, b, z), lambda z, a, b: sp.betaincc(a, b, z)))
expon = Distribution("expon", "", _HALF_LINE, 1.0, logpdf=lambda z: -z, cdf=lambda z: -np.expm1(-z),
                     sf=lambda z: np.exp(-z), logcdf=_log_one_minus_exp, logsf=lambda z: -z)
uniform = Distribution("uniform", "", _UNIT, 0.5, logpdf=lambda z: 0 * z, **_logs(lambda z: z, lambda z: 1 - z))


def _laplace_cdf(z: Any) -> Any:
    low = np.exp(-np.abs(z)) / 2
    return np.where(value(z) > 0, 1 - low, low)


def _laplace_logcdf(z: Any) -> Any:
    positive = value(z) > 0
    return np.where(positive, np.log1p(-np.exp(-np.where(positive, z, 1)) / 2), z - math.log(2))


laplace = Distribution("laplace", "", _LINE, 0.0, logpdf=lambda z: -np.abs(z) - math.log(2), cdf=_laplace_cdf,
                       sf=lambda z: _laplace_cdf(-z), logcdf=_laplace_logcdf, logsf=lambda z: _laplace_logcdf(-z))
cauchy = Distribution("cauchy", "", _LINE, 0.0, logpdf=lambda z: -math.log(math.pi) - 2 * np.log(np.hypot(1.0, z)),
                      **_logs(lambda z: np.arctan2(1.0, -z) / math.pi, lambda z: np.arctan2(1.0, z) / math.pi))
lognorm = Distribution("lognorm", "s", _HALF_LINE, 1.0,
                       logpdf=lambda z, s: -(np.log(z) / s) ** 2 / 2 - np.log(s * z) - _LOG_ROOT,
                       cdf=lambda z, s: sp.ndtr(np.log(z) / s), sf=lambda z, s: sp.ndtr(-np.log(z) / s),
                       logcdf=lambda z, s: sp.log_ndtr(np.log(z) / s), logsf=lambda z, s: sp.log_ndtr(-np.log(z) / s))


class Discrete(Distribution):
    """A distribution of counts: by the count itself there is no derivative (it is a step)."""

    def _call(self, method: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not traced_among((x, *args), kwargs):
            return getattr(getattr(original, self.name), method)(x, *args, **kwargs)
        given = self._arguments(args, kwargs, ("loc",))
        if traced_among((x, given["loc"]), {}):
            x, given["loc"] = value(prepared(x)), value(prepared(given["loc"]))
        k = np.asarray(x) - np.asarray(given["loc"])
        shapes = [prepared(given[name]) if not isinstance(given[name], (int, float)) else given[name]
                  for name in self._shapes]
        high = value(shapes[0]) if self.name == "binom" else np.inf
        below, above = k < 0, k > high
        if method in ("logpmf", "pmf"):
            outside = below | above | (np.floor(k) != k)
            y = self._functions["logpmf"](np.where(outside, 0.0, k), *shapes)
            if method == "logpmf":
                return np.where(outside, -np.inf, y)[()]
            return np.where(outside, 0.0, np.exp(y))[()]
        above = k >= high
        lower = method in ("cdf", "logcdf")
        ends = ((0.0, 1.0) if lower else (1.0, 0.0)) if not method.startswith("log") else (
            (-np.inf, 0.0) if lower else (0.0, -np.inf))
        y = self._functions[method](np.where(below | above, 0.0, np.floor(k)), *shapes)
        return np.where(below, ends[0], np.where(above, ends[1], y))[()]

    def pmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of k."""
        return self._call("pmf", k, args, kwargs)

    def logpmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the probability of k."""
        return self._call("logpmf", k, args, kwargs)

    pdf = logpdf = None  # type: ignore[assignment]


poisson = Discrete("poisson", "mu", _HALF_LINE, 0.0, logpmf=lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu,
                   cdf=lambda k, mu: sp.pdtr(k, mu), sf=lambda k, mu: sp.pdtrc(k, mu),
                   logcdf=lambda k, mu: _log_tail(k + 1, mu, sp.pdtr(k, mu)),
                   logsf=lambda k, mu: _log_head(k + 1, mu, sp.pdtrc(k, mu)))


def _binomial_logpmf(k: Any, n: Any, p: Any) -> Any:
    coefficient = sp.gammaln(n + 1) - sp.gammaln(k + 1) - sp.gammaln(n - k + 1)
    return coefficient + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


binom = Discrete("binom", "n p", _HALF_LINE, 0.0, logpmf=_binomial_logpmf,
                 **_logs(lambda k, n, p: sp.betaincc(k + 1, n - k, p), lambda k, n, p: sp.betainc(k + 1, n - k, p)))


class MultivariateNormal:
    """scipy.stats.multivariate_normal: ``pdf`` and ``logpdf``."""

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The logarithm of the density, for points along the last axis.

        Differentiable by x, mean and cov, of which (as in SciPy) the lower triangle is read.

        >>> import numpy as np, diffkit as dk
        >>> print(dk.grad(lambda m: multivariate_normal.logpdf(np.ones(2), m, np.eye(2)))(np.zeros(2)))
        [1. 1.]
        """
        if not traced_among((x, mean, cov), {}):
            return original.multivariate_normal.logpdf(x, mean, cov, allow_singular)
        if allow_singular:
            raise UnsupportedArgumentError("multivariate_normal with allow_singular=True is not differentiated",
                                           "a regular covariance matrix")
        x, cov = prepared(x), prepared(cov)
        mean = None if mean is None else np.atleast_1d(prepared(mean))
        size = mean.shape[0] if mean is not None else cov.shape[0] if cov.ndim else 1
        if cov.ndim == 0:
            cov = cov * np.eye(size)
        elif cov.ndim == 1:
            cov = cov[:, None] * np.eye(size)
        if cov.shape != (size, size):
            raise ValueError(f"Array 'cov' must be square and of mean's size, got {cov.shape} for {size}")
        points = x[..., None] if size == 1 and (x.ndim < 2 or x.shape[-1] != 1) else x
        deviation = points if mean is None else points - mean
        factor = np.linalg.cholesky(cov)
        flat = np.reshape(deviation, (-1, size))
        from diffkit.scipy.linalg import solve_triangular
        whitened = solve_triangular(factor, flat.T, lower=True)
        log_det = np.sum(np.log(np.diagonal(factor)))
        y = -np.sum(whitened * whitened, axis=0) / 2 - log_det - size * _LOG_ROOT
        y = np.reshape(y, deviation.shape[:-1])
        return np.squeeze(y) if y.ndim else y

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The density."""
        return np.exp(self.logpdf(x, mean, cov, allow_singular))


class Dirichlet:
    """scipy.stats.dirichlet: ``pdf`` and ``logpdf``."""

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density at x (components along the first axis; the last may be left out).

        >>> import numpy as np, diffkit as dk
        >>> print(dk.grad(lambda a: dirichlet.logpdf(np.array([0.5, 0.5]), a))(np.ones(2)).round(6))
        [0.306853 0.306853]
        """
        if not traced_among((x, alpha), {}):
            return original.dirichlet.logpdf(x, alpha)
        x, alpha = prepared(x), prepared(alpha)
        original.dirichlet.logpdf(value(x), value(alpha))  # SciPy's own checks and messages
        if x.shape[0] + 1 == alpha.shape[0]:
            x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)], axis=0)
        log_beta = np.sum(sp.gammaln(alpha)) - sp.gammaln(np.sum(alpha))
        y = np.sum(sp.xlogy(alpha - 1, np.transpose(x)), axis=-1) - log_beta
        return np.squeeze(y) if y.ndim else y

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density."""
        return np.exp(self.logpdf(x, alpha))


multivariate_normal = MultivariateNormal()
dirichlet = Dirichlet()

"""The distributions of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sp
from scipy import stats as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import prepared, traced_among
from diffkit.scipy.linalg import solve_triangular
from diffkit.scipy.stats.families import Frozen
from diffkit.transforms import value

_LOG_ROOT = 0.5 * math.log(2 * math.pi)


class MultivariateNormal:
    """scipy.stats.multivariate_normal: ``pdf`` and ``logpdf``, also frozen: ``multivariate_normal(mean, cov)``."""

    def __call__(self, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Frozen:
        return Frozen(self, (mean, cov, allow_singular), {})

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
        whitened = solve_triangular(factor, flat.T, lower=True)
        log_det = np.sum(np.log(np.diagonal(factor)))
        y = -np.sum(whitened * whitened, axis=0) / 2 - log_det - size * _LOG_ROOT
        y = np.reshape(y, deviation.shape[:-1])
        return np.squeeze(y) if y.ndim else y

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The density."""
        return np.exp(self.logpdf(x, mean, cov, allow_singular))


class Dirichlet:
    """scipy.stats.dirichlet: ``pdf`` and ``logpdf``, also frozen: ``dirichlet(alpha)``."""

    def __call__(self, alpha: Any) -> Frozen:
        return Frozen(self, (alpha,), {})

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

"""Statistics: expectation and maximisation, reweighting, a Gaussian process, a chain that branches on densities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


def mixture_em(data):
    """Means of a mixture of two normals after four rounds of expectation and maximisation, of the data."""
    means, deviations, shares = np.array([-1.0, 1.0]), np.ones(2), np.array([0.5, 0.5])
    responsibilities = np.zeros((len(data), 2))
    for _ in range(4):
        for k in range(2):
            z = (data - means[k]) / deviations[k]
            responsibilities[:, k] = shares[k] * np.exp(-0.5 * z ** 2) / deviations[k]
        responsibilities /= responsibilities.sum(axis=1, keepdims=True)
        counts = responsibilities.sum(axis=0)
        means = (responsibilities * data[:, None]).sum(axis=0) / counts
        spread = (data[:, None] - means) ** 2
        deviations = np.sqrt((responsibilities * spread).sum(axis=0) / counts + 1e-3)
        shares = counts / counts.sum()
    return np.concatenate([means, deviations, shares])


mixture_em.point = (np.array([-1.3, -0.8, -1.9, 0.6, 1.1, 1.7, 0.2]),)


def reweighted_least_squares(response):
    """Poisson regression by Newton's steps until they are small, of the observed counts."""
    X = np.column_stack([np.ones(6), np.linspace(-1, 1, 6)])
    beta = np.zeros(2)
    for _ in range(25):
        eta = X @ beta
        mu = np.exp(eta)
        step = np.linalg.lstsq(np.sqrt(mu)[:, None] * X, (response - mu) / np.sqrt(mu), rcond=None)[0]
        beta += step
        if np.max(np.abs(step)) < 1e-12:
            break
    return beta


reweighted_least_squares.point = (np.array([1.0, 0.7, 1.6, 2.1, 3.2, 2.8]),)


@dataclass
class Kernel:
    """Squared exponential plus a linear trend."""

    scale: Any
    length: Any
    trend: Any
    calls: list = field(default_factory=list)

    def __call__(self, a, b):
        self.calls.append(len(a))
        squared = np.subtract.outer(a, b) ** 2
        return self.scale ** 2 * np.exp(-0.5 * squared / self.length ** 2) + self.trend * np.outer(a, b)


def gaussian_process(hyper):
    """Log marginal likelihood and one prediction of a Gaussian process."""
    x = np.linspace(-1, 1, 7)
    y = np.sin(3 * x)
    kernel = Kernel(*np.exp(hyper[:2]), hyper[2] ** 2)
    K = kernel(x, x)
    K[np.diag_indices_from(K)] += np.exp(hyper[3])
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    evidence = -0.5 * y @ alpha - np.log(np.diag(L)).sum() - 3.5 * np.log(2 * np.pi)
    return evidence + kernel(np.array([0.33]), x)[0] @ alpha


gaussian_process.point = (np.array([0.1, -0.7, 0.4, -2.0]),)


def metropolis(parameters):
    """Mean log-density along a chain whose proposals are fixed and whose acceptance branches on the density."""
    rng = np.random.default_rng(3)

    def log_density(z):
        return -0.5 * np.sum(((z - parameters[:2]) / np.exp(parameters[2])) ** 2) - 2 * parameters[2]

    current = np.array([0.0, 0.0])
    level = log_density(current)
    trace = []
    for _ in range(8):
        proposal = current + 0.7 * rng.normal(size=2)
        proposed = log_density(proposal)
        if np.log(rng.uniform()) < proposed - level:
            current, level = proposal, proposed
        trace.append(level)
    return np.mean(trace)


metropolis.point = (np.array([0.4, -0.3, 0.2]),)


def principal_components(data):
    """The share of variance that the first of three components explains, and scores on it up to sign."""
    centred = data - data.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    scores = centred @ directions[0]
    return np.append(np.abs(scores), singular[0] ** 2 / np.sum(singular ** 2))


principal_components.point = (np.sin(np.arange(15.0) ** 1.5).reshape(5, 3),)

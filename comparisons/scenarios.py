"""Functions to put before ``diffkit compare``: each is plain NumPy, each carries its point.

    diffkit compare comparisons/scenarios.py:logistic_loss

A scenario's ``point`` is the tuple of its arguments (or a function that returns it), its
optional ``argnums`` says which of them move; that is all the command line asks of a function.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

_DATA = Path(__file__).parent / "data"


@functools.cache
def _standardised(name: str) -> tuple[Any, Any]:
    """Features with mean 0 and variance 1, and the target, of a data set in ``data/``."""
    with np.load(_DATA / f"{name}.npz") as file:
        features, target = file["features"], file["target"].astype(float)
    return (features - features.mean(axis=0)) / features.std(axis=0), target


def logistic_loss(w):
    """Negative log-likelihood of a logistic regression on the breast-cancer data; w is 30 weights and a bias."""
    features, target = _standardised("breast_cancer")
    margin = (2 * target - 1) * (features @ w[:-1] + w[-1])
    return np.sum(np.log1p(np.exp(-margin)))


logistic_loss.point = (0.3 * np.cos(np.arange(31.0)),)


def rosenbrock(x):
    """Rosenbrock's valley."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


rosenbrock.point = (np.array([-1.2, 1.0, 0.7, 1.3, -0.4]),)


def halving(x):
    """A while loop on the value: halved until it is at most 5, then squared."""
    while abs(x) > 5:
        x = x / 2
    return x ** 2


halving.point = (37.0,)


def softmax_cross_entropy(parameters):
    """Mean cross-entropy of a softmax regression on the iris data; weights 4 × 3 and 3 biases."""
    features, target = _standardised("iris")
    z = features @ parameters["weights"] + parameters["bias"]
    z = z - np.max(z, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(z), axis=1))
    chosen = z[np.arange(len(target)), target.astype(int)]
    return np.mean(log_sum - chosen)


softmax_cross_entropy.point = ({"weights": 0.5 * np.sin(np.arange(12.0)).reshape(4, 3),
                                "bias": np.array([0.1, -0.2, 0.05])},)


def gaussian_log_density(mean, covariance):
    """Log-density of a multivariate normal at a fixed sample, by Cholesky factor and solve."""
    sample = np.array([0.4, -1.1, 0.7])
    factor = np.linalg.cholesky(covariance)
    z = np.linalg.solve(factor, sample - mean)
    return -0.5 * np.sum(z ** 2) - np.sum(np.log(np.diag(factor))) - 1.5 * np.log(2 * np.pi)


gaussian_log_density.point = (np.array([0.1, 0.2, -0.3]),
                              np.array([[2.0, 0.3, -0.1], [0.3, 1.5, 0.4], [-0.1, 0.4, 1.1]]))
gaussian_log_density.argnums = (0, 1)


def kepler_anomaly(mean_anomaly, eccentricity):
    """The eccentric anomaly E of Kepler's equation E - e sin E = M, by Newton's loop."""
    anomaly = mean_anomaly
    for _ in range(50):
        step = (anomaly - eccentricity * np.sin(anomaly) - mean_anomaly) / (1 - eccentricity * np.cos(anomaly))
        anomaly = anomaly - step
        if abs(step) < 1e-14:
            break
    return anomaly


kepler_anomaly.point = (0.8, 0.6)
kepler_anomaly.argnums = (0, 1)


def network(parameters, inputs):
    """Mean squared output of a network with one hidden layer of tanh."""
    hidden = np.tanh(inputs @ parameters[0]["W"] + parameters[0]["b"])
    output = hidden @ parameters[1]["W"] + parameters[1]["b"]
    return np.mean((output - np.sin(inputs[:, :1])) ** 2)


network.point = ([{"W": np.cos(np.arange(10.0)).reshape(2, 5), "b": np.linspace(-0.5, 0.5, 5)},
                  {"W": 0.7 * np.sin(np.arange(1.0, 6.0)).reshape(5, 1), "b": np.array([0.1])}],
                 np.linspace(-1, 1, 16).reshape(8, 2))


def max_pool(x):
    """Largest entry of each pair; the second pair is a tie, so f has a kink there."""
    return np.sum(np.max(x.reshape(-1, 2), axis=1) ** 2)


max_pool.point = (np.array([0.3, 1.2, 0.9, 0.9, -0.5, -0.1]),)


def single_precision(x):
    """A softplus energy in float32."""
    return np.sum(np.log1p(np.exp(x)) * x)


single_precision.point = (np.array([0.5, -1.25, 2.0, 0.1], np.float32),)


def cancellation(x):
    """(1 - cos x) / x², whose value near 0 is 1/2 and whose digits are gone at 1e-8."""
    return (1 - np.cos(x)) / x ** 2


cancellation.point = (1e-8,)

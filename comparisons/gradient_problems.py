"""Functions with gradients written by hand, at several points: what a checker must accept.

Each problem is plain NumPy of one array, its derivative a formula (shape
``out.shape + in.shape``) that shares no code with any library, and its points cover ordinary,
large, tiny, edge-of-domain and zero inputs.  ``gradient_cases`` plants errors into these formulas.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any


@dataclasses.dataclass(frozen=True)
class Problem:
    """A function, its derivative and the points where both are asked."""

    name: str
    f: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    points: tuple[Array, ...]


_RNG = np.random.default_rng(20240607)


def normal(*shape: int) -> Array:
    """The same random numbers at every import."""
    return _RNG.normal(size=shape)


V = normal(4)
W = normal(4, 4)
X = normal(6, 4)
TARGETS = normal(6)
LABELS = np.array([0, 2, 1, 1, 0, 2])
SPD = W @ W.T + 2 * np.eye(4)
SQUARE = np.eye(4) * 3 + W
SIGNS = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0])
PROJECT = normal(4, 3)
ONES = np.ones(4)
PLAIN = (np.array([0.3, -1.2, 0.8, 1.7]), np.array([-2.1, 0.4, 1.1, -0.6]), np.array([5.0, -7.0, 11.0, 2.0]))
POSITIVE = (np.array([0.3, 1.2, 0.8, 1.7]), np.array([1e-6, 4.0, 1e3, 0.5]), np.array([2e-3, 7e-4, 1e-3, 3e-3]))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def regression(w: Array) -> Array:
    return np.mean((X @ w - TARGETS) ** 2)


def regression_gradient(w: Array) -> Array:
    return 2 / 6 * X.T @ (X @ w - TARGETS)


def ridge(w: Array) -> Array:
    return np.sum((X @ w - TARGETS) ** 2) + 1e-3 * np.sum(w**2)


def ridge_gradient(w: Array) -> Array:
    return 2 * X.T @ (X @ w - TARGETS) + 2e-3 * w


def logistic(w: Array) -> Array:
    return np.sum(np.log1p(np.exp(-SIGNS * (X @ w))))


def logistic_gradient(w: Array) -> Array:
    return -X.T @ (SIGNS * sigmoid(-SIGNS * (X @ w)))


def cross_entropy(w: Array) -> Array:
    z = X @ w
    top = np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z - top), axis=1)) + top[:, 0] - z[np.arange(6), LABELS])


def cross_entropy_gradient(w: Array) -> Array:
    p = softmax(X @ w)
    p[np.arange(6), LABELS] -= 1
    return X.T @ p / 6


def layer_norm(x: Array) -> Array:
    c = x - np.mean(x)
    return V @ (c / np.sqrt(np.mean(c**2) + 1e-5))


def layer_norm_gradient(x: Array) -> Array:
    c = x - np.mean(x)
    s = np.sqrt(np.mean(c**2) + 1e-5)
    h = c / s
    return (V - np.mean(V) - h * np.mean(V * h)) / s


def cosine(x: Array) -> Array:
    return V @ x / np.sqrt(np.sum(x**2)) / np.sqrt(np.sum(V**2))


def cosine_gradient(x: Array) -> Array:
    n, m = np.sqrt(np.sum(x**2)), np.sqrt(np.sum(V**2))
    return V / (n * m) - (V @ x) * x / (n**3 * m)


def rosenbrock(x: Array) -> Array:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x: Array) -> Array:
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return g


def recurrent(h: Array) -> Array:
    for _ in range(5):
        h = np.tanh(W @ h / 2 + V)
    return np.sum(h)


def recurrent_gradient(h: Array) -> Array:
    states = []
    for _ in range(5):
        h = np.tanh(W @ h / 2 + V)
        states.append(h)
    g = ONES
    for state in reversed(states):
        g = W.T @ (g * (1 - state**2)) / 2
    return g


def attention(q: Array) -> Array:
    return V[:3] @ (softmax(X @ q / 2) @ X)[:3]


def attention_gradient(q: Array) -> Array:
    p = softmax(X @ q / 2)
    values = X[:, :3] @ V[:3]
    return X.T @ (p * (values - p @ values)) / 2


def huber(x: Array) -> Array:
    return np.sum(np.where(np.abs(x) < 1, 0.5 * x**2, np.abs(x) - 0.5))


def network(w: Array) -> Array:
    return np.sum(np.maximum(X @ w, 0) ** 2 + np.maximum(X @ w, 0) * TARGETS)


def network_gradient(w: Array) -> Array:
    z = X @ w
    return X.T @ np.where(z > 0, 2 * z + TARGETS, 0)


def distances(p: Array) -> Array:
    d = p[:, None, :] - p[None, :, :]
    return np.sum(np.log1p(np.sum(d**2, axis=-1)))


def distances_gradient(p: Array) -> Array:
    d = p[:, None, :] - p[None, :, :]
    return 4 * np.sum(d / (1 + np.sum(d**2, axis=-1, keepdims=True)), axis=1)


def likelihood(t: Array) -> Array:
    return np.sum(0.5 * (TARGETS - t[0]) ** 2 * np.exp(-2 * t[1]) + t[1])


def likelihood_gradient(t: Array) -> Array:
    r = TARGETS - t[0]
    return np.array([-np.sum(r) * np.exp(-2 * t[1]), 6 - np.sum(r**2) * np.exp(-2 * t[1])], dtype=t.dtype)


def lennard_jones(r: Array) -> Array:
    return np.sum(r**-12 - r**-6)


def convolution(k: Array) -> Array:
    return np.sum(np.sin(np.stack([TARGETS[i:i + 3] @ k for i in range(4)])))


def convolution_gradient(k: Array) -> Array:
    windows = np.stack([TARGETS[i:i + 3] for i in range(4)])
    return windows.T @ np.cos(windows @ k)


def solve_matrix(a: Array) -> Array:
    return V @ np.linalg.solve(a, ONES)


def solve_matrix_gradient(a: Array) -> Array:
    return -np.outer(np.linalg.inv(a).T @ V, np.linalg.inv(a) @ ONES)


def gelu(x: Array) -> Array:
    return np.sum(0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))))


def gelu_gradient(x: Array) -> Array:
    t = np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * 0.7978845608028654 * (1 + 0.134145 * x**2)


def variance_gradient(x: Array) -> Array:
    return 2 / 3 * (x - np.mean(x))


def _matrices(*shape: int) -> tuple[Array, ...]:
    return normal(*shape), 3 * normal(*shape), normal(*shape) / 100


_CASES: list[tuple[str, Callable[[Array], Array], Callable[[Array], Array], tuple[Array, ...]]] = [
    ("sin times x", lambda x: np.sum(np.sin(x) * x), lambda x: np.sin(x) + x * np.cos(x), PLAIN),
    ("quadratic form", lambda x: x @ W @ x, lambda x: (W + W.T) @ x, PLAIN),
    ("log-sum-exp", lambda x: np.log(np.sum(np.exp(x))), softmax, PLAIN),
    ("softmax", softmax, lambda x: np.diag(softmax(x)) - np.outer(softmax(x), softmax(x)), PLAIN),
    ("regression", regression, regression_gradient, PLAIN),
    ("ridge", ridge, ridge_gradient, PLAIN),
    ("logistic", logistic, logistic_gradient, PLAIN),
    ("cross entropy", cross_entropy, cross_entropy_gradient, _matrices(4, 3)),
    ("layer norm", layer_norm, layer_norm_gradient, PLAIN),
    ("cosine", cosine, cosine_gradient, PLAIN),
    ("norm", lambda x: np.sqrt(np.sum(x**2)), lambda x: x / np.sqrt(np.sum(x**2)), PLAIN),
    ("rosenbrock", rosenbrock, rosenbrock_gradient, PLAIN),
    ("recurrent", recurrent, recurrent_gradient, PLAIN),
    ("attention", attention, attention_gradient, PLAIN),
    ("huber", huber, lambda x: np.clip(x, -1, 1), PLAIN),
    ("relu network", network, network_gradient, PLAIN),
    ("distances", distances, distances_gradient, _matrices(4, 2)),
    ("likelihood", likelihood, likelihood_gradient, (np.array([0.3, 0.2]), np.array([1.0, -1.5]))),
    ("lennard-jones", lennard_jones, lambda r: -12 * r**-13 + 6 * r**-7, (np.array([0.9, 1.3, 2.5]),)),
    ("convolution", convolution, convolution_gradient, (normal(3), normal(3) * 4)),
    ("solve by matrix", solve_matrix, solve_matrix_gradient, (SQUARE, SPD)),
    ("solve by vector", lambda b: np.sum(np.linalg.solve(SQUARE, b) ** 2),
     lambda b: 2 * np.linalg.inv(SQUARE).T @ np.linalg.inv(SQUARE) @ b, PLAIN),
    ("inverse", lambda a: np.sum(W * np.linalg.inv(a)), lambda a: -np.linalg.inv(a).T @ W @ np.linalg.inv(a).T,
     (SQUARE, SPD)),
    ("determinant", lambda a: np.linalg.det(a), lambda a: np.linalg.det(a) * np.linalg.inv(a).T, (SQUARE, SPD)),
    ("log determinant", lambda a: np.linalg.slogdet(a)[1], lambda a: np.linalg.inv(a).T, (SQUARE, SPD)),
    ("matmul", lambda a: np.sum(np.sin(a @ X.T)), lambda a: np.cos(a @ X.T) @ X, _matrices(3, 4)),
    ("trace", lambda a: np.trace(a @ W @ a.T), lambda a: a @ (W + W.T), _matrices(3, 4)),
    ("bias", lambda b: np.sum(np.tanh(X + b)), lambda b: np.sum(1 - np.tanh(X + b) ** 2, axis=0), PLAIN),
    ("column bias", lambda b: np.sum((X[:4] + b) ** 2), lambda b: 2 * np.sum(X[:4] + b, axis=1, keepdims=True),
     (V[:, None], 4 * V[:, None])),
    ("cumulative sum", lambda x: V @ np.cumsum(x) ** 2, lambda x: np.cumsum((2 * V * np.cumsum(x))[::-1])[::-1],
     PLAIN),
    ("variance", lambda x: np.var(x, ddof=1), variance_gradient, PLAIN),
    ("standard deviation", lambda x: np.std(x), lambda x: (x - np.mean(x)) / (4 * np.std(x)), PLAIN),
    ("product", lambda x: np.prod(x), lambda x: np.prod(x) / x, PLAIN),
    ("gelu", gelu, gelu_gradient, PLAIN),
    ("tanh layer", lambda x: np.tanh(W @ x), lambda x: (1 - np.tanh(W @ x) ** 2)[:, None] * W, PLAIN),
    ("elementwise", lambda x: np.exp(-(x**2)), lambda x: np.diag(-2 * x * np.exp(-(x**2))), PLAIN[:2]),
    ("row means", lambda a: np.mean(a**2, axis=1), lambda a: np.einsum("ij,ik->ijk", np.eye(3), 2 * a / 4),
     _matrices(3, 4)),
    ("log", lambda x: np.sum(np.log(x)), lambda x: 1 / x, POSITIVE),
    ("square root", lambda x: np.sum(np.sqrt(x)), lambda x: 0.5 / np.sqrt(x), POSITIVE),
    ("power", lambda x: np.sum(x**1.5), lambda x: 1.5 * np.sqrt(x), POSITIVE),
    ("entropy", lambda x: -np.sum(x * np.log(x)), lambda x: -np.log(x) - 1, POSITIVE),
    ("sort", lambda x: V @ np.sort(x), lambda x: V[np.argsort(np.argsort(x))], PLAIN),
    ("maximum", lambda x: np.max(x) ** 2, lambda x: np.where(x == np.max(x), 2 * x, 0), PLAIN),
    ("mahalanobis", lambda x: (x - V) @ np.linalg.inv(SPD) @ (x - V), lambda x: 2 * np.linalg.inv(SPD) @ (x - V),
     PLAIN),
    ("outer", lambda x: np.sum(np.outer(x, x) * W), lambda x: (W + W.T) @ x, PLAIN),
    ("selection", lambda x: np.sum(x[np.array([0, 0, 2, 3, 0])] ** 2), lambda x: 2 * x * np.array([3, 0, 1, 1]),
     PLAIN),
    ("hypotenuse", lambda x: np.sum(np.hypot(x[:2], x[2:])),
     lambda x: x / np.concatenate([np.hypot(x[:2], x[2:])] * 2), PLAIN),
    ("large value", lambda x: 1e6 + np.sum(np.cos(x)), lambda x: -np.sin(x), PLAIN),
    ("large scale", lambda x: 1e12 * np.sum(x**3), lambda x: 3e12 * x**2, PLAIN),
    ("small scale", lambda x: 1e-12 * np.sum(np.exp(x)), lambda x: 1e-12 * np.exp(x), PLAIN),
    ("mixed scales", lambda x: np.sum(x**2 * np.array([1e-6, 1.0, 1e6, 1e-3])),
     lambda x: 2 * x * np.array([1e-6, 1.0, 1e6, 1e-3]), PLAIN),
    ("oscillating", lambda x: np.sum(np.sin(40 * x)), lambda x: 40 * np.cos(40 * x), PLAIN),
]

#: Every problem by name.
PROBLEMS = {name: Problem(name, f, gradient, points) for name, f, gradient, points in _CASES}

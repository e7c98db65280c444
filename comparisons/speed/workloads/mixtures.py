"""The likelihood of a Gaussian mixture with diagonal covariances, and its gradient by three arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case


def mixture(m: Any) -> Any:
    """Negative log-likelihood, up to a constant."""
    def f(weights: Any, means: Any, logs: Any, x: Any) -> Any:
        scaled = (x[:, None, :] - means[None]) * m.exp(-logs)[None]
        z = weights - m.sum(logs, axis=1) - 0.5 * m.sum(scaled * scaled, axis=2)
        top = m.max(z, axis=1, keepdims=True)
        each = m.log(m.sum(m.exp(z - top), axis=1)) + top[:, 0]
        whole = m.max(weights)
        return x.shape[0] * (m.log(m.sum(m.exp(weights - whole))) + whole) - m.sum(each)
    return f


def by_hand(n: int, d: int, k: int) -> Any:
    """Arrays of axes (k, d, n), so that the inner loops have length n; sums of products as products of matrices."""
    columns, distance, square, z = np.empty((d, n)), np.empty((k, d, n)), np.empty((k, d, n)), np.empty((k, n))

    def gradient(weights: Any, means: Any, logs: Any, x: Any) -> Any:
        np.copyto(columns, x.T)
        inverse = np.exp(-2 * logs)
        np.subtract(columns, means[:, :, None], distance)
        np.multiply(distance, distance, square)
        np.matmul(inverse[:, None], square, z[:, None])
        np.multiply(z, -0.5, z)
        np.add(z, (weights - logs.sum(1))[:, None], z)
        np.subtract(z, z.max(0), z)
        np.exp(z, z)
        np.divide(z, z.sum(0), z)
        shares = z.sum(1)
        prior = np.exp(weights - weights.max())
        prior /= prior.sum()
        return (n * prior - shares, np.matmul(distance, z[:, :, None])[:, :, 0] * -inverse,
                shares[:, None] - np.matmul(square, z[:, :, None])[:, :, 0] * inverse)

    return gradient


def cases() -> Iterator[Case]:
    for d, k in ((2, 5), (10, 25), (20, 25), (64, 25)):
        rng = np.random.default_rng(3)
        args = (rng.normal(size=k), rng.normal(size=(k, d)), 0.3 * rng.normal(size=(k, d)),
                rng.normal(size=(1000, d)))
        yield Case(f"Gaussian mixture, n = 1000, (d, k) = ({d}, {k})", by_hand(1000, d, k), args,
                   dk.grad(mixture(np), (0, 1, 2)), peers.gradients(mixture, 3))

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


def by_hand(weights: Any, means: Any, logs: Any, x: Any) -> Any:
    inverse = np.exp(-logs)
    scaled = x[:, None, :] - means
    scaled *= inverse
    square = scaled * scaled
    z = weights - logs.sum(1) - 0.5 * square.sum(2)
    z -= z.max(1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(1, keepdims=True)
    shares = z.sum(0)
    prior = np.exp(weights - weights.max())
    prior /= prior.sum()
    scaled *= z[:, :, None]
    square *= z[:, :, None]
    return len(x) * prior - shares, -(scaled.sum(0) * inverse), shares[:, None] - square.sum(0)


def cases() -> Iterator[Case]:
    for d, k in ((2, 5), (10, 25), (20, 25), (64, 25)):
        rng = np.random.default_rng(3)
        args = (rng.normal(size=k), rng.normal(size=(k, d)), 0.3 * rng.normal(size=(k, d)),
                rng.normal(size=(1000, d)))
        yield Case(f"Gaussian mixture, n = 1000, (d, k) = ({d}, {k})", by_hand, args, dk.grad(mixture(np), (0, 1, 2)),
                   peers.gradients(mixture, 3))

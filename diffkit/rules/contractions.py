"""Contractions: products that sum over shared axes.  Linear in each operand apart."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffkit.rules.kinds import FUNCTIONS, multilinear


def _swap(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _matmul_left(g: Any, a: Any, b: Any) -> Any:
    """g_ij b_kj, for vectors and stacks of matrices too."""
    if b.ndim == 1:
        return np.multiply.outer(g, b) if a.ndim > 1 else g * b
    if a.ndim == 1:
        return np.sum((b @ g[..., None])[..., 0].reshape((-1, b.shape[-2])), axis=0)
    return g @ _swap(b)


def _matmul_right(g: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    if b.ndim == 1:
        return np.sum((_swap(a) @ g[..., None])[..., 0].reshape((-1, a.shape[-1])), axis=0)
    return _swap(a) @ g


MATMUL = multilinear(np.matmul, (_matmul_left, _matmul_right), name="matmul", call=operator.matmul)
FUNCTIONS[np.matmul] = MATMUL

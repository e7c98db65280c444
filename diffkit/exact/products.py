"""Products that sum over shared axes, entry by entry: NumPy's function is slow on objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.exact.arrays import collect
from diffkit.exact.registry import exact


def matmul(algebra: Any, a: Any, b: Any) -> Any:
    """``a @ b`` with NumPy's rules for vectors and stacks."""
    left = a[None, :] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    n, k, m = left.shape[-2], left.shape[-1], right.shape[-1]
    left = np.broadcast_to(left, (*stack, n, k)).reshape(-1, n, k)
    right = np.broadcast_to(right, (*stack, k, m)).reshape(-1, k, m)
    entries = [algebra.dot(row, column) for one, other in zip(left, right)
               for row in one.tolist() for column in other.T.tolist()]
    result = collect(entries, (*stack, n, m))
    if b.ndim == 1:
        result = result[..., 0]
    return result[..., 0] if a.ndim == 1 and b.ndim == 1 else result[..., 0, :] if a.ndim == 1 else result


@exact("matmul")
def _matmul(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    return matmul(algebra, a, b)

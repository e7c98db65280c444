"""Matrices made of vectors, and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import falls_back, prepared
from diffkit.scipy.linalg.solvers import conjugated

__all__ = ["block_diag", "circulant", "companion", "convolution_matrix", "hankel", "khatri_rao", "leslie",
           "matmul_toeplitz", "norm", "solve_circulant", "solve_toeplitz", "toeplitz"]


@falls_back(original.block_diag)
def block_diag(*arrs: Any) -> Any:
    """Matrices along the diagonal of a larger one, scipy.linalg.block_diag.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(lambda x: block_diag(x, 2.0))(1.0))
    [[1. 0.]
     [0. 0.]]
    """
    blocks = [np.atleast_2d(prepared(block)) for block in arrs]
    if any(block.ndim != 2 for block in blocks):
        raise UnsupportedArgumentError("block_diag of stacks of matrices is not differentiated", "matrices")
    width = sum(block.shape[1] for block in blocks)
    rows, left = [], 0
    for block in blocks:
        own = block.shape[1]
        pad = ((0, 0), (left, width - left - own))
        rows.append(np.pad(block, pad))
        left += own
    return np.concatenate(rows, axis=0)


def _vector(a: Any, name: str) -> Any:
    a = prepared(a)
    if a.ndim > 1:
        raise UnsupportedArgumentError(f"{name} of stacks of vectors is not differentiated", "one vector")
    return np.reshape(a, (-1,))


@falls_back(original.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix with constant diagonals, first column c and first row r, scipy.linalg.toeplitz.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda c: np.sum(toeplitz(c)))(np.ones(3)))
    [3. 4. 2.]
    """
    c = _vector(c, "toeplitz")
    r = conjugated(c) if r is None else _vector(r, "toeplitz")
    rows, columns = np.arange(c.shape[0])[:, None], np.arange(r.shape[0])
    return np.concatenate([c[::-1], r[1:]])[c.shape[0] - 1 - rows + columns]


@falls_back(original.circulant)
def circulant(c: Any) -> Any:
    """The matrix whose columns are c turned round, scipy.linalg.circulant.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda c: np.sum(circulant(c)))(np.ones(3)))
    [3. 3. 3.]
    """
    c = _vector(c, "circulant")
    n = c.shape[0]
    return c[(np.arange(n)[:, None] - np.arange(n)) % n]


@falls_back(original.hankel)
def hankel(c: Any, r: Any = None) -> Any:
    """The matrix with constant antidiagonals, first column c and last row r, scipy.linalg.hankel.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda c: np.sum(hankel(c)))(np.ones(3)))
    [1. 2. 3.]
    """
    c = _vector(c, "hankel")
    r = 0 * c if r is None else _vector(r, "hankel")
    return np.concatenate([c, r[1:]])[np.arange(c.shape[0])[:, None] + np.arange(r.shape[0])]


@falls_back(original.companion)
def companion(a: Any) -> Any:
    """The companion matrix of a polynomial, scipy.linalg.companion.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: companion(a)[0, 0])(np.array([1.0, 2.0, 3.0])))
    [ 2. -1.  0.]
    """
    a = _vector(a, "companion")
    if a.shape[0] < 2:
        raise ValueError("The length of `a` along the last axis must be at least 2.")
    n = a.shape[0] - 1
    return np.concatenate([(-a[1:] / a[0])[None], np.eye(n - 1, n)])


@falls_back(original.leslie)
def leslie(f: Any, s: Any) -> Any:
    """The matrix of a population with fecundities f and survivals s, scipy.linalg.leslie.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda s: np.sum(leslie(np.ones(3), s)))(np.ones(2)))
    [1. 1.]
    """
    f, s = _vector(f, "leslie"), _vector(s, "leslie")
    n = f.shape[0]
    if n != s.shape[0] + 1:
        raise ValueError("The length of s must be one less than the length of f")
    return np.concatenate([f[None], s[:, None] * np.eye(n - 1, n)])


@falls_back(original.khatri_rao)
def khatri_rao(a: Any, b: Any) -> Any:
    """Kronecker's product column by column, scipy.linalg.khatri_rao.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(khatri_rao(a, np.ones((3, 2)))))(np.ones((1, 2))))
    [[3. 3.]]
    """
    a, b = prepared(a), prepared(b)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("The both arrays should be 2-dimensional.")
    if a.shape[1] != b.shape[1]:
        raise ValueError("The number of columns for both arrays should be equal.")
    return np.reshape(a[:, None] * b, (-1, a.shape[1]))


@falls_back(original.convolution_matrix)
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The matrix of a convolution with a, for vectors of length n, scipy.linalg.convolution_matrix.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(convolution_matrix(a, 4)))(np.ones(2)))
    [4. 4.]
    """
    a = _vector(a, "convolution_matrix")
    plain = original.convolution_matrix(np.arange(1, a.shape[0] + 1), n, mode)  # which entry stands where; 0 is none
    return np.concatenate([np.zeros(1, a.dtype), a])[plain]


def _pair(c_or_cr: Any) -> tuple[Any, Any]:
    return c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)


@falls_back(original.matmul_toeplitz)
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    """A Toeplitz matrix times x, scipy.linalg.matmul_toeplitz.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: matmul_toeplitz(np.array([1.0, 2.0]), x)[1])(np.ones(2)))
    [2. 1.]
    """
    return toeplitz(*_pair(c_or_cr)) @ prepared(x)


@falls_back(original.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """Solve a Toeplitz system, scipy.linalg.solve_toeplitz.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda c: np.sum(solve_toeplitz(c, np.ones(1))))(np.array([2.0])))
    [-0.25]
    """
    return np.linalg.solve(toeplitz(*_pair(c_or_cr)), prepared(b))


@falls_back(original.solve_circulant)
def solve_circulant(c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0,
                    outaxis: int = 0) -> Any:
    """Solve a circulant system, scipy.linalg.solve_circulant.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda c: np.sum(solve_circulant(c, np.ones(1))))(np.array([2.0])))
    [-0.25]
    """
    if singular != "raise" or tol is not None or (caxis, baxis, outaxis) != (-1, 0, 0):
        raise UnsupportedArgumentError("solve_circulant with singular=, tol= or axes is not differentiated",
                                       "circulant and solve or lstsq")
    return np.linalg.solve(circulant(c), prepared(b))


@falls_back(original.norm)
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """A norm of a vector or matrix, scipy.linalg.norm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(norm)(np.array([3.0, 4.0])))
    [0.6 0.8]
    """
    return np.linalg.norm(prepared(a), ord, axis, keepdims)

"""Eigenvalues and eigenvectors, of pencils too.

A pencil a v = w b v is brought to standard form by b's Cholesky factor; the standard problem is
NumPy's row, and the vectors get SciPy's signs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import falls_back, primal, swap
from diffkit.scipy.linalg.factors import one_matrix
from diffkit.scipy.linalg.solvers import conjugated, mirrored, solve_triangular

__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]


def _standard(a: Any, b: Any, lower: bool, kind: int) -> tuple[Any, Any]:
    """The standard problem of a pencil, and the matrix that brings its vectors back (None: the identity)."""
    a = mirrored(a, lower, True)
    if b is None:
        return a, None
    b = mirrored(b, lower, True)
    factor = np.linalg.cholesky(b)
    adjoint = conjugated(swap(factor))
    if kind == 1:
        half = solve_triangular(factor, a, lower=True)
        inner = conjugated(swap(solve_triangular(factor, conjugated(swap(half)), lower=True)))
    else:
        inner = adjoint @ a @ factor
    back = factor if kind == 3 else np.linalg.inv(adjoint)
    return inner, back


def _chosen(w: Any, subset_by_index: Any, subset_by_value: Any) -> Any:
    """Which eigenvalues are asked for."""
    if subset_by_index is not None:
        return slice(int(subset_by_index[0]), int(subset_by_index[1]) + 1)
    if subset_by_value is not None:
        low, high = subset_by_value
        return np.flatnonzero((primal(w) > low) & (primal(w) <= high))
    return slice(None)


@falls_back(original.eigh)
def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, overwrite_a: bool = False,
         overwrite_b: bool = False, type: int = 1, check_finite: bool = True, subset_by_index: Any = None,
         subset_by_value: Any = None, driver: Any = None) -> Any:
    """Eigenvalues and vectors of a Hermitian matrix or definite pencil, scipy.linalg.eigh.

    Real vectors have SciPy's signs.  Complex ones of SciPy are normalised in other ways than NumPy's
    and are refused, eigenvalues alone are not.

    >>> import numpy as np, diffkit as dk
    >>> slope = dk.grad(lambda b: eigh(np.diag([2.0, 3.0]), b, eigvals_only=True)[0])
    >>> print(slope(np.eye(2)))                                      # -w v v^T
    [[-2.  0.]
     [ 0.  0.]]
    """
    a = one_matrix(a, "eigh")
    b = None if b is None else one_matrix(b, "eigh")
    if type not in (1, 2, 3):
        raise ValueError('"type" keyword only accepts 1, 2, and 3.')
    inner, back = _standard(a, b, lower, type)
    if eigvals_only:
        w = np.linalg.eigvalsh(inner)
        return w[_chosen(w, subset_by_index, subset_by_value)]
    if inner.dtype.kind == "c":
        raise UnsupportedArgumentError("complex eigenvectors of scipy.linalg.eigh are not differentiated: their "
                                       "phase depends on the routine", "np.linalg.eigh, or eigvals_only=True")
    w, v = np.linalg.eigh(inner)
    which = _chosen(w, subset_by_index, subset_by_value)
    w, v = w[which], (v if back is None else back @ v)[:, which]
    scipys = original.eigh(primal(a), None if b is None else primal(b), lower=lower, type=type,
                           subset_by_index=subset_by_index, subset_by_value=subset_by_value, driver=driver)[1]
    return w, v * np.where(np.sum(primal(v) * scipys, axis=0) < 0, -1.0, 1.0)


@falls_back(original.eigvalsh)
def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, overwrite_a: bool = False, overwrite_b: bool = False,
             type: int = 1, check_finite: bool = True, subset_by_index: Any = None, subset_by_value: Any = None,
             driver: Any = None) -> Any:
    """Eigenvalues of a Hermitian matrix or definite pencil, scipy.linalg.eigvalsh.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: eigvalsh(a)[1])(np.diag([2.0, 3.0])))
    [[0. 0.]
     [0. 1.]]
    """
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset_by_index,
                subset_by_value=subset_by_value)


@falls_back(original.eig)
def eig(a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False,
        overwrite_b: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False) -> Any:
    """Eigenvalues and right eigenvectors of a matrix, scipy.linalg.eig.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.real(eig(a)[0][0]))(np.diag([2.0, 3.0])))
    [[1. 0.]
     [0. 0.]]
    """
    if b is not None or left or homogeneous_eigvals:
        raise UnsupportedArgumentError("scipy.linalg.eig of a pencil, or with left or homogeneous results, is not "
                                       "differentiated", "eig(solve(b, a)); left vectors are those of a's transpose")
    if not right:
        return eigvals(a)
    w, v = np.linalg.eig(one_matrix(a, "eig"))
    return w + 0j, v


@falls_back(original.eigvals)
def eigvals(a: Any, b: Any = None, overwrite_a: bool = False, overwrite_b: bool = False, check_finite: bool = True,
            homogeneous_eigvals: bool = False) -> Any:
    """Eigenvalues of a matrix, scipy.linalg.eigvals.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.real(eigvals(a)[0]))(np.diag([2.0, 3.0])))
    [[1. 0.]
     [0. 0.]]
    """
    if b is not None or homogeneous_eigvals:
        raise UnsupportedArgumentError("scipy.linalg.eigvals of a pencil, or homogeneous ones, are not "
                                       "differentiated", "eigvals(solve(b, a))")
    return np.linalg.eigvals(one_matrix(a, "eigvals")) + 0j

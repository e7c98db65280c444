"""Linear systems: general, structured, triangular, and by a Cholesky or LU factor.

    solve_triangular   dX = T^-1 (dB - dT X), the triangle that is read alone moves

A solver that reads one triangle is differentiated as it is: the other triangle does not move.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, of_floats, prepared, swap

__all__ = ["TRIANGULAR", "cho_factor", "cho_solve", "cholesky", "conjugated", "det", "inv", "lstsq", "mirrored",
           "solve", "solve_triangular"]


def conjugated(a: Any) -> Any:
    return np.conj(a) if a.dtype.kind == "c" else a


def mirrored(a: Any, lower: bool, conjugate: bool) -> Any:
    """The symmetric or Hermitian matrix of which one triangle is stored."""
    strict = np.tril(a, -1) if lower else np.triu(a, 1)
    other = swap(conjugated(strict) if conjugate else strict)
    diagonal = (np.real(a) if conjugate and a.dtype.kind == "c" else a) * np.eye(a.shape[-1], dtype=bool)
    return strict + other + diagonal


def _structured(a: Any, assume: str | None, lower: bool) -> Any:
    """The part of a that the solver for this structure reads."""
    if assume in (None, "gen", "general", "banded"):
        return a
    if assume in ("sym", "symmetric", "her", "hermitian", "pos", "positive definite"):
        return mirrored(a, lower, assume not in ("sym", "symmetric"))
    if assume in ("upper triangular", "lower triangular"):
        return np.triu(a) if assume.startswith("upper") else np.tril(a)
    if assume in ("diagonal", "tridiagonal"):
        return np.tril(np.triu(a, -(assume != "diagonal")), int(assume != "diagonal"))
    raise ValueError(f"{assume} is not a recognized matrix structure")


@falls_back(original.solve)
def solve(a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
          check_finite: bool = True, assume_a: str | None = None, transposed: bool = False) -> Any:
    """Solve a x = b, scipy.linalg.solve.

    ``assume_a`` names a structure; of a symmetric matrix one triangle is read (and moves).

    >>> import numpy as np, diffkit as dk
    >>> a = np.array([[2.0, 0.0], [0.0, 4.0]])
    >>> print(dk.grad(lambda b: np.sum(solve(a, b, assume_a="pos")))(np.ones(2)))
    [0.5  0.25]
    """
    a = _structured(prepared(a), assume_a, lower)
    return np.linalg.solve(swap(a) if transposed else a, prepared(b))


def _triangle(a: Any, lower: bool, unit: bool) -> Any:
    if lower:
        return np.tril(a, -1 if unit else 0)
    return np.triu(a, 1 if unit else 0)


def _triangular_jvp(y: Any, args: Any, tangents: Any, lower: bool, unit: bool) -> Any:
    ta, tb = tangents
    moved = None if ta is None else -(_triangle(ta, lower, unit) @ y)
    return TRIANGULAR(args[0], tb if moved is None else moved if tb is None else tb + moved, lower=lower, unit=unit)


def _triangular_vjp(g: Any, y: Any, args: Any, lower: bool, unit: bool) -> Any:
    gb = TRIANGULAR(swap(args[0]), g, lower=not lower, unit=unit)
    return -_triangle(gb @ swap(y), lower, unit), gb


TRIANGULAR: General = general(
    of_floats(lambda a, b, lower, unit: np.asarray(original.solve_triangular(a, b, lower=lower, unit_diagonal=unit))),
    name="scipy.linalg.solve_triangular", jvp=_triangular_jvp, vjp=_triangular_vjp)


@falls_back(original.solve_triangular)
def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
                     overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve a x = b for a triangular a, scipy.linalg.solve_triangular.

    The other triangle (and with ``unit_diagonal`` the diagonal) is not read: derivative zero.

    >>> import numpy as np, diffkit as dk
    >>> slope = dk.grad(lambda a: np.sum(solve_triangular(a, np.ones(2))))(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> np.array_equal(slope, [[-0.5, -0.25], [0, 0.0625]])
    True
    """
    a, b = prepared(a), prepared(b)
    kind = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}[trans]
    if kind:
        a, lower = swap(a), not lower
    if kind == 2:
        a = conjugated(a)
    vector = b.ndim == 1
    x = TRIANGULAR(a, b[:, None] if vector else b, lower=bool(lower), unit=bool(unit_diagonal))
    return x[..., 0] if vector else x


@falls_back(original.cholesky)
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The factor U of a = U^H U (with ``lower`` L of L L^H), scipy.linalg.cholesky; one triangle is read.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(cholesky(a)))(np.array([[4.0]])))
    [[0.25]]
    """
    a = prepared(a)
    if lower:
        return np.linalg.cholesky(a)
    return conjugated(swap(np.linalg.cholesky(conjugated(swap(a)))))


@falls_back(original.cho_factor)
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The pair (factor, lower) for ``cho_solve``, scipy.linalg.cho_factor; the triangle not used is zero.

    >>> import numpy as np, diffkit as dk
    >>> def half_log_det(a):
    ...     return np.sum(np.log(np.diagonal(cho_factor(a)[0])))
    >>> print(dk.grad(half_log_det)(np.array([[4.0]])))
    [[0.125]]
    """
    return cholesky(a, lower), lower


@falls_back(original.cho_solve)
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve a x = b, given the Cholesky factor of a, scipy.linalg.cho_solve.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: cho_solve(cho_factor(a), np.ones(1))[0])(np.array([[4.0]])))
    [[-0.0625]]
    """
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, first, trans=2 if lower else 0, lower=lower)



@falls_back(original.inv)
def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None,
        lower: bool = False) -> Any:
    """The inverse of a matrix, scipy.linalg.inv.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(inv(a)))(np.array([[2.0]])))
    [[-0.25]]
    """
    return np.linalg.inv(_structured(prepared(a), assume_a, lower))


@falls_back(original.det)
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant of a matrix, scipy.linalg.det; singular matrices have derivatives too.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(det)(np.ones((2, 2))))
    [[ 1. -1.]
     [-1.  1.]]
    """
    return np.linalg.det(prepared(a))


@falls_back(original.lstsq)
def lstsq(a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False,
          check_finite: bool = True, lapack_driver: str | None = None) -> Any:
    """Least squares: (x, residues, rank, singular values), scipy.linalg.lstsq.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda b: lstsq(np.ones((2, 1)), b)[0][0])(np.array([1.0, 3.0])))
    [0.5 0.5]
    """
    if lapack_driver not in (None, "gelsd", "gelss", "gelsy"):
        raise ValueError(f'LAPACK driver "{lapack_driver}" is not found')
    if lapack_driver == "gelsy":
        raise UnsupportedArgumentError("scipy.linalg.lstsq with lapack_driver='gelsy' is not differentiated",
                                       "lapack_driver='gelsd', the default, which has the same solution")
    a = prepared(a)
    return np.linalg.lstsq(a, prepared(b), rcond=np.finfo(a.dtype).eps if cond is None else cond)

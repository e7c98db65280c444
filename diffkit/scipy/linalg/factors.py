"""Factorisations: LU, QR, singular values, and what is made of them.

LU: with A = P L U and F = L^-1 P^T dA U^-1, dL = L F_below and dU = F_above U (Murray 2016); a
rectangular one is completed by an identity first.  The others are NumPy's rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, of_floats, prepared, primal, swap
from diffkit.scipy.linalg.solvers import conjugated, mirrored, solve_triangular

__all__ = ["LU", "lu", "lu_factor", "lu_solve", "null_space", "one_matrix", "orth", "pinv", "pinvh", "polar", "qr",
           "svd", "svdvals"]


def one_matrix(a: Any, name: str) -> Any:
    a = prepared(a)
    if a.ndim != 2:
        raise UnsupportedArgumentError(f"scipy.linalg.{name} of stacks of matrices is not differentiated",
                                       f"one matrix, or np.linalg's function of the name {name}")
    return a


# --- LU --------------------------------------------------------------------------------------------

def _order(pivots: Any) -> Any:
    """The permutation of the rows that LAPACK's exchanges make."""
    order = np.arange(len(pivots))
    for i, j in enumerate(pivots):
        order[i], order[j] = order[j], order[i]
    return order


def _exchanges(a: Any) -> tuple[Any, Any]:
    packed, pivots = original.lu_factor(a)
    full = np.concatenate([pivots, np.arange(len(pivots), a.shape[0])])
    return np.asarray(packed), _order(full)


def _lu_jvp(y: Any, args: Any, tangents: Any) -> Any:
    packed, order = y
    m, n = packed.shape
    k = min(m, n)
    lower = np.concatenate([np.tril(packed[:, :k], -1) + np.eye(m, k),
                            np.concatenate([np.zeros((k, m - k)), np.eye(m - k)])], axis=1)
    upper = np.concatenate([np.triu(packed[:k]),
                            np.concatenate([np.zeros((n - k, k)), np.eye(n - k)], axis=1)])
    inner = np.linalg.solve(lower, tangents[0][primal(order)])
    inner = swap(np.linalg.solve(swap(upper), swap(inner)))
    below = np.tril(inner, -1)[:, :k]
    below = np.concatenate([below, np.zeros((m, m - k))], axis=1)
    above = np.concatenate([np.triu(inner)[:k], np.zeros((n - k, n))])
    moved_lower, moved_upper = (lower @ below)[:, :k], (above @ upper)[:k]
    strict = np.concatenate([np.tril(moved_lower, -1), np.zeros((m, n - k))], axis=1)
    return strict + np.concatenate([np.triu(moved_upper), np.zeros((m - k, n))]), None


# L (its diagonal of ones left out) and U in one array, and the order of the rows.
LU: General = general(of_floats(_exchanges), name="scipy.linalg.lu_factor", jvp=_lu_jvp, outputs=2)


@falls_back(original.lu_factor)
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """L and U in one array, and the pivots, for ``lu_solve``, scipy.linalg.lu_factor.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: lu_factor(a)[0][1, 1])(np.array([[2.0, 1.0], [1.0, 3.0]])))
    [[ 0.25 -0.5 ]
     [-0.5   1.  ]]
    """
    a = one_matrix(a, "lu_factor")
    return LU(a)[0], original.lu_factor(primal(a))[1]


@falls_back(original.lu)
def lu(a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True,
       p_indices: bool = False) -> Any:
    """P, L, U with a = P L U, scipy.linalg.lu; P is plain.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: lu(a)[1][1, 0])(np.array([[2.0, 1.0], [1.0, 3.0]])))
    [[-0.25  0.  ]
     [ 0.5   0.  ]]
    """
    a = one_matrix(a, "lu")
    packed, order = LU(a)
    order = primal(order)
    m, n = a.shape
    k = min(m, n)
    lower, upper = np.tril(packed[:, :k], -1) + np.eye(m, k), np.triu(packed[:k])
    back = np.argsort(order)
    if permute_l:
        return lower[back], upper
    return (back if p_indices else np.eye(m)[back]), lower, upper


@falls_back(original.lu_solve)
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve a x = b (trans=1: a^T x = b, 2: a^H x = b) by a's LU factors, scipy.linalg.lu_solve.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(lu_solve(lu_factor(a), np.ones(1))))(np.array([[2.0]])))
    [[-0.25]]
    """
    packed, pivots = lu_and_piv
    packed, b, order = prepared(packed), prepared(b), _order(np.asarray(pivots))
    if trans not in (0, 1, 2):
        raise ValueError("illegal value in 4th argument of internal getrs")
    if trans == 0:
        inner = solve_triangular(packed, b[order], lower=True, unit_diagonal=True)
        return solve_triangular(packed, inner)
    inner = solve_triangular(packed, b, trans=trans)
    return solve_triangular(packed, inner, trans=trans, lower=True, unit_diagonal=True)[np.argsort(order)]


# --- QR and singular values ------------------------------------------------------------------------

@falls_back(original.qr)
def qr(a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
       check_finite: bool = True) -> Any:
    """Q and R with a = Q R (with ``pivoting`` a[:, P] = Q R), scipy.linalg.qr.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: qr(a, mode="economic")[1][0, 0])(np.array([[3.0], [4.0]])))
    [[-0.6]
     [-0.8]]
    """
    a = one_matrix(a, "qr")
    if mode not in ("full", "r", "economic"):
        raise UnsupportedArgumentError(f"scipy.linalg.qr with mode={mode!r} is not differentiated",
                                       "mode='full', 'economic' or 'r'")
    order = original.qr(primal(a), mode="r", pivoting=True)[-1] if pivoting else None
    if order is not None:
        a = a[:, order]
    if mode == "r":
        # NumPy's own R has min(m, n) rows, SciPy's m.
        r: Any = np.linalg.qr(a, "r")
        found: tuple[Any, ...] = (np.concatenate([r, np.zeros((a.shape[0] - r.shape[0], r.shape[1]))]),)
    else:
        found = tuple(np.linalg.qr(a, "complete" if mode == "full" else "reduced"))
    return (*found, order) if pivoting else found


@falls_back(original.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
        check_finite: bool = True, lapack_driver: str = "gesdd") -> Any:
    """U, s, V^H with a = U diag(s) V^H, scipy.linalg.svd.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: svd(a, compute_uv=False)[0])(np.diag([3.0, 1.0])))
    [[1. 0.]
     [0. 0.]]
    """
    if lapack_driver != "gesdd":
        raise UnsupportedArgumentError(f"scipy.linalg.svd with lapack_driver={lapack_driver!r} is not differentiated",
                                       "lapack_driver='gesdd', the default")
    a = one_matrix(a, "svd")
    return tuple(np.linalg.svd(a, full_matrices)) if compute_uv else np.linalg.svd(a, compute_uv=False)


@falls_back(original.svdvals)
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Singular values, scipy.linalg.svdvals.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: svdvals(a)[1])(np.diag([3.0, 1.0])))
    [[0. 0.]
     [0. 1.]]
    """
    return np.linalg.svd(one_matrix(a, "svdvals"), compute_uv=False)


def _rank(s: Any, shape: tuple[int, ...], relative: Any) -> int:
    s = primal(s)
    relative = np.finfo(s.dtype).eps * max(shape) if relative is None else relative
    return int(np.sum(s > np.max(s, initial=0.0) * relative))


@falls_back(original.orth)
def orth(A: Any, rcond: Any = None) -> Any:
    """An orthonormal basis of the range, scipy.linalg.orth.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: orth(a)[0, 0])(np.array([[3.0], [4.0]])).ravel().round(3))
    [ 0.128 -0.096]
    """
    a = one_matrix(A, "orth")
    u, s, _ = np.linalg.svd(a, False)
    return u[:, :_rank(s, a.shape, rcond)]


@falls_back(original.null_space)
def null_space(A: Any, rcond: Any = None, *, overwrite_a: bool = False, check_finite: bool = True,
               lapack_driver: str = "gesdd") -> Any:
    """An orthonormal basis of the null space, scipy.linalg.null_space.

    >>> import numpy as np, diffkit as dk
    >>> projector = lambda a: null_space(a) @ null_space(a).T
    >>> print(dk.grad(lambda a: projector(a)[0, 1])(np.array([[1.0, 0.0]])))
    [[ 0. -1.]]
    """
    a = one_matrix(A, "null_space")
    _, s, vh = svd(a, True, lapack_driver=lapack_driver)
    return conjugated(swap(vh[_rank(s, a.shape, rcond):]))


@falls_back(original.polar)
def polar(a: Any, side: str = "right") -> Any:
    """The unitary and the positive factor of a matrix, scipy.linalg.polar.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: polar(a)[1][0, 0])(np.diag([2.0, 1.0])))
    [[1. 0.]
     [0. 0.]]
    """
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    w, s, vh = np.linalg.svd(one_matrix(a, "polar"), False)
    p = (conjugated(swap(vh)) * s) @ vh if side == "right" else (w * s) @ conjugated(swap(w))
    return w @ vh, p


@falls_back(original.pinv)
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """The pseudo-inverse, scipy.linalg.pinv.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: pinv(a)[0, 0])(np.array([[2.0]])))
    [[-0.25]]
    """
    a = one_matrix(a, "pinv")
    relative, rank = _cut_off(a, atol, rtol)
    found = np.linalg.pinv(a, rtol=relative)
    return (found, rank) if return_rank else found


def _cut_off(a: Any, atol: Any, rtol: Any) -> tuple[float, int]:
    """The relative size below which singular values count as zero, and how many are above."""
    s = np.linalg.svd(primal(a), compute_uv=False)
    top = float(np.max(s, initial=0.0))
    absolute = 0.0 if atol is None else atol
    relative = max(a.shape) * np.finfo(a.dtype).eps if rtol is None else rtol
    limit = absolute + relative * top
    return (limit / top if top else 0.0), int(np.sum(s > limit))


@falls_back(original.pinvh)
def pinvh(a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False,
          check_finite: bool = True) -> Any:
    """The pseudo-inverse of a Hermitian matrix, of which one triangle is read, scipy.linalg.pinvh.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: pinvh(a)[0, 0])(np.array([[2.0]])))
    [[-0.25]]
    """
    a = mirrored(one_matrix(a, "pinvh"), lower, True)
    relative, rank = _cut_off(a, atol, rtol)
    found = np.linalg.pinv(a, rtol=relative, hermitian=True)
    return (found, rank) if return_rank else found

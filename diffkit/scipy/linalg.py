"""scipy.linalg on traced values: structured solvers, and functions of matrices.

Derivatives are linear maps made of the functions themselves, so they nest:

    solve_triangular   dX = T^-1 (dB - dT X), the triangle that is read alone moves
    expm, logm         the Frechet derivative is a block of f([[A, E], [0, A]])
                       (Higham, "Functions of Matrices", 2008, theorem 3.6)
    sqrtm              X dX + dX X = E, a Sylvester equation (same, section 6.1)
    solve_sylvester    A dX + dX B = dQ - dA X - X dB

A solver that reads one triangle is differentiated as it is: the other triangle does not move.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, prepared, swap
from diffkit.transforms import stop_gradient

__all__ = ["block_diag", "cho_factor", "cho_solve", "cholesky", "det", "expm", "inv", "logm", "lstsq", "solve",
           "solve_banded", "solve_sylvester", "solve_triangular", "sqrtm"]


def _conjugated(a: Any) -> Any:
    return np.conj(a) if a.dtype.kind == "c" else a


def _mirrored(a: Any, lower: bool, conjugate: bool) -> Any:
    """The symmetric or Hermitian matrix of which one triangle is stored."""
    strict = np.tril(a, -1) if lower else np.triu(a, 1)
    other = swap(_conjugated(strict) if conjugate else strict)
    diagonal = (np.real(a) if conjugate and a.dtype.kind == "c" else a) * np.eye(a.shape[-1], dtype=bool)
    return strict + other + diagonal


def _structured(a: Any, assume: str | None, lower: bool) -> Any:
    """The part of a that the solver for this structure reads."""
    if assume in (None, "gen", "general", "banded"):
        return a
    if assume in ("sym", "symmetric", "her", "hermitian", "pos", "positive definite"):
        return _mirrored(a, lower, assume not in ("sym", "symmetric"))
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
    lambda a, b, lower, unit: np.asarray(original.solve_triangular(a, b, lower=lower, unit_diagonal=unit)),
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
        a = _conjugated(a)
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
    return _conjugated(swap(np.linalg.cholesky(_conjugated(swap(a)))))


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


# --- banded systems ------------------------------------------------------------------------------

def _shifted(rows: Any, by: int) -> Any:
    """The rows moved down by so many places (up if negative), zeros moving in."""
    if by == 0:
        return rows
    size = min(abs(by), rows.shape[0])
    none = 0 * rows[:size]
    return np.concatenate([none, rows[:-size]] if by > 0 else [rows[size:], none])


def _banded_product(ab: Any, x: Any, upper: int) -> Any:
    """The matrix with diagonals ab[upper + i - j, j] times x (n, m)."""
    total = 0
    for row in range(ab.shape[0]):
        total = total + _shifted(ab[row][:, None] * x, row - upper)
    return total


def _banded_transpose(ab: Any, upper: int) -> Any:
    return np.stack([_shifted(ab[row], row - upper) for row in reversed(range(ab.shape[0]))])


def _banded_jvp(y: Any, args: Any, tangents: Any, lower: int, upper: int) -> Any:
    ta, tb = tangents
    moved = None if ta is None else -_banded_product(ta, y, upper)
    return BANDED(args[0], tb if moved is None else moved if tb is None else tb + moved, lower=lower, upper=upper)


def _banded_vjp(g: Any, y: Any, args: Any, lower: int, upper: int) -> Any:
    gb = BANDED(_banded_transpose(args[0], upper), g, lower=upper, upper=lower)
    rows = [-np.sum(_shifted(gb, upper - row) * y, axis=-1) for row in range(lower + upper + 1)]
    return np.stack(rows), gb


BANDED: General = general(
    lambda ab, b, lower, upper: np.asarray(original.solve_banded((lower, upper), ab, b, check_finite=False)),
    name="scipy.linalg.solve_banded", jvp=_banded_jvp, vjp=_banded_vjp)


@falls_back(original.solve_banded)
def solve_banded(l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
                 check_finite: bool = True) -> Any:
    """Solve a x = b for a banded matrix in diagonal form, scipy.linalg.solve_banded.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda ab: np.sum(solve_banded((0, 0), ab, np.ones(2))))(np.array([[2.0, 4.0]])))
    [[-0.25   -0.0625]]
    """
    ab, b = prepared(ab), prepared(b)
    lower, upper = l_and_u
    if ab.shape[-1] != b.shape[0]:
        raise ValueError("shapes of ab and b are not compatible.")
    if lower + upper + 1 != ab.shape[0]:
        raise ValueError("invalid values for the number of lower and upper diagonals: l+u+1 "
                         f"({lower + upper + 1}) does not equal ab.shape[0] ({ab.shape[0]})")
    vector = b.ndim == 1
    x = BANDED(ab, b[:, None] if vector else b, lower=int(lower), upper=int(upper))
    return x[:, 0] if vector else x


# --- functions of matrices -----------------------------------------------------------------------

def _frechet(function: Any, a: Any, direction: Any) -> Any:
    """The derivative of a matrix function along a direction, which is scaled to size 1 meanwhile."""
    n = a.shape[-1]
    size = np.max(np.abs(stop_gradient(direction)), initial=0)
    size = np.where(size == 0, 1, size)
    if direction.dtype != a.dtype:
        wide = np.result_type(a.dtype, direction.dtype)
        a, direction = a.astype(wide), direction.astype(wide)
    top = np.concatenate([a, direction / size], axis=-1)
    block = np.concatenate([top, np.concatenate([0 * a, a], axis=-1)], axis=-2)
    return function(block)[..., :n, n:] * size


def _of_matrix(fun: Any, name: str) -> General:
    def jvp(y: Any, args: Any, tangents: Any) -> Any:
        return _frechet(rule, args[0], tangents[0])

    def vjp(g: Any, y: Any, args: Any) -> Any:
        return (_frechet(rule, swap(args[0]), g),)

    rule = general(lambda a: np.asarray(fun(a)), name=name, jvp=jvp, vjp=vjp)
    return rule


EXPM = _of_matrix(original.expm, "scipy.linalg.expm")


def _logm(a: Any) -> Any:
    """SciPy warns at an error of 1000 units in the last place, which single precision and blocks exceed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "logm result may be inaccurate", RuntimeWarning)
        return original.logm(a)


LOGM = _of_matrix(_logm, "scipy.linalg.logm")


@falls_back(original.expm)
def expm(A: Any) -> Any:
    """The exponential of a matrix, scipy.linalg.expm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(expm)(np.zeros((1, 1))).ravel())
    [1.]
    """
    return EXPM(prepared(A))


@falls_back(original.logm)
def logm(A: Any) -> Any:
    """The principal logarithm of a matrix, scipy.linalg.logm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(logm)(np.array([[4.0]])).ravel())
    [0.25]
    """
    return LOGM(prepared(A))


def _sylvester_jvp(y: Any, args: Any, tangents: Any) -> Any:
    ta, tb, tq = tangents
    terms = [t for t in (tq, None if ta is None else -(ta @ y), None if tb is None else -(y @ tb)) if t is not None]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return SYLVESTER(args[0], args[1], total)


def _sylvester_vjp(g: Any, y: Any, args: Any) -> Any:
    gq = SYLVESTER(swap(args[0]), swap(args[1]), g)
    return -(gq @ swap(y)), -(swap(y) @ gq), gq


SYLVESTER: General = general(lambda a, b, q: np.asarray(original.solve_sylvester(a, b, q)),
                             name="scipy.linalg.solve_sylvester", jvp=_sylvester_jvp, vjp=_sylvester_vjp)
SQRTM: General = general(lambda a: np.asarray(original.sqrtm(a)), name="scipy.linalg.sqrtm",
                         jvp=lambda y, args, tangents: SYLVESTER(y, y, tangents[0]),
                         vjp=lambda g, y, args: (SYLVESTER(swap(y), swap(y), g),))


@falls_back(original.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution x of a x + x b = q, scipy.linalg.solve_sylvester.

    >>> import numpy as np, diffkit as dk
    >>> one = np.ones((1, 1))
    >>> print(dk.grad(lambda a: np.sum(solve_sylvester(a, one, one)))(3 * one))
    [[-0.0625]]
    """
    return SYLVESTER(prepared(a), prepared(b), prepared(q))


@falls_back(original.sqrtm)
def sqrtm(A: Any) -> Any:
    """The principal square root of a matrix, scipy.linalg.sqrtm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(sqrtm)(np.array([[4.0]])).ravel())
    [0.25]
    """
    return SQRTM(prepared(A))


# --- the rest --------------------------------------------------------------------------------------

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

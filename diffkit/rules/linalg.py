"""Linear systems: inverse, solution, determinant, and the factor of Cholesky.

Every rule works on stacks of matrices, as NumPy's functions do.  Adjoints are transposes
without conjugation (see ``kinds``); where a function is not holomorphic, the real-linear
map is transposed under the pairing Re(g dz), which turns ``X^H`` into its own adjoint.

``det`` is a polynomial, so its derivative exists at singular matrices too: the cofactors
come from the singular values, not from an inverse.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffkit.rules.calls import as_array
from diffkit.rules.kinds import General, answers, general


def swap(a: Any) -> Any:
    """Transpose of each matrix."""
    return np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Conjugate transpose of each matrix."""
    return np.swapaxes(np.conjugate(a), -1, -2) if a.dtype.kind == "c" else np.swapaxes(a, -1, -2)


def real_of(a: Any) -> Any:
    """The real part (the value itself if it is real)."""
    return np.real(a) if a.dtype.kind == "c" else a


def diagonal_of(a: Any) -> Any:
    """The diagonals of square matrices, as vectors."""
    index = np.arange(min(a.shape[-2:]))
    return a[..., index, index]


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


INV = general(np.linalg.inv, name="inv", jvp=lambda y, args, tangents: -(y @ tangents[0] @ y),
              vjp=lambda g, y, args: (-(swap(y) @ g @ swap(y)),))


def _solve_jvp(y: Any, args: Any, tangents: Any) -> Any:
    a, _ = args
    ta, tb = tangents
    return SOLVE(a, tb if ta is None else -(ta @ y) if tb is None else tb - ta @ y)


def _solve_vjp(g: Any, y: Any, args: Any) -> Any:
    gb = SOLVE(swap(args[0]), g)
    return -(gb @ swap(y)), gb


SOLVE = general(_solve, name="solve", jvp=_solve_jvp, vjp=_solve_vjp)


@answers(np.linalg.inv)
def inv(a: Any) -> Any:
    """Inverse matrices."""
    return INV(as_array(a))


@answers(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """Solutions x of a x = b; b is a vector only if it has one axis."""
    a, b = as_array(a), as_array(b)
    return SOLVE(a, b[:, None])[..., 0] if b.ndim == 1 else SOLVE(a, b)


# --- determinants -----------------------------------------------------------------------------

def _basis(a: Any) -> Any:
    """conj(U), s, conj(V^H) and det(U) det(V^H) of a = U diag(s) V^H."""
    u, s, vh = np.linalg.svd(a)
    return np.conj(u), s, np.conj(vh), (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]


def _cofactors(a: Any) -> Any:
    """d det / d a: products of all singular values but one, on the singular vectors."""
    u, s, vh, unit = _basis(a)
    rest = np.prod(np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    return (unit * (u * rest[..., None, :]) @ vh).astype(a.dtype)


def _second_cofactors(a: Any, t: Any) -> Any:
    """The derivative of the cofactors along t, from products of all singular values but two.

    In the singular basis det'' [T, R] = sum_(i != j) p_ij (T_ii R_jj - T_ij R_ji).
    """
    u, s, vh, unit = _basis(a)
    n = s.shape[-1]
    inner = swap(u) @ t @ swap(vh)
    one = np.eye(n, dtype=bool)
    rest = np.empty((*s.shape, n), s.dtype)
    for i in range(n):
        rest[..., i, :] = np.prod(np.where(one | one[i], 1, s[..., None, :]), axis=-1)
    rest[..., one] = 0
    lines = np.einsum("...ij,...ii->...j", rest, inner)
    return (unit * (u @ (lines[..., None] * one - swap(rest * inner)) @ vh)).astype(np.result_type(a, t))


def _third_cofactors(a: Any, t: Any, r: Any) -> Any:
    """The derivative of the second cofactors: by the inverse, for a (nearly) singular matrix without it."""
    s = np.linalg.svd(a, compute_uv=False)
    if s.shape[-1] and bool(np.any(s[..., -1] <= 1e-5 * s[..., 0])):
        return _third_of_singular(a, t, r)
    b = INV(a)
    bt, br = b @ t, b @ r
    p, q = (np.sum(diagonal_of(x), axis=-1)[..., None, None] for x in (bt, br))
    mixed = np.sum(diagonal_of(bt @ br), axis=-1)[..., None, None]
    return DET(a)[..., None, None] * swap((p * q - mixed) * b - q * (bt @ b) - p * (br @ b) + (bt @ br + br @ bt) @ b)


def _third_of_singular(a: Any, t: Any, r: Any) -> Any:
    """From products of all singular values but three, as ``_second_cofactors``.

    The third derivative along T, R, Q is the sum over different i, j, k of p_ijk times the sum
    over permutations m of sign(m) T_i,m(i) R_j,m(j) Q_k,m(k).
    """
    u, s, vh, unit = _basis(a)
    t, r = swap(u) @ t @ swap(vh), swap(u) @ r @ swap(vh)
    one = np.eye(s.shape[-1], dtype=bool)
    different = ~(one[:, :, None] | one[:, None, :] | one[None, :, :])
    left_out = one[:, None, None] | one[None, :, None] | one[None, None, :]
    p = np.prod(np.where(left_out, 1, s[..., None, None, None, :]), axis=-1) * different
    lines = np.einsum("...ijk,...ii,...jj->...k", p, t, r) - np.einsum("...ijk,...ij,...ji->...k", p, t, r)
    rest = (np.einsum("...ijk,...ij,...jk->...ki", p, t, r) + np.einsum("...ijk,...ik,...ji->...kj", p, t, r)
            - np.einsum("...ijk,...ik,...jj->...ki", p, t, r) - np.einsum("...ijk,...ii,...jk->...kj", p, t, r))
    return (unit * (u @ (lines[..., None] * one + rest) @ vh)).astype(np.result_type(a, t, r))


COFACTORS = general(_cofactors, name="cofactors",
                    jvp=lambda y, args, tangents: SECOND_COFACTORS(args[0], tangents[0]),
                    vjp=lambda g, y, args: (SECOND_COFACTORS(args[0], g),))


def _second_jvp(y: Any, args: Any, tangents: Any) -> Any:
    a, t = args
    ta, tt = tangents
    moved = None if ta is None else _third_cofactors(a, t, ta)
    return moved if tt is None else SECOND_COFACTORS(a, tt) if moved is None else moved + SECOND_COFACTORS(a, tt)


# Derivatives of a polynomial are symmetric, so each map is its own transpose.
SECOND_COFACTORS: General = general(
    _second_cofactors, name="second_cofactors", jvp=_second_jvp,
    vjp=lambda g, y, args: (_third_cofactors(args[0], args[1], g), SECOND_COFACTORS(args[0], g)))

DET = general(np.linalg.det, name="det",
              jvp=lambda y, args, tangents: np.sum(COFACTORS(args[0]) * tangents[0], axis=(-2, -1)),
              vjp=lambda g, y, args: (g[..., None, None] * COFACTORS(args[0]),))


@answers(np.linalg.det)
def det(a: Any) -> Any:
    """Determinants."""
    return DET(as_array(a))


def _regular_inverse(a: Any, logdet: Any) -> Any:
    """Inverses; NaN for singular matrices, where log|det| = -inf has no derivative."""
    singular = (logdet == -np.inf)[..., None, None]
    return np.where(singular, np.nan, INV(np.where(singular, np.eye(a.shape[-1], dtype=a.dtype), a)))


def _slogdet_jvp(y: Any, args: Any, tangents: Any) -> Any:
    change = np.sum(swap(_regular_inverse(args[0], y[1])) * tangents[0], axis=(-2, -1))
    if change.dtype.kind != "c":
        return None, change
    return np.imag(change) * 1j * y[0], np.real(change)


def _slogdet_vjp(g: Any, y: Any, args: Any) -> Any:
    turn, size = g
    total: Any = 0 if size is None else size
    if turn is not None and turn.dtype.kind == "c":
        # Re(turn * i s Im(x)) = Re(i Im(turn s) x)
        total = total + np.imag(turn * y[0]) * 1j
    elif size is None:
        return (0 * args[0],)
    return (total[..., None, None] * swap(_regular_inverse(args[0], y[1])),)


SLOGDET = general(lambda a: tuple(np.linalg.slogdet(a)), name="slogdet", outputs=2,
                  jvp=_slogdet_jvp, vjp=_slogdet_vjp)
_SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


@answers(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Sign (a phase, if complex) and logarithm of the absolute value of determinants."""
    return _SlogdetResult(*SLOGDET(as_array(a)))


# --- one triangle -------------------------------------------------------------------------------

def triangle(n: int, uplo: str) -> Any:
    """The mask of the entries strictly below ("L") or above ("U") the diagonal."""
    return np.tri(n, k=-1, dtype=bool) if uplo == "L" else np.tri(n, k=-1, dtype=bool).T


def hermitian_from(t: Any, uplo: str) -> Any:
    """The Hermitian matrix of which LAPACK reads one triangle (and the real diagonal)."""
    n = t.shape[-1]
    half = t * triangle(n, uplo)
    return half + adjoint(half) + real_of(t) * np.eye(n, dtype=bool)


def stored_part(g: Any, uplo: str) -> Any:
    """The transpose of ``hermitian_from``: only the triangle that is read moves."""
    n = g.shape[-1]
    return (g + adjoint(g)) * triangle(n, uplo) + real_of(g) * np.eye(n, dtype=bool)


def _halved(a: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    n = a.shape[-1]
    weights = np.tri(n, k=-1, dtype=a.dtype) + np.eye(n, dtype=a.dtype) / a.dtype.type(2)
    return a * weights


def _cholesky_jvp(y: Any, args: Any, tangents: Any) -> Any:
    inverse = INV(y)
    return y @ _halved(inverse @ hermitian_from(tangents[0], "L") @ adjoint(inverse))


def _cholesky_vjp(g: Any, y: Any, args: Any) -> Any:
    inverse = INV(y)
    right = np.conjugate(inverse) if inverse.dtype.kind == "c" else inverse
    return (stored_part(swap(inverse) @ _halved(swap(y) @ g) @ right, "L"),)


# From L L^H = A:  dL = L half(L^-1 dA L^-H)  (Murray, arXiv:1602.07527).
CHOLESKY = general(lambda a: np.linalg.cholesky(a), name="cholesky", jvp=_cholesky_jvp, vjp=_cholesky_vjp)


@answers(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The lower factor of the lower triangle, or the upper factor of the upper one."""
    a = as_array(a)
    return adjoint(CHOLESKY(adjoint(a))) if upper else CHOLESKY(a)


# --- compositions ---------------------------------------------------------------------------------

@answers(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Repeated products, by squaring; of the inverse for a negative exponent."""
    a = as_array(a)
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()
    if n < 0:
        a, n = INV(a), -n
    if n == 3:  # NumPy's own order of the two products
        return a @ a @ a
    result = None
    while True:
        if n % 2:
            result = a if result is None else result @ a
        n //= 2
        if not n:
            return result
        a = a @ a


@answers(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solutions of a x = b over several axes."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        order = [i for i in range(a.ndim) if i not in axes] + list(axes)
        a = np.transpose(a, order)
    shape = a.shape[b.ndim - a.ndim:] if a.ndim > b.ndim else ()
    return np.reshape(SOLVE(np.reshape(a, (b.size, b.size)), np.reshape(b, (b.size, 1))), shape)


@answers(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse over several axes."""
    a = as_array(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    shape = a.shape[ind:] + a.shape[:ind]
    size = int(np.prod(a.shape[ind:]))
    return np.reshape(INV(np.reshape(a, (size, -1))), shape)


@answers(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of the last two axes."""
    x = as_array(x)
    rows, columns = x.shape[-2:]
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    steps = np.arange(count)
    return x[..., steps + max(-offset, 0), steps + max(offset, 0)]


@answers(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sums of the diagonals of the last two axes."""
    return np.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


@answers(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return swap(as_array(x))

"""Eigenvalues and eigenvectors, by first-order perturbation theory.

With M = v^-1 dA v  the eigenvalues move by M_jj and the eigenvectors by

    dv_j = sum_(i != j)  v_i M_ij / (w_j - w_i).

What differs from the textbook is what is done where that formula ends:

*Repeated eigenvalues.*  A group of equal eigenvalues shares its derivative equally (the
minimum-norm subgradient, as for ties of ``max``), so functions of all of them, and the
largest alone, come out right.  Eigenvectors of such a group are an arbitrary basis:
a result that leans on them is refused (in forward mode their tangent is NaN).

*Triangles.*  eigh reads one triangle of its argument; only that one moves.

*Scale and phase.*  The literal function is differentiated.  LAPACK makes eigh's complex
eigenvectors real in their first (UPLO="L") or last component, and eig's of length
one and real in their largest component.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import DegenerateError
from diffkit.rules.calls import as_array
from diffkit.rules.kinds import answers, general
from diffkit.rules.linalg import INV, adjoint, diagonal_of, hermitian_from, real_of, stored_part, swap


def gaps(w: Any) -> Any:
    """w_j - w_i, and where the two are equal to within their rounding errors."""
    difference = w[..., None, :] - w[..., :, None]
    n = w.shape[-1]
    limit = 4 * n * float(np.finfo(w.dtype).eps) * (np.max(np.absolute(w), axis=-1) if n else 0)
    return difference, np.absolute(difference) <= np.reshape(limit, (*w.shape[:-1], 1, 1))


def has_groups(equal: Any) -> bool:
    """Whether any two different ones are equal (on a recording level, a path condition)."""
    return bool(np.any(equal & ~np.eye(equal.shape[-1], dtype=bool)))


def in_group(equal: Any) -> Any:
    """Which ones are repeated."""
    return np.any(equal & ~np.eye(equal.shape[-1], dtype=bool), axis=-1)


def shared(d: Any, equal: Any) -> Any:
    """The mean over each group."""
    weights = equal / np.sum(equal, axis=-1, keepdims=True)
    return np.sum(weights.astype(d.dtype) * d[..., None, :], axis=-1)


def divided(difference: Any, equal: Any) -> Any:
    """1 / (w_j - w_i), 0 within a group."""
    return np.where(equal, 0, 1 / np.where(equal, 1, difference))


def refuse(what: str, want: str) -> DegenerateError:
    """The error for a result that leans on an arbitrary choice of vectors."""
    return DegenerateError(f"the derivative of {what} is not defined", want,
                           "a function of the eigenvalues or singular values alone is differentiated there: "
                           "call np.linalg.eigvalsh, eigvals or svdvals for them")


def check_group(name: str, repeated: Any, values: Any, *vectors: Any) -> None:
    """Refuse a cotangent that reaches repeated values and comes from vectors, too.

    Even where the vectors' cotangent is 0: of ``(v * log(w)) @ v^H`` at the identity it is,
    and what that result needs is not in the cotangents any more.
    """
    touched = False if values is None else values != 0
    for g in vectors:
        if g is not None:
            touched = touched | np.any(g != 0, axis=-2)
    if any(g is not None for g in vectors) and bool(np.any(repeated & touched)):
        raise refuse(f"{name} with repeated values",
                     "a function of the values alone, of other vectors, or a matrix with distinct values: the "
                     "vectors of a repeated value are an arbitrary basis")


def lost(inner: Any, equal: Any) -> Any:
    """Columns whose tangent is undefined: within a group, inner is not a multiple of the identity."""
    n = inner.shape[-1]
    if not n:
        return np.zeros(inner.shape[:-1], dtype=bool)
    diagonal = diagonal_of(inner)
    spread = np.absolute(np.where(np.eye(n, dtype=bool), 0, inner)) + np.absolute(
        diagonal[..., None, :] - diagonal[..., :, None])
    limit = 100 * n * float(np.finfo(inner.dtype).eps) * np.max(np.absolute(inner), axis=(-2, -1))
    return np.any(equal & (spread > np.reshape(limit, (*inner.shape[:-2], 1, 1))), axis=-2)


# --- Hermitian ---------------------------------------------------------------------------------------

def _phase_row(v: Any, uplo: str) -> Any:
    """The component that LAPACK makes real, and which columns have it different from 0."""
    row = v[..., :1, :] if uplo == "L" else v[..., -1:, :]
    usable = row != 0
    return np.where(usable, row, 1), usable


def _eigh_jvp(y: Any, args: Any, tangents: Any, UPLO: str) -> Any:
    w, v = y
    inner = adjoint(v) @ hermitian_from(tangents[0], UPLO) @ v
    difference, equal = gaps(w)
    dw = real_of(diagonal_of(inner))
    dv = v @ (divided(difference, equal) * inner)
    if has_groups(equal):
        dw = shared(dw, equal)
        dv = np.where(lost(inner, equal)[..., None, :], np.nan, dv)
    if v.dtype.kind == "c":
        row, usable = _phase_row(v, UPLO)
        moved = dv[..., :1, :] if UPLO == "L" else dv[..., -1:, :]
        dv = dv - 1j * v * np.where(usable, np.imag(moved / row), 0)
    return dw, dv


def _eigh_vjp(g: Any, y: Any, args: Any, UPLO: str) -> Any:
    w, v = y
    gw, gv = g
    difference, equal = gaps(w)
    if has_groups(equal):
        check_group("eigh", in_group(equal), gw, gv)
        gw = None if gw is None else shared(gw, equal)
    inner: Any = 0 if gw is None else gw[..., None] * np.eye(w.shape[-1], dtype=w.dtype)
    if gv is not None:
        if v.dtype.kind == "c":
            row, usable = _phase_row(v, UPLO)
            turn = np.where(usable, -1j * np.imag(np.sum(gv * v, axis=-2, keepdims=True)) / row, 0)
            at = np.arange(v.shape[-2]) == (0 if UPLO == "L" else v.shape[-2] - 1)
            gv = gv + turn * at[:, None]
        inner = inner + divided(difference, equal) * (swap(v) @ gv)
    conjugate = np.conjugate(v) if v.dtype.kind == "c" else v
    return (stored_part(conjugate @ inner @ swap(v), UPLO),)


EIGH = general(lambda a, UPLO: tuple(np.linalg.eigh(a, UPLO)), name="eigh", outputs=2, jvp=_eigh_jvp, vjp=_eigh_vjp)
_EighResult = type(np.linalg.eigh(np.eye(1)))


@answers(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues (ascending) and eigenvectors of Hermitian matrices."""
    return _EighResult(*EIGH(as_array(a), UPLO=_uplo(UPLO)))


def _uplo(uplo: str) -> str:
    uplo = uplo.upper()
    if uplo not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return uplo


def _eigvalsh_jvp(y: Any, args: Any, tangents: Any, UPLO: str) -> Any:
    w, v = EIGH(args[0], UPLO=UPLO)
    dw = real_of(np.sum(np.conjugate(v) * (hermitian_from(tangents[0], UPLO) @ v), axis=-2))
    _, equal = gaps(w)
    return shared(dw, equal) if has_groups(equal) else dw


def _eigvalsh_vjp(g: Any, y: Any, args: Any, UPLO: str) -> Any:
    w, v = EIGH(args[0], UPLO=UPLO)
    _, equal = gaps(w)
    if has_groups(equal):
        g = shared(g, equal)
    conjugate = np.conjugate(v) if v.dtype.kind == "c" else v
    return (stored_part((conjugate * g[..., None, :]) @ swap(v), UPLO),)


EIGVALSH = general(lambda a, UPLO: np.linalg.eigvalsh(a, UPLO), name="eigvalsh", jvp=_eigvalsh_jvp, vjp=_eigvalsh_vjp)


@answers(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues (ascending) of Hermitian matrices."""
    return EIGVALSH(as_array(a), UPLO=_uplo(UPLO))


# --- general ------------------------------------------------------------------------------------------

def _left_vectors(v: Any) -> Any:
    """v^-1; a matrix with too few eigenvectors is refused, its eigenvalues move infinitely fast."""
    inverse = INV(v)
    if v.size and bool(np.max(np.absolute(inverse)) > 0.01 / float(np.finfo(v.dtype).eps)):
        raise refuse("eig of a matrix with too few eigenvectors", "a diagonalizable matrix")
    return inverse


def _largest(v: Any) -> Any:
    """In each column a mask of the component that LAPACK makes real."""
    place = np.argmax(np.absolute(v), axis=-2)
    return np.arange(v.shape[-2])[:, None] == place[..., None, :]


def _eig_jvp(y: Any, args: Any, tangents: Any) -> Any:
    w, v = y
    inner = _left_vectors(v) @ tangents[0] @ v
    difference, equal = gaps(w)
    dw = diagonal_of(inner)
    dv = v @ (divided(difference, equal) * inner)
    if has_groups(equal):
        dw = shared(dw, equal)
        dv = np.where(lost(inner, equal)[..., None, :], np.nan, dv)
    turn = real_of(np.sum(np.conjugate(v) * dv, axis=-2, keepdims=True))
    if v.dtype.kind == "c":
        top = _largest(v)
        turn = turn + 1j * np.imag(np.sum(np.where(top, dv / np.where(top, v, 1), 0), axis=-2, keepdims=True))
    return dw, dv - v * turn


def _eig_vjp(g: Any, y: Any, args: Any) -> Any:
    w, v = y
    gw, gv = g
    difference, equal = gaps(w)
    if has_groups(equal):
        check_group("eig", in_group(equal), gw, gv)
        gw = None if gw is None else shared(gw, equal)
    inner: Any = 0 if gw is None else gw[..., None] * np.eye(w.shape[-1], dtype=w.dtype)
    if gv is not None:
        along = np.sum(gv * v, axis=-2, keepdims=True)
        if v.dtype.kind == "c":
            top = _largest(v)
            gv = gv - np.conjugate(v) * np.real(along) - np.where(top, 1j * np.imag(along) / np.where(top, v, 1), 0)
        else:
            gv = gv - v * along
        inner = inner + divided(difference, equal) * (swap(v) @ gv)
    return (swap(_left_vectors(v)) @ inner @ swap(v),)


EIG = general(lambda a: tuple(np.linalg.eig(a)), name="eig", outputs=2, jvp=_eig_jvp, vjp=_eig_vjp)
_EigResult = type(np.linalg.eig(np.eye(1)))


@answers(np.linalg.eig)
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of square matrices."""
    return _EigResult(*EIG(as_array(a)))


def _paired(y: Any, a: Any) -> Any:
    """Eigenvalues and eigenvectors in eigvals' order, which may differ from eig's."""
    w, v = EIG(a)
    order = np.argmin(np.absolute(w[..., None, :] - y[..., :, None]), axis=-1) if y.shape[-1] else None
    if order is None or bool(np.all(order == np.arange(y.shape[-1]))) or has_groups(gaps(w)[1]):
        return w, v
    return np.take_along_axis(w, order, -1), np.take_along_axis(v, order[..., None, :], -1)


def _eigvals_jvp(y: Any, args: Any, tangents: Any) -> Any:
    w, v = _paired(y, args[0])
    dw = np.sum(swap(_left_vectors(v)) * (tangents[0] @ v), axis=-2)
    _, equal = gaps(w)
    return shared(dw, equal) if has_groups(equal) else dw


def _eigvals_vjp(g: Any, y: Any, args: Any) -> Any:
    w, v = _paired(y, args[0])
    _, equal = gaps(w)
    if has_groups(equal):
        g = shared(g, equal)
    return ((swap(_left_vectors(v)) * g[..., None, :]) @ swap(v),)


EIGVALS = general(lambda a: np.linalg.eigvals(a), name="eigvals", jvp=_eigvals_jvp, vjp=_eigvals_vjp)


@answers(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices."""
    return EIGVALS(as_array(a))

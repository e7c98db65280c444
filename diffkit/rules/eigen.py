"""Eigenvalues and eigenvectors, by first-order perturbation theory.

With M = v^-1 dA v  the eigenvalues move by M_jj and the eigenvectors by

    dv_j = sum_(i != j)  v_i M_ij / (w_j - w_i).

What differs from the textbook is what is done where that formula ends:

*Repeated eigenvalues.*  A group of equal eigenvalues shares its derivative equally (the
minimum-norm subgradient, as for ties of ``max``), so functions of all of them, and the
largest alone, come out right.  Eigenvectors of such a group are an arbitrary basis: in
forward mode their tangent is NaN (the transform asks reverse mode then), in reverse mode
``repeated`` finds the derivative of what does not depend on the basis, and refuses the rest.

*Triangles.*  eigh reads one triangle of its argument; only that one moves.

*Scale and phase.*  The literal function is differentiated.  LAPACK makes eigh's complex
eigenvectors real in their first (UPLO="L") or last component, and eig's of length
one and real in their largest component.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array
from diffkit.rules.kinds import answers, general
from diffkit.rules.linalg import INV, adjoint, diagonal_of, hermitian_from, real_of, stored_part, swap
from diffkit.rules.repeated import (
    SPLITTING,
    RepeatedValuesError,
    divided,
    gaps,
    has_groups,
    in_group,
    refuse,
    refuse_group,
    shared,
    split,
    vectors_lost,
    within_groups,
)


def lost(inner: Any, equal: Any) -> Any:
    """Columns whose tangent is undefined: within a group, inner is not a multiple of the identity."""
    n = inner.shape[-1]
    if not n:
        return np.zeros(inner.shape[:-1], dtype=bool)
    diagonal = diagonal_of(inner)
    spread = np.absolute(np.where(np.eye(n, dtype=bool), 0, inner)) + np.absolute(
        diagonal[..., None, :] - diagonal[..., :, None])
    limit = 100 * n * float(np.finfo(inner.dtype).eps) * np.max(np.absolute(inner), axis=(-2, -1))
    vectors_lost[0] += 1
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
        dw = dw if SPLITTING.get() is not None else shared(dw, equal)
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
    groups = has_groups(equal)
    if groups and SPLITTING.get() is None:
        if gv is not None:
            raise refuse_group("eigh", RepeatedValuesError)
        gw = shared(gw, equal)
    inner: Any = 0 if gw is None else gw[..., None] * np.eye(w.shape[-1], dtype=w.dtype)
    if gv is not None:
        if groups:
            inner = inner + within_groups("eigh", swap(v) @ gv, equal, gw)
        if v.dtype.kind == "c":
            row, usable = _phase_row(v, UPLO)
            usable = usable & ~in_group(equal)[..., None, :]  # the phases of a group are part of its basis
            turn = np.where(usable, -1j * np.imag(np.sum(gv * v, axis=-2, keepdims=True)) / row, 0)
            at = np.arange(v.shape[-2]) == (0 if UPLO == "L" else v.shape[-2] - 1)
            gv = gv + turn * at[:, None]
        inner = inner + divided(difference, equal) * (swap(v) @ gv)
    conjugate = np.conjugate(v) if v.dtype.kind == "c" else v
    return (stored_part(conjugate @ inner @ swap(v), UPLO),)


EIGH = general(lambda a, UPLO: split(*np.linalg.eigh(a, UPLO)), name="eigh", outputs=2, jvp=_eigh_jvp, vjp=_eigh_vjp)
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
    if SPLITTING.get() is not None:  # they may be put together with the vectors of another call
        return eigh(a, UPLO)[0]
    return EIGVALSH(as_array(a), UPLO=_uplo(UPLO))


# --- general ------------------------------------------------------------------------------------------

def _left_vectors(w: Any, v: Any) -> Any:
    """v^-1; a matrix with too few eigenvectors is refused, its eigenvalues move infinitely fast.

    Rounding splits a double eigenvalue with one vector into two with nearly parallel vectors: two
    values that are closer than their own errors, which their condition |v_j| |(v^-1)_j| tells.
    """
    inverse = INV(v)
    if v.size and bool(np.any(_too_few(w, v, inverse))):
        raise refuse("eig of a matrix with too few eigenvectors", "a diagonalizable matrix")
    return inverse


def _too_few(w: Any, v: Any, inverse: Any) -> Any:
    eps, n = float(np.finfo(v.dtype).eps), v.shape[-1]
    condition = np.max(np.absolute(v), axis=-2) * np.max(np.absolute(inverse), axis=-1)
    pair = (condition[..., None, :] + condition[..., :, None]) / 2
    difference, equal = gaps(w)
    near = np.absolute(difference) <= n * eps * pair * np.max(np.absolute(w), axis=-1)[..., None, None]
    return (near & ~equal) | (pair > 0.01 / eps)


def _largest(v: Any) -> Any:
    """In each column a mask of the component that LAPACK makes real."""
    place = np.argmax(np.absolute(v), axis=-2)
    return np.arange(v.shape[-2])[:, None] == place[..., None, :]


def _eig_jvp(y: Any, args: Any, tangents: Any) -> Any:
    w, v = y
    inner = _left_vectors(w, v) @ tangents[0] @ v
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
        if gv is not None:
            raise refuse_group("eig")
        gw = shared(gw, equal)
    inner: Any = 0 if gw is None else gw[..., None] * np.eye(w.shape[-1], dtype=w.dtype)
    if gv is not None:
        along = np.sum(gv * v, axis=-2, keepdims=True)
        if v.dtype.kind == "c":
            top = _largest(v)
            gv = gv - np.conjugate(v) * np.real(along) - np.where(top, 1j * np.imag(along) / np.where(top, v, 1), 0)
        else:
            gv = gv - v * along
        inner = inner + divided(difference, equal) * (swap(v) @ gv)
    return (swap(_left_vectors(w, v)) @ inner @ swap(v),)


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
    dw = np.sum(swap(_left_vectors(w, v)) * (tangents[0] @ v), axis=-2)
    _, equal = gaps(w)
    return shared(dw, equal) if has_groups(equal) else dw


def _eigvals_vjp(g: Any, y: Any, args: Any) -> Any:
    w, v = _paired(y, args[0])
    _, equal = gaps(w)
    if has_groups(equal):
        g = shared(g, equal)
    return ((swap(_left_vectors(w, v)) * g[..., None, :]) @ swap(v),)


EIGVALS = general(lambda a: np.linalg.eigvals(a), name="eigvals", jvp=_eigvals_jvp, vjp=_eigvals_vjp)


@answers(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices."""
    return EIGVALS(as_array(a))

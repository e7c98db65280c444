"""Singular values, QR, and what is made of them: pseudoinverse, least squares, rank, condition.

With  P = U^H dA V  the singular values move by Re P_jj, and  dU = U K,  dV = V L  with
skew K and L from  P = K S + dS - S L  (Townsend 2016; Wan and Zhang, arXiv:1909.02659, for
complex phases).  Repeated values, arbitrary bases and phases are treated as in ``eigen``:
shared, or refused.  A singular value 0 is the kink of an absolute value: derivative 0.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, as_array, is_traced
from diffkit.rules.eigen import EIGH, EIGVALSH
from diffkit.rules.kinds import Flat, answers, general
from diffkit.rules.linalg import INV, adjoint, diagonal_of, hermitian_from, real_of, swap
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


def _conjugate(a: Any) -> Any:
    return np.conjugate(a) if a.dtype.kind == "c" else a


class _Parts:
    """What push and pull both need of a decomposition u, s, vh."""

    def __init__(self, y: Any) -> None:
        self.u, self.s, self.vh = y
        self.v = adjoint(self.vh)
        s = self.s
        self.k = s.shape[-1]
        difference, self.equal = gaps(s)
        self.zero = s <= 4 * self.k * float(np.finfo(s.dtype).eps) * (s[..., :1] if self.k else 0)
        self.groups = bool(has_groups(self.equal) or np.any(self.zero))
        #: Values whose vectors are an arbitrary choice, or which have a kink.
        self.bad = in_group(self.equal) | self.zero
        self.column, self.row = s[..., None, :], s[..., :, None]
        self.factor = divided(difference * (self.column + self.row), self.equal)
        self.inverse = np.where(self.zero, 0, 1 / np.where(self.zero, 1, s))[..., None, :]
        self.one = np.eye(self.k, dtype=s.dtype)

    def values(self, d: Any) -> Any:
        """Shared among equal singular values (unless they are split), 0 where they are 0."""
        if not self.groups:
            return d
        return np.where(self.zero, 0, d if SPLITTING.get() is not None else shared(d, self.equal))


def _svd_jvp(y: Any, args: Any, tangents: Any, full: bool) -> Any:
    parts = _Parts(y)
    t, u, v, k = tangents[0], parts.u, parts.v, parts.k
    whole = adjoint(u) @ t @ v
    p = whole[..., :k, :k]
    ph = adjoint(p)
    left = parts.factor * (p * parts.column + parts.row * ph)
    right = parts.factor * (parts.row * p + ph * parts.column)
    if u.dtype.kind == "c":
        phase = 1j * np.imag(p) * parts.one * parts.inverse / 2
        left, right = left + phase, right - phase
    du = u[..., :k] @ left
    dv = v[..., :k] @ right
    tall, wide = (t @ v[..., :k]) * parts.inverse, (adjoint(t) @ u[..., :k]) * parts.inverse
    if t.shape[-2] > k:
        du = du + tall - u[..., :k] @ (adjoint(u[..., :k]) @ tall)
    if t.shape[-1] > k:
        dv = dv + wide - v[..., :k] @ (adjoint(v[..., :k]) @ wide)
    if parts.groups:
        vectors_lost[0] += 1
        bad = parts.bad[..., None, :]
        du, dv = np.where(bad, np.nan, du), np.where(bad, np.nan, dv)
        null = parts.zero[..., None, :]
        tall, wide = np.where(null, np.nan, tall), np.where(null, np.nan, wide)
    # Phases, and two null vectors against each other, turn as LAPACK likes: reverse mode sees if that matters.
    if u.dtype.kind == "c":
        vectors_lost[0] += 1
        du, dv = np.nan * du, np.nan * dv
        tall, wide = np.nan * tall, np.nan * wide
    elif max(u.shape[-1], v.shape[-1]) > k + 1:
        vectors_lost[0] += 1
        tall, wide = (part if basis.shape[-1] <= k + 1 else np.nan * part for part, basis in ((tall, u), (wide, v)))
    if u.shape[-1] > k:  # the basis of the null space turns against the others alone
        du = np.concatenate([du, -u[..., :k] @ adjoint(adjoint(u[..., k:]) @ tall)], axis=-1)
    if v.shape[-1] > k:
        dv = np.concatenate([dv, -v[..., :k] @ adjoint(adjoint(v[..., k:]) @ wide)], axis=-1)
    return du, parts.values(real_of(diagonal_of(p))), adjoint(dv)


def _check_gauge(name: str, q: Any) -> None:
    """A cotangent that turns with an arbitrary choice of basis or phase is refused: q must be Hermitian."""
    excess = np.absolute(q - adjoint(q))
    if q.size and bool(np.max(excess) > float(np.finfo(q.dtype).eps) ** 0.5 * np.max(np.absolute(q))):
        raise refuse(name, "a function that does not change with that choice, such as u @ u.conj().T, or "
                           "full_matrices=False")


def _check_zeros(parts: _Parts, values: Any, *vectors: Any) -> None:
    """Refuse a cotangent that reaches singular values 0 or their vectors, where both are used."""
    touched = False if values is None else values != 0
    for g in vectors:
        touched = touched | np.any(g != 0, axis=-2)
    if bool(np.any(parts.zero & touched)):
        raise refuse_group("svd with singular values 0 or")


#: What the sweeps asked of matrices with singular values 0: "values" that are 0, or "vectors".
_asked: dict[int, tuple[weakref.ref[Any], set[str]]] = {}


def _check_calls(a: Any, what: str) -> None:
    """Refuse values and vectors of one matrix in two calls, as ``_check_zeros`` does in one.

    In ``(u * s) @ vh`` with s from a call of its own the cotangent of a vector is 0 where s is, and would pass.
    """
    while is_traced(a):
        a = a.value
    key = id(a)
    if key not in _asked or _asked[key][0]() is not a:
        _asked[key] = weakref.ref(a, lambda _: _asked.pop(key, None)), set()
    _asked[key][1].add(what)
    if len(_asked[key][1]) > 1:
        raise refuse_group("svd with singular values 0 or")


def _svd_vjp(g: Any, y: Any, args: Any, full: bool) -> Any:
    parts = _Parts(y)
    gu, gs, gvh = g
    u, v, k = parts.u, parts.v, parts.k
    gv = None if gvh is None else adjoint(gvh)
    repeated = parts.groups and bool(np.any(in_group(parts.equal) & ~parts.zero))
    if parts.groups and gs is not None and bool(np.any(parts.zero & (gs != 0))):
        _check_calls(args[0], "values")
    if parts.groups and not (gu is None and gv is None):
        _check_zeros(parts, gs, *(c[..., :k] for c in (gu, gv) if c is not None))
        if bool(np.any(parts.zero)):
            _check_calls(args[0], "vectors")
        if repeated and SPLITTING.get() is None:
            raise refuse_group("svd", RepeatedValuesError)
    center: Any = 0 if gs is None else parts.values(gs)[..., None] * parts.one
    total: Any = 0
    phase: Any = 0
    skew: Any = 0
    for c, basis, own, other in ((gu, u, parts.column, parts.row), (gv, v, parts.row, parts.column)):
        if c is None:
            continue
        q = swap(basis) @ c
        inner, sign = q[..., :k, :k], 1 if basis is u else -1
        center = center + parts.factor * inner * own + adjoint(parts.factor * inner * other)
        phase, skew = phase + inner, skew + sign * inner
        if u.dtype.kind == "c":
            center = center + sign * 0.5j * np.imag(inner) * parts.one * parts.inverse
        if basis.shape[-2] > k:
            outside = (c[..., :k] - _conjugate(basis[..., :k]) @ inner) * parts.inverse
            if basis.shape[-1] > k:
                _check_gauge("svd's null vectors, of which NumPy returns an arbitrary basis,", q[..., k:, k:])
                if parts.groups and bool(np.any(parts.zero) & np.any(c[..., k:] != 0)):
                    raise refuse("svd's null vectors of a matrix without full rank", "full_matrices=False")
                outside = outside - _conjugate(basis[..., k:]) @ adjoint(q[..., :k, k:]) * parts.inverse
            total = total + (outside @ swap(v[..., :k]) if basis is u else
                             adjoint(outside @ swap(u[..., :k])))
    if repeated and type(phase) is not int:
        # Bases of a group turn together (phase), as eigenvectors do, and against each other (skew).
        apart = np.where(parts.equal & ~np.eye(k, dtype=bool), skew / np.where(
            parts.equal & ~parts.zero[..., None, :], 2 * (parts.column + parts.row), 1), 0)
        center = center + within_groups("svd", phase, parts.equal & ~parts.zero[..., None, :], gs)
        center = center + apart - adjoint(apart)
    if u.dtype.kind == "c" and type(phase) is not int:
        _check_gauge("svd's complex phases, of which NumPy returns an arbitrary choice,", phase * parts.one)
    return (total + _conjugate(u[..., :k]) @ center @ swap(v[..., :k]) if type(center) is not int else total,)


def _svd(a: Any, full: bool) -> tuple[Any, ...]:
    u, s, vh = np.linalg.svd(a, full)
    if SPLITTING.get() is None:
        return u, s, vh
    s, u, v = split(s, u, adjoint(vh))
    return u, s, adjoint(v)


SVD = general(_svd, name="svd", outputs=3, jvp=_svd_jvp, vjp=_svd_vjp)
_SVDResult = type(np.linalg.svd(np.eye(1)))


def _svdvals_jvp(y: Any, args: Any, tangents: Any) -> Any:
    parts = _Parts(SVD(args[0], full=False))
    return parts.values(real_of(np.sum(np.conjugate(parts.u) * (tangents[0] @ parts.v), axis=-2)))


def _svdvals_vjp(g: Any, y: Any, args: Any) -> Any:
    parts = _Parts(SVD(args[0], full=False))
    if parts.groups and bool(np.any(parts.zero & (g != 0))):
        _check_calls(args[0], "values")
    return ((_conjugate(parts.u) * parts.values(g)[..., None, :]) @ _conjugate(parts.vh),)


SVDVALS = general(lambda a: np.linalg.svd(a, compute_uv=False), name="svdvals", jvp=_svdvals_jvp, vjp=_svdvals_vjp)


@answers(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular values (descending) and vectors."""
    a = as_array(a)
    if SPLITTING.get() is not None and not compute_uv:
        return svd(a, False, True, hermitian)[1]
    if not hermitian:
        return _SVDResult(*SVD(a, full=bool(full_matrices))) if compute_uv else SVDVALS(a)
    if not compute_uv:
        return np.sort(np.absolute(EIGVALSH(a, UPLO="L")), axis=-1)[..., ::-1]
    w, v = EIGH(a, UPLO="L")
    order = np.argsort(np.absolute(w), axis=-1)[..., ::-1]
    w, v = np.take_along_axis(w, order, -1), np.take_along_axis(v, order[..., None, :], -1)
    return _SVDResult(v, np.absolute(w), adjoint(v * np.sign(w)[..., None, :]))


@answers(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """Singular values, descending."""
    return svd(x, compute_uv=False)


# --- QR -----------------------------------------------------------------------------------------------

def _upper(c: Any) -> Any:
    """The triangular part X of C = X + skew: upper + lower^H + real diagonal."""
    n = c.shape[-1]
    low, one = np.tri(n, k=-1, dtype=bool), np.eye(n, dtype=bool)
    return c * low.T + adjoint(c * low) + real_of(c) * one


def _upper_transposed(b: Any) -> Any:
    n = b.shape[-1]
    low, one = np.tri(n, k=-1, dtype=bool), np.eye(n, dtype=bool)
    return b * low.T + adjoint(b * low.T) + real_of(b) * one


def _leading_inverse(r: Any, k: int) -> Any:
    """The inverse of R's leading square; where that is singular Q is an arbitrary choice."""
    square = r[..., :k]
    if k:
        sizes = np.absolute(diagonal_of(square))
        limit = 4 * k * float(np.finfo(r.dtype).eps) * np.max(np.absolute(r), axis=(-2, -1))
        if bool(np.any(sizes <= limit[..., None])):
            raise refuse("qr of a matrix whose leading columns are dependent", "columns that are independent")
    return INV(square)


def _qr_jvp(y: Any, args: Any, tangents: Any) -> Any:
    (q, r), a, t = y, args[0], tangents[0]
    k = q.shape[-1]
    moved = t[..., :k] @ _leading_inverse(r, k)
    x = _upper(adjoint(q) @ moved)
    dq, dr = moved - q @ x, x @ r[..., :k]
    if a.shape[-1] > k:
        dr = np.concatenate([dr, adjoint(dq) @ a[..., k:] + adjoint(q) @ t[..., k:]], axis=-1)
    return dq, dr


def _qr_vjp(g: Any, y: Any, args: Any) -> Any:
    (gq, gr), (q, r), a = g, y, args[0]
    k = q.shape[-1]
    rest = None
    if gr is not None and a.shape[-1] > k:
        rest = _conjugate(q) @ gr[..., k:]
        beside = _conjugate(a[..., k:]) @ adjoint(gr[..., k:])
        gq = beside if gq is None else gq + beside
        gr = gr[..., :k]
    elif a.shape[-1] > k:
        rest = 0 * a[..., k:]
    b = (0 if gr is None else gr @ swap(r[..., :k])) - (0 if gq is None else swap(q) @ gq)
    outer = _conjugate(q) @ _upper_transposed(b)
    ga = (outer if gq is None else gq + outer) @ swap(_leading_inverse(r, k))
    return (ga if rest is None else np.concatenate([ga, rest], axis=-1),)


# A = Q R;  dQ = dA R^-1 - Q X,  dR = X R  with the upper triangular X of Q^H dA R^-1 = X + skew.  Of a
# wide matrix that holds for its leading square, and the other columns of R are Q^H A.
QR = general(lambda a: tuple(np.linalg.qr(a)), name="qr", outputs=2, jvp=_qr_jvp, vjp=_qr_vjp)
_QRResult = type(np.linalg.qr(np.eye(1)))


def _complement_jvp(y: Any, args: Any, tangents: Any) -> Any:
    moved = -adjoint(_left_inverse(args[0])) @ adjoint(tangents[0]) @ y
    if y.shape[-1] > 1 or y.dtype.kind == "c":  # columns turn against each other as LAPACK likes: ask reverse mode
        vectors_lost[0] += 1
        moved = np.nan * moved
    return moved


def _complement_vjp(g: Any, y: Any, args: Any) -> Any:
    _check_gauge("np.linalg.qr with mode='complete', whose added columns are an arbitrary basis,", swap(y) @ g)
    return (-_conjugate(y) @ adjoint(g) @ swap(_left_inverse(args[0])),)


def _left_inverse(a: Any) -> Any:
    q, r = QR(a)
    return _leading_inverse(r, a.shape[-1]) @ adjoint(q)


# The columns of Q beyond those of a tall A: Y^H A = 0, so that  A^+^H A^H dY = -A^+^H dA^H Y,  and Y turns within
# itself as LAPACK likes.
COMPLEMENT = general(lambda a: np.linalg.qr(a, "complete")[0][..., a.shape[-1]:], name="qr_complement",
                     jvp=_complement_jvp, vjp=_complement_vjp)


@answers(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns and a triangular factor."""
    a = as_array(a)
    if mode not in ("reduced", "r", "complete", "raw"):
        np.linalg.qr(np.eye(1), mode)  # type: ignore[call-overload]  # NumPy's own error
    if mode == "raw":
        raise refuse("np.linalg.qr with mode='raw'", 'mode="reduced"')
    q, r = QR(a)
    rows, columns = a.shape[-2:]
    if mode == "complete" and rows > columns:
        q = np.concatenate([q, COMPLEMENT(a)], axis=-1)
        r = np.concatenate([r, np.zeros((*a.shape[:-2], rows - columns, columns), r.dtype)], axis=-2)
    return r if mode == "r" else _QRResult(q, r)


# --- pseudoinverse and least squares ------------------------------------------------------------------

def _pinv(a: Any, rcond: Any, hermitian: bool = False) -> Any:
    return np.linalg.pinv(a, hermitian=hermitian) if rcond is None else np.linalg.pinv(a, rcond, hermitian)


def _eye_minus(x: Any) -> Any:
    return np.eye(x.shape[-1], dtype=x.dtype) - x


def _pinv_jvp(y: Any, args: Any, tangents: Any, rcond: Any, hermitian: bool = False) -> Any:
    a, t = args[0], tangents[0]
    th, yh = adjoint(t), adjoint(y)
    return -(y @ t @ y) + y @ yh @ th @ _eye_minus(a @ y) + _eye_minus(y @ a) @ th @ yh @ y


def _pinv_vjp(g: Any, y: Any, args: Any, rcond: Any, hermitian: bool = False) -> Any:
    a = args[0]
    yh = adjoint(y)
    first = swap(y @ yh) @ g @ swap(_eye_minus(a @ y))
    second = swap(_eye_minus(y @ a)) @ g @ swap(yh @ y)
    return (-(swap(y) @ g @ swap(y)) + adjoint(first + second),)


# Golub and Pereyra 1973, for a rank that does not change.
PINV = general(_pinv, name="pinv", jvp=_pinv_jvp, vjp=_pinv_vjp)


@answers(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NO_VALUE) -> Any:
    """Moore-Penrose inverse; the derivative is that at constant rank."""
    a = as_array(a)
    if rtol is not NO_VALUE and rtol is not None:
        rcond = rtol
    elif rtol is None:
        rcond = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    return PINV(hermitian_from(a, "L"), rcond=rcond, hermitian=True) if hermitian else PINV(a, rcond=rcond)


def _lstsq(a: Any, b: Any, rcond: Any) -> Any:
    return tuple(np.linalg.lstsq(a, b, rcond))


def _lstsq_jvp(y: Any, args: Any, tangents: Any, rcond: Any) -> Any:
    (x, squares, _, _), (a, b), (ta, tb) = y, args, tangents
    p = PINV(a, rcond=rcond)
    rest = b - a @ x
    forced = tb if ta is None else -(ta @ x) if tb is None else tb - ta @ x
    dx = p @ forced
    if ta is not None:
        ph, th = adjoint(p), adjoint(ta)
        dx = dx + p @ (ph @ (th @ rest)) + _eye_minus(p @ a) @ (th @ (ph @ x))
    ds = None if ta is None else _svdvals_jvp(None, args, tangents)
    return dx, 2 * _inner_real(rest, forced) if squares.shape[0] else squares, None, ds


def _inner_real(a: Any, b: Any) -> Any:
    return np.sum(real_of(_conjugate(a) * b), axis=0)


def _lstsq_vjp(g: Any, y: Any, args: Any, rcond: Any) -> Any:
    (gx, gs, _, gv), (x, squares, _, _), (a, b) = g, y, args
    ga: Any = 0 * a if gv is None else _svdvals_vjp(gv, None, args)[0]
    gb: Any = 0 * b
    rest = b - a @ x
    if gx is not None:
        p = PINV(a, rcond=rcond)
        ph = adjoint(p)
        gb = swap(p) @ gx
        first = swap(p @ ph) @ gx @ swap(rest)
        ga = ga + adjoint(first + swap(_eye_minus(p @ a)) @ gx @ swap(ph @ x)) - gb @ swap(x)
    if gs is not None and squares.shape[0]:  # the residual is orthogonal to what x moves
        forced = 2 * gs * _conjugate(rest)
        ga, gb = ga - forced @ swap(x), gb + forced
    return ga, gb


LSTSQ = general(_lstsq, name="lstsq", outputs=4, jvp=_lstsq_jvp, vjp=_lstsq_vjp)
RANK = Flat(lambda a, **params: np.linalg.matrix_rank(a, **params), name="matrix_rank")


@answers(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Least squares: the solution, the residuals, the rank and the singular values."""
    a, b = as_array(a), as_array(b)
    if rcond is None:
        rcond = float(np.finfo(a.dtype).eps) * max(a.shape)
    x, squares, rank, s = LSTSQ(a, b[:, None] if b.ndim == 1 else b, rcond=rcond)
    return x[:, 0] if b.ndim == 1 else x, squares, rank, s


@answers(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """A step function."""
    options = {"tol": tol, "hermitian": hermitian, **({} if rtol is None else {"rtol": rtol})}
    return RANK(as_array(A), **options)


@answers(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Ratio of the extreme singular values, or norm times norm of the inverse."""
    x = as_array(x)
    if p is None or p in (2, -2):
        s = SVDVALS(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(INV(x), p, (-2, -1))

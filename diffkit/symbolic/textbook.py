"""Tangents of functions that are no elementwise row: formulas of matrix calculus and of choices.

Written here on purpose a second time, not taken from the rule table: this route has to be able to
disagree with it.  Sources: Petersen and Pedersen, The Matrix Cookbook (2012), sections 2.1-2.2 for the
inverse and determinant; Murray, Differentiation of the Cholesky decomposition (2016), equation 8;
Magnus, On differentiating eigenvalues and eigenvectors (1985), for symmetric matrices.

``FIRST[name](node, values, tangents, **params)`` gives the result's tangent, None among the tangents
being zero.  ``SECOND[name](node, values, a, b, both, **params)`` gives the second one, for first tangents
a and b of the operands and their second tangent ``both``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.exact.registry import NotExact, check_parameters

Formula = Callable[..., Any]
FIRST: dict[str, Formula] = {}
SECOND: dict[str, Formula] = {}


def first(*names: str) -> Callable[[Formula], Formula]:
    """Register a formula under rules' names."""
    def register(formula: Formula) -> Formula:
        for name in names:
            FIRST[name] = formula
        return formula
    return register


def second(*names: str) -> Callable[[Formula], Formula]:
    """Register a formula for second tangents."""
    def register(formula: Formula) -> Formula:
        for name in names:
            SECOND[name] = formula
        return formula
    return register


def piecewise_linear(*names: str) -> None:
    """The second tangent obeys the same formula: nothing bends between the jumps."""
    for name in names:
        def formula(node: Any, values: Any, a: Any, b: Any, both: Any, _own: str = name, **params: Any) -> Any:
            check_parameters(FIRST[_own], _own, params)
            return FIRST[_own](node, values, both, **params) if any(t is not None for t in both) else None
        SECOND[name] = formula


piecewise_linear("where", "max", "min", "maximum", "minimum", "fmax", "fmin", "sort", "partition", "take_along_axis",
                 "masked_sum", "unwrap", "real", "imag", "mantissa", "ldexp", "copysign", "fmod")


# --- choices ---------------------------------------------------------------------------------------

@first("where")
def _where(node: Any, values: Any, tangents: Any) -> Any:
    yes, no = (0.0 if t is None else t for t in tangents[1:])
    return np.where(values[0], yes, no)


def _chosen(node: Any, values: Any, tangents: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of the tangents of the entries that are the extreme."""
    y = node.value if keepdims or axis is None else np.expand_dims(node.value, axis)
    ties = np.asarray(values[0] == y, float)
    return np.sum(ties * tangents[0], axis=axis, keepdims=keepdims) / np.sum(ties, axis=axis, keepdims=keepdims)


FIRST["max"] = FIRST["min"] = _chosen


@first("maximum", "minimum", "fmax", "fmin")
def _larger(node: Any, values: Any, tangents: Any) -> Any:
    left, right = (np.asarray(value == node.value, float) for value in values)
    s, t = (0.0 if t is None else t for t in tangents)
    return (left * s + right * t) / (left + right)


@first("sort")
def _sort(node: Any, values: Any, tangents: Any, axis: Any = -1, kind: Any = None) -> Any:
    """The sorted entries' own tangents; equal entries move by their mean."""
    a, t = values[0], tangents[0]
    if axis is None:
        a, t, axis = np.ravel(a), np.ravel(t), 0
    order = np.argsort(a, axis=axis, kind="stable")
    keys, moves = (np.moveaxis(np.take_along_axis(part, order, axis), axis, -1) for part in (a, t))
    ties = keys[..., :, None] == keys[..., None, :]
    means = np.einsum("...ij,...j->...i", ties / np.sum(ties, axis=-1, keepdims=True), moves)
    return np.moveaxis(np.where(np.sum(ties, axis=-1) > 1, means, moves), -1, axis)


@first("partition")
def _partition(node: Any, values: Any, tangents: Any, axis: int = -1, kth: Any = None) -> Any:
    """The sorted tangents, in the places where the result has its entries."""
    out = np.empty(np.shape(node.value))
    np.put_along_axis(out, np.argsort(node.value, axis=axis, kind="stable"),
                      _sort(node, values, tangents, axis), axis)
    return out


@first("take_along_axis")
def _take_along(node: Any, values: Any, tangents: Any, axis: int = -1) -> Any:
    return np.take_along_axis(tangents[0], np.asarray(values[1]), axis)


@first("unwrap")
def _unwrap(node: Any, values: Any, tangents: Any, period: Any = None, discont: Any = None, axis: int = -1) -> Any:
    return tangents[0]


@first("interp")
def _interp(node: Any, values: Any, tangents: Any) -> Any:
    """y = f_j + m (x - x_j) with m = (f_k - f_j) / (x_k - x_j) in the cell j, k = j + 1."""
    x, xp, fp = values[:3]
    tx, txp, tfp = (np.zeros(np.shape(v)) if t is None else t for v, t in zip(values[:3], tangents[:3]))
    ends = [None if t is None else t for t in (*tangents[3:5], None, None)[:2]]
    j = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(len(xp) - 2, 0))
    k = np.minimum(j + 1, len(xp) - 1)
    width = np.where(j == k, 1.0, xp[k] - xp[j])
    slope = (fp[k] - fp[j]) / width
    moved = (tfp[k] - tfp[j] - slope * (txp[k] - txp[j])) / width
    inside = tfp[j] + moved * (x - xp[j]) + slope * (tx - txp[j])
    given = [*values[3:5], None, None][:2]
    low = tfp[0] if given[0] is None else 0.0 if ends[0] is None else ends[0]
    high = tfp[-1] if given[1] is None else 0.0 if ends[1] is None else ends[1]
    return np.where(x < xp[0], low, np.where(x > xp[-1], high, inside))


# --- products and norms ------------------------------------------------------------------------------

@first("accumulate")
def _accumulate(node: Any, values: Any, tangents: Any, ufunc: str = "", axis: int = 0) -> Any:
    """The recurrence y_k = f(y_(k-1), a_k), differentiated a step at a time."""
    if ufunc not in ("multiply", "maximum", "minimum", "divide", "subtract"):
        raise NotExact(f"np.{ufunc}.accumulate has no formula for its derivative here")
    a, t, y = (np.moveaxis(np.asarray(part, float), axis, 0) for part in (values[0], tangents[0], node.value))
    out = np.array(t)
    for k in range(1, len(a)):
        if ufunc == "multiply":
            out[k] = out[k - 1] * a[k] + y[k - 1] * t[k]
        elif ufunc == "divide":
            out[k] = (out[k - 1] - y[k] * t[k]) / a[k]
        elif ufunc == "subtract":
            out[k] = out[k - 1] - t[k]
        else:
            old, new = y[k] == y[k - 1], y[k] == a[k]
            out[k] = np.where(old & new, 0.5 * (out[k - 1] + t[k]), np.where(new, t[k], out[k - 1]))
    return np.moveaxis(out, 0, axis)


@first("norm2")
def _norm2(node: Any, values: Any, tangents: Any, axis: Any = -1) -> Any:
    """Re(conj(x) t) / |x|; at x = 0 the shortest subgradient, 0."""
    size = np.asarray(node.value)
    moved = np.sum(np.real(np.conj(values[0]) * tangents[0]), axis=axis)
    return np.where(size == 0, 0.0, moved / np.where(size == 0, 1.0, size))


@second("norm2")
def _norm2_second(node: Any, values: Any, a: Any, b: Any, both: Any, axis: Any = -1) -> Any:
    x, size = values[0], np.asarray(node.value)
    u, v, w = (np.zeros(np.shape(x)) if t[0] is None else t[0] for t in (a, b, both))
    along = [np.sum(np.real(np.conj(x) * t), axis=axis) for t in (u, v)]
    bend = np.sum(np.real(np.conj(u) * v) + np.real(np.conj(x) * w), axis=axis)
    return (bend - along[0] * along[1] / size ** 2) / size


@first("norm_p")
def _norm_p(node: Any, values: Any, tangents: Any, p: float = 2.0, axis: Any = -1) -> Any:
    if np.asarray(values[0]).dtype.kind == "c":
        raise NotExact("a p-norm of complex numbers has no formula for its derivative here")
    size = np.expand_dims(node.value, axis)
    ratio = np.abs(values[0]) / np.where(size == 0, 1.0, size)
    weight = np.sign(values[0]) * np.where(ratio == 0, 0.0, np.where(ratio == 0, 1.0, ratio) ** (p - 1))
    return np.sum(weight * tangents[0], axis=axis)


@first("spread_root")
def _spread_root(node: Any, values: Any, tangents: Any) -> Any:
    """The square root at the end of a standard deviation; of constant data 0."""
    dead = np.asarray(values[1], bool) | (node.value == 0)
    return np.where(dead, 0.0, 0.5 * tangents[0] / np.where(dead, 1.0, node.value))


@second("spread_root")
def _spread_root_second(node: Any, values: Any, a: Any, b: Any, both: Any) -> Any:
    y = node.value
    u, v, w = (0.0 if t[0] is None else t[0] for t in (a, b, both))
    return 0.5 * w / y - 0.25 * u * v / y ** 3


@first("prod")
def _prod(node: Any, values: Any, tangents: Any, axis: Any = -1, keepdims: bool = False, dtype: Any = None) -> Any:
    """The sum of the products with one factor exchanged: nothing is divided by."""
    a, t = np.asarray(values[0]), np.broadcast_to(tangents[0], np.shape(values[0]))
    axes = tuple(range(a.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)
    order = (*axes, *(i for i in range(a.ndim) if i not in axes))
    rest = tuple(a.shape[i] for i in order[len(axes):])
    rows, moves = (np.transpose(part, order).reshape((-1, *rest)) for part in (a, t))
    total = np.zeros(rest)
    for k in range(len(rows)):
        total = total + moves[k] * np.prod(np.delete(rows, k, 0), axis=0)
    return np.reshape(total, np.shape(node.value))


@first("logaddexp_reduce")
def _log_sum(node: Any, values: Any, tangents: Any) -> Any:
    return np.sum(np.exp(values[0] - np.asarray(node.value)[..., None]) * tangents[0], axis=-1)


@first("masked_sum")
def _masked_sum(node: Any, values: Any, tangents: Any, axis: Any = None, keepdims: bool = False,
                dtype: Any = None) -> Any:
    a, start, _mask = tangents
    total = 0.0 if a is None else np.sum(np.where(values[2], a, 0.0), axis=axis, keepdims=keepdims)
    return total if start is None else total + start


@second("logaddexp_reduce")
def _log_sum_second(node: Any, values: Any, a: Any, b: Any, both: Any) -> Any:
    """Mean of w + u v, minus the product of the means of u and v, by the softmax weights."""
    p = np.exp(values[0] - np.asarray(node.value)[..., None])
    u, v, w = (np.zeros(np.shape(p)) if t[0] is None else t[0] for t in (a, b, both))
    return np.sum(p * (w + u * v), axis=-1) - np.sum(p * u, axis=-1) * np.sum(p * v, axis=-1)


# --- complex numbers as functions of real inputs --------------------------------------------------------

@first("real")
def _real(node: Any, values: Any, tangents: Any) -> Any:
    return np.real(tangents[0])


@first("imag")
def _imag(node: Any, values: Any, tangents: Any) -> Any:
    return np.imag(tangents[0])


@first("absolute")
def _absolute(node: Any, values: Any, tangents: Any) -> Any:
    z = np.asarray(values[0])
    if z.dtype.kind != "c":
        return np.sign(z) * tangents[0]
    size = np.abs(z)
    return np.real(np.conj(z) * tangents[0]) / np.where(size == 0, 1.0, size)


@second("absolute")
def _absolute_second(node: Any, values: Any, a: Any, b: Any, both: Any) -> Any:
    z = np.asarray(values[0])
    if z.dtype.kind != "c":
        return None if both[0] is None else np.sign(z) * both[0]
    u, v, w = (0.0 if t[0] is None else t[0] for t in (a, b, both))
    size = np.abs(z)
    return (np.real(np.conj(u) * v) + np.real(np.conj(z) * w)) / size - (
        np.real(np.conj(z) * u) * np.real(np.conj(z) * v)) / size ** 3


# --- elementwise rows without a column -------------------------------------------------------------------

@first("fmod")
def _fmod(node: Any, values: Any, tangents: Any) -> Any:
    s, t = (0.0 if t is None else t for t in tangents)
    return s - np.trunc(np.divide(*values)) * t


@first("copysign")
def _copysign(node: Any, values: Any, tangents: Any) -> Any:
    return None if tangents[0] is None else np.sign(values[0]) * np.copysign(1.0, values[1]) * tangents[0]


@first("mantissa")
def _mantissa(node: Any, values: Any, tangents: Any) -> Any:
    return np.ldexp(tangents[0], -np.frexp(values[0])[1])


@first("ldexp")
def _ldexp(node: Any, values: Any, tangents: Any) -> Any:
    return None if tangents[0] is None else np.ldexp(tangents[0], values[1])


# --- matrices ----------------------------------------------------------------------------------------------

def _swap(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


@first("inv")
def _inv(node: Any, values: Any, tangents: Any) -> Any:
    return -node.value @ tangents[0] @ node.value


@second("inv")
def _inv_second(node: Any, values: Any, a: Any, b: Any, both: Any) -> Any:
    y = node.value
    u, v, w = (0.0 * values[0] if t[0] is None else t[0] for t in (a, b, both))
    return y @ u @ y @ v @ y + y @ v @ y @ u @ y - y @ w @ y


@first("solve")
def _solve(node: Any, values: Any, tangents: Any) -> Any:
    a, b = values
    da, db = tangents
    y = np.asarray(node.value)
    right = np.zeros(np.shape(y)) if db is None else db
    if da is not None:
        right = right - (np.einsum("...ij,...j->...i", da, y) if np.ndim(b) == 1 else da @ y)
    return np.linalg.solve(a, right[..., None])[..., 0] if np.ndim(b) == 1 else np.linalg.solve(a, right)


@second("solve")
def _solve_second(node: Any, values: Any, a: Any, b: Any, both: Any) -> Any:
    # A x = c:  A x'' = c'' - A'' x - A_u x_v - A_v x_u
    def product(m: Any, v: Any) -> Any:
        if m is None:
            return 0.0
        return np.einsum("...ij,...j->...i", m, v) if np.ndim(values[1]) == 1 else m @ v

    def solved(m: Any) -> Any:
        return np.linalg.solve(values[0], m[..., None])[..., 0] if np.ndim(values[1]) == 1 else (
            np.linalg.solve(values[0], m))

    zero = np.zeros(np.shape(node.value))
    along = [_solve(node, values, t) if any(x is not None for x in t) else zero for t in (a, b)]
    right = zero if both[1] is None else both[1]
    right = right - product(both[0], node.value) - product(a[0], along[1]) - product(b[0], along[0])
    return solved(np.broadcast_to(right, zero.shape))


@first("det")
def _det(node: Any, values: Any, tangents: Any) -> Any:
    """det(A) is linear in each column, so its tangent is a sum of determinants (no inverse needed)."""
    a, t = values[0], tangents[0]
    total = 0.0
    for j in range(a.shape[-1]):
        exchanged = np.array(np.broadcast_to(a, t.shape), dtype=np.result_type(a, t))
        exchanged[..., :, j] = t[..., :, j]
        total = total + np.linalg.det(exchanged)
    return total


@first("slogdet")
def _slogdet(node: Any, values: Any, tangents: Any) -> Any:
    trace = np.trace(np.linalg.solve(values[0], tangents[0]), axis1=-2, axis2=-1)
    return np.zeros(np.shape(trace)), np.real(trace)


@first("cholesky")
def _cholesky(node: Any, values: Any, tangents: Any, upper: bool = False) -> Any:
    """L Phi(L^-1 dA L^-T), Phi taking the lower triangle and half the diagonal; dA from the triangle read."""
    lower = _swap(node.value) if upper else node.value
    half = np.tril(_swap(tangents[0]) if upper else tangents[0], -1)
    diagonal = np.einsum("...ii->...i", tangents[0])
    full = half + _swap(half) + diagonal[..., None] * np.eye(lower.shape[-1])
    inner = np.linalg.solve(lower, _swap(np.linalg.solve(lower, full)))
    phi = np.tril(inner, -1) + 0.5 * np.einsum("...ii->...i", inner)[..., None] * np.eye(lower.shape[-1])
    tangent = lower @ phi
    return _swap(tangent) if upper else tangent


@first("pinv")
def _pinv(node: Any, values: Any, tangents: Any, rcond: Any = None) -> Any:
    """At constant rank (Golub and Pereyra 1973, equation 4.12)."""
    a, t, y = values[0], tangents[0], node.value
    conj = np.conj(_swap(t))
    left = np.eye(a.shape[-2]) - a @ y
    right = np.eye(a.shape[-1]) - y @ a
    return -y @ t @ y + y @ np.conj(_swap(y)) @ conj @ left + right @ conj @ np.conj(_swap(y)) @ y


@first("svdvals")
def _svdvals(node: Any, values: Any, tangents: Any) -> Any:
    """u_j^H dA v_j, for singular values that are distinct and not zero."""
    u, _s, vh = np.linalg.svd(values[0], full_matrices=False)
    return np.real(np.einsum("...ij,...ik,...jk->...j", np.conj(u), tangents[0], np.conj(vh)))


@first("eigvalsh")
def _eigvalsh(node: Any, values: Any, tangents: Any, UPLO: str = "L") -> Any:
    _, vectors = np.linalg.eigh(values[0], UPLO)  # type: ignore[call-overload]
    moved = _symmetric(tangents[0], UPLO)
    return np.real(np.einsum("...ji,...jk,...ki->...i", np.conj(vectors), moved, vectors))


@first("eigh")
def _eigh(node: Any, values: Any, tangents: Any, UPLO: str = "L") -> Any:
    w, v = node.value
    inner = np.conj(_swap(v)) @ _symmetric(tangents[0], UPLO) @ v
    gaps = w[..., None, :] - w[..., :, None]
    safe = np.where(gaps == 0, 1.0, gaps)
    return np.real(np.einsum("...ii->...i", inner)), v @ np.where(gaps == 0, 0.0, inner / safe)


def _symmetric(t: Any, uplo: str) -> Any:
    """The Hermitian matrix whose one triangle NumPy reads."""
    half = np.tril(t, -1) if uplo.upper() == "L" else np.triu(t, 1)
    diagonal = np.real(np.einsum("...ii->...i", t))
    return half + np.conj(_swap(half)) + diagonal[..., None] * np.eye(t.shape[-1])

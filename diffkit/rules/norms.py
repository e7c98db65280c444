"""Norms of vectors and matrices.

The 2-norm and the p-norms are rows, whose derivative at a zero vector is 0 (the
minimum-norm subgradient); the others are made of sums, extrema and singular values and
take their conventions.  Ratios to the norm are formed before powers are taken: nothing
overflows that the norm itself does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, expand, normal_axes, normal_axis
from diffkit.rules.kinds import answers, general
from diffkit.rules.roots import anywhere, note, real_square, square_of
from diffkit.rules.singular import SVDVALS


def _expanded(y: Any, axis: Any) -> Any:
    return y if axis is None else np.expand_dims(y, axis)


def _unit(y: Any, x: Any, axis: Any) -> Any:
    """conj(x)/|x|, 0 for a zero vector."""
    y = _expanded(y, axis)
    zero = y == 0
    unit = np.where(zero, 0, x / np.where(zero, 1, y))
    return np.conjugate(unit) if x.dtype.kind == "c" else unit


def _sum_real(products: Any, axis: Any) -> Any:
    return np.sum(np.real(products) if products.dtype.kind == "c" else products, axis=axis)


#: Over an axis, a pair of axes (a matrix), or None for all of a vector.
NORM2 = general(lambda x, axis: np.linalg.norm(x, axis=axis), name="norm2",
                jvp=lambda y, args, tangents, axis: _sum_real(_unit(y, args[0], axis) * tangents[0], axis),
                vjp=lambda g, y, args, axis: (_expanded(g, axis) * _unit(y, args[0], axis),))


def _norm2(x: Any, axis: Any) -> Any:
    """The 2-norm over an axis, two, or (None) of all entries, which knows its square."""
    flat = np.reshape(x, (-1,)) if axis is None else x
    y = _of_roots(flat, axis) if getattr(x, "root", None) else NORM2(flat, axis=axis)
    return note(y, f"norm2 {axis}", lambda x: np.sum(real_square(x), axis=axis), x)


def _of_roots(x: Any, axis: Any) -> Any:
    """The 2-norm of roots; those that are 0 move it by their squares: |x| = |rest| sqrt(1 + squares/|rest|^2)."""
    zero = x == 0
    if not anywhere(zero):
        return NORM2(x, axis=axis)
    squares, rest = np.sum(np.where(zero, square_of(x), 0), axis=axis), NORM2(np.where(zero, 0, x), axis=axis)
    alone = rest == 0
    length = np.where(alone, 1, rest)
    return np.where(alone, NORM2(x, axis=axis), length * np.sqrt(1 + np.where(alone, 0, squares / (length * length))))


def _slope(y: Any, x: Any, p: float, axis: Any) -> Any:
    """sign(x) (|x|/y)^(p-1), 0 where x or y is 0."""
    y = _expanded(y, axis)
    still = (y == 0) | (x == 0)
    ratio = np.absolute(np.where(still, 1, x)) / np.where(still, 1, y)
    sign = np.sign(x)
    return np.where(still, 0, (np.conjugate(sign) if x.dtype.kind == "c" else sign) * ratio ** (p - 1))


NORM_P = general(lambda x, p, axis: np.linalg.norm(x, p, axis=axis), name="norm_p",
                 jvp=lambda y, args, tangents, p, axis: _sum_real(_slope(y, args[0], p, axis) * tangents[0], axis),
                 vjp=lambda g, y, args, p, axis: (_expanded(g, axis) * _slope(y, args[0], p, axis),))


def _vector(x: Any, ord: Any, axis: Any) -> Any:
    """The norm of order ``ord`` over one axis."""
    if ord is None or ord == 2:
        return _norm2(x, axis)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == np.inf:
        return np.max(np.absolute(x), axis=axis)
    if ord == -np.inf:
        return np.min(np.absolute(x), axis=axis)
    if ord == 0:
        return np.sum((x != 0).astype(np.absolute(x).dtype), axis=axis)
    if ord == 1:
        return np.sum(np.absolute(x), axis=axis)
    return NORM_P(x, p=ord, axis=axis)


def _matrix(x: Any, ord: Any, row: int, column: int) -> Any:
    """The norm of order ``ord`` of the matrices in two axes."""
    if ord in (None, "fro", "f"):
        return _norm2(x, (row, column))
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (row, column) if ord in (1, -1) else (column, row)
        sums = np.sum(np.absolute(x), axis=inner)
        left = outer - (inner < outer)
        return np.max(sums, axis=left) if ord > 0 else np.min(sums, axis=left)
    if ord not in (2, -2, "nuc"):
        raise ValueError("Invalid norm order for matrices.")
    s = SVDVALS(np.moveaxis(x, (row, column), (-2, -1)))
    return np.sum(s, axis=-1) if ord == "nuc" else s[..., 0 if ord == 2 else -1]


@answers(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Any of NumPy's norms, of the whole array, of vectors or of matrices."""
    x = as_array(x)
    places = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if axis is None and (ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1)):
        y = _norm2(x, None)
    elif len(places) == 1:
        y = _vector(x, ord, normal_axis(places[0], x.ndim))
    elif len(places) == 2:
        row, column = (normal_axis(place, x.ndim) for place in places)
        if row == column:
            raise ValueError("Duplicate axes given.")
        y = _matrix(x, ord, row, column)
    else:
        raise ValueError("Improper number of dimensions to norm.")
    return _expanded_with_note(y, axis, x.ndim) if keepdims else y


def _expanded_with_note(y: Any, axis: Any, ndim: int) -> Any:
    root = getattr(y, "root", None)
    y = expand(y, axis, ndim)
    if root:
        name, square, dead, *parts = root
        y.root = f"{name} expanded", lambda *args: expand(square(*args), axis, ndim), dead, *parts
    return y


@answers(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm over one or several axes taken as one vector."""
    x = as_array(x)
    if not x.ndim:
        return np.absolute(x)
    if axis is None or isinstance(axis, tuple):  # one vector, in front as NumPy has it
        places = [normal_axis(i, x.ndim) for i in (range(x.ndim) if axis is None else axis)]
        rest = [i for i in range(x.ndim) if i not in places]
        merged = np.reshape(np.transpose(x, places + rest), (-1, *(x.shape[i] for i in rest)))
        y = _vector(merged, ord, 0)
    else:
        y = _vector(x, ord, normal_axis(axis, x.ndim))
    return _expanded_with_note(y, normal_axes(axis, x.ndim), x.ndim) if keepdims else y


@answers(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norms of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)

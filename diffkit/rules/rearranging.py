"""Functions that move entries: roll, flip, tile, repeat, diagonals, delete, insert …

Each is linear, and NumPy itself says where an entry goes: the same function, applied to
the entries' numbers 0, 1, 2, …, tells for each place of the result the entry it came
from.  The adjoint adds every place's cotangent to that entry.  So one line states a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from diffkit.rules.calls import as_array, plain, refuse, refuse_out
from diffkit.rules.indexing import GETITEM, SCATTER
from diffkit.rules.kinds import Linear, answers, linear
from diffkit.rules.shapes import RESHAPE


def moving(fun: Callable[..., Any], name: str = "") -> Linear:
    """A row for a function that only moves (drops, repeats) entries of its first argument."""

    def adjoint(g: Any, shapes: Any, i: int, **params: Any) -> Any:
        size = math.prod(shapes[0])
        origin = fun(np.arange(size).reshape(shapes[0]), **params)
        flat = SCATTER(RESHAPE(g, shape=(-1,)), index=origin.ravel(), shape=(size,))
        return RESHAPE(flat, shape=shapes[0])

    return linear(fun, adjoint, name=name or fun.__name__)


FLIP: Linear = linear(np.flip, lambda g, shapes, i, axis: FLIP(g, axis=axis), name="flip")
ROLL: Linear = linear(np.roll, lambda g, shapes, i, shift, axis: ROLL(g, shift=_negative(shift), axis=axis),
                      name="roll")
ROT90 = moving(np.rot90)
TILE = moving(lambda A, reps: np.tile(A, reps), "tile")
REPEAT = moving(np.repeat)
RESIZE = moving(lambda a, new_shape: np.resize(a, new_shape), "resize")
DELETE = moving(np.delete)
DIAGONAL = moving(np.diagonal)
DIAG: Linear = linear(np.diag, lambda g, shapes, i, k: DIAGONAL(g, offset=k, axis1=0, axis2=1), name="diag")


def _negative(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, tuple) else -shift


@answers(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """Entries in reverse order along axes."""
    return FLIP(as_array(m), axis=axis)


@answers(np.fliplr)
def fliplr(m: Any) -> Any:
    """Columns in reverse order."""
    m = as_array(m)
    if len(m.shape) < 2:
        raise ValueError("Input must be >= 2-d.")
    return FLIP(m, axis=1)


@answers(np.flipud)
def flipud(m: Any) -> Any:
    """Rows in reverse order."""
    m = as_array(m)
    if len(m.shape) < 1:
        raise ValueError("Input must be >= 1-d.")
    return FLIP(m, axis=0)


@answers(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Entries shifted around."""
    shift = plain(shift)
    if not np.ndim(shift) and axis is None:
        return ROLL(as_array(a), shift=int(shift), axis=None)
    shift = tuple(np.ravel(shift).tolist()) if np.ndim(shift) else int(shift)
    return ROLL(as_array(a), shift=shift, axis=tuple(axis) if type(axis) is list else axis)


@answers(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """A plane turned by 90 degrees, k times."""
    return ROT90(as_array(m), k=k, axes=tuple(axes))


@answers(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """Copies side by side."""
    return TILE(as_array(A), reps=plain(reps))


@answers(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Every entry several times."""
    return REPEAT(as_array(a), repeats=plain(repeats), axis=axis)


@answers(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Another size, entries starting over when they run out."""
    return RESIZE(as_array(a), new_shape=new_shape)


@answers(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """Without some slices along an axis."""
    return DELETE(as_array(arr), obj=plain(obj), axis=axis)


@answers(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of a stack of matrices, along the last axis."""
    return DIAGONAL(as_array(a), offset=offset, axis1=axis1, axis2=axis2)


@answers(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    v = as_array(v)
    if len(v.shape) == 2:
        return DIAGONAL(v, offset=k, axis1=0, axis2=1)
    return DIAG(v, k=k)


@answers(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix whose diagonal has all these entries."""
    return DIAG(np.ravel(as_array(v)), k=k)


@answers(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum of the diagonal."""
    refuse_out("trace", out)
    return np.sum(DIAGONAL(as_array(a), offset=offset, axis1=axis1, axis2=axis2), axis=-1, dtype=dtype)


def _triangle(m: Any, k: int) -> Any:
    """True on and below a diagonal."""
    return np.tri(*m.shape[-2:], k=k, dtype=bool)  # type: ignore[call-overload]


@answers(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """The entries on and below a diagonal, zero elsewhere."""
    m = as_array(m)
    return np.where(_triangle(m, k), m, 0)


@answers(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """The entries on and above a diagonal, zero elsewhere."""
    m = as_array(m)
    return np.where(_triangle(m, k - 1), 0, m)


@answers(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """Without the zeros at the ends; which entries are zero is a path condition."""
    filt = as_array(filt)
    nonzero = np.asarray(plain(filt != 0))
    shape = nonzero.shape
    # NumPy trims an array that tells the entries' numbers: 0 where the entry is zero.
    places = np.where(nonzero, np.arange(1, nonzero.size + 1).reshape(shape), 0)
    kept = np.trim_zeros(places, trim, axis) if axis is not None else np.trim_zeros(places, trim)
    if not kept.size:
        return filt[tuple(slice(0, n) for n in kept.shape)]
    inside = kept[kept > 0]
    first = np.array(np.unravel_index(inside[0] - 1, shape)) - np.array(np.argwhere(kept)[0])
    return filt[tuple(slice(int(s), int(s) + n) for s, n in zip(first, kept.shape))]


@answers(sliding_window_view)
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False,
                         writeable: bool = False) -> Any:
    """Windows on neighbouring entries, in axes of their own; not to be written to, as entries are shared."""
    x = as_array(x)
    if writeable:
        raise refuse("lib.stride_tricks.sliding_window_view", "writeable=True", "an array of its own: a copy")
    places = sliding_window_view(np.arange(x.size).reshape(x.shape), window_shape, axis)
    return GETITEM(np.reshape(x, (-1,)), index=places.copy())


@answers(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """New slices before given places along an axis."""
    arr, values = as_array(arr), as_array(values)
    if values.dtype != arr.dtype:
        values = values.astype(arr.dtype)
    size = math.prod(arr.shape)
    count = math.prod(values.shape)
    origin = np.insert(np.arange(size).reshape(arr.shape), plain(obj),
                       size + np.arange(count).reshape(values.shape), axis)
    return GETITEM(np.concatenate([RESHAPE(arr, shape=(-1,)), RESHAPE(values, shape=(-1,))]), index=origin)


@answers(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> Any:
    """Writes in place: refused here."""
    raise refuse("fill_diagonal", "a differentiated array", "np.where(np.eye(*a.shape, dtype=bool), val, a)")

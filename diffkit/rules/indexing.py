"""Indexing and its adjoint, scatter.  Each is the other's adjoint, and both are rows,
so second derivatives of programs that index need nothing more.

An index of the basic kind (integers, slices, ``...``, ``None``) never names an entry
twice, so its scatter is an assignment; an index array may, so its scatter is a sum.
Functions with an index argument (take, compress, …) are written as indexing.  Only
``take_along_axis`` has rows of its own, whose index is an operand: sorting records the
order it found, and a recorded program finds it anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, is_traced, normal_axis, plain, refuse_out
from diffkit.rules.kinds import FUNCTIONS, Flat, General, Linear, answers, general, linear


def _is_basic(index: Any) -> bool:
    if type(index) is tuple:
        return all(_is_basic(item) for item in index)
    if type(index) is bool or type(index) is np.bool_:
        return False
    return isinstance(index, (int, slice, np.integer)) or index is None or index is Ellipsis


def add_at(buffer: Any, index: Any, g: Any) -> None:
    """``buffer[index] += g`` counting repeated entries, in place on a plain array."""
    if _is_basic(index) or (isinstance(index, np.ndarray) and index.dtype == bool):
        buffer[index] += g
        return
    if type(index) is tuple and np.size(g) * 8 >= buffer.size and buffer.flags.c_contiguous:
        # One flat index array is several times faster for ufunc.at than mixed ones.
        places = np.arange(buffer.size).reshape(buffer.shape)[index]
        buffer, g, index = buffer.reshape(-1), np.broadcast_to(g, places.shape).ravel(), places.ravel()
    np.add.at(buffer, index, g)


def _getitem(a: Any, index: Any) -> Any:
    return a[index]


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, g.dtype)
    add_at(out, index, g)
    return out


GETITEM: Linear = linear(_getitem, lambda g, shapes, i, index: SCATTER(g, index=index, shape=shapes[0]),
                         name="getitem")
SCATTER: Linear = linear(_scatter, lambda g, shapes, i, index, shape: GETITEM(g, index=index), name="scatter")


# --- along an axis ---------------------------------------------------------------------------

def _put_along(g: Any, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    size = int(np.prod(shape))
    places = np.take_along_axis(np.arange(size).reshape(shape), indices, axis)
    out = np.zeros(size, g.dtype)
    np.add.at(out, places.ravel(), np.broadcast_to(g, places.shape).ravel())
    return out.reshape(shape)


TAKE_ALONG: General = general(
    lambda a, indices, axis: np.take_along_axis(a, indices, axis), name="take_along_axis",
    jvp=lambda y, args, tangents, axis: TAKE_ALONG(tangents[0], args[1], axis=axis),
    vjp=lambda g, y, args, axis: (PUT_ALONG(g, args[1], axis=axis, shape=args[0].shape), None))
PUT_ALONG: General = general(
    _put_along, name="put_along_axis",
    jvp=lambda y, args, tangents, axis, shape: PUT_ALONG(tangents[0], args[1], axis=axis, shape=shape),
    vjp=lambda g, y, args, axis, shape: (TAKE_ALONG(g, args[1], axis=axis), None))


@answers(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Entries named by an index array of the same number of dimensions."""
    arr, indices = as_array(arr), as_array(indices)
    if axis is None:
        return TAKE_ALONG(np.reshape(arr, (-1,)), np.reshape(indices, (-1,)), axis=0)
    return TAKE_ALONG(arr, indices, axis=normal_axis(axis, len(arr.shape)))


def getitem(a: Any, index: Any) -> Any:
    """``a[index]`` for an index that may hold traced values."""
    index = plain(index)
    return GETITEM(a, index=index) if is_traced(a) else a[index]


FUNCTIONS.setdefault(np.nonzero, Flat(np.nonzero))


@answers(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Entries along an axis; an index out of range raises, wraps around or is clipped."""
    refuse_out("take", out)
    a = as_array(a)
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    axis = normal_axis(axis, len(a.shape))
    index = np.asarray(plain(indices))
    if index.size == 0 and index.dtype.kind == "f" and type(indices) is list:
        index = index.astype(np.intp)
    # NumPy judges the index and the mode: types, range, an unknown mode.
    index = np.take(np.arange(a.shape[axis]), index, mode=mode)  # type: ignore[call-overload]
    return GETITEM(a, index=(*(slice(None),) * axis, index))


@answers(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """The slices along an axis for which the condition holds."""
    refuse_out("compress", out)
    a = as_array(a)
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    axis = normal_axis(axis, len(a.shape))
    index = np.compress(np.asarray(plain(condition)), np.arange(a.shape[axis]))
    return GETITEM(a, index=(*(slice(None),) * axis, index))


@answers(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The entries for which the condition holds, in one dimension."""
    return take(np.ravel(as_array(arr)), np.nonzero(np.ravel(np.asarray(plain(condition))))[0])

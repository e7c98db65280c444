"""Shapes: functions that give the same entries another shape, and casts of their type.

Which shape, and which order of axes, NumPy is asked on an empty stand-in: an array of
shape (0, 1, 2, …) comes back with its axes' numbers as its shape.  So wrong axes raise
NumPy's own errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.calls import as_array, plain
from diffkit.rules.kinds import FUNCTIONS, Flat, Linear, answers, conform, linear


def _reshape(a: Any, shape: Any, order: Any = "C") -> Any:
    return np.reshape(a, shape, order)


RESHAPE: Linear = linear(_reshape, lambda g, shapes, i, shape, order="C": RESHAPE(g, shape=shapes[0], order=order),
                 name="reshape")
TRANSPOSE: Linear = linear(np.transpose, lambda g, shapes, i, axes: TRANSPOSE(
    g, axes=None if axes is None else tuple(int(j) for j in np.argsort([a % len(axes) for a in axes]))),
    name="transpose")
BROADCAST_TO = linear(np.broadcast_to, lambda g, shapes, i, shape: conform(g, shapes[0], g.dtype),
                      name="broadcast_to")


@answers(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """Repeat along new axes and axes of length one."""
    return BROADCAST_TO(as_array(array), shape=tuple(shape) if type(shape) is list else shape)


@answers(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """All the arrays in their common shape."""
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(a if a.shape == shape else np.broadcast_to(a, shape) for a in arrays)


def _fortran(a: Any) -> bool:
    return bool(a.flags.fnc)


@answers(np.reshape)
def reshape(a: Any, /, shape: Any, order: Any = "C", *, copy: Any = None) -> Any:
    """The same entries in another shape."""
    a = as_array(a)
    if copy is False:  # whether a view is possible: NumPy's own error where it is not
        np.reshape(np.lib.stride_tricks.as_strided(np.empty(1), a.shape, a.strides), shape, order, copy=False)
    shape = plain(shape)
    if order in (None, "C"):
        return RESHAPE(a, shape=shape)
    if order == "A":
        return RESHAPE(a, shape=shape, order="F" if _fortran(a) else "C")
    return RESHAPE(a, shape=shape, order=order)


@answers(np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    """All entries in one dimension; ``order="K"`` follows the memory."""
    a = as_array(a)
    if order == "K":
        axes = sorted(range(len(a.shape)), key=lambda i: -abs(a.strides[i]))
        return RESHAPE(np.transpose(a, axes), shape=(-1,))
    return reshape(a, (-1,), order)


@answers(np.transpose)
def transpose(a: Any, axes: Any = None) -> Any:
    """Axes reversed, or in the order given."""
    return TRANSPOSE(as_array(a), axes=None if axes is None else tuple(axes))


FUNCTIONS[getattr(np, "permute_dims", np.transpose)] = transpose


def _turned(a: Any, fun: Any, *args: Any) -> Any:
    """``a`` with its axes in the order that NumPy's function gives them."""
    a = as_array(a)
    return TRANSPOSE(a, axes=fun(np.empty(range(len(a.shape))), *args).shape)


@answers(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Some axes at new places, the others in their order."""
    return _turned(a, np.moveaxis, source, destination)


@answers(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """One axis moved back until it lies before ``start``."""
    return _turned(a, np.rollaxis, axis, start)


@answers(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Two axes exchanged."""
    return _turned(a, np.swapaxes, axis1, axis2)


@answers(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return _turned(x, np.matrix_transpose)


def _as_shaped(a: Any, fun: Any, *args: Any) -> Any:
    """``a`` in the shape that NumPy's function gives it."""
    a = as_array(a)
    shape = fun(np.broadcast_to(0, a.shape), *args).shape
    return a if shape == a.shape else RESHAPE(a, shape=shape)


@answers(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Without axes of length one."""
    return _as_shaped(a, np.squeeze, axis)


@answers(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of length one."""
    a = as_array(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = len(a.shape) + len(axes)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, ndim)
    rest = iter(a.shape)
    return RESHAPE(a, shape=tuple(1 if i in axes else next(rest) for i in range(ndim)))


def _at_least(fun: Any) -> Any:
    def at_least(*arys: Any) -> Any:
        results = tuple(_as_shaped(a, fun) for a in arys)
        return results[0] if len(results) == 1 else results
    return answers(fun)(at_least)


atleast_1d, atleast_2d, atleast_3d = map(_at_least, (np.atleast_1d, np.atleast_2d, np.atleast_3d))


@answers(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Coordinates of a grid, one array for each axis."""
    ndim = len(xi)
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    grid = []
    for i, x in enumerate(xi):
        place = 1 - i if indexing == "xy" and ndim > 1 and i < 2 else i
        grid.append(np.reshape(as_array(x), tuple(-1 if j == place else 1 for j in range(ndim))))
    return tuple(grid) if sparse else broadcast_arrays(*grid)


# --- the type of the entries -----------------------------------------------------------------

ASTYPE = linear(lambda a, dtype: a.astype(dtype), lambda g, shapes, i, dtype: g, name="astype")
STAIRCASE = Flat(lambda a, dtype: a.astype(dtype), name="astype_flat")


def astype(a: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Another precision; to integers or booleans the function is a staircase, hence flat."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fcbiu":
        raise UnsupportedArgumentError(
            f"astype({dtype}) of a differentiated value: text, dates and objects have no derivative",
            "dk.value(x).astype(…), where it is only printed; a float or complex dtype")
    return (ASTYPE if dtype.kind in "fc" else STAIRCASE)(a, dtype=dtype)


FUNCTIONS["astype"] = FUNCTIONS[getattr(np, "astype", "astype")] = astype

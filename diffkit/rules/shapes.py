"""Shapes: functions that move entries without changing them.  Linear, all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.domains import ANY, REAL
from diffkit.rules.kinds import FUNCTIONS, answers, conform, general, linear

RESHAPE = linear(np.reshape, lambda g, shapes, i, shape, order="C": RESHAPE(g, shape=shapes[0], order=order),
                 name="reshape")
TRANSPOSE = linear(np.transpose, lambda g, shapes, i, axes: TRANSPOSE(
    g, axes=None if axes is None else tuple(int(j) for j in np.argsort([a % len(axes) for a in axes]))),
    name="transpose")
BROADCAST_TO = linear(np.broadcast_to, lambda g, shapes, i, shape: conform(g, shapes[0], g.dtype),
                      name="broadcast_to")
FUNCTIONS[np.broadcast_to] = lambda array, shape, subok=False: BROADCAST_TO(array, shape=shape)


@answers(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    """The same entries in another shape."""
    return RESHAPE(a, shape=shape, order=order)


@answers(np.transpose)
def transpose(a: Any, axes: Any = None) -> Any:
    """Axes reversed, or in the order given."""
    return TRANSPOSE(a, axes=None if axes is None else tuple(axes))


@answers(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of length one."""
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = len(a.shape) + len(axes)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, ndim)
    rest = iter(a.shape)
    return RESHAPE(a, shape=tuple(1 if i in axes else next(rest) for i in range(ndim)))


CONCATENATE = linear(lambda *arrays, axis: np.concatenate(arrays, axis),
                     lambda g, shapes, i, axis: _piece(g, shapes, i, axis), name="concatenate")


def _piece(g: Any, shapes: Any, i: int, axis: int) -> Any:
    axis %= len(g.shape)
    start = 0
    for shape in shapes[:i]:
        start += shape[axis]
    return g[(slice(None),) * axis + (slice(start, start + shapes[i][axis]),)]


@answers(np.concatenate)
def concatenate(arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None,
                casting: str = "same_kind") -> Any:
    """Join along an axis."""
    if axis is None:
        arrays, axis = [np.reshape(a, (-1,)) for a in arrays], 0
    return CONCATENATE(*arrays, axis=axis)


@answers(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join along a new axis."""
    return concatenate([np.expand_dims(a, axis) for a in arrays], axis)



def _where_jvp(y: Any, args: Any, tangents: Any) -> Any:
    condition, _, _ = args
    _, ta, tb = tangents
    return np.where(condition, 0 if ta is None else ta, 0 if tb is None else tb)


# Choosing is linear in what is chosen from; the branch not taken gets a zero.
WHERE = general(np.where, jvp=_where_jvp,
                vjp=lambda g, y, args: (None, np.where(args[0], g, 0), np.where(args[0], 0, g)),
                symbol="Piecewise((y, x), (z, True))", domain=(ANY, REAL, REAL))


@answers(np.where)
def where(condition: Any, /, *choices: Any) -> Any:
    """Entries of one array or the other; with a condition alone, the indices where it holds."""
    if not choices:
        return np.nonzero(condition)
    a, b = choices
    return WHERE(condition, a, b)


ASTYPE = linear(lambda a, dtype: a.astype(dtype), lambda g, shapes, i, dtype: g, name="astype")


def astype(a: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Another precision; to integers or booleans the function is a staircase, hence flat."""
    return ASTYPE(a, dtype=np.dtype(dtype))


FUNCTIONS["astype"] = astype

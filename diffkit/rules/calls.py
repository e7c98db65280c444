"""What NumPy's functions do with their arguments before they compute.

A definition in a rulebook gets what the user wrote: lists that may hold traced values,
axes that may be negative or tuples, ``np._NoValue`` for a keyword that was not given.
The helpers here bring that to the form in which rows take it.  They know of tracing only
that a traced value has a method ``_apply_rule`` and a method
``_concrete``, which answers a question about its value: on a level that records, the
answer is a path condition.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.kinds import FUNCTIONS

_ndarray = np.ndarray
#: NumPy's mark of a keyword that was not given.
NO_VALUE: Any = np._NoValue

#: NumPy 2.5 gave sort its ``descending=`` and took planar vectors from cross.
NUMPY_2_5: bool = np.lib.NumpyVersion(np.__version__) >= "2.5.0"


def is_traced(value: Any) -> bool:
    """Whether a transform is running on this value."""
    return getattr(type(value), "_apply_rule", None) is not None


def as_array(value: Any) -> Any:
    """An array or array scalar as it is, anything else (lists may hold traced values) as an array."""
    if type(value) is _ndarray or hasattr(value, "dtype"):
        return value
    if type(value) in (list, tuple) and holds_traced(value):
        return FUNCTIONS[np.stack]([as_array(item) for item in value])
    return np.asarray(value)


def holds_traced(value: Any) -> bool:
    """Whether a value, or anything in nested lists, is traced."""
    if type(value) in (list, tuple):
        return any(holds_traced(item) for item in value)
    return is_traced(value)


def plain(value: Any) -> Any:
    """An index, mask or count without traced values; what was traced becomes a path condition."""
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if type(value) is np.ndarray:  # the user may write into it before the adjoint reads it
        return value.copy()
    return value._concrete() if is_traced(value) else value


def given(value: Any, default: Any) -> Any:
    """The keyword's value, or the default where the caller gave none."""
    return default if value is NO_VALUE else value


def refuse_out(name: str, out: Any) -> None:
    """``out=`` writes into an array that carries no derivative: refused, never ignored."""
    if out is not None and not (type(out) is tuple and out == (None,)):
        raise UnsupportedArgumentError(f"np.{name} with out= is not differentiated",
                                       f"the returned value: y = np.{name}(…) without out=")


def refuse(name: str, keyword: str, want: str) -> UnsupportedArgumentError:
    """The error for a keyword that has no meaning for differentiated values."""
    return UnsupportedArgumentError(f"np.{name} with {keyword} is not differentiated", want)


def normal_axis(axis: Any, ndim: int) -> int:
    """One axis, non-negative; NumPy's own AxisError where there is none."""
    return int(np.lib.array_utils.normalize_axis_index(axis, ndim))


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis argument (None: all) as a sorted tuple of non-negative axes."""
    if axis is None:
        return tuple(range(ndim))
    if axis.__class__ is int and 0 <= axis < ndim:
        return (axis,)
    return tuple(sorted(np.lib.array_utils.normalize_axis_tuple(axis, ndim)))


def expand(y: Any, axis: Any, ndim: int) -> Any:
    """Put the reduced axes back with length one."""
    return np.expand_dims(y, normal_axes(axis, ndim)) if ndim else y


def lanes(a: Any, axis: Any) -> Any:
    """``a`` with the axes named (None: all) merged into one, put last."""
    ndim = len(a.shape)
    axes = normal_axes(axis, ndim)
    rest = tuple(i for i in range(ndim) if i not in axes)
    if axes != tuple(range(len(rest), ndim)):
        a = np.transpose(a, rest + axes)
    if len(axes) == 1:
        return a
    kept = a.shape[:len(rest)]
    return np.reshape(a, (*kept, math.prod(a.shape[len(rest):])))


def unlanes(x: Any, axis: Any, shape: tuple[int, ...]) -> Any:
    """Undo ``lanes`` for an array that was of this shape."""
    ndim = len(shape)
    axes = normal_axes(axis, ndim)
    order = tuple(i for i in range(ndim) if i not in axes) + axes
    x = np.reshape(x, tuple(shape[i] for i in order))
    return x if order == tuple(range(ndim)) else np.transpose(x, tuple(order.index(i) for i in range(ndim)))


def keep(y: Any, axis: Any, keepdims: Any, ndim: int) -> Any:
    """The result of a reduction with its axes put back if the caller asked for it."""
    return expand(y, axis, ndim) if keepdims else y


def real_type(dtype: Any) -> Any:
    """The dtype of absolute values of this dtype."""
    return np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype


def start_with(initial: Any, a: Any) -> Any:
    """``a`` with ``initial`` in front of each lane (the last axis): a reduction's ``initial=``."""
    start = np.broadcast_to(as_array(initial).astype(a.dtype), (*a.shape[:-1], 1))
    return np.concatenate([start, a], -1)

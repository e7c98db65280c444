"""Reductions: sums, means and products over axes, the largest entry, cumulative forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.kinds import FUNCTIONS, Linear, answers, linear


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis argument as a sorted tuple of non-negative axes."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(np.lib.array_utils.normalize_axis_tuple(axes, ndim)))


def expand(y: Any, axis: Any, ndim: int) -> Any:
    """Put the reduced axes back with length one."""
    return np.expand_dims(y, _axes(axis, ndim)) if ndim else y


def _sum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.add.reduce(a, axis=axis, keepdims=keepdims)


def _sum_adjoint(g: Any, shapes: Any, i: int, axis: Any = None, keepdims: bool = False) -> Any:
    shape = shapes[0]
    if axis is not None and not keepdims:
        g = expand(g, axis, len(shape))
    return np.broadcast_to(g, shape)


SUM: Linear = linear(_sum, _sum_adjoint, name="sum")


@answers(np.sum)
def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
        initial: Any = 0, where: Any = True) -> Any:
    """Sum over axes; ``where`` selects, ``initial`` is added."""
    if dtype is not None:
        a = a.astype(dtype)
    if where is not True:
        a = np.where(where, a, 0)
    y = SUM(a, axis=axis, keepdims=keepdims)
    return y if type(initial) is int and initial == 0 else y + initial


FUNCTIONS[np.add, "reduce"] = lambda a, axis=0, **kwargs: sum(a, axis, **kwargs)


@answers(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
         where: Any = True) -> Any:
    """The sum over the count."""
    count: Any = 1
    for i in _axes(axis, len(a.shape)):
        count *= a.shape[i]
    if where is not True:
        count = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
    return sum(a, axis, dtype, None, keepdims, 0, where) / count

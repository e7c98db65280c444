"""Sums over axes, plain and with a mask.

``np.sum`` without mask and start is linear in its argument alone, and a row of its own
because everything uses it.  With ``where=`` or ``initial=`` it is linear in the array and
in the start, while the mask is an operand without derivative: what it hides (an inf, a
NaN) never touches the derivative.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, as_array, expand, given, normal_axis, refuse_out
from diffkit.rules.indexing import SCATTER
from diffkit.rules.kinds import FUNCTIONS, Linear, answers, general, linear


def _sum(a: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    return np.add.reduce(a, axis=axis, dtype=dtype, keepdims=keepdims)  # type: ignore[call-overload]


def _sum_adjoint(g: Any, shapes: Any, i: int, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    shape = shapes[0]
    if axis is not None and not keepdims:
        g = expand(g, axis, len(shape))
    return spread(g, shape)


def spread(g: Any, shape: tuple[int, ...]) -> Any:
    """``np.broadcast_to``, which costs ten times a small addition: a few entries are filled in."""
    if type(g) not in _PLAIN or not shape or math.prod(shape) > 1000:
        return np.broadcast_to(g, shape)
    out = np.empty(shape, g.dtype)
    out[...] = g
    return out


_PLAIN = (np.ndarray, np.float64, np.float32)
SUM: Linear = linear(_sum, _sum_adjoint, name="sum", call=np.add.reduce)


def _masked(a: Any, start: Any, mask: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    return np.add.reduce(a, axis=axis, dtype=dtype, keepdims=keepdims,  # type: ignore[call-overload]
                         initial=start, where=mask)


def _masked_jvp(y: Any, args: Any, tangents: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    t, start, _ = tangents
    total = None if t is None else MASKED_SUM(t, 0, args[2], axis=axis, keepdims=keepdims, dtype=dtype)
    if start is None:
        return total
    start = np.broadcast_to(start, y.shape)
    return start if total is None else total + start


def _masked_vjp(g: Any, y: Any, args: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    shape = np.shape(args[0])
    spread = g if keepdims else expand(g, axis, len(shape))
    return np.where(args[2], np.broadcast_to(spread, shape), 0), g, None


MASKED_SUM = general(_masked, jvp=_masked_jvp, vjp=_masked_vjp, name="masked_sum")


@answers(np.sum)
def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE, where: Any = NO_VALUE) -> Any:
    """Sum over axes; ``where`` selects, ``initial`` is added."""
    if out is not None:
        refuse_out("sum", out)
    if keepdims is NO_VALUE:
        keepdims = False
    if initial is NO_VALUE and (where is NO_VALUE or where is True):
        if dtype is None:
            return SUM(as_array(a), axis=axis, keepdims=keepdims)
        return SUM(as_array(a), axis=axis, keepdims=keepdims, dtype=np.dtype(dtype))
    dtype = None if dtype is None else np.dtype(dtype)
    return MASKED_SUM(as_array(a), given(initial, 0), as_array(given(where, True)), axis=axis, keepdims=keepdims,
                      dtype=dtype)


def _add_reduce(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
                initial: Any = NO_VALUE, where: Any = True) -> Any:
    return sum(array, axis, dtype, out, keepdims, initial, where)


FUNCTIONS[np.add, "reduce"] = _add_reduce


def _segments(indices: Any, length: int) -> tuple[Any, Any]:
    """The entries that each segment of reduceat sums, and how many they are."""
    ends = np.append(indices[1:], length)
    counts = np.where(indices < ends, ends - indices, 1)
    rows = [np.arange(start, start + count) for start, count in zip(indices, counts)]
    return np.concatenate(rows) if rows else indices, counts


def _reduceat_adjoint(g: Any, shapes: Any, i: int, indices: Any, axis: int, dtype: Any = None) -> Any:
    rows, counts = _segments(indices, shapes[0][axis])
    index = (slice(None),) * axis + (rows,)
    return SCATTER(np.repeat(g, counts, axis), index=index, shape=shapes[0])


ADD_REDUCEAT: Linear = linear(lambda a, indices, axis, dtype=None: np.add.reduceat(a, indices, axis, dtype),
                              _reduceat_adjoint, name="add_reduceat")


def _add_reduceat(array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    refuse_out("add.reduceat", out)
    return ADD_REDUCEAT(array, indices=np.asarray(indices), axis=normal_axis(axis, len(array.shape)), dtype=dtype)


FUNCTIONS[np.add, "reduceat"] = _add_reduceat

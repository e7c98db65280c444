"""Methods of ufuncs: ``reduce``, ``reduceat``, ``accumulate`` and ``outer`` of every binary row.

Sums, products, extrema and log-sums have their own rows; any other binary ufunc reduces
by its partials, step by step (``cumulative``), and its outer product is an ordinary call
on operands with new axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules import cumulative
from diffkit.rules.calls import NO_VALUE, as_array, keep, lanes, normal_axis, plain, refuse_out, start_with
from diffkit.rules.kinds import FUNCTIONS, Elementwise, Flat

#: Ufuncs that are reduced by their accumulated values.  Not power and arctan2: NumPy's own
#: reduction of them is wrong on some processors (it skips the steps in between).
_REDUCED = ("subtract", "divide", "hypot", "logaddexp", "logaddexp2")


def _outer(ufunc: np.ufunc) -> Callable[..., Any]:
    def outer(A: Any, B: Any, /) -> Any:
        a, b = as_array(A), as_array(B)
        ndim = len(b.shape)
        return ufunc(np.reshape(a, (*a.shape, *(1,) * ndim)) if ndim else a, b)
    return outer


def _accumulate(name: str) -> Callable[..., Any]:
    def accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        return cumulative.accumulate(name, array, axis, dtype, out)
    return accumulate


def _reduce(ufunc: np.ufunc) -> Callable[..., Any]:
    """The last of the accumulated values; a mask would need an identity, which is NumPy's to ask for."""
    name = ufunc.__name__

    def reduce(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
               initial: Any = NO_VALUE, where: Any = True) -> Any:
        refuse_out(name + ".reduce", out)
        a = as_array(array) if dtype is None else as_array(array).astype(dtype)
        ndim = len(a.shape)
        # NumPy judges the axes, the mask and an empty lane (an error, or the identity).
        start: dict[str, Any] = {} if initial is NO_VALUE else {"initial": 1}
        identity = ufunc.reduce(np.ones(a.shape, a.dtype), axis=axis, keepdims=keepdims, where=True, **start)
        if where is not True:
            where = np.broadcast_to(where, a.shape)
            if ufunc.identity is None and initial is NO_VALUE:
                return ufunc.reduce(np.ones(a.shape, a.dtype), axis=axis, where=where)  # raises
            a = np.where(where, a, _neutral(name))
        if initial is not NO_VALUE:
            a = start_with(initial, lanes(a, axis))
        elif identity.size == 0 or a.size == 0:
            return identity
        else:
            a = lanes(a, axis)
        if name in cumulative.LOG_SUMS:
            y = cumulative.LOG_SUMS[name](a)
        else:
            y = cumulative.accumulate(name, a, -1, None, None)[..., -1]
        return keep(y, axis, keepdims, ndim)
    return reduce


def _reduceat(ufunc: np.ufunc) -> Callable[..., Any]:
    """Segment by segment; one that ends before it begins is its first entry alone."""
    def reduceat(array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        refuse_out(ufunc.__name__ + ".reduceat", out)
        a = as_array(array) if dtype is None else as_array(array).astype(dtype)
        starts = np.asarray(plain(as_array(indices)))
        ufunc.reduceat(np.ones(a.shape, a.dtype), starts, axis)  # NumPy's own errors
        axis = normal_axis(axis, len(a.shape))
        ends = np.append(starts[1:], a.shape[axis])
        pieces = [a[(slice(None),) * axis + (slice(start, max(start + 1, end)),)] for start, end in zip(starts, ends)]
        reduced = [ufunc.reduce(piece, axis=axis, keepdims=True) for piece in pieces]
        return np.concatenate(reduced, axis) if reduced else a[(slice(None),) * axis + (slice(0, 0),)]
    return reduceat


def _neutral(name: str) -> float:
    return -np.inf if name.startswith("logaddexp") else 0.0


def _flat_methods(ufunc: np.ufunc) -> None:
    rule = Flat(lambda a, **params: ufunc.reduce(a, **params), name=ufunc.__name__ + "_reduce")
    FUNCTIONS[ufunc, "reduce"] = lambda array, axis=0, **params: rule(array, axis=axis, **params)


def register() -> None:
    """Answer the methods of every binary row in the table that has no answer of its own."""
    for ufunc, answer in list(FUNCTIONS.items()):
        if not isinstance(ufunc, np.ufunc) or ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature:
            continue
        FUNCTIONS.setdefault((ufunc, "outer"), _outer(ufunc))
        if type(answer) is Elementwise and hasattr(np, ufunc.__name__):
            FUNCTIONS.setdefault((ufunc, "accumulate"), _accumulate(ufunc.__name__))
            if ufunc.__name__ in _REDUCED:
                FUNCTIONS.setdefault((ufunc, "reduce"), _reduce(ufunc))
    for ufunc in (np.logical_and, np.logical_or, np.logical_xor):
        _flat_methods(ufunc)
    for key in list(FUNCTIONS):
        if type(key) is tuple and key[1] == "reduce":
            FUNCTIONS.setdefault((key[0], "reduceat"), _reduceat(key[0]))

"""Means and spreads, with and without NaN: composed of sums, step by step as NumPy does it.

The square root at the end of a standard deviation is a row of its own.  Where the data
is constant its derivative is 0 by convention (the shortest subgradient of a norm at 0),
also where the mean's rounding leaves a variance of 1e-34 instead of 0.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from diffkit.rules.calls import (
    NO_VALUE,
    as_array,
    given,
    normal_axes,
    refuse_out,
)
from diffkit.rules.kinds import Flat, answers, general
from diffkit.rules.reductions import sum
from diffkit.rules.roots import note


def _count(a: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """How many entries a reduction reads: a Python int, with a mask an array."""
    if where is not NO_VALUE and where is not True:
        return np.count_nonzero(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
    count = 1
    for i in normal_axes(axis, len(a.shape)):
        count *= a.shape[i]
    return count


def _over(total: Any, count: Any) -> Any:
    """The quotient in the total's precision (a count is an int64 array when there is a mask)."""
    y = total / count
    return y if y.dtype == total.dtype else y.astype(total.dtype)


@answers(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE, *,
         where: Any = NO_VALUE) -> Any:
    """The sum over the count; of float16, summed in float32."""
    if out is not None:
        refuse_out("mean", out)
    a = as_array(a)
    keepdims = keepdims is not NO_VALUE and bool(keepdims)
    count = _count(a, axis, keepdims, where)
    if count.__class__ is int and count == 0:
        warnings.warn("Mean of empty slice.", RuntimeWarning, stacklevel=2)
    half = dtype is None and a.dtype == np.float16
    y = _over(sum(a, axis, np.float32 if half else dtype, None, keepdims, NO_VALUE, where), count)
    return y.astype(np.float16) if half else y


def _square(x: Any) -> Any:
    """|x|^2, real for complex x too."""
    return x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x


def _degrees(ddof: Any, correction: Any) -> Any:
    if correction is NO_VALUE:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


def _free(count: Any, ddof: Any) -> Any:
    """Degrees of freedom, with NumPy's warning where none are left."""
    left = count - ddof
    if count.__class__ is not int:
        if bool(np.any(left <= 0)):
            warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        return np.maximum(left, 0)
    if left <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        return np.intp(0)
    return left


@answers(np.var)
def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NO_VALUE, *,
        where: Any = NO_VALUE, mean: Any = NO_VALUE, correction: Any = NO_VALUE) -> Any:
    """The mean of |a - mean|^2."""
    refuse_out("var", out)
    a = as_array(a)
    keepdims = bool(given(keepdims, False))
    ddof = _degrees(ddof, correction)
    if mean is NO_VALUE:
        mean = _over(sum(a, axis, dtype, None, True, NO_VALUE, where), _count(a, axis, True, where))
    count = _count(a, axis, keepdims, where)
    return _over(sum(_square(a - mean), axis, dtype, None, keepdims, NO_VALUE, where), _free(count, ddof))


def _is_constant(a: Any, center: Any, mask: Any, axis: Any, keepdims: bool) -> Any:
    """Whether all entries read are the same number and the center is that number up to rounding."""
    mask = np.broadcast_to(mask, a.shape)
    parts = (a.real, a.imag) if a.dtype.kind == "c" else (a,)
    spread: Any = False
    for part in parts:
        top = np.max(part, axis=axis, keepdims=True, initial=-np.inf, where=mask)
        spread = spread | (top != np.min(part, axis=axis, keepdims=True, initial=np.inf, where=mask))
    close = np.abs(a - center) <= 8 * np.finfo(a.dtype).eps * np.abs(a)
    return np.all(close | ~mask, axis=axis, keepdims=keepdims) & ~(
        spread if keepdims else np.squeeze(spread, normal_axes(axis, a.ndim)))


CONSTANT = Flat(_is_constant, name="is_constant")


def _root_jvp(y: Any, args: Any, tangents: Any) -> Any:
    return tangents[0] * _root_partial(y, args[1])


def _root_partial(y: Any, dead: Any) -> Any:
    dead = dead | (y == 0)
    return np.where(dead, 0, 0.5 / np.where(dead, 1, y))


ROOT = general(lambda v, dead: np.sqrt(v), jvp=_root_jvp, name="spread_root",
               vjp=lambda g, y, args: (g * _root_partial(y, args[1]), None))


@answers(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NO_VALUE, *,
        where: Any = NO_VALUE, mean: Any = NO_VALUE, correction: Any = NO_VALUE) -> Any:
    """The root of the variance; its derivative at constant data is 0."""
    refuse_out("std", out)
    a = as_array(a)
    variance = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return _root_of(variance, a, axis, keepdims, where, mean)


def _root_of(variance: Any, a: Any, axis: Any, keepdims: Any, where: Any, mean: Any) -> Any:
    mask = given(where, True)
    if mean is NO_VALUE:
        mean = _over(sum(a, axis, None, None, True, NO_VALUE, where), _count(a, axis, True, where))
    dead = CONSTANT(a, mean, mask, axis=axis, keepdims=bool(given(keepdims, False)))
    return note(ROOT(variance, dead), "std", lambda variance: variance, variance, dead=dead)


@answers(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
            keepdims: Any = NO_VALUE) -> Any:
    """The mean, weighted if weights are given: one for each entry, or one for each along the axes."""
    a = as_array(a)
    axes = None if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, len(a.shape), argname="axis")
    if weights is None:
        y = mean(a, axes, keepdims=keepdims)
        scale = y.dtype.type(a.size / y.size)
    else:
        w = _weights_like(as_array(weights), a, axes)
        dtype = np.result_type(a.dtype, w.dtype)
        scale = sum(w, axes, dtype, None, keepdims)
        if bool(np.any(scale == 0.0)):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        y = sum(a * w, axes, None, None, keepdims) / scale
    return (y, np.broadcast_to(scale, y.shape)) if returned else y


def _weights_like(w: Any, a: Any, axes: Any) -> Any:
    """The weights in a's dimensions, checked as NumPy checks them."""
    if w.shape == a.shape:
        return w
    if axes is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    if w.shape != tuple(a.shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    w = np.transpose(w, tuple(int(i) for i in np.argsort(axes)))
    return np.reshape(w, tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


# --- without NaN -----------------------------------------------------------------------------

def _without_nan(a: Any) -> tuple[Any, Any]:
    a = as_array(a)
    hidden = np.isnan(a)
    return np.where(hidden, 0, a), hidden


@answers(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE,
           initial: Any = NO_VALUE, where: Any = NO_VALUE) -> Any:
    """Sum of the entries that are not NaN."""
    return sum(_without_nan(a)[0], axis, dtype, out, keepdims, initial, where)


def _present(hidden: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """How many entries are read and are not NaN."""
    seen = ~hidden if where is NO_VALUE or where is True else ~hidden & where
    return np.count_nonzero(seen, axis=axis, keepdims=keepdims)


@answers(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE, *,
            where: Any = NO_VALUE) -> Any:
    """Mean of the entries that are not NaN."""
    refuse_out("nanmean", out)
    filled, hidden = _without_nan(a)
    keepdims = bool(given(keepdims, False))
    count = _present(hidden, axis, keepdims, where)
    if bool(np.any(count == 0)):
        warnings.warn("Mean of empty slice", RuntimeWarning, stacklevel=2)
    return _over(sum(filled, axis, dtype, None, keepdims, NO_VALUE, where), count)


@answers(np.nanvar)
def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NO_VALUE,
           *, where: Any = NO_VALUE, mean: Any = NO_VALUE, correction: Any = NO_VALUE) -> Any:
    """Variance of the entries that are not NaN."""
    refuse_out("nanvar", out)
    filled, hidden = _without_nan(a)
    keepdims = bool(given(keepdims, False))
    ddof = _degrees(ddof, correction)
    count = _present(hidden, axis, True, where)
    if mean is NO_VALUE:
        mean = _over(sum(filled, axis, dtype, None, True, NO_VALUE, where), count)
    # The subtraction happens in place in NumPy, hence in the precision of the data.
    moved = filled - mean
    moved = np.where(hidden, 0, moved if moved.dtype == filled.dtype else moved.astype(filled.dtype))
    total = sum(_square(moved), axis, dtype, None, keepdims, NO_VALUE, where)
    left = (count if keepdims else np.reshape(count, total.shape)) - ddof
    if bool(np.any(left <= 0)):
        warnings.warn("Degrees of freedom <= 0 for slice.", RuntimeWarning, stacklevel=2)
    return np.where(left <= 0, np.nan, _over(total, np.where(left <= 0, 1, left)))


@answers(np.nanstd)
def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NO_VALUE,
           *, where: Any = NO_VALUE, mean: Any = NO_VALUE, correction: Any = NO_VALUE) -> Any:
    """Standard deviation of the entries that are not NaN."""
    refuse_out("nanstd", out)
    variance = nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    filled, hidden = _without_nan(a)
    seen = ~hidden if where is NO_VALUE else ~hidden & where
    if not filled.shape:  # NumPy takes axis=0 of a number in sums and extrema, not in var and std
        axis = None
    return _root_of(variance, filled, axis, keepdims, seen, mean)

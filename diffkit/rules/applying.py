"""Functions that call a function of the user's, and tables made by simple loops."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, normal_axis
from diffkit.rules.kinds import answers


@answers(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of one lane, applied to all lanes along an axis."""
    arr = as_array(arr)
    axis = normal_axis(axis, len(arr.shape))
    moved = np.moveaxis(arr, axis, -1)
    outer = tuple(moved.shape[:-1])
    if 0 in outer:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [as_array(func1d(moved[place], *args, **kwargs)) for place in np.ndindex(outer)]
    inner = tuple(results[0].shape)
    stacked = np.reshape(np.stack(results), (*outer, *inner))
    # The result's axes stand where the lane stood.
    order = (*range(axis), *range(len(outer), len(outer) + len(inner)), *range(axis, len(outer)))
    return np.transpose(stacked, order)


@answers(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """A reduction applied to one axis after the other, dimensions kept."""
    value = as_array(a)
    ndim = len(value.shape)
    for axis in np.ravel(np.asarray(axes)).tolist():
        axis = axis + ndim if axis < 0 else axis
        result = func(value, axis)
        if len(result.shape) != ndim:
            result = np.expand_dims(result, axis)
            if len(result.shape) != ndim:
                raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value


@answers(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """Powers of each entry, as rows."""
    x = as_array(x)
    if len(x.shape) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = len(x) if N is None else N
    column = np.reshape(x, (-1, 1))
    factors = np.concatenate([np.ones((len(x), 1), x.dtype)] + [column] * (count - 1), 1)[:, :count]
    powers = np.multiply.accumulate(factors, 1)
    return powers if increasing else np.flip(powers, 1)


# --- covariances ---------------------------------------------------------------------------------

@answers(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
        aweights: Any = None, *, dtype: Any = None) -> Any:
    """The covariance matrix of variables in rows (or columns), with frequency and reliability weights."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    x = _variables(as_array(m), rowvar)
    if y is not None:
        x = np.concatenate([x, _variables(as_array(y), rowvar)], 0)
    if dtype is None:
        dtype = np.result_type(x.dtype, np.float64)
    x = x if x.dtype == dtype else x.astype(dtype)
    if ddof is None:
        ddof = 0 if bias else 1
    weights = _weights(fweights, aweights, x.shape[1])
    center, total = np.average(x, axis=1, weights=weights, returned=True)
    total = total[0]
    if weights is None:
        free = x.shape[1] - ddof
    elif ddof == 0:
        free = total
    elif aweights is None:
        free = total - ddof
    else:
        free = total - ddof * np.sum(weights * as_array(aweights)) / total
    if free <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        free = 0.0
    x = x - center[:, None]
    other = np.transpose(x if weights is None else x * weights)
    c = np.matmul(x, np.conjugate(other) if other.dtype.kind == "c" else other)
    return np.squeeze(c * np.true_divide(1, free))


def _variables(x: Any, rowvar: bool) -> Any:
    if len(x.shape) > 2:
        raise ValueError("m has more than 2 dimensions")
    flat = len(x.shape) < 2
    x = np.atleast_2d(x)
    return x if rowvar or flat else np.transpose(x)


def _weights(fweights: Any, aweights: Any, count: int) -> Any:
    found = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        weights = as_array(weights)
        if name == "fweights" and not np.all(weights == np.around(weights)):
            raise TypeError("fweights must be integer")
        if len(weights.shape) > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if weights.shape[0] != count:
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if bool(np.any(weights < 0)):
            raise ValueError(f"{name} cannot be negative")
        weights = weights if weights.dtype.kind == "f" else weights.astype(float)
        found = weights if found is None else found * weights
    return found


@answers(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """Covariances over the standard deviations, clipped to [-1, 1] as NumPy clips them.

    What is clipped is rounding beyond ±1, where the derivative is 0 anyway.
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.shape:
        return c / c
    deviation = np.sqrt(np.diagonal(c).real)
    c = c / deviation[:, None] / deviation[None, :]
    return np.clip(c.real, -1, 1) + 1j * np.clip(c.imag, -1, 1) if c.dtype.kind == "c" else np.clip(c, -1, 1)

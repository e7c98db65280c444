"""Integrals of samples: sums with weights that depend on where the samples are.

Plain definitions; the trapezoid's rule, Simpson's with SciPy's end correction for an even
number of points (Cartwright 2017), Romberg's table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as original

from diffkit.scipy.calls import falls_back, prepared

__all__ = ["cumulative_trapezoid", "romb", "simpson", "trapezoid"]


def _spacing(x: Any, dx: Any, y: Any) -> Any:
    """The distances between neighbouring samples (the last axis), to be broadcast with y."""
    if x is None:
        return prepared(dx)
    x = prepared(x)
    return np.diff(x, axis=-1)


def _last(a: Any, axis: int) -> Any:
    return np.moveaxis(a, axis, -1) if a.ndim > 1 else a


@falls_back(original.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule, scipy.integrate.trapezoid.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(trapezoid)(np.ones(3)))
    [0.5 1.  0.5]
    """
    return np.trapezoid(prepared(y), None if x is None else prepared(x), dx, axis)


@falls_back(original.cumulative_trapezoid)
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """The running integral by the trapezoidal rule, scipy.integrate.cumulative_trapezoid.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(cumulative_trapezoid)(np.ones(3)))
    [[0.5 0.5 0. ]
     [0.5 1.  0.5]]
    """
    y = prepared(y)
    if y.shape[axis] == 0:
        raise ValueError("At least one point is required along `axis`.")
    if initial is not None and initial != 0:
        raise ValueError("`initial` must be `None` or `0`.")
    x = None if x is None else prepared(x)
    if x is not None and x.ndim > 1:
        if x.ndim != y.ndim:
            raise ValueError("If given, shape of `x` must be 1-D or the same as `y`.")
        x = _last(x, axis)
    d = _spacing(x, dx, y)
    if x is not None and x.shape[-1] != y.shape[axis]:
        raise ValueError("If given, length of `x` along axis must be the same as `y`.")
    y = _last(y, axis)
    found = np.cumsum(d * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        found = np.concatenate([np.zeros((*found.shape[:-1], 1), found.dtype), found], axis=-1)
    return np.moveaxis(found, -1, axis) if found.ndim > 1 else found


def _simpson_pairs(y: Any, h: Any) -> Any:
    """Simpson's rule over an odd number of samples, at any distances."""
    y0, y1, y2 = y[..., :-2:2], y[..., 1:-1:2], y[..., 2::2]
    h0, h1 = h[..., ::2], h[..., 1::2]
    total, product, ratio = h0 + h1, h0 * h1, h0 / h1
    weighted = y0 * (2.0 - 1.0 / ratio) + y1 * (total * total / product) + y2 * (2.0 - ratio)
    return np.sum(total / 6 * weighted, axis=-1)


@falls_back(original.simpson)
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by Simpson's rule, scipy.integrate.simpson.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(simpson)(np.ones(3)).round(6))
    [0.333333 1.333333 0.333333]
    """
    y = prepared(y)
    n = y.shape[axis]
    x = None if x is None else prepared(x)
    if x is not None:
        if x.ndim > 1:
            if x.shape != y.shape:
                raise ValueError("If given, shape of `x` must be 1-D or the same as `y`.")
            x = _last(x, axis)
        if x.shape[-1] != n:
            raise ValueError("If given, length of `x` along axis must be the same as `y`.")
    y = _last(y, axis)
    h = prepared(dx) * np.ones(n - 1) if x is None else np.diff(x, axis=-1)
    if n % 2:
        return _simpson_pairs(y, h)
    if n == 2:
        return np.sum(h * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    first = _simpson_pairs(y[..., :-1], h[..., :-1])
    # The last interval by the parabola through the last three points.
    h0, h1 = h[..., -2], h[..., -1]
    last = (2 * h1**2 + 3 * h0 * h1) / (6 * (h1 + h0))
    middle = (h1**2 + 3 * h0 * h1) / (6 * h0)
    before = h1**3 / (6 * h0 * (h0 + h1))
    return first + last * y[..., -1] + middle * y[..., -2] - before * y[..., -3]


@falls_back(original.romb)
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Any:
    """Romberg's integral of 2**k + 1 equally spaced samples, scipy.integrate.romb.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(romb)(np.ones(3)).round(6))
    [0.333333 1.333333 0.333333]
    """
    from diffkit.errors import UnsupportedArgumentError
    if show:
        raise UnsupportedArgumentError("romb with show=True prints values and is not differentiated", "show=False")
    y = _last(prepared(y), axis)
    intervals = y.shape[-1] - 1
    if intervals < 1 or intervals & (intervals - 1):
        raise ValueError("Number of samples must be one plus a non-negative power of 2.")
    row = [np.sum((y[..., :1] + y[..., -1:]) / 2, axis=-1) * intervals * dx]
    step = intervals
    while step > 1:
        step //= 2
        new = [row[0] / 2 + np.sum(y[..., step::2 * step], axis=-1) * step * dx]
        for j, old in enumerate(row):
            new.append(new[j] + (new[j] - old) / (4 ** (j + 1) - 1))
        row = new
    return row[-1]

"""scipy.ndimage on traced values: correlations along axes with an edge condition, Gaussian filters.

A filter is a padding followed by a weighted sum of shifted copies; both are rows already, so
the definitions here are only SciPy's choice of edges, origin and weights.  A Gaussian filter is
differentiable by its width too (its radius is fixed by the width's value).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import falls_back, prepared, primal

__all__ = ["convolve1d", "correlate1d", "gaussian_filter", "gaussian_filter1d", "uniform_filter1d"]

#: SciPy's names of edges, and NumPy's.
_EDGES: dict[str, Any] = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap",
    "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant"}


def _correlated(a: Any, weights: Any, axis: int, output: Any, mode: str, cval: Any, origin: int) -> Any:
    """The sum over k of weights_k times a shifted by k - size // 2 - origin."""
    if output is not None:
        raise UnsupportedArgumentError("output= of a filter is not differentiated", "the returned value")
    a, weights = prepared(a), prepared(weights)
    if a.dtype.kind in "biu":
        raise UnsupportedArgumentError("a filter of integers rounds, and is not differentiated", "floats")
    if mode not in _EDGES:
        raise RuntimeError("boundary mode not supported")
    if weights.ndim != 1 or weights.shape[0] < 1:
        raise RuntimeError("no filter weights given")
    size, axis = weights.shape[0], axis % a.ndim
    before = size // 2 + origin
    if not 0 <= before < size:
        raise ValueError("Invalid origin; origin must satisfy "
                         "-(len(weights) // 2) <= origin <= (len(weights)-1) // 2")
    around = [(0, 0)] * a.ndim
    around[axis] = (before, size - 1 - before)
    extra: dict[str, Any] = {"constant_values": cval} if _EDGES[mode] == "constant" else {}
    padded = np.pad(a, around, _EDGES[mode], **extra)
    n = a.shape[axis]
    lead = (slice(None),) * axis
    copies = np.stack([padded[(*lead, slice(k, k + n))] for k in range(size)])
    found = np.tensordot(weights, copies, axes=(0, 0))
    return found if found.dtype == a.dtype else found.astype(a.dtype)


@falls_back(original.correlate1d)
def correlate1d(input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
                origin: int = 0) -> Any:
    """A correlation along one axis, scipy.ndimage.correlate1d.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: correlate1d(a, [1.0, 0.0, 2.0])[0])(np.zeros(3)))
    [1. 2. 0.]
    """
    return _correlated(input, weights, axis, output, mode, cval, origin)


@falls_back(original.convolve1d)
def convolve1d(input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
               origin: int = 0) -> Any:
    """A convolution along one axis, scipy.ndimage.convolve1d.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: convolve1d(a, [1.0, 0.0, 2.0])[0])(np.zeros(3)))
    [2. 1. 0.]
    """
    weights = prepared(weights)
    origin = -origin - (0 if weights.shape[0] % 2 else 1)
    return _correlated(input, weights[::-1], axis, output, mode, cval, origin)


@falls_back(original.uniform_filter1d)
def uniform_filter1d(input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
                     cval: Any = 0.0, origin: int = 0) -> Any:
    """A running mean along one axis, scipy.ndimage.uniform_filter1d.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: uniform_filter1d(a, 2)[1])(np.zeros(3)))
    [0.5 0.5 0. ]
    """
    if size < 1:
        raise RuntimeError("incorrect filter size")
    return _correlated(input, np.full(int(size), 1.0 / size), axis, output, mode, cval, origin)


def _gaussian(sigma: Any, order: int, radius: int) -> Any:
    """Gauss's bell, or a derivative of it: the polynomial q with (q p)' = (q' - q x / sigma^2) p."""
    x = np.arange(-radius, radius + 1.0)
    square = sigma * sigma
    bell = np.exp(-0.5 / square * x**2)
    bell = bell / np.sum(bell)
    q = [1.0 + 0 * square]
    for _ in range(order):
        slope = [(k + 1) * q[k + 1] for k in range(len(q) - 1)]
        lower = [0.0, *(-part / square for part in q)]
        q = [(slope[k] if k < len(slope) else 0.0) + lower[k] for k in range(len(lower))]
    factor: Any = 0.0
    for part in reversed(q):
        factor = factor * x + part
    return factor * bell


@falls_back(original.gaussian_filter1d)
def gaussian_filter1d(input: Any, sigma: Any, axis: int = -1, order: int = 0, output: Any = None,
                      mode: str = "reflect", cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None) -> Any:
    """A Gaussian filter (or its derivative of an order) along one axis, scipy.ndimage.gaussian_filter1d.

    >>> import numpy as np, diffkit as dk
    >>> bump = np.array([0.0, 0, 0, 1, 0, 0, 0])
    >>> print(dk.grad(lambda s: gaussian_filter1d(bump, s)[3])(1.0).round(6))
    -0.398915
    """
    if order < 0:
        raise ValueError("order must be non-negative")
    width = prepared(sigma) * 1.0
    reach = int(truncate * float(primal(width)) + 0.5) if radius is None else radius
    if reach < 0 or reach != int(reach):
        raise ValueError("Radius must be a nonnegative integer.")
    return _correlated(input, _gaussian(width, order, int(reach))[::-1], axis, output, mode, cval, 0)


@falls_back(original.gaussian_filter)
def gaussian_filter(input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect",
                    cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None, axes: Any = None) -> Any:
    """A Gaussian filter along several axes, scipy.ndimage.gaussian_filter.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(gaussian_filter(a, 1.0)))(np.zeros((2, 2))).round(12))
    [[1. 1.]
     [1. 1.]]
    """
    a = prepared(input)
    named = tuple(range(a.ndim)) if axes is None else (axes,) if np.ndim(axes) == 0 else tuple(axes)
    each = []
    for what in (sigma, order, mode, radius):
        several = type(what) in (tuple, list) or np.ndim(what) > 0
        each.append(what if several else [what] * len(named))
        if several and len(what) != len(named):
            raise RuntimeError("sequence argument must have length equal to input rank")
    if output is not None:
        raise UnsupportedArgumentError("output= of a filter is not differentiated", "the returned value")
    for axis, width, degree, edge, reach in zip(named, *each):
        if float(primal(prepared(width))) > 1e-15:
            a = gaussian_filter1d(a, width, axis, degree, None, edge, cval, truncate, radius=reach)
    return a

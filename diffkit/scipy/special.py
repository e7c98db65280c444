"""Functions of scipy.special that are no ufuncs, on traced values: logsumexp, softmax, polygamma, ...

The ufuncs (erf, gammaln, jv, ...) dispatch by themselves; for convenience they are found
here too, as SciPy's own objects.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from diffkit.rules.calls import expand, normal_axes
from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, prepared
from diffkit.scipy.rules.gamma import POLYGAMMA
from diffkit.transforms import stop_gradient, value

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax"]


def __getattr__(name: str) -> Any:
    found = getattr(special, name, None)
    if isinstance(found, np.ufunc):
        return found
    raise AttributeError(f"module 'diffkit.scipy.special' has no attribute {name!r}")


def _weights(y: Any, sign: Any, a: Any, axis: Any) -> Any:
    """sign exp(a - y), each entry's share; 0 where y is -inf."""
    y, sign = (expand(part, axis, a.ndim) for part in (y, sign))
    empty = y == -np.inf
    return sign * np.where(empty, 0, np.exp(a - np.where(empty, 0, y)))


def _jvp(y: Any, args: Any, tangents: Any, axis: Any) -> Any:
    a, b = args
    share = _weights(y[0], y[1], a, axis)
    moved = [share * b * tangents[0]] if tangents[0] is not None else []
    moved += [share * tangents[1]] if tangents[1] is not None else []
    total = np.sum(moved[0] if len(moved) == 1 else moved[0] + moved[1], axis=axis)
    return total, None


def _vjp(g: Any, y: Any, args: Any, axis: Any) -> Any:
    a, b = args
    if g[0] is None:
        return 0 * a, 0 * b
    share = expand(g[0], axis, a.ndim) * _weights(y[0], y[1], a, axis)
    return share * b, share


# log|sum(b exp(a))| and the sum's sign, of a and b of one shape.
LOGSUMEXP: General = general(lambda a, b, axis: tuple(np.asarray(part)[()] for part in special.logsumexp(
    a, axis=axis, b=b, return_sign=True)), name="special.logsumexp", jvp=_jvp, vjp=_vjp, outputs=2)


@falls_back(special.logsumexp)
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log(sum(b * exp(a))) without overflow, scipy.special.logsumexp.

    Parameters
    ----------
    a, b : array_like
        Real; b (weights, 1 if None) is broadcast with a.  Both are differentiated.
    axis : None, int or tuple of int
        Summed over; all axes by default.
    keepdims, return_sign : bool
        As in SciPy.  Without ``return_sign`` a negative sum gives NaN.

    Notes
    -----
    The derivative by a is b exp(a - y), the softmax for b = 1.  Entries -inf have derivative
    zero, and so have all where every entry is -inf.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(logsumexp)(np.array([0.0, 0.0, -np.inf])))
    [0.5 0.5 0. ]
    """
    a = prepared(a)
    weights = np.ones(a.shape, a.dtype) if b is None else prepared(b)
    if b is not None:
        shape = np.broadcast_shapes(a.shape, weights.shape)
        a, weights = (np.broadcast_to(part, shape) if part.shape != shape else part for part in (a, weights))
    axes = normal_axes(axis, a.ndim)
    y, sign = LOGSUMEXP(a, weights, axis=axes)
    if keepdims:
        y, sign = expand(y, axes, a.ndim), expand(sign, axes, a.ndim)
    if return_sign:
        return y, value(sign)
    return y if b is None else np.where(value(sign) < 0, np.nan, y)[()]


def _shifted(x: Any, axis: Any) -> Any:
    """x less its maximum along the axes: softmax does not see a shift."""
    top = np.max(stop_gradient(x), axis=axis, keepdims=True)
    return x - np.where(np.isfinite(top), top, 0)


@falls_back(special.softmax)
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x)/sum(exp(x)), scipy.special.softmax.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: softmax(x)[0])(np.array([0.0, 0.0])))
    [ 0.25 -0.25]
    """
    powers = np.exp(_shifted(prepared(x), axis))
    return powers / np.sum(powers, axis=axis, keepdims=True)


@falls_back(special.log_softmax)
def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)), finite where the softmax underflows, scipy.special.log_softmax.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: log_softmax(x)[0])(np.array([0.0, 1e4])))
    [ 1. -1.]
    """
    shifted = _shifted(prepared(x), axis)
    return shifted - logsumexp(shifted, axis=axis, keepdims=True)


@falls_back(special.polygamma)
def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma, scipy.special.polygamma; n is a constant.

    >>> import numpy as np, diffkit as dk
    >>> print(round(dk.grad(lambda x: polygamma(1, x))(1.0), 12))     # -2 zeta(3)
    -2.404113806319
    """
    return POLYGAMMA(n, prepared(x))


@falls_back(special.multigammaln)
def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the multivariate gamma function, scipy.special.multigammaln.

    >>> import diffkit as dk
    >>> print(round(dk.grad(lambda a: multigammaln(a, 1))(1.0), 12))  # digamma(1)
    -0.577215664902
    """
    a = prepared(a)
    if d != int(d) or d < 1:
        raise ValueError("d should be a positive integer (dimension)")
    if np.any(value(a) <= 0.5 * (d - 1)):
        raise ValueError(f"condition a ({value(a)}) > 0.5 * (d-1) ({0.5 * (d - 1)}) not met")
    total = d * (d - 1) / 4 * math.log(math.pi) + 0 * a
    for j in range(int(d)):
        total = total + special.gammaln(a - j / 2)
    return total

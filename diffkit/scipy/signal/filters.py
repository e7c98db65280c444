"""Recursive filters and trends.

A filter solves

    a_0 y_n + a_1 y_{n-1} + ... = b_0 x_n + b_1 x_{n-1} + ... + z_n

with the state z given at the start: linear in x, b and z, and by a as every linear system is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.kinds import General, Linear, Multilinear, general, linear, multilinear
from diffkit.scipy.calls import falls_back, of_floats, prepared, primal, traced_among

__all__ = ["MOVING", "RECURSIVE", "detrend", "filtfilt", "lfilter", "sosfilt"]


def _taps_from_signal(g: Any, b: Any, x: Any) -> Any:
    """By each tap b_k: the sum over all of g_n x_{n-k}."""
    n = x.shape[-1]
    return np.stack([np.sum(g[..., k:] * x[..., :n - k]) if k < n else 0 * g[(0,) * g.ndim]
                     for k in range(b.shape[0])])


# b * x, cut to the length of x (the last axis).
MOVING: Multilinear = multilinear(
    of_floats(lambda b, x: np.asarray(original.lfilter(b, np.ones(1), x))),
    [_taps_from_signal, lambda g, b, x: MOVING(b, g[..., ::-1])[..., ::-1]], name="scipy.signal.lfilter (moving)")


def _recursive_jvp(y: Any, args: Any, tangents: Any) -> Any:
    ta, td = tangents
    moved = None if ta is None else -MOVING(ta, y)
    return RECURSIVE(args[0], td if moved is None else moved if td is None else td + moved)


def _recursive_vjp(g: Any, y: Any, args: Any) -> Any:
    back = RECURSIVE(args[0], g[..., ::-1])[..., ::-1]
    return -_taps_from_signal(back, args[0], y), back


# y with a * y = d along the last axis, from rest.
RECURSIVE: General = general(of_floats(lambda a, d: np.asarray(original.lfilter(np.ones(1), a, d))),
                             name="scipy.signal.lfilter (recursive)", jvp=_recursive_jvp, vjp=_recursive_vjp)


@falls_back(original.lfilter)
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter along an axis, scipy.signal.lfilter; with ``zi`` the pair (y, final state).

    Differentiable by b, a, x and zi.

    >>> import numpy as np, diffkit as dk
    >>> impulse = np.array([1.0, 0.0, 0.0, 0.0])
    >>> print(dk.grad(lambda r: lfilter([1.0], np.array([1.0, -r]), impulse)[2])(0.5))    # r**2
    1.0
    """
    b, a, x = np.atleast_1d(prepared(b)), np.atleast_1d(prepared(a)), prepared(x)
    if b.ndim != 1 or a.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    if primal(a)[0] == 0:
        raise ValueError("a[0] must be nonzero; a leading zero has no filter")
    kind = np.result_type(b.dtype, a.dtype, x.dtype, *(() if zi is None else (prepared(zi).dtype,)))
    b, a, x = (part if part.dtype == kind else part.astype(kind) for part in (b, a, x))
    moved = np.moveaxis(x, axis, -1) if x.ndim > 1 else x
    driven = MOVING(b, moved)
    if zi is None:
        y = RECURSIVE(a, driven)
        return np.moveaxis(y, -1, axis) if x.ndim > 1 else y
    order, n = max(b.shape[0], a.shape[0]) - 1, moved.shape[-1]
    start = prepared(zi)
    start = np.moveaxis(start, axis, -1) if start.ndim > 1 else start
    if start.shape[-1] != order:
        raise ValueError(f"Unexpected shape for zi: expected {order} along the axis, got {start.shape[-1]}")
    # In the states of SciPy's form the numerator acts on x / a_0.
    start = np.broadcast_to(start * a[0], (*moved.shape[:-1], order))
    longer = np.zeros((*moved.shape[:-1], max(n - order, 0)), kind)
    y = RECURSIVE(a, driven + np.concatenate([start, longer], axis=-1)[..., :n])
    tail = np.zeros((*moved.shape[:-1], order), kind)
    end = (MOVING(b, np.concatenate([moved, tail], axis=-1)) - MOVING(a, np.concatenate([y, tail], axis=-1)))[..., n:]
    if order > n:
        end = end + np.concatenate([start[..., n:], np.zeros((*moved.shape[:-1], n), kind)], axis=-1)
    end = end / a[0]
    if x.ndim > 1:
        y, end = np.moveaxis(y, -1, axis), np.moveaxis(end, -1, axis)
    return y, end


@falls_back(original.sosfilt)
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter by second-order sections, scipy.signal.sosfilt.

    >>> import numpy as np, diffkit as dk
    >>> sos = np.array([[1.0, 0, 0, 1.0, -0.5, 0]])
    >>> print(dk.grad(lambda x: sosfilt(sos, x)[2])(np.zeros(3)))
    [0.25 0.5  1.  ]
    """
    sos, x = np.atleast_2d(prepared(sos)), prepared(x)
    if sos.shape[-1] != 6:
        raise ValueError("sos array must be shape (n_sections, 6)")
    if not np.all(primal(sos)[:, 3] == 1):
        raise ValueError("sos[:, 3] should be all ones")
    ends = []
    for k in range(sos.shape[0]):
        if zi is None:
            x = lfilter(sos[k, :3], sos[k, 3:], x, axis)
        else:
            x, end = lfilter(sos[k, :3], sos[k, 3:], x, axis, prepared(zi)[k])
            ends.append(end)
    return x if zi is None else (x, np.stack(ends))


@falls_back(original.filtfilt)
def filtfilt(b: Any, a: Any, x: Any, axis: int = -1, padtype: Any = "odd", padlen: Any = None, method: str = "pad",
             irlen: Any = None) -> Any:
    """Filter forward and backward, scipy.signal.filtfilt; by x (b and a are constants).

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: filtfilt([0.5, 0.5], [1.0], x)[4])(np.zeros(9)))
    [0.   0.   0.   0.25 0.5  0.25 0.   0.   0.  ]
    """
    if traced_among((b, a), {}):
        raise UnsupportedArgumentError("filtfilt is not differentiated by its coefficients", "lfilter, twice")
    return FORTH_AND_BACK(prepared(x), b=np.asarray(b), a=np.asarray(a), axis=axis, padtype=padtype, padlen=padlen,
                          method=method, irlen=irlen)


def _transposed(f: Any, g: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The transpose of a linear map along one axis, by its matrix."""
    n = shape[axis]
    matrix = f(np.eye(n))
    return np.moveaxis(np.moveaxis(g, axis, -1) @ np.transpose(matrix), -1, axis)


def _forth_and_back_adjoint(g: Any, shapes: Any, i: int, axis: int, **how: Any) -> Any:
    return _transposed(lambda rows: original.filtfilt(x=rows, axis=-1, **how), g, shapes[i], axis)


FORTH_AND_BACK: Linear = linear(of_floats(lambda x, **how: np.asarray(original.filtfilt(x=x, **how))),
                                _forth_and_back_adjoint, name="scipy.signal.filtfilt")

# The projection that takes a trend away is its own transpose.
DETREND: Linear = linear(of_floats(lambda x, **how: np.asarray(original.detrend(x, **how))),
                         lambda g, shapes, i, **how: DETREND(g, **how), name="scipy.signal.detrend")


@falls_back(original.detrend)
def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:
    """Take a mean or a line away along an axis, scipy.signal.detrend.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda x: detrend(x, type="constant")[0])(np.zeros(4)))
    [ 0.75 -0.25 -0.25 -0.25]
    """
    return DETREND(prepared(data), axis=axis, type=type, bp=bp)

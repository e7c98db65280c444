"""Ranges between two ends that may move: ``linspace``, ``logspace``, ``geomspace``.

As NumPy computes them, so that values agree to the last bit: equal steps from the start,
and the stop itself at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array
from diffkit.rules.kinds import answers

_PYTHON = (bool, int, float, complex)


def _ends(*ends: Any) -> tuple[Any, ...]:
    """The ends as arrays (Python's numbers have no precision of their own), and the dtype of what lies between."""
    ends = tuple(end if type(end) in _PYTHON else as_array(end) for end in ends)
    return *ends, np.result_type(*(end if type(end) in _PYTHON else end.dtype for end in ends), 1.0)


@answers(np.linspace)
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
             axis: int = 0, *, device: Any = None) -> Any:
    """``num`` numbers at equal distances; arrays of ends give the numbers along ``axis``."""
    num = _count(num)
    start, stop, inexact = _ends(start, stop)
    parts = num - 1 if endpoint else num
    delta = np.subtract(stop, start, dtype=inexact)
    counts = np.arange(num, dtype=inexact).reshape((num,) + (1,) * len(delta.shape))
    step: Any = np.nan
    if parts > 0:
        step = delta / parts
        y = counts / parts * delta if bool(np.any(step == 0)) else counts * step  # a step may underflow
    else:
        y = counts * delta
    y = y + start
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], np.broadcast_to(np.multiply(stop, 1, dtype=inexact), delta.shape)[None]])
    if axis != 0:
        y = np.moveaxis(y, 0, axis)
    if dtype is not None:
        y = (y if np.dtype(dtype).kind in "fc" else np.floor(y)).astype(dtype)
    return (y, step) if retstep else y


@answers(np.logspace)
def logspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None,
             axis: int = 0) -> Any:
    """Powers of ``base`` at equally spaced exponents."""
    if type(base) not in _PYTHON and np.ndim(base := as_array(base)):
        start, stop = as_array(start), as_array(stop)
        ndim = max(len(part.shape) for part in (start, stop, base))
        start, stop, base = (np.reshape(part, (1,) * (ndim - len(part.shape)) + tuple(part.shape))
                             for part in (start, stop, base))
        base = np.expand_dims(base, axis)
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else y.astype(dtype)


@answers(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers at equal ratios between two ends of the same sign, or on a spiral between complex ones."""
    start, stop, num = as_array(start), as_array(stop), _count(num)
    if bool(np.any(start == 0)) or bool(np.any(stop == 0)):
        raise ValueError("Geometric sequence cannot include zero")
    inexact = np.result_type(start.dtype, stop.dtype, np.float64 if dtype is None else dtype, 1.0)
    start, stop = start.astype(inexact), stop.astype(inexact)
    # Turned so that the start is positive: then ends of the same sign have real logarithms.
    sign = np.sign(start)
    start, stop = start / sign, stop / sign
    y = logspace(np.log10(start), np.log10(stop), num, endpoint, dtype=inexact)
    if num > 0:  # the ends exactly
        shape = y.shape[1:]
        rows = [np.broadcast_to(start, shape)[None], y[1:-1] if endpoint and num > 1 else y[1:]]
        if endpoint and num > 1:
            rows.append(np.broadcast_to(stop, shape)[None])
        y = np.concatenate(rows)
    y = y * sign
    if axis != 0:
        y = np.moveaxis(y, 0, axis)
    return y if dtype is None else y.astype(dtype)


def _count(num: Any) -> int:
    count = num.__index__()
    if count < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    return int(count)

"""Ranges between two ends that may move: ``linspace``, ``logspace``, ``geomspace``.

As NumPy computes them, so that values agree to the last bit: equal steps from the start,
and the stop itself at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, refuse
from diffkit.rules.kinds import answers


@answers(np.linspace)
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
             axis: int = 0, *, device: Any = None) -> Any:
    """``num`` numbers at equal distances; arrays of ends give the numbers along ``axis``."""
    start, stop, num = as_array(start) * 1.0, as_array(stop) * 1.0, _count(num)
    parts = num - 1 if endpoint else num
    delta = stop - start
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise refuse("linspace", "an integer dtype", "np.floor(np.linspace(start, stop, num))")
    counts = np.arange(num).reshape((num,) + (1,) * len(delta.shape)) * np.ones(1, delta.dtype)[0]
    step = delta / parts if parts > 0 else delta * np.nan
    y = counts * (step if parts > 0 else delta) + start
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], np.broadcast_to(stop, delta.shape)[None]])
    if axis != 0:
        y = np.moveaxis(y, 0, axis)
    if dtype is not None:
        y = y.astype(dtype)
    return (y, step) if retstep else y


@answers(np.logspace)
def logspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None,
             axis: int = 0) -> Any:
    """Powers of ``base`` at equally spaced exponents."""
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else y.astype(dtype)


@answers(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers at equal ratios between two ends of the same sign."""
    start, stop, num = as_array(start) * 1.0, as_array(stop) * 1.0, _count(num)
    if start.dtype.kind == "c" or stop.dtype.kind == "c":
        raise refuse("geomspace", "complex ends", "np.exp(np.linspace(np.log(start), np.log(stop), num))")
    if bool(np.any(start == 0)) or bool(np.any(stop == 0)):
        raise ValueError("Geometric sequence cannot include zero")
    sign = np.sign(start)
    y = logspace(np.log10(start * sign), np.log10(stop * sign), num, endpoint) * sign
    if num > 0:  # the ends exactly
        shape = y.shape[1:]
        rows = [np.broadcast_to(start, shape)[None], y[1:-1] if endpoint and num > 1 else y[1:]]
        if endpoint and num > 1:
            rows.append(np.broadcast_to(stop, shape)[None])
        y = np.concatenate(rows)
    if axis != 0:
        y = np.moveaxis(y, 0, axis)
    return y if dtype is None else y.astype(dtype)


def _count(num: Any) -> int:
    count = num.__index__()
    if count < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    return int(count)

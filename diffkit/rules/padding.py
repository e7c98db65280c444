"""``np.pad`` in all its modes.

Padding is done axis by axis, so it is enough to say what stands left and right of one
axis.  Modes that repeat entries (edge, reflect, symmetric, wrap) and zeros are linear and
one row, whose value is NumPy's own call; the others join computed blocks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, plain, refuse
from diffkit.rules.indexing import SCATTER
from diffkit.rules.kinds import Linear, answers, linear
from diffkit.rules.shapes import RESHAPE

_STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
_KEYWORDS = {"constant": "constant_values", "linear_ramp": "end_values", "reflect": "reflect_type",
             "symmetric": "reflect_type", **dict.fromkeys(_STATISTICS, "stat_length")}


def _pad(a: Any, widths: Any, mode: str, **how: Any) -> Any:
    return np.pad(a, widths, mode, **how)  # type: ignore[call-overload]


def _pad_adjoint(g: Any, shapes: Any, i: int, widths: Any, mode: str, **how: Any) -> Any:
    shape = shapes[0]
    if mode == "constant":
        return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, shape))]
    if how.get("reflect_type") == "odd":
        for axis, (width, n) in enumerate(zip(widths, shape)):
            if sum(width):
                matrix = _pad(np.eye(n, dtype=g.dtype), ((0, 0), width), mode, **how)
                g = np.moveaxis(np.moveaxis(g, axis, -1) @ matrix.T, -1, axis)
        return g
    size = math.prod(shape)
    origin = _pad(np.arange(size).reshape(shape), widths, mode)
    flat = SCATTER(RESHAPE(g, shape=(-1,)), index=origin.ravel(), shape=(size,))
    return RESHAPE(flat, shape=shape)


PAD: Linear = linear(_pad, _pad_adjoint, name="pad")


def _pairs(value: Any, ndim: int) -> Any:
    """A number, a pair or a pair for each axis, as a pair for each axis."""
    return np.broadcast_to(as_array(value), (ndim, 2))


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = width if isinstance(width, tuple) else (width, width)
        pad_width = pairs
    widths = np.asarray(plain(pad_width))
    if widths.dtype.kind != "i":
        raise TypeError("`pad_width` must be of integral type.")
    if widths.size and widths.min() < 0:
        raise ValueError("index can't contain negative values")
    return tuple((int(before), int(after)) for before, after in np.broadcast_to(widths, (ndim, 2)))


@answers(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """Entries put around an array."""
    a = as_array(array)
    if callable(mode):
        raise refuse("pad", "a function as mode", "np.concatenate of the parts")
    if mode not in _KEYWORDS and mode not in ("empty", "edge", "wrap"):
        raise ValueError(f"mode '{mode}' is not supported")
    unsupported = set(kwargs) - {_KEYWORDS.get(mode)}
    if unsupported:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unsupported}")
    ndim = len(a.shape)
    widths = _widths(pad_width, ndim)
    if mode == "empty":  # what stands there is undefined: zeros
        return PAD(a, widths=widths, mode="constant")
    if mode == "constant":
        values = kwargs.get("constant_values", 0)
        if type(values) in (int, float) and values == 0:
            return PAD(a, widths=widths, mode=mode)
        pairs = _pairs(values, ndim)
        return _by_axes(a, widths, lambda a, axis, n: [_block(a, axis, size, pairs[axis, side])
                                                      for side, size in enumerate(n)])
    if mode == "linear_ramp":
        pairs = _pairs(kwargs.get("end_values", 0), ndim)
        return _by_axes(a, widths, lambda a, axis, n: [_ramp(a, axis, side, size, pairs[axis, side])
                                                      for side, size in enumerate(n)])
    if mode in _STATISTICS:
        lengths = kwargs.get("stat_length")
        return _by_axes(a, widths, lambda a, axis, n: _statistics(a, axis, n, mode, lengths, ndim))
    return PAD(a, widths=widths, mode=mode, **kwargs)


def _by_axes(a: Any, widths: Any, blocks: Any) -> Any:
    for axis, width in enumerate(widths):
        if any(width):
            left, right = blocks(a, axis, width)
            a = np.concatenate([left, a, right], axis)
    return a


def _sized(a: Any, axis: int, size: int) -> tuple[int, ...]:
    return (*a.shape[:axis], size, *a.shape[axis + 1:])


def _block(a: Any, axis: int, size: int, value: Any) -> Any:
    value = as_array(value)
    return np.broadcast_to(value if value.dtype == a.dtype else value.astype(a.dtype), _sized(a, axis, size))


def _ramp(a: Any, axis: int, side: int, size: int, end: Any) -> Any:
    """From the end value, exclusive of the edge: end + k (edge - end) / size."""
    if not a.shape[axis]:
        raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    index = (slice(None),) * axis
    edge = a[(*index, slice(0, 1) if side == 0 else slice(a.shape[axis] - 1, None))]
    steps = np.reshape(np.arange(size), (-1,) + (1,) * (len(a.shape) - axis - 1))
    rise, count = edge - end, max(size, 1)
    step = rise / count
    # As np.linspace does it, to the last bit: where a step is 0 it may have underflowed.
    ramp = np.where(np.any(step == 0), steps / count * rise, steps * step) + end
    ramp = ramp if ramp.dtype == a.dtype else ramp.astype(a.dtype)
    return np.broadcast_to(ramp if side == 0 else np.flip(ramp, axis), _sized(a, axis, size))


def _statistics(a: Any, axis: int, width: Any, mode: str, lengths: Any, ndim: int) -> list[Any]:
    n = a.shape[axis]
    if not n:
        raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    pair: Any = (None, None)
    if lengths is not None:
        pair = np.broadcast_to(np.asarray(plain(lengths), object), (ndim, 2))[axis]
    blocks = []
    for side, size in enumerate(width):
        length = n if pair[side] is None else min(int(pair[side]), n)
        if length == 0 and mode in ("maximum", "minimum"):
            raise ValueError("stat_length of 0 yields no value for padding")
        part = a[(slice(None),) * axis + (slice(0, length) if side == 0 else slice(n - length, None),)]
        value = _STATISTICS[mode](part, axis=axis, keepdims=True)  # type: ignore[operator]
        blocks.append(np.broadcast_to(value, _sized(a, axis, size)))
    return blocks

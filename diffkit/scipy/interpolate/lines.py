"""interp1d: interpolation by steps, lines and splines, along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate as original

from diffkit import tree
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import prepared, primal, traced_among
from diffkit.scipy.interpolate.piecewise import wide
from diffkit.scipy.interpolate.splines import make_interp_spline
from diffkit.traced import is_traced

__all__ = ["interp1d"]

_STEPS = ("nearest", "nearest-up", "previous", "next", "zero")
_DEGREES = {"slinear": 1, "quadratic": 2, "cubic": 3}


class interp1d:
    """A function through points, scipy.interpolate.interp1d; every ``kind``.

    Differentiable by x, y and the points where it is asked; 'nearest' and the other steps by y
    alone.  Beyond the ends ``fill_value`` (constant) or, with 'extrapolate', the last line.

    >>> import numpy as np, diffkit as dk
    >>> x = np.array([0.0, 1.0, 3.0])
    >>> print(dk.grad(lambda y: interp1d(x, y)(2.0))(np.ones(3)))
    [0.  0.5 0.5]
    """

    def __init__(self, x: Any, y: Any, kind: Any = "linear", axis: int = -1, copy: bool = True,
                 bounds_error: Any = None, fill_value: Any = np.nan, assume_sorted: bool = False) -> None:
        values = tree.flatten(fill_value)[0]
        plain = [primal(prepared(part)) for part in (x, y)]
        fill = tree.map(lambda leaf: primal(leaf), fill_value)
        # SciPy looks at the arguments, and complains.
        self._plain = original.interp1d(*plain, kind, axis, True, bounds_error, fill, assume_sorted)
        self._traced = traced_among((x, y, *values), {})
        self.kind, self.axis, self.bounds_error = kind, self._plain.axis, self._plain.bounds_error
        self.fill_value = fill_value
        x, y = prepared(x) if is_traced(x) else wide(x), wide(y)
        self.x = x
        self.y = np.moveaxis(y, self.axis, -1)
        if not assume_sorted:
            order = np.argsort(primal(x), kind="mergesort")
            self.x, self.y = self.x[order], self.y[..., order]
        self._spline: Any = None
        degree = kind if type(kind) is int else _DEGREES.get(kind)
        if degree is not None and degree > 0 and kind != "slinear":
            self._spline = make_interp_spline(self.x, np.moveaxis(self.y, -1, 0), degree)

    def __call__(self, x: Any) -> Any:
        """The values at x; its shape takes the axis' place."""
        if not self._traced and not traced_among((x,), {}):
            return self._plain(x)
        points = wide(x)
        t = np.reshape(points, (-1,))
        low, high = t < self.x[0], t > self.x[-1]
        extrapolates = isinstance(self.fill_value, str) and self.fill_value == "extrapolate"
        if self.bounds_error and not extrapolates:
            for what, wrong in (("below", low), ("above", high)):
                if np.any(primal(wrong)):
                    raise ValueError(f"A value in x_new is {what} the interpolation range.")
        out = self._inside(t)
        if not extrapolates:
            below, above = self.fill_value if isinstance(self.fill_value, tuple) else (self.fill_value,) * 2
            out = np.where(low, self._filled(below), np.where(high, self._filled(above), out))
        out = np.reshape(out, (*self.y.shape[:-1], *points.shape))
        lead, n = self.y.ndim - 1, points.ndim
        order = [*range(self.axis), *range(lead, lead + n), *range(self.axis, lead)]
        out = np.transpose(out, order) if order != list(range(out.ndim)) else out
        return out if is_traced(out) else np.asarray(out)

    def _filled(self, fill: Any) -> Any:
        fill = prepared(fill)
        if fill.ndim == 0:
            return fill
        if fill.shape != self.y.shape[:-1]:
            raise UnsupportedArgumentError(f"interp1d of traced values with a fill_value of shape {fill.shape}",
                                           f"one number, or an array of shape {self.y.shape[:-1]}")
        return fill[..., None]

    def _inside(self, t: Any) -> Any:
        if self._spline is not None:
            return np.moveaxis(self._spline(t), 0, -1)
        n = self.x.shape[0]
        if self.kind in _STEPS or self.kind == 0:
            out = self.y[..., self._step(t, n)]
            # SciPy knows no sample before the first, and none after the last.
            lost = (t < self.x[0]) if self.kind == "previous" else (t > self.x[-1]) if self.kind == "next" else None
            return out if lost is None else np.where(lost, np.nan, out)
        place = np.clip(np.searchsorted(self.x, t) - 1, 0, n - 2)
        left, right = self.x[place], self.x[place + 1]
        low, high = self.y[..., place], self.y[..., place + 1]
        return low + (high - low) / (right - left) * (t - left)

    def _step(self, t: Any, n: int) -> Any:
        """Which sample a point takes."""
        kind = "previous" if self.kind in ("zero", 0) else self.kind
        if kind == "previous":
            return np.clip(np.searchsorted(self.x, t, side="right") - 1, 0, n - 1)
        if kind == "next":
            return np.clip(np.searchsorted(self.x, t, side="left"), 0, n - 1)
        middle = self.x[:-1] + (self.x[1:] - self.x[:-1]) / 2
        return np.clip(np.searchsorted(middle, t, side="left" if kind == "nearest" else "right"), 0, n - 1)

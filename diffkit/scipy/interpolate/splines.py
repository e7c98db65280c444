"""B-splines: BSpline and make_interp_spline, by de Boor's recursion on traced values.

    B_{i,0}(x) = 1 on [t_i, t_{i+1}),
    B_{i,k}(x) = (x - t_i) / (t_{i+k} - t_i) B_{i,k-1}(x) + (t_{i+k+1} - x) / (t_{i+k+1} - t_{i+1}) B_{i+1,k-1}(x)

At a point k + 1 of them are not zero.  They are differentiable in the point and in the knots,
and an interpolating spline's coefficients solve the linear system of their values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import prepared, primal, traced_among
from diffkit.scipy.interpolate.piecewise import wide
from diffkit.traced import is_traced

__all__ = ["BSpline", "make_interp_spline"]


def _place(t: Any, k: int, x: Any) -> Any:
    """The interval of knots that each point lies in (the last one beyond the end)."""
    return np.clip(np.searchsorted(t, x, side="right") - 1, k, len(t) - k - 2)


def _basis(t: Any, k: int, x: Any, place: Any) -> list[Any]:
    """The k + 1 basis functions at each point that are not zero there."""
    values = [np.ones(x.shape)]
    for degree in range(1, k + 1):
        new: list[Any] = [0.0] * (degree + 1)
        for r in range(degree):
            right, left = t[place + r + 1], t[place + r + 1 - degree]
            share = values[r] / (right - left)
            new[r] = new[r] + share * (right - x)
            new[r + 1] = new[r + 1] + share * (x - left)
        values = new
    return values


class BSpline:
    """A spline with knots t, coefficients c and degree k, scipy.interpolate.BSpline.

    >>> import numpy as np, diffkit as dk
    >>> t = np.array([0.0, 0, 0, 1, 1, 1])
    >>> print(dk.grad(lambda c: BSpline(t, c, 2)(0.5))(np.ones(3)))
    [0.25 0.5  0.25]
    """

    _plain: Any = None

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        if not traced_among((t, c), {}):
            self._plain = original.BSpline(t, c, k, extrapolate, axis)
        self.t, self.k, self.extrapolate = wide(t), k, extrapolate
        # As in SciPy, c is given with its axis in place and kept with it in front.
        c = wide(c)
        self.axis = axis % c.ndim
        self.c = np.moveaxis(c, self.axis, 0) if self.axis else c

    def __getattr__(self, name: str) -> Any:
        plain = self.__dict__.get("_plain")
        if plain is not None and not name.startswith("__"):
            return getattr(plain, name)
        if name.startswith("_") or not hasattr(original.BSpline, name):
            raise AttributeError(f"'BSpline' object has no attribute {name!r}")
        raise UnsupportedArgumentError(f"BSpline.{name} of traced data is not differentiated",
                                       "values, derivative(nu)")

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value (or the derivative of order nu) at x."""
        if self._plain is not None and not traced_among((x,), {}):
            return self._plain(x, nu, extrapolate)
        if nu:
            return self.derivative(nu)(x, 0, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        points = wide(x)
        flat = np.reshape(points, (-1,))
        low, high = self.t[self.k], self.t[-self.k - 1]
        outside = None
        if extrapolate == "periodic":
            flat = low + (flat - low) % (high - low)
        elif not extrapolate:
            outside = (flat < low) | (flat > high)
        place = _place(self.t, self.k, flat)
        tail = (-1, *[1] * (self.c.ndim - 1))
        out: Any = 0.0
        for r, values in enumerate(_basis(self.t, self.k, flat, place)):
            out = out + np.reshape(values, tail) * self.c[place - self.k + r]
        if outside is not None:
            out = np.where(np.reshape(outside, tail), np.nan, out)
        out = np.reshape(out, (*points.shape, *self.c.shape[1:]))
        if self.axis:
            order, n = list(range(out.ndim)), points.ndim
            out = np.transpose(out, order[n:n + self.axis] + order[:n] + order[n + self.axis:])
        return out if is_traced(out) else out[()]

    def derivative(self, nu: int = 1) -> Any:
        """The derivative, a spline of lower degree on the same knots less nu at each end."""
        t, c, k = self.t, self.c, self.k
        for _ in range(nu):
            if k == 0:
                return BSpline(t, 0 * c, 0, self.extrapolate)
            n = t.shape[0] - k - 1
            gaps = t[k + 1:k + n] - t[1:n]
            c = k * (c[1:n] - c[:n - 1]) / np.reshape(gaps, (-1, *[1] * (c.ndim - 1)))
            t, k = t[1:-1], k - 1
        made = BSpline(t, c, k, self.extrapolate)
        made.axis = self.axis
        if made._plain is not None and self.axis:
            made._plain = original.BSpline(t, c, k, self.extrapolate)
            made._plain.axis = self.axis
        return made


def make_interp_spline(x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0,
                       check_finite: bool = True) -> Any:
    """The spline of degree k through points, scipy.interpolate.make_interp_spline.

    Differentiable by x, y and t.  Of traced data ``bc_type`` may be None (not a knot) or, for a
    cubic, 'natural', 'clamped'.

    >>> import numpy as np, diffkit as dk
    >>> x = np.arange(4.0)
    >>> print(dk.grad(lambda y: make_interp_spline(x, y)(1.5))(x**3).round(6))
    [-0.0625  0.5625  0.5625 -0.0625]
    """
    if not traced_among((x, y, t), {}):
        return _adopted(original.make_interp_spline(x, y, k, t, bc_type, axis, check_finite))
    if not (bc_type is None or bc_type == "not-a-knot" or (k == 3 and bc_type in ("natural", "clamped"))):
        raise UnsupportedArgumentError(f"make_interp_spline of traced data with bc_type={bc_type!r} and k={k} is not "
                                       "differentiated", "CubicSpline, which has every bc_type")
    x, y = wide(x), wide(y)
    axis = axis % y.ndim
    y = np.moveaxis(y, axis, 0) if axis else y
    order = {"natural": 2, "clamped": 1}.get(bc_type or "", 0)
    # SciPy's own checks, knots and messages.
    given = None if t is None else primal(prepared(t))
    plain = original.make_interp_spline(primal(x), primal(y), k, given, bc_type, 0, check_finite)
    knots = wide(t) if t is not None else _knots(x, k, order)
    if len(knots) != len(plain.t):
        raise UnsupportedArgumentError(f"make_interp_spline of traced data with k={k} and so few points is not "
                                       "differentiated", "more points, or k=1")
    n = len(knots) - k - 1
    rows, right = [_collocation(knots, k, x, n)], [np.reshape(y, (len(x), -1))]
    if order:
        unit = np.eye(n)
        ends = BSpline(knots, unit, k).derivative(order)
        rows = [ends(x[:1]), *rows, ends(x[-1:])]
        none = np.zeros((1, right[0].shape[1]))
        right = [none, *right, none]
    c = np.linalg.solve(np.concatenate(rows), np.concatenate(right))
    found = BSpline(knots, np.reshape(c, (n, *y.shape[1:])), k)
    found.axis = axis
    return found


def _adopted(plain: Any) -> BSpline:
    made = object.__new__(BSpline)
    made._plain = plain
    made.t, made.c, made.k, made.extrapolate, made.axis = plain.t, plain.c, plain.k, plain.extrapolate, plain.axis
    return made


def _knots(x: Any, k: int, order: int) -> Any:
    """SciPy's knots: not-a-knot for an interpolant without end conditions, else the points."""
    inner = x[1:-1]
    if not order:
        if k % 2:
            cut = (k + 1) // 2
            inner = x[cut:len(x) - cut]
        else:
            middle = (x[1:] + x[:-1]) / 2
            inner = middle[k // 2:-(k // 2)] if k else x[1:]
    if k == 0:
        return np.concatenate([x, x[-1:]])
    return np.concatenate([x[:1]] * (k + 1) + [inner] + [x[-1:]] * (k + 1))


def _collocation(t: Any, k: int, x: Any, n: int) -> Any:
    """The values of all basis functions at the points, (len(x), n)."""
    place = _place(t, k, x)
    total: Any = 0.0
    for r, values in enumerate(_basis(t, k, x, place)):
        column = primal(place) - k + r
        total = total + values[:, None] * (column[:, None] == np.arange(n))
    return total

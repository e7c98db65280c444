"""Piecewise polynomials, and the cubic interpolators: PPoly, CubicSpline, Pchip, Akima, Hermite.

Each interpolator is a formula for the slopes at the nodes (``slopes``); the rest is Hermite's cubic.

Made of plain values they are SciPy's own objects inside, and only asking at a traced point is
diffkit's; made of traced values the slopes are computed on them, so that coefficients move
with x and y.  Between which nodes a point lies is a condition of the path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import prepared, primal, traced_among
from diffkit.scipy.interpolate.slopes import akima_slopes, column, monotone_slopes, spline_slopes
from diffkit.traced import is_traced

__all__ = ["Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PPoly", "PchipInterpolator", "wide"]


def wide(a: Any) -> Any:
    """At least double precision, as SciPy interpolates."""
    a = prepared(a)
    target = np.result_type(a.dtype, np.float64)
    return a if a.dtype == target else a.astype(target)


class PPoly:
    """A piecewise polynomial, scipy.interpolate.PPoly.

    ``c[k, i]`` is the coefficient of ``(t - x[i])**(K - 1 - k)`` between x[i] and x[i + 1].

    Raises
    ------
    UnsupportedArgumentError
        (a TypeError) a method (``roots``, ``solve``, …) that is not differentiated, of an
        interpolator of traced data; traced nodes in descending order.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda c: PPoly(c, [0.0, 1.0])(0.5))(np.ones((3, 1))).ravel())
    [0.25 0.5  1.  ]
    """

    _scipys: Any = original.PPoly
    #: SciPy's own object, where nothing that this was made of is traced.
    _plain: Any = None

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        if not traced_among((c, x), {}):
            self._adopt(original.PPoly(c, x, extrapolate, axis))
            return
        c, x = prepared(c), wide(x)
        if np.any(np.diff(primal(x)) <= 0):
            raise UnsupportedArgumentError("a PPoly of traced nodes that do not increase", "increasing nodes")
        self._set(c, x, True if extrapolate is None else extrapolate, axis)

    def _adopt(self, plain: Any) -> None:
        self._plain = plain
        self._set(plain.c, plain.x, plain.extrapolate, plain.axis)

    def _set(self, c: Any, x: Any, extrapolate: Any, axis: int) -> None:
        self.c, self.x, self.extrapolate, self.axis = c, x, extrapolate, axis

    def __getattr__(self, name: str) -> Any:
        plain = self.__dict__.get("_plain")
        if plain is not None and not name.startswith("__"):
            return getattr(plain, name)
        if name.startswith("_") or not hasattr(self._scipys, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise UnsupportedArgumentError(f"{type(self).__name__}.{name} of traced data is not differentiated",
                                       "values, derivative, antiderivative or integrate; a root by brentq")

    def _like(self, c: Any, extrapolate: Any) -> PPoly:
        made = object.__new__(PPoly)
        made._set(c, self.x, extrapolate, self.axis)
        return made

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value (or the derivative of order nu) at x; shape x.shape in the place of the axis."""
        if self._plain is not None and not traced_among((x,), {}):
            return self._plain(x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        points = wide(x)
        t = np.reshape(points, (-1,))
        outside = None
        if extrapolate == "periodic":
            t = self.x[0] + (t - self.x[0]) % (self.x[-1] - self.x[0])
        elif not extrapolate:
            outside = (t < self.x[0]) | (t > self.x[-1])
        out = self._values(t, nu)
        if outside is not None:
            out = np.where(np.reshape(outside, (-1, *[1] * (out.ndim - 1))), np.nan, out)
        out = np.reshape(out, (*points.shape, *self.c.shape[2:]))
        if self.axis:
            order = list(range(out.ndim))
            at, n = self.axis, points.ndim
            out = np.transpose(out, order[n:n + at] + order[:n] + order[n + at:])
        return out[()] if not is_traced(out) else out

    def _values(self, t: Any, nu: int) -> Any:
        degree = self.c.shape[0] - 1
        place = np.clip(np.searchsorted(self.x, t, side="right") - 1, 0, self.c.shape[1] - 1)
        away = np.reshape(t - self.x[place], (-1, *[1] * (self.c.ndim - 2)))
        total: Any = None
        for k in range(degree - nu + 1):
            factor = float(np.prod(np.arange(degree - k, degree - k - nu, -1.0)))
            term = self.c[k][place] * factor
            total = term if total is None else total * away + term
        return 0 * (self.c[0][place] + away) if total is None else total

    def derivative(self, nu: int = 1) -> Any:
        """The derivative as a piecewise polynomial."""
        if nu < 0:
            return self.antiderivative(-nu)
        size = self.c.shape[0]
        if nu >= size:
            return self._like(0 * self.c[:1], self.extrapolate)
        factors = [float(np.prod(np.arange(size - 1 - k, size - 1 - k - nu, -1.0))) for k in range(size - nu)]
        return self._like(self.c[:size - nu] * np.reshape(factors, (-1, *[1] * (self.c.ndim - 1))), self.extrapolate)

    def antiderivative(self, nu: int = 1) -> Any:
        """The antiderivative that is 0 at the first node, as a piecewise polynomial."""
        found: PPoly = self
        for _ in range(nu):
            size = found.c.shape[0]
            higher = found.c / np.reshape(np.arange(size, 0, -1.0), (-1, *[1] * (found.c.ndim - 1)))
            h = np.reshape(np.diff(self.x), (-1, *[1] * (found.c.ndim - 2)))
            total: Any = 0.0
            for k in range(size):
                total = (total + higher[k]) * h
            ends = np.cumsum(total, axis=0)
            constant = np.concatenate([0 * ends[:1], ends[:-1]])
            found = found._like(np.concatenate([higher, constant[None]]),
                                False if self.extrapolate == "periodic" else self.extrapolate)
        return found if nu > 0 else self.derivative(-nu)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from a to b."""
        if self._plain is not None and not traced_among((a, b), {}):
            return self._plain.integrate(a, b, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        whole = self._like(self.c, True).antiderivative()
        whole.axis = 0
        if extrapolate == "periodic":
            low, period = self.x[0], self.x[-1] - self.x[0]
            both = [((t - low) // period, low + (t - low) % period) for t in (prepared(a), prepared(b))]
            turn = whole(self.x[-1])
            first, last = (turns * turn + whole(rest) for turns, rest in both)
            return last - first
        return whole(b, 0, extrapolate) - whole(a, 0, extrapolate)


def _checked(x: Any, y: Any, axis: int) -> tuple[Any, Any, int]:
    """x and y in double precision, y with its axis in front; SciPy's complaints."""
    x, y = wide(x), wide(y)
    if x.dtype.kind == "c":
        raise ValueError("`x` must contain real values.")
    axis = axis % y.ndim
    if x.ndim != 1:
        raise ValueError("`x` must be 1-dimensional.")
    if x.shape[0] < 2:
        raise ValueError("`x` must contain at least 2 elements.")
    if x.shape[0] != y.shape[axis]:
        raise ValueError(f"The length of `y` along `axis`={axis} doesn't match the length of `x`")
    if not np.all(np.isfinite(primal(x))):
        raise ValueError("`x` must contain only finite values.")
    if not np.all(np.isfinite(primal(y))):
        raise ValueError("`y` must contain only finite values.")
    if np.any(np.diff(primal(x)) <= 0):
        raise ValueError("`x` must be strictly increasing sequence.")
    return x, np.moveaxis(y, axis, 0) if axis else y, axis


class CubicHermiteSpline(PPoly):
    """Cubic pieces with given values and slopes at the nodes, scipy.interpolate.CubicHermiteSpline.

    >>> import numpy as np, diffkit as dk
    >>> slope = lambda s: CubicHermiteSpline([0.0, 1.0], [0.0, 1.0], s)(0.5)
    >>> print(dk.grad(slope)(np.array([1.0, 1.0])))
    [ 0.125 -0.125]
    """

    _scipys = original.CubicHermiteSpline

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        if not traced_among((x, y, dydx), {}):
            self._adopt(original.CubicHermiteSpline(x, y, dydx, axis, extrapolate))
            return
        slopes = wide(dydx)
        if slopes.shape != prepared(y).shape:
            raise ValueError("The shapes of `y` and `dydx` must be identical.")
        x, y, axis = _checked(x, y, axis)
        self._hermite(x, y, np.moveaxis(slopes, axis, 0) if axis else slopes, axis,
                      True if extrapolate is None else extrapolate)

    def _hermite(self, x: Any, y: Any, s: Any, axis: int, extrapolate: Any) -> None:
        h = column(np.diff(x), y)
        slope = np.diff(y, axis=0) / h
        t = (s[:-1] + s[1:] - 2 * slope) / h
        self._set(np.stack([t / h, (slope - s[:-1]) / h - t, s[:-1], y[:-1]]), x, extrapolate, axis)


class CubicSpline(CubicHermiteSpline):
    """The cubic spline through points, scipy.interpolate.CubicSpline; every ``bc_type``.

    Differentiable by x, y, the values in ``bc_type`` and the points where it is asked.

    >>> import numpy as np, diffkit as dk
    >>> x = np.arange(4.0)
    >>> print(dk.grad(lambda y: CubicSpline(x, y)(1.5))(x**3).round(6))
    [-0.0625  0.5625  0.5625 -0.0625]
    >>> print(dk.grad(CubicSpline(x, x**3))(1.5).round(12))
    6.75
    """

    _scipys = original.CubicSpline

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None) -> None:
        values = [bc[1] for bc in bc_type if not isinstance(bc, str)] if not isinstance(bc_type, str) else []
        if not traced_among((x, y, *values), {}):
            self._adopt(original.CubicSpline(x, y, axis, bc_type, extrapolate))
            return
        x, y, axis = _checked(x, y, axis)
        # SciPy looks at the boundary conditions, and complains.
        original.CubicSpline._validate_bc(_plain_condition(bc_type), primal(y), y.shape[1:], axis)
        start, end = (bc_type, bc_type) if isinstance(bc_type, str) else bc_type
        if extrapolate is None:
            extrapolate = "periodic" if isinstance(start, str) and start == "periodic" else True
        self._hermite(x, y, spline_slopes(x, y, _condition(start, y), _condition(end, y)), axis, extrapolate)


def _plain_condition(bc_type: Any) -> Any:
    if isinstance(bc_type, str):
        return bc_type
    return tuple(bc if isinstance(bc, str) else (bc[0], primal(prepared(bc[1]))) for bc in bc_type)


def _condition(bc: Any, y: Any) -> Any:
    """A boundary condition as 'not-a-knot', 'periodic' or (order, value)."""
    if isinstance(bc, str):
        named = {"clamped": 1, "natural": 2}
        return (named[bc], np.zeros(y.shape[1:])) if bc in named else bc
    return bc[0], prepared(bc[1])


class PchipInterpolator(CubicHermiteSpline):
    """The monotone cubic interpolator, scipy.interpolate.PchipInterpolator.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda y: PchipInterpolator(np.arange(3.0), y)(0.5))(np.array([0.0, 1.0, 4.0])).round(6))
    [ 0.640625  0.375    -0.015625]
    """

    _scipys = original.PchipInterpolator

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        if not traced_among((x, y), {}):
            self._adopt(original.PchipInterpolator(x, y, axis, extrapolate))
            return
        x, y, axis = _checked(x, y, axis)
        if y.dtype.kind == "c":
            raise ValueError("`PchipInterpolator` only works with real values for `y`.")
        self._hermite(x, y, monotone_slopes(x, y), axis, True if extrapolate is None else extrapolate)


class Akima1DInterpolator(CubicHermiteSpline):
    """Akima's interpolator, scipy.interpolate.Akima1DInterpolator.

    >>> import numpy as np, diffkit as dk
    >>> x = np.arange(5.0)
    >>> print(dk.grad(lambda y: Akima1DInterpolator(x, y)(1.0))(x**2))
    [0. 1. 0. 0. 0.]
    """

    _scipys = original.Akima1DInterpolator

    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Any = None) -> None:
        if not traced_among((x, y), {}):
            self._adopt(original.Akima1DInterpolator(x, y, axis, method=method, extrapolate=extrapolate))
            return
        if method not in ("akima", "makima"):
            raise NotImplementedError(f"`method`={method} is unsupported.")
        x, y, axis = _checked(x, y, axis)
        if y.dtype.kind == "c":
            raise ValueError("`Akima1DInterpolator` only works with real values for `y`.")
        self._hermite(x, y, akima_slopes(x, y, method), axis, False if extrapolate is None else extrapolate)

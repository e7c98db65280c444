"""RegularGridInterpolator and interpn: values on a grid, asked between its points.

Linear: the product of hat functions, one for each axis.  The spline methods and pchip interpolate
along one axis after the other.  'nearest' is a step: by the points its derivative is zero.
SciPy solves for the coefficients of 'cubic' and 'quintic' by iteration and stops some 1e-6 before
the solution; on traced values they are solved for directly.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.interpolate as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import falls_back, prepared, primal, traced_among
from diffkit.scipy.interpolate.piecewise import PchipInterpolator, wide
from diffkit.scipy.interpolate.splines import make_interp_spline

__all__ = ["RegularGridInterpolator", "interpn"]

_DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


class RegularGridInterpolator:
    """Interpolation on a rectilinear grid, scipy.interpolate.RegularGridInterpolator.

    Differentiable by the values, the grid and the points xi.

    >>> import numpy as np, diffkit as dk
    >>> grid = (np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    >>> f = RegularGridInterpolator(grid, np.array([[0.0, 2.0], [1.0, 5.0]]))
    >>> print(dk.grad(lambda p: f(p)[0])(np.array([0.5, 1.0])))
    [2.  1.5]
    """

    def __init__(self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True,
                 fill_value: Any = np.nan, *, solver: Any = None, solver_args: Any = None) -> None:
        self._traced = traced_among((*points, values, fill_value), {})
        plain = tuple(primal(prepared(axis)) for axis in points)
        # SciPy looks at the arguments, and complains.
        self._plain = original.RegularGridInterpolator(plain, primal(prepared(values)), method, bounds_error,
                                                       primal(fill_value), solver=solver, solver_args=solver_args)
        if self._traced and any(np.any(np.diff(axis) < 0) for axis in plain):
            raise UnsupportedArgumentError("a traced grid in descending order", "increasing coordinates")
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.grid = tuple(wide(axis) for axis in points) if self._traced else tuple(self._plain.grid)
        self.values = wide(values) if self._traced else self._plain.values

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        """Values at xi, an array with the coordinates along its last axis (or a tuple of arrays)."""
        if not self._traced and not traced_among((xi,), {}):
            return self._plain(xi, method, nu=nu)
        method = self.method if method is None else method
        if nu is not None:
            raise UnsupportedArgumentError("RegularGridInterpolator with nu= on traced values",
                                           "dk.jacobian by the points")
        self._plain(primal(self._packed(xi)), method)  # SciPy's own checks and messages
        xi = wide(self._packed(xi))
        lead = xi.shape[:-1]
        xi = np.reshape(xi, (-1, len(self.grid)))
        if method in ("linear", "nearest"):
            out = _linear(self.grid, self.values, xi) if method == "linear" else _nearest(self.grid, self.values, xi)
        else:
            out = _in_turn(self.grid, self.values, xi, method)
        if not self.bounds_error and self.fill_value is not None:
            outside: Any = False
            for axis, t in zip(self.grid, np.transpose(xi)):
                outside = outside | (t < axis[0]) | (t > axis[-1])
            out = np.where(np.reshape(outside, (-1, *[1] * (out.ndim - 1))), self.fill_value, out)
        # A point that is NaN has the value NaN, also where its value is a sample.
        lost = np.any(np.isnan(primal(xi)), axis=-1)
        if lost.any():
            out = np.where(np.reshape(lost, (-1, *[1] * (out.ndim - 1))), np.nan, out)
        # As in SciPy, one point (a vector) has a result of shape (1, …).
        shape = lead if lead else (1,)
        return np.reshape(out, (*shape, *self.values.shape[len(self.grid):]))

    def _packed(self, xi: Any) -> Any:
        if isinstance(xi, tuple):
            xi = np.stack(np.broadcast_arrays(*(prepared(part) for part in xi)), axis=-1)
        return prepared(xi)


def _linear(grid: Any, values: Any, xi: Any) -> Any:
    places, shares = [], []
    for axis, t in zip(grid, np.transpose(xi)):
        if axis.shape[0] == 1:
            places.append(np.zeros(t.shape, int))
            shares.append(0.0 * t)
            continue
        place = np.clip(np.searchsorted(axis, t, side="right") - 1, 0, axis.shape[0] - 2)
        places.append(place)
        shares.append((t - axis[place]) / (axis[place + 1] - axis[place]))
    tail = (-1, *[1] * (values.ndim - len(grid)))
    out: Any = 0.0
    for corner in itertools.product((0, 1), repeat=len(grid)):
        weight: Any = 1.0
        index = []
        for axis, place, share, side in zip(grid, places, shares, corner):
            weight = weight * (share if side else 1 - share)
            index.append(np.minimum(place + side, axis.shape[0] - 1))
        out = out + values[tuple(index)] * np.reshape(weight, tail)
    return out


def _nearest(grid: Any, values: Any, xi: Any) -> Any:
    index = []
    for axis, t in zip(grid, np.transpose(primal(xi))):
        axis = primal(axis)
        if len(axis) == 1:
            index.append(np.zeros(t.shape, int))
            continue
        place = np.clip(np.searchsorted(axis, t, side="right") - 1, 0, len(axis) - 2)
        index.append(np.where((t - axis[place]) / (axis[place + 1] - axis[place]) <= 0.5, place, place + 1))
    return values[tuple(index)]


def _in_turn(grid: Any, values: Any, xi: Any, method: str) -> Any:
    """One axis after the other, the last one first (pchip is not linear: the order matters)."""
    def along(axis: Any, rows: Any, t: Any, position: int) -> Any:
        if method == "pchip":
            return PchipInterpolator(axis, rows, axis=position)(t)
        return make_interp_spline(axis, rows, _DEGREES[method], axis=position)(t)

    last = len(grid) - 1
    first = along(grid[last], values, xi[:, last], last)  # all points at once
    out = []
    for k in range(xi.shape[0]):
        rows = first[(slice(None),) * last + (k,)]
        for position in reversed(range(last)):
            rows = along(grid[position], rows, xi[k, position], position)
        out.append(rows)
    return np.stack(out) if out else np.zeros((0, *values.shape[len(grid):]))


@falls_back(original.interpn)
def interpn(points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True,
            fill_value: Any = np.nan) -> Any:
    """Interpolation on a rectilinear grid in one call, scipy.interpolate.interpn.

    >>> import numpy as np, diffkit as dk
    >>> grid = (np.array([0.0, 1.0]),)
    >>> print(dk.grad(lambda v: interpn(grid, v, np.array([0.25]))[0])(np.array([1.0, 2.0])))
    [0.75 0.25]
    """
    if method == "splinef2d":
        raise UnsupportedArgumentError("interpn with method='splinef2d' is not differentiated", "method='cubic'")
    found = RegularGridInterpolator(points, values, method, bounds_error, fill_value)
    return found(xi)

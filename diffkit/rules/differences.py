"""Differences along an axis and what is made of them: gradient, trapezoid, interp, unwrap."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, as_array, normal_axis, plain, refuse
from diffkit.rules.kinds import Flat, answers, general


def _cut(axis: int, start: Any, stop: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (slice(start, stop),)


@answers(np.diff)
def diff(a: Any, n: int = 1, axis: Any = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE) -> Any:
    """Differences of neighbours, n times; with entries put in front or behind first."""
    if n == 0:
        return a
    if n < 0:
        raise ValueError("order must be non-negative but got " + repr(n))
    a = as_array(a)
    if not a.shape:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = normal_axis(axis, len(a.shape))
    parts = [a]
    for extra, place in ((prepend, 0), (append, len(parts) + 1)):
        if extra is not NO_VALUE:
            extra = as_array(extra)
            if not extra.shape:
                extra = np.broadcast_to(extra, (*a.shape[:axis], 1, *a.shape[axis + 1:]))
            parts.insert(place, extra)
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    for _ in range(n):
        a = a[_cut(axis, 1, None)] - a[_cut(axis, None, -1)]
    return a


@answers(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours of the flattened array, with entries put in front and behind."""
    ary = np.ravel(as_array(ary))
    parts = [ary[1:] - ary[:-1]]
    for name, extra in (("to_begin", to_begin), ("to_end", to_end)):
        if extra is not None:
            extra = np.ravel(as_array(extra))
            if not np.can_cast(extra.dtype, ary.dtype, casting="same_kind"):
                raise TypeError(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.")
            parts.insert(0 if name == "to_begin" else len(parts), extra.astype(ary.dtype))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


@answers(getattr(np, "trapezoid", "trapezoid"))
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """The integral by the trapezoidal rule, differentiable in the values, the places and the step."""
    y = as_array(y)
    axis = normal_axis(axis, len(y.shape))
    width = dx
    if x is not None:
        x = as_array(x)
        width = diff(x) if len(x.shape) == 1 else diff(x, axis=axis)
        if len(x.shape) == 1:
            width = np.reshape(width, tuple(width.shape[0] if i == axis else 1 for i in range(len(y.shape))))
    return np.sum(width * (y[_cut(axis, 1, None)] + y[_cut(axis, None, -1)]) / 2.0, axis=axis)


# --- gradient ------------------------------------------------------------------------------------

def _spacings(f: Any, axes: tuple[int, ...], varargs: tuple[Any, ...]) -> list[Any]:
    if not varargs:
        return [1.0] * len(axes)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        return [varargs[0]] * len(axes)
    if len(varargs) != len(axes):
        raise TypeError("invalid number of arguments")
    spacings = []
    for axis, distances in zip(axes, varargs):
        distances = as_array(distances)
        if len(distances.shape) > 1:
            raise ValueError("distances must be either scalars or 1d")
        if len(distances.shape) == 1:
            if len(distances) != f.shape[axis]:
                raise ValueError("when 1d, distances must match the length of the corresponding dimension")
            if distances.dtype.kind in "iu":
                distances = distances.astype(np.float64)
            steps = diff(distances)
            # Even spacing is the same number by the shorter formula, but another
            # derivative with respect to the places: a moving place keeps the longer one.
            distances = steps if type(steps) is not np.ndarray or not (steps == steps[0]).all() else steps[0]
        spacings.append(distances)
    return spacings


@answers(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences inside, one-sided ones at the edges, along each axis."""
    f = as_array(f)
    ndim = len(f.shape)
    axes = tuple(range(ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, ndim)
    spacings = _spacings(f, axes, varargs)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    results = []
    for i, h in zip(axes, spacings):
        if f.shape[i] < edge_order + 1:
            raise ValueError("Shape of array too small to calculate a numerical gradient, "
                             "at least (edge_order + 1) elements are required.")
        y = _gradient_along(np.moveaxis(f, i, -1), h, edge_order)
        results.append(np.moveaxis(y if y.dtype == f.dtype else y.astype(f.dtype), -1, i))
    return results[0] if len(results) == 1 else tuple(results)


def _gradient_along(f: Any, h: Any, edge_order: int) -> Any:
    even = np.ndim(h) == 0
    if even:
        inside = (f[..., 2:] - f[..., :-2]) / (2. * h)
    else:
        left, right = h[:-1], h[1:]
        inside = (-right / (left * (left + right)) * f[..., :-2] + (right - left) / (left * right) * f[..., 1:-1]
                  + left / (right * (left + right)) * f[..., 2:])
    if edge_order == 1:
        first = (f[..., 1:2] - f[..., :1]) / (h if even else h[0])
        last = (f[..., -1:] - f[..., -2:-1]) / (h if even else h[-1])
        return np.concatenate([first, inside, last], -1)
    if even:
        start = -1.5 / h, 2. / h, -0.5 / h
        end = 0.5 / h, -2. / h, 1.5 / h
    else:
        p, q = h[0], h[1]
        start = -(2. * p + q) / (p * (p + q)), (p + q) / (p * q), -p / (q * (p + q))
        p, q = h[-2], h[-1]
        end = q / (p * (p + q)), -(q + p) / (p * q), (2. * q + p) / (q * (p + q))
    first = start[0] * f[..., :1] + start[1] * f[..., 1:2] + start[2] * f[..., 2:3]
    n = f.shape[-1]
    last = end[0] * f[..., n - 3:n - 2] + end[1] * f[..., n - 2:n - 1] + end[2] * f[..., n - 1:]
    return np.concatenate([first, inside, last], -1)


# --- interpolation ---------------------------------------------------------------------------------

def _interp_cell(x: Any, xp: Any) -> tuple[Any, ...]:
    """The cell of each x, whether x is a knot (inside), and whether it lies outside left or right."""
    cells = max(len(xp) - 1, 1)
    j = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, cells - 1)
    knot = np.isin(x, xp[1:-1])
    return j, knot, np.asarray(x < xp[0]), np.asarray(x > xp[-1])


INTERP_CELL = Flat(_interp_cell, name="interp_cell", outputs=4)


def _interp_jvp(y: Any, args: Any, tangents: Any) -> Any:
    """With slope m and weight w in the cell:  dy = m dx + sum_i w_i (dfp_i - m dxp_i).

    At a knot x has two slopes: the smaller one, 0 if their signs differ.
    """
    x, xp, fp, left, right = args
    tx, txp, tfp, tleft, tright = tangents
    if len(xp) == 1:
        inside = y * 0 if tfp is None else np.broadcast_to(tfp[0], y.shape)
        _, _, below, above = INTERP_CELL(x, xp)
    else:
        j, knot, below, above = INTERP_CELL(x, xp)
        j = plain(j)
        width = xp[j + 1] - xp[j]
        slope = (fp[j + 1] - fp[j]) / width
        before = np.maximum(j - 1, 0)
        slope_before = (fp[j] - fp[before]) / np.where(j == before, 1, xp[j] - xp[before])
        flatter = np.where(np.abs(slope) <= np.abs(slope_before), slope, slope_before)
        if fp.dtype.kind != "c":
            flatter = np.where(slope * slope_before > 0, flatter, 0)
        slope = np.where(knot, flatter, slope)
        slope = np.where(below | above, 0, slope)
        weight = np.where(below, 0, np.where(above, 1, (x - xp[j]) / width))
        inside = _moved(tx, txp, tfp, slope, weight, j, below | above)
    if tleft is not None or left is not None:
        inside = np.where(below, 0 if tleft is None else tleft, inside)
    if tright is not None or right is not None:
        inside = np.where(above, 0 if tright is None else tright, inside)
    return inside


def _moved(tx: Any, txp: Any, tfp: Any, slope: Any, weight: Any, j: Any, outside: Any) -> Any:
    total = slope * 0 if tx is None else slope * tx
    if tfp is not None:
        total = total + (1 - weight) * tfp[j] + weight * tfp[j + 1]
    if txp is not None:
        total = total - slope * ((1 - weight) * txp[j] + weight * txp[j + 1])
    return total


INTERP = general(np.interp, jvp=_interp_jvp, name="interp")


@answers(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation between knots, differentiable in the places, the knots and the values."""
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    if period is not None:
        if bool(period == 0):
            raise ValueError("period must be a non-zero value")
        if len(xp.shape) != 1 or len(fp.shape) != 1:
            raise ValueError("Data points must be 1-D sequences")
        if xp.shape[0] != fp.shape[0]:
            raise ValueError("fp and xp are not of the same length")
        period = abs(period)
        left = right = None
        x, xp = x % period, xp % period
        order = plain(np.argsort(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    return INTERP(x, xp, fp, left, right)


UNWRAP = general(np.unwrap, jvp=lambda y, args, tangents, **how: tangents[0] * 1,
                 vjp=lambda g, y, args, **how: (g,), name="unwrap")


@answers(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 6.283185307179586) -> Any:
    """Whole periods added so that jumps vanish: the identity plus a staircase."""
    for name, value in (("discont", discont), ("period", period)):
        if getattr(type(value), "_apply_rule", None) is not None:
            raise refuse("unwrap", f"a differentiated {name}=", f"dk.value({name})")
    return UNWRAP(as_array(p), discont=discont, axis=axis, period=period)

"""Taylor coefficients along a line, and derivatives of any order from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Moving, split
from diffkit.buffers import run
from diffkit.errors import InputError
from diffkit.masked import holds_nan
from diffkit.series import SeriesLevel
from diffkit.traced import Traced
from diffkit.transforms.products import jvp, matching
from diffkit.transforms.running import Function, has_numbers, zero_of

_NESTED = 10  # 2^10 is as far as nested dual numbers go in reasonable time
_FEW = 6  # where nobody asked for them


def whole_order(order: Any, least: int = 0) -> int:
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < least:
        raise InputError(f"the order of a derivative is a whole number, not {order!r}")
    return int(order)


def taylor(f: Function, x: Any, order: int, direction: Any = None) -> Any:
    """Taylor coefficients of ``t -> f(x + t * direction)`` at t = 0, up to ``t**order``.

    The coefficients are normalised: the kth derivative along the direction is ``k!`` times the
    kth coefficient.  One run of f, at a cost of O(order^2) products an operation (O(order^3) where
    derivatives do not close on themselves), where nesting ``order`` transforms costs ``2**order``.

    Parameters
    ----------
    f : callable
        A function of one argument.
    x : array, number or container
        Where to expand; its dtype is kept.
    order : int
        The highest power, at least 0.
    direction : like x, optional
        Ones, if not given: for a number or an elementwise function these are its own derivatives.

    Returns
    -------
    In the container of f's result, arrays of shape ``(order + 1,) + out.shape``.

    Raises
    ------
    InputError (a TypeError) for an order that is no whole number, ShapeError (a ValueError) for
    a direction that does not fit x.

    References
    ----------
    Griewank and Walther, Evaluating Derivatives (2nd ed., 2008), chapter 13.

    >>> import numpy as np
    >>> taylor(np.exp, 0.0, 4)
    array([1.        , 1.        , 0.5       , 0.16666667, 0.04166667])
    >>> taylor(lambda x: x[0] * x[1], np.array([2.0, 3.0]), 2, direction=np.array([1.0, 0.0]))
    array([6., 3., 0.])
    """
    order = whole_order(order)
    moving = split((x,), 0, f)
    if direction is None:
        directions = [np.ones(leaf.shape, leaf.dtype)[()] for leaf in moving.leaves]
    else:
        directions = matching((direction,), moving, "direction")
    found = _by_series(f, moving, directions, order)
    leaves, structure = tree.flatten(found)
    if order <= _FEW and any(holds_nan(c) and has_numbers(c[0]) for c in leaves):
        nested = _by_nesting(f, moving, directions, order)
        return tree.unflatten(structure, [np.stack(column) for column in zip(*nested)])
    return found


def _by_series(f: Function, moving: Moving, directions: list[Any], order: int) -> Any:
    """The coefficients by one run on power series; NaN at a kink, and where repeated eigenvalues part."""
    level = SeriesLevel(order)
    try:
        result = run(f, moving.merge([level.lift(leaf, d) for leaf, d in zip(moving.leaves, directions)]), {})
        outs, structure = tree.flatten(result)
        return tree.unflatten(structure, [_stacked(level, out) for out in outs])
    finally:
        level.close()


def _by_nesting(f: Function, moving: Moving, directions: list[Any], order: int) -> list[list[Any]]:
    """For each coefficient the results' leaves, by nested dual numbers: they settle or refuse such points."""
    def along(k: int) -> Function:
        if k == 0:
            return lambda *leaves: f(*moving.merge(leaves))
        return lambda *leaves: jvp(along(k - 1), leaves, tuple(directions))[1]

    rows = []
    for k in range(order + 1):
        leaves = tree.flatten(along(k)(*moving.leaves))[0]
        rows.append([leaf + zero_of(leaf) if k == 0 else leaf / math.factorial(k) for leaf in leaves])
    return rows


def _stacked(level: SeriesLevel, out: Any) -> Any:
    if type(out) is Traced and out.level is level:
        return np.stack(level.coefficients(out))
    zero = zero_of(out)
    return np.stack([out + zero, *[zero] * level.order])


def nth_by_series(f: Function, x: Any, n: int) -> Any:
    """The nth derivative along ones, n! times a coefficient.

    None where a branch not taken may have spoilt it, up to the order to which nested dual numbers can answer.
    """
    series = _by_series(f, split((x,), 0, f), [np.ones(x.shape, x.dtype)[()]], n)
    result = series[n]
    for factor in range(2, n + 1):  # factor by factor: n! alone overflows before the derivative does
        result = result * factor
    return None if n <= _NESTED and holds_nan(result) and has_numbers(series[0]) else result

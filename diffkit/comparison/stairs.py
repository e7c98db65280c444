"""Flat here, and somewhere else at another height: a staircase whose next step is far away.

Near x a function that looks up a table by ``int(x)`` is a constant, and every method says 0.  Whether
that is a constant, a saturated slope or a staircase shows only further out.  So where a derivative is zero
f is asked at some distances, and where it has changed the change is bisected: through values that move
with x it was a slope (a clipped or rectified one), through flat pieces alone down to a
few thousandths of the way it is a step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from diffkit.comparison.problem import Array, Problem

_DISTANCES = (0.11, -0.13, 0.37, -0.41, 1.3, -1.7, 4.3, -5.3)
_MOST, _HALVINGS, _BESIDE, _LONGEST = 24, 12, 1e-3, 1.0
#: A share of f below which a change is rounding, in units of its eps.
_ROUNDING = 256.0


def stairs(problem: Problem, zero: Array) -> tuple[Array, Array]:
    """Entries of ``zero`` (derivatives that are 0) along which f moves in steps, and those where it does not.

    What is in neither is unknown: it was too much to look at, or f has no values there.
    """
    found, smooth = np.zeros(zero.shape, bool), np.zeros(zero.shape, bool)
    columns = np.flatnonzero(zero.any(axis=0))
    cost = len(columns) * (2 * len(_DISTANCES) + 3 * _HALVINGS) * problem.seconds
    if len(columns) > _MOST or cost > _LONGEST or np.iscomplexobj(problem.point):
        return found, smooth
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for column in columns:
            line = _line(problem, int(column), zero[:, column])
            steps = _steps(line, float(problem.point[column]), _ROUNDING * problem.epsilon)
            if steps is not None:
                found[zero[:, column], column] = steps
                smooth[zero[:, column], column] = np.logical_not(steps)
    return found, smooth


def _line(problem: Problem, column: int, rows: Array) -> Callable[[float], Array | None]:
    """f's chosen results as a function of one input; None where it has none."""
    def at(value: float) -> Array | None:
        try:
            out = np.reshape(problem.flat_call(problem.leaves_with(column, value)), -1)
        except Exception:  # outside f's domain nothing is seen
            return None
        return out[rows] if out.shape == (problem.rows,) and np.isfinite(out[rows]).all() else None
    return at


def _steps(line: Callable[[float], Array | None], x: float, rounding: float) -> Array | bool | None:
    """Which results move in steps; None where that was not seen."""
    here, seen = line(x), False
    if here is None:
        return None
    for distance in sorted({d * size for d in _DISTANCES for size in (abs(x), 1.0) if size}, key=abs):
        there = line(x + distance)
        seen |= there is not None
        if there is not None and _differ(there, here, rounding).any():
            step = _is_a_step(line, x, here, x + distance, rounding)
            return _differ(there, here, rounding) if step else step
    return False if seen else None


def _differ(one: Array, other: Array, rounding: float) -> Array:
    """Where two values differ by more than rounding: what f does not depend on may still move its last digits."""
    return np.asarray(np.abs(one - other) > rounding * np.maximum(np.abs(one), np.abs(other)))


def _is_a_step(line: Callable[[float], Array | None], near: float, here: Array, far: float,
               rounding: float) -> bool | None:
    """Whether f gets from its value at ``near`` to the one at ``far`` through flat pieces; None if not seen."""
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        value = line(middle)
        if value is None:
            return None
        if not _differ(value, here, rounding).any():
            near = middle
            continue
        beside = [line(middle + sign * _BESIDE * (far - near)) for sign in (-1, 1)]
        if any(side is None for side in beside):
            return None
        if any(_differ(side, value, rounding).any() for side in beside if side is not None):
            return False
        far = middle
    return True

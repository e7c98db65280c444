"""Differences that stand alone against everybody: were their steps too large?

Beside a pole of an ill-conditioned system, or above noise that looks like a slope, a ladder
of steps can settle on a number and claim it.  When differences contradict a reference that other
families share, that reference is held against f itself: if there is a range of steps, four
in a row, where the plain central difference of f is the reference to a twentieth, and to a tenth of
what the two are apart, then f confirms it there, and the claim was wrong.  A recording that misses part
of f has no such range.
"""

from __future__ import annotations

import warnings

import numpy as np

from diffkit.comparison.problem import Array, Problem

_MOST, _IN_A_ROW = 24, 4
_NEARER = 0.1


def confirmed_by_f(problem: Problem, wrong: Array, reference: Array, claimed: Array,
                   rough: Array) -> Array:
    """Entries of ``wrong`` where evaluations of f support the reference, not ``claimed``, at some range of steps.

    Where f is ``rough`` no step can tell two slopes that are near each other apart.
    """
    found = np.zeros(wrong.shape, bool)
    columns = np.flatnonzero(wrong.any(axis=0))
    if len(columns) > _MOST or problem.low_precision or np.iscomplexobj(problem.point):
        return found
    for column in columns:
        slopes = _slopes(problem, int(column))
        if slopes is None:
            continue
        with np.errstate(all="ignore"):
            right = reference[:, column]
            gap = np.abs(claimed[:, column] - right)
            gap = np.where(rough[:, column], np.inf, gap)
            near = np.abs(slopes - right) <= np.minimum(0.05 * np.abs(right), _NEARER * gap)
        near &= reference[:, column] != 0
        runs = np.lib.stride_tricks.sliding_window_view(near, _IN_A_ROW, axis=0).all(axis=-1).any(axis=0)
        found[:, column] = wrong[:, column] & runs
    return found


def _slopes(problem: Problem, column: int) -> Array | None:
    """Central differences by one input, a row for each step, from 1/4 of x down to 2^-42 of it."""
    x = float(problem.point[column])
    size = abs(x) or float(np.max(np.abs(problem.point), initial=0.0)) or 1.0
    rows = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for k in range(2, 43, 2):
            h = 0.9137 * size * 2.0**-k
            try:
                up, down = (np.reshape(problem.flat_call(problem.leaves_with(column, at)), -1)
                            for at in (x + h, x - h))
            except Exception:  # outside f's domain: no support from this step
                rows.append(np.full(problem.rows, np.nan))
                continue
            if up.shape != (problem.rows,) or down.shape != up.shape:
                return None
            rows.append((up - down) / ((x + h) - (x - h)))
    return np.asarray(rows)

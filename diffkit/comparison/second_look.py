"""Differences that stand alone against everybody: were their steps too large?

Beside a pole of an ill-conditioned system, or above noise that looks like a slope, a ladder
of steps can settle on a number and claim it.  When differences contradict a reference that other
families share, that reference is held against f itself: if there is a range of steps, four
in a row, where the plain central difference of f is the reference to a twentieth, and to a tenth of
what the two are apart, then f confirms it there, and the claim was wrong.  A recording that misses part
of f has no such range.

The inputs at which differences are furthest off their claim are looked at first, as many as there is time for;
where f confirms all of these, the others are taken for confirmed.
"""

from __future__ import annotations

import time
import warnings

import numpy as np

from diffkit.comparison.methods import Witness
from diffkit.comparison.problem import Array, Problem

#: Inputs that are looked at, and seconds for all of them.
_MOST, _LONGEST = 24, 2.0
_IN_A_ROW, _NEARER = 4, 0.1
_LEVELS = range(2, 43, 2)


def confirmed_by_f(problem: Problem, wrong: Array, reference: Array, differences: Witness, rough: Array) -> Array:
    """Entries of ``wrong`` where evaluations of f support the reference, not what differences claim.

    Where f is ``rough`` no step can tell two slopes that are near each other apart.
    """
    found = np.zeros(wrong.shape, bool)
    if problem.low_precision or np.iscomplexobj(problem.point) or np.iscomplexobj(reference):
        return found
    claimed = np.asarray(differences.value)
    with np.errstate(all="ignore"):
        excess = np.where(wrong, np.abs(claimed - reference) / np.asarray(differences.claim), 0.0)
    columns = np.flatnonzero(wrong.any(axis=0))
    columns = columns[np.argsort(-np.max(np.nan_to_num(excess), axis=0)[columns], kind="stable")]
    start, looked = time.monotonic(), []
    for column in columns[:_MOST]:
        slopes = _slopes(problem, int(column))
        looked.append(column)
        if slopes is not None:
            with np.errstate(all="ignore"):
                right = reference[:, column]
                gap = np.abs(claimed[:, column] - right)
                gap = np.where(rough[:, column], np.inf, gap)
                near = np.abs(slopes - right) <= np.minimum(0.05 * np.abs(right), _NEARER * gap)
            near &= reference[:, column] != 0
            runs = np.lib.stride_tricks.sliding_window_view(near, _IN_A_ROW, axis=0).all(axis=-1).any(axis=0)
            found[:, column] = wrong[:, column] & runs
        if time.monotonic() - start > _LONGEST:
            break
    if len(looked) < len(columns) and np.array_equal(found[:, looked], wrong[:, looked]):
        return wrong
    return found


def _slopes(problem: Problem, column: int) -> Array | None:
    """Central differences by one input, a row for each step, from 1/4 of x down to 2^-42 of it."""
    x = float(problem.point[column])
    size = abs(x) or float(np.max(np.abs(problem.point), initial=0.0)) or 1.0
    rows = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for k in _LEVELS:
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

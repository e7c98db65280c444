"""Differences that stand alone against everybody: were their steps too large?

Beside a pole of an ill-conditioned system, or above noise that looks like a slope, a ladder
of steps can settle on a number and claim it.  When differences contradict a reference that other
families share, by little (a claim is an estimate, and a few in a thousand are too small by a factor of one to three),
nobody is wrong.  Else that reference is held against f itself: if there is a range of steps, four
in a row, where the plain central difference of f is the reference to a twentieth, and to a tenth of
what the two are apart, then f confirms it there, and the claim was wrong.  So it does where the finest steps that f's
rounding (``shaking``) lets decide all are nearer to the reference: differences may have taken the grain of rounded
values, log(1 + x) - x, for a slope.  A recording that misses part of f has no such range.

The inputs at which differences are furthest off their claim are looked at first, as many as there is time for;
where f confirms all of these, the others are taken for confirmed.
"""

from __future__ import annotations

import time
import warnings

import numpy as np

from diffkit.comparison.methods import Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.shaking import noise_by_rounding
from diffkit.comparison.tolerance import reach

#: Inputs that are looked at, and seconds for all of them.
_MOST, _LONGEST = 24, 2.0
_IN_A_ROW, _NEARER = 4, 0.1
_LEVELS = range(2, 43, 2)
#: How far above f's rounding a difference of values decides.
_ABOVE = 8.0
#: How many times their claim differences may be off where they stand alone; a claim that is small beside the slope.
_CLAIMS, _SMALL = 10.0, 1e-4


def confirmed_by_f(problem: Problem, wrong: Array, reference: Array, differences: Witness, rough: Array,
                   exact: bool = False) -> Array:
    """Entries of ``wrong`` where f supports the reference (50 digits where ``exact``), or a claim was a little small.

    Where f is ``rough`` no step can tell two slopes that are near each other apart.
    """
    found = wrong & _overclaimed(problem, reference, differences, exact)
    wrong = wrong & ~found
    if np.iscomplexobj(problem.point) or np.iscomplexobj(reference):
        return found
    at = problem.raised() if problem.low_precision else problem  # that is where differences were taken
    claimed, noise = np.asarray(differences.value), noise_by_rounding(at, 0)
    with np.errstate(all="ignore"):
        excess = np.where(wrong, np.abs(claimed - reference) / np.asarray(differences.claim), 0.0)
    columns = np.flatnonzero(wrong.any(axis=0))
    columns = columns[np.argsort(-np.max(np.nan_to_num(excess), axis=0)[columns], kind="stable")]
    start, looked = time.monotonic(), []
    for column in columns[:_MOST]:
        slopes = _slopes(at, int(column))
        looked.append(column)
        if slopes is not None:
            with np.errstate(all="ignore"):
                right = reference[:, column]
                gap = np.abs(claimed[:, column] - right)
                gap = np.where(rough[:, column], np.inf, gap)
                near = np.abs(slopes - right) <= np.minimum(0.05 * np.abs(right), _NEARER * gap)
            near &= reference[:, column] != 0
            runs = np.lib.stride_tricks.sliding_window_view(near, _IN_A_ROW, axis=0).all(axis=-1).any(axis=0)
            runs |= _nearer(slopes, _steps(at, int(column)), claimed[:, column], right, noise)
            found[:, column] |= wrong[:, column] & runs
        if time.monotonic() - start > _LONGEST:
            break
    if len(looked) < len(columns) and found[:, looked][wrong[:, looked]].all():
        return found | wrong
    return found


def _overclaimed(problem: Problem, reference: Array, differences: Witness, exact: bool) -> Array:
    """Where differences miss by no more than claims that are too small do.

    A claim as large as the slope itself must not hide that nobody knows the slope: then only 50 digits are trusted,
    and they are trusted as far as the noise that another input's claim tells of, or f's own rounding.
    """
    claim = np.nan_to_num(np.asarray(differences.claim), nan=0.0, posinf=0.0)
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(differences.value) - reference)
        if exact:
            at = problem.raised() if problem.low_precision else problem
            size = np.abs(problem.point) + (problem.point == 0) * np.max(np.abs(problem.point))
            blind = np.nan_to_num(noise_by_rounding(at, 0)[:, None] / size, posinf=0.0)
            return np.asarray(apart <= _CLAIMS * (reach(problem, claim) + blind))
        return np.asarray((apart <= _CLAIMS * claim) & (claim <= _SMALL * np.abs(reference)))


def _nearer(slopes: Array, steps: Array, claimed: Array, right: Array, noise: Array) -> Array:
    """Rows in which plain differences are nearer to ``right`` at the finest steps that f's rounding lets decide."""
    found = np.zeros(claimed.shape, bool)
    for row in np.flatnonzero(noise > 0):
        gap = abs(claimed[row] - right[row])
        decide = np.flatnonzero(gap * steps > _ABOVE * noise[row])[-_IN_A_ROW:]
        if len(decide) == _IN_A_ROW:
            told = slopes[decide, row]
            found[row] = (np.abs(told - right[row]) < np.abs(told - claimed[row])).all()
    return found


def _steps(problem: Problem, column: int) -> Array:
    """From 1/4 of one input down to 2^-42 of it."""
    size = abs(float(problem.point[column])) or float(np.max(np.abs(problem.point), initial=0.0)) or 1.0
    return 0.9137 * size * 2.0 ** -np.array(_LEVELS, float)


def _slopes(problem: Problem, column: int) -> Array | None:
    """Central differences by one input, a row for each step."""
    x = float(problem.point[column])
    rows = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for h in _steps(problem, column):
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

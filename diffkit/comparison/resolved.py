"""What was resolved: entries that two families share, digits that rounding has eaten, digits that are left."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.judgement import NOISY, STAIRCASE, Judgement
from diffkit.comparison.methods import USER, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.tolerance import (
    KIN,
    STRANGERS,
    agree_closely,
    own_error,
    reach,
    resolution,
    underflow,
)

_FULL_DIGITS = 15.95
#: How far from the point f's swing is looked at, in sizes of an input, and for how many inputs.
_AROUND, _MOST = 0.25, 24


def unresolved(problem: Problem, ran: Sequence[Witness], verdict: Judgement, referee: Array | None) -> Array:
    """Entries where agreement is only an excuse: no two families (or not the caller's) share three digits."""
    certified_by: dict[str, Array] = {}
    reference = verdict.reference
    with np.errstate(all="ignore"):
        largest = np.max(np.where(np.isfinite(reference), np.abs(reference), 0.0), axis=1, keepdims=True, initial=0.0)
        for w in ran:
            allowed = own_error(problem, w, STRANGERS)
            near = np.abs(w.value - reference) <= allowed
            sharp = agree_closely(np.asarray(w.value), reference, underflow(problem))
            sharp |= near & (allowed <= 1e-9 * largest)
            group = w.family if w.family != USER else w.method
            certified_by[group] = certified_by.get(group, np.zeros(reference.shape, bool)) | sharp
    families = sum((mask.astype(int) for mask in certified_by.values()), np.zeros(reference.shape, int))
    if verdict.source == "referee" and referee is not None:
        families = families + np.isfinite(referee)
    unresolved = families < 2
    for w in ran:
        if w.family == USER:
            unresolved |= ~certified_by[w.method] & ~verdict.wrong[w.method]
    return np.asarray(unresolved)


def zero_beside_swing(problem: Problem, differences: Witness | None, reference: Array, among: Array) -> Array:
    """Entries of ``among`` that are 0 as far as differences tell, and far less than f does around the point.

    At an exact fit all derivatives are 0, so that none of them is a measure for the others.
    """
    found = np.zeros(among.shape, bool)
    columns = np.flatnonzero(among.any(axis=0))
    if differences is None or differences.claim is None or len(columns) > _MOST or np.iscomplexobj(problem.point):
        return found
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        here = np.concatenate([np.reshape(out, -1) for out in problem.outs])
        for column in columns:
            x = float(problem.point[column])
            try:
                there = [np.reshape(problem.flat_call(problem.leaves_with(int(column), at)), -1)
                         for at in (x + _AROUND * (abs(x) or 1.0), x - _AROUND * (abs(x) or 1.0))]
            except Exception:  # outside f's domain
                continue
            swing = np.max(np.abs(np.stack(there) - here), axis=0) / (_AROUND * (abs(x) or 1.0))
            claim = np.asarray(differences.claim)[:, column]
            said = np.abs(np.asarray(differences.value)[:, column])
            found[:, column] = (said <= claim) & (np.abs(reference[:, column]) <= claim) & (claim <= 1e-9 * swing)
    return found & among


def ill_conditioned(problem: Problem, ran: Sequence[Witness], verdict: Judgement, referee: Array | None) -> Array:
    """Entries where no method is wrong and yet fewer than six digits are right (two in float32)."""
    ill = np.zeros(verdict.reference.shape, bool)
    lost = 1e-6 if not problem.low_precision else 1e-2
    claimed = sum((np.where(verdict.reference == w.value, np.nan_to_num(w.claim, nan=np.inf), 0.0) for w in ran
                   if w.claim is not None and not w.exact), np.zeros(ill.shape))
    with np.errstate(all="ignore"):
        for w in ran:
            if not w.exact or w.value is None or w.claim is not None:
                continue  # a claim already says what was lost
            if referee is not None and verdict.source == "referee":
                apart = np.nan_to_num(np.abs(w.value - referee), nan=0.0)
                scale = np.abs(referee)
            else:
                apart = np.zeros(ill.shape) if w.spread is None else 2 * np.nan_to_num(w.spread)
                scale = np.minimum(np.abs(w.value), np.abs(verdict.reference))
                # What a claim of differences covers was not lost by this method.
                gap = np.abs(w.value - verdict.reference) - (w.value != verdict.reference) * claimed
                apart = np.maximum(apart, np.nan_to_num(gap, nan=0.0, neginf=0.0))
            seen = apart > np.maximum(resolution(problem, w), underflow(problem))
            seen &= apart > 1e-4 * lost * reach(problem, scale)
            ill |= (apart > lost * scale) & seen & ~verdict.wrong[w.method]
    return ill


def digits(problem: Problem, witness: Witness, verdict: Judgement, referee: Array | None) -> Array | None:
    """Digits of agreement with the referee, entry by entry; NaN where it has no say."""
    if referee is None or witness.value is None:
        return None
    with np.errstate(all="ignore"):
        row = np.max(np.where(np.isfinite(referee), np.abs(referee), 0.0), axis=1, keepdims=True, initial=0.0)
        scale = np.where(np.abs(referee) > 0, np.abs(referee), np.where(row > 0, row, 1.0))
        gap = np.abs(witness.value - referee)
        relative = np.where(gap <= underflow(problem), 0.0, gap / scale)
        found = np.clip(-np.log10(relative), 0.0, _FULL_DIGITS) + 0.0
    found = np.where(np.isnan(relative), 0.0, found)
    silent = np.zeros(found.shape, bool) if witness.claim is None else ~np.isfinite(witness.claim)
    # A formula of its own that is excused by what f resolves has no digits to count.
    silent |= (gap <= resolution(problem, witness)) & (found < 3)
    # Nor has a number of 1e-17 beside others of 1.
    silent |= (gap <= KIN * 2.3e-16 * reach(problem, referee)) & (found < 3)
    judged = np.isfinite(referee) & ~silent & np.isin(verdict.words, ("ok", "one-sided", NOISY, STAIRCASE))
    return np.where(judged, found, np.nan)

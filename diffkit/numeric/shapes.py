"""What kind of point is this?  Jumps, vertical tangents and staircases, seen in the ladder.

Each leaves a signature over several of the finest levels that noise can't imitate: at a
jump f(x ± h) - f(x) is the same at every level; at a vertical tangent the slopes follow
one power of h, or gain the same amount a level (x log x); on a staircase the finest levels
don't move at all, on both sides, and coarser ones do.  (Flat on one side only is the dead
side of a kink.)  All masks have shape (m,).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.numeric.pairs import Pairs
from diffkit.numeric.result import Array

_WITNESSES = 5


@dataclasses.dataclass(frozen=True)
class Stairs:
    """Where f is a staircase, its quantum, the widest step in units of one stair, and the last level that moves."""

    found: Array
    quantum: Array
    climbed: Array
    last: Array

    def without(self, columns: Array) -> Stairs:
        """Where only others count."""
        return Stairs(self.found & ~columns, np.where(columns, 0, self.quantum), self.climbed, self.last)


def _finest(step: Array, values: Array, count: int) -> tuple[Array, Array, Array]:
    """The ``count`` finest levels where ``values`` is finite, per column, and whether there are so many."""
    good = np.isfinite(values) & np.isfinite(step)
    order = np.argsort(good, axis=0, kind="stable")[-count:]  # good levels last, their order kept
    return np.take_along_axis(step, order, 0), np.take_along_axis(values, order, 0), good.sum(axis=0) >= count


def jumps(pairs: Pairs, floor: Array) -> Array:
    """Discontinuous at x: on one side f stays away from f(x) by the same amount, however near."""
    found = np.zeros(pairs.base.shape, bool)
    if len(pairs.step) < _WITNESSES:
        return found
    for side in (pairs.plus, pairs.minus):
        _, rise, enough = _finest(pairs.step, side - pairs.base, _WITNESSES)
        middle = rise.mean(axis=0)
        level = np.abs(rise - middle).max(axis=0) < 0.05 * np.abs(middle)
        found |= enough & level & (np.abs(middle) > 64 * floor.min(axis=0))
    return found


def verticals(pairs: Pairs, noise: Array) -> tuple[Array, Array]:
    """Slopes that grow without limit: mask, and the derivative (±inf, or NaN where sides differ)."""
    found = np.zeros(pairs.base.shape, bool)
    slope = np.full(pairs.base.shape, np.nan)
    if len(pairs.step) < _WITNESSES + 1:
        return found, slope
    ends = []
    for quotient in (pairs.left, pairs.right):
        step, value, enough = _finest(pairs.step, quotient, _WITNESSES + 1)
        size = np.abs(value)
        clear = (size * step > 64 * noise).all(axis=0) & enough
        rate = np.diff(np.log(size), axis=0) / -np.diff(np.log(step), axis=0)
        gain = np.diff(value.real, axis=0) / -np.diff(np.log(step), axis=0)
        power = (rate.min(axis=0) > 0.19) & (rate.max(axis=0) < 0.97) & (np.ptp(rate, axis=0) < 0.1)
        logarithm = np.ptp(gain, axis=0) < 0.03 * np.abs(gain).min(axis=0)
        grows = clear & (power | logarithm)
        found |= grows
        ends.append(np.where(grows, np.where(gain[-1] > 0, np.inf, -np.inf), np.nan))
    agree = ends[0] == ends[1]
    lone = ~np.isfinite(pairs.left).any(axis=0) | ~np.isfinite(pairs.right).any(axis=0)
    slope = np.where(agree | lone, np.fmax(ends[0], ends[1]), np.nan)
    return found, slope


def stairs(pairs: Pairs, floor: Array) -> Stairs:
    """Flat at the finest levels on both sides, or the only one, and moving further out by far more than rounding."""
    levels = len(pairs.step)
    right = np.where(np.isnan(pairs.plus), 0, pairs.plus - pairs.base)
    left = np.where(np.isnan(pairs.minus), 0, pairs.minus - pairs.base)
    moves = (right != 0) | (left != 0)
    sides = ~np.isnan(pairs.plus), ~np.isnan(pairs.minus)
    lone = ~(sides[0] & sides[1]).any(axis=0)
    known = np.where(lone, sides[0] | sides[1], sides[0] & sides[1])
    columns = np.arange(len(pairs.base))
    last = levels - 1 - np.argmax(moves[::-1], axis=0)  # the finest level that moves
    finer = (np.arange(levels)[:, None] > last) & known
    # Some side may move one stair earlier than the other: by at most a factor of 64 in the step.
    near = pairs.step <= 65 * pairs.step[last, columns]
    both = (near & (right != 0)).any(axis=0) & (near & (left != 0)).any(axis=0) | lone
    quantum = np.maximum(np.abs(right), np.abs(left))[last, columns]
    found = moves.any(axis=0) & (finer.sum(axis=0) >= 3) & both & (quantum > 16 * floor.min(axis=0))
    widest = np.max(np.where(known, pairs.step, 0), axis=0)
    return Stairs(found, np.where(found, quantum, 0), widest / pairs.step[last, columns], last)

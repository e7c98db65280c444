"""What the ladder says about x: the limits, and from them value, claim and status.

Four limits are taken from one ladder, of the central, the right and the left quotient and
of the gap between the two sides.  One-sided limits count only where the other side is
missing.  A gap that does not vanish is a kink; half of it is in the claim even where it
is too small to be called one.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.numeric import noise as noises
from diffkit.numeric import shapes
from diffkit.numeric.extrapolation import Limit, extrapolate
from diffkit.numeric.pairs import Pairs
from diffkit.numeric.result import (
    JUMP,
    KINK,
    NOISY,
    NONFINITE,
    OK,
    ONE_SIDED,
    STAIRCASE,
    STATUS_DTYPE,
    VERTICAL,
    Array,
    Estimate,
)

_MANY_STAIRS = 8**4
_LOUD = 2.0**20


@dataclasses.dataclass(frozen=True)
class View:
    """Everything the ladder says so far about the columns at work; ``level``: those known to be constant here."""

    pairs: Pairs
    noise: Array
    central: Limit
    right: Limit
    left: Limit
    gap: Limit
    stairs: shapes.Stairs
    level: Array
    one_sided: bool

    @property
    def best(self) -> Limit:
        """The limit with the smallest claim; one-sided ones only where the other side is missing."""
        chosen = Limit(self.central.value.copy(), self.central.error.copy(), self.central.noise.copy(),
                       self.central.level.copy())
        for limit, missing in ((self.right, self.pairs.lacks_left), (self.left, self.pairs.lacks_right)):
            take = missing & (limit.error < 0.5 * chosen.error)
            for field in ("value", "error", "noise", "level"):
                getattr(chosen, field)[take] = getattr(limit, field)[take]
        return chosen

    @property
    def heard(self) -> Array:
        """How many levels have the values that the scheme needs, (m,)."""
        known = np.isfinite(self.pairs.central)
        if self.one_sided:
            known = known | np.isfinite(self.pairs.right) | np.isfinite(self.pairs.left)
        return np.asarray(known.sum(axis=0))


def look(pairs: Pairs, noise: Array, bits: int, one_sided: bool, level: Array) -> View:
    """Everything that the levels in ``pairs`` say, given f's noise (m,) and where it is constant around x."""
    floor = noises.floor(pairs, bits)
    stairs = shapes.stairs(pairs, floor).without(level)
    noise = np.maximum(noise, stairs.quantum)
    # Noise is mostly a fraction of f: where wide steps see larger values it is larger there.
    grown = pairs.size / np.fmax(np.abs(pairs.base), pairs.size[len(pairs.size) // 2])
    blur = (noise * np.maximum(np.nan_to_num(grown, nan=1.0, posinf=1.0), 1) + floor) / pairs.step
    central = extrapolate(pairs.step, pairs.central, blur, 2, (pairs.gap * pairs.step / 2, blur * pairs.step))
    nothing = Limit(np.full_like(central.value, np.nan), np.full_like(central.error, np.inf),
                    central.noise, central.level)
    right = left = nothing
    if one_sided and pairs.lacks_left.any():
        right = extrapolate(pairs.step, pairs.right, 2 * blur, 1)
    if one_sided and pairs.lacks_right.any():
        left = extrapolate(pairs.step, pairs.left, 2 * blur, 1)
    return View(pairs, noise, central, right, left, extrapolate(pairs.step, pairs.gap, 4 * blur, 1), stairs,
                level, one_sided)


def conclude(view: View, bits: int) -> Estimate:
    """Value, claim and status of every column."""
    pairs, best, gap, count = view.pairs, view.best, view.gap, len(view.noise)
    floor = noises.floor(pairs, bits)
    value, error = best.value, best.error
    status = np.where(view.noise > 2.0**10 * floor[best.level, np.arange(count)], NOISY, OK).astype(STATUS_DTYPE)
    sided = best.found & ~(best.error == view.central.error)
    status[sided] = ONE_SIDED
    wide = gap.found & (np.abs(gap.value) > gap.error) & ~sided
    error = np.where(wide, error + np.abs(gap.value) / 2 + gap.error / 2, error)
    kink = wide & (np.abs(gap.value) > 4 * gap.error) & (np.abs(gap.value) > _turn(pairs, bits))
    status[kink] = KINK
    left, right = value, value
    if kink.any():
        left, right, error = _slopes(view, floor, kink, error)

    # Few stairs within reach: f is piecewise constant and its derivative 0; many: rounding of something smooth.
    steps = view.stairs.found
    status[steps] = STAIRCASE
    few = steps & (view.stairs.climbed < _MANY_STAIRS)
    error = np.where(few, error + np.abs(value), error)
    value = np.where(few, 0, value)
    left, right = np.where(steps, 0, left), np.where(steps, 0, right)

    jump = shapes.jumps(pairs, floor)
    vertical, slope = shapes.verticals(pairs, floor.min(axis=0))
    vertical &= ~jump
    # Noise and nothing else: whatever f may be, it can't be seen through it.
    swing = np.fmax.reduce(np.fmax(np.abs(pairs.plus - pairs.base), np.abs(pairs.minus - pairs.base)), axis=0)
    drowned = (view.noise > _LOUD * floor.min(axis=0)) & (swing < 8 * view.noise) & ~steps
    lost = ~np.isfinite(error) | jump | vertical | drowned
    status[lost] = np.where(view.heard < 3, NONFINITE, NOISY)[lost]
    status[jump], status[vertical] = JUMP, VERTICAL
    value = np.where(lost, np.where(vertical, slope, np.nan), value)
    error = np.where(lost, np.inf, error)
    left, right = np.where(lost, np.nan, left), np.where(lost, np.nan, right)
    return Estimate(value, error, status, left, right, view.noise, pairs.step[best.level, np.arange(count)])


def _turn(pairs: Pairs, bits: int) -> Array:
    """By how much the slope turns while x moves by its last digits, as curvature has it.

    A square of residuals at an exact fit has rounding only in its root: its slopes differ by that on
    the two sides however small the step, and there is no kink.
    """
    with np.errstate(all="ignore"):
        bend = np.fmax(np.abs(pairs.left), np.abs(pairs.right)) / pairs.step
        width = 4 * np.fmax.reduce(pairs.step, axis=0)
        return np.asarray(np.nan_to_num(64 * 2.0**-bits * width * np.fmin.reduce(bend, axis=0)))


def _slopes(view: View, floor: Array, kink: Array, error: Array) -> tuple[Array, Array, Array]:
    """Left and right slope at kinks, and a claim that covers both.

    Each side by itself: at a kink the odd part of f may hold h|h|, which the central series does not know.
    """
    pairs, value = view.pairs, view.best.value
    sides = [extrapolate(pairs.step, quotient, 2 * (view.noise + floor) / pairs.step, 1)
             for quotient in (pairs.left, pairs.right)]
    left, right = (np.where(kink & side.found, side.value, value + sign * view.gap.value / 2 * kink)
                   for side, sign in zip(sides, (-1, 1)))
    apart = np.fmax(np.abs(left - value), np.abs(right - value)) + np.fmin(sides[0].error, sides[1].error)
    both = kink & sides[0].found & sides[1].found
    return left, right, np.where(both, np.maximum(error, apart), error)

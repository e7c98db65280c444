"""The full path: a ladder of steps over the whole range of the dtype, and what it says about x.

About forty evaluations, from max(|x|, 1)/4 down to 2^-40 |x| by factors of 8.  From them:
the noise (``noise.py``), the limits of the central, the left, the right quotients and of
their gap (``extrapolation.py``), the kind of point (``shapes.py``).  Then, where the claim
is still large for f's noise, four levels are added around the best one, or wider steps are
tried when f hardly moves within |x|.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from diffkit.numeric import noise as noises
from diffkit.numeric import shapes
from diffkit.numeric.extrapolation import Limit, extrapolate
from diffkit.numeric.lines import Line, Scheme
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

UNEVEN = 0.9137
_MOST_LEVELS = 30
_WIDENINGS = 3
_MANY_STAIRS = 8**4
_SPARSE = 10
_FILLING = 2.0 ** np.array([[2], [1], [-1], [-2], [-4], [-5], [-7], [-8]])


@dataclasses.dataclass(frozen=True)
class View:
    """Everything the ladder says so far about the columns at work."""

    pairs: Pairs
    noise: Array
    central: Limit
    right: Limit
    left: Limit
    gap: Limit
    stairs: shapes.Stairs
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


def climb(line: Line, pairs: Pairs, todo: Array, bits: int, one_sided: bool) -> Scheme[Estimate]:
    """Estimates for the columns ``todo``, in units of ``pairs.unit``, given the quick pairs of all columns."""
    pairs = yield from _measure(line, pairs, _rungs(line))
    known = np.isfinite(pairs.central[:, todo])
    lone = known.sum(axis=0) < 3
    known |= lone & (np.isfinite(pairs.right[:, todo]) | np.isfinite(pairs.left[:, todo]))
    sparse = known.sum(axis=0) < _SPARSE
    if sparse.any():
        # Most of the ladder is outside f's domain: fill in the rest, from its widest level inside.
        widest = np.fmax.reduce(np.where(known, pairs.step[:, todo], 0), axis=0)
        pairs = yield from _measure(line, pairs, _FILLING * _spread(line, widest, 1.0 * sparse, todo))
    noise = yield from _noise(line, pairs, todo, bits)
    view = _look(pairs.select(todo), noise, bits, one_sided)
    for attempt in range(_WIDENINGS + 1):
        wanted, weight = _refinement(view, bits) if attempt == 0 else _widening(view, bits)
        if weight.any():
            factors = np.array([[32.0], [16.0], [4.0], [2.0]] if attempt == 0 else [[512.0], [64.0], [8.0]])
            pairs = yield from _measure(line, pairs, factors * _spread(line, wanted, weight, todo))
            wider = _look(pairs.select(todo), noise, bits, one_sided)
            if attempt and (np.abs(wider.best.value - view.best.value) > view.best.error).any():
                break  # far from x f is another function
            view = wider
        elif attempt:
            break
    return _conclude(view, bits)


def _rungs(line: Line) -> Array:
    """The steps of the ladder, (levels, columns)."""
    reach = np.where(np.isfinite(line.reach), line.reach, 1)
    bottom = np.where(line.bottom > 0, line.bottom, np.finfo(reach.dtype).tiny)
    depth = float(np.fmax.reduce(np.log2(reach) - np.log2(bottom)))
    gap = max(1.0, 3 * line.bits / 53)  # as many levels in every precision: factors of 8 in double
    step = UNEVEN * reach / 4 * 2.0 ** (-gap * np.arange(min(_MOST_LEVELS, math.ceil(depth / gap)))[:, None])
    return np.where(step > bottom / 9, step, np.nan)


def _measure(line: Line, pairs: Pairs, step: Array) -> Scheme[Pairs]:
    """The ladder with more levels."""
    step = line.fit(step)
    values = yield np.concatenate([step, -step])
    return pairs.merge(Pairs.of(step, values, pairs.base * pairs.unit, pairs.unit))


def _noise(line: Line, pairs: Pairs, todo: Array, bits: int) -> Scheme[Array]:
    """f's noise from the ladder; where coarser levels are rougher than fine ones, difference tables decide."""
    work = pairs.select(todo)
    scale = np.broadcast_to(line.scale, pairs.base.shape)[todo]
    seen = noises.from_ladder(work, bits, scale)
    # Where f is steep for its size, even the quietest levels may be curved: a table at a fine spacing is straighter.
    floor = noises.floor(work, bits).min(axis=0)
    slope = np.fmin.reduce(np.where(work.step > 0, np.abs(work.central), np.inf), axis=0)
    steep = slope > 30 * np.abs(work.base) / scale
    curved = ~seen.unclear & steep & (seen.level > 64 * floor)
    asked = seen.unclear | curved
    if not asked.any():
        return seen.level
    # A table's own truncation falls like the fifth power of its width: no finer than needed, for close
    # arguments are rounded alike.
    straight = seen.calm * (16 * floor / seen.level) ** 0.2
    middle = np.where(seen.unclear, seen.middle, straight) / noises.REACH
    weight = np.where(asked, 1 + np.where(seen.unclear, seen.height / seen.level, 0), 0)
    spacing = line.fit(_spread(line, middle, weight, todo)[None])[0]
    values = yield noises.table_offsets(spacing)
    quieter, rougher = noises.from_tables(values[:, todo] / work.unit, work.base)
    rough = seen.unclear & (quieter > seen.height / 30)
    level = np.where(curved & np.isfinite(rougher), np.maximum(2 * rougher, floor), seen.level)
    return np.where(rough, np.maximum(quieter, seen.height), level)


def _spread(line: Line, wanted: Array, weight: Array, todo: Array) -> Array:
    """One step for every column of the line: its own, or the one that the heaviest output wants."""
    if not line.separate:
        return np.asarray(wanted[np.argmax(weight)])[None]
    step = np.full(line.columns, np.nan, wanted.dtype)
    step[todo] = np.where(weight > 0, wanted, np.nan)
    return step


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _poor(view: View, best: Limit, bits: int) -> Array:
    """How large the relative claim is, 0 where more levels can't help."""
    size = np.abs(best.value)
    poor = best.found & (best.error > 2.0 ** (-0.7 * bits) * size) & ~view.stairs.found
    poor &= ~(np.abs(view.gap.value) > 4 * view.gap.error)
    return np.where(poor, best.error / np.maximum(size, np.finfo(size.dtype).tiny * 2.0**100), 0)


def _refinement(view: View, bits: int) -> tuple[Array, Array]:
    """The step that the best limit ends at, and how much a finer ladder around it is wanted."""
    best = view.best
    return view.pairs.step[best.level, np.arange(len(best.level))], _poor(view, best, bits)


def _widening(view: View, bits: int) -> tuple[Array, Array]:
    """The widest step, and how much wider ones are wanted: f hardly moves, and noise is all the claim."""
    best = view.best
    hardly = (best.level <= 4) & (best.noise > 0.25 * best.error) & (np.abs(best.value) > 3 * best.error)
    return np.fmax.reduce(view.pairs.step, axis=0), np.where(hardly, _poor(view, best, bits), 0)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _look(pairs: Pairs, noise: Array, bits: int, one_sided: bool) -> View:
    floor = noises.floor(pairs, bits)
    stairs = shapes.stairs(pairs, floor)
    noise = np.maximum(noise, stairs.quantum)
    blur = (noise + floor) / pairs.step
    central = extrapolate(pairs.step, pairs.central, blur, 2)
    nothing = Limit(np.full_like(central.value, np.nan), np.full_like(central.error, np.inf),
                    central.noise, central.level)
    right = left = nothing
    if one_sided and pairs.lacks_left.any():
        right = extrapolate(pairs.step, pairs.right, 2 * blur, 1)
    if one_sided and pairs.lacks_right.any():
        left = extrapolate(pairs.step, pairs.left, 2 * blur, 1)
    return View(pairs, noise, central, right, left, extrapolate(pairs.step, pairs.gap, 4 * blur, 1), stairs,
                one_sided)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _conclude(view: View, bits: int) -> Estimate:
    """Value, claim and status of every column."""
    pairs, best, gap, count = view.pairs, view.best, view.gap, len(view.noise)
    floor = noises.floor(pairs, bits)
    value, error = best.value, best.error
    status = np.where(view.noise > 2.0**10 * floor[best.level, np.arange(count)], NOISY, OK).astype(STATUS_DTYPE)
    sided = best.found & ~(best.error == view.central.error)
    status[sided] = ONE_SIDED
    # A gap that does not vanish: half of it belongs to the claim even where it is too small to be called a kink.
    wide = gap.found & (np.abs(gap.value) > gap.error) & ~sided
    error = np.where(wide, error + np.abs(gap.value) / 2 + gap.error / 2, error)
    kink = wide & (np.abs(gap.value) > 4 * gap.error)
    status[kink] = KINK
    left, right = value, value
    if kink.any():
        # At a kink the odd part of f may hold h|h|, which the central series does not know: each side by itself.
        sides = [extrapolate(pairs.step, quotient, 2 * (view.noise + floor) / pairs.step, 1)
                 for quotient in (pairs.left, pairs.right)]
        left, right = (np.where(kink & side.found, side.value, value + sign * gap.value / 2 * kink)
                       for side, sign in zip(sides, (-1, 1)))
        apart = np.fmax(np.abs(left - value), np.abs(right - value)) + np.fmin(sides[0].error, sides[1].error)
        error = np.where(kink & sides[0].found & sides[1].found, np.maximum(error, apart), error)

    steps = view.stairs.found
    status[steps] = STAIRCASE
    # Few stairs within reach: f is piecewise constant and its derivative 0; many: rounding of something smooth.
    few = steps & (view.stairs.climbed < _MANY_STAIRS)
    error = np.where(few, error + np.abs(value), error)
    value = np.where(few, 0, value)
    left, right = np.where(steps, 0, left), np.where(steps, 0, right)

    jump = shapes.jumps(pairs, floor)
    vertical, slope = shapes.verticals(pairs, floor.min(axis=0))
    vertical &= ~jump
    lost = ~np.isfinite(error) | jump | vertical
    heard = np.isfinite(pairs.central)
    if view.one_sided:
        heard = heard | np.isfinite(pairs.right) | np.isfinite(pairs.left)
    status[lost] = np.where(heard.sum(axis=0) < 3, NONFINITE, NOISY)[lost]
    status[jump], status[vertical] = JUMP, VERTICAL
    value = np.where(lost, np.where(vertical, slope, np.nan), value)
    error = np.where(lost, np.inf, error)
    left, right = np.where(lost, np.nan, left), np.where(lost, np.nan, right)
    return Estimate(value, error, status, left, right, view.noise, pairs.step[best.level, np.arange(count)])

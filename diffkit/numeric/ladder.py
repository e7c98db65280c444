"""The full path: a ladder of steps over the whole range of the dtype, and what it says about x.

About forty evaluations, from max(|x|, 1)/4 down to 2^-44 |x| by factors of 8 (in double;
as many levels in every precision).  From them come the noise (``noise.py``) and the limits
of the quotients (``reading.py``).  Where the claim is still large, four levels are added
around the best one.  Where f hardly moves within |x|, so that noise is all of the claim,
wider steps are tried, and believed only while they agree with what is known.
"""

from __future__ import annotations

import math

import numpy as np

from diffkit.numeric import noise as noises
from diffkit.numeric.edges import leaves_by_a_slope
from diffkit.numeric.extrapolation import Limit
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.pairs import Pairs
from diffkit.numeric.reading import View, conclude, look
from diffkit.numeric.result import Array, Estimate

UNEVEN = 0.9137
_MOST_LEVELS = 30
_WIDENINGS = 3
_SPARSE = 10
_FILLING = 2.0 ** np.array([[2], [1], [-1], [-2], [-4], [-5], [-7], [-8]])
_CLOSER = np.array([[32.0], [16.0], [4.0], [2.0]])
_WIDER = np.array([[512.0], [64.0], [8.0]])


def climb(line: Line, pairs: Pairs, todo: Array, bits: int, one_sided: bool) -> Scheme[Estimate]:
    """Estimates for the columns ``todo``, in units of ``pairs.unit``, given the quick pairs of all columns."""
    pairs = yield from _measure(line, pairs, _rungs(line))
    pairs = yield from _fill(line, pairs, todo)
    noise = yield from _noise(line, pairs, todo, bits)
    level = np.zeros(len(todo), bool)
    view = look(pairs.select(todo), noise, bits, one_sided, level)
    if view.stairs.found.any():
        floor = noises.floor(view.pairs, bits).min(axis=0)
        level = yield from leaves_by_a_slope(line, pairs, todo, view.stairs, floor)
        view = look(pairs.select(todo), noise, bits, one_sided, level)
    wanted, weight = _refinement(view, bits)
    if weight.any():
        pairs = yield from _measure(line, pairs, _CLOSER * _spread(line, wanted, weight, todo))
        view = look(pairs.select(todo), noise, bits, one_sided, level)
    for _ in range(_WIDENINGS):
        wanted, weight = _widening(view, bits)
        if not weight.any():
            break
        pairs = yield from _measure(line, pairs, _WIDER * _spread(line, wanted, weight, todo))
        wider = look(pairs.select(todo), noise, bits, one_sided, level)
        if (np.abs(wider.best.value - view.best.value) > view.best.error).any():
            break  # far from x f is another function
        view = wider
    return conclude(view, bits)


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


def _fill(line: Line, pairs: Pairs, todo: Array) -> Scheme[Pairs]:
    """Where most of the ladder is outside f's domain: more levels from the widest one inside."""
    known = np.isfinite(pairs.central[:, todo])
    lone = known.sum(axis=0) < 3
    known |= lone & (np.isfinite(pairs.right[:, todo]) | np.isfinite(pairs.left[:, todo]))
    sparse = known.sum(axis=0) < _SPARSE
    if not sparse.any():
        return pairs
    widest = np.fmax.reduce(np.where(known, pairs.step[:, todo], 0), axis=0)
    return (yield from _measure(line, pairs, _FILLING * _spread(line, widest, 1.0 * sparse, todo)))


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
    quieter, rougher, around = noises.from_tables(values[:, todo] / work.unit, work.base)
    rough = seen.unclear & (quieter > seen.height / 30) & (around > seen.height / 60)
    level = np.where(curved & np.isfinite(rougher), np.maximum(2 * rougher, floor), seen.level)
    return np.where(rough, np.maximum(quieter, seen.height), level)


def _spread(line: Line, wanted: Array, weight: Array, todo: Array) -> Array:
    """One step for every column of the line: its own, or the one that the heaviest output wants."""
    if not line.separate:
        return np.asarray(wanted[np.argmax(weight)])[None]
    step = np.full(line.columns, np.nan, wanted.dtype)
    step[todo] = np.where(weight > 0, wanted, np.nan)
    return step


def _poor(view: View, best: Limit, bits: int) -> Array:
    """How large the relative claim is, 0 where more levels can't help."""
    size = np.abs(best.value)
    poor = best.found & (best.error > 2.0 ** (-0.7 * bits) * size) & ~view.stairs.found & ~view.level
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

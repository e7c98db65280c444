"""The limit of any stencil's quotient for a step that shrinks by halves: Richardson's way, with the noise measured.

Noise is amplified by h⁻ⁿ, so the ladder starts wide, at max(|x|, 1) or as far as bounds let it,
comes down to |x| by factors up to 8, and goes on by factors of 2 as long as the claim gains.
Noise comes from the ladder itself: U(h) - rⁿ U(h/r) has lost the derivative, and where it stops
falling it is noise.  The quietest three levels in a row tell; finer ones are no quieter, so
their median has a say.
"""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np

from diffkit.numeric.extrapolation import Limit, extrapolate
from diffkit.numeric.ladder import UNEVEN
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.noise import PLACES, REACH, from_table, resolution, table_offsets, without
from diffkit.numeric.result import Array
from diffkit.numeric.stencils import Stencil

_FIRST_LEVELS, _MORE_LEVELS, _MOST_LEVELS = 14, 5, 34
#: With fewer levels inside f's domain the descent goes on to the resolution of x.
_SPARSE = 10
_QUIET = 2.0**12
#: No two levels share their digits: rounding that repeats itself from one to the next would hide.
_JITTER = 1 + 0.08 * (np.arange(80) * 0.618034 % 1 - 0.5)


@dataclasses.dataclass(frozen=True)
class Rungs:
    """Undivided sums of a stencil: ``step``, ``divisor``, ``total`` and the ``size`` of f, each (levels, m).

    ``offset`` is the mean of f at all places less f(x).
    """

    step: Array
    divisor: Array
    total: Array
    size: Array
    offset: Array

    def join(self, other: Rungs) -> Rungs:
        """More levels, finer ones."""
        return Rungs(*(np.concatenate([getattr(self, field.name), getattr(other, field.name)])
                       for field in dataclasses.fields(self)))

    @property
    def quotient(self) -> Array:
        """The derivative, as every level has it."""
        return np.asarray(self.total / self.divisor)


def descend(line: Line, base: Array, bits: int, stencil: Stencil) -> Scheme[tuple[Limit, Array, Array]]:
    """The limit of a stencil, f's noise, and the step that the limit leans on; levels are added while they help."""
    steps, start = _steps(line, stencil)
    if start == 0:
        return Limit.blank(base), np.full(base.shape, np.nan), np.full(base.shape, np.nan)
    most = start - _FIRST_LEVELS + _MOST_LEVELS
    rungs = yield from measure(line, base, stencil, steps[:start])
    while True:
        limit, noise = _limit(rungs, stencil, bits)
        # What looks rough may be an oscillation that these levels are too wide for: go on until f is quiet.
        quiet = noise <= _QUIET * 2.0**-bits * np.fmax.reduce(rungs.size, axis=0)
        sparse = np.isfinite(rungs.total).sum(axis=0) < _SPARSE
        enough = start >= most and not bool(sparse.any())
        if start >= len(steps) or enough or bool(
                (limit.found & (limit.level < start - _MORE_LEVELS) & quiet & ~sparse).all()):
            break
        more = yield from measure(line, base, stencil, steps[start:start + _MORE_LEVELS])
        rungs, start = rungs.join(more), start + _MORE_LEVELS
    step = rungs.step[limit.level, np.arange(len(base))]
    if stencil.power == 2:
        rough = yield from _beside(line, base, limit, step)
        limit, noise = _limit(rungs, stencil, bits, rough)
    return limit, noise, step


def _beside(line: Line, base: Array, limit: Limit, step: Array) -> Scheme[Array]:
    """f's roughness close to x, on one side: in symmetric sums the rounding of multiples of x cancels, and hides."""
    width = np.where(limit.found, step, np.nan)
    if not line.separate:
        width = np.fmin.reduce(width)[None] * (line.scale / line.scale[0])
    resolution_of_x = line.scale * 2.0 ** (12 - line.bits)
    spacing = line.fit(np.maximum(width / 16, resolution_of_x) / REACH, np.array([[REACH]]))
    away = np.where(spacing * REACH <= line.high, spacing, -spacing)
    values = yield table_offsets(away)[:PLACES]
    return np.asarray(np.nan_to_num(from_table(values, base)))


def _steps(line: Line, stencil: Stencil) -> tuple[Array, int]:
    """All levels there may be, (levels, columns), and how many to begin with."""
    reach = np.where(np.isfinite(line.reach), line.reach, 1.0)
    scale = np.where(np.isfinite(line.scale), line.scale, 1)
    room = _room(line, stencil)
    reach, scale = np.minimum(reach, room), np.minimum(scale, room)
    known = scale > 0
    if not known.any():
        return np.zeros((0, line.columns)), 0
    spans = np.log2(np.where(known, reach, 1)) - np.log2(np.where(known, scale, 1))
    if line.plane:  # both steps shrink together, or there is no series
        spans = np.full_like(spans, spans.min())
    # Levels from reach to scale, of every column.
    wider = np.where(spans < 1, 0, np.minimum(12, np.ceil(spans / 3))).astype(int)
    approach = int(wider.max())
    depth = max(_MOST_LEVELS, math.ceil(0.83 * line.bits)) - approach
    level = np.arange(-approach, depth)[:, None]
    steps = scale * 2.0 ** np.where(level < 0, -level * spans / np.maximum(wider, 1), -level)
    steps = np.where(level < -wider, np.nan, steps) * _JITTER[:len(steps), None]
    return UNEVEN / max(1.0, stencil.extent / 2) * steps, approach + _FIRST_LEVELS


def _room(line: Line, stencil: Stencil) -> Array:
    """The widest step that bounds allow, (columns,)."""
    upward = np.maximum(stencil.places, 0).max(axis=0)
    downward = np.maximum(-stencil.places, 0).max(axis=0)
    with np.errstate(all="ignore"):
        above = np.where(upward > 0, line.high / upward, np.inf)
        below = np.where(downward > 0, -line.low / downward, np.inf)
    return np.asarray(np.maximum(np.minimum(above, below), 0))


def measure(line: Line, base: Array, stencil: Stencil, step: Array) -> Scheme[Rungs]:
    """A stencil's sums at steps of shape (levels, columns)."""
    step = line.fit(step, stencil.places)
    away = stencil.places.any(axis=1)  # x itself is known
    offsets = stencil.places[away] * step[:, None]  # (levels, places, columns)
    asked = yield offsets.reshape(-1, offsets.shape[2])
    values = np.broadcast_to(base, (len(step), len(stencil.places), len(base))).copy()
    values[:, away] = asked.reshape(len(step), -1, len(base))
    total = np.einsum("p,lpm->lm", stencil.weights, values)
    size = np.fmax(np.abs(values).max(axis=1), np.abs(base))
    divisor = step.prod(axis=1, keepdims=True) if stencil.plane else step**stencil.order
    first = step if line.separate else step[:, :1]
    return Rungs(np.broadcast_to(first, total.shape), np.broadcast_to(divisor, total.shape), total, size,
                 values.mean(axis=1) - base)


def _limit(rungs: Rungs, stencil: Stencil, bits: int, rough: Array | float = 0.0) -> tuple[Limit, Array]:
    """What the levels so far converge to, and f's noise, known to be at least ``rough``."""
    floor = resolution(rungs.size, bits)
    noise = np.maximum(_noise(rungs, stencil), 2 * rough) + floor
    blur = noise * np.abs(stencil.weights).sum() / np.abs(rungs.divisor)
    aside = (rungs.offset, noise) if stencil.power == 2 else None
    return extrapolate(rungs.step, rungs.quotient, blur, stencil.power, aside), noise.min(axis=0)


def _noise(rungs: Rungs, stencil: Stencil) -> Array:
    """Twice what the sums show of it: the quietest three levels in a row or all finer ones, if those are rougher."""
    gain = float(np.sqrt((stencil.weights**2).sum()))
    samples = without(rungs.step, rungs.total, stencil.order) / gain
    windows = np.stack([samples[:-2], samples[1:-1], samples[2:]]).max(axis=0)
    windows = np.where(np.isnan(windows), np.inf, windows)
    quiet = windows.min(axis=0)
    finer = np.where(np.arange(len(samples))[:, None] >= windows.argmin(axis=0), samples, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without a value
        usual = np.nan_to_num(np.nanmedian(finer, axis=0))
    return np.where(np.isfinite(quiet), 2 * np.maximum(quiet, usual), 0)

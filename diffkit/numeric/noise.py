"""How rough are f's values?  Read off the ladder, and looked at closely where it is unclear.

The levels themselves tell the noise without a further evaluation.  Of the odd part
(f(x + h) - f(x - h))/2 the terms in h and h³ are taken out by three neighbouring levels,
of the even part a kink's |h| and the curvature's h².
Where what is left stops falling it is noise.  Three residuals in a row must say so.

Sometimes the finest levels are quiet and coarser ones are not: rounding inside f that is
the same for all close neighbours ((1 - cos x)/x²), or a kink or jump close by.  Then a
table of values on either side decides, by what a polynomial can't follow (the idea of Hamming
1962 and of Moré & Wild, SIAM J. Sci. Comput. 33, 2011, "Estimating computational noise", at
uneven places): noise is on both sides, a kink on one.
An oscillation that coarse levels alias also looks rough on both sides, but it is either as
large as f's whole swing, or far steeper than |f|/|x|, or seen to fade where the steps
resolve it; rounding is neither.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.numeric.pairs import Pairs
from diffkit.numeric.result import Array

# Uneven places: evenly spaced arguments make rounding a sawtooth, with smooth stretches in it.
# Whole numbers: with a step on the grid of x all places are exact.
_PLACES = np.array([0.0, 10.0, 24.0, 31.0, 47.0, 53.0, 68.0, 76.0])
REACH = 80.0
PLACES = len(_PLACES) - 1
_SHORT = 256
_FADING = 8
_QUIET = 4
# Rows span what no polynomial of degree 4 can produce at these places: the generalised differences.
_ROUGH, _AROUND = (np.linalg.qr(np.vander(places / REACH, 5), mode="complete")[0][:, 5:].T
                   for places in (_PLACES, _PLACES[1:]))


def floor(pairs: Pairs, bits: int) -> Array:
    """The resolution of f's own dtype at every level, shape (levels, m)."""
    return resolution(pairs.size, bits)


def resolution(size: Array, bits: int) -> Array:
    """The last digit of values of this size."""
    return np.asarray(size * size.dtype.type(2.0) ** (1 - bits) + np.finfo(size.dtype).tiny)


def _residuals(pairs: Pairs) -> Array:
    """Noise samples from three neighbouring levels, (levels - 2, m); NaN where a value is missing."""
    right, left = pairs.plus - pairs.base, pairs.minus - pairs.base
    both = np.fmax(without(pairs.step, (right - left) / 2, 1, 3), without(pairs.step, (right + left) / 2, 1, 2))
    one = np.fmax(without(pairs.step, right, 1, 2), without(pairs.step, left, 1, 2))
    return np.where(np.isnan(both), one, both)


def without(step: Array, rise: Array, *powers: int) -> Array:
    """What is left of ``rise`` when terms in these powers of the step are taken out, in units of its noise."""
    for power in powers:
        ratio = (step[:-1] / step[1:]) ** power
        rise = (rise[:-1] - ratio * rise[1:]) / (1 + ratio)
        step = step[1:]
    return np.abs(rise)


@dataclasses.dataclass(frozen=True)
class Noise:
    """``level`` is what the quietest levels say, ``height`` what the roughest plateau says, each (m,).

    ``middle`` is a step inside that plateau; ``unclear`` is where it may be the true noise.
    ``calm`` is the widest step at which f is as quiet as ``level``.
    """

    level: Array
    height: Array
    middle: Array
    unclear: Array
    calm: Array


def from_ladder(pairs: Pairs, bits: int, scale: Array) -> Noise:
    """Noise as the ladder shows it.  A plateau is three residuals in a row that do not fall; the longest counts."""
    found = _residuals(pairs)
    base = floor(pairs, bits).min(axis=0)
    if len(found) < 3:
        level = np.fmax(base, np.nan_to_num(found).max(axis=0, initial=0))
        return Noise(level, level, pairs.step[0], np.zeros(level.shape, bool), pairs.step[0])
    top = np.stack([found[:-2], found[1:-1], found[2:]]).max(axis=0)
    quiet = np.where(np.isnan(top), np.inf, top).min(axis=0)
    quiet = np.where(np.isfinite(quiet), quiet, np.nan_to_num(found).max(axis=0))
    quiet = np.fmax(quiet, base)
    step = pairs.step
    height, end, level = _plateaus(found, step[2:])
    swing = np.nan_to_num(np.fmax(np.abs(pairs.plus - pairs.base), np.abs(pairs.minus - pairs.base))).max(axis=0)
    natural = height / end <= 1000 * np.abs(pairs.base) / scale
    # Rounding that close neighbours share leaves them as quiet as f's own last digit; near a pole they are not.
    noisy = level & natural & (height > 8 * quiet) & (height < 0.2 * swing) & (quiet < _QUIET * base)
    length = step[2:-2] / end
    noisy &= length > _SHORT  # truncation between two close levels is not a plateau
    length = np.where(noisy, length, 0)
    where, columns = np.argmax(length, axis=0), np.arange(height.shape[1])
    height, end = np.where(noisy, height, 0)[where, columns], end[where, columns]
    height = np.where(_fades(found, step[2:], end, height, quiet), 0, height)
    calm = step[np.argmin(np.where(np.isnan(top), np.inf, top), axis=0), columns]
    return Noise(quiet, height, step[2:][where, columns] ** 0.7 * end**0.3, height > 0, calm)


def _plateaus(found: Array, step: Array) -> tuple[Array, Array, Array]:
    """For three residuals in a row: the middle one in size, the finest step so rough, and if they don't fall."""
    windows = np.stack([found[:-2], found[1:-1], found[2:]])
    height = np.median(windows, axis=0)
    rough = found[None] > height[:, None] / 4
    end = np.fmin.reduce(np.where(rough, step[None], np.inf), axis=1)
    # Noise stays; what a root singularity nearby leaves falls like √h.
    level = found[2:] > found[:-2] * (step[2:] / step[:-2]) ** 0.4
    # And nothing finer is far rougher: that would be an oscillation.
    level &= np.fmax.accumulate(found[::-1])[::-1][:-2] < 100 * height
    return height, end, level


def _fades(found: Array, step: Array, end: Array, height: Array, quiet: Array) -> Array:
    """Plateaus that end like a power of the step: an oscillation, resolved from there on.

    Rounding that neighbours share ends in jumps: what is left of it falls faster than any term of a series can
    between two levels, and then one smooth function fades, which is not the one that is asked for.
    """
    fades, sudden = np.zeros(end.shape, bool), np.zeros(end.shape, bool)
    fastest = _FADING / 2 * (step[:-1] / step[1:]) ** 6
    between = (found < height / _FADING) & (found > 2 * _FADING * quiet)
    for first in range(len(found) - 2):
        three = found[first:first + 3]
        falling = (three[1:] < three[:-1] / _FADING).all(axis=0)
        drops = found[first:first + 2] > fastest[first:first + 2] * found[first + 1:first + 3]
        sudden |= (step[first] <= end) & drops[0]
        fades |= (step[first] < end) & between[first:first + 3].all(axis=0) & falling & ~sudden & ~drops[1]
    return fades


def table_offsets(step: Array) -> Array:
    """Offsets of the tables on the right, then on the left, for a spacing of shape (columns,)."""
    offsets = _PLACES[1:, None] * step
    return np.concatenate([offsets, -offsets])


def from_tables(values: Array, base: Array) -> tuple[Array, Array, Array]:
    """Noise from values at ``table_offsets``, each (m,); NaN where one side lacks values.

    The quieter side, the rougher, and the quieter without f(x), which stands alone close to a pole.
    """
    sides = values[:PLACES], values[PLACES:]
    whole = [from_table(side, base) for side in sides]
    around = [_height(_AROUND @ side) for side in sides]
    return np.minimum(*whole), np.fmax(*whole), np.minimum(*around)


def from_table(side: Array, base: Array) -> Array:
    """Noise from the values of one side of ``table_offsets`` and f(x), (m,)."""
    return _height(_ROUGH @ np.concatenate([base[None], side]))


def _height(samples: Array) -> Array:
    return np.asarray(np.sqrt((np.abs(samples) ** 2).mean(axis=0)))

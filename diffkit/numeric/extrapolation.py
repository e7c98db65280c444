"""From estimates at a ladder of steps to the limit at step zero, with an honest claim.

If D(h) = d + c₁hᵖ + c₂h²ᵖ + …, Neville's scheme in z = hᵖ removes one term a column
(Richardson 1911; Numerical Recipes, section 5.7, for the tableau).  The textbook error
estimate, the distance to the two neighbours in the tableau, is wrong in three ways: two
neighbours may agree by accident, a coarse part of the ladder may agree on another
function than the one at x (aliasing, a kink or jump nearby), and noise may be anything.
So an entry is admitted only if *every finer level* agrees with it within that level's
noise; if the noise had to be enlarged for that, the claim grows with it; and the sharp
estimate (the finer neighbour, mostly) is used only where the column converges as its
theory says, and a column that converges slowly pays for the rest of its way (x^1.1 at 0).
f(x) itself is a witness as well: central quotients never touch it, but the mean of f(x - h) and
f(x + h) must approach it.  Where it stays away x sits in a spike (close to a pole) that these
steps jump over.  Among the admitted entries the smallest claim wins.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.numeric.result import Array

_COLUMNS = 6
_SAFETY = 3.0
_NOISE_SAFETY = 6.0
# Finer levels may contradict an entry by this multiple of the estimated noise, at a price.
_TOLERATED, _ENLARGED = 2.0, 64.0
# So many times the noise may the mean of both sides stay away from f(x); so many levels back it is looked at.
_ASIDE, _LAGS = 16.0, 4
# A move so many times smaller than theory has it is an accident.
_TURNED = 4.0
# With more witnesses than these, one that is so many times farther off than those at the finest levels is no noise.
_FEW, _LONELY = 5, 32.0


@dataclasses.dataclass(frozen=True)
class Limit:
    """value ± error, its noise part alone, and the level it ends at; each of shape (m,)."""

    value: Array
    error: Array
    noise: Array
    level: Array

    @classmethod
    def blank(cls, base: Array) -> Limit:
        """Nothing known of outputs like ``base``."""
        real = base.real.dtype
        return cls(np.full(base.shape, np.nan, base.dtype), np.full(base.shape, np.inf, real),
                   np.full(base.shape, np.inf, real), np.zeros(base.shape, int))

    @property
    def found(self) -> Array:
        """Where anything was admitted."""
        return np.isfinite(self.error)


def extrapolate(step: Array, quotient: Array, noise: Array, power: int,
                aside: tuple[Array, Array] | None = None) -> Limit:
    """The limit of ``quotient`` for step to 0.

    Parameters
    ----------
    step, quotient, noise : arrays of shape (levels, m)
        Widest step first; NaN quotients are levels outside f's domain.  ``noise`` bounds
        the error that f's noise makes in each quotient.
    power : int
        1 or 2: the error series is in step**power.
    aside : pair of arrays of shape (levels, m), optional
        The mean of f(x - h) and f(x + h) less f(x), and the noise in it.
    """
    levels, count = quotient.shape
    best = Limit(np.full(count, np.nan, quotient.dtype), np.full(count, np.inf, noise.dtype),
                 np.full(count, np.inf, noise.dtype), np.zeros(count, int))
    z = step ** power
    table, spread = quotient, noise
    # Quotients that converge slowly, above the noise, make every extrapolation as bad as they are.
    rate, rest = _rest(step, quotient, power)
    moved = np.abs(np.diff(quotient, axis=0, prepend=quotient[:1]))
    slow = np.where((rate < power / 2) & (moved > 4 * noise), rest, 0)
    stuck = np.zeros(quotient.shape, bool) if aside is None else _stuck(step, *aside)
    for column in range(min(_COLUMNS, levels)):
        if column:
            coarse, fine = z[:-column], z[column:]
            wide = coarse - fine
            finer = table
            table = finer[1:] + fine / wide * (finer[1:] - finer[:-1])
            spread = (coarse * spread[1:] + fine * spread[:-1]) / wide
            error = _truncation(finer, fine / wide, fine / coarse, spread)
            error = np.maximum(error, slow[column:])
        else:
            error = rest
        error = np.where(stuck[column:], np.inf, error)
        for row in range(len(table)):
            level = row + column
            if not (_SAFETY * error[row] + _NOISE_SAFETY * spread[row] < best.error).any():
                continue  # no better even if every finer level agrees
            claim, blur = _admit(table, row, _SAFETY * error[row], spread, step, quotient, noise, level, power)
            better = claim < best.error
            best.value[better] = table[row][better]
            best.error[better] = claim[better]
            best.noise[better] = blur[better]
            best.level[better] = level
    return best


def _truncation(finer: Array, gain: Array, shrink: Array, spread: Array) -> Array:
    """Size of the next term: the neighbours' distance, the sharp one where the order is confirmed.

    ``gain`` times the last move of a column is what its extrapolation adds.
    """
    moved = np.abs(finer[1:] - finer[:-1])
    # Successive differences of a column shrink by z_k / z_(k-j) if the error series is what it should be.
    # Where one is far smaller than that the column may have turned: the one before tells what to expect.
    expected = shrink[1:] * moved[:-1]
    orderly = moved[1:] <= 2 * np.maximum(expected, spread[1:])
    error: Array = (1 + gain) * moved
    moved[1:] = np.where(moved[1:] < expected / _TURNED, expected, moved[1:])
    sharp = np.maximum(gain, np.sqrt(shrink) * (1 + gain))[1:] * moved[1:]
    error[1:] = np.where(orderly, sharp, error[1:])
    return error


def _rest(step: Array, quotient: Array, order: int) -> tuple[Array, Array]:
    """Quotients that go like h^p: p at every level, and what is left there; inf where nothing can be said.

    Two moves in a row tell, at uneven steps: over a factor q of the step one is p log(q) h^p, at the step's
    mean and to first order in p.  Where p is far above ``order`` the quotients turn, or lack a term.
    """
    logs = np.log(step)
    pace = np.abs(np.diff(quotient, axis=0)) / (logs[:-1] - logs[1:])
    middle = (logs[:-1] + logs[1:]) / 2
    power, rest = np.full(quotient.shape, np.inf), np.full(quotient.shape, np.inf)
    power[2:] = np.log(pace[:-1] / pace[1:]) / (middle[:-1] - middle[1:])
    expected = pace[:-1] * np.exp(order * (middle[1:] - middle[:-1]))
    rest[2:] = np.where(power[2:] > 0, pace[1:] / power[2:], np.inf)
    rest[2:] = np.where(pace[1:] < expected / _TURNED, expected / order, rest[2:])
    return power, rest


def _stuck(step: Array, offset: Array, noise: Array) -> Array:
    """Levels where the mean of both sides stays away from f(x), no nearer than at twice the step.

    Far above noise, or above what it moves by over the last levels: noise would move it.
    """
    asked, nearer = np.zeros(offset.shape, bool), np.zeros(offset.shape, bool)
    moves = np.zeros(noise.shape, noise.dtype)
    for lag in range(1, min(_LAGS, len(step) - 1) + 1):
        wider = step[:-lag] >= 1.9 * step[lag:]
        asked[lag:] |= wider
        nearer[lag:] |= wider & (np.abs(offset[lag:]) < 0.9 * np.abs(offset[:-lag]))
        moves[lag:] = np.maximum(moves[lag:], np.abs(offset[lag:] - offset[:-lag]))
    moves[:_LAGS - 1] = np.inf
    return np.asarray(asked & ~nearer & (np.abs(offset) > _ASIDE * np.minimum(noise, moves)))


def _admit(table: Array, row: int, truncation: Array, spread: Array, step: Array, quotient: Array, noise: Array,
           level: int, power: int) -> tuple[Array, Array]:
    """The claim of a tableau entry once all finer levels were heard, and its noise part.

    Twice: the quotients themselves, and the later entries of the same column, which are sharper witnesses
    (a kink that only the widest step of an entry jumps over is seen by nothing else).
    """
    value, blur = table[row], _NOISE_SAFETY * spread[row]
    # A finer level may differ by its own truncation, which falls from this level's.
    falls = (step[level + 1:] / step[level]) ** power
    own = 2 * np.abs(quotient[level] - value) * falls
    ratio = _excess(quotient[level + 1:] - value, truncation + own, noise[level + 1:])
    if level > row:
        ratio = np.maximum(ratio, _excess(table[row + 1:] - value, truncation, spread[row + 1:]))
    blur = np.where(ratio > _TOLERATED, np.maximum(blur, 16 * ratio * spread[row]), blur)
    blur = np.where(ratio > _ENLARGED, np.inf, blur)
    claim = truncation + blur
    return np.where(np.isnan(claim) | np.isnan(value), np.inf, claim), blur


def _excess(off: Array, allowed: Array, noise: Array) -> Array:
    """By how many times its noise the worst of some witnesses is farther off than allowed, (m,)."""
    ratio = np.maximum(np.abs(off) - allowed, 0) / np.where(noise > 0, noise, 1e-300)
    ratio = np.nan_to_num(ratio, nan=0.0, posinf=np.inf)
    worst = np.asarray(np.max(ratio, axis=0, initial=0))
    if len(ratio) > _FEW:
        # Noise that was taken for too small shows at the finest levels as well; else f is another function there.
        usual = np.median(ratio[len(ratio) // 2:], axis=0)
        worst = np.where((worst > _TOLERATED) & (usual < worst / _LONELY), np.inf, worst)
    return worst

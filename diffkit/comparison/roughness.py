"""Where f is rough: can its noise explain what a method says, or is the method wrong?

Differences of a noisy function and a candidate are two families, and when they contradict each other
no third one decides.  f itself does, asked more often than differences can afford:

- *the trend*: the slopes of many random pairs of points within a window, at windows of every size.  What they
  scatter by is noise (it is not divided by the root of their number: noise may be correlated), and what they
  move by from one window to the next is curvature.  Slopes left and right of x are taken as well, so that a
  kink under noise is an interval.
- *the grain*: a rough function may be smooth between its jumps (a rounded result, a solver's plateau, a
  ripple), and a method that gives that slope is right about the code.  So the quotients at fine steps are
  looked at, and a number that three steps in a row agree with is not refuted.

A method is refuted where both speak against it.  Noise that drowns all that f does refutes nobody, nor does
a f that is as steep as the method says at the finest steps of all: there a true slope of that size may be
finer than floating point (Weierstrass' function, a ripple of 1e-15, a chaotic one).
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.methods import NUMERIC, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.tolerance import STRANGERS, own_error, resolution

#: Halvings from the widest window to the finest, pairs in each, and steps of the grain.
_WINDOWS, _PAIRS = range(0, 22, 2), 8
_STEPS, _FINEST = np.arange(6, 51), 3
_SCATTERS, _NEAR, _IN_A_ROW = 4.0, 0.15, 3
#: Swing of f over its noise below which it is drowned; how steep it is at the finest steps, over what is disputed.
_DROWNED, _HIDDEN = 16.0, (0.1, 30.0)
#: Inputs that are looked at, the most disputed first (of an f that seems smooth a few), and seconds for all.
_MOST, _FEW, _LONGEST = 6, 2, 2.0


#: A result as a function of one input.
Line = Callable[[float], Array]


@dataclasses.dataclass
class Rough:
    """Of shape (rows, columns): what was looked at, the trend, and the noise; by method, what is refuted."""

    looked: Array
    slope: Array
    noise: Array
    refuted: dict[str, Array]


@dataclasses.dataclass
class _Trend:
    """By row of the result: least and largest slope, the one between, and the scatter of f's values."""

    low: Array
    high: Array
    slope: Array
    noise: Array
    drowned: Array


def roughness(problem: Problem, ran: Sequence[Witness], disputed: Array, seed: int = 0) -> Rough:
    """Look at the disputed entries of a rough f; nothing is refuted where it takes too long."""
    shape = disputed.shape
    found = Rough(np.zeros(shape, bool), np.full(shape, np.nan), np.full(shape, np.nan), {})
    asked = [w for w in ran if w.family != NUMERIC]
    columns = _affordable(problem, (4 * _PAIRS * len(_WINDOWS) + 2 * len(_STEPS)), _worst(ran, asked, disputed))
    at = problem.raised() if problem.low_precision else problem
    rng = np.random.default_rng(seed)
    errors = {w.method: own_error(problem, w, STRANGERS) + resolution(problem, w) for w in asked}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for column in columns:
            line, x, size = _line(at, int(column))
            trend, grain = _trend(line, x, size, rng), _grain(line, x, size)
            rows = disputed[:, column]
            found.looked[rows, column] = True
            found.slope[:, column], found.noise[:, column] = trend.slope, trend.noise
            for w in asked:
                said, allowed = np.asarray(w.value)[:, column], errors[w.method][:, column]
                far = np.maximum(trend.low - said, said - trend.high)
                wrong = rows & np.isfinite(said) & (far > allowed) & ~trend.drowned
                wrong &= ~grain.supports(said, far) & ~grain.hides(far)
                found.refuted.setdefault(w.method, np.zeros(shape, bool))[:, column] = wrong
    return found


def supported(problem: Problem, ran: Sequence[Witness], wrong: dict[str, Array]) -> dict[str, Array]:
    """Who is supported by the grain of an f that differences took for smooth (a ripple just above rounding)."""
    asked = [w for w in ran if w.family != NUMERIC and wrong[w.method].any()]
    against = next((np.asarray(w.value) for w in ran if w.family == NUMERIC and not w.exact), None)
    found = {w.method: np.zeros(wrong[w.method].shape, bool) for w in asked}
    if not asked or against is None:
        return found
    disputed = np.any([wrong[w.method] for w in asked], axis=0)
    at = problem.raised() if problem.low_precision else problem
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for column in _affordable(problem, 2 * len(_STEPS), _worst(ran, asked, disputed))[:_FEW]:
            grain = _grain(*_line(at, int(column)))
            for w in asked:
                said = np.asarray(w.value)[:, column]
                found[w.method][:, column] = wrong[w.method][:, column] & \
                    grain.supports(said, np.abs(said - against[:, column]))
    return found


def _affordable(problem: Problem, evaluations: int, columns: Array) -> Array:
    """As many of the columns as there is time for; none of a complex function."""
    if np.iscomplexobj(problem.point) or any(map(np.iscomplexobj, problem.outs)):
        return columns[:0]
    each = evaluations * problem.seconds
    return columns[:min(_MOST, int(_LONGEST / each) if each > 0 else _MOST)]


def _worst(ran: Sequence[Witness], asked: Sequence[Witness], disputed: Array) -> Array:
    """The disputed columns, those first where somebody is furthest from the differences."""
    apart = np.zeros(disputed.shape)
    with np.errstate(all="ignore"):
        for numeric in (w for w in ran if w.family == NUMERIC and w.value is not None and not w.exact):
            for w in asked:
                value, claim = np.asarray(numeric.value), np.asarray(numeric.claim)
                gap = np.abs(np.asarray(w.value) - value) / (np.abs(value) + claim)
                apart = np.maximum(apart, np.nan_to_num(gap, nan=0.0, posinf=0.0))
    columns = np.flatnonzero(disputed.any(axis=0))
    return columns[np.argsort(-np.max(np.where(disputed, apart, 0.0), axis=0)[columns], kind="stable")]


def _line(problem: Problem, column: int) -> tuple[Line, float, float]:
    """f's result, flat, as a function of one input (NaN where it has none); that input, and its size."""
    x = float(problem.point[column])
    size = abs(x) or float(np.max(np.abs(problem.point), initial=0.0)) or 1.0

    def at(value: float) -> Array:
        try:
            out = np.reshape(np.asarray(problem.flat_call(problem.leaves_with(column, value)), float), -1)
        except Exception:  # outside f's domain nothing is seen
            return np.full(problem.rows, np.nan)
        return out if out.shape == (problem.rows,) else np.full(problem.rows, np.nan)

    return at, x, size


def _trend(line: Line, x: float, size: float, rng: np.random.Generator) -> _Trend:
    """The slopes of f through its noise, at the window that tells most."""
    # (windows, kinds, rows): across x, right of it, left of it; and how they scatter.
    here = line(x)
    middles, scatters, widths, swings = [], [], [], []
    for k in _WINDOWS:
        width = size * 2.0**-k
        quotients, rises = [], []
        for u in rng.uniform(0.5, 1.0, _PAIRS) * width:
            far, near = (x + u, x - u), (x + u / 4, x - u / 4)
            up, down, above, below = (line(place) for place in (*far, *near))
            quotients.append([(up - down) / (far[0] - far[1]), (up - above) / (far[0] - near[0]),
                              (below - down) / (near[1] - far[1])])
            rises.append(np.fmax(np.abs(up - here), np.abs(down - here)))
        table = np.asarray(quotients)
        # Where f mostly stands still the window is inside one stair: it shows no trend.
        still = np.median(rises, axis=0) == 0
        middles.append(np.where(still, np.nan, np.median(table, axis=0)))
        swings.append(np.fmax.reduce(rises))
        scatters.append(np.std(table, axis=0))
        widths.append(width)
    middle, scatter, wide = np.asarray(middles), np.asarray(scatters), np.asarray(widths)[:, None, None]
    # A window that happens to hold one stair for every pair scatters by nothing.
    scatter = np.maximum(scatter, np.nanmedian(np.where(np.isnan(middle), np.nan, scatter * wide), axis=0) / wide)
    moved = np.concatenate([np.full_like(middle[:1], np.inf), np.abs(np.diff(middle, axis=0))])
    claim = np.nan_to_num(_SCATTERS * scatter + moved, nan=np.inf)
    # A window counts only if all finer ones agree with it, as far as they can tell.
    for k in range(len(claim) - 1):
        off = np.abs(middle[k + 1:] - middle[k]) > claim[k] + _SCATTERS * scatter[k + 1:]
        claim[k] = np.where(off.any(axis=0), np.inf, claim[k])
    best = np.argmin(claim, axis=0)[None]
    value, error = (np.take_along_axis(part, best, axis=0)[0] for part in (middle, claim))
    finer = np.arange(len(widths))[:, None] >= best[0, 0]
    noise = np.max(np.where(finer, np.nan_to_num((scatter * wide)[:, 0]), 0.0), axis=0)
    known = np.isfinite(error).all(axis=0)
    low = np.where(known, np.min(value - error, axis=0), -np.inf)
    high = np.where(known, np.max(value + error, axis=0), np.inf)
    silent = noise <= 64 * np.finfo(np.float64).eps * np.abs(here)
    return _Trend(low, high, np.where(known, value[0], np.nan), noise,
                  silent | ~(np.fmax.reduce(swings) > _DROWNED * noise))


@dataclasses.dataclass
class _Grain:
    """Quotients of f at fine steps, (steps, kinds, rows), across, right and left of x, and f's rounding by row."""

    steps: Array
    quotients: Array
    rounding: Array

    def supports(self, said: Array, far: Array) -> Array:
        """Where a few steps in a row have the slope that was said, and rounding is below what is disputed."""
        near = np.abs(self.quotients - said) <= _NEAR * far
        near &= self.steps[:, None, None] * far > self.rounding
        runs: Array = np.lib.stride_tricks.sliding_window_view(near, _IN_A_ROW, axis=0).all(axis=-1)
        return np.asarray(np.any(runs, axis=(0, 1)))

    def hides(self, far: Array) -> Array:
        """Where slopes at the finest steps differ by about what is disputed: who knows what they are below them."""
        finest = self.quotients[-_FINEST:]
        steep = np.nanmax(np.abs(finest - np.nanmedian(finest, axis=(0, 1))), axis=(0, 1)) / far
        return np.asarray((steep > _HIDDEN[0]) & (steep < _HIDDEN[1]))


def _grain(line: Line, x: float, size: float) -> _Grain:
    here, found, steps = line(x), [], []
    for k in _STEPS:
        h = 0.9137 * size * 2.0 ** -float(k)
        up, down = line(x + h), line(x - h)
        found.append([(up - down) / ((x + h) - (x - h)), (up - here) / ((x + h) - x), (here - down) / (x - (x - h))])
        steps.append(h)
    return _Grain(np.asarray(steps), np.asarray(found), 16 * np.finfo(np.float64).eps * np.abs(here))

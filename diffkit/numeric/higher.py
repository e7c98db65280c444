"""Derivatives of order two and more: one engine for every stencil.

A stencil is a table of places and weights; its quotient U(h) / hⁿ has an error series in h²
if it is symmetric (central differences, and the four corners of a mixed second
derivative), in h if it looks to one side.  Noise is amplified by h⁻ⁿ, so the ladder stays
wide: from max(|x|, 1) to |x| by factors up to 8, then down by factors of 2 as long as the
claim gains.  Noise comes from the ladder itself: U(h) - rⁿ U(h/r) has lost the derivative.

Afterwards the difference of the two one-sided quotients must vanish with h, as the gap
does for n = 1; where it does not, the derivative of this order has a kink.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from diffkit.numeric.adaptive import first_derivative
from diffkit.numeric.extrapolation import Limit, extrapolate
from diffkit.numeric.ladder import UNEVEN
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.result import (
    JUMP,
    KINK,
    NOISY,
    OK,
    ONE_SIDED,
    STAIRCASE,
    STATUS_DTYPE,
    VERTICAL,
    Array,
    Estimate,
)

_FIRST_LEVELS, _MORE_LEVELS, _MOST_LEVELS = 14, 5, 34
_QUIET = 2.0**12


@dataclasses.dataclass(frozen=True)
class Stencil:
    """``places`` (p, axes) in units of the step, ``weights`` (p,), the order n, and the power of its series."""

    places: Array
    weights: Array
    order: int
    power: int


@dataclasses.dataclass(frozen=True)
class Rungs:
    """Undivided sums of a stencil: ``step``, ``total`` and the ``size`` of f, each (levels, m), widest first."""

    step: Array
    divisor: Array
    total: Array
    size: Array

    def join(self, other: Rungs) -> Rungs:
        """More levels, finer ones."""
        return Rungs(*(np.concatenate([getattr(self, field.name), getattr(other, field.name)])
                       for field in dataclasses.fields(self)))


def central(order: int) -> Stencil:
    """sum (-1)^k C(n, k) f(x + (n/2 - k) h), as in Fornberg (1988), table 1, for second-order accuracy."""
    count = np.arange(order + 1)
    return Stencil((order / 2 - count)[:, None], _binomial(order), order, 2)


def sided(order: int, side: int) -> Stencil:
    """The forward (side 1) or backward (side -1) difference."""
    count = np.arange(order + 1)
    return Stencil((side * (order - count))[:, None] * 1.0, _binomial(order) * side**order, order, 1)


def mixed() -> Stencil:
    """d²f/dx dy: the four corners of a rectangle."""
    return Stencil(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]),
                   np.array([0.25, -0.25, -0.25, 0.25]), 2, 2)


def _binomial(order: int) -> Array:
    return np.array([(-1.0) ** k * math.comb(order, k) for k in range(order + 1)])


def nth_derivative(line: Line, base: Array, bits: int, order: int, one_sided: bool = True) -> Scheme[Estimate]:
    """The derivative of an order above 1 along a line; arguments as for ``first_derivative``."""
    if not np.isfinite(base).any():
        return Estimate.blank(len(base), base.dtype)
    limit, noise, step = yield from _descend(line, base, bits, central(order))
    status = np.full(len(base), OK, STATUS_DTYPE)
    if one_sided and not limit.found.all():
        for side in (1, -1):
            other, rough, fine = yield from _descend(line, base, bits, sided(order, side))
            better = other.found & ~limit.found
            status[better] = ONE_SIDED
            limit = _choose(better, other, limit)
            noise, step = np.where(better, rough, noise), np.where(better, fine, step)
    error, gap = limit.error, np.zeros(base.shape, base.dtype)
    both = limit.found & (status == OK)
    if both.any():
        difference = yield from _gap(line, base, order, noise, step, both)
        wide = both & difference.found & (np.abs(difference.value) > difference.error)
        kink = wide & (np.abs(difference.value) > 4 * difference.error)
        status[kink] = KINK
        gap = np.where(kink, difference.value, 0)
        error = np.where(wide, error + np.abs(difference.value) / 2 + difference.error / 2, error)
    lost = ~np.isfinite(error)
    vague = lost | (error > np.abs(limit.value) / 2)
    if vague.any():
        # Nothing converged, or to next to nothing: the first derivative knows if there is a reason.
        first = yield from first_derivative(line, base, bits, one_sided)
        telling = np.isin(first.status, (KINK, JUMP, VERTICAL, STAIRCASE)) | ~np.isfinite(first.value)
        lost |= vague & telling
        status[lost] = np.where(telling, first.status, NOISY)[lost]
        error = np.where(lost, np.inf, error)
    value = np.where(lost, np.nan, limit.value)
    return Estimate(value, error, status, value - gap / 2, value + gap / 2, noise, step)


def mixed_derivative(plane: Line, base: Array, bits: int) -> Scheme[Estimate]:
    """d²f/dx dy in the plane of two entries."""
    limit, noise, step = yield from _descend(plane, base, bits, mixed())
    status = np.where(limit.found, OK, NOISY).astype(STATUS_DTYPE)
    value = np.where(limit.found, limit.value, np.nan)
    return Estimate(value, limit.error, status, value, value, noise, step)


def _choose(mask: Array, yes: Limit, no: Limit) -> Limit:
    return Limit(*(np.where(mask, getattr(yes, field.name), getattr(no, field.name))
                   for field in dataclasses.fields(Limit)))


def _steps(line: Line, order: int) -> Array:
    """All levels there may be, (levels, columns): from the reach to the scale, then below it by halves."""
    reach = np.where(np.isfinite(line.reach), line.reach, 1.0)
    scale = np.where(np.isfinite(line.scale), line.scale, 1)
    approach = min(12, math.ceil(float(np.max(np.log2(reach) - np.log2(scale))) / 3))
    upper = [reach * (scale / reach) ** (k / approach) for k in range(approach)]
    lower = [scale * 2.0**-k for k in range(max(_FIRST_LEVELS, _MOST_LEVELS - approach))]
    return UNEVEN / max(1.0, order / 4) * np.array(upper + lower)


def _descend(line: Line, base: Array, bits: int, stencil: Stencil) -> Scheme[tuple[Limit, Array, Array]]:
    """The limit of a stencil, the noise, and the step it leans on; levels are added while they help."""
    steps = _steps(line, stencil.order)
    start = len(steps) - _MOST_LEVELS + _FIRST_LEVELS if len(steps) > _MOST_LEVELS else _FIRST_LEVELS
    start = max(start, _FIRST_LEVELS + len(steps) - _MOST_LEVELS)
    rungs = yield from _measure(line, base, stencil, steps[:start])
    while True:
        limit, noise = _limit(rungs, stencil, bits)
        # What looks rough may be an oscillation that these levels are too wide for: go on until f is quiet.
        quiet = noise <= _QUIET * 2.0**-bits * np.fmax.reduce(rungs.size, axis=0)
        if start >= len(steps) or bool((limit.found & (limit.level < start - _MORE_LEVELS) & quiet).all()):
            break
        more = yield from _measure(line, base, stencil, steps[start:start + _MORE_LEVELS])
        rungs, start = rungs.join(more), start + _MORE_LEVELS
    return limit, noise, rungs.step[limit.level, np.arange(len(base))]


def _measure(line: Line, base: Array, stencil: Stencil, step: Array) -> Scheme[Rungs]:
    step = line.fit(step)
    offsets = stencil.places[None] * step[:, None]  # (levels, places, columns)
    values = yield offsets.reshape(-1, offsets.shape[2])
    values = values.reshape(len(step), len(stencil.weights), len(base))
    total = np.einsum("p,lpm->lm", stencil.weights, values)
    size = np.fmax(np.abs(values).max(axis=1), np.abs(base))
    divisor = step**stencil.order if stencil.places.shape[1] == 1 else step.prod(axis=1, keepdims=True)
    first = step if line.separate else step[:, :1]
    return Rungs(np.broadcast_to(first, total.shape), np.broadcast_to(divisor, total.shape), total, size)


def _limit(rungs: Rungs, stencil: Stencil, bits: int) -> tuple[Limit, Array]:
    real = rungs.size.dtype
    gain = float(np.sqrt((stencil.weights**2).sum()))
    ratio = (rungs.step[:-1] / rungs.step[1:]) ** stencil.order
    samples = np.abs(rungs.total[:-1] - ratio * rungs.total[1:]) / (1 + ratio) / gain
    windows = np.stack([samples[:-2], samples[1:-1], samples[2:]]).max(axis=0)
    quiet = np.where(np.isnan(windows), np.inf, windows).min(axis=0)
    floor = rungs.size * 2.0 ** (1 - bits) + np.finfo(real).tiny
    noise = np.where(np.isfinite(quiet), 2 * quiet, 0)
    blur = (noise + floor) * np.abs(stencil.weights).sum() / np.abs(rungs.divisor)
    return extrapolate(rungs.step, rungs.total / rungs.divisor, blur, stencil.power), noise + floor.min(axis=0)


def _gap(line: Line, base: Array, order: int, noise: Array, step: Array, both: Array) -> Scheme[Limit]:
    """The limit of the forward quotient less the backward one."""
    widest = step if line.separate else step[both].max()[None]
    ladder = widest * 2.0 ** -np.arange(-2, 3)[:, None]
    right = yield from _measure(line, base, sided(order, 1), ladder)
    left = yield from _measure(line, base, sided(order, -1), ladder)
    blur = 2.0 ** (order + 1) * noise / right.divisor
    return extrapolate(right.step, (right.total - left.total) / right.divisor, blur, 1)

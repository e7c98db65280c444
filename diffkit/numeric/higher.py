"""Derivatives of order two and more along a line, and mixed ones in a plane.

``descent.py`` finds the limit of one stencil; here it is decided which stencils are asked, and what
kind of point x is.  Symmetric ones come first; those that look to one side serve where the
other side is missing, or where the scheme says so.  Afterwards quotients on different sides
of x must have one limit, as the gap must vanish for n = 1; where they do not, the derivative
of this order has a kink (x|x| for n = 2, x|y| for the mixed one).
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from diffkit.numeric.adaptive import first_derivative
from diffkit.numeric.descent import descend, measure
from diffkit.numeric.extrapolation import Limit, extrapolate
from diffkit.numeric.lines import Line, Scheme
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
from diffkit.numeric.stencils import CORNERS, Stencil, central, corners, quadrant, sided

#: Which sides a scheme may look at: 0 is both at once.
SIDES = {"auto": (0, 1, -1), "central": (0,), "richardson": (0,), "forward": (1,), "backward": (-1,)}
# Steps for the difference between the sides, in units of the one that the limit leans on.
_BESIDE = 2.0 ** np.arange(2, -3, -1)[:, None]


def nth_derivative(line: Line, base: Array, bits: int, order: int, scheme: str) -> Scheme[Estimate]:
    """The derivative of any order along a line by a scheme of ``SIDES``; arguments as for ``first_derivative``."""
    both = [central(order)] if 0 in SIDES[scheme] else []
    single = [sided(order, side) for side in SIDES[scheme] if side]
    found = yield from _settle(line, base, bits, both, single, [sided(order, 1), sided(order, -1)])
    vague = ~np.isfinite(found.error) | (found.error > np.abs(found.value) / 2)
    if vague.any():
        # Nothing converged, or to next to nothing: the first derivative knows if there is a reason.
        first = yield from first_derivative(line, base, bits, one_sided=scheme not in ("central", "richardson"))
        telling = np.isin(first.status, (KINK, JUMP, VERTICAL, STAIRCASE)) | ~np.isfinite(first.value)
        _lose(found, vague & telling, first.status)
    return found


def mixed_derivative(plane: Line, base: Array, bits: int, scheme: str) -> Scheme[Estimate]:
    """d²f/dx dy in the plane of two entries."""
    ways = {"auto": CORNERS, "forward": ((1, 1),), "backward": ((-1, -1),)}.get(scheme, ())
    both = [corners()] if 0 in SIDES[scheme] else []
    return (yield from _settle(plane, base, bits, both, [quadrant(*way) for way in ways],
                               [quadrant(*way) for way in CORNERS]))


def _settle(line: Line, base: Array, bits: int, both: list[Stencil], single: list[Stencil],
            around: list[Stencil]) -> Scheme[Estimate]:
    """The limit of the first stencil that has one; where it looks to both sides those ``around`` x must agree."""
    answer = Estimate.blank(len(base), base.dtype)
    if not np.isfinite(base).any():
        return answer
    bits = min(bits, line.bits)
    limit, noise, step = Limit.blank(base), np.full(base.shape, np.nan), np.full(base.shape, np.nan)
    status = np.full(len(base), NOISY, STATUS_DTYPE)
    for count, stencil in enumerate((*both, *single)):
        other, rough, fine = yield from descend(line, base, bits, stencil)
        better = other.found & ~limit.found
        status[better] = OK if count < len(both) else ONE_SIDED
        limit = Limit(*(np.where(better, getattr(other, field.name), getattr(limit, field.name))
                        for field in dataclasses.fields(Limit)))
        noise, step = np.where(better, rough, noise), np.where(better, fine, step)
        if limit.found.all():
            break
    error, gap = limit.error, np.zeros(base.shape, base.dtype)
    seen = limit.found & (status == OK)
    if seen.any():
        gap, doubt, kink = yield from _gap(line, base, around, noise, step, seen)
        status[kink] = KINK
        error = error + doubt
    lost = ~np.isfinite(error)
    status[lost & ~np.isfinite(base)] = NONFINITE
    value = np.where(lost, np.nan, limit.value)
    return Estimate(value, np.where(lost, np.inf, error), status, value - gap / 2, value + gap / 2, noise, step)


def _lose(found: Estimate, where: Array, status: Array) -> None:
    """No derivative there, for the reason given."""
    for field in (found.value, found.left, found.right):
        field[where] = np.nan
    found.error[where], found.status[where] = np.inf, status[where]


def _gap(line: Line, base: Array, around: list[Stencil], noise: Array, step: Array, seen: Array
         ) -> Scheme[tuple[Array, Array, Array]]:
    """The largest difference between two sides where it is a kink, what it adds to the claim, and where kinks are."""
    ladder = (step if line.separate else step[seen].max()[None]) * _BESIDE
    if line.plane:
        ladder = ladder * (line.scale / line.scale[0])
    sides = []
    for stencil in around:
        sides.append((yield from measure(line, base, stencil, ladder)))
    share = 0.75 if line.plane else 0.5  # the value is the mean of two sides, or of four corners
    gap, doubt = np.zeros(base.shape, base.dtype), np.zeros(noise.shape)
    kink = np.zeros(base.shape, bool)
    for (one, first), (other, second) in itertools.combinations(zip(sides, around), 2):
        blur = (np.abs(first.weights).sum() + np.abs(second.weights).sum()) * noise / np.abs(one.divisor)
        apart = extrapolate(one.step, one.quotient - other.quotient, blur, 1)
        size = np.abs(apart.value)
        wide = seen & apart.found & (size > apart.error)
        kink |= wide & (size > 4 * apart.error)
        gap = np.where(wide & (size > np.abs(gap)), apart.value, gap)
        doubt = np.where(wide, np.maximum(doubt, share * (size + apart.error)), doubt)
    return np.where(kink, gap, 0), doubt, kink

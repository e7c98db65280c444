"""Where f is flat around x and moves further out: does it leave with a jump, or by a slope?

A staircase (a rounded output, a lookup, a solver that stops) jumps at the end of its stair, and
the height of the jump is a noise that no difference sees through.  A dead relu, a clipped
value, an inactive constraint leave their flat piece continuously: there f is constant
around x, and the derivative is 0 for certain.  Halving the interval between the widest
step that does not move f and the narrowest that does tells them apart: behind a slope the
rise shrinks with the interval, behind a jump it stays.
"""

from __future__ import annotations

import numpy as np

from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.pairs import Pairs
from diffkit.numeric.result import Array
from diffkit.numeric.shapes import Stairs

_HALVINGS = 16
#: A rise this much smaller than the first is a slope's; one that stays within 1 % for so many halvings is a jump's.
_SMALLER, _STAYED = 16.0, 4
#: Outputs that share a line are asked about together, and no more often than this.
_MOST_PROBES = 48


def leaves_by_a_slope(line: Line, pairs: Pairs, todo: Array, stairs: Stairs, floor: Array) -> Scheme[Array]:
    """The columns of ``todo`` that looked like stairs and are flat pieces of something continuous, a mask."""
    work = pairs.select(todo)
    columns = np.arange(len(todo))
    side = np.where(work.plus[stairs.last, columns] != work.base, 1.0, -1.0)
    outer = np.where(stairs.found, work.step[stairs.last, columns], np.nan)
    inner = np.fmax.reduce(np.where(work.step < outer, work.step, np.nan), axis=0)
    first, rise = stairs.quantum, stairs.quantum
    stayed, halved = np.zeros(len(todo), int), np.zeros(len(todo), int)
    sloping = np.zeros(len(todo), bool)
    open_ = stairs.found & np.isfinite(inner)
    for _ in range(_MOST_PROBES):
        if not open_.any():
            break
        middle = (inner + outer) / 2
        offset = np.full(line.columns, np.nan)
        if line.separate:
            offset[todo] = np.where(open_, side * middle, np.nan)
            here = open_
        else:
            chosen = int(np.argmax(open_))
            offset[:] = side[chosen] * middle[chosen]
            here = open_ & (side == side[chosen]) & (inner < middle[chosen]) & (middle[chosen] < outer)
        values = yield offset[None]
        values = values[0, todo] / work.unit - work.base
        size, place = np.abs(values), np.abs(offset[todo] if line.separate else offset[:1])
        moves = here & (size > 0)
        halved += here
        inner = np.where(here & (size == 0), place, inner)
        outer = np.where(moves, place, outer)
        same = np.abs(size - rise) <= 0.01 * rise
        stayed = np.where(moves, np.where(same, stayed + 1, 0), stayed)
        rise = np.where(moves, size, rise)
        sloping |= moves & ((rise < first / _SMALLER) | (rise <= 16 * floor))
        open_ &= ~sloping & (stayed < _STAYED) & (halved < _HALVINGS) & ~(here & np.isnan(size))
    return sloping

"""Kinks that show only where several inputs move together.

The median of eight equal numbers among twelve does not change when one of them moves, so differences and a
referee that move one input at a time say 0.  When all eight move, it moves with them: 0 is no gradient, and
the eighth that the rules give to each is one.  What counts as a derivative at such a point is any mean of the
gradients that f has beside it (Clarke's generalized gradient).  So before a method is called wrong,
f is differentiated at random points beside x that move all disputed inputs, within two radii, by plain differences
(where there are many, by reverse sweeps, each of which differences along two directions must confirm):

- it is a kink when these gradients differ, by as much within the small radius as within the large one (curvature
  would fall with the radius, rounding and jumps would grow), and f's values shrink with the radius;
- a method is right when no direction (all disputed inputs up, one, random signs) separates it from them.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.methods import NUMERIC, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.errors import DiffkitError

_RADII = (1e-4, 1e-6)
#: Steps of differences, in radii: the smaller one where the larger crosses a kink (600 ranks lie close together).
_STEPS = (1e-2, 1e-4)
#: Samples for each disputed input (of many), those of a first glance, and directions of random signs.
_SAMPLES, _FEWER, _GLANCE, _DIRECTIONS = 9, 3, 12, 64
#: Up to so many disputed inputs are differenced one by one; numbers that all gradients of a radius may hold.
_MANY, _LARGEST = 24, 20_000_000
#: Seconds of work that all of it may take (not of waiting for other processes).
_LONGEST = 2.0
_KINKED, _ALIKE, _CLOSE, _ADDS = 1e-3, 4.0, 1e-6, 1e-5


@dataclasses.dataclass
class Ties:
    """Entries at such a kink, the least and the largest slope beside the point, and whom that excuses."""

    found: Array
    low: Array
    high: Array
    excused: dict[str, Array]


@dataclasses.dataclass
class _Around:
    """Gradients (samples, rows, columns) and values (samples, rows) within one radius; ``blur`` is their rounding."""

    gradients: Array
    values: Array
    blur: Array

    def of(self, row: int, columns: Array) -> _Around:
        """One row, and some of the columns, where there was a gradient."""
        gradients = self.gradients[:, row, columns]
        return _Around(gradients[np.isfinite(gradients).all(axis=1)], self.values[:, row], self.blur[row])

    def by(self, columns: Array) -> _Around:
        """Some of the columns of one row."""
        return _Around(self.gradients[:, columns], self.values, self.blur)


def ties(problem: Problem, ran: Sequence[Witness], disputed: Array, wrong: dict[str, Array], seed: int = 0) -> Ties:
    """What moving the disputed entries together shows about those who are accused there.

    ``disputed`` and the masks in ``wrong`` have the shape (rows, columns).  Nothing is excused where it takes too
    long to look.
    """
    shape = disputed.shape
    nothing = Ties(np.zeros(shape, bool), np.full(shape, np.nan), np.full(shape, np.nan), {})
    columns = np.flatnonzero(disputed.any(axis=0))
    count = len(columns)
    if count < 2 or np.iscomplexobj(problem.point) or any(map(np.iscomplexobj, problem.outs)):
        return nothing
    at = problem.raised() if problem.low_precision else problem
    rng = np.random.default_rng(seed)
    end = time.thread_time() + _LONGEST
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            glance = _around(at, columns, _RADII[-1], _GLANCE, rng, end)
            if not any(_clear(glance, int(row)).any() for row in np.flatnonzero(disputed.any(axis=1))):
                return nothing
            samples = (_FEWER if count > _MANY else _SAMPLES) * count
            if samples * shape[0] * count > _LARGEST:
                return nothing
            far, near = (_around(at, columns, radius, samples, rng, end) for radius in _RADII)
        except Exception:  # beside the point f has no values, or it takes too long
            return nothing
        directions = np.concatenate([np.ones((1, count)), np.eye(count),
                                     rng.choice((-1.0, 1.0), (_DIRECTIONS, count))])
        found = Ties(np.zeros(shape, bool), nothing.low.copy(), nothing.high.copy(), {})
        for row in np.flatnonzero(disputed.any(axis=1)):
            kinked = _kinked(far, near, int(row)) & disputed[row, columns]
            if kinked.sum() > 1:
                tied = columns[kinked]
                seen = [one.of(int(row), kinked) for one in (far, near)]
                found.found[row, tied] = True
                found.low[row, tied], found.high[row, tied] = seen[-1].gradients.min(axis=0), \
                    seen[-1].gradients.max(axis=0)
                _excuse(found, problem, ran, wrong, int(row), tied, seen, directions[:, kinked])
    return found


def _around(problem: Problem, columns: Array, radius: float, samples: int, rng: np.random.Generator,
            end: float) -> _Around:
    """Gradients at random points beside x, by each of the columns; TimeoutError at the time ``end``."""
    x = np.asarray(problem.point, float)
    size = float(np.max(np.abs(x[columns]))) or float(np.max(np.abs(x))) or 1.0
    gradients, values = [], []
    begun = time.thread_time()
    for number in range(samples):
        now = time.thread_time()
        # A first sample may be slow by chance: the time that all take is foreseen after a while.
        if now - begun > _LONGEST / 4 and now + (now - begun) / max(number, 1) * (samples - number) > end:
            raise TimeoutError
        if number % len(columns) == 0 or samples == _GLANCE:
            # All up, all down, or as it comes: the least of many rectified numbers moves only if all go up.
            offsets = radius * size * rng.uniform(-1, 1, len(columns))
            turn = (number if samples == _GLANCE else number // len(columns)) % 3
            offsets = offsets if turn == 2 else np.abs(offsets) * (1 - 2 * turn)
        there = x.copy()
        # Turned on by one each time: then every input has been in every place of the order.
        there[columns] += np.roll(offsets, number)
        gradient, here = _gradient(problem, there, columns, radius * size, rng)
        gradients.append(gradient)
        values.append(here)
    found = np.stack(values)
    blur = 8 * 2.3e-16 * np.max(np.abs(found), axis=0) / (_STEPS[0] * radius * size)
    return _Around(np.stack(gradients), found, blur)


def _gradient(problem: Problem, there: Array, columns: Array, radius: float,
              rng: np.random.Generator) -> tuple[Array, Array]:
    """The gradient by the columns, NaN in rows that have a kink within every step, and the value."""
    here, found = _at(problem, there), _swept(problem, there, columns)
    gradient = np.full((problem.rows, len(columns)), np.nan)
    for step in (radius * share for share in _STEPS):
        slopes = _differenced(problem, there, columns, here, step) if found is None else found
        rough = 8 * 2.3e-16 * np.abs(here) / step * len(columns) + _ADDS * np.abs(slopes).sum(axis=1)
        broken = np.zeros(problem.rows, bool)
        for signs in (np.ones(len(columns)), rng.choice((-1.0, 1.0), len(columns))):
            moved, back = there.copy(), there.copy()
            moved[columns] += step * signs
            back[columns] -= step * signs
            along = (_at(problem, moved) - here) / step if found is None else \
                (_at(problem, moved) - _at(problem, back)) / (2 * step)
            # A kink within the step: that is no gradient.
            broken |= ~(np.abs(along - slopes @ signs) <= rough)
        gradient = np.where(broken[:, None], gradient, slopes)
        if not broken.any():
            break
    return gradient, here


def _swept(problem: Problem, there: Array, columns: Array) -> Array | None:
    """The gradient by reverse mode, for many columns; None where differences are cheap, or reverse mode has none."""
    from diffkit.transforms import jacobian

    if len(columns) <= _MANY or problem.astray:
        return None
    args, kwargs = problem.with_leaves(_leaves(problem, there)).fresh()
    try:
        found = problem.matrix(jacobian(problem.f, problem.argnums, method="reverse")(*args, **kwargs))
    except (DiffkitError, RecursionError):
        return None
    return np.asarray(found, float)[:, columns]


def _differenced(problem: Problem, there: Array, columns: Array, here: Array, step: float) -> Array:
    """The gradient by forward differences."""
    slopes = []
    for column in columns:
        moved = there.copy()
        moved[column] += step
        slopes.append((_at(problem, moved) - here) / (moved[column] - there[column]))
    return np.stack(slopes, axis=1)


def _leaves(problem: Problem, point: Array) -> list[Array]:
    leaves, start = [], 0
    for leaf in problem.moving.leaves:
        stop = start + int(np.size(leaf))
        leaves.append(np.reshape(point[start:stop], np.shape(leaf)).astype(leaf.dtype)[()])
        start = stop
    return leaves


def _at(problem: Problem, point: Array) -> Array:
    out = np.reshape(np.asarray(problem.flat_call(_leaves(problem, point)), float), -1)
    if out.shape != (problem.rows,):
        raise ValueError("f has another shape beside the point")
    return out


def _clear(around: _Around, row: int) -> Array:
    """The columns whose slopes differ by more than rounding and a thousandth of the largest."""
    gradients = around.of(row, np.ones(around.gradients.shape[2], bool)).gradients
    if not len(gradients):
        return np.ones(around.gradients.shape[2], bool)
    return np.asarray(np.ptp(gradients, axis=0) > max(_KINKED * float(np.max(np.abs(gradients))),
                                                      8 * float(around.blur[row])))


def _kinked(far: _Around, near: _Around, row: int) -> Array:
    """The columns whose slopes differ as they do at a kink, at every distance alike; none where f jumps."""
    spreads, clear = [], np.ones(near.gradients.shape[2], bool)
    for around in (far, near):
        gradients = around.of(row, clear | True).gradients
        if 2 * len(gradients) < len(around.gradients):
            return np.zeros_like(clear)
        clear &= _clear(around, row)
        spreads.append(np.ptp(gradients, axis=0))
    if not np.ptp(near.values[:, row]) <= 0.1 * np.ptp(far.values[:, row]):
        return np.zeros_like(clear)
    return np.asarray(clear & (spreads[1] < _ALIKE * spreads[0]) & (spreads[0] < _ALIKE * spreads[1]))


def _excuse(ties: Ties, problem: Problem, ran: Sequence[Witness], wrong: dict[str, Array], row: int,
            tied: Array, around: Sequence[_Around], directions: Array) -> None:
    """Note who is among the means of one row's gradients at its tied inputs."""
    partial = next((w for w in ran if w.family == NUMERIC and not w.exact), None)
    for w in ran:
        accused = wrong[w.method][row, tied]
        if not accused.any():
            continue
        value = np.asarray(w.value)[row, tied]
        # Not its measured error: shaken inputs break the tie, and that would allow everything.
        allowed = np.full(value.shape, max(_CLOSE, 64 * problem.epsilon) * np.max(np.abs(value)))
        alone = _among(value, np.eye(len(tied)), around, allowed)
        kept = np.zeros_like(accused)
        if w.claim is not None and not w.exact:
            kept = accused  # differences see one input at a time, and said what they saw
        elif partial is not None and (np.abs(value - np.asarray(partial.value)[row, tied]) <= allowed).all():
            kept = accused  # so does who gives the partial derivatives
        elif _among(value[alone], directions[:, alone], [one.by(alone) for one in around], allowed[alone]).all():
            kept = accused & alone
        mask = ties.excused.setdefault(w.method, np.zeros(ties.found.shape, bool))
        mask[row, tied[kept]] = True


def _among(value: Array, directions: Array, around: Sequence[_Around], allowed: Array) -> Array:
    """For each direction, whether the slope that ``value`` gives is among those beside the point."""
    inside = np.ones(len(directions), bool)
    said = directions @ value
    for one in around:
        slopes = one.gradients @ directions.T
        room = np.abs(directions) @ allowed + np.abs(directions).sum(axis=1) * one.blur \
            + _CLOSE * np.abs(slopes).max(axis=0, initial=0.0)
        inside &= (said >= slopes.min(axis=0) - room) & (said <= slopes.max(axis=0) + room)
    return inside

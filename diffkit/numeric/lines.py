"""Lines through x, and the loop that carries an algorithm along them.

A scheme never calls f.  It is a generator that asks for displacements along its line and
is answered with values, so one scheme runs point by point, in batches or in parallel
without knowing it; ``run`` is the only loop.  A line moves one entry of x, or several
at once: all by one number times a weight (a direction), or each by its own (elementwise).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from typing import TypeVar

import numpy as np

from diffkit.numeric.evaluation import Evaluator
from diffkit.numeric.inputs import Entries, fit, fit_multiples
from diffkit.numeric.result import Array

Answer = TypeVar("Answer")
Scheme = Generator[Array, Array, Answer]

# Rows of x held in memory at once when lines advance together, times entries of x.
_LOCKSTEP_NUMBERS = 2**21


@dataclasses.dataclass(frozen=True)
class Line:
    """Where displacements go: column c of an offset moves entry ``active[c]`` by ``weights[c]`` times it.

    ``columns`` is 1 when all active entries share one offset, else ``len(active)``;
    ``separate`` says that output c depends on the active entry c alone.
    ``scale`` (columns,) is the natural unit of an offset, ``reach`` the widest one worth
    trying first, ``low`` and ``high`` (columns,) how far bounds let it go; with ``side`` 1 or -1
    negative or positive offsets are out of bounds.
    """

    entries: Entries
    active: Array
    weights: Array
    columns: int
    scale: Array
    reach: Array
    bottom: Array
    low: Array
    high: Array
    bits: int
    separate: bool = False
    side: int = 0

    def towards(self, side: int) -> Line:
        """The half of the line on one side of x (1 or -1); all of it for 0."""
        if not side:
            return self
        zero = np.zeros_like(self.low)
        low, high = (zero, self.high) if side > 0 else (self.low, zero)
        return dataclasses.replace(self, side=side, low=low, high=high)

    @property
    def plane(self) -> bool:
        """Whether two entries move, each by its own offset, for one mixed derivative."""
        return self.columns > 1 and not self.separate

    def fit(self, step: Array, places: Array | None = None) -> Array:
        """Positive steps (k, columns) on the grid of x; NaN below its resolution.

        So that x ± step are exact, or x + places * step for a stencil's ``places`` (p, axes).
        """
        if self.columns == len(self.active) and bool(np.all(self.weights == 1)):
            values, bits = self.entries.values[self.active], self.entries.bits[self.active]
            step = fit(step, values, bits) if places is None else fit_multiples(
                step, values, bits, np.abs(places).max(axis=0), bool((places % 1).any()))
        return np.where(step > 0, step, np.nan)

    def points(self, offsets: Array) -> tuple[Array, Array]:
        """Points (k, n) and which offsets (k, columns) stay within the bounds."""
        points = np.repeat(self.entries.values[None], len(offsets), axis=0)
        moved = points[:, self.active] + offsets * self.weights
        inside = (self.entries.low[self.active] <= moved) & (moved <= self.entries.high[self.active])
        if self.side:
            inside &= offsets * self.side >= 0
        if not self.separate:
            inside = inside.all(axis=1)[:, None]
        points[:, self.active] = np.where(inside, moved, points[:, self.active])
        return points, inside


def coordinate(entries: Entries, *index: int) -> Line:
    """The line that moves one entry, or the plane of two."""
    return _line(entries, np.array(index, int))


def elementwise(entries: Entries) -> Line:
    """All entries at once, each by its own offset: n independent lines for one evaluation."""
    return _line(entries, np.arange(entries.values.size), separate=True)


def _line(entries: Entries, active: Array, separate: bool = False) -> Line:
    x = entries.values[active]
    size = np.abs(x)
    scale = np.where(np.isfinite(size), np.where(size == 0, 1, size), np.nan)
    with np.errstate(all="ignore"):  # infinite entries have no line, the tiniest no finer step
        low, high = entries.low[active] - x, entries.high[active] - x
        bottom = scale * _finest(size, entries.bits[active])
    return Line(entries, active, np.ones(len(active)), len(active), scale, np.maximum(size, 1), bottom, low, high,
                int(entries.bits[active].min(initial=64)), separate)


def _finest(size: Array, bits: Array) -> Array:
    """The finest step in units of the scale: 2^-44 |x| in double; at x = 0 nothing says what is small."""
    return np.asarray(2.0 ** (-bits * np.where(size > 0, 0.83, 1)))


def direction(entries: Entries, v: Array) -> Line:
    """The line x + t v; v has shape (n,) and is not zero."""
    active = np.flatnonzero(v)
    weights, x = v[active], entries.values[active]
    largest, size = np.abs(weights).max(), np.abs(x).max()
    ends = np.stack([(entries.low[active] - x) / weights, (entries.high[active] - x) / weights])
    bits = int(entries.bits[active].min())
    scale = np.array([size if size > 0 else 1], x.dtype) / largest
    return Line(entries, active, weights, 1, scale, np.array([max(size, 1)], x.dtype) / largest,
                scale * _finest(size, np.array(bits)), ends.min(axis=0).max()[None], ends.max(axis=0).min()[None],
                bits)


def run(tasks: Sequence[tuple[Line, Scheme[Answer]]], evaluator: Evaluator) -> list[Answer]:
    """Carry every scheme to its end; together where a batch is cheaper, else one by one."""
    width = 1
    if evaluator.batched and tasks:
        width = max(1, _LOCKSTEP_NUMBERS // (32 * max(1, tasks[0][0].entries.values.size)))
    answers: list[Answer] = []
    with np.errstate(all="ignore"):  # NaN and infinity are how a scheme knows where f has no values
        for start in range(0, len(tasks), width):
            answers += _together(tasks[start:start + width], evaluator)
    return answers


def _together(tasks: Sequence[tuple[Line, Scheme[Answer]]], evaluator: Evaluator) -> list[Answer]:
    answers: dict[int, Answer] = {}
    requests: dict[int, Array] = {}

    def advance(index: int, values: Array | None) -> None:
        scheme = tasks[index][1]
        try:
            requests[index] = next(scheme) if values is None else scheme.send(values)
        except StopIteration as stop:
            answers[index] = stop.value

    for index in range(len(tasks)):
        advance(index, None)
    while requests:
        pending, requests_now = list(requests), dict(requests)
        requests.clear()
        located = [tasks[index][0].points(requests_now[index]) for index in pending]
        values = evaluator(np.concatenate([points for points, _ in located]),
                           np.concatenate([inside.any(axis=1) for _, inside in located]))
        start = 0
        for index, (_, inside) in zip(pending, located):
            part = values[start:start + len(inside)]
            start += len(inside)
            advance(index, np.where(inside, part, np.nan))
    return [answers[index] for index in range(len(tasks))]

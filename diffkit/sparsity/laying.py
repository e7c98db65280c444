"""How the entries that sweeps find are laid into the data of a sparse matrix.

What comes in are *pieces*, arrays of any shapes, and for entries of them (all pieces laid end to
end) the place of the data to which they are added.  The index work is done once; then

    side by side   the pieces are columns of a table whose rows are the data (each observation has as
                   many entries as any other): one concatenation, which machine code writes
                   while it computes
    taken          every place gets one entry: one index
    added          places get several entries or none: one index and one scatter
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.rules.indexing import GETITEM, SCATTER
from diffkit.rules.shapes import RESHAPE, TRANSPOSE
from diffkit.sparsity.rows import fixed

Shape = tuple[int, ...]
#: The rows of a table, and which pieces stand in it from left to right, with their axes in which order.
Table = tuple[int, list[tuple[int, list[int]]]]


class Laying:
    """From pieces of these shapes to ``count`` numbers: entry ``sources[i]`` is added to ``places[i]``.

    >>> put = Laying([(3,), (3, 1)], np.arange(6), np.array([0, 2, 4, 1, 3, 5]), 6)
    >>> put([np.array([1.0, 2.0, 3.0]), np.array([[10.0], [20.0], [30.0]])]).tolist()
    [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]
    """

    def __init__(self, shapes: Sequence[Shape], sources: Any, places: Any, count: int) -> None:
        self.count = count
        self.table: Table | None = None
        self.sources, self.places = sources, places
        if sources.size == count and bool((np.bincount(places, minlength=count) == 1).all()):
            if sum(map(math.prod, shapes)) == count:
                to = np.empty(count, np.intp)
                to[sources] = places
                self.table = _side_by_side(shapes, to)
            self.sources = np.empty(count, np.intp)
            self.sources[places] = sources
            self.places = None
        self.sources = fixed(self.sources)
        self.places = None if self.places is None else fixed(self.places)

    def __call__(self, pieces: Sequence[Any]) -> Any:
        if self.table is not None:
            rows, columns = self.table
            parts = [RESHAPE(pieces[i] if order == sorted(order) else TRANSPOSE(pieces[i], axes=tuple(order)),
                             shape=(rows, math.prod(pieces[i].shape) // rows)) for i, order in columns]
            return RESHAPE(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1), shape=(-1,))
        flat = [RESHAPE(piece, shape=(-1,)) for piece in pieces]
        entries = GETITEM(flat[0] if len(flat) == 1 else np.concatenate(flat), index=self.sources)
        return entries if self.places is None else SCATTER(entries, index=self.places, shape=(self.count,))


def _side_by_side(shapes: Sequence[Shape], to: Any) -> Table | None:
    """The pieces as columns of a table that is the data row by row, or None; ``to`` is each entry's place."""
    found = []
    first = 0
    for number, shape in enumerate(shapes):
        size = math.prod(shape)
        lattice = _lattice(to[first:first + size].reshape(shape)) if size else None
        if lattice is None:
            return None
        found.append((*lattice, number))
        first += size
    widths = {width for _, width, _, _, _ in found}
    if len(widths) != 1:
        return None
    width = widths.pop() or to.size
    if to.size % width:
        return None
    left = 0
    for base, _, wide, _, _ in sorted(found):
        if base != left:
            return None
        left += wide
    return None if left != width else (to.size // width, [(number, order) for *_, order, number in sorted(found)])


def _lattice(places: Any) -> tuple[int, int, int, list[int]] | None:
    """Places that are runs of the length w, each W behind the one before: the first place, W (0: one run), w.

    Last the order of axes in which the places ascend.
    """
    base = int(places.flat[0])
    steps = [int(np.take(places, 1, axis).flat[0]) - base if length > 1 else 0
             for axis, length in enumerate(places.shape)]
    ruler: Any = base
    for axis, (step, length) in enumerate(zip(steps, places.shape)):
        ruler = ruler + (step * np.arange(length)).reshape((length,) + (1,) * (places.ndim - axis - 1))
    if min(steps, default=0) < 0 or not np.array_equal(ruler, places):
        return None
    order = sorted(range(places.ndim), key=lambda axis: (places.shape[axis] > 1, -steps[axis]))
    run, width, expected = 1, 0, 1
    for axis in reversed(order):
        if places.shape[axis] == 1:
            continue
        if steps[axis] != expected:
            if width or steps[axis] < expected:
                return None
            width = expected = steps[axis]
        expected *= places.shape[axis]
        if not width:
            run = expected
    return base, width, run, order

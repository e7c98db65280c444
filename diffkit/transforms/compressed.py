"""The entries of a sparse matrix by whole sweeps: each colour is one direction through the whole program.

A direction is the sum of the unit vectors of one colour, all of them one batched sweep; its
image is a line of the *compressed matrix*, and each entry stands there at a place known
beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Moving
from diffkit.rules.indexing import GETITEM
from diffkit.rules.shapes import RESHAPE
from diffkit.rules.writing import SETITEM
from diffkit.sparsity import Rows, TooDenseError, colour_columns, colour_symmetric, fixed, pattern_of
from diffkit.sparsity.colouring import readable
from diffkit.transforms.directions import along
from diffkit.transforms.products import Linearized, push
from diffkit.transforms.running import Function, zero_of

#: Jacobians with fewer rows are not worth a pattern.
_WORTH = 8


class WholeSweeps:
    """Pushes of the columns' colours, or pulls of the rows'; ``entries`` gives the pattern's entries, row by row."""

    def __init__(self, pattern: Rows, symmetric: bool, method: str, leaf_shapes: Sequence[tuple[int, ...]],
                 out_shapes: Sequence[tuple[int, ...]]) -> None:
        self.leaf_shapes, self.out_shapes = leaf_shapes, out_shapes
        self.shape = pattern.count, pattern.width
        self.symmetric = symmetric
        if symmetric:
            self.colours, self.by_rows = colour_symmetric(pattern, sizes_of(leaf_shapes)), False
        else:
            self._colour(pattern, method)
        self.count = int(self.colours.max(initial=-1)) + 1 if pattern.size else 0
        self.colours, self.places = fixed(self.colours), fixed(self._places(pattern, symmetric))

    def _colour(self, pattern: Rows, method: str) -> None:
        """The fewer of the columns' and the rows' colours, or those that ``method`` asks for."""
        columns = rows = None
        if method != "reverse":
            columns = colour_columns(pattern, sizes_of(self.leaf_shapes))
        other = pattern.transposed()
        fewest = int(other.lengths.max(initial=0))  # rows take at least as many colours
        if method != "forward" and (columns is None or fewest <= columns.max(initial=-1)):
            rows = colour_columns(other, sizes_of(self.out_shapes))
        self.by_rows = rows is not None and (columns is None or rows.max(initial=0) < columns.max(initial=0))
        self.colours = rows if self.by_rows else columns

    def _places(self, pattern: Rows, symmetric: bool) -> Any:
        """Where each entry stands in the compressed matrix, of one line for each colour, laid end to end."""
        rows, columns = pattern.numbers, pattern.indices
        if self.by_rows:
            line, entry = self.colours[rows], columns
        else:
            line, entry = self.colours[columns], rows
            if symmetric:
                other = ~readable(pattern, self.colours)
                line = np.where(other, self.colours[rows], line)
                entry = np.where(other, columns, entry)
        return line * self.shape[1 if self.by_rows else 0] + entry

    def _directions(self, dtype: Any, extra: Any = None) -> Any:
        """One line for each colour: ones at its columns (or rows)."""
        size = len(self.colours)
        found = np.zeros((self.count + (extra is not None), size), dtype)
        found[self.colours, np.arange(size)] = 1
        if extra is not None:
            found[-1] = extra
        return found

    def lines(self, f: Function, moving: Moving, kwargs: dict[str, Any], run: Linearized | None,
              extra: Any = None) -> Any:
        """The compressed matrix, and the image of one more direction.

        With a ``run`` those of a symmetric matrix are pulled: its columns are its rows.
        """
        if self.by_rows or (self.symmetric and run is not None):
            pulled = run or Linearized(f, moving, kwargs)
            dtypes = [zero_of(out).dtype for out in pulled.outs]

            def linear(direction: Any) -> list[Any]:
                parts = cut(direction, self.out_shapes, dtypes)
                seeds = [(node, part) for node, part in zip(pulled.marks, parts) if node is not None]
                return [laid(pulled.pull_seeds(seeds, structural=True))]
        else:
            dtypes = [leaf.dtype for leaf in moving.leaves]

            def linear(direction: Any) -> list[Any]:
                tangents = cut(direction, self.leaf_shapes, dtypes)
                _, moves = push(f, moving, moving.leaves, tangents, kwargs, structural=True)
                return [laid(tree.flatten(moves)[0])]
        return along(linear, self._directions(np.result_type(*dtypes), extra), few=2)[0]

    def read_off(self, lines: Any) -> Any:
        """The entries from the compressed matrix."""
        return GETITEM(laid([lines]), index=self.places)

    def entries(self, f: Function, moving: Moving, kwargs: dict[str, Any], run: Linearized | None = None) -> Any:
        """The entries at a point."""
        return self.read_off(self.lines(f, moving, kwargs, run))

    def checked(self, f: Function, moving: Moving, kwargs: dict[str, Any], extra: Callable[[int], Any]) -> Any:
        """The entries, one more direction, its image, and whether that is a pull."""
        direction = extra(len(self.colours))
        lines = self.lines(f, moving, kwargs, None, direction)
        return self.read_off(lines), direction, lines[-1], self.by_rows


def dense_by_colours(run: Linearized, moving: Moving) -> list[list[Any]] | None:
    """The blocks of a run's Jacobian by as many pulls as it has colours, or None where that spares little.

    Reading the pattern costs more than most sweeps, so this is for programs that are
    recorded once and run often.
    """
    outs = [zero_of(out) for out in run.outs]
    total = sum(out.size for out in outs)
    if total < _WORTH or any(value.dtype.kind == "c" for value in [*moving.leaves, *outs]):
        return None
    leaf_shapes, out_shapes = [tuple(leaf.shape) for leaf in moving.leaves], [out.shape for out in outs]
    try:
        pattern = pattern_of(run.nodes, run.wanted, run.marks, out_shapes)
    except TooDenseError:
        return None
    found = WholeSweeps(pattern, False, "reverse", leaf_shapes, out_shapes)
    if found.count * 3 > total:
        return None
    values = found.entries(run.pull, moving, {}, run) if found.count else np.zeros(0)
    rows, columns = pattern.numbers, pattern.indices
    blocks = []
    first = 0
    for out in outs:
        row = []
        left = 0
        for leaf in moving.leaves:
            inside = (rows >= first) & (rows < first + out.size) & (columns >= left) & (columns < left + leaf.size)
            place = (rows[inside] - first) * leaf.size + columns[inside] - left  # an index is faster than a pair
            entries = values if inside.all() else GETITEM(values, index=np.flatnonzero(inside))
            block = SETITEM(np.zeros(out.size * leaf.size, leaf.dtype), entries, index=fixed(place))
            row.append(RESHAPE(block, shape=out.shape + tuple(leaf.shape)))
            left += leaf.size
        blocks.append(row)
        first += out.size
    return blocks


def sizes_of(shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """The number of entries of each shape."""
    return [math.prod(shape) for shape in shapes]


def cut(direction: Any, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any]) -> list[Any]:
    """A direction as arrays of these shapes."""
    parts = []
    first = 0
    for shape, dtype in zip(shapes, dtypes):
        size = math.prod(shape)
        part = RESHAPE(GETITEM(direction, index=slice(first, first + size)), shape=shape)
        parts.append(part if part.dtype == dtype else part.astype(dtype))
        first += size
    return parts


def laid(values: Sequence[Any]) -> Any:
    """Arrays laid end to end."""
    if len(values) == 1:
        return RESHAPE(values[0], shape=(-1,))
    return np.concatenate([RESHAPE(value, shape=(-1,)) for value in values])

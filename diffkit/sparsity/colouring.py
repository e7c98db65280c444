"""Colourings: which columns of a Jacobian one sweep can carry together.

Columns that no row has in common get one colour; the product of the matrix with the sum of
their unit vectors shows every one of their entries.  As few colours as possible are
wanted, and at least as many as the fullest row has entries.

Two ways are tried.  Counting round: column j of a block gets the colour j modulo k, with the
smallest k that keeps the block's columns apart in every row.  That is exact for bands, and
for arrays of small structures, and costs a few array operations.  Else greedily, the
fullest column first, each getting the first colour that its rows have not seen; the colours
of a row are the bits of a whole number, so the work is one step for each entry.

A symmetric matrix shows each entry twice, so it is enough that one of the two can be read
off.  A few full rows (of parameters that everything depends on) get a colour each, which
shows them whole; the others then need not avoid each other there.
Source: Gebremedhin, Manne and Pothen, What color is your Jacobian?, SIAM Review 47 (2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.sparsity.rows import Rows


def colour_columns(pattern: Rows, blocks: Sequence[int] = ()) -> Any:
    """A colour for each column, 0, 1, 2, …; columns of one colour have no row in common.

    ``blocks`` are the sizes of the arrays that the columns come from, in order.  An empty
    column has the colour 0.

    >>> from diffkit.sparsity.rows import Rows
    >>> band = Rows.from_keys(np.array([0, 1, 5, 6, 10, 11, 15]), 4, 4)
    >>> colour_columns(band).tolist()
    [0, 1, 0, 1]
    """
    if not pattern.size:
        return np.zeros(pattern.width, np.intp)
    fullest = int(pattern.lengths.max())
    if fullest == 1:
        return np.zeros(pattern.width, np.intp)
    counted = _counting_round(pattern, blocks or (pattern.width,))
    if counted is not None and counted.max() + 1 <= fullest * 1.25:
        return counted
    greedy = _greedy(pattern)
    return greedy if counted is None or greedy.max() < counted.max() else counted


def _counting_round(pattern: Rows, blocks: Sequence[int]) -> Any:
    """Colours j modulo k within each block, or None where that takes many."""
    numbers = pattern.numbers
    colours = np.zeros(pattern.width, np.intp)
    first = used = 0
    for size in blocks:
        inside = (pattern.indices >= first) & (pattern.indices < first + size)
        rows, columns = numbers[inside], pattern.indices[inside] - first
        if columns.size:
            fullest = int(np.bincount(rows).max())
            for k in range(fullest, fullest + min(fullest, 8) + 1):
                keys = np.sort(rows * k + columns % k)
                if not (keys[1:] == keys[:-1]).any():
                    break
            else:
                return None
            colours[first:first + size] = used + np.arange(size) % k
            used += k
        first += size
    return colours


def _greedy(pattern: Rows) -> Any:
    """One column after the other, the fullest first, the first colour that is free in all its rows."""
    columns = pattern.transposed()
    seen = [0] * pattern.count
    colours = [0] * pattern.width
    lists = columns.to_lists()
    for column in np.argsort(-columns.lengths, kind="stable").tolist():
        taken = 0
        for row in lists[column]:
            taken |= seen[row]
        free = ~taken & (taken + 1)
        for row in lists[column]:
            seen[row] |= free
        colours[column] = free.bit_length() - 1
    return np.array(colours, np.intp)


def colour_symmetric(pattern: Rows, blocks: Sequence[int] = ()) -> Any:
    """A colour for each row and column of a symmetric matrix, so that every entry can be read off.

    Entry (i, j) is read in column j's colour where row i has no other column of it, and as
    entry (j, i) otherwise; one of the two always can (``readable``).
    """
    lengths = pattern.lengths
    order = np.argsort(-lengths, kind="stable")
    hubs = order[:int(np.argmin(np.arange(lengths.size) + lengths[order]))] if lengths.size else order
    if not hubs.size:
        return colour_columns(pattern, blocks)
    is_hub = np.zeros(pattern.width, bool)
    is_hub[hubs] = True
    numbers = pattern.numbers
    rest = ~(is_hub[numbers] | is_hub[pattern.indices])
    without = Rows.from_keys(numbers[rest] * pattern.width + pattern.indices[rest], pattern.count, pattern.width)
    colours = colour_columns(without, blocks) + len(hubs)
    colours[hubs] = np.arange(len(hubs))
    return colours


def readable(pattern: Rows, colours: Any) -> Any:
    """For each entry of the pattern, whether its row has no other column of the same colour."""
    keys = pattern.numbers * (int(colours.max(initial=0)) + 1) + colours[pattern.indices]
    return np.bincount(keys)[keys] == 1 if keys.size else np.zeros(0, bool)

"""Patterns: for each entry of an array the sorted set of the columns it depends on.

They are kept as compressed rows, two whole-number arrays: row i is
``indices[starts[i]:starts[i + 1]]``.  All operations are a few array operations on them, so
that a pattern of 10^5 rows costs milliseconds.  Rows are never changed: two values that
depend on the same columns share one object, and their union is itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def fixed(array: Any) -> Any:
    """The array, or a copy of a view, so that nobody can write to it: compiled programs then need not compare it."""
    array = array if array.base is None else array.copy()
    array.flags.writeable = False
    return array


class Rows:
    """Sets of columns below ``width``, one for each row."""

    __slots__ = ("indices", "starts", "width")

    def __init__(self, starts: Any, indices: Any, width: int) -> None:
        self.starts = starts
        self.indices = indices
        self.width = width

    @classmethod
    def single(cls, first: int, count: int, width: int) -> Rows:
        """Row i holds the column ``first + i`` alone.

        >>> Rows.single(2, 3, 6).to_lists()
        [[2], [3], [4]]
        """
        return cls(np.arange(count + 1), np.arange(first, first + count), width)

    @classmethod
    def empty(cls, count: int, width: int) -> Rows:
        """Rows that hold nothing."""
        return cls(np.zeros(count + 1, np.intp), np.zeros(0, np.intp), width)

    @classmethod
    def from_keys(cls, keys: Any, count: int, width: int) -> Rows:
        """From ``row * width + column``, in any order, repeated or not."""
        keys = np.sort(keys, kind="stable")  # merges runs that are sorted already
        if keys.size:
            keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
        numbers, indices = np.divmod(keys, max(width, 1))
        return cls(np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=count))]), indices, width)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.starts) - 1

    @property
    def size(self) -> int:
        """The number of columns named in all rows together."""
        return int(self.starts[-1])

    @property
    def lengths(self) -> Any:
        """How many columns each row holds."""
        return np.diff(self.starts)

    @property
    def numbers(self) -> Any:
        """The row of each entry of ``indices``."""
        return np.repeat(np.arange(self.count), self.lengths)

    def to_lists(self) -> list[list[int]]:
        """The columns of each row."""
        return [self.indices[a:b].tolist() for a, b in zip(self.starts[:-1], self.starts[1:])]

    def take(self, places: Any) -> Rows:
        """Row ``places[i]`` as row i; a negative place is a row that holds nothing."""
        if places.size == self.count and np.array_equal(places, np.arange(self.count)):
            return self
        lengths = np.where(places >= 0, self.lengths[places], 0) if self.count else np.zeros(places.size, np.intp)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        if not starts[-1]:
            return Rows(starts, np.zeros(0, np.intp), self.width)
        offsets = np.repeat(self.starts[places] - starts[:-1], lengths) + np.arange(starts[-1])
        return Rows(starts, self.indices[offsets], self.width)

    def merged(self, groups: Any, count: int) -> Rows:
        """Row g is the union of the rows i with ``groups[i] == g``.

        >>> Rows.single(0, 4, 4).merged(np.array([0, 1, 0, 1]), 2).to_lists()
        [[0, 2], [1, 3]]
        """
        if groups.size == self.count == count and np.array_equal(groups, np.arange(count)):
            return self
        return Rows.from_keys(np.repeat(groups, self.lengths) * self.width + self.indices, count, self.width)

    def union(self, other: Rows) -> Rows:
        """Row by row."""
        if other is self or not other.size:
            return self
        if not self.size:
            return other
        keys = np.concatenate([part.numbers * self.width + part.indices for part in (self, other)])
        return Rows.from_keys(keys, self.count, self.width)

    def transposed(self) -> Rows:
        """For each column the rows that hold it."""
        order = np.argsort(self.indices, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.indices, minlength=self.width))])
        return Rows(starts, self.numbers[order], self.count)

"""Which rows a step sees.

Two ways of drawing are in the literature, and both are here: a random *partition* of the
rows, so that an epoch sees each of them once (the default), and independent draws *with
replacement*.  The numbers come from the generator that is handed in; one permutation is
drawn an epoch, so a generator in the same state gives the same minibatches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit import tree
from diffkit.train.faults import TrainingError, check_count

__all__ = ["Rows", "minibatches"]


def minibatches(n: int, batch_size: int, rng: np.random.Generator | int, shuffle: bool = True,
                drop_last: bool = False, replace: bool = False) -> Iterator[NDArray[np.intp]]:
    """The row numbers of each minibatch of one epoch.

    Parameters
    ----------
    n, batch_size : numbers of rows; there are ⌈n/batch_size⌉ minibatches, the last one may be short.
    rng : a Generator, which is advanced, or a seed (the same epoch at every call).
    shuffle : permute the rows first (one ``rng.permutation(n)``).
    drop_last : leave a short last minibatch out.
    replace : draw each minibatch independently, all n rows equally likely (Robbins & Monro).

    Yields integer arrays.  Raises TrainingError for no rows, for a batch_size below 1, and when
    ``drop_last`` leaves nothing.

    >>> [rows.tolist() for rows in minibatches(5, 2, rng=0, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    """
    n, batch_size = check_count("n", n, 1), check_count("batch_size", batch_size, 1)
    if drop_last and batch_size > n:
        raise TrainingError(f"drop_last=True leaves nothing: batch_size={batch_size}, {n} rows",
                            f"batch_size of at most {n}, or drop_last=False")
    return _slices(n, batch_size, np.random.default_rng(rng), shuffle, drop_last, replace)


def _slices(n: int, batch_size: int, rng: np.random.Generator, shuffle: bool, drop_last: bool,
            replace: bool) -> Iterator[NDArray[np.intp]]:
    if replace:
        order: Any = rng.integers(n, size=n)
    else:
        order = rng.permutation(n) if shuffle else np.arange(n)
    for start in range(0, n - batch_size + 1 if drop_last else n, batch_size):
        yield order[start:start + batch_size]


class Rows:
    """Data as a loss takes it: arrays of equally many rows, cut by row numbers.

    ``data`` is a tuple (or list) of the loss's arguments after ``params``, each an array or a
    container of arrays; a single array is one argument; None is a loss of the parameters alone.
    """

    def __init__(self, data: Any, name: str = "data") -> None:
        arguments = data if isinstance(data, (tuple, list)) else () if data is None else (data,)
        self.leaves, self._structure = tree.flatten(tuple(arguments))
        self._plain = all(type(leaf) is np.ndarray for leaf in arguments)
        names = tree.paths(data, name)
        if data is not None and not self.leaves:
            raise TrainingError(f"{name} is empty", f"{name}=(x, y), arrays with one row an example",
                                f"{name}=None is a loss of the parameters alone")
        for path, leaf in zip(names, self.leaves):
            if not hasattr(leaf, "shape") or len(leaf.shape) == 0:
                raise TrainingError(f"{path} is {leaf!r}, not an array with rows",
                                    f"{name}=(x, y), NumPy arrays with one row an example")
            if leaf.shape[0] != self.leaves[0].shape[0]:
                raise TrainingError(f"{path} has {leaf.shape[0]} rows, {names[0]} {self.leaves[0].shape[0]}",
                                    "one row an example in every array", "an array transposed")
        self.names = names
        self.count: int = self.leaves[0].shape[0] if self.leaves else 1
        if self.count == 0:
            raise TrainingError(f"{names[0]} has no rows: its shape is {self.leaves[0].shape}", "at least one row")

    def all(self) -> tuple[Any, ...]:
        """The loss's arguments with every row."""
        whole: tuple[Any, ...] = tree.unflatten(self._structure, self.leaves)
        return whole

    def take(self, rows: NDArray[np.intp]) -> tuple[Any, ...]:
        """The loss's arguments with some of the rows (copies)."""
        if self._plain:
            return tuple([leaf.take(rows, 0) for leaf in self.leaves])
        some: tuple[Any, ...] = tree.unflatten(self._structure, [leaf[rows] for leaf in self.leaves])
        return some

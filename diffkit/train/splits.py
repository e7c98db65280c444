"""Cut data into parts for training, validation and test.

With ``stratify`` every part gets its share of each class.  The trick: shuffle each class,
spread its rows evenly over [0, 1) (the i-th of m at (i + u)/m with one random u a class),
sort all rows by that number, and cut.  Part sizes are as asked for, and the count of a class
in a part is within one of its share for each end of the part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit.train.faults import TrainingError
from diffkit.train.minibatches import Rows

__all__ = ["split"]


def split(*arrays: Any, shares: Sequence[float] = (0.75, 0.25), seed: np.random.Generator | int = 0,
          stratify: Any = None) -> tuple[tuple[Any, ...], ...]:
    """Random parts of the rows of arrays, each row in one part.

    Parameters
    ----------
    arrays : arrays with equally many rows.
    shares : the parts' shares, which add up to 1: ``(0.6, 0.2, 0.2)`` for training, validation, test.
    seed : a seed or a Generator.
    stratify : labels, one a row, whose shares are kept in every part.

    Returns one tuple of arrays for each share.  Raises TrainingError for arrays that do not fit,
    shares that do not add up to 1, or a part that would be empty.

    >>> x, y = np.arange(8), np.repeat([0, 1], 4)
    >>> (x_train, y_train), (x_test, y_test) = split(x, y, stratify=y)
    >>> len(x_train), sorted(y_test.tolist())
    (6, [0, 1])
    """
    rows = Rows(tuple(np.asarray(array) for array in arrays), "arrays")
    if not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise TrainingError(f"split: shares={tuple(shares)}", "positive shares that add up to 1: (0.75, 0.25)")
    ends = np.rint(np.cumsum(shares) * rows.count).astype(int)
    sizes = np.diff(ends, prepend=0)
    if (sizes == 0).any():
        raise TrainingError(f"split: {rows.count} rows give parts of {sizes.tolist()} rows",
                            "more rows, or fewer parts")
    order = _order(rows.count, stratify, np.random.default_rng(seed))
    return tuple(rows.take(part) for part in np.split(order, ends[:-1]))


def _order(count: int, labels: Any, rng: np.random.Generator) -> NDArray[np.intp]:
    shuffled = rng.permutation(count)
    if labels is None:
        return shuffled
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise TrainingError(f"split: stratify has shape {labels.shape}", f"one label a row: ({count},)")
    classes, numbers = np.unique(labels, return_inverse=True)
    place = np.empty(count)
    for number in range(len(classes)):
        members = shuffled[numbers[shuffled] == number]
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    order: NDArray[np.intp] = np.argsort(place, kind="stable")
    return order

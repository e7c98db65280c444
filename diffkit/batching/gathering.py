"""``x[index]`` with an index that differs between the examples: a label, an argmax, an order.

Whole numbers name the same count of entries in every example, so the result has one shape.
They are gathered along one axis after the other by ``np.take_along_axis``, whose index is
an operand like any other: that batches, records and has derivatives.  A truth mask selects
another count in each example; what holds one is left to the caller.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit import traced
from diffkit.rules.indexing import TAKE_ALONG
from diffkit.rules.kinds import FUNCTIONS
from diffkit.traced import Traced, layout


def gather(x: Any, index: Any) -> Any:
    """``x[index]``, or NotImplemented where no part of the index differs between examples, or one is a mask."""
    items = index if type(index) is tuple else (index,)
    if not any(map(_is_batched, items)):
        return NotImplemented
    models = [np.asarray(layout(item)) if _is_array(item) else item for item in items]
    if any(isinstance(model, np.ndarray) and model.dtype.kind not in "iu" for model in models):
        return NotImplemented
    # A full slice in place of each array: x's own axes, with the others sliced.
    x = x[tuple(slice(None) if _is_array(item) else item for item in _spelled_out(items, len(x.shape)))]
    arrays = [(axis, item) for axis, item in enumerate(_axes(items, len(x.shape))) if item is not None]
    axes = [axis for axis, _ in arrays]
    shape = np.broadcast_shapes(*(np.shape(layout(item)) for _, item in arrays))
    rest = [axis for axis in range(len(x.shape)) if axis not in axes]
    kept = tuple(x.shape[axis] for axis in rest)
    count = math.prod(shape)
    y = FUNCTIONS[np.transpose](x, (*axes, *rest))
    for number, (_, item) in enumerate(arrays):
        flat = np.reshape(np.broadcast_to(item, shape), (count, 1))
        if number == 0:
            y = TAKE_ALONG(np.reshape(y, (y.shape[0], -1)), flat, axis=0)
        else:
            y = TAKE_ALONG(np.reshape(y, (count, x.shape[axes[number]], -1)), flat[:, :, None], axis=1)
    y = np.reshape(y, shape + kept)
    if axes == list(range(axes[0], axes[0] + len(axes))) and axes[0] > 0:  # NumPy puts them where they stood
        ahead = [len(shape) + i for i in range(axes[0])]
        y = np.transpose(y, (*ahead, *range(len(shape)), *range(len(shape) + axes[0], len(y.shape))))
    return y


def _is_batched(item: Any) -> bool:
    return type(item) is Traced and item.level.is_batch


def _is_array(item: Any) -> bool:
    return type(item) in (Traced, np.ndarray, list) or isinstance(item, (int, np.integer))


def _spelled_out(items: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """The index with full slices in place of ``...`` and of what is missing at its end."""
    missing = rank - sum(item is not None and item is not Ellipsis for item in items)
    place = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    return (*items[:place], *(slice(None),) * missing, *items[place + 1:])


def _axes(items: tuple[Any, ...], rank: int) -> list[Any]:
    """For each axis of the sliced array the index array that stands there, or None."""
    spelled = _spelled_out(items, rank - sum(item is None for item in items))
    return [item if _is_array(item) else None for item in spelled]


traced.gather = gather

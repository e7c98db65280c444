"""Is the loss, is the gradient still a number?  And if not: which one, and why.

Every step asks, so the question is one dot product a leaf, whose sum is also the squared
length of the gradient for the history.  Only when the answer is not finite are the leaves
looked at one by one: the sum of squares may overflow although every number is finite.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.optim import global_norm
from diffkit.train.faults import DivergedError
from diffkit.train.minibatches import Rows

__all__ = ["diverged", "leaves_of", "norm_of"]

_ndarray = np.ndarray
_ARRAYS = frozenset([_ndarray])


def leaves_of(container: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts, quickly (other containers: as tree.flatten)."""
    kind = type(container)
    if kind is _ndarray:
        return [container]
    if kind is not dict and kind is not list and kind is not tuple:
        return tree.flatten(container)[0]
    children = container.values() if kind is dict else container
    if _ARRAYS.issuperset(map(type, children)):
        return list(children)
    return [leaf for child in children for leaf in leaves_of(child)]


def norm_of(grads: Any) -> float:
    """The Euclidean length of a gradient: NaN or infinite exactly if one of its numbers is."""
    square = 0.0
    for leaf in leaves_of(grads):
        flat = leaf.reshape(-1)
        square += float(flat.dot(flat))
    if 1e-30 < square < 1e30:  # float32 included
        return math.sqrt(square)
    return global_norm(grads)


def diverged(value: float, grads: Any, params: Any, data: Rows, step: int, epoch: int) -> DivergedError:
    """The error for a loss or gradient that is not finite, with the first leaf to blame."""
    leaf, found = None, ""
    if not math.isfinite(value):
        found = f"the loss is {value}"
    for path, gradient in zip(tree.paths(params, "params"), tree.flatten(grads)[0]):
        if not np.isfinite(gradient).all():
            leaf = path
            nans, infinities = int(np.isnan(gradient).sum()), int(np.isinf(gradient).sum())
            found += " and " if found else ""
            found += (f"the gradient of {path} is not finite ({nans} NaN and {infinities} infinite of "
                      f"{np.size(gradient)} numbers)")
            break
    return DivergedError(f"{found} at step {step}, in epoch {epoch}",
                         "a smaller learning rate, clip=1.0, or a loss on logits (cross_entropy)",
                         _unclean(data) or "a logarithm or a root at zero; exp of a large number", step, leaf)


def _unclean(data: Rows) -> str:
    for name, leaf in zip(data.names, data.leaves):
        if leaf.dtype.kind in "fc" and not np.isfinite(leaf).all():
            row = int(np.argmin(np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1)))
            return f"{name} holds a number that is not finite, first in row {row}"
    return ""

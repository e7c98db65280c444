"""What a user's rule hands back, checked and laid out leaf by leaf.

A rule answers in the containers of the arguments or of the result.  ``None`` in the place
of a leaf, or of a whole container, is a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.errors import ShapeError


def laid_out(found: Any, structure: tree.Structure, shapes: Sequence[Any], what: str, wanted: str) -> list[Any]:
    """The leaves of ``found``, which must be like ``structure``; None where it says None.

    ``shapes`` has the shape of every leaf, or None where it does not matter.
    """
    leaves: list[Any] = []
    if not _collect(found, structure, leaves):
        raise ShapeError(f"{what} has the container {tree.describe(found)}", wanted)
    result = []
    for leaf, shape in zip(leaves, shapes):
        if leaf is not None and shape is not None:
            if not hasattr(leaf, "dtype"):
                leaf = np.asarray(leaf)[()]
            if leaf.dtype.kind not in "fciub":
                raise ShapeError(f"{what} holds {leaf!r}, which is no number", wanted)
            if leaf.dtype.kind in "iub":
                leaf = leaf.astype(np.float64)
            if leaf.shape != shape:
                raise ShapeError(f"{what} has a leaf of shape {leaf.shape} where {shape} is wanted", wanted,
                                 "a sum over broadcast axes is missing, or the results are in another order; "
                                 "write None for zero")
        result.append(leaf)
    return result


def _collect(found: Any, structure: tree.Structure, leaves: list[Any]) -> bool:
    if found is None:
        leaves += [None] * structure.size
        return True
    own, shape = tree.flatten(found)
    if structure.kind is None:
        leaves.append(found)
        return shape is tree.LEAF
    if structure == shape:
        leaves += own
        return True
    # Not equal as a whole: perhaps None stands for a part.
    if shape.kind is not structure.kind or shape.keys != structure.keys:
        return False
    parts = _parts(found, structure)
    return all(_collect(part, child, leaves) for part, child in zip(parts, structure.children))


def _parts(container: Any, structure: tree.Structure) -> list[Any]:
    if isinstance(container, dict):
        return [container[key] for key in structure.keys]
    if isinstance(container, (tuple, list)):
        return list(container)
    return [getattr(container, name) for name in structure.keys]


def end_to_end(arrays: Sequence[Any]) -> Any:
    """All entries in one vector."""
    return np.concatenate([np.reshape(array, (-1,)) for array in arrays])


def cut(vector: Any, like: Sequence[Any]) -> list[Any]:
    """The inverse of ``end_to_end``: arrays with the shapes of ``like``."""
    pieces, start = [], 0
    for array in like:
        pieces.append(np.reshape(vector[start:start + array.size], array.shape) if array.shape else vector[start])
        start += array.size
    return pieces


def shape_of(leaf: Any) -> Any:
    """The shape of a leaf that is a number or an array, else None."""
    if hasattr(leaf, "dtype"):
        return leaf.shape if leaf.dtype.kind in "fciub" else None
    return () if isinstance(leaf, (bool, int, float, complex)) else None


def zero_like(leaf: Any) -> Any:
    """The zero tangent of an argument that does not move: None for what is no number."""
    shape = shape_of(leaf)
    if shape is None:
        return None
    dtype = leaf.dtype if hasattr(leaf, "dtype") and leaf.dtype.kind in "fc" else np.dtype(np.float64)
    return np.zeros(shape, dtype) if shape else dtype.type(0)

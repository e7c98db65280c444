"""Indexing and its adjoint, scatter.  Each is the other's adjoint, and both are rows,
so second derivatives of programs that index need nothing more.

An index of the basic kind (integers, slices, ``...``, ``None``) never names an entry
twice, so its scatter is an assignment; an index array may, so its scatter is a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.kinds import Linear, linear


def _is_basic(index: Any) -> bool:
    if type(index) is tuple:
        return all(_is_basic(item) for item in index)
    return isinstance(index, (int, slice, np.integer)) or index is None or index is Ellipsis


def add_at(buffer: Any, index: Any, g: Any) -> None:
    """``buffer[index] += g`` counting repeated entries, in place on a plain array."""
    if _is_basic(index) or (isinstance(index, np.ndarray) and index.dtype == bool):
        buffer[index] += g
    else:
        np.add.at(buffer, index, g)


def _getitem(a: Any, index: Any) -> Any:
    return a[index]


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, g.dtype)
    add_at(out, index, g)
    return out


GETITEM: Linear = linear(_getitem, lambda g, shapes, i, index: SCATTER(g, index=index, shape=shapes[0]),
                         name="getitem")
SCATTER: Linear = linear(_scatter, lambda g, shapes, i, index, shape: GETITEM(g, index=index), name="scatter")

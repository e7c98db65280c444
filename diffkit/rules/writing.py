"""Writing as functions: ``a[index] = v`` is a new array, linear in a and in v together.

NumPy's programs write into arrays; a derivative is of functions.  ``SETITEM(a, v)`` is a
with some entries replaced, ``ADD_AT(a, v)`` is a with v added to some, and ``PACK`` is
``np.array`` of a nested list.  Who owns an array may do the same in place:
``in_place(rule, a, v, index)``.

Where an index names an entry twice the last value written wins, as in NumPy, so the
others' cotangent is zero; ``np.add.at`` counts all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.indexing import GETITEM, _is_basic, add_at
from diffkit.rules.kinds import Linear, Rule, conform, linear


def _setitem(a: Any, v: Any, index: Any) -> Any:
    out = np.array(a, order="K")
    out[index] = v
    return out


def _setitem_adjoint(g: Any, shapes: Any, i: int, index: Any) -> Any:
    if i == 0:
        return SETITEM(g, 0.0, index=index)
    piece = GETITEM(g, index=index)
    winners = last_written(index, g.shape)
    if winners is not None:
        piece = np.where(winners, piece, 0)
    return fitted(piece, tuple(shapes[1]), g.dtype)


def fitted(piece: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The cotangent of what was written; NumPy lets it have more axes, of length one, in front."""
    extra = len(shape) - len(piece.shape)
    if extra <= 0:
        return conform(piece, shape, dtype)
    return np.reshape(conform(piece, shape[extra:], dtype), shape)


SETITEM: Linear = linear(_setitem, _setitem_adjoint, name="setitem")


def _add_at(a: Any, v: Any, index: Any) -> Any:
    out = np.array(a, order="K")
    add_at(out, index, v)
    return out


def _add_at_adjoint(g: Any, shapes: Any, i: int, index: Any) -> Any:
    return g if i == 0 else fitted(GETITEM(g, index=index), tuple(shapes[1]), g.dtype)


ADD_AT: Linear = linear(_add_at, _add_at_adjoint, name="add_at")


def _pack(*items: Any, shape: tuple[int, ...], dtype: Any = None) -> Any:
    packed = np.array(items, dtype=dtype)
    return packed.reshape(shape + packed.shape[1:])


def _pack_adjoint(g: Any, shapes: Any, i: int, shape: tuple[int, ...], dtype: Any = None) -> Any:
    return GETITEM(g, index=tuple(int(k) for k in np.unravel_index(i, shape)))


#: Equal-shaped items as one array of shape ``shape + item.shape``.
PACK: Linear = linear(_pack, _pack_adjoint, name="pack")


def in_order(a: Any, order: str) -> Any:
    """The same entries in new memory of this order ("C" or "F"), which decides what later reshapes share."""
    return SETITEM(np.zeros(a.shape, a.dtype, order=order), a, index=Ellipsis)  # type: ignore[call-overload]


def in_place(rule: Rule, a: Any, v: Any, index: Any) -> None:
    """What ``rule`` (SETITEM or ADD_AT) says, done to the plain array ``a`` itself."""
    if rule is SETITEM:
        a[index] = v
    else:
        add_at(a, index, v)


def last_written(index: Any, shape: tuple[int, ...]) -> Any:
    """Which values of ``a[index] = v`` are still there afterwards: a mask, or None for all.

    >>> last_written(np.array([0, 2, 0]), (3,))
    array([False,  True,  True])
    """
    if _is_basic(index) or (isinstance(index, np.ndarray) and index.dtype == bool):
        return None
    places = flat_positions(index, shape)
    if np.unique(places).size == places.size:
        return None
    order = np.arange(places.size).reshape(places.shape)
    owner = np.empty(shape, np.intp)
    owner[index] = order
    return owner[index] == order


def flat_positions(index: Any, shape: tuple[int, ...]) -> Any:
    """The positions, in C order, of the entries that ``index`` names."""
    if len(shape) == 1 and isinstance(index, np.ndarray) and index.dtype.kind in "iu":
        return index % max(shape[0], 1)
    places: Any = 0
    for axis, n in enumerate(shape):  # a broadcast range costs n, not the size of the array
        ruler = np.arange(n).reshape((n,) + (1,) * (len(shape) - axis - 1))
        places = places * n + np.broadcast_to(ruler, shape)[index]
    return np.asarray(places)

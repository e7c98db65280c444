"""Joining arrays and cutting them apart.  Concatenation and slicing are each other's adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, normal_axis, plain, refuse_out
from diffkit.rules.kinds import answers, linear

CONCATENATE = linear(lambda *arrays, axis: np.concatenate(arrays, axis),
                     lambda g, shapes, i, axis: _piece(g, shapes, i, axis), name="concatenate")


def _piece(g: Any, shapes: Any, i: int, axis: int) -> Any:
    axis %= len(g.shape)
    start = 0
    for shape in shapes[:i]:
        start += shape[axis]
    return g[(slice(None),) * axis + (slice(start, start + shapes[i][axis]),)]


@answers(np.concatenate)
def concatenate(arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None,
                casting: str = "same_kind") -> Any:
    """Join along an axis (None: of the flattened arrays)."""
    refuse_out("concatenate", out)
    arrays = [as_array(a) for a in arrays]
    if axis is None:
        arrays, axis = [np.reshape(a, (-1,)) for a in arrays], 0
    if dtype is not None:
        # NumPy judges the cast.
        dtype = np.concatenate([np.empty(0, a.dtype) for a in arrays], dtype=dtype,
                               casting=casting).dtype  # type: ignore[call-overload]
        arrays = [a.astype(dtype) for a in arrays]
    return CONCATENATE(*arrays, axis=axis)


@answers(np.stack)
def stack(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join along a new axis."""
    arrays = [as_array(a) for a in arrays]
    if not arrays:
        raise ValueError("need at least one array to stack")
    if len({a.shape for a in arrays}) != 1:
        raise ValueError("all input arrays must have the same shape")
    axis = normal_axis(axis, len(arrays[0].shape) + 1)
    return concatenate([np.expand_dims(a, axis) for a in arrays], axis, out, dtype=dtype, casting=casting)


@answers(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join side by side."""
    arrays = [np.atleast_1d(as_array(a)) for a in tup]
    axis = 0 if arrays and len(arrays[0].shape) == 1 else 1
    return concatenate(arrays, axis, dtype=dtype, casting=casting)


@answers(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join on top of each other."""
    return concatenate([np.atleast_2d(as_array(a)) for a in tup], 0, dtype=dtype, casting=casting)


@answers(np.dstack)
def dstack(tup: Any) -> Any:
    """Join along the third axis."""
    return concatenate([np.atleast_3d(as_array(a)) for a in tup], 2)


@answers(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Vectors as columns, matrices side by side."""
    arrays = [as_array(a) for a in tup]
    return concatenate([np.reshape(a, (-1, 1)) if len(a.shape) < 2 else a for a in arrays], 1)


@answers(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """Join two, by default flattened."""
    return concatenate((as_array(arr), as_array(values)), axis)


@answers(np.block)
def block(arrays: Any) -> Any:
    """Join nested lists of blocks: the innermost along the last axis, and so on outwards."""
    depth, inner = 0, arrays
    while type(inner) is list:
        if not inner:
            raise ValueError("List at arrays" + "[0]" * depth + " cannot be empty")
        depth, inner = depth + 1, inner[0]
    return _block(arrays, depth, max(depth, _deepest(arrays)), "arrays")


def _deepest(arrays: Any) -> int:
    if type(arrays) is list:
        return max(map(_deepest, arrays))
    return len(as_array(arrays).shape)


def _block(arrays: Any, depth: int, ndim: int, path: str) -> Any:
    if (type(arrays) is list) != (depth > 0):
        raise ValueError(f"List depths are mismatched at {path}")
    if type(arrays) is tuple:
        raise TypeError(f"{path} is a tuple. Only lists can be used to arrange blocks, and np.block does not allow "
                        "implicit conversion from tuple to ndarray.")
    if depth:
        return concatenate([_block(a, depth - 1, ndim, f"{path}[{i}]") for i, a in enumerate(arrays)], -depth)
    a = as_array(arrays)
    return np.reshape(a, (1,) * (ndim - len(a.shape)) + tuple(a.shape))


# --- cutting -----------------------------------------------------------------------------------

@answers(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """Pieces along an axis, as equal as can be."""
    ary = as_array(ary)
    axis = normal_axis(axis, len(ary.shape))
    places = np.arange(ary.shape[axis])
    pieces = np.array_split(places, plain(indices_or_sections))
    return [_slice_of(ary, axis, piece, places) for piece in pieces]


def _slice_of(ary: Any, axis: int, piece: Any, places: Any) -> Any:
    start = int(piece[0]) if piece.size else 0
    return ary[(slice(None),) * axis + (slice(start, start + piece.size),)]


@answers(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """Pieces along an axis; a number of pieces must divide its length."""
    if np.ndim(indices_or_sections) == 0 and as_array(ary).shape[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


@answers(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Pieces side by side."""
    ary = as_array(ary)
    if not ary.shape:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 1 if len(ary.shape) > 1 else 0)


@answers(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Pieces on top of each other."""
    if len(as_array(ary).shape) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


@answers(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Pieces along the third axis."""
    if len(as_array(ary).shape) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)


@answers(getattr(np, "unstack", "unstack"))
def unstack(x: Any, /, *, axis: Any = 0) -> Any:
    """The slices along an axis, as a tuple."""
    x = as_array(x)
    if not x.shape:
        raise ValueError("Input array must be at least 1-d.")
    axis = normal_axis(axis, len(x.shape))
    return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))

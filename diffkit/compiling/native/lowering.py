"""Operations that machine code knows in simpler terms.

``lower`` stands before ``optimise.simplify``: a row that is made of others is spelled out, so that
its parts join the loops around it.

    shares of an extremum        1/m where the entry equals it, m counted by a sum
    a product of small matrices  a sum of products
    numbers packed in an array   writes into the array, one by one
    stacked and joined arrays    writes into slices
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.compiling.optimise import simplify
from diffkit.compiling.program import Builder, Item
from diffkit.rules.arithmetic import DIVIDE, MULTIPLY
from diffkit.rules.contractions import DOT, INNER, MATMUL
from diffkit.rules.extrema import SHARES
from diffkit.rules.joining import CONCATENATE
from diffkit.rules.kinds import TABLE
from diffkit.rules.reductions import SUM
from diffkit.rules.shapes import ASTYPE, RESHAPE
from diffkit.rules.writing import PACK, SETITEM

#: Products of this many terms and fewer are not left to BLAS, whose call costs more.
SMALL_PRODUCT = 512
#: Parts of an array that is put together by single writes.
MOST_PARTS = 64
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def lower(builder: Builder, rule: Any, args: list[Item], params: dict[str, Any], value: Any) -> Any:
    """What ``rule`` is made of, else what ``simplify`` finds."""
    spelled = _SPELLED.get(rule)
    if spelled is not None and getattr(value, "dtype", None) in _FLOATS:
        found = spelled(builder, args, params, value)
        if found is not None and found.is_like(value):
            return found
    return simplify(builder, rule, args, params, value)


def _shares(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Item | None:
    a, y = args
    if a.kind != "array" or a.dtype != value.dtype:
        return None
    nan_a, nan_y = (builder.again(TABLE["isnan"], [x]) for x in (a, y))
    hits = builder.again(TABLE["logical_or"], [
        builder.again(TABLE["equal"], [a, y]), builder.again(TABLE["logical_and"], [nan_a, nan_y])])
    weights = builder.again(ASTYPE, [hits], {"dtype": value.dtype})
    return builder.again(DIVIDE, [weights, builder.again(SUM, [weights], {**params, "keepdims": True})])


def _product(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Item | None:
    a, b = args
    if params or any(x.kind != "array" or x.dtype not in _FLOATS or not 1 <= len(x.shape) <= 2 or not x.value.size
                     for x in args):
        return None
    inner = a.shape[-1]
    flat = len(a.shape) == 1 and len(b.shape) == 1
    if max(a.value.size * b.value.size // inner, 1) > SMALL_PRODUCT and not flat:
        return None
    if flat:
        return builder.again(SUM, [builder.again(MULTIPLY, [a, b])]) if inner <= SMALL_PRODUCT else None
    if len(b.shape) == 1:
        return builder.again(SUM, [builder.again(MULTIPLY, [a, b])], {"axis": 1})
    if len(a.shape) == 1:
        column = builder.again(RESHAPE, [a], {"shape": (inner, 1)})
        return builder.again(SUM, [builder.again(MULTIPLY, [column, b])], {"axis": 0})
    left = builder.again(RESHAPE, [a], {"shape": (*a.shape, 1)})
    right = builder.again(RESHAPE, [b], {"shape": (1, *b.shape)})
    return builder.again(SUM, [builder.again(MULTIPLY, [left, right])], {"axis": 1})


def _matrix_product(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Item | None:
    return _product(builder, args, params, value) if all(len(x.shape) <= 2 for x in args) else None


def _inner(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Item | None:
    return _product(builder, args, params, value) if all(len(x.shape) == 1 for x in args) else None


def _written(builder: Builder, parts: list[tuple[Any, Item]], value: Any) -> Item | None:
    if len(parts) > MOST_PARTS or any(part.dtype not in (*_FLOATS, float, int) for _, part in parts):
        return None
    whole = builder.constant(np.broadcast_to(value.dtype.type(0), value.shape))
    for index, part in parts:
        whole = builder.again(SETITEM, [whole, part], {"index": index})
    return whole


def _pack(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Item | None:
    shape = params["shape"]
    if type(value) is not np.ndarray or not value.shape or not args:
        return None
    places = [tuple(int(k) for k in np.unravel_index(i, shape)) for i in range(len(args))] if shape else [()]
    return _written(builder, list(zip(places, args)), value)


def _concatenate(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Item | None:
    axis = params.get("axis", 0)
    if type(axis) is not int or any(arg.kind != "array" for arg in args):
        return None
    axis %= value.ndim
    parts, start = [], 0
    for arg in args:
        stop = start + arg.shape[axis]
        parts.append(((slice(None),) * axis + (slice(start, stop),), arg))
        start = stop
    return _written(builder, parts, value)


_SPELLED = {SHARES: _shares, MATMUL: _matrix_product, DOT: _inner, INNER: _inner, PACK: _pack,
            CONCATENATE: _concatenate}

"""Rules that move, add up or convert entries, where NumPy's own function will not do on objects.

Reshape, transpose, concatenate, indexing and the like run as they are: NumPy moves object
pointers.  Listed here are the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.exact.arrays import collect, each, filled, wrap
from diffkit.exact.registry import NotExact, exact


def along(algebra: Any, function: Any, a: Any, axis: Any, keepdims: bool = False) -> Any:
    """``function(list of entries) -> entry`` over axes (None: all of them)."""
    axes = tuple(range(a.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)
    rest = [i for i in range(a.ndim) if i not in axes]
    shape = tuple(a.shape[i] for i in rest)
    count = int(np.prod([a.shape[i] for i in axes], dtype=int))
    rows = np.transpose(a, (*rest, *axes)).reshape(int(np.prod(shape, dtype=int)), count)
    result = collect([function(list(row)) for row in rows], shape)
    return np.expand_dims(result, axes) if keepdims else result


def check_floating(dtype: Any) -> None:
    """A floating dtype says how to store a result, not what it is; any other is refused."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise NotExact(f"a sum or product with dtype={np.dtype(dtype)} has no exact form")


def running(step: Any, a: Any, axis: int | None) -> Any:
    """``step(previous, entry)`` accumulated along an axis (None: over the flattened array)."""
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    rows = np.moveaxis(a, axis, 0)
    out = np.empty(rows.shape, object)
    for i in range(rows.shape[0]):
        # The dots: NumPy would store a 0-d object array itself, not its entry.
        out[i, ...] = rows[i] if i == 0 else each(step, wrap(out[i - 1]), wrap(rows[i]))
    return np.moveaxis(out, 0, axis)


@exact("sum")
def _sum(algebra: Any, node: Any, a: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    check_floating(dtype)
    if _kind(node, 0) == "b":
        a = each(algebra.number, a)
    return along(algebra, algebra.total, a, axis, keepdims)


@exact("cumsum", "cumulative_sum")
def _cumsum(algebra: Any, node: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    check_floating(dtype)
    return running(lambda total, entry: total + entry, a, axis)


@exact("prod")
def _prod(algebra: Any, node: Any, a: Any, axis: Any = -1, keepdims: bool = False, dtype: Any = None) -> Any:
    check_floating(dtype)

    def product(entries: list[Any]) -> Any:
        result = algebra.one
        for entry in entries:
            result = result * entry
        return result
    return along(algebra, product, a, axis, keepdims)


@exact("cumprod", "cumulative_prod")
def _cumprod(algebra: Any, node: Any, a: Any, axis: Any = None) -> Any:
    return running(lambda product, entry: product * entry, a, axis)


@exact("astype")
def _astype(algebra: Any, node: Any, a: Any, dtype: Any = None) -> Any:
    """Precision has no meaning here; a conversion to whole numbers cuts the fraction off."""
    kind = np.dtype(dtype).kind if dtype is not None else node.dtype.kind
    source = _kind(node, 0)
    if source == "b":
        a = each(algebra.number, a)
    if kind in "iu" and source not in "iub":
        return each(lambda x: truncated(algebra, x), a)
    if kind == "b":
        return each(lambda x: algebra.compare("not_equal")(x, algebra.zero), a)
    if source == "c" and kind == "f":
        return real_part(algebra, a)
    return a


def truncated(algebra: Any, x: Any) -> Any:
    """Rounded towards zero."""
    floor, ceiling = algebra.function("floor"), algebra.function("ceil")
    return algebra.choose(algebra.compare("less")(x, algebra.zero), ceiling(x), floor(x))


@exact("real")
def _real(algebra: Any, node: Any, a: Any) -> Any:
    return real_part(algebra, a) if _kind(node, 0) == "c" else a


@exact("imag")
def _imag(algebra: Any, node: Any, a: Any) -> Any:
    return each(algebra.function("im"), a) if _kind(node, 0) == "c" else filled(node.shape, algebra.zero)


@exact("conjugate", "conj")
def _conjugate(algebra: Any, node: Any, a: Any) -> Any:
    return each(algebra.function("conj"), a) if _kind(node, 0) == "c" else a


def real_part(algebra: Any, a: Any) -> Any:
    """Real parts of an array."""
    return each(algebra.function("re"), a)


@exact("zeros_like", "empty_like")
def _zeros(algebra: Any, node: Any, *_: Any) -> Any:
    return filled(node.shape, algebra.zero)


@exact("ones_like")
def _ones(algebra: Any, node: Any, *_: Any) -> Any:
    return filled(node.shape, algebra.one)


def _kind(node: Any, position: int) -> str:
    given = node.inputs[position]
    return str(given.dtype.kind if hasattr(given, "dtype") else np.asarray(given).dtype.kind)

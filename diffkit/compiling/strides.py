"""What NumPy makes of memory orders: the order of an operation's result, and what its run costs.

NumPy walks through operands by one inner loop after another, along the dimension in which most of them lie
side by side, and lays a new result in the order of this walk.  An inner loop costs 6 to 12 ns to enter whatever
its length: over ``x[:, None, :] - means`` with d = 2 that is most of the time.  Both are asked of ``np.nditer``,
which ufuncs and their reductions themselves walk with; no entry is read.

The prices were measured on one machine (AVX-512, 1 MB of second-level cache).  They decide which of two memory
orders is cheaper, never what is computed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from diffkit.compiling.plan import VIEWS, WRITES, is_basic
from diffkit.compiling.program import Item, is_ufunc_call
from diffkit.rules.contractions import MATMUL
from diffkit.rules.extrema import MAX, MIN, SHARES
from diffkit.rules.reductions import SUM
from diffkit.rules.selection import WHERE
from diffkit.rules.shapes import ASTYPE

#: Nanoseconds: a call, an inner loop, one that reduces, an entry of 8 bytes that lies beside the one before,
#: one that does not, one in another cache line of a large array, one of a function that is no arithmetic.
CALL, LOOP, REDUCING_LOOP, BESIDE, APART, FAR, FUNCTION = 600.0, 6.0, 12.0, 0.1, 0.35, 0.3, 0.6
#: A multiplication and addition in a product of matrices, each of several products, an entry of what is not known.
FLOP, PRODUCT, UNKNOWN = 0.04, 60.0, 1.0
#: Arrays of fewer entries cost a call, in any order; arrays of more bytes lie outside of the fastest caches.
FEW, CACHED = 256, 1 << 18

_REDUCTIONS = frozenset([SUM, MAX, MIN])
_ENTRYWISE = frozenset([SHARES, WHERE, ASTYPE])
_ARITHMETIC = frozenset([np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.square, np.sqrt,
                         np.maximum, np.minimum, np.greater, np.greater_equal, np.less, np.less_equal, np.equal])


_walker: Any = np.nditer


class Walk(NamedTuple):
    """The strides of a result and the nanoseconds that it takes; ``entered`` are those of entering inner loops."""

    strides: tuple[int, ...]
    cost: float
    entered: float


def is_indifferent(item: Item) -> bool:
    """Whether an operation computes the same of any memory order but for the order of a sum, in memory of its own or
    as a view.
    """
    if item.boxed:
        return False
    if item.rule in WRITES:
        return bool(is_basic(item.params["index"]))
    if item.rule in VIEWS:
        return bool(item.params.get("order", "C") == "C")
    return is_ufunc_call(item) or item.rule in _REDUCTIONS or item.rule in _ENTRYWISE or item.rule is MATMUL


def walk(item: Item, values: list[Any], is_moved: bool) -> Walk:
    """How an operation on such operands runs, and what memory order its result has.

    ``values`` are arrays, of which only the layout counts, or numbers; ``is_moved`` says whether one of them
    has another layout than in the recorded run.
    """
    size = max((np.size(value) for value in values), default=0)
    if item.kind != "array":
        return Walk((), CALL + UNKNOWN * size, 0.0)
    if size >= FEW and is_indifferent(item):
        return _walked(item, values)
    found = _walked(item, values).strides if is_moved and is_indifferent(item) else item.value.strides
    return Walk(found, CALL + UNKNOWN * (size + item.value.size), 0.0)


def _walked(item: Item, values: list[Any]) -> Walk:
    """The walk of an operation that takes any memory order."""
    if item.rule is MATMUL:
        return Walk(of_product(values), _product_cost(item, values), 0.0)
    if item.rule in WRITES:
        return Walk(compact(values[0]), CALL + APART * values[0].size, 0.0)
    if item.rule in _REDUCTIONS:
        return _reduced(values[0], item.params.get("axis"), item.params.get("keepdims", False), item.shape,
                        item.dtype)
    walked = entrywise(values, item.shape, item.dtype)
    is_cheap = getattr(item.rule, "fun", None) in _ARITHMETIC
    return walked if is_cheap else walked._replace(
        cost=walked.cost + FUNCTION * max((np.size(value) for value in values), default=0))


def copied(value: Any, strides: tuple[int, ...]) -> float:
    """Nanoseconds of a copy into this order."""
    if value.size < FEW:
        return CALL
    return _cost(_walker([value, _like(value.shape, value.dtype, strides)], ["external_loop"],
                         [["readonly"], ["writeonly"]], order="K"), LOOP).cost


def order(value: Any) -> tuple[int, ...]:
    """An array's axes from the outermost in memory to the innermost."""
    return tuple(sorted(range(value.ndim), key=lambda axis: (-abs(value.strides[axis]), axis)))


def in_order(shape: tuple[int, ...], dtype: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array without gaps whose axes lie in this order."""
    strides, step = [0] * len(shape), np.dtype(dtype).itemsize
    for axis in reversed(axes):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


def entrywise(values: list[Any], shape: tuple[int, ...], dtype: Any) -> Walk:
    operands: list[Any] = [value for value in values if isinstance(value, np.ndarray) and value.ndim]
    flags = [["readonly"]] * len(operands) + [["writeonly", "allocate"]]
    dtypes = [None] * len(operands) + [dtype]
    it = _walker([*operands, None], ["external_loop"], flags, dtypes, order="K", itershape=shape)
    return _cost(it, LOOP)


def axes_of(axis: Any, ndim: int) -> set[int]:
    """The axes that a reduction's ``axis`` names."""
    if axis is None:
        return set(range(ndim))
    return {int(i) % ndim for i in (axis if type(axis) is tuple else (axis,))}


def _reduced(a: Any, axis: Any, keepdims: bool, shape: tuple[int, ...], dtype: Any) -> Walk:
    gone = axes_of(axis, a.ndim)
    kept = [i for i in range(a.ndim) if i not in gone]
    places = [kept.index(i) if i in kept else -1 for i in range(a.ndim)]
    it = _walker([a, None], ["external_loop", "reduce_ok"], [["readonly"], ["readwrite", "allocate"]],
                 [None, dtype], order="K", op_axes=[list(range(a.ndim)), places])
    found = _cost(it, REDUCING_LOOP)
    if keepdims:
        strides = [a.itemsize] * a.ndim
        for i, stride in zip(kept, found.strides):
            strides[i] = stride
        found = found._replace(strides=tuple(strides))
    return found


def _cost(it: Any, loop: float) -> Walk:
    """The price of a walk whose last operand is the result."""
    inner = it.value if type(it.value) is tuple else (it.value,)
    length, size = max(len(inner[0]), 1), it.itersize
    entered = loop * math.ceil(size / length)
    price = 0.0
    for part, operand in zip(inner, it.operands):
        stride = abs(part.strides[0]) if length > 1 else operand.itemsize
        if stride == operand.itemsize:
            price += BESIDE * operand.itemsize / 8
        elif stride:
            price += APART + (FAR if stride >= 64 and operand.nbytes > CACHED else 0.0)
    return Walk(it.operands[-1].strides, CALL + entered + price * size, entered)


def _product_cost(item: Item, values: list[Any]) -> float:
    """The price of matrix products: for a matrix times a vector that of reading the matrix."""
    cost: float = CALL + FLOP * item.value.size * values[0].shape[-1] + PRODUCT * math.prod(item.shape[:-2])
    for value in values:
        last = zip(value.strides[-2:], value.shape[-2:])
        unit = any(stride == value.itemsize and size > 1 for stride, size in last)
        cost += (BESIDE if unit else APART) * value.size
    return cost


def of_product(values: list[Any]) -> tuple[int, ...]:
    """The strides of a matrix product, which those of the summed axis say nothing of."""
    a, b = values
    if a.ndim < 3 and b.ndim < 3:
        shape = (*a.shape[:-1], *(b.shape[1:] if b.ndim == 2 else ()))
        return in_order(shape, np.result_type(a, b), tuple(range(len(shape))))
    b = b[..., :1, :] if b.ndim > 1 else b[:1]
    return tuple(np.matmul(a[..., :1], b).strides)


def compact(value: Any) -> tuple[int, ...]:
    """The strides of a copy that keeps the order."""
    return tuple(np.empty_like(_like(value.shape, value.dtype, value.strides)).strides)


def are_alike(a: Any, b: Any) -> bool:
    """Whether copies of both have the same memory order."""
    return all(x == y for x, y, size in zip(compact(a), compact(b), a.shape) if size > 1)


def _like(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> Any:
    """An array of this layout without entries of its own."""
    return np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)


def blank(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> Any:
    """An array of its own memory with this order."""
    made = np.empty_like(_like(shape, dtype, strides))
    if made.nbytes < 1 << 16:
        made.fill(0)
    return made

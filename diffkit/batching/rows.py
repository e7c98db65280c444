"""How each row of the table is done for all examples at once.

Most rows need one line.  An *entrywise* row, or one whose core axes are the last ones, as
those of a NumPy gufunc are, meets the batch axis as one more axis to broadcast over: ranks
are aligned, and that is all.  A row with an axis among its parameters has it shifted by one.
The rest (indices, shapes, products) says in a few lines where the batch axis goes.

``how(rule)`` gives a function from a ``Call`` to the result with the batch axis in front
(a tuple for several results), or ``NotImplemented`` in a case that it does not cover: that
case, and every row without an entry here, runs example by example.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.batching.operands import Call, shifted
from diffkit.rules.indexing import GETITEM, SCATTER, _is_basic
from diffkit.rules.kinds import Rule
from diffkit.rules.shapes import BROADCAST_TO, RESHAPE, TRANSPOSE

Batch = Callable[[Call], Any]

#: By the name of the row.
BATCHES: dict[str, Batch] = {}


def how(rule: Rule) -> Batch | None:
    """The row's batch function, or None: a loop."""
    if rule.kind == "elementwise":
        return entrywise
    found = BATCHES.get(rule.name)
    if found is None and isinstance(rule.fun, np.ufunc) and rule.fun.signature is None:
        return entrywise
    return found


def batches(*names: str) -> Callable[[Batch], Batch]:
    """Register how rows are batched."""
    def register(batch: Batch) -> Batch:
        BATCHES.update(dict.fromkeys(names, batch))
        return batch
    return register


# --- entry by entry, and stacks of matrices ---------------------------------------------------

@batches("conjugate", "astype", "astype_flat", "where", "spread_root", "complex_sign", "sign", "stop_gradient",
         "isclose", "isreal", "iscomplex", "isposinf", "isneginf", "fix", "round", "binary_exponent", "solve")
def entrywise(call: Call) -> Any:
    return call.rule.call(*call.aligned(), **call.params)


@batches("zeros_like", "ones_like", "empty_like")
def _like(call: Call) -> Any:
    return NotImplemented if "shape" in call.params else entrywise(call)


@batches("inv", "cofactors", "second_cofactors", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "eig", "eigvals",
         "svd", "svdvals", "qr", "qr_complement", "logaddexp_reduce", "logaddexp2_reduce")
def _stacked(call: Call) -> Any:
    """The core axes are the last ones, and the operands' stacks are equal."""
    return call.rule.call(*call.leads(), **call.params)


@batches("interp", "interp_cell", "isin")
def _first_alone(call: Call) -> Any:
    """Any shape in the first operand; the others are one table, the same for all examples."""
    return call.rule.call(*call.raw, **call.params) if call.only(0) else NotImplemented


@batches("searchsorted")
def _second_alone(call: Call) -> Any:
    return call.rule.call(*call.raw, **call.params) if call.only(1) else NotImplemented


# --- an axis among the parameters ----------------------------------------------------------------

@batches("sum", "prod", "max", "min", "norm2", "norm_p", "extremum_shares", "cumsum", "accumulate", "add_reduceat",
         "linear_recurrence", "running_shares", "sort", "partition", "level_out", "stable_order", "sorted_values",
         "unwrap", "fft", "ifft", "rfft", "irfft", "flip", "take_along_axis", "logical_and_reduce",
         "logical_or_reduce", "logical_xor_reduce", "is_constant")
def _along(call: Call) -> Any:
    rank = call.rank(0)
    if not rank and call.params.get("axis") is not None:  # NumPy reduces a number along an axis that it has not
        return NotImplemented
    axis = shifted(call.params.get("axis"), rank)
    if call.rule.name in ("norm2", "norm_p") and call.params.get("axis") is None:
        axis = 1  # of a vector
    return call.rule.call(*call.leads(), **{**call.params, "axis": axis})


@batches("all", "any", "argmax", "argmin", "nanargmax", "nanargmin", "count_nonzero", "argsort", "argpartition")
def _flat_along(call: Call) -> Any:
    """NumPy's own functions, whose axis may be given by position."""
    name, params, rank = call.rule.name, dict(call.params), call.rank(0)
    args = call.raw[1:]
    if name == "argpartition" and args:
        params["kth"], *args = args
    if args:
        params["axis"], *args = args
    if args or not rank or not call.only(0) or params.get("out") is not None or "where" in params:
        return NotImplemented
    axis = params.pop("axis", -1 if name.startswith(("argsort", "argpart")) else None)
    a = call.raw[0]
    if axis is None and name not in ("all", "any", "count_nonzero"):
        if params.get("keepdims"):
            return NotImplemented
        a, axis = RESHAPE(a, shape=(call.size, -1)), 1
    else:
        axis = shifted(axis, rank)
    return call.rule.call(a, axis=axis, **params)


@batches("masked_sum")
def _masked_sum(call: Call) -> Any:
    rank = max(call.rank(0), call.rank(2))
    a = call.lifted(0, rank) if call.own[0] else call.lead(0)
    if len(a.shape) <= rank or call.own[1] or not call.rank(0):
        return NotImplemented
    axis = shifted(call.params.get("axis"), call.rank(0))
    return call.rule.call(a, call.raw[1], call.lifted(2, rank), **{**call.params, "axis": axis})


@batches("put_along_axis")
def _put_along(call: Call) -> Any:
    axis, shape = call.params["axis"], call.params["shape"]
    return call.rule.call(*call.leads(), axis=shifted(axis, len(shape)), shape=(call.size, *shape))


# --- shapes --------------------------------------------------------------------------------------

@batches("reshape")
def _reshape(call: Call) -> Any:
    a, shape, order = call.raw[0], call.params["shape"], call.params.get("order", "C")
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if -1 in shape:
        shape = np.broadcast_to(0, call.shape(0)).reshape(shape).shape
    if order == "C":
        return RESHAPE(a, shape=(call.size, *shape))
    last = TRANSPOSE(a, axes=(*range(1, len(a.shape)), 0))
    back = RESHAPE(last, shape=(*shape, call.size), order=order)
    return TRANSPOSE(back, axes=(len(shape), *range(len(shape))))


@batches("transpose")
def _transpose(call: Call) -> Any:
    rank, axes = call.rank(0), call.params["axes"]
    axes = range(rank - 1, -1, -1) if axes is None else [axis % rank for axis in axes]
    return TRANSPOSE(call.raw[0], axes=(0, *(axis + 1 for axis in axes)))


@batches("broadcast_to")
def _broadcast_to(call: Call) -> Any:
    shape = call.params["shape"]
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    return BROADCAST_TO(call.lifted(0, len(shape)), shape=(call.size, *shape))


@batches("pack")
def _pack(call: Call) -> Any:
    packed = call.rule.call(*call.leads(), **call.params)
    places = len(call.params["shape"])
    return TRANSPOSE(packed, axes=(places, *range(places), *range(places + 1, len(packed.shape))))


@batches("concatenate")
def _concatenate(call: Call) -> Any:
    return call.rule.call(*call.leads(), axis=shifted(call.params["axis"], call.rank(0)))


@batches("pad")
def _pad(call: Call) -> Any:
    return call.rule.call(call.raw[0], **{**call.params, "widths": ((0, 0), *call.params["widths"])})


@batches("roll", "repeat", "delete")
def _along_or_flattened(call: Call) -> Any:
    """Without an axis NumPy works on the flattened array (and roll gives it its shape back)."""
    a, axis = call.raw[0], call.params.get("axis")
    if axis is not None:
        return call.rule.call(a, **{**call.params, "axis": shifted(axis, call.rank(0))})
    flat = call.rule.call(RESHAPE(a, shape=(call.size, -1)), **{**call.params, "axis": 1})
    return RESHAPE(flat, shape=a.shape) if call.rule.name == "roll" else flat


@batches("rot90")
def _rot90(call: Call) -> Any:
    axes = tuple(axis % call.rank(0) + 1 for axis in call.params["axes"])
    return call.rule.call(call.raw[0], k=call.params["k"], axes=axes)


@batches("tile")
def _tile(call: Call) -> Any:
    reps = call.params["reps"]
    reps = tuple(np.atleast_1d(np.asarray(reps)).tolist())
    rank = max(call.rank(0), len(reps))
    return call.rule.call(call.lifted(0, rank), reps=(1,) + (1,) * (rank - len(reps)) + reps)


@batches("diagonal")
def _diagonal(call: Call) -> Any:
    given = {"offset": 0, "axis1": 0, "axis2": 1, **call.params}
    rank = call.rank(0)
    return call.rule.call(call.raw[0], offset=given["offset"], axis1=shifted(given["axis1"], rank),
                          axis2=shifted(given["axis2"], rank))


@batches("diag")
def _diag(call: Call) -> Any:
    k, n = call.params["k"], call.shape(0)[0]
    places = np.arange(n)
    size = n + abs(k)
    return SCATTER(call.raw[0], index=(slice(None), places + max(-k, 0), places + max(k, 0)),
                   shape=(call.size, size, size))


# --- indices -------------------------------------------------------------------------------------

def placed(index: Any, shape: tuple[int, ...], size: int) -> Any:
    """The index of the same entries in all examples.

    One more ``:`` in front is all, unless index arrays stand apart (``a[i, :, j]``): then their
    axes come first in the result, and the batch axis must be one of the index arrays.
    """
    if index is Ellipsis or type(index) is slice:
        return (slice(None), index)
    items = index if type(index) is tuple else (index,)
    if any(isinstance(item, (bool, np.bool_)) for item in items):
        return NotImplemented
    if _is_basic(index):
        return (slice(None), *items)
    arrays = [i for i, item in enumerate(items)
              if not (item is None or item is Ellipsis or isinstance(item, slice))]
    if arrays[-1] - arrays[0] + 1 == len(arrays):
        return (slice(None), *items)
    if any(np.asarray(items[i]).dtype == bool for i in arrays):
        return NotImplemented
    rank = len(np.broadcast_shapes(*(np.shape(items[i]) for i in arrays)))
    return (np.arange(size).reshape((size,) + (1,) * rank), *items)


@batches("getitem")
def _getitem(call: Call) -> Any:
    index = placed(call.params["index"], call.shape(0), call.size)
    return NotImplemented if index is NotImplemented else GETITEM(call.raw[0], index=index)


@batches("scatter")
def _scatter(call: Call) -> Any:
    shape = tuple(call.params["shape"])
    index = placed(call.params["index"], shape, call.size)
    return NotImplemented if index is NotImplemented else SCATTER(
        call.raw[0], index=index, shape=(call.size, *shape))


@batches("setitem", "add_at")
def _write(call: Call) -> Any:
    shape = call.shape(0)
    index = placed(call.params["index"], shape, call.size)
    if index is NotImplemented:
        return NotImplemented
    rank = np.broadcast_to(0, shape)[call.params["index"]].ndim
    value = call.raw[1]
    if call.rank(1) > rank:  # NumPy lets a value have more axes, of length one, in front
        kept = call.shape(1)[call.rank(1) - rank:]
        value = RESHAPE(value, shape=(call.size, *kept) if call.own[1] else kept)
    else:
        value = call.lifted(1, rank)
    return call.rule.call(call.lead(0), value, index=index)


# --- products ------------------------------------------------------------------------------------

@batches("matmul")
def _matmul(call: Call) -> Any:
    (a, b), (left, right) = call.raw, call.own
    rank_a, rank_b = call.rank(0), call.rank(1)
    if rank_b == 1:
        if not right:
            return a @ b if rank_a > 1 or left else NotImplemented
        if not left and rank_a <= 2:
            return b @ (a if rank_a == 1 else TRANSPOSE(a, axes=(1, 0)))
        if rank_a == 1:  # two vectors an example
            return GETITEM(GETITEM(a, index=(slice(None), None)) @ GETITEM(b, index=(..., None)), index=(..., 0, 0))
        b = GETITEM(b, index=(slice(None), *(None,) * (rank_a - 2), slice(None), None))
        return GETITEM(a @ b, index=(..., 0))
    if rank_a == 1:
        if left and not right and rank_b == 2:
            return a @ b
        if left:
            a = GETITEM(a, index=(slice(None), *(None,) * (rank_b - 1)))
        return GETITEM(a @ b, index=(..., 0, slice(None))) if left else a @ b
    if left and not right and rank_a == rank_b == 2:  # one product of matrices instead of many
        rows = RESHAPE(a, shape=(call.size * a.shape[1], a.shape[2])) @ b
        return RESHAPE(rows, shape=(call.size, a.shape[1], b.shape[1]))
    if right and not left and rank_a == rank_b == 2 and b.shape[2] == 1:
        columns = RESHAPE(b, shape=b.shape[:2]) @ TRANSPOSE(a, axes=(1, 0))
        return RESHAPE(columns, shape=(call.size, a.shape[0], 1))
    first, second = call.aligned()
    return first @ second


@batches("inner")
def _inner(call: Call) -> Any:
    if call.rank(1) != 1 or call.rank(0) > 2:
        return NotImplemented
    return _matmul(call)


@batches("einsum")
def _einsum(call: Call) -> Any:
    sources, result = call.params["subscripts"].split("->")
    spare = next((letter for letter in string.ascii_letters if letter not in sources), None)
    if spare is None:
        return NotImplemented
    inputs = [spare + labels if own else labels for labels, own in zip(sources.split(","), call.own)]
    return call.rule.call(*call.raw, **{**call.params, "subscripts": ",".join(inputs) + "->" + spare + result})

"""Which entries of an operand an entry of a result reads, for each row of the table.

Every relation here is one of two steps, or one after the other:

    merge   entries of the operand that share a group become one      (what a sum reads)
    take    an entry of the result reads one entry, or one group      (what an index reads)

``relation`` gives both as arrays of whole numbers: ``groups`` for the operand's entries (None:
each by itself), ``places`` for the result's entries, negative where nothing is read.  It looks at
shapes and parameters only, never at values: what it says holds at every point of the path.

A function that moves entries is asked itself: applied to the numbers 1, 2, 3, … of the entries
it tells where each one went, and 0 where something else stands.  A row without a relation
reads everything: each entry of its result depends on all entries of the operand.
"""

from __future__ import annotations

import dataclasses
import math
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules.calls import normal_axes
from diffkit.rules.kinds import Rule

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """One operand of one operation: who reads it, in what shapes."""

    rule: Rule
    position: int
    shape: Shape
    out: Shape
    params: dict[str, Any]
    #: The shapes of all operands, where the tape has them.
    shapes: Any = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)


#: groups of the operand's entries (or None), and for each entry of the result a group (or -1).
Relation = tuple[Any, Any]
_RELATIONS: dict[str, Callable[[Read], Relation | None]] = {}


def relation(read: Read) -> Relation:
    """How the result reads the operand."""
    rule = read.rule
    how = _RELATIONS.get(rule.name)
    fun = getattr(rule, "fun", None)  # a call of a user's function has none
    is_ufunc = isinstance(fun, np.ufunc) and fun.signature is None
    if how is None and (rule.kind == "elementwise" or is_ufunc):
        how = _entrywise
    found = None if how is None else how(read)
    if found is None:  # everything, for everything
        return np.zeros(read.size, np.intp), np.zeros(math.prod(read.out), np.intp)
    return found


def _register(*names: str) -> Callable[[Callable[[Read], Relation | None]], Callable[[Read], Relation | None]]:
    def register(how: Callable[[Read], Relation | None]) -> Callable[[Read], Relation | None]:
        _RELATIONS.update(dict.fromkeys(names, how))
        return how
    return register


def numbered(shape: Shape) -> Any:
    """The numbers of the entries, in C order."""
    return np.arange(math.prod(shape)).reshape(shape)


@_register("conjugate", "astype", "where", "spread_root", "complex_sign")
def _entrywise(read: Read) -> Relation | None:
    return None, np.broadcast_to(numbered(read.shape), read.out).ravel()


# --- functions that move entries ----------------------------------------------------------------

@_register("getitem", "reshape", "transpose", "broadcast_to", "flip", "roll", "rot90", "tile", "repeat", "resize",
           "delete", "diagonal", "diag", "pad")
def _moved(read: Read) -> Relation | None:
    if read.params.get("reflect_type") == "odd":
        return None
    return None, np.ravel(read.rule.fun(numbered(read.shape) + 1, **read.params)) - 1


@_register("concatenate", "pack", "setitem")
def _moved_among_others(read: Read) -> Relation | None:
    if read.shapes is None:
        return None
    operands = [numbered(read.shape) + 1 if i == read.position else np.zeros(tuple(shape), np.intp)
                for i, shape in enumerate(read.shapes)]
    params = {**read.params, "dtype": None} if read.rule.name == "pack" else read.params
    return None, np.ravel(read.rule.fun(*operands, **params)) - 1


def selects(rule: Rule, params: dict[str, Any]) -> bool:
    """Whether each entry of the result is an entry of an operand, or a constant: nothing is computed.

    >>> from diffkit.rules.indexing import GETITEM, SCATTER
    >>> selects(GETITEM, {"index": 0}), selects(SCATTER, {"index": 0, "shape": (3,)})
    (True, False)
    """
    how = _RELATIONS.get(rule.name)
    return ((how is _moved and params.get("reflect_type") != "odd")
            or (how is _moved_among_others and rule.kind == "linear"))


def added_places(read: Read) -> tuple[Any, Any]:
    """Which entry of the operand ``scatter`` (or ``add_at``, of what it adds) adds to which entry of the result."""
    places = numbered(read.out)[read.params["index"]]
    source = numbered(read.shape)
    source = source.reshape(read.shape[max(len(read.shape) - np.ndim(places), 0):])  # more axes, of length one
    return np.broadcast_to(source, np.shape(places)).ravel(), np.ravel(places)


@_register("scatter", "add_at")
def _added(read: Read) -> Relation | None:
    if read.rule.name == "add_at" and read.position == 0:
        return _entrywise(read)
    source, places = added_places(read)
    written, groups = np.unique(places, return_inverse=True)
    found = np.full(math.prod(read.out), -1)
    if source.size == read.size:  # each entry goes to one place, where several may meet
        found[written] = np.arange(written.size)
        return groups.ravel(), found
    found[places] = source if written.size == places.size else 0
    return (None if written.size == places.size else np.zeros(read.size, np.intp)), found


# --- reductions, and what works along an axis --------------------------------------------------

@_register("sum", "prod", "max", "min", "norm2", "norm_p", "masked_sum", "logaddexp_reduce", "logaddexp2_reduce")
def _reduced(read: Read) -> Relation | None:
    if read.rule.name == "masked_sum" and read.position == 1:
        return _entrywise(read)
    axis = read.params.get("axis", -1 if read.rule.name.startswith("logaddexp") else None)
    axes = normal_axes(axis, len(read.shape))
    kept = tuple(1 if i in axes else n for i, n in enumerate(read.shape))
    if math.prod(kept) != math.prod(read.out):
        return None
    return np.broadcast_to(numbered(kept), read.shape).ravel(), np.arange(math.prod(read.out))


@_register("cumsum", "accumulate", "linear_recurrence", "sort", "partition", "level_out", "unwrap", "fft", "ifft",
           "rfft", "irfft", "add_reduceat", "take_along_axis", "put_along_axis")
def _along(read: Read) -> Relation | None:
    """Everything that shares the other axes' index."""
    rank, axis = len(read.shape), read.params["axis"]
    if len(read.out) != rank or axis is None:
        return None
    axis %= rank
    kept = tuple(1 if i == axis else n for i, n in enumerate(read.shape))
    if any(n != m for i, (n, m) in enumerate(zip(read.shape, read.out)) if i != axis):
        return None
    lanes = numbered(kept)
    return np.broadcast_to(lanes, read.shape).ravel(), np.broadcast_to(lanes, read.out).ravel()


@_register("bincount")
def _counted(read: Read) -> Relation:
    count = math.prod(read.out)
    return np.asarray(read.params["x"]).ravel(), np.arange(count)


@_register("inv", "cofactors", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "eig", "eigvals", "svd", "svdvals",
           "qr", "qr_complement", "pinv")
def _stacked(read: Read) -> Relation | None:
    """All of one matrix of the stack."""
    stack = read.shape[:-2]
    if read.out[:len(stack)] != stack:
        return None
    count = math.prod(stack)
    return (np.repeat(np.arange(count), math.prod(read.shape[-2:])),
            np.repeat(np.arange(count), math.prod(read.out[len(stack):])))


# --- products ------------------------------------------------------------------------------------

@_register("matmul", "dot", "inner", "einsum")
def _product(read: Read) -> Relation | None:
    """By the labels that the operand shares with the result; the others are summed over."""
    labels = _labels(read)
    if labels is None:
        return None
    own, result = labels
    if len(set(own)) != len(own):
        return None
    shared = [label for label in own if label in result]
    kept = tuple(n if label in shared else 1 for label, n in zip(own, read.shape))
    groups = np.broadcast_to(numbered(kept), read.shape).ravel()
    order = sorted(range(len(shared)), key=lambda i: result.index(shared[i]))
    compact = numbered(tuple(n for label, n in zip(own, read.shape) if label in shared)).transpose(order)
    sizes = iter(compact.shape)
    spread = compact.reshape([next(sizes) if label in shared else 1 for label in result])
    return groups, np.broadcast_to(spread, read.out).ravel()


def _labels(read: Read) -> tuple[str, str] | None:
    """The labels of the operand and of the result."""
    name, position = read.rule.name, read.position
    if name == "einsum":
        sources, result = read.params["subscripts"].split("->")
        return sources.split(",")[position], result
    if read.shapes is None:
        return None
    left, right = (len(shape) for shape in read.shapes)
    if name == "matmul":
        stack = string.ascii_lowercase[:max(left - 2, right - 2, 0)]
        result = stack + "R" * (left > 1) + "C" * (right > 1)
        own = ("R" * (left > 1) + "Z", "Z" + "C" * (right > 1))[position]
        return stack[len(stack) - max(len(read.shape) - 2, 0):] + own, result
    first, second = string.ascii_lowercase[:left - 1], string.ascii_lowercase[left - 1:left + right - 2]
    if position == 0:
        return first + "Z", first + second
    return (second + "Z" if name == "inner" or right == 1 else second[:-1] + "Z" + second[-1]), first + second

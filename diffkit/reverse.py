"""Reverse mode: one sweep backwards over a tape.

Every node's cotangent is complete when the sweep reaches it, because a tape lists
operations in the order they ran; the node's rule pulls it back to the parents, where
contributions add up.  Sums are made in place once a buffer is the sweep's own, and the
adjoint of indexing adds into that buffer directly, so n reads of x[i] cost O(n).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit import buffers, masked
from diffkit.masked import CAREFUL, one_holds_nan
from diffkit.quiet import restore, silence
from diffkit.recording import TapeLevel
from diffkit.rules import kinds
from diffkit.rules.indexing import GETITEM, add_at
from diffkit.rules.kinds import NOTHING, OVER, PRODUCT, QUOTIENT, SAME, TIMES, Elementwise, conform
from diffkit.rules.writing import ADD_AT, SETITEM, fitted, last_written
from diffkit.tape import PICK, Node
from diffkit.traced import Traced

#: Rules whose pull works in the parents' cotangents themselves.
_BY_HAND = frozenset([GETITEM, SETITEM, ADD_AT, PICK])
_ndarray = np.ndarray


def sweep(nodes: list[Node], seeds: Sequence[tuple[Node, Any]], wanted: Sequence[Node],
          structural: bool = False) -> list[Any]:
    """Cotangents of the ``wanted`` inputs, given those of the ``seeds`` (None: no dependence).

    A NaN may come from a branch that was not taken: the tape is swept once more, with
    structural zeros (those of the seeds, too, if they are ``structural``).
    """
    if not CAREFUL.get():
        found = _sweep(nodes, seeds, wanted)
        if not one_holds_nan(found):
            return found
    cotangents = masked.sweep(nodes, seeds, structural)
    return [None if cotangents[node.index] is None else cotangents[node.index][0] for node in wanted]


def sweep_once(nodes: list[Node], seeds: Sequence[tuple[Node, Any]], wanted: Sequence[Node]) -> list[Any]:
    """The plain sweep, which leaves nothing of the tape: each node's memory is freed behind it."""
    return _sweep(nodes, seeds, wanted, _freeing)


def _freeing(nodes: list[Node], last: int) -> Iterator[int]:
    for i in range(last, -1, -1):
        yield i
        nodes[i].saved, nodes[i].parents = None, ()


def _backwards(nodes: list[Node], last: int) -> Iterable[int]:
    return range(last, -1, -1)


def _sweep(nodes: list[Node], seeds: Sequence[tuple[Node, Any]], wanted: Sequence[Node],
           backwards: Callable[[list[Node], int], Iterable[int]] = _backwards) -> list[Any]:
    """The plain sweep."""
    cotangents: list[Any] = [None] * len(nodes)
    # Whether a buffer was made by this sweep (and may be added into).
    owned = bytearray(len(nodes))
    last = 0
    for node, g in seeds:
        i = node.index
        cotangents[i] = g if cotangents[i] is None else cotangents[i] + g
        last = max(last, i)
    quiet = silence()  # what is not finite shows in the result
    try:
        for i in backwards(nodes, last):
            g = cotangents[i]
            if g is None:
                continue
            node = nodes[i]
            rule = node.rule
            if rule is None:
                continue
            cotangents[i] = None
            if type(g) is Traced and g.level.is_buffers and rule is not SETITEM and rule is not ADD_AT:
                g = buffers.contents(g)
            # The hot path, written out: an elementwise pull has the result's shape and
            # dtype, so it fits a parent of the same without asking the array.
            if type(rule) is Elementwise:
                saved = node.saved
                steps = rule.steps
                shape = node.shape
                parents = node.parents
                k = 0  # counted by hand: zip costs as much as a small multiplication
                for position in node.active:
                    parent = parents[k]
                    k += 1
                    j = parent.index
                    previous = cotangents[j]
                    how, what = steps[position]
                    if how == PRODUCT:
                        c = g * saved[what]
                    elif how == TIMES:
                        c = g * what(*saved)
                    elif how == SAME:
                        c = g
                    elif how == OVER:
                        c = g / what(*saved)
                    elif how == QUOTIENT:
                        c = g / saved[what]
                    elif how == NOTHING:
                        continue
                    elif previous is not None and parent.shape == shape:
                        cotangents[j] = previous - g  # spares the negative
                        owned[j] = False
                        continue
                    else:
                        c = -g
                    if (parent.shape is not shape and parent.shape != shape) or parent.dtype is not node.dtype:
                        c = conform(c, parent.shape, parent.dtype)
                    if previous is None:
                        cotangents[j] = c
                    elif owned[j] and type(c) is not Traced:
                        previous += c
                    else:
                        cotangents[j] = c = previous + c
                        owned[j] = type(c) is _ndarray
                continue
            if rule in _BY_HAND:
                if rule is GETITEM:
                    _add_item(cotangents, owned, node, g)
                elif rule is PICK:
                    whole = node.parents[0].index
                    if cotangents[whole] is None:
                        cotangents[whole] = {}
                    cotangents[whole][node.params["position"]] = g
                else:
                    _set_item(cotangents, owned, node, g)
                continue
            if rule.outputs:
                g = tuple(g.get(position) for position in range(rule.outputs))
            for parent, c in zip(node.parents, rule.pull(g, node.saved, node.params, node.active)):
                if c is not None:
                    if c.shape != parent.shape or c.dtype is not parent.dtype:
                        c = conform(c, parent.shape, parent.dtype)
                    j = parent.index
                    if cotangents[j] is None:
                        cotangents[j] = c
                    else:
                        _accumulate(cotangents, owned, j, c)
    finally:
        restore(quiet)
    found = [cotangents[node.index] for node in wanted]
    return [buffers.contents(c) if type(c) is Traced else c for c in found]


def _accumulate(cotangents: list[Any], owned: bytearray, j: int, c: Any) -> None:
    """Add a contribution to cotangent ``j``."""
    previous = cotangents[j]
    if previous is None:
        cotangents[j] = c
    elif owned[j] and type(c) is not Traced:
        previous += c
    else:
        c = previous + c
        cotangents[j] = c
        owned[j] = type(c) is _ndarray


def _add_item(cotangents: list[Any], owned: bytearray, node: Node, g: Any) -> None:
    """The adjoint of ``a[index]``, added into the cotangent of a."""
    parent = node.parents[0]
    j = parent.index
    previous = cotangents[j]
    if type(g) is Traced or type(previous) is Traced:
        cotangents[j] = previous = _buffer(previous, parent)
        buffers.add_at(previous, node.params["index"], g)
        return
    if not owned[j]:
        if previous is None:
            cotangents[j] = np.zeros(parent.shape, parent.dtype)
        else:
            cotangents[j] = np.array(previous)
        owned[j] = True
    add_at(cotangents[j], node.params["index"], g)


def _buffer(g: Any, node: Node) -> Any:
    """A cotangent that is differentiated itself, as an array that takes writes in place."""
    if g is None:
        return buffers.handle(np.zeros(node.shape, node.dtype), True)
    return g if buffers.is_handle(g) else buffers.handle(g)


def _set_item(cotangents: list[Any], owned: bytearray, node: Node, g: Any) -> None:
    """The adjoint of ``a[index] = v`` (v takes what a loses) and of ``a[index] += v``.

    The cotangent goes on to a in the same memory, so n writes cost O(n).
    """
    index = node.params["index"]
    own = bool(owned[node.index])
    for parent, position in zip(reversed(node.parents), reversed(node.active)):
        if position == 1:
            c = buffers.contents(g[index])
            winners = last_written(index, node.shape) if node.rule is SETITEM else None
            if winners is not None:
                c = np.where(winners, c, 0)
            elif type(c) is _ndarray and c.base is not None:
                c = c.copy()
            _accumulate(cotangents, owned, parent.index, fitted(c, parent.shape, parent.dtype))
            continue
        if node.rule is SETITEM:
            if type(g) is Traced:
                g = _buffer(g, node)
            elif not own:
                g, own = np.array(g), True
            g[index] = 0
        j = parent.index
        if cotangents[j] is None:
            cotangents[j] = g
            owned[j] = own and type(g) is _ndarray
        else:
            _accumulate(cotangents, owned, j, buffers.contents(g))


def transpose(function: Callable[..., Any], examples: Sequence[Any], cotangents: Sequence[Any],
              several: bool, level: TapeLevel | None = None) -> Any:
    """The transpose of a linear ``function`` at cotangents of its results.

    ``examples`` have the shapes and dtypes of the arguments; the answer has one
    cotangent for each.  The function is recorded at zeros: being linear, its tape is the
    same everywhere.  This is how a general row that states only its jvp gets a vjp (and,
    transposing the pullback, the other way round).  A ``level`` of the caller's may look at
    the operations.
    """
    level = level or TapeLevel()
    try:
        traced = [level.lift(np.zeros(example.shape, example.dtype)) for example in examples]
        results = function(*traced)
        seeds = [(out.mark, conform(g, out.shape, out.dtype)) for out, g in zip(results, cotangents)
                 if type(out) is Traced and out.level is level and g is not None]
        nodes = level.nodes
    finally:
        level.close()
    found = sweep(nodes, seeds, [t.mark for t in traced])
    found = [np.zeros(e.shape, e.dtype) if c is None else c for c, e in zip(found, examples)]
    return found if several else found[0]


kinds.transpose = transpose

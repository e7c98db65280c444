"""Reverse mode: one sweep backwards over a tape.

Every node's cotangent is complete when the sweep reaches it, because a tape lists
operations in the order they ran; the node's rule pulls it back to the parents, where
contributions add up.  Sums are made in place once a buffer is the sweep's own, and the
adjoint of indexing adds into that buffer directly, so n reads of x[i] cost O(n).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.rules import kinds
from diffkit.rules.indexing import GETITEM, add_at
from diffkit.rules.kinds import Elementwise, conform, over
from diffkit.tape import PICK, Node, TapeLevel
from diffkit.traced import Traced


def sweep(nodes: list[Node], seeds: Sequence[tuple[Node, Any]], wanted: Sequence[Node]) -> list[Any]:
    """Cotangents of the ``wanted`` inputs, given those of the ``seeds`` (None: no dependence)."""
    cotangents: list[Any] = [None] * len(nodes)
    # Whether a buffer was made by this sweep (and may be added into).
    owned = bytearray(len(nodes))
    last = 0
    for node, g in seeds:
        i = node.index
        cotangents[i] = g if cotangents[i] is None else cotangents[i] + g
        last = max(last, i)
    with np.errstate(all="ignore"):  # what is not finite shows in the result
        for i in range(last, -1, -1):
            g = cotangents[i]
            if g is None:
                continue
            node = nodes[i]
            rule = node.rule
            if rule is None:
                continue
            cotangents[i] = None
            # The hot path, written out: an elementwise pull has the result's shape and
            # dtype, so it fits a parent of the same without asking the array.
            if type(rule) is Elementwise:
                saved = node.saved
                partials = rule.partials
                shape = node.shape
                for parent, position in zip(node.parents, node.active):
                    partial = partials[position]
                    j = parent.index
                    previous = cotangents[j]
                    if partial.__class__ is int:
                        if partial == 1:
                            c = g
                        elif previous is not None and parent.shape == shape:
                            cotangents[j] = previous - g  # spares the negative
                            owned[j] = False
                            continue
                        else:
                            c = -g
                    elif partial is None:
                        continue
                    elif partial.__class__ is over:
                        c = g / partial.denominator(*saved)
                    else:
                        c = g * partial(*saved)  # type: ignore[operator]
                    if (parent.shape is not shape and parent.shape != shape) or parent.dtype is not node.dtype:
                        c = conform(c, parent.shape, parent.dtype)
                    if previous is None:
                        cotangents[j] = c
                    elif owned[j] and type(c) is not Traced:
                        previous += c
                    else:
                        cotangents[j] = c = previous + c
                        owned[j] = type(c) is np.ndarray
                continue
            if rule is GETITEM and type(g) is not Traced:
                _add_item(cotangents, owned, node, g)
                continue
            if rule is PICK:
                whole = node.parents[0].index
                if cotangents[whole] is None:
                    cotangents[whole] = {}
                cotangents[whole][node.params["position"]] = g
                continue
            if rule.outputs:
                g = tuple(g.get(position) for position in range(rule.outputs))
            for parent, c in zip(node.parents, rule.pull(g, node.saved, node.params, node.active)):
                if c is not None:
                    if c.shape != parent.shape or c.dtype is not parent.dtype:
                        c = conform(c, parent.shape, parent.dtype)
                    _accumulate(cotangents, owned, parent.index, c)
    return [cotangents[node.index] for node in wanted]


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
        owned[j] = type(c) is np.ndarray


def _add_item(cotangents: list[Any], owned: bytearray, node: Node, g: Any) -> None:
    """The adjoint of ``a[index]``, added into the cotangent of a."""
    parent = node.parents[0]
    j = parent.index
    previous = cotangents[j]
    if type(previous) is Traced:
        cotangents[j] = previous + kinds.TABLE["scatter"](g, index=node.params["index"], shape=parent.shape)
        return
    if not owned[j]:
        if previous is None:
            cotangents[j] = np.zeros(parent.shape, parent.dtype)
        else:
            cotangents[j] = np.array(previous)
        owned[j] = True
    add_at(cotangents[j], node.params["index"], g)


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

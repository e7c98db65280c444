"""Waists: small values that are computed first, and of which many copies are read then.

Rotations of a few cameras, the exponential of a parameter.  ``cuts`` finds what is selected from the
inputs themselves; here it is selected from something computed, on a tape that widens behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from diffkit.rules.kinds import Elementwise
from diffkit.sparsity.relations import selects
from diffkit.tape import Node

#: So many copies of a computed node are worth a matrix of its own.
SPREAD = 4


def waists(nodes: Sequence[Node], inputs: Sequence[Node], outputs: Sequence[Node | None]) -> list[Node]:
    """The computed nodes of which selections or broadcasting make ``SPREAD`` times as many entries.

    Of several, one behind the other, the last.
    """
    selected = {node.index for node in inputs}
    top: dict[int, Node] = {}  # of a selection of a computed node, that node
    found = set()
    for node in nodes:
        if node.rule is None or node.shape is None or not node.parents:
            continue
        moves = selects(node.rule, node.params)
        if moves and all(parent.index in selected for parent in node.parents):
            selected.add(node.index)
        elif moves and len(node.parents) == 1:
            top[node.index] = top.get(node.parents[0].index, node.parents[0])
            if _size(node) >= SPREAD * _size(top[node.index]):
                found.add(top[node.index].index)
        elif type(node.rule) is Elementwise:
            origins = [top.get(parent.index, parent) for parent in node.parents if parent.index not in selected]
            found |= {origin.index for origin in origins if _size(node) >= SPREAD * _size(origin)}
    chosen: dict[int, Node] = {}
    seen = set()
    waiting = [node for node in outputs if node is not None]
    while waiting:
        node = waiting.pop()
        if node.index in seen:
            continue
        seen.add(node.index)
        if node.index in found:
            chosen[node.index] = node
        else:
            waiting += node.parents
    return [chosen[index] for index in sorted(chosen)]


def _size(node: Node) -> int:
    return math.prod(node.shape)

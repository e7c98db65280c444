"""The sparsity pattern of a recorded run: which inputs each entry of a result depends on.

One pass over the tape in the order it was written.  Each node's rows are the union over its
operands of what ``relations`` says it reads of theirs.  The tape of an eager gradient is
enough: nothing is asked but rules, shapes and parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import DiffkitError
from diffkit.rules.kinds import Elementwise
from diffkit.sparsity.relations import Read, relation
from diffkit.sparsity.rows import Rows
from diffkit.tape import PICK, Node

#: Entries that a pattern may have at any node of the tape (a whole number each).
LIMIT = 1 << 25


class TooDenseError(DiffkitError, ValueError):
    """A pattern has too many entries to be worth the name sparse."""


class _Reader:
    """The patterns of the nodes of one tape, computed when they are asked for."""

    def __init__(self, nodes: Sequence[Node], inputs: Sequence[Node]) -> None:
        self.width = sum(math.prod(node.shape) for node in inputs)
        self.found: dict[int, Rows] = {}
        # Patterns that many nodes share: unions and reads of the same objects are found, not made.
        # The objects are kept with them, so that no other one gets their id.
        self.unions: dict[tuple[int, int], tuple[Rows, Rows, Rows]] = {}
        self.reads: dict[tuple[int, bytes], tuple[Rows, Rows]] = {}
        first = 0
        for node in inputs:
            size = math.prod(node.shape)
            self.found[node.index] = Rows.single(first, size, self.width)
            first += size
        for node in nodes:
            if node.rule is not None and node.shape is not None:
                self.found[node.index] = self._of(node)

    def _of(self, node: Node) -> Rows:
        whole = node.parents[0] if node.rule is PICK else node
        total = Rows.empty(math.prod(node.shape), self.width)
        for parent, position in zip(whole.parents, whole.active):
            rule = whole.rule
            assert rule is not None
            if type(rule) is Elementwise and rule.partials[position] is None:
                continue
            rows = self.found.get(parent.index)
            if rows is None:  # a value that no input reaches
                continue
            shapes = _shapes(whole)
            read = Read(rule, position, tuple(parent.shape), tuple(node.shape), whole.params, shapes)
            total = self._union(total, self._read(rows, read))
        _check(total.size)
        return total

    def _read(self, rows: Rows, read: Read) -> Rows:
        if read.shape == read.out and read.rule.kind == "elementwise":
            return rows
        groups, places = relation(read)
        if groups is not None:
            rows = rows.merged(groups, max(int(groups.max(initial=-1)), int(places.max(initial=-1))) + 1)
        _check(int(rows.lengths[places[places >= 0]].sum()) if rows.count else 0)
        key = id(rows), places.tobytes()
        if key not in self.reads:
            self.reads[key] = rows, rows.take(places)
        return self.reads[key][1]

    def _union(self, a: Rows, b: Rows) -> Rows:
        key = id(a), id(b)
        if key not in self.unions:
            self.unions[key] = a, b, a.union(b)
        return self.unions[key][2]


def _check(size: int) -> None:
    if size > LIMIT:
        raise TooDenseError(f"the pattern has more than {LIMIT} entries",
                            "dk.jacobian or dk.hessian, which are dense")


def _shapes(node: Node) -> Any:
    """The shapes of all operands of a node, as its rule saved them."""
    kind = node.rule.kind if node.rule is not None else ""
    if kind == "linear":
        return node.saved
    if kind == "multilinear":
        return [getattr(value, "shape", ()) for value in node.saved]
    return None


def pattern_of(nodes: Sequence[Node], inputs: Sequence[Node], outputs: Sequence[Node | None],
               shapes: Sequence[tuple[int, ...]]) -> Rows:
    """The pattern of all results of a run laid end to end, by all inputs laid end to end.

    ``outputs`` are the results' nodes (None: depends on no input), ``shapes`` their shapes.

    Raises TooDenseError where it has more than ``LIMIT`` entries.
    """
    reader = _Reader(nodes, inputs)
    keys = []
    first = 0
    for node, shape in zip(outputs, shapes):
        rows = None if node is None else reader.found.get(node.index)
        if rows is not None and rows.size:
            keys.append((rows.numbers + first) * reader.width + rows.indices)
        first += math.prod(shape)
    return Rows.from_keys(np.concatenate(keys) if keys else np.zeros(0, np.intp), first, reader.width)

"""Where a program can be cut: behind the selections of its inputs, before the sums into its results.

Many sparse programs gather (``x[idx]``, slices, transposes, stacks), compute row by row, and
perhaps add up (``np.add.at``, or the adjoint of gathering in a gradient).  Then

    J = S R G        G  (sources by inputs)   each row has one 1: where the entry was read
                     R  (targets by sources)  the derivatives of what is computed between
                     S  (results by targets)  ones: where the entry is written, or added

and only R takes sweeps.  Copies of one input are columns of their own in R, so its rows have
fewer columns in common than those of J: rows of different observations none.

A node is *selected* if nothing but selections lead from the inputs to it; the **sources** are the
selected nodes as something else reads them: an elementwise operation that broadcasts one reads a
copy of it for each of its own entries.  Going back from the results through selections and
scatters ends at the **targets**.  Both are found from rules alone; where their entries come from
and go to (``origins``, ``destinations``) is asked of the relations once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.rules.arithmetic import ADD
from diffkit.rules.indexing import GETITEM, SCATTER
from diffkit.rules.kinds import Elementwise
from diffkit.rules.writing import ADD_AT
from diffkit.sparsity.relations import Read, added_places, relation, selects
from diffkit.tape import Node


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """The entries of a selected node as something reads them: as they are, or spread by broadcasting."""

    #: An input, which stands for what was read.
    node: Node
    read: Node


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """A tape between its sources and its targets.

    ``between`` is the tape with the sources as inputs, for the readers that sweep it or ask its pattern.
    """

    nodes: Sequence[Node]
    inputs: Sequence[Node]
    outputs: Sequence[Node | None]
    selected: frozenset[int]
    passing: frozenset[int]
    found: list[Source]
    targets: list[Node]
    between: list[Node]

    @property
    def sources(self) -> list[Node]:
        """The sources, as inputs of ``between``."""
        return [source.node for source in self.found]

    @property
    def shapes(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Those of the sources, and of the targets: equal on equal paths."""
        return [tuple(node.shape) for node in self.sources], [tuple(node.shape) for node in self.targets]

    @property
    def gathers(self) -> bool:
        """Whether a source was read by an array of indices, and not by slices alone."""
        return any(node.rule is GETITEM and _holds_array(node.params["index"])
                   for node in self.nodes if node.index in self.selected)

    def origins(self) -> Any:
        """For each entry of the sources, laid end to end, the entry of the inputs that it is; -1: a constant."""
        found: dict[int, Any] = {}
        first = 0
        for node in self.inputs:
            found[node.index] = np.arange(first, first + math.prod(node.shape))
            first += math.prod(node.shape)
        for node in self.nodes:
            if node.index in self.selected and node.index not in found:
                total = np.full(math.prod(node.shape), -1)
                for parent, position in zip(node.parents, node.active):
                    places = relation(_read(node, parent, position))[1]
                    here = np.flatnonzero(places >= 0)
                    total[here] = found[parent.index][places[here]]
                found[node.index] = total
        spread = [np.broadcast_to(found[source.read.index].reshape(source.read.shape), source.node.shape)
                  for source in self.found]
        return _laid([np.ravel(part) for part in spread])

    def destinations(self, sizes: Sequence[int]) -> tuple[Any, Any]:
        """Pairs: an entry of the targets, and an entry of the results to which it is added.

        ``sizes`` are those of the results.
        """
        pairs: dict[int, list[tuple[Any, Any]]] = {}
        first = 0
        for output, size in zip(self.outputs, sizes):
            if output is not None:
                pairs.setdefault(output.index, []).append((np.arange(size), np.arange(first, first + size)))
            first += size
        for node in reversed(self.nodes):
            if node.index in pairs and node.index in self.passing:
                entries, results = map(_laid, zip(*pairs.pop(node.index)))
                for parent, position in zip(node.parents, node.active):
                    read = _read(node, parent, position)
                    pairs.setdefault(parent.index, []).append(_behind(read, entries, results))
        found = []
        first = 0
        for node in self.targets:
            entries, results = map(_laid, zip(*pairs[node.index]))
            found.append((entries + first, results))
            first += math.prod(node.shape)
        return _laid([entries for entries, _ in found]), _laid([results for _, results in found])


def cut_of(nodes: Sequence[Node], inputs: Sequence[Node], outputs: Sequence[Node | None],
           always: bool = False) -> Cut | None:
    """Where to cut a run, or None if its sources would be no larger than its inputs: no entry is read twice.

    ``inputs`` may name nodes further along the tape; what they depend on is then another matter.
    """
    selected = {node.index for node in inputs}
    scattered: set[int] = set()
    passing = set()
    for node in nodes:
        rule = node.rule
        if rule is None or node.shape is None or not node.parents or node.index in selected:
            continue
        from_scatter = any(parent.index in scattered for parent in node.parents)
        if selects(rule, node.params):
            if all(parent.index in selected for parent in node.parents):
                selected.add(node.index)
                continue
        elif rule is ADD_AT or rule is SCATTER:
            from_scatter = True
        elif rule is not ADD or not from_scatter:  # what is added to such a sum
            continue
        passing.add(node.index)
        if from_scatter:
            scattered.add(node.index)
    reached = {node.index for node in outputs if node is not None}
    targets = []
    for node in reversed(nodes):
        if node.index in reached:
            if node.index in passing:
                reached.update(parent.index for parent in node.parents)
            else:
                targets.append(node)
    between, found = _with_sources(nodes, selected, reached)
    sources = [source.node for source in found]
    if not always and sum(map(_size, sources)) <= sum(map(_size, inputs)):
        return None
    if any(node.dtype is None or node.dtype.kind != "f" for node in [*targets, *sources]):
        return None
    return Cut(nodes, inputs, outputs, frozenset(selected), frozenset(passing), found, targets[::-1], between)


def _size(node: Node) -> int:
    return math.prod(node.shape)


def _with_sources(nodes: Sequence[Node], selected: set[int], reached: set[int]) -> tuple[list[Node], list[Source]]:
    """The tape with sources in place of the selected nodes that something else reads, and these."""
    between = list(nodes)
    found: dict[tuple[int, tuple[int, ...]], Source] = {}

    def source(read: Node, shape: tuple[int, ...]) -> Node:
        key = read.index, shape
        if key not in found:
            own = shape == read.shape
            node = Node(None, None, {}, (), (), read.index if own else len(between), shape, read.dtype)
            if own:
                between[read.index] = node
            else:
                between.append(node)
            found[key] = Source(node, read)
        return found[key].node

    for node in nodes:
        if node.index in selected:
            if node.index in reached:
                source(node, node.shape)
        elif any(parent.index in selected for parent in node.parents):
            parents = [source(parent, _spread(node, parent)) if parent.index in selected else parent
                       for parent in node.parents]
            between[node.index] = Node(node.rule, node.saved, node.params, node.active, parents, node.index,
                                       node.shape, node.dtype)
    return between, list(found.values())


def _spread(node: Node, parent: Node) -> tuple[int, ...]:
    """The shape in which an operation reads an operand: an elementwise one has a copy for each of its entries."""
    if type(node.rule) is Elementwise and math.prod(parent.shape) != math.prod(node.shape):
        return tuple(node.shape)
    return tuple(parent.shape)


def _holds_array(index: Any) -> bool:
    return any(isinstance(item, (np.ndarray, list)) for item in (index if type(index) is tuple else (index,)))


def _read(node: Node, parent: Node, position: int) -> Read:
    assert node.rule is not None
    shapes = node.saved if node.rule.kind == "linear" else None
    return Read(node.rule, position, tuple(parent.shape), tuple(node.shape), node.params, shapes)


def _behind(read: Read, entries: Any, results: Any) -> tuple[Any, Any]:
    """Entries of an operation's result, and where they go, as entries of an operand, and where those go."""
    if read.rule is SCATTER or (read.rule is ADD_AT and read.position == 1):
        source, places = added_places(read)
        order = np.argsort(entries, kind="stable")
        counts = np.bincount(entries, minlength=math.prod(read.out))
        taken = counts[places]  # how many results each addend goes to
        offsets = np.repeat((np.cumsum(counts) - counts)[places] - (np.cumsum(taken) - taken), taken)
        return np.repeat(source, taken), results[order[offsets + np.arange(offsets.size)]]
    places = relation(read)[1][entries]
    return places[places >= 0], results[places >= 0]


def _laid(parts: Sequence[Any]) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, np.intp)

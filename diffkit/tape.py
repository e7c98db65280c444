"""The tape: the Wengert list of a run, as plain data.

A ``Tape`` lists the ``Node``s of a run in the order in which they were computed, so no
reader ever sorts.  A node names its rule and its parameters, its parents (nodes) with
their argument positions, and what the rule's pull needs.  A ``Guard`` is an answer that
the run gave to Python (``if x > 0``, an index): together they are the path condition.
Who writes tapes is in ``recording``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.rules.kinds import Rule


class Node:
    """One operation of a run.

    ``parents[k]`` is the node behind argument number ``active[k]``; ``saved`` is
    what the rule's pull reads (``Rule.save``).  ``inputs``, ``value``
    and ``line`` are filled by ``RecordLevel`` only: every argument (a node or a constant),
    the result, and the user's file and line.  A rule with
    several results has a node of its own, and one ``PICK`` node for each result.
    """

    active: tuple[int, ...]
    parents: Sequence[Node]
    inputs: tuple[Any, ...]
    value: Any
    line: str
    __slots__ = ("active", "dtype", "index", "inputs", "line", "params", "parents", "rule", "saved", "shape",
                 "value")

    def __init__(self, rule: Rule | None, saved: Any, params: dict[str, Any], active: tuple[int, ...],
                 parents: Sequence[Node], index: int, shape: Any, dtype: Any) -> None:
        self.rule = rule
        self.saved = saved
        self.params = params
        self.active = active
        self.parents = parents
        self.index = index
        self.shape = shape
        self.dtype = dtype

    def __repr__(self) -> str:
        name = self.rule.name if self.rule else "input"
        return f"<node {self.index}: {name}>"


class Pick(Rule):
    """Selects one result of a rule with several; the sweep knows it by its class."""

    kind = "pick"
    __slots__ = ()


PICK = Pick(lambda values, position: values[position], "pick")


@dataclasses.dataclass(frozen=True, slots=True)
class Guard:
    """A question that Python asked of a value during the run, and the answer it got."""

    node: Node
    answer: Any
    line: str


@dataclasses.dataclass(frozen=True, slots=True)
class Tape:
    """A finished recording.

    ``inputs`` are the nodes of the differentiated leaves, ``names`` how the user would
    write them, ``output`` the result's container with nodes (or constants) as leaves.
    """

    nodes: list[Node]
    inputs: list[Node]
    names: list[str]
    output: Any
    guards: list[Guard]

    @property
    def elements(self) -> int:
        """The number of array entries computed along the tape: its size when expanded."""
        return sum(int(np.prod(node.shape)) for node in self.nodes if node.shape is not None)

"""The recorded run as plain data: which operations, on what, with which value and gradient.

A run of a thousand operations can't be looked at; then the operations nearest to the ones
that are marked are kept (or to the result, when nothing is), and the others are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.blame.kinking import edges
from diffkit.blame.running import Run, look, source_of
from diffkit.comparison.evidence import Graph, Operation
from diffkit.comparison.finding import Finding
from diffkit.comparison.judgement import JUMP, KINK, VERTICAL, Judgement
from diffkit.comparison.problem import Problem
from diffkit.comparison.report import abridged
from diffkit.tape import Node

#: So many operations are drawn.
_MOST = 36
_LONGEST = 5000


def graph_of(problem: Problem, findings: Sequence[Finding], judged: Judgement) -> Graph | None:
    """The graph of f's run, blamed and kinked operations marked; None where nothing was recorded.

    Raises what f or the recording raises.
    """
    def f(*args: Any) -> Any:
        return problem.f(*args, **problem.kwargs)

    f.__name__ = problem.name
    run = look(f, problem.args, problem.argnums)
    nodes = [node for node in run.tape.nodes if node.rule is None or node.rule.kind != "pick"]
    if len(nodes) > _LONGEST or len(nodes) == len(run.tape.inputs):
        return None
    marks = _marks(run, findings, judged, problem)
    drawn = _nearest(run, nodes, marks)
    return Graph(tuple(_operation(run, node, marks, drawn, problem) for node in nodes if node.index in drawn),
                 len(nodes) - len(drawn))


def _marks(run: Run, findings: Sequence[Finding], judged: Judgement, problem: Problem) -> dict[int, str]:
    marks = {node.index: "input" for node in run.tape.inputs}
    marks |= {_owner(out).index: "result" for out in run.outs if isinstance(out, Node)}
    blamed = {(finding.operation, finding.line) for finding in findings if finding.operation}
    for node in run.tape.nodes:
        if node.rule is not None and (node.rule.name, node.line) in blamed:
            marks[node.index] = "blamed"
    if np.isin(judged.words, (KINK, JUMP, VERTICAL)).any():
        marks |= {node.index: "kink" for node, _ in edges(run)}
    return marks


def _owner(node: Node) -> Node:
    """The operation itself, of a node that picks one of its results."""
    return node.parents[0] if node.rule is not None and node.rule.kind == "pick" else node


def _nearest(run: Run, nodes: Sequence[Node], marks: dict[int, str]) -> set[int]:
    """At most ``_MOST`` operations, breadth first from the marked ones (else from the result)."""
    if len(nodes) <= _MOST:
        return {node.index for node in nodes}
    marked = {index for index, mark in marks.items() if mark in ("blamed", "kink")}
    start = marked or {index for index, mark in marks.items() if mark == "result"}
    around: dict[int, set[int]] = {node.index: set() for node in nodes}
    for node in nodes:
        for parent in map(_owner, node.parents):
            around[node.index].add(parent.index)
            if marked:
                around[parent.index].add(node.index)
    found, edge = set(sorted(start)[:_MOST]), sorted(start)[:_MOST]
    while edge:
        further = sorted({index for one in edge for index in around[one]} - found, reverse=True)
        edge = further[:_MOST - len(found)]
        found |= set(edge)
    return found


def _operation(run: Run, node: Node, marks: dict[int, str], drawn: set[int], problem: Problem) -> Operation:
    parents = tuple(dict.fromkeys(_owner(p).index for p in node.parents if _owner(p).index in drawn))
    name = node.rule.name if node.rule is not None else _input_name(run, node, problem)
    masked = run.cotangents[node.index]
    gradient = "" if masked is None or isinstance(masked, dict) else abridged(np.asarray(masked[0])[()])
    line = node.line if node.rule is not None else ""
    # The name of the file is enough for people, and machine paths are nobody's business.
    short = line.replace("\\", "/").rsplit("/", 1)[-1]
    return Operation(node.index, name, parents, _value(node), gradient, short, source_of(line),
                     marks.get(node.index, ""))


def _input_name(run: Run, node: Node, problem: Problem) -> str:
    return problem.input_leaves[next(k for k, own in enumerate(run.tape.inputs) if own is node)]


def _value(node: Node) -> str:
    value = getattr(node, "value", None)
    if isinstance(value, (tuple, list)):
        return abridged(value[0]) if len(value) == 1 else f"{len(value)} results"
    return abridged(value)

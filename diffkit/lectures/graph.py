"""The computational graph of a run, with values and gradients on its edges.

The run is recorded, and the notes' simple back-propagation (Straka) walks the recording backwards:

    g[last] = 1;    g[i] ← Σ over users j of node i:  g[j] · ∂u[j]/∂u[i]

Every term of the sum belongs to one edge.  ``draw`` prints the graph as a tree from the result
down to the inputs, an edge as ``value ┊ gradient``; a picture of it is in ``picture``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.arguments import split
from diffkit.exact.recording import leaf_names, recording
from diffkit.tape import Node
from diffkit.transforms import vjp

__all__ = ["Box", "Graph", "draw", "edges", "graph", "number"]

_SIGNS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "power": "^", "matmul": "@",
          "maximum": "max", "negative": "−"}


@dataclasses.dataclass
class Box:
    """One value of the run: its name, the operation, its operands (``parents``), and the gradient.

    ``along[k]`` is what the edge to ``parents[k]`` carries back; a parent's gradient is the sum
    over all edges to it.
    """

    name: str
    operation: str
    value: Any
    parents: list[Box]
    gradient: Any = 0.0
    along: list[Any] = dataclasses.field(default_factory=list)
    users: int = 0


@dataclasses.dataclass(frozen=True)
class Graph:
    """Boxes in the order of the run; the last is the result."""

    boxes: list[Box]

    def __getitem__(self, name: str) -> Box:
        return next(box for box in self.boxes if box.name == name)


def graph(function: Callable[..., Any], *point: Any) -> Graph:
    """Record ``function`` and send the gradient of its result back along every edge.

    Parameters
    ----------
    function : plain NumPy; returns the result, or ``{name: value}`` whose last entry is the result.
    point : its arguments; all of them are inputs of the graph.

    >>> boxes = graph(lambda x: x * x + x, 3.0).boxes
    >>> [(box.operation, float(box.gradient)) for box in boxes]
    [('', 7.0), ('×', 1.0), ('+', 1.0)]
    """
    moving = split(point, tuple(range(len(point))), function)
    run = recording(function, moving, {})
    outs = [out for out in run.outs if isinstance(out, Node)]
    titles = dict(zip(map(id, run.tape.inputs), leaf_names(function, moving)))
    if isinstance(run.tape.output, dict):
        titles.update((id(node), name) for name, node in run.tape.output.items())
    boxes: dict[int, Box] = {}
    for node in run.tape.nodes:
        boxes[node.index] = _box(node, titles.get(id(node), ""), boxes)
    kept = _reached(boxes, outs[-1].index)
    boxes[outs[-1].index].gradient = np.ones_like(outs[-1].value)
    for node in reversed(run.tape.nodes):
        if node.index in kept and node.parents and node.dtype.kind == "f":
            _send_back(node, boxes)
    return Graph([boxes[index] for index in sorted(kept)])


def _box(node: Node, name: str, boxes: dict[int, Box]) -> Box:
    if node.rule is None:
        return Box(name, "", node.value, [])
    others = [given for given in node.inputs if not isinstance(given, Node)]
    operation = _SIGNS.get(node.rule.name, node.rule.name)
    if operation in "+−×÷^@" and others:  # one operand is a constant
        left = not isinstance(node.inputs[0], Node)
        operation = f"{number(others[0])} {operation}" if left else f"{operation} {number(others[0])}"
    return Box(name, operation, node.value, [boxes[parent.index] for parent in node.parents])


def _reached(boxes: dict[int, Box], last: int) -> set[int]:
    """Indices of the boxes that the result was computed from."""
    places = {id(box): index for index, box in boxes.items()}
    found, todo = set(), [last]
    while todo:
        index = todo.pop()
        if index not in found:
            found.add(index)
            todo += [places[id(parent)] for parent in boxes[index].parents]
    for index in found:
        for parent in boxes[index].parents:
            parent.users += 1
    return found


def _send_back(node: Node, boxes: dict[int, Box]) -> None:
    """One step of back-propagation: node's gradient times its local derivatives, edge by edge."""
    rule, values = node.rule, [given.value if isinstance(given, Node) else given for given in node.inputs]
    assert rule is not None
    box = boxes[node.index]
    moves = [parent.dtype.kind == "f" for parent in node.parents]  # not a truth value
    positions = [position for position, moving in zip(node.active, moves) if moving]

    def local(*moving: Any) -> Any:
        operands = list(values)
        for position, value in zip(positions, moving):
            operands[position] = value
        return rule.call(*operands, **node.params)

    pulled = iter(vjp(local, *(values[position] for position in positions))[1](box.gradient))
    box.along = [next(pulled) if moving else 0.0 for moving in moves]
    for parent, gradient in zip(box.parents, box.along):
        parent.gradient = parent.gradient + gradient


def edges(box: Box) -> list[tuple[Box, Any]]:
    """Operands, and what goes back to each; nothing goes back through a truth value."""
    return list(zip(box.parents, box.along or [0.0] * len(box.parents)))


def number(value: Any) -> str:
    """A value in few characters.

    >>> number(-6.0), number(0.7310586), number(np.ones((2, 2)))
    ('−6', '0.7311', '[[1, 1], [1, 1]]')
    """
    array = np.asarray(value)
    if array.ndim:
        if array.size > 6:
            return f"array {'×'.join(map(str, array.shape))}"
        return "[" + ", ".join(map(number, array)) + "]"
    return f"{float(array) + 0.0:.4g}".replace("-", "−")


def draw(drawn: Graph) -> str:
    """The graph as text: a tree from the result to the inputs, an edge as ``value ┊ gradient``.

    >>> print(draw(graph(lambda x: x * x + x, 3.0)))
    result: +
    │ 12 ┊ 1
    ├─ 9 ┊ 1 ── ×
    │  ├─ 3 ┊ 3 ── x (of 3 edges, gradient 7)
    │  └─ 3 ┊ 3 ── x (of 3 edges, gradient 7)
    └─ 3 ┊ 1 ── x (of 3 edges, gradient 7)
    """
    last = drawn.boxes[-1]
    lines = [_title(last) if last.name else f"result: {last.operation}",
             f"│ {number(last.value)} ┊ {number(last.gradient)}"]
    seen: set[int] = set()

    def branch(box: Box, indent: str) -> None:
        for k, (parent, gradient) in enumerate(edges(box)):
            final = k == len(box.parents) - 1
            again = parent.parents and id(parent) in seen
            lines.append(f"{indent}{'└─' if final else '├─'} {number(parent.value)} ┊ {number(gradient)} ── "
                         f"{_title(parent)}{' ↑' if again else ''}")
            if not again:
                seen.add(id(parent))
                branch(parent, indent + ("   " if final else "│  "))

    branch(last, "")
    return "\n".join(lines)


def _title(box: Box) -> str:
    title = f"{box.name} = {box.operation}" if box.name and box.operation else box.name or box.operation
    shared = f" (of {box.users} edges, gradient {number(box.gradient)})" if box.users > 1 else ""
    return title + shared

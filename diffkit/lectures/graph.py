"""The computational graph of a run, with values and gradients on its edges.

The run is recorded, and the notes' simple back-propagation (Straka) walks the recording backwards:

    g[last] = 1;    g[i] ← Σ over users j of node i:  g[j] · ∂u[j]/∂u[i]

Every term of the sum belongs to one edge.  ``draw`` prints the graph as a tree from the result
down to the inputs, an edge as ``value ┊ gradient``; ``plot`` draws it with matplotlib.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.arguments import split
from diffkit.errors import require
from diffkit.exact.recording import leaf_names, recording
from diffkit.tape import Node
from diffkit.transforms import vjp

__all__ = ["Box", "Graph", "draw", "graph", "plot"]

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


def _edges(box: Box) -> list[tuple[Box, Any]]:
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
        for k, (parent, gradient) in enumerate(_edges(box)):
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


def plot(drawn: Graph, ax: Any = None) -> Any:
    """Draw the graph with matplotlib, inputs left and the result right, and return the axes.

    Above an edge stands the value that flows forward (green), below it the gradient that flows
    back (red).  Raises MissingPackageError without matplotlib.
    """
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError:
            raise require("matplotlib", "plot", "a plot") from None
        inputs = sum(box.users for box in drawn.boxes if not box.parents)
        ax = pyplot.figure(figsize=(14, 2 + 0.55 * inputs), layout="constrained").add_subplot()
    places, bends = _places(drawn)
    for box in drawn.boxes:
        x, y = places[id(box)]
        for k, (parent, gradient) in enumerate(_edges(box)):
            x0, y0 = places[id(parent)]
            if (id(box), k) in bends:  # past the column between, where this use has a row of its own
                bend = bends[id(box), k]
                ax.plot([x0 + 0.1, bend[0] - 0.1, bend[0] + 0.1], [y0, bend[1], bend[1]], color="0.6", linewidth=1.3)
                x0, y0 = bend
            ax.annotate("", (x - 0.1, y), (x0 + 0.1, y0), arrowprops={"arrowstyle": "-|>", "color": "0.6",
                                                                    "shrinkA": 0})
            at = (x0 + 0.4 * (x - x0), y0 + 0.4 * (y - y0))
            for text, below, color in ((parent.value, False, "green"), (gradient, True, "firebrick")):
                ax.annotate(number(text), at, (0, -2 if below else 2), textcoords="offset points", ha="center",
                            va="top" if below else "bottom", color=color, fontsize=8,
                            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5})
        label = "\n".join(filter(None, (box.name, box.operation)))
        ax.text(x, y, label, ha="center", va="center", fontsize=9,
                bbox={"boxstyle": "round", "facecolor": "white" if box.parents else "lightyellow"})
    x, y = places[id(drawn.boxes[-1])]
    ax.text(x + 0.15, y, number(drawn.boxes[-1].value), color="green", va="bottom", fontsize=9)
    ax.text(x + 0.15, y, number(drawn.boxes[-1].gradient), color="firebrick", va="top", fontsize=9)
    heights = [place[1] for place in places.values()]
    ax.set_xlim(min(place[0] for place in places.values()) - 0.4, x + 0.6)
    ax.set_ylim(min(heights) - 0.7, max(heights) + 0.7)
    ax.set_axis_off()
    ax.set_title("green: values, forward    red: gradients, backward")
    return ax


def _places(drawn: Graph) -> tuple[dict[int, tuple[float, float]], dict[tuple[int, int], tuple[float, float]]]:
    """Where the boxes stand, columns by distance from the inputs, rows as in the printed tree; where edges bend.

    Every use of an input has a row of its own, and a box stands in the middle of the rows below it, so
    that no two boxes meet; an input with several users stands one column further left, and its edges pass
    the column between in their own rows.
    """
    columns: dict[int, int] = {}
    for box in drawn.boxes:
        columns[id(box)] = 1 + max((columns[id(parent)] for parent in box.parents), default=-1)
    for box in drawn.boxes:
        if not box.parents and box.users:
            nearest = min(columns[id(user)] for user in drawn.boxes if any(parent is box for parent in user.parents))
            columns[id(box)] = nearest - (1 if box.users == 1 else 2)
    rows: dict[int, list[float]] = {}
    uses: dict[tuple[int, int], float] = {}
    _rows(drawn.boxes[-1], rows, uses, [0])
    bends = {(id(box), k): (columns[id(box)] - 1.0, -uses[id(box), k]) for box in drawn.boxes
             for k, parent in enumerate(box.parents)
             if (id(box), k) in uses and columns[id(box)] - columns[id(parent)] > 1}
    return {id(box): (float(columns[id(box)]), -float(np.mean(rows[id(box)]))) for box in drawn.boxes}, bends


def _rows(box: Box, rows: dict[int, list[float]], uses: dict[tuple[int, int], float],
          following: list[int]) -> list[float]:
    """The rows of the inputs below ``box``, drawn from ``following``; met again, an input takes one more.

    ``uses`` is told the row of each input as parent number k of a box.
    """
    if box.parents and id(box) in rows:
        return rows[id(box)]
    if box.parents:
        found = []
        for k, parent in enumerate(box.parents):
            below = _rows(parent, rows, uses, following)
            if not parent.parents:
                uses[id(box), k] = below[0]
            found += below
        rows[id(box)] = found
        return found
    rows.setdefault(id(box), []).append(float(following[0]))
    following[0] += 1
    return rows[id(box)][-1:]

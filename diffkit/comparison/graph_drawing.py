"""The recorded graph as SVG: inputs above, the result below, what is blamed in red.

Layers by longest path (Sugiyama's scheme): an edge that jumps layers goes through empty places,
so no line passes behind a box; the order within a layer is that of the mean of the neighbours,
swept up and down a few times; then boxes move towards their neighbours as far as others let them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape

from diffkit.comparison.evidence import Graph, Operation

_BOX, _TALL, _GAP, _FLOOR = 168, 40, 22, 74
_PLACE = 12
_SWEEPS = 8
#: How operations are written where people have a sign for them.
SIGNS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "power": "^", "matmul": "@", "negative": "−",
         "square": "²"}
_MARKS = {"blamed": "the derivatives go wrong here", "kink": "this operation sits on its edge"}


class _Layout:
    """Layers of items: operations (0 and up) and of places on long edges (below 0)."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.depth: dict[int, int] = {}
        for one in operations:
            self.depth[one.index] = 1 + max((self.depth[p] for p in one.parents), default=-1)
        users: dict[int, list[int]] = {one.index: [] for one in operations}
        for one in operations:
            for parent in one.parents:
                users[parent].append(one.index)
        for one in reversed(operations):  # an input stands just above its first reader
            if not one.parents and users[one.index]:
                self.depth[one.index] = min(self.depth[user] for user in users[one.index]) - 1
        self.edges: list[list[int]] = []
        self.layers: list[list[int]] = [[] for _ in range(max(self.depth.values()) + 1)]
        for one in operations:
            self.layers[self.depth[one.index]].append(one.index)
        self.above: dict[int, list[int]] = {one.index: [] for one in operations}
        self.below: dict[int, list[int]] = {one.index: [] for one in operations}
        count = 0
        for one in operations:
            for parent in one.parents:
                route = [parent]
                for level in range(self.depth[parent] + 1, self.depth[one.index]):
                    count -= 1
                    self.layers[level].append(count)
                    self.above[count], self.below[count] = [], []
                    route.append(count)
                route.append(one.index)
                self.edges.append(route)
                for upper, lower in itertools.pairwise(route):
                    self.below[upper].append(lower)
                    self.above[lower].append(upper)
        self.x: dict[int, float] = {}
        self._order()
        self._move()

    @staticmethod
    def width(item: int) -> float:
        return _BOX if item >= 0 else _PLACE

    def _order(self) -> None:
        place = {item: float(k) for layer in self.layers for k, item in enumerate(layer)}
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for layer in self.layers if down else reversed(self.layers):
                near = self.above if down else self.below
                layer.sort(key=lambda item: sum(place[other] for other in near[item]) / len(near[item])
                           if near[item] else place[item])
                place.update((item, float(k)) for k, item in enumerate(layer))

    def _move(self) -> None:
        for layer in self.layers:
            at = -sum(self.width(item) + _GAP for item in layer) / 2
            for item in layer:
                self.x[item] = at + self.width(item) / 2
                at += self.width(item) + _GAP
        for sweep in range(4 * _SWEEPS):
            for layer in self.layers:
                for order in (layer, layer[::-1]) if sweep % 2 else (layer[::-1], layer):
                    self._towards(order, 1 if order is layer else -1)

    def _towards(self, layer: Sequence[int], sign: int) -> None:
        """Move each item to the mean of its neighbours, not past the next one in the layer."""
        for k, item in enumerate(layer):
            near = self.above[item] + self.below[item]
            if not near:
                continue
            wanted = sum(self.x[other] for other in near) / len(near)
            for side, other in ((-1, k - 1), (1, k + 1)):
                if 0 <= other < len(layer):
                    far = (self.width(item) + self.width(layer[other])) / 2 + _GAP
                    edge = self.x[layer[other]] - side * sign * far
                    wanted = max(wanted, edge) if side * sign < 0 else min(wanted, edge)
            self.x[item] = wanted


def draw(graph: Graph) -> str:
    """One ``<svg>``; tooltips hold the source line, the whole value and the gradient."""
    operations = {one.index: one for one in graph.operations}
    layout = _Layout(graph.operations)
    left = min(layout.x[item] - layout.width(item) / 2 for item in layout.x) - 4
    right = max(layout.x[item] + layout.width(item) / 2 for item in layout.x) + 4
    height = len(layout.layers) * _FLOOR - (_FLOOR - _TALL) + 8
    depths = {item: level for level, layer in enumerate(layout.layers) for item in layer}
    parts = []
    for route in layout.edges:
        points = [(layout.x[item] - left, depths[item] * _FLOOR + 4) for item in route]
        (x, y), path = points[0], ""
        path = f"M{x:.1f} {y + _TALL}"
        for k, (a, b) in enumerate(points[1:], 1):
            start = points[k - 1][1] + _TALL if k == 1 else points[k - 1][1] + _TALL / 2
            stop = b if k == len(points) - 1 else b + _TALL / 2
            half = (start + stop) / 2
            path += f"C{points[k - 1][0]:.1f} {half:.1f} {a:.1f} {half:.1f} {a:.1f} {stop:.1f}"
        tone = " blamed" if operations[route[-1]].mark == "blamed" else ""
        parts.append(f'<path class="edge{tone}" d="{path}"/>')
    parts += [_box(one, layout.x[one.index] - left, depths[one.index] * _FLOOR + 4) for one in graph.operations]
    width = right - left
    return (f'<svg class="graph" viewBox="0 0 {width:.0f} {height:.0f}" style="width: {width:.0f}px" role="img" '
            f'aria-label="the recorded operations">{"".join(parts)}</svg>')


def _box(one: Operation, x: float, y: float) -> str:
    title = one.name if one.mark == "input" else f"{SIGNS[one.name]}  {one.name}" if one.name in SIGNS else one.name
    lines = [f"{one.name} = {one.value}"]
    if one.gradient:
        lines.append(f"gradient {one.gradient}")
    if one.line:
        lines.append(f"{one.line}: {one.source}" if one.source else one.line)
    if one.mark in ("blamed", "kink"):
        lines.insert(0, _MARKS[one.mark])
    radius = _TALL / 2 if one.mark == "input" else 6
    return (f'<g class="node {one.mark}"><title>{escape(chr(10).join(lines))}</title>'
            f'<rect x="{x - _BOX / 2:.1f}" y="{y:.1f}" width="{_BOX}" height="{_TALL}" rx="{radius}"/>'
            f'<text class="name" x="{x:.1f}" y="{y + 16:.1f}">{escape(_cut(title, 22))}</text>'
            f'<text class="value" x="{x:.1f}" y="{y + 31:.1f}">{escape(_cut(one.value, 27))}</text></g>')


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"

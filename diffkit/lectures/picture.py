"""The graph as a picture: inputs left, the result right, on every edge the value and the gradient.

Columns are distances from the inputs, rows those of the printed tree.  Every use of an input has a row of
its own, so that no two boxes meet, and a long edge passes the boxes between in that row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import require
from diffkit.lectures.graph import Box, Graph, edges, number

__all__ = ["plot"]


def plot(drawn: Graph, ax: Any = None) -> Any:
    """Draw the graph with matplotlib, inputs left and the result right, and return the axes.

    Above an edge stands the value that flows forward (green), below it the gradient that flows
    back (red); below a box with several edges the sum of what they carry back.  Raises
    MissingPackageError without matplotlib.
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
        for k, (parent, gradient) in enumerate(edges(box)):
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
        if box.users > 1:
            ax.annotate(f"Σ {number(box.gradient)}", (x, y), (0, -13), textcoords="offset points", ha="center",
                        va="top", color="firebrick", fontsize=9)
    x, y = places[id(drawn.boxes[-1])]
    ax.text(x + 0.15, y, number(drawn.boxes[-1].value), color="green", va="bottom", fontsize=9)
    ax.text(x + 0.15, y, number(drawn.boxes[-1].gradient), color="firebrick", va="top", fontsize=9)
    heights = [place[1] for place in (*places.values(), *bends.values())]
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

"""``diffkit lectures``: the worked examples of the lecture notes, on the command line.

Without a name it lists them.  With the name of an example, or of a lecturer for the leading one of
the set, it prints the values, every gradient by all four methods beside the number of the notes, and
the computational graph with values and gradients on its edges.

Exit codes: 0 all four methods give the number, 1 one does not, 2 there is no such example.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

RIGHT, WRONG, CANNOT = 0, 1, 2


def add_parser(commands: Any) -> None:
    """Add ``lectures`` to the command line's subparsers."""
    parser = commands.add_parser("lectures", help="the worked examples of the lecture notes, by all four methods",
                                 description=(__doc__ or "").split("\n\n")[1],
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="an example (nine-weights), or a lecturer (straka)")
    parser.add_argument("--plot", metavar="FILE", help="draw the graph to a .png, .svg or .pdf (needs matplotlib)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List, or show one example; returns the exit code."""
    from diffkit.errors import DiffkitError
    from diffkit.lectures import EXAMPLES

    if options.name is None:
        _say(_list(EXAMPLES))
        return RIGHT
    found = [example for example in EXAMPLES if options.name.lower() in (example.name, example.author)]
    if not found:
        print(f"diffkit: no example is called {options.name!r}\n  Probably wanted: one of "
              + ", ".join(example.name for example in EXAMPLES), file=sys.stderr)
        return CANNOT
    text, right = show(found[0])
    others = [example.name for example in found[1:]]
    _say(text + (f"\n\nAlso by {found[0].author.title()}: {', '.join(others)}" if others else ""))
    if options.plot:
        try:
            _plot(found[0], options.plot)
        except (DiffkitError, OSError, ValueError) as error:
            print(f"diffkit: {options.plot} can't be drawn: {error}", file=sys.stderr)
            return CANNOT
    return RIGHT if right else WRONG


def show(example: Any) -> tuple[str, bool]:
    """The whole report on one example, and whether all four methods give the number."""
    from diffkit.lectures import METHODS, answers, draw
    from diffkit.lectures.graph import number

    drawn = _graph(example)
    rows: list[tuple[str, ...]] = [("by", "notes", *METHODS)]
    right = True
    for answer in answers(example):
        cells = []
        for method in METHODS:
            agrees = answer.agrees(method, example.digits)
            right = right and (agrees or method in example.without)
            found = answer.found[method]
            cells.append(("refused" if isinstance(found, str) else number(found)) + ("" if agrees else " ✗"))
        rows += _split(answer.name, [number(answer.expected), *cells], answer, example)
    values = [f"{box.name} = {number(box.value)}" for box in drawn.boxes if box.name]
    parts = [f"{example.formula}   ({example.author.title()})"]
    parts += [f"The notes: {example.erratum}."] if example.erratum else []
    notes = [f"  ✗ {method}: {why}" for method, why in example.without.items()]
    parts += ["Forward: " + ", ".join(values), "\n".join(["Gradients:", _table(rows), *notes]),
              "Graph (value ┊ gradient on each edge):\n" + draw(drawn)]
    return "\n\n".join(parts), right


def _split(name: str, cells: list[str], answer: Any, example: Any) -> list[tuple[str, ...]]:
    """One row, or for a long vector one row an entry, so that each number can be compared."""
    from diffkit.lectures import METHODS
    from diffkit.lectures.graph import number

    expected = np.asarray(answer.expected)
    if expected.ndim != 1 or any(isinstance(answer.found[method], str) for method in METHODS):
        return [(name, *cells)]
    rows = []
    for k, entry in enumerate(expected):
        found = {method: np.asarray(answer.found[method])[k] for method in METHODS}
        single = type(answer)(name, entry, found)
        rows.append((f"{name}{k + example.first}", number(entry), *(
            number(found[method]) + ("" if single.agrees(method, example.digits) else " ✗") for method in METHODS)))
    return rows


def _graph(example: Any) -> Any:
    from diffkit.lectures import graph

    return graph(example.steps, *example.steps_point) if example.steps else graph(example.function, *example.point)


def _plot(example: Any, path: str) -> None:
    from diffkit.lectures import plot

    ax = plot(_graph(example))
    ax.set_title(f"{example.formula}\n{ax.get_title()}", fontsize=11)
    ax.figure.savefig(path, dpi=120)


def _list(examples: Any) -> str:
    rows: list[tuple[str, ...]] = [("example", "notes", "what"),
                                   *((e.name, e.author.title(), e.formula) for e in examples)]
    return _table(rows) + "\n\ndiffkit lectures NAME shows one by all four methods, with its graph"


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def _say(text: str) -> None:
    """Print, whatever the terminal can encode."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))

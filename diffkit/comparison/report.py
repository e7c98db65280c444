"""A comparison as text: for a terminal (coloured by rich), for a pipe, and as Markdown.

All writers draw the same cells.  What does not fit a column of a table, why a method was
skipped or what it saw, stands below it, so the table stays within 80 columns.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit import tree
from diffkit.comparison.aligning import aligned
from diffkit.comparison.problem import Problem
from diffkit.comparison.result import Comparison, Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

HEADINGS = ("method", "derivative", "digits", "error", "f runs", "time / f")
_PROSE = 100
#: Colours of a verdict: right, wrong, look here.
COLOURS = {True: "green", False: "red", None: "yellow"}


def shown(value: Any, places: int = 6) -> str:
    """One number, short."""
    if isinstance(value, (complex, np.complexfloating)):
        return f"{complex(value):.{max(places - 2, 2)}g}"
    return f"{float(value):.{places}g}"


def abridged(value: Any, places: int = 6) -> str:
    """A result or a row of derivatives in at most four numbers."""
    leaves = tree.flatten(value)[0]
    try:
        arrays = [np.asarray(leaf) for leaf in leaves]
    except ValueError:
        return _cut(repr(value))
    if not arrays or any(array.dtype.kind not in "fciub" for array in arrays):
        return _cut(repr(value))
    flat = np.concatenate([array.reshape(-1) for array in arrays])
    if len(arrays) == 1 and arrays[0].ndim == 0:
        return shown(flat[0], places + 4)
    if flat.size == 1:
        return shown(flat[0], places + 4)
    if flat.size <= 3:
        return f"[{', '.join(shown(v, places) for v in flat)}]"
    return f"[{shown(flat[0], 5)}, {shown(flat[1], 5)}, … {shown(flat[-1], 5)}]"


def _cut(text: str, longest: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[:longest - 3] + "..."


def describe_point(problem: Problem) -> str:
    """Where f was asked: its moving arguments, in numbers if they are few."""
    for most in (6, 0):
        words = []
        for name, leaf in zip(problem.input_leaves, problem.moving.leaves):
            array = np.asarray(leaf)
            kind = "" if array.dtype == np.float64 else f" ({array.dtype})"
            text = _listed(array) if array.size <= max(most, array.ndim == 0) else f"array of shape {array.shape}"
            words.append(f"{name} = {text}{kind}")
        if len(", ".join(words)) <= 90:
            break
    return ", ".join(words) if len(words) <= 4 else f"{', '.join(words[:3])}, … ({len(words)} arrays)"


def _listed(array: Any) -> str:
    if array.ndim == 0:
        return shown(array[()], 10)
    return f"[{', '.join(_listed(item) if np.ndim(item) else shown(item) for item in array)}]"


def table_cells(comparison: Comparison) -> list[tuple[str, ...]]:
    """All rows of the table as text, in the order of HEADINGS, decimal points below each other."""
    derivatives = aligned([row.abridged or row.status for row in comparison.rows])
    return [cells(row, derivative) for row, derivative in zip(comparison.rows, derivatives)]


def cells(row: Row, derivative: str = "") -> tuple[str, ...]:
    """One row of the table as text, in the order of HEADINGS."""
    value = derivative or row.abridged or row.status
    if row.status == "wrong":
        value += "  ✗"
    return (row.method, value, "" if row.digits is None else f"{row.digits:.1f}",
            "" if row.error is None else f"{row.error:.0e}" if row.error else "0",
            "" if row.evaluations is None else str(row.evaluations), "" if row.time is None else _times(row.time))


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def asides(comparison: Comparison) -> list[tuple[str, str]]:
    """What stands below the table: (method, remark)."""
    return [(row.method, f"{row.status}: {row.note}" if row.status not in ("ok", "wrong") else row.note)
            for row in comparison.rows if row.note]


def headline(comparison: Comparison) -> str:
    """What was asked."""
    return f"{comparison.function} at {comparison.point} is {comparison.value}{sized(comparison)}"


def sized(comparison: Comparison) -> str:
    """How many derivatives there are, if there are several."""
    rows, columns = comparison.shape
    return f"  ({columns} derivatives)" if rows == 1 and columns > 1 else \
        f"  ({rows} × {columns} derivatives)" if rows > 1 else ""


def label(comparison: Comparison) -> str:
    """The kind as a word before the verdict."""
    return comparison.kind.replace("-", " ")


def remarks(comparison: Comparison) -> list[tuple[str, str]]:
    """Everything below the verdict: (heading, text)."""
    lines: list[tuple[str, str]] = []
    said = comparison.verdict
    lines += [(finding.kind, finding.text) for finding in comparison.findings if finding.text not in said]
    lines += [("", text) for text in (*comparison.expressions, *comparison.derivatives)]
    if comparison.conditions:
        lines.append(("holds where", " and ".join(comparison.conditions)))
    if comparison.proof.sentence:
        lines.append(("proof", comparison.proof.sentence))
    lines += [("note", note) for note in comparison.notes]
    return lines


def table(comparison: Comparison) -> Table:
    """The rows as a table of rich's."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in HEADINGS:
        drawn.add_column(heading, justify="left" if heading in ("method", "derivative") else "right",
                         overflow="fold", no_wrap=heading == "method")
    styles = {"ok": "", "wrong": "red"}
    for row, texts in zip(comparison.rows, table_cells(comparison)):
        drawn.add_row(*map(Text, texts), style=styles.get(row.status, "dim"))
    return drawn


def draw(comparison: Comparison, console: Console, width: int = _PROSE) -> None:
    """The whole report on a console of rich's, its prose in ``width`` columns."""
    from rich.text import Text

    def say(text: Text) -> None:
        console.print(text, soft_wrap=True)

    say(Text(headline(comparison), style="bold"))
    if comparison.rows:
        console.print()
        console.print(table(comparison))
        for method, remark in asides(comparison):
            say(Text(_hang(f"  {method}: {remark}", 4, width), style="dim"))
    console.print()
    colour = COLOURS[comparison.agree]
    verdict = Text(_hang(f"{label(comparison)}: {comparison.verdict}", 2, width), style=colour)
    verdict.stylize("bold", 0, len(label(comparison)) + 1)
    say(verdict)
    for heading, remark in remarks(comparison):
        text = Text(_hang(f"  {heading + ': ' if heading else ''}{remark}", 4, width))
        text.stylize("dim", 0, len(heading) + 3 if heading else 0)
        say(text)


def _hang(text: str, indent: int, width: int) -> str:
    """Wrapped prose with a hanging indent; nothing is cut, and long formulas keep their line."""
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_long_words=False,
                         break_on_hyphens=False)


def _plain(draw_on: Any) -> str:
    from rich.console import Console

    stream = io.StringIO()
    draw_on(Console(file=stream, width=100_000, no_color=True, force_terminal=False, highlight=False))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip("\n")


def text(comparison: Comparison) -> str:
    """The whole report as plain text."""
    return _plain(lambda console: draw(comparison, console))


def table_text(comparison: Comparison) -> str:
    """The table as plain text."""
    return _plain(lambda console: console.print(table(comparison)))


def escape(value: object) -> str:
    """Text that Markdown leaves as it is, in a table too."""
    text = str(value).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return text.replace("*", "\\*").replace("_", "\\_").replace("`", "\\`")


def markdown(comparison: Comparison) -> str:
    """The whole report as Markdown."""
    lines = [f"### {escape(headline(comparison))}", ""]
    if comparison.rows:
        lines.append("| " + " | ".join(HEADINGS) + " |")
        lines.append("|:--|:--|--:|--:|--:|--:|")
        lines += ["| " + " | ".join(escape(cell) for cell in cells(row)) + " |" for row in comparison.rows]
        lines += ["", *(f"- {escape(method)}: {escape(remark)}" for method, remark in asides(comparison))]
    lines += ["", f"**{label(comparison)}**: {escape(comparison.verdict)}", ""]
    for heading, remark in remarks(comparison):
        body = escape(remark) if heading else f"`{remark}`"
        lines.append(f"- {heading + ': ' if heading else ''}{body}")
    return "\n".join(lines).rstrip() + "\n"

"""What a check found: comparisons of each order, properties, and one verdict over all of them."""

from __future__ import annotations

import dataclasses
import json
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from diffkit.testing.properties import Property

if TYPE_CHECKING:
    from diffkit.comparison import Comparison


@dataclasses.dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Attributes
    ----------
    title : str
        What was checked, with its point.
    comparisons : tuple of (str, Comparison)
        One for each order.
    properties : tuple of Property
    notes : tuple of str
        What was left out, and why.
    unanswered : tuple of str
        Modes that were asked for and did not run: without them nothing is right.
    """

    title: str
    comparisons: tuple[tuple[str, Comparison], ...]
    properties: tuple[Property, ...]
    notes: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()

    @property
    def agree(self) -> bool | None:
        """False if anything is wrong, None if something can't be said, else True."""
        answers = [comparison.agree for _, comparison in self.comparisons]
        if False in answers or any(p.ok is False for p in self.properties):
            return False
        return None if None in answers or self.unanswered else True

    @property
    def failures(self) -> list[str]:
        """Which parts are wrong."""
        return [name for name, comparison in self.comparisons if comparison.agree is False] + \
            [p.name for p in self.properties if p.ok is False]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.agree is False:
            return f"wrong: {', '.join(self.failures)}"
        if self.agree is None:
            unsaid = [f"{name} {c.kind}" for name, c in self.comparisons if c.agree is None]
            return "can't be said: " + "; ".join([*unsaid, *self.unanswered])
        return "right: " + ", ".join(f"{name} {c.kind}" for name, c in self.comparisons)

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.verdict}"]
        for name, comparison in self.comparisons:
            if comparison.agree is True:
                lines += ["", f"{name}: {comparison.kind}: {comparison.verdict}"]
            else:
                lines += ["", f"{name}:", *("  " + line for line in str(comparison).rstrip().splitlines())]
        if self.properties:
            lines.append("")
            width = max(len(p.name) for p in self.properties)
            lines += [f"{p.name:<{width}}  {_word(p):<5}  {_measured(p)}" for p in self.properties]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Report of {self.title}: {self.verdict}>"

    def _repr_html_(self) -> str:
        return self.to_html()

    def __bool__(self) -> bool:
        raise TypeError("a Report is neither true nor false: ask .agree, which may also be None")

    def to_html(self) -> str:
        """An element with every comparison's report; for a page, see the pytest plugin."""
        tone = {True: "right", False: "wrong", None: "open"}[self.agree]
        parts = [f'<section class="diffkit-check {tone}"><h2>{escape(self.title)}</h2>',
                 f"<p><b>{escape(self.verdict)}</b></p>"]
        for name, comparison in self.comparisons:
            parts.append(f"<h3>{escape(name)}</h3>{comparison._repr_html_()}")
        if self.properties:
            rows = "".join(f"<tr><td>{escape(p.name)}</td><td>{_word(p)}</td><td>{escape(_measured(p))}</td></tr>"
                           for p in self.properties)
            parts.append(f"<table>{rows}</table>")
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        return "\n".join([*parts, "</section>"])

    def to_json(self) -> str:
        """Strict JSON: numbers that JSON lacks are null."""
        return json.dumps({
            "title": self.title, "agree": self.agree, "verdict": self.verdict, "notes": [*self.notes,
                                                                                         *self.unanswered],
            "comparisons": {name: json.loads(comparison.to_json()) for name, comparison in self.comparisons},
            "properties": [{"name": p.name, "ok": p.ok, "text": p.text,
                            "gap": p.gap if np.isfinite(p.gap) else None,
                            "allowed": p.allowed if np.isfinite(p.allowed) else None} for p in self.properties],
        }, indent=2)


def _word(found: Property) -> str:
    return {True: "holds", False: "WRONG", None: "-"}[found.ok]


def _measured(found: Property) -> str:
    if np.isnan(found.gap):
        return found.text
    return f"{found.text} (apart by {abs(found.gap):.1e}, rounding explains {found.allowed:.1e})"

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
    def function(self) -> str:
        """The name of what was checked."""
        return self.comparisons[0][1].function if self.comparisons else self.title

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

    def __bool__(self) -> bool:
        raise TypeError("a Report is neither true nor false: ask .agree, which may also be None")

    def to_html(self) -> str:
        """A page with every comparison's report: no script, no link, no font from elsewhere."""
        from diffkit.comparison.page import document
        return document(f"{self.title}: {self.verdict}", f'<div class="diffkit page">{self.section()}</div>')

    def _repr_html_(self) -> str:
        from diffkit.comparison.style import STYLE
        return f'<style>{STYLE}</style><div class="diffkit">{self.section()}</div>'

    def section(self) -> str:
        """An element without a style sheet; what is right has no figures, so that a page of many stays small."""
        from diffkit.comparison.page import SIGNS, TONES, fragment

        parts = [f'<section class="check"><h1>{escape(self.title)}</h1>',
                 f'<p class="verdict {TONES[self.agree]}"><b>{SIGNS[self.agree]}</b>'
                 f"<span>{escape(self.verdict)}</span></p>"]
        for name, comparison in self.comparisons:
            parts.append(f"<h2>{escape(name)}</h2>" + fragment(comparison, style=False,
                                                               drawn=comparison.agree is not True))
        if self.properties:
            parts.append("<h2>Properties</h2><dl>")
            parts += [f'<dt>{escape(p.name)}</dt><dd class="{TONES[p.ok]}"><b>{SIGNS[p.ok]} {_word(p)}</b> '
                      f"{escape(_measured(p))}</dd>" for p in self.properties]
            parts.append("</dl>")
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

"""What was found and what is said of it, as data; and how verdicts write numbers, names and places."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.problem import Array, Problem

_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing seen: what, by which method ("" for all), at which entries, in a sentence.

    ``operation`` and ``line`` (``file:number``) name the recorded operation that it is blamed on; reports
    mark it in the graph.
    """

    kind: str
    method: str
    entries: tuple[str, ...]
    count: int
    text: str
    digits: float | None = None
    pattern: str = ""
    operation: str = ""
    line: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What ``compare`` says."""

    kind: str
    agree: bool | None
    sentence: str
    findings: tuple[Finding, ...] = ()


def number(value: object, places: int = 6) -> str:
    """A number as verdicts write it."""
    return f"{value:.{places}g}"


def join(names: Sequence[str]) -> str:
    """``a, b and c``."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def places(problem: Problem, mask: Array) -> tuple[tuple[str, ...], int]:
    """The names of the first few entries of a mask, and how many there are."""
    found = np.argwhere(mask)
    return tuple(problem.entry(int(r), int(c)) for r, c in found[:_SHOWN]), len(found)


def listed(entries: tuple[str, ...], count: int) -> str:
    """Some names, and how many more."""
    more = f" and {count - len(entries)} more" if count > len(entries) else ""
    return ", ".join(entries) + more

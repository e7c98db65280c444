"""What there is to see behind a verdict: curves, errors by entry, Taylor slopes, the graph.

Plain data, made of numbers and words, so that every form of the report (page, JSON) holds
the same.  It is measured by ``gathering`` when somebody looks (``Comparison.evidence``): a
comparison in a test suite that agrees draws nothing and pays nothing.

=========== ==================================================================================
curve       error of differences against their step, with the error of every method as a level
entries     error of every method, entry by entry
taylor      what is left of f(x + hu) after each order: straight lines of slope 1, 2 and 3
profile     f itself beside the point, from afar and from near
graph       the recorded operations, the blamed ones marked
=========== ==================================================================================

An error is |value - reference| / |reference|, or absolute where the reference is 0; it is
never below ``FLOOR``, so that logarithms exist.
"""

from __future__ import annotations

import dataclasses

FLOOR = 1e-17


@dataclasses.dataclass(frozen=True)
class Line:
    """A named line of points; ``family`` and ``wrong`` give it its colour."""

    name: str
    family: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    wrong: bool = False


@dataclasses.dataclass(frozen=True)
class Level:
    """One method's error at the entry of the curve."""

    method: str
    family: str
    error: float
    wrong: bool = False


@dataclasses.dataclass(frozen=True)
class Curve:
    """Error of central, forward and backward differences against the step, at one entry.

    """

    entry: str
    reference: float
    relative: bool
    lines: tuple[Line, ...]
    levels: tuple[Level, ...]


@dataclasses.dataclass(frozen=True)
class Entries:
    """Errors by entry; where there are too many, each point is the worst of ``bin`` of them."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    bin: int = 1


@dataclasses.dataclass(frozen=True)
class Taylor:
    """Remainders along one direction; ``slopes`` has None where only rounding is left."""

    direction: str
    lines: tuple[Line, ...]
    slopes: tuple[float | None, ...]
    wanted: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Profile:
    """f(x + t) - f(x) as one input moves by t, at two scales: (widest t, points)."""

    entry: str
    lines: tuple[Line, ...]


@dataclasses.dataclass(frozen=True)
class Operation:
    """One recorded operation, by its place in the run; ``parents`` are places too.

    ``mark`` is "", "input", "result", "kink" (it sits on its edge) or "blamed".
    """

    index: int
    name: str
    parents: tuple[int, ...]
    value: str
    gradient: str
    line: str
    source: str
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class Graph:
    """The run's operations, or the part of them nearest to what is blamed (``omitted`` others)."""

    operations: tuple[Operation, ...]
    omitted: int = 0


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Everything that was measured; None where there is nothing to see, with the reason in ``notes``."""

    curve: Curve | None = None
    entries: Entries | None = None
    taylor: Taylor | None = None
    profile: Profile | None = None
    graph: Graph | None = None
    notes: tuple[str, ...] = ()

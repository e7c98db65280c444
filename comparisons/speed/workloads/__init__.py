"""The cases of the board, in families."""

from __future__ import annotations

from collections.abc import Iterator

from comparisons.speed.harness import Case
from comparisons.speed.workloads import bundle, chains, mixtures, networks, recurrences, regressions, rosenbrock


def all_cases() -> Iterator[Case]:
    for family in (chains, rosenbrock, mixtures, bundle, recurrences, networks, regressions):
        yield from family.cases()

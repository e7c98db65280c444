"""What a large question will cost, and where its directions and weights come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffkit.comparison.bundles import Direction, directions, row_weights
from diffkit.comparison.guard import within
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.projected import Projection
from diffkit.errors import DiffkitError

#: Evaluations of f along one direction: typically, and when f is rough.
TYPICAL = 30
#: The part of the time left that directions may take.
_PART = 0.4


def weights_of_results(problem: Problem, seed: int, budget: float) -> Array:
    """V, from how much each result moves when all inputs do (or its own size, where that can't be had)."""
    way = directions(problem, None, (), seed, 1)[0]

    def push(at: Problem) -> Array:
        return np.abs(Projection(at, [way], None).push(way, at.f))

    plain = np.abs(np.concatenate([np.reshape(out, -1) for out in problem.outs]))
    try:
        scale = within(problem, push, lambda _: plain, budget)
    except DiffkitError:
        scale = plain
    return row_weights(scale, seed)[0]


def pulled_sizes(problem: Problem, weights: Array, budget: float) -> Array | None:
    """How much each input moves the weighted results, if reverse mode can tell."""
    def pull(at: Problem) -> Array | None:
        return np.abs(next(Projection(at, [], weights[-1:]).gradients(at.f)))

    try:
        return within(problem, pull, lambda _: None, budget)
    except DiffkitError:
        return None


def plan(problem: Problem, singles: int, budget: float, most: int) -> tuple[int, str, float]:
    """How many draws the budget allows, why not three, and the seconds that one direction takes."""
    one = (TYPICAL + 4) * problem.seconds
    budget = max(budget, _PART * problem.allowance.for_methods())
    for draws, count in ((3, 15), (2, 2)):
        if draws <= most and (count + singles) * one <= budget:
            return draws, "", one
    return 1, f"; three draws of each bundle would take {15 * one:.0f} s" if most > 1 else "", one


def cost(problem: Problem, ways: Sequence[Direction], note: str, seconds: float, seed: int) -> str:
    """What is said of the cost before it is spent."""
    bundled = len({way.name.rsplit(" (draw", 1)[0] for way in ways})
    return (f"judged through {len(ways)} random projections of {problem.columns} inputs ({bundled} bundles by how "
            f"much they move f; seed {seed}): about {TYPICAL * len(ways)} evaluations of f, "
            f"{max(seconds, 0.1):.1f} s expected{note}")

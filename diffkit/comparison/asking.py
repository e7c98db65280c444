"""Asking the methods, one after the other, within the budget; and f itself, before them and after them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.affording import in_order, total
from diffkit.comparison.allowance import Allowance
from diffkit.comparison.guard import within
from diffkit.comparison.methods import RULES, SYMBOLIC, Witness, witness
from diffkit.comparison.problem import Function, Problem
from diffkit.comparison.progress import progress
from diffkit.comparison.steadiness import last_look
from diffkit.comparison.tracing import traced_run


def trace(problem: Problem, budget: float) -> None:
    """What a traced run shows, and how long it takes."""
    start = time.perf_counter()
    problem.depends, problem.astray = within(problem, traced_run, lambda _: (True, ""), budget)
    problem.traced_seconds = time.perf_counter() - start


def ask(problem: Problem, chosen: Sequence[tuple[str, str | Function]], budget: float, seed: int) -> list[Witness]:
    """What every method says, in the order in which they were named; what a verdict needs is asked first."""
    told: dict[str, Witness] = {}
    with progress(f"{problem.name}: {len(chosen)} methods", len(chosen), total(problem, chosen)) as tick:
        for name, method in in_order(problem, chosen):
            told[name] = witness(problem, name, method, budget, seed)
            tick()
    witnesses = [told[name] for name, _ in chosen]
    _lend_spread(witnesses)
    return witnesses


def last_answer(problem: Problem, budget: float) -> str | None:
    """Whether f still answers as at first, if there is time to ask."""
    if problem.allowance.refusal(problem.seconds):
        return None
    return within(problem, last_look, lambda why: f"f is not deterministic: it answered at first, and then {why}",
                  2 * budget)


def with_time_of_its_own(problem: Problem, budget: float) -> Problem:
    """The question as it is asked for figures, when somebody looks: with time of its own, from now on."""
    return dataclasses.replace(problem, allowance=Allowance(budget))


def _lend_spread(witnesses: Sequence[Witness]) -> None:
    """A method too slow to be run again takes its rounding from another that walks the same program."""
    readers = [w for w in witnesses if w.family in (RULES, SYMBOLIC) and w.ran]
    measured = [w.spread for w in readers if w.spread is not None]
    for w in readers:
        if w.spread is None and measured:
            w.spread = np.max(measured, axis=0)

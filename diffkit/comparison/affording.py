"""What a comparison will cost, before it is spent: which methods are begun, and in which order.

After the first call of f its seconds are known, and after the first traced one those of tracing.  Every method's
evaluations can be counted beforehand, but for SymPy's, the referee's and the caller's, which are stopped
after a share of the budget.  Where all of them together take a good part of it, those come first that a verdict
needs: a candidate, reverse mode, differences.  Where not even the cheapest verdict can be had, nothing is begun.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from diffkit.comparison.allowance import of
from diffkit.comparison.finding import Verdict, join
from diffkit.comparison.methods import FAMILIES, NUMERIC, SKIPPED, USER, Witness, expected_seconds
from diffkit.comparison.problem import Function, Problem

Chosen = Sequence[tuple[str, "str | Function"]]

#: Calls of f, traced ones among them, that a family needs at the least; one input, one result.
_FEWEST = {"rules": 3, "symbolic": 3, "referee": 3, USER: 1}
#: Seconds from which on the cost is written down.
_NOTEWORTHY = 5.0
_FIRST = ("", "reverse", "central", "numeric", "forward")


def too_slow(problem: Problem, chosen: Chosen) -> str:
    """Why no verdict can be had in the time that is left ("" if one can): not even two families can be afforded."""
    needs: dict[str, float] = {}
    for name, method in chosen:
        family = FAMILIES[method] if isinstance(method, str) else name
        fewest = min(12 * problem.columns, 70) if family == NUMERIC else _FEWEST.get(family, _FEWEST[USER])
        needs[family] = min(needs.get(family, fewest), fewest)
    fewest = int(sum(sorted(needs.values())[:2])) + 2
    least, left = fewest * problem.seconds, max(problem.allowance.left(), 0.0)
    if least <= left:
        return ""
    budget = problem.allowance.seconds
    enough = 1.2 * (least + budget - left)
    return (f"a call of f takes {of(problem.seconds)}, and a verdict needs {fewest} more at least: {of(least)}, of "
            f"which {of(left)} are left in the budget of {of(budget)}; budget={_rounded(enough)} may do, and "
            f"budget={_rounded(max(enough, 1.5 * total(problem, chosen)))} is for all methods")


def total(problem: Problem, chosen: Chosen) -> float:
    """The seconds that all methods are expected to take, as far as that can be counted."""
    return sum(expected_seconds(problem, method) for _, method in chosen) + problem.seconds


def in_order(problem: Problem, chosen: Chosen) -> list[tuple[str, str | Function]]:
    """The methods as they are asked: as named, or what a verdict needs first, where time may run out."""
    if 3 * total(problem, chosen) < problem.allowance.for_methods():
        return list(chosen)

    def place(one: tuple[str, str | Function]) -> int:
        kind = one[1] if isinstance(one[1], str) else ""
        return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)

    return sorted(chosen, key=place)


def stated(problem: Problem, chosen: Chosen) -> list[str]:
    """A note on the cost, where it is worth one."""
    whole = total(problem, chosen)
    if whole < _NOTEWORTHY:
        return []
    each = ", ".join(f"{name} {of(expected_seconds(problem, method))}" for name, method in chosen)
    return [f"a call of f takes {of(problem.seconds)}; expected at least: {each}; the budget is "
            f"{of(problem.allowance.seconds)}"]


def with_cost(verdict: Verdict, problem: Problem, witnesses: Sequence[Witness], chosen: Chosen) -> Verdict:
    """A verdict that can't be given, with what it would have cost."""
    late = [w.method for w in witnesses if w.state == SKIPPED and "budget" in w.note]
    if verdict.kind != "INCONCLUSIVE" or not late:
        return verdict
    more = f"the budget of {of(problem.allowance.seconds)} was not enough for {join(late)}: " \
        f"budget={_rounded(1.5 * total(problem, chosen))}"
    return dataclasses.replace(verdict, sentence=f"{verdict.sentence}; {more}")


def _rounded(seconds: float) -> int:
    """A number of seconds to write down: two digits, upwards."""
    unit = int(10.0 ** max(len(str(int(seconds))) - 2, 0))
    return (int(seconds) // unit + 1) * unit

"""From a refuted bundle to its entries: halve it, and halve the half that is wrong.

Each step asks f for its derivative along the first half of the members and holds the candidate's own
against it; if that half is right, the other is wrong.  So log2 n steps lead to one entry of n, and what
was left aside is followed until a few entries are found or the evaluations are spent.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.comparison.bundles import Direction
from diffkit.comparison.finding import Finding, number
from diffkit.comparison.guard import within
from diffkit.comparison.methods import Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.projected import Projection
from diffkit.comparison.tolerance import STRANGERS, own_error

_MOST, _STEPS = 3, 90
_SWEPT = 1000


@dataclasses.dataclass(frozen=True)
class _Error:
    """One entry, what was said of it, and what differences say."""

    row: int
    column: int
    said: float
    right: float


def locate(projection: Projection, candidate: Witness, wrong: Array, method: str, budget: float) -> Finding | None:
    """The first few wrong entries of a whole gradient; None where no entry could be told."""
    problem = projection.problem
    found: list[_Error] = []
    more = within(problem, lambda at: _search(dataclasses.replace(projection, problem=at), candidate, wrong, method,
                                              found), lambda _: True, 3 * budget)
    if not found:
        return None
    names = tuple(problem.entry(e.row, e.column) for e in found)
    first = found[0]
    text = f"{candidate.method} says {number(first.said)} where evaluations of f say {number(first.right)}, " \
        f"at {names[0]}"
    factors = [e.said / e.right for e in found if e.right]
    pattern = ""
    if all(e.said == 0 for e in found):
        pattern = "zero"
    elif len(factors) == len(found) and np.ptp(factors) <= 1e-4 * abs(factors[0]):
        pattern = "-1 times the right value: the sign" if abs(factors[0] + 1) < 1e-4 else \
            f"{factors[0]:.6g} times the right value"
    text += f": {pattern}" if pattern else ""
    if len(names) > 1 or more:
        text += f" (also {', '.join(names[1:])}{' and more' if more else ''})" if len(names) > 1 else " (and more)"
    return Finding("wrong", candidate.method, names, len(found), text, None, pattern)


def _search(projection: Projection, candidate: Witness, wrong: Array, method: str, found: list[_Error]) -> bool:
    """Fill ``found``; returns whether there was more to follow."""
    columns = np.flatnonzero(wrong.any(axis=0))
    # The smallest refuted bundle is nearest to its entries.
    start = min((projection.directions[int(k)] for k in columns), key=lambda d: len(d.members))
    stack = [(start, True)]  # members, and whether they are known to be wrong
    steps = 0
    while stack and len(found) < _MOST and steps < _STEPS:
        way, known = stack.pop()
        if not known:
            steps += 1
            if not _is_wrong(projection, candidate, way, method):
                continue
        if len(way.members) == 1:
            entry = _entry(projection.problem, candidate, way, method)
            if entry is not None:
                found.append(entry)
            continue
        first, second = way.halves()
        steps += 1
        if _is_wrong(projection, candidate, first, method):
            stack += [(second, False), (first, True)]
        else:  # then it is the other
            stack.append((second, True))
    return bool(stack)


def _is_wrong(projection: Projection, candidate: Witness, way: Direction, method: str) -> bool:
    """Whether the candidate misses f's own slope by more than both errors, in some row."""
    line = dataclasses.replace(projection, directions=[way])
    numeric, own = line.differences(method, lambda: None), line.again(candidate)
    assert numeric.value is not None and own.value is not None and numeric.claim is not None
    with np.errstate(all="ignore"):
        apart = np.nan_to_num(np.abs(own.value - numeric.value), nan=np.inf)
        allowed = own_error(line.question(), own, STRANGERS) + np.nan_to_num(numeric.claim, nan=np.inf)
        return bool((apart > allowed).any())


def _entry(problem: Problem, candidate: Witness, way: Direction, method: str) -> _Error | None:
    """The worst row of one column."""
    line = Projection(problem, [way], None)
    if candidate.method == "reverse" and problem.rows > _SWEPT:  # not a sweep for each of so many results
        candidate = dataclasses.replace(candidate, method="forward")
    numeric = line.differences(method, lambda: None)
    own = line.again(candidate)
    assert numeric.value is not None and own.value is not None and numeric.claim is not None
    column, step = int(way.members[0]), float(way.steps[0])
    said, right = np.asarray(own.value)[:, 0] / step, numeric.value[:, 0] / step
    with np.errstate(all="ignore"):
        claim = np.nan_to_num(numeric.claim[:, 0] / abs(step), nan=np.inf)
        over = np.nan_to_num(np.abs(said - right), nan=np.inf) - claim
    row = int(np.argmax(over))
    return _Error(row, column, float(said[row]), float(right[row])) if over[row] > 0 else None

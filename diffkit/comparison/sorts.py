"""What sort of point each entry is at, and what its derivative may be there: kinks, stairs, saturated slopes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.guard import within
from diffkit.comparison.judgement import KINK, NOISY, PATIENCE, STAIRCASE, VERTICAL
from diffkit.comparison.methods import NUMERIC, RULES, SYMBOLIC, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.stairs import stairs
from diffkit.comparison.tolerance import (
    STRANGERS,
    own_error,
)


def kinds_of_points(shape: tuple[int, int], differences: Witness | None,
                     referee: Witness | None) -> tuple[Array, Array, Array]:
    """A word for each entry, and its slopes: by the differences, and where they saw nothing by the referee."""
    words = np.full(shape, "ok", "<U9")
    left, right = np.full(shape, np.nan), np.full(shape, np.nan)
    for witness in (referee, differences):
        if witness is None or witness.words is None:
            continue
        assert witness.left is not None and witness.right is not None
        if np.iscomplexobj(witness.left):
            left, right = left.astype(complex), right.astype(complex)
        said = witness.words
        if witness is differences and referee is not None and referee.ran and not referee.branches:
            # In 50 digits no kink, and no branch that could hide one: rounding looked like it.
            smooth = (words == "ok") & np.isfinite(np.asarray(referee.value))
            said = np.where((said == KINK) & smooth, "ok", said)
        said = np.where((words == KINK) & (said == NOISY), "ok", said)  # two slopes in 50 digits are no noise
        seen = said != "ok"
        if witness is differences:  # what it took for smooth may be a kink to the referee
            seen |= (words != KINK) & (words != VERTICAL)
        # A slope in 50 digits is better than one with a claim.
        better = seen & ~((words == KINK) & (said == KINK))
        left, right = np.where(better, witness.left, left), np.where(better, witness.right, right)
        words = np.where(seen, said, words)
    return words, left, right


def without_saturated(problem: Problem, ran: Sequence[Witness], differences: Witness | None,
                       referee: Witness | None, words: Array) -> Array:
    """Flat here and a slope further out (a dead unit that wakes up) is no staircase: its derivative is 0.

    A referee that saw f move beside x knows: what rounding shows as steps is the flat point of a curve.  Without
    one, only beside inputs that do move f: where nothing moves it, stairs too fine to be told from a slope are
    likelier.  Where it was not seen the word stays.
    """
    if differences is None or not (words == STAIRCASE).any():
        return words
    still = (words == STAIRCASE) & (np.asarray(differences.value) == 0) & flat_by_rules(ran, words.shape)
    if referee is not None and referee.moves is not None and not referee.branches:
        curved = still & referee.moves
        words, still = np.where(curved, "ok", words), still & ~curved
    if not still.any() or flat_by_rules(ran, words.shape).all():
        return words
    nowhere = np.zeros(still.shape, bool)
    _, smooth = within(problem, lambda at: stairs(at, still), lambda _: (nowhere, nowhere), PATIENCE)
    return np.where(still & smooth, "ok", words)


def slack_beside(differences: Witness | None, referee: Witness | None, shape: tuple[int, int]) -> Array:
    """How far off the slopes beside a kink may be: what differences claim beyond the gap between them."""
    exact = referee is not None and referee.ran
    if exact or differences is None or differences.left is None or differences.right is None:
        return np.zeros(shape)
    value, left, right = np.asarray(differences.value), differences.left, differences.right
    with np.errstate(all="ignore"):
        half = np.fmax(np.abs(left - value), np.abs(right - value))
        slack = np.maximum(np.asarray(differences.claim) - half, 0.0)
        if not np.iscomplexobj(value):  # slopes that have noise of their own may both be off to one side
            beyond = np.maximum(np.minimum(left, right) - value, value - np.maximum(left, right))
            slack = slack + np.maximum(beyond, 0.0)
        return np.asarray(np.nan_to_num(slack, nan=0.0, posinf=0.0))


def outside(problem: Problem, witness: Witness, left: Array, right: Array, slack: Array) -> Array:
    """Where a value at a kink lies on neither side nor between."""
    assert witness.value is not None
    value = witness.value
    if witness.claim is not None and not witness.exact:
        return np.zeros(value.shape, bool)
    # Its spread is the jump of the slope between the two sides, and not rounding.
    still = dataclasses.replace(witness, spread=None)
    allowed = own_error(problem, still, STRANGERS) + 1e-9 * np.maximum(np.abs(left), np.abs(right)) + slack
    with np.errstate(all="ignore"):
        if np.iscomplexobj(value) or np.iscomplexobj(left):
            return np.asarray(~(np.abs(value - left) + np.abs(value - right) <= np.abs(left - right) + 2 * allowed))
        inside = (value >= np.minimum(left, right) - allowed) & (value <= np.maximum(left, right) + allowed)
    if witness.family == SYMBOLIC:  # a formula that is not defined at the kink is right about it
        inside |= np.isnan(value)
    return np.asarray(~inside)


def flat_by_rules(ran: Sequence[Witness], shape: tuple[int, int]) -> Array:
    """Where the rules say zero."""
    said = [np.asarray(w.value) == 0 for w in ran if w.family == RULES]
    return np.asarray(np.all(said, axis=0)) if said else np.zeros(shape, bool)


def on_stairs(ran: Sequence[Witness], differences: Witness, wrong: dict[str, Array],
               flat: Array) -> dict[str, Array]:
    """Where f moves in steps, 0 is the code's derivative and the slope of the stairs what it stands for."""
    slope, claim = np.asarray(differences.value), np.nan_to_num(np.asarray(differences.claim), nan=0.0, posinf=0.0)
    with np.errstate(all="ignore"):
        return {w.method: wrong[w.method] & ~(flat & (
            (np.asarray(w.value) == 0) | (np.abs(w.value - slope) <= 2 * claim + 1e-3 * np.abs(slope)))) for w in ran}


def all_zero(ran: Sequence[Witness], shape: tuple[int, int]) -> Array:
    """Where everybody but differences says zero."""
    said = [np.asarray(w.value) == 0 for w in ran if w.family != NUMERIC]
    return np.asarray(np.all(said, axis=0)) if said else np.zeros(shape, bool)

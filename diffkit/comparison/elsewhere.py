"""Errors that the point hides: a candidate is asked beside x as well.

x = 0, ones, a symmetric matrix or a branch not taken make a wrong formula right: d(x^3) = 3x at
x = 1.  So a caller's function that agrees at x is asked at a few points around it (15 and
40 per cent off, zeros moved off zero), and judged there by the same judge, against reverse
mode and differences, which share no code.  What is found is reported as found elsewhere.

A value that was computed beforehand (the same object, or the same numbers everywhere) is an
answer for x alone and is not asked elsewhere; only where x holds nothing but 0 and 1 does a
function with one answer to everything count as a formula.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.finding import Finding, number
from diffkit.comparison.guard import within
from diffkit.comparison.judge import judge
from diffkit.comparison.methods import USER, Witness, witness
from diffkit.comparison.posing import pose
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.shaking import loss_by_rounding
from diffkit.comparison.tolerance import agree_closely
from diffkit.comparison.tracing import traced_run

#: Relative distances of the points, and which way a zero goes.
PROBES = ((0.15, 1.0), (0.4, -1.0), (0.4, 1.0))
#: Seconds for all points together, and the least that one evaluation inside a method takes.
LONGEST, _OVERHEAD = 2.0, 5e-5
#: Seconds for one call of f at another point.
ONE_CALL = 0.4


def hidden(problem: Problem, witnesses: Sequence[Witness], methods: dict[str, object], budget: float,
           seed: int) -> list[Finding]:
    """A finding for each caller's function that is right at x and wrong beside it."""
    asked = [w for w in witnesses if w.family == USER and w.ran
             and not computed_before(problem, w, methods[w.method])]
    if not asked or problem.notes or np.iscomplexobj(problem.point):
        return []
    expected = len(PROBES) * (15 * problem.columns + 10) * max(problem.seconds, _OVERHEAD)
    if expected > min(budget, LONGEST):
        return []
    found: dict[str, Finding] = {}
    # f may run for ever where its author never asked it: what was seen until then is kept.
    within(problem, lambda at: _look_around(at, asked, methods, found, budget, seed), lambda _: None, 2 * LONGEST,
           max(ONE_CALL, 20 * problem.seconds))
    return list(found.values())


def _look_around(problem: Problem, asked: Sequence[Witness], methods: dict[str, object], found: dict[str, Finding],
                 budget: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for distance, side in PROBES:
        at = moved(problem, rng, distance, side)
        if at is None:
            continue
        for w in asked:
            if w.method not in found:
                finding = _judged(at, w, methods[w.method], budget, seed)
                if finding is not None:
                    found[w.method] = finding


def computed_before(problem: Problem, w: Witness, method: object) -> bool:
    """Whether a candidate gives the same answer beside x, and x is no point at which a formula would too."""
    assert callable(method)
    rng = np.random.default_rng(1)
    try:
        at = _leaves(problem, rng, 0.15, 1.0)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            args, kwargs = problem.with_leaves(at).fresh()
            answer = method(*args, **kwargs)
            same = answer is w.answer or np.array_equal(problem.matrix(answer), np.asarray(w.value))
    except Exception:  # it does not exist there: it has no error there
        return True
    special = bool(np.isin(np.abs(problem.point), (0.0, 1.0)).all())
    return same and (answer is w.answer or not special)


def _leaves(problem: Problem, rng: np.random.Generator, distance: float, side: float) -> list[Array]:
    found = []
    for leaf in problem.moving.leaves:
        shape = np.shape(leaf)
        factor = 1 + distance * rng.uniform(0.5, 1.0, shape) * rng.choice((-1.0, 1.0), shape)
        largest = float(np.max(np.abs(leaf), initial=0.0)) or 1.0
        off_zero = side * distance * largest * rng.uniform(0.5, 1.0, shape)
        found.append(np.asarray(np.where(leaf == 0, off_zero, leaf * factor)).astype(leaf.dtype)[()])
    return found


def moved(problem: Problem, rng: np.random.Generator, distance: float, side: float) -> Problem | None:
    """The question at another point, if f is finite and steady there."""
    there = problem.with_leaves(_leaves(problem, rng, distance, side))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            at = pose(there.f, there.args, there.kwargs, problem.argnums)
        except Exception:  # outside f's domain
            return None
    finite = at.refusal is None and all(np.isfinite(out).all() for out in at.outs)
    alike = [out.shape for out in at.outs] == [out.shape for out in problem.outs]
    if not (finite and alike and at.deterministic):
        return None
    return None if traced_run(at)[1] else at  # what is recorded there must be f


def _judged(at: Problem, candidate: Witness, method: object, budget: float, seed: int) -> Finding | None:
    """What the judge says of one candidate at another point."""
    assert callable(method)
    ran = [witness(at, "reverse", "reverse", budget, seed), witness(at, "central", "central", budget, seed),
           witness(at, candidate.method, method, budget, seed)]
    if not all(w.ran for w in ran):
        return None
    judged = judge(at, ran, None, lambda: loss_by_rounding(at, seed))
    smooth = (judged.words == "ok") & agree_closely(np.asarray(ran[0].value), np.asarray(ran[1].value))
    smooth &= ~judged.wrong["reverse"] & ~judged.wrong["central"]
    mask = judged.wrong[candidate.method] & ~judged.undecided & smooth
    if not mask.any():
        return None
    value, right = np.asarray(ran[2].value), judged.reference
    with np.errstate(all="ignore"):
        apart = np.nan_to_num(np.abs(value - right) / np.abs(right), nan=np.inf, posinf=np.inf)
    worst = np.unravel_index(int(np.argmax(np.where(mask, apart, -1))), mask.shape)
    entry = at.entry(int(worst[0]), int(worst[1]))
    point = number(float(np.real(at.point[worst[1]])))
    others = " (and the others moved by up to 40 %)" if at.columns > 1 else ""
    text = (f"{candidate.method} is right at this point and wrong beside it: with {at.inputs[int(worst[1])]} = "
            f"{point}{others} it says {number(value[worst])} where reverse and central say {number(right[worst])}"
            + (f", at {entry}" if mask.size > 1 else ""))
    return Finding("elsewhere", candidate.method, (entry,), int(mask.sum()), text, 0.0, "hidden at this point")

"""Large questions: 10^4 to 10^6 inputs judged through random projections, then bisected to the entries.

Whole gradients that disagree with each other at some entries show them at once; these entries
become directions of their own, so that evaluations of f decide who is right there.  What all
whole gradients share is held against f along random bundles (``bundles``).  A gradient that is
refuted in a bundle while nobody else has a whole one is bisected: half the bundle, and half of that,
log2 n steps of one directional derivative each (``halving``).

The cost is settled before anything is spent: a number of directions that fits the budget, three
draws of each bundle, or fewer and then only directions over all inputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.bundles import Direction, directions, sizes
from diffkit.comparison.character import noise
from diffkit.comparison.elsewhere import LONGEST, ONE_CALL, PROBES, computed_before, moved
from diffkit.comparison.finding import Finding, Verdict
from diffkit.comparison.guard import within
from diffkit.comparison.judge import judge
from diffkit.comparison.judgement import KINK, Judgement
from diffkit.comparison.locating import Look, located, still_open, suspects_among
from diffkit.comparison.methods import (
    FAMILIES,
    NUMERIC,
    OK,
    RAISED,
    REFEREE,
    SCHEMES,
    SKIPPED,
    USER,
    Witness,
    first_line,
    witness,
    worded,
)
from diffkit.comparison.parts import axes, breaks_cauchy_riemann, in_parts, is_complex, witness_in_parts
from diffkit.comparison.planning import TYPICAL, cost, plan, pulled_sizes, weights_of_results
from diffkit.comparison.problem import Function, Problem
from diffkit.comparison.progress import progress
from diffkit.comparison.projected import Projection
from diffkit.comparison.shaking import loss_by_rounding
from diffkit.comparison.verdict import pronounce, with_character
from diffkit.errors import DiffkitError

#: Up to so many inputs and derivatives every entry is looked at.
_WHOLE, _ENTRIES = 500, 50_000
#: Up to so many results reverse mode gives every row; above, results are weighted.
_ROWS = 8
#: All results are held against J u up to this many of them.
_ALL_ROWS = 20_000
#: Operations that the referee may take for suspects, about a microsecond each.
_REFEREED = 1_000_000


@dataclasses.dataclass
class Wide:
    """What a large comparison found: witnesses (whole where they are), the judged small question, and words."""

    witnesses: list[Witness]
    whole: list[Witness]
    small: Problem
    judged: Judgement
    verdict: Verdict
    notes: list[str]


def is_wide(problem: Problem, budget: float) -> bool:
    """Whether entries are too many, or too dear, to be looked at one by one."""
    if any(np.asarray(part).dtype.kind not in "fc" for part in (*problem.moving.leaves, *problem.outs)):
        return False
    n, m = problem.columns, problem.rows
    return n > _WHOLE or m > 10 * _WHOLE or n * m > _ENTRIES or (n > 48 and 12 * n * problem.seconds > budget)


def look(problem: Problem, chosen: Sequence[tuple[str, str | Function]], budget: float, seed: int,
         places: int, most: int = 3) -> Wide:
    """Judge a large question through projections, with at most ``most`` draws of each bundle."""
    asked, others = _whole_gradients(problem, chosen, budget, seed)
    whole = asked
    if is_complex(problem):
        complex_problem, problem = problem, in_parts(problem)
        if _has_no_derivative(complex_problem, problem, others, budget, seed):
            return _no_derivative(problem, [witness_in_parts(complex_problem, w) for w in asked])
        whole = [witness_in_parts(complex_problem, w) for w in asked]
    ran = [w for w in whole if w.ran]
    suspects = suspects_among(problem, ran)
    draws, note, seconds = plan(problem, len(suspects), budget, most)
    with np.errstate(all="ignore"):
        slopes = np.max([np.max(np.abs(np.asarray(w.value)), axis=0) for w in ran], axis=0) if ran else None
    weights = None
    if problem.rows > _ROWS:
        weights = weights_of_results(problem, seed, budget)
        slopes = slopes if slopes is not None else pulled_sizes(problem, weights, budget)
    ways = directions(problem, slopes, suspects, seed, draws)
    projection = Projection(problem, ways, weights)
    notes = [cost(problem, ways, note, seconds * len(ways), seed)]
    with progress(f"{problem.name}: {len(ways)} projections of {problem.columns} inputs", len(ways),
                  seconds * len(ways)) as tick:
        found = _look(projection, ran, others, budget, seed, tick)
    found = _refereed(projection, found, len(suspects), places, budget, seed)
    skipped = [w for w in whole if not w.ran]
    verdict = pronounce(found[0], [*found[2], *skipped], found[1], {}, places)
    verdict = with_character(verdict, lambda: within(problem, noise, lambda _: np.nan, budget), lambda: None)
    if weights is not None and problem.rows <= _ALL_ROWS and verdict.agree is not False:
        everything = Projection(problem, ways[-1:], None)
        beside = _look(everything, ran, [o for o in others if o[0] != "reverse"], budget, seed, lambda: None)
        against = pronounce(beside[0], [*beside[2], *skipped], beside[1], {}, places)
        if against.agree is False:
            projection, found, verdict = everything, beside, against
    if verdict.kind == "KINK":  # where equal inputs keep equal, what they share shows
        alike = Projection(problem, [Direction("all inputs alike", np.arange(problem.columns),
                                               sizes(problem.moving.leaves))], weights)
        beside = _look(alike, ran, others, budget, seed, lambda: None)
        against = pronounce(beside[0], [*beside[2], *skipped], beside[1], {}, places)
        if against.agree is False:
            projection, found, verdict = alike, beside, against
    verdict = located(projection, ran, found, verdict, budget)
    return Wide([*found[2], *skipped], [w for w in asked if w.ran], found[0], found[1],
                still_open(problem, ran, suspects, projection, found, verdict), notes)


def _has_no_derivative(whole: Problem, problem: Problem, others: Sequence[tuple[str, str]], budget: float,
                       seed: int) -> bool:
    """Whether a complex result has no one derivative by complex arguments, seen by differences along two axes."""
    method = next((method for _, method in others if FAMILIES[method] == NUMERIC and method != "complex-step"), "")
    both = [any(map(np.iscomplexobj, part)) for part in (whole.moving.leaves, whole.outs)]
    if not method or not all(both):
        return False

    def ask(at: Problem) -> bool:
        along, across = (Projection(at, [way], None).differences(method, lambda: None) for way in axes(whole, seed))
        return breaks_cauchy_riemann(whole.outs, along, across)

    return within(problem, ask, lambda _: False, budget)


def _no_derivative(problem: Problem, asked: Sequence[Witness]) -> Wide:
    """What is said of a function that is not holomorphic."""
    projection = Projection(problem, directions(problem, None, (), 0, 1)[-1:], None)
    small = projection.question()
    judged = judge(small, [], None, lambda: None)
    text = "the derivatives along the real and the imaginary axis differ: f is not holomorphic here, and has no " \
        "one complex derivative; ask for (f(z).real, f(z).imag)"
    seen = [projection.times(w) if w.ran else w for w in asked]
    return Wide(seen, [], small, judged, Verdict("INCONCLUSIVE", None, text), [])


def beside(problem: Problem, ran: Sequence[Witness], methods: dict[str, str | Function], budget: float, seed: int,
           places: int) -> list[Finding]:
    """A finding for each caller's gradient that is right here and wrong at a point nearby (``elsewhere``)."""
    asked = [w for w in ran if w.family == USER and not computed_before(problem, w, methods[w.method])]
    expected = len(PROBES) * 4 * TYPICAL * problem.seconds
    if not asked or problem.notes or expected > min(budget, 2 * LONGEST):
        return []
    found: dict[str, Finding] = {}

    def around(problem: Problem) -> None:
        rng = np.random.default_rng(seed)
        for distance, side in PROBES:
            at = moved(problem, rng, distance, side)
            left = [(w.method, methods[w.method]) for w in asked if w.method not in found]
            if at is None or not left:
                continue
            chosen = [("reverse", "reverse"), *left, ("central", "central")]
            there = look(at, chosen, budget, seed, places, most=1)
            if "reverse" not in [w.method for w in there.witnesses if w.ran] or there.judged.undecided.any():
                continue
            for wrong in there.verdict.findings:
                if wrong.kind == "wrong" and wrong.method in methods and wrong.method not in found \
                        and methods[wrong.method] not in ("reverse", "central"):
                    text = f"{wrong.method} is right at this point and wrong beside it (up to 40 % off): {wrong.text}"
                    found[wrong.method] = Finding("elsewhere", wrong.method, wrong.entries, wrong.count, text, 0.0,
                                                  "hidden at this point")

    within(problem, around, lambda _: None, 2 * budget, max(ONE_CALL, 20 * problem.seconds))
    return list(found.values())


def _refereed(projection: Projection, found: Look, suspects: int, places: int, budget: float, seed: int) -> Look:
    """The 50-digit referee along the suspects alone, if it can be had for a few seconds."""
    from diffkit.comparison.referee import referee

    if not suspects or projection.weights is not None:
        return found
    few = dataclasses.replace(projection, directions=projection.directions[:suspects])
    question = few.question()
    if question.low_precision:
        question = dataclasses.replace(few, problem=few.problem.raised()).question()

    def ask(at: Problem) -> Witness | None:
        try:
            answer = referee(at.f, at.moving, {}, digits=places, limit=_REFEREED)
        except DiffkitError:
            return None
        value = np.full((found[0].rows, found[0].columns), np.nan)
        value[:, :suspects] = answer.float_value(answer.blocks[0][0]).reshape(-1, suspects)
        words = np.full(value.shape, "ok", "<U9")
        words[:, :suspects] = np.where(np.reshape(answer.kink[0][0], (-1, suspects)), KINK, "ok")
        return Witness("referee", REFEREE, OK, "", value=value, words=words, left=value, right=value,
                       branches=bool(answer.guards_changed))

    judge_of = within(question, ask, lambda _: None, budget)
    if judge_of is None:
        return found
    small, _, seen = found
    return small, judge(small, seen, judge_of, lambda: None), seen


def _whole_gradients(problem: Problem, chosen: Sequence[tuple[str, str | Function]], budget: float,
                     seed: int) -> tuple[list[Witness], list[tuple[str, str]]]:
    """Everybody who gives all derivatives at once, those who can't, and who is left for the directions."""
    whole, others = [], []
    for name, method in chosen:
        if not isinstance(method, str) or (method == "reverse" and problem.rows <= _ROWS):
            whole.append(witness(problem, name, method, budget, seed))
        elif method in ("forward", "reverse") and problem.astray:
            whole.append(Witness(name, FAMILIES[method], SKIPPED, problem.astray))
        elif method in ("forward", "reverse") or method in SCHEMES:
            others.append((name, method))
        elif method != "referee":
            whole.append(Witness(name, FAMILIES[method], SKIPPED, f"{problem.columns} inputs are judged through "
                                                                  "projections, where it has no part"))
    return whole, others


def _look(projection: Projection, whole: Sequence[Witness], others: Sequence[tuple[str, str]], budget: float,
          seed: int, tick: Callable[[], None]) -> Look:
    """One judgement of the small question."""
    small = projection.question()
    seen = [projection.times(w) for w in whole if w.ran]
    for name, method in others:
        def ask(at: Problem, method: str = method) -> Witness:
            line = dataclasses.replace(projection, problem=at)
            return line.differences(method, tick) if method in SCHEMES else line.pushed() if method == "forward" \
                else line.pulled()

        def late(why: str, name: str = name, method: str = method) -> Witness:
            return Witness(name, FAMILIES[method], SKIPPED, why)

        try:
            seen.append(within(projection.problem, ask, late, 3 * budget))
        except DiffkitError as error:
            seen.append(late(first_line(error.what)))
        except Exception as error:  # a method's failure is a row, not the end of the comparison
            seen.append(Witness(name, FAMILIES[method], RAISED, worded(error)))
    # Forward walks the same program as reverse: it is lent the rounding that was measured there.
    lent = next((w.spread for w in seen if w.spread is not None and w.family != USER), None)
    for w in seen:
        if w.spread is None and w.ran and w.family not in (USER, NUMERIC):
            w.spread = lent
    return small, judge(small, seen, None, lambda: within(
        small, lambda at: loss_by_rounding(at, seed), lambda _: None, budget)), seen

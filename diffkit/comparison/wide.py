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

from diffkit.comparison.accusing import errors_named
from diffkit.comparison.bundles import Direction, directions, row_weights, sizes
from diffkit.comparison.character import noise
from diffkit.comparison.elsewhere import LONGEST, ONE_CALL, PROBES, computed_before, moved
from diffkit.comparison.finding import Finding, Verdict
from diffkit.comparison.guard import within
from diffkit.comparison.halving import locate
from diffkit.comparison.judge import judge
from diffkit.comparison.judgement import KINK, Judgement
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
from diffkit.comparison.problem import Array, Function, Problem
from diffkit.comparison.progress import progress
from diffkit.comparison.projected import Projection
from diffkit.comparison.shaking import loss_by_rounding
from diffkit.comparison.tolerance import KIN, STRANGERS, own_error
from diffkit.comparison.verdict import pronounce, with_character
from diffkit.errors import DiffkitError

#: Up to so many inputs and derivatives every entry is looked at.
_WHOLE, _ENTRIES = 500, 50_000
#: Evaluations of f along one direction: typically, and when f is rough.
_TYPICAL = 30
#: Up to so many results reverse mode gives every row; above, results are weighted.
_ROWS = 8
#: All results are held against J u up to this many of them.
_ALL_ROWS = 20_000
_SUSPECTS = 5
#: Operations that the referee may take for suspects, about a microsecond each.
_REFEREED = 1_000_000

#: The small question, its judgement, and the witnesses along the directions.
Look = tuple[Problem, Judgement, list[Witness]]


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
    suspects = _suspects(problem, ran)
    draws, note, seconds = _plan(problem, len(suspects), budget, most)
    with np.errstate(all="ignore"):
        slopes = np.max([np.max(np.abs(np.asarray(w.value)), axis=0) for w in ran], axis=0) if ran else None
    weights = None
    if problem.rows > _ROWS:
        weights = _weights(problem, seed, budget)
        slopes = slopes if slopes is not None else _pulled_sizes(problem, weights, budget)
    ways = directions(problem, slopes, suspects, seed, draws)
    projection = Projection(problem, ways, weights)
    notes = [_cost(problem, ways, note, seconds * len(ways), seed)]
    with progress(f"{problem.name}: {len(ways)} projections of {problem.columns} inputs", len(ways),
                  seconds * len(ways)) as tick:
        found = _look(projection, ran, others, budget, seed, tick)
    found = _refereed(projection, found, len(suspects), places, budget, seed)
    verdict = pronounce(found[0], found[2], found[1], {}, places)
    verdict = with_character(verdict, lambda: within(problem, noise, lambda _: np.nan, budget), lambda: None)
    skipped = [w for w in whole if not w.ran]
    if weights is not None and problem.rows <= _ALL_ROWS and verdict.agree is not False:
        everything = Projection(problem, ways[-1:], None)
        beside = _look(everything, ran, [o for o in others if o[0] != "reverse"], budget, seed, lambda: None)
        against = pronounce(beside[0], beside[2], beside[1], {}, places)
        if against.agree is False:
            projection, found, verdict = everything, beside, against
    verdict = _located(projection, ran, found, verdict, budget)
    return Wide([*found[2], *skipped], [w for w in asked if w.ran], found[0], found[1],
                _open(problem, ran, suspects, projection, found, verdict), notes)


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
    expected = len(PROBES) * 4 * _TYPICAL * problem.seconds
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


def _faint(projection: Projection, found: Look) -> list[str]:
    """The bundles whose slope is below what differences of f claim, in every draw."""
    numeric = next((w for w in found[2] if w.family == NUMERIC and w.ran and not w.exact), None)
    if numeric is None or numeric.claim is None:
        return []
    lost = np.zeros(numeric.claim.shape, bool)
    with np.errstate(all="ignore"):
        for w in [w for w in found[2] if w.ran and w.family != NUMERIC]:
            slope = np.abs(np.asarray(w.value))
            lost |= (slope > 0) & ~(np.abs(np.asarray(numeric.value) - w.value) + numeric.claim <= 1e-2 * slope)
    seen: dict[str, bool] = {}
    for k, way in enumerate(projection.directions):
        name = way.name.rsplit(" (draw", 1)[0]
        seen[name] = seen.get(name, True) and bool(lost[:, k].all())
    return [name for name, unseen in seen.items() if unseen]


def _open(problem: Problem, ran: Sequence[Witness], suspects: Sequence[int], projection: Projection, found: Look,
          verdict: Verdict) -> Verdict:
    """Bundles that f does not resolve, and entries at which whole gradients differ, are not agreed upon."""
    if verdict.kind != "AGREE":
        return verdict
    faint = _faint(projection, found)
    if faint:
        text = f"f does not resolve {' and '.join(faint)}"
        return Verdict("AGREE-BUT-UNRESOLVED", True, f"{verdict.sentence}, but {text}",
                       (*verdict.findings, Finding("unresolved", "", tuple(faint), len(faint), text)))
    if not suspects:
        return verdict
    first = np.asarray(ran[0].value)
    with np.errstate(all="ignore"):
        gaps = [np.max(np.abs(first - w.value), axis=0) / np.max(np.abs(first), axis=0) for w in ran[1:]]
    far = [i for i in suspects if any(not gap[i] <= 1e-3 for gap in gaps)]
    if not far:
        return verdict
    names = ", ".join(problem.input_name(i) for i in far)
    text = (f"{' and '.join(w.method for w in ran)} differ at {names} by more than rounding explains, and f "
            "resolves no more there")
    return Verdict("AGREE-BUT-UNRESOLVED", True, f"{verdict.sentence}, but {text}",
                   (*verdict.findings, Finding("unresolved", "", (names,), len(far), text)))


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


def _suspects(problem: Problem, ran: Sequence[Witness]) -> list[int]:
    """The inputs at which whole gradients contradict each other: the few whose difference moves f most."""
    excess = np.zeros(problem.columns)
    for other in ran[1:]:
        with np.errstate(all="ignore"):
            gap = np.nan_to_num(np.abs(np.asarray(ran[0].value) - other.value), nan=np.inf)
        gap = np.where(_apart(problem, ran[0], other, KIN), gap, 0.0)
        excess = np.maximum(excess, np.max(gap, axis=0) * sizes(problem.moving.leaves))
    columns = np.flatnonzero(excess > 0)
    order = columns[np.argsort(-excess[columns], kind="stable")]
    return [int(i) for i in order[:_SUSPECTS]]


def _plan(problem: Problem, singles: int, budget: float, most: int) -> tuple[int, str, float]:
    """How many draws the budget allows, why not three, and the seconds that one direction takes."""
    one = (_TYPICAL + 4) * problem.seconds
    for draws, count in ((3, 15), (2, 2)):
        if draws <= most and (count + singles) * one <= budget:
            return draws, "", one
    return 1, f"; three draws of each bundle would take {15 * one:.0f} s" if most > 1 else "", one


def _cost(problem: Problem, ways: Sequence[Direction], note: str, seconds: float, seed: int) -> str:
    bundled = len({way.name.rsplit(" (draw", 1)[0] for way in ways})
    return (f"judged through {len(ways)} random projections of {problem.columns} inputs ({bundled} bundles by how "
            f"much they move f; seed {seed}): about {_TYPICAL * len(ways)} evaluations of f, "
            f"{max(seconds, 0.1):.1f} s expected{note}")


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


def _weights(problem: Problem, seed: int, budget: float) -> Array:
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


def _pulled_sizes(problem: Problem, weights: Array, budget: float) -> Array | None:
    """How much each input moves the weighted results, if reverse mode can tell."""
    def pull(at: Problem) -> Array | None:
        return np.abs(next(Projection(at, [], weights[-1:]).gradients(at.f)))

    try:
        return within(problem, pull, lambda _: None, budget)
    except DiffkitError:
        return None


def _located(projection: Projection, ran: Sequence[Witness], found: Look, verdict: Verdict, budget: float) -> Verdict:
    """Name the entries at which a gradient was refuted."""
    if verdict.agree is not False:
        return verdict
    _, judged, seen = found
    wrong, undecided = dict(judged.wrong), bool(judged.undecided.any())
    if undecided:  # one against one: the entries are named, whoever is right
        others = [w.method for w in seen if w.ran and w.family != NUMERIC]
        wrong = {others[0]: np.any([*judged.wrong.values()], axis=0)} if others else {}
    problem, findings = projection.problem, []
    trusted = next((w for w in ran if not undecided and not wrong[w.method].any()), None)
    numeric = next((w for w in seen if w.family == NUMERIC and w.ran and not w.exact), None)
    for w in [w for w in seen if w.family != NUMERIC and wrong.get(w.method) is not None and wrong[w.method].any()]:
        own = next((whole for whole in ran if whole.method == w.method), None)
        if own is not None and trusted is not None:
            located = errors_named(problem, own, np.asarray(trusted.value), _apart(problem, own, trusted, STRANGERS),
                                   trusted.method)
        else:
            located = None if numeric is None else locate(projection, own or w, wrong[w.method], numeric.method,
                                                          budget)
        if located is not None:
            findings.append(located)
    if not findings:
        return verdict
    texts = "; ".join(finding.text for finding in findings)
    named = {finding.method for finding in findings}
    rest = [finding for finding in verdict.findings if finding.kind != "wrong" or finding.method not in named]
    return Verdict("DISAGREE", False, f"{verdict.sentence.split(': ')[0]}: {texts}", (*findings, *rest))


def _apart(problem: Problem, one: Witness, other: Witness, share: float) -> Array:
    """Where two whole gradients differ by more than both their roundings."""
    with np.errstate(all="ignore"):
        gap = np.nan_to_num(np.abs(np.asarray(one.value) - other.value), nan=np.inf)
    return np.asarray(gap > own_error(problem, one, share) + own_error(problem, other, share))

"""Who is right, entry by entry.

Every entry gets a reference: the 50-digit referee; where there is none, the value that
most independent families support.  A method is wrong where it misses the reference by
more than both measured errors.  At a kink, found by finite differences or by the referee,
the reference is the interval between the two slopes; before anybody is accused, ``ties`` looks for kinks that show
only where several inputs move together.  If the referee and ordinary
arithmetic part ways, the program is run with shaken operands: when these move the
derivative as much, the code cancels and nobody is wrong.  If evaluations of f and a method
stand together against the referee, it is the recording that is doubted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.guard import within
from diffkit.comparison.judgement import JUMP, KINK, NOISY, PATIENCE, STAIRCASE, VERTICAL, Judgement
from diffkit.comparison.majority import by_majority, by_referee, doubted_by_f, excused, loss
from diffkit.comparison.methods import NUMERIC, RULES, SYMBOLIC, USER, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.resolved import ill_conditioned, unresolved, zero_beside_swing
from diffkit.comparison.roughness import roughness, supported
from diffkit.comparison.second_look import confirmed_by_f
from diffkit.comparison.sorts import (
    all_zero,
    flat_by_rules,
    kinds_of_points,
    on_stairs,
    outside,
    slack_beside,
    without_saturated,
)
from diffkit.comparison.ties import Ties, ties


def judge(problem: Problem, witnesses: Sequence[Witness], referee: Witness | None,
          rounding: Callable[[], Array | None]) -> Judgement:
    """Judge the witnesses that ran, with or without a referee.

    ``rounding()`` is what shaken operands do to the derivative; it is asked only if something
    is to be excused.
    """
    ran = [w for w in witnesses if w.ran]
    shape = (problem.rows, problem.columns)
    differences = next((w for w in ran if w.family == NUMERIC and not w.exact), None)
    words, left, right = kinds_of_points(shape, differences, referee)
    words = without_saturated(problem, ran, differences, referee, words)
    finite = np.broadcast_to(np.isfinite(np.concatenate([np.reshape(o, -1) for o in problem.outs]))[:, None], shape)
    live = finite & (words != JUMP) & (words != VERTICAL)
    reference, wrong, undecided = by_majority(problem, ran, live)
    none = np.zeros(shape, bool)
    verdict = Judgement(reference, "", wrong, undecided, none, none, words, left, right, none, none)
    _by_precision(problem, ran, referee, verdict, live, functools.cache(lambda: loss(problem, rounding)))
    found = _by_f(problem, ran, differences, verdict, live)
    _at_special_points(problem, ran, differences, referee, verdict, live)
    _through_noise(problem, ran, differences, referee, verdict, live)
    for steep in (referee, differences):
        if steep is not None and steep.value is not None:
            verdict.reference = np.where(verdict.words == VERTICAL, steep.value, verdict.reference)
    if found is not None:
        _tie(verdict, found, found.found)
    verdict.words = np.where(finite, verdict.words, "nonfinite")
    plain = live & (verdict.words != KINK) & ~((verdict.words == STAIRCASE) & flat_by_rules(ran, shape))
    exact = None if referee is None else referee.value
    verdict.unresolved = plain & unresolved(problem, ran, verdict, exact)
    if verdict.source != "referee" and verdict.unresolved.any():
        verdict.unresolved = verdict.unresolved & ~within(
            problem, lambda at: zero_beside_swing(at, differences, verdict.reference, verdict.unresolved),
            lambda _: np.zeros(shape, bool), PATIENCE)
    verdict.ill = plain & ill_conditioned(problem, ran, verdict, exact)
    if verdict.source != "referee":  # what f's noise hides from a caller's gradient is not the code's cancellation
        readers = [w for w in ran if w.family != USER]
        verdict.ill &= (verdict.words != NOISY) | ill_conditioned(problem, readers, verdict, exact)
        if verdict.cancels is not None:
            verdict.ill |= plain & verdict.cancels & ~verdict.accused()
    _untie(problem, ran, verdict)
    return verdict


def _by_precision(problem: Problem, ran: Sequence[Witness], referee: Witness | None, verdict: Judgement, live: Array,
                  seen: Callable[[], Array | None]) -> None:
    """The referee's say, or without one the excuse that rounding gives."""
    exact = None if referee is None else referee.value
    if exact is not None:
        held = live & np.isfinite(exact) & (verdict.words != KINK)
        missed = by_referee(problem, ran, exact, held, seen)
        verdict.doubted = doubted_by_f(ran, missed, held)
        held &= ~verdict.doubted
        verdict.source = "referee" if held.any() or (verdict.words == KINK).any() else ""
        verdict.reference = np.where(held, exact, verdict.reference)
        verdict.undecided = verdict.undecided & ~held
        verdict.wrong = {name: np.where(held, missed[name], mask) for name, mask in verdict.wrong.items()}
    elif verdict.any_wrong():
        excuse = excused(problem, ran, verdict.reference, seen())
        verdict.cancels = np.any([mask & excuse[name] for name, mask in verdict.wrong.items()], axis=0)
        verdict.wrong = {name: mask & ~excuse[name] for name, mask in verdict.wrong.items()}
        verdict.undecided = verdict.undecided & verdict.accused()


def _by_f(problem: Problem, ran: Sequence[Witness], differences: Witness | None, verdict: Judgement,
          live: Array) -> Ties | None:
    """Before anybody is accused: f once more, at the steps of differences that stand alone, and where inputs tie."""
    none = np.zeros_like(live)
    if differences is not None and verdict.wrong.get(differences.method, none).any():
        alone, witness = verdict.wrong[differences.method], differences
        verdict.wrong[differences.method] = alone & ~within(
            problem, lambda at: confirmed_by_f(at, alone, verdict.reference, witness, verdict.words == NOISY,
                                              verdict.source == "referee"),
            lambda _: none, PATIENCE)
        _by_trend(problem, ran, differences, verdict)
        verdict.undecided = verdict.undecided & verdict.accused()
    found = _tied(problem, ran, live & (verdict.words == "ok"), verdict.wrong)
    if found is None or not found.found.any():
        return None
    verdict.wrong = {name: mask & ~found.excused.get(name, none) for name, mask in verdict.wrong.items()}
    verdict.undecided = verdict.undecided & ~found.found
    verdict.doubted = verdict.doubted & ~found.found
    return found


def _by_trend(problem: Problem, ran: Sequence[Witness], differences: Witness, verdict: Judgement) -> None:
    """Differences of a rough f stand alone against 50 digits: f's trend decides whether they may."""
    alone = verdict.wrong[differences.method] & (verdict.words == NOISY)
    readers = [w for w in ran if w.family in (RULES, SYMBOLIC)]
    if verdict.source != "referee" or not readers or not alone.any():
        return
    rough = within(problem, lambda at: roughness(at, readers, alone), lambda _: None, PATIENCE)
    if rough is None:
        return
    refuted = alone & np.any([np.zeros_like(alone), *rough.refuted.values()], axis=0)
    # Who has the worst entries with him has the others.
    excused = alone & ~refuted & rough.looked if refuted.any() else alone
    verdict.wrong[differences.method] = verdict.wrong[differences.method] & ~excused


def _at_special_points(problem: Problem, ran: Sequence[Witness], differences: Witness | None, referee: Witness | None,
                       verdict: Judgement, live: Array) -> None:
    """At kinks the slopes on both sides are the bounds; on stairs 0 and the slope of the stairs are right."""
    kinked = live & (verdict.words == KINK)
    if kinked.any():
        left, right = verdict.left, verdict.right
        verdict.reference = np.where(kinked, (left + right) / 2, verdict.reference)
        verdict.undecided = verdict.undecided & ~kinked
        slack = slack_beside(differences, referee, live.shape)
        beyond = {w.method: kinked & outside(problem, w, left, right, slack) for w in ran}
        found = _tied(problem, ran, kinked, beyond)
        if found is not None and found.found.any():  # the slopes by one input are not all that there are
            none = np.zeros_like(kinked)
            beyond = {name: mask & ~found.excused.get(name, none) for name, mask in beyond.items()}
            _tie(verdict, found, found.found)
        verdict.wrong = {w.method: np.where(kinked, beyond[w.method], verdict.wrong[w.method]) for w in ran}
    if differences is not None and (verdict.words == STAIRCASE).any():
        flat = (verdict.words == STAIRCASE) & flat_by_rules(ran, live.shape)
        verdict.reference = np.where(flat, 0.0, verdict.reference)
        verdict.wrong = on_stairs(ran, differences, verdict.wrong, flat)
        verdict.undecided = verdict.undecided & ~flat


def _through_noise(problem: Problem, ran: Sequence[Witness], differences: Witness | None, referee: Witness | None,
                   verdict: Judgement, live: Array) -> None:
    """Where nobody decides, f's grain and its trend through its own noise."""
    none = np.zeros_like(live)
    sharp = {name: mask & verdict.undecided & (verdict.words == "ok") for name, mask in verdict.wrong.items()}
    if any(mask.any() for mask in sharp.values()):
        grain = within(problem, lambda at: supported(at, ran, sharp), lambda _: {}, PATIENCE)
        heard = np.any([none, *grain.values()], axis=0)
        verdict.wrong = {name: mask & ~heard for name, mask in verdict.wrong.items()}
        verdict.undecided, verdict.words = verdict.undecided & ~heard, np.where(heard, NOISY, verdict.words)
    disputed = (verdict.accused() & verdict.undecided) | _alone(ran, differences, live.shape)
    disputed &= live & np.isin(verdict.words, (STAIRCASE, NOISY))
    if referee is not None and referee.value is not None and verdict.source == "referee":
        disputed &= verdict.doubted | ~np.isfinite(referee.value)  # fifty digits decide, and rounding was excused
    if not disputed.any():
        return
    rough = within(problem, lambda at: roughness(at, ran, disputed), lambda _: None, PATIENCE)
    if rough is None:
        return
    verdict.wrong = {name: np.where(disputed, rough.refuted.get(name, none), mask)
                     for name, mask in verdict.wrong.items()}
    verdict.undecided = verdict.undecided & ~disputed
    refuted = disputed & verdict.accused()
    verdict.reference = np.where(refuted, rough.slope, verdict.reference)
    verdict.noise = np.where(refuted, rough.noise, np.nan)
    verdict.words = np.where(disputed & (refuted | ~all_zero(ran, live.shape)), NOISY, verdict.words)


def _tied(problem: Problem, ran: Sequence[Witness], live: Array, wrong: dict[str, Array]) -> Ties | None:
    """Before anybody is accused: f where all the disputed inputs move together."""
    disputed = live & np.any(list(wrong.values()), axis=0) if wrong else np.zeros(live.shape, bool)
    if not disputed.any():
        return None
    return within(problem, lambda at: ties(at, ran, disputed, wrong), lambda _: None, PATIENCE)


def _tie(verdict: Judgement, found: Ties, tied: Array) -> None:
    """Note the entries at a tie as kinks, with the slopes beside the point."""
    verdict.words, verdict.left, verdict.right = (np.where(tied, new, old) for new, old in (
        (KINK, verdict.words), (found.low, verdict.left), (found.high, verdict.right)))
    verdict.tied = verdict.tied | tied


def _untie(problem: Problem, ran: Sequence[Witness], verdict: Judgement) -> None:
    """Shaken operands break a tie, and its derivative seems to cancel: it is a kink, with right and wrong answers."""
    plain = verdict.ill & np.isin(verdict.words, ("ok", NOISY))
    found = _tied(problem, ran, plain, {w.method: plain for w in ran})
    if found is None or not found.found.any():
        return
    none = np.zeros_like(found.found)
    inside = {w.method: found.excused.get(w.method, none) for w in ran}
    rules = [inside[w.method] for w in ran if w.family == RULES]
    # That the rules are found among the gradients beside the point shows that enough of these were seen.
    seen_enough = bool(rules) and np.array_equal(np.all(rules, axis=0) & found.found, found.found)
    if seen_enough:
        tied = found.found
        for w in ran:
            verdict.wrong[w.method] = verdict.wrong.get(w.method, none) | (tied & ~inside[w.method])
    else:
        tied = found.found & np.all(list(inside.values()), axis=0)
    _tie(verdict, found, tied)
    verdict.ill, verdict.unresolved = verdict.ill & ~tied, verdict.unresolved & ~tied


def _alone(ran: Sequence[Witness], differences: Witness | None, shape: tuple[int, int]) -> Array:
    """Where differences abstain, or claim next to nothing, and one family is left."""
    others = {w.family if w.family != USER else w.method for w in ran if w.family != NUMERIC}
    if differences is None or len(others) != 1:
        return np.zeros(shape, bool)
    return np.asarray(~(np.asarray(differences.claim) <= 0.1 * np.abs(np.asarray(differences.value))))

"""``compare``: put one question to every method, and judge the answers.

The order of things: f is asked plainly, twice (its exceptions are the caller's); every
method answers for itself, on copies; the referee runs the recorded program on 50-digit
numbers; the judge compares entry by entry; the verdict is put into words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.arguments import Argnums
from diffkit.comparison import wide
from diffkit.comparison.affording import stated, too_slow, with_cost
from diffkit.comparison.allowance import Allowance
from diffkit.comparison.asking import ask, last_answer, trace, with_time_of_its_own
from diffkit.comparison.character import growth, is_steep, noise
from diffkit.comparison.culprit import culprit
from diffkit.comparison.elsewhere import hidden
from diffkit.comparison.evidence import Evidence
from diffkit.comparison.finding import Finding, Verdict
from diffkit.comparison.formulas import SPECIAL, Formulas, formulas
from diffkit.comparison.gathering import gather
from diffkit.comparison.guard import within
from diffkit.comparison.judge import judge
from diffkit.comparison.judgement import STAIRCASE
from diffkit.comparison.methods import DEFAULT, NUMERIC, RULES, SYMBOLIC, Witness, resolve
from diffkit.comparison.posing import NOT_NUMERIC, pose
from diffkit.comparison.problem import Function, Problem
from diffkit.comparison.refereeing import referee_witness
from diffkit.comparison.report import abridged
from diffkit.comparison.resolved import digits
from diffkit.comparison.result import Comparison, Proof
from diffkit.comparison.second_order import beyond_first
from diffkit.comparison.shaking import loss_by_rounding
from diffkit.comparison.stairs import stairs
from diffkit.comparison.steadiness import changed, precision_note
from diffkit.comparison.tabling import comparison_of, row_of, unanswered
from diffkit.comparison.verdict import blamed, pronounce, with_character
from diffkit.comparison.wide import is_wide
from diffkit.errors import ComparisonError, RefereeError


def compare(f: Function, *args: Any, methods: Sequence[str | Function] = DEFAULT, argnums: Argnums = 0,
            referee: str | bool = "auto", kwargs: Mapping[str, Any] | None = None, seed: int = 0,
            digits: int = 50, budget: float = 60.0) -> Comparison:
    """Differentiate f at a point by several methods, and judge whether the answers are right.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  Its result may be a number, an array, or nested containers.
    *args
        The point: f's positional arguments.
    methods : sequence of str or callable
        "forward", "reverse", "symbolic", "central", "numeric" (differences, one-sided where
        they must be), "forward-difference", "backward-difference", "complex-step"; and the
        caller's own derivatives.  These are called with f's own arguments and must return
        ``out.shape + in.shape``, in f's containers, as :func:`diffkit.jacobian` does.
    argnums : int or tuple of int
        Which positional arguments move.
    referee : "auto", True or False
        Whether witnesses are added that the methods lack: the 50-digit referee and, if no
        numeric method is named, central differences.  True reports a referee that can't run
        as a raised error, False adds nothing.
    kwargs : dict
        f's keyword arguments (so that f may have a keyword named ``methods``).
    seed : int
        Of the directions in which rounding is measured.
    digits : int
        Decimal digits of the referee.
    budget : float
        Seconds for the whole comparison.  What can't be afforded is not begun, what takes longer than expected is
        stopped, and both are rows that say so; an f that does not come back is REFUSED.

    Returns
    -------
    Comparison
        ``.agree``, ``.verdict``, ``.rows``, ``.findings``; ``print`` it for the whole report.

    Raises
    ------
    InputError, ArgnumsError
        When an argument can't be differentiated.  ComparisonError for an unknown method.
        What f itself raises at the point comes through unchanged.

    Notes
    -----
    No tolerance is given because none is fixed: each method's error is measured (rounding,
    by evaluations at x(1 + k eps)), claimed (differences) or known (the referee).  A verdict
    needs two families that share no code: rules (forward, reverse), symbolic, numeric,
    referee, and each of the caller's functions.

    Above 500 inputs or 50 000 derivatives, or where f is too slow for its coordinates, the question is judged
    through random projections, whose number and expected cost the notes state; a gradient that is refuted is bisected
    to its entries.  On disagreement with diffkit's own rules the recorded operations are searched for the one
    to blame.  When f has been called once the cost is known: where it is long it is stated, on a terminal together
    with progress, and no more than the budget is spent, plus one call of f where that is a single long computation
    in C, which can't be stopped.

    A function of the caller's that agrees is asked at three points around x as well (up to
    40 per cent off, zeros moved off zero), unless ``referee=False``: a formula may be right at
    zeros or ones alone.  What was computed beforehand is judged at x only.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> def f(x):
    ...     return np.sum(x**3)
    >>> def my_gradient(x):
    ...     return 2 * x**2
    >>> result = dk.compare(f, np.array([1.0, 2.0]), methods=("reverse", my_gradient))
    >>> result.agree, result.kind, result.findings[0].pattern
    (False, 'DISAGREE', '0.666667 times the right value')
    """
    chosen = resolve(methods)
    if referee not in ("auto", True, False, None):
        raise ComparisonError(f"referee={referee!r} is unknown", 'referee="auto", True or False')
    if not budget > 0:
        raise ComparisonError(f"budget={budget!r} leaves no time", "seconds for the whole comparison, as budget=60.0")
    # A candidate of another library (``candidates``) is asked about what moves here.
    chosen = [(name, getattr(method, "with_argnums", lambda _, own=method: own)(argnums)) for name, method in chosen]
    problem = pose(f, args, dict(kwargs or {}), argnums, Allowance(budget))
    strange = problem.refusal is not None and problem.refusal[0] == NOT_NUMERIC
    if not problem.deterministic and not strange:
        return unanswered(problem, "NONDETERMINISTIC", changed(problem), seed)
    if problem.refusal is not None:
        return unanswered(problem, "REFUSED", problem.refusal[1], seed)
    slow = too_slow(problem, [*chosen, *([("referee", "referee"), ("central", "central")] if referee else [])])
    if slow:
        return unanswered(problem, "INCONCLUSIVE", slow, seed)
    budget = problem.allowance.share
    notes = list(problem.notes)
    if problem.low_precision:
        notes += within(problem, precision_note, lambda why: [f"float64 was not tried: {why}"], budget)
    named = [name for name, _ in chosen]
    if is_wide(problem, budget):
        return _wide(problem, chosen, referee, budget, seed, digits, notes)
    if referee and not any(method in _NUMERIC_NAMES for method in named):
        chosen.append(("central", "central"))
        notes.append("central was added as a witness that only evaluates f")
    trace(problem, budget)
    notes += [f"f branches on an equality that holds here, at {line}" for line in problem.equalities]
    chosen = [(name, method) for name, method in chosen if method != "referee"]
    notes += stated(problem, chosen)
    witnesses = ask(problem, chosen, budget, seed)
    judged_by = referee_witness(problem, digits, budget, force=referee is True or "referee" in named) \
        if referee or "referee" in named else None
    last = last_answer(problem, budget)
    if last is not None:
        return unanswered(problem, "NONDETERMINISTIC", last, seed)
    exact = judged_by.value if judged_by is not None else None
    judged = judge(problem, witnesses, judged_by, lambda: within(
        problem, lambda at: loss_by_rounding(at, seed), lambda _: None, budget))
    found = {w.method: _digits(problem, w, judged, exact) for w in witnesses}
    verdict = with_cost(pronounce(problem, witnesses, judged, found, digits), problem, witnesses, chosen)
    if verdict.kind == "AGREE" and referee:
        zero = (judged.reference == 0) & (judged.words == "ok")
        if judged_by is not None and judged_by.moves is not None and not judged_by.branches:
            zero &= ~judged_by.moves
        steps = within(problem, lambda at: stairs(at, zero)[0], lambda _: np.zeros(zero.shape, bool), budget)
        if steps.any():
            judged.words = np.where(steps, STAIRCASE, judged.words)
            verdict = pronounce(problem, witnesses, judged, found, digits)
    verdict = with_character(verdict, lambda: within(problem, noise, lambda _: np.nan, budget),
                             lambda: within(problem, growth, lambda _: None, budget),
                             is_steep(problem, judged.reference))
    if _accuses_rules(verdict, witnesses):
        verdict = blamed(verdict, within(problem, lambda at: culprit(at, seed), lambda _: None, budget))
    said = within(problem, lambda at: formulas(at, "symbolic" in named, verdict.kind in _SPECIAL),
                  lambda why: Formulas(proof=Proof(None, f"not tried: {why}")), budget)
    verdict, said = _with_proof(verdict, said, named, bool(judged.tied.any()))
    verdict, beyond = beyond_first(problem, verdict, budget, seed) if referee else (verdict, [])
    notes += beyond
    # At a kink any subgradient is an answer, also one that is no formula.
    asked = referee and verdict.kind in ("AGREE", "AGREE-BUT-UNRESOLVED")
    beside = hidden(problem, witnesses, dict(chosen), budget, seed) if asked else []
    verdict = _with_hidden(verdict, beside)
    rows = [row_of(problem, w, judged, found[w.method]) for w in witnesses]
    accused = {finding.method for finding in beside}
    rows = [dataclasses.replace(row, status="wrong", note="beside the point") if row.method in accused else row
            for row in rows]
    if judged_by is not None:
        rows.append(row_of(problem, judged_by, judged, None))
    at, everybody = problem.isolated(), [*witnesses, *([judged_by] if judged_by is not None else [])]
    return dataclasses.replace(comparison_of(problem, verdict, rows, said, notes, seed),
                               measure=lambda: within(with_time_of_its_own(at, budget), lambda at: gather(
                                   at, everybody, judged, verdict.findings, seed), _unseen, budget))


def _unseen(why: str) -> Evidence:
    """The evidence of an f that was stopped beside the point."""
    return Evidence(notes=(f"no figures: {why}",))


def _wide(problem: Problem, chosen: list[tuple[str, str | Function]], referee: str | bool, budget: float, seed: int,
          places: int, notes: list[str]) -> Comparison:
    """The comparison of a question with too many derivatives to look at each."""
    named = [name for name, _ in chosen]
    if referee and not any(method in _NUMERIC_NAMES for method in named):
        chosen.append(("central", "central"))
        notes.append("central was added as a witness that only evaluates f")
    if referee is True or "referee" in named:
        raise RefereeError(f"the referee moves each input, and {problem.columns} are judged through projections",
                           "fewer inputs (argnums), a smaller example")
    trace(problem, budget)
    notes += [f"f branches on an equality that holds here, at {line}" for line in problem.equalities]
    found = wide.look(problem, chosen, budget, seed, places)
    last = last_answer(problem, budget)
    if last is not None:
        return unanswered(problem, "NONDETERMINISTIC", last, seed)
    asked = referee and found.verdict.kind in ("AGREE", "AGREE-BUT-UNRESOLVED")
    beside = wide.beside(problem, found.whole, dict(chosen), budget, seed, places) if asked else []
    verdict = _with_hidden(found.verdict, beside)
    rows = [row_of(found.small, w, found.judged, None) for w in found.witnesses]
    whole = {w.method for w in found.whole}
    rows = [dataclasses.replace(row, abridged=abridged(w.answer) if w.method in whole else
                                f"along {found.small.columns} directions") if w.ran else row
            for row, w in zip(rows, found.witnesses)]
    at = problem.isolated()
    return dataclasses.replace(comparison_of(problem, verdict, rows, Formulas(), [*notes, *found.notes], seed),
                               measure=lambda: within(with_time_of_its_own(at, budget), lambda at: gather(
                                   found.small, found.witnesses, found.judged, verdict.findings, seed, at), _unseen,
                                   budget))


_NUMERIC_NAMES = ("central", "numeric", "forward-difference", "backward-difference")
_digits = digits
#: Points at which no formula holds beside them.
_SPECIAL = ("KINK", "VERTICAL", "JUMP")


def _with_proof(verdict: Verdict, said: Formulas, named: Sequence[str],
                tied: bool) -> tuple[Verdict, Formulas]:
    """A gradient that is right here and refuted elsewhere on the branch is not right."""
    if said.proof.proved is not False:
        return verdict, said
    if tied or verdict.kind in _SPECIAL:
        return verdict, dataclasses.replace(said, proof=SPECIAL)
    if verdict.agree is not True or not {"reverse", "forward"} & set(named):
        return verdict, said
    sentence = f"the methods agree at this point, but elsewhere they don't: {said.proof.sentence}"
    finding = Finding("refuted", "reverse", (), 0, said.proof.sentence)
    return Verdict("DISAGREE", False, sentence, (*verdict.findings, finding)), said


def _accuses_rules(verdict: Verdict, witnesses: Sequence[Witness]) -> bool:
    """Whether the recorded program is in doubt: a rule was refuted, or f's evaluations contradict it."""
    recorded = {w.method for w in witnesses if w.family in (RULES, SYMBOLIC, NUMERIC)}
    return any(finding.kind in ("wrong", "doubt") and finding.method in recorded | {"referee"}
               for finding in verdict.findings)


def _with_hidden(verdict: Verdict, beside: Sequence[Finding]) -> Verdict:
    """A caller's function that is right at the point and wrong beside it is not right."""
    if not beside:
        return verdict
    return Verdict("DISAGREE", False, "; ".join(finding.text for finding in beside), (*verdict.findings, *beside))

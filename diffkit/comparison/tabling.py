"""From what was found to the ``Comparison`` that the caller gets: a row for each method, and the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffkit.comparison.finding import Verdict
from diffkit.comparison.formulas import Formulas
from diffkit.comparison.judgement import JUMP, KINK, VERTICAL, Judgement
from diffkit.comparison.methods import OK, REFEREE, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.report import abridged, describe_point
from diffkit.comparison.result import Comparison, Row
from diffkit.comparison.tolerance import KIN, own_error, underflow


def row_of(problem: Problem, w: Witness, judged: Judgement, found: Array | None) -> Row:
    """One method\'s row: its answer, its measured error, its digits, what became of it."""
    worst = None
    if found is not None and not np.isnan(found).all():
        worst = round(float(np.nanmin(found)), 1)
    error = None
    if w.value is not None and w.family != REFEREE:
        measured = w.claim if w.claim is not None else own_error(problem, w, 0.0 if w.spread is not None else KIN)
        smooth = ~np.isin(judged.words, (KINK, JUMP, VERTICAL))
        error = float(np.max(measured[smooth] if smooth.any() else measured, initial=0.0))
        error = 0.0 if error <= 2 * underflow(problem) else error
    state = w.state
    mask = judged.wrong.get(w.method)
    if state == OK and (w.unsteady or (mask is not None and mask.any())):
        state = "wrong"
    answer = w.answer
    ratio = None if w.seconds is None else w.seconds / max(problem.seconds, 1e-9)
    shown = "" if w.value is None else abridged(w.value.reshape(-1))
    return Row(w.method, w.family, answer, error, worst, w.evaluations, ratio, state, w.note, shown)


def unanswered(problem: Problem, kind: str, reason: str, seed: int) -> Comparison:
    """A comparison that could not be made."""
    return comparison_of(problem, Verdict(kind, None, reason), [], Formulas(), problem.notes, seed)


def comparison_of(problem: Problem, verdict: Verdict, rows: Sequence[Row], said: Formulas, notes: Sequence[str],
                seed: int) -> Comparison:
    """The whole, as plain data."""
    return Comparison(
        kind=verdict.kind, agree=verdict.agree, verdict=verdict.sentence, rows=tuple(rows),
        findings=verdict.findings, expressions=said.expressions, derivatives=said.derivatives,
        conditions=said.conditions, latex=said.latex, mathml=said.mathml, proof=said.proof, function=problem.name,
        point=describe_point(problem), value=abridged(problem.value),
        shape=(problem.rows, problem.columns) if problem.refusal is None else (0, 0), notes=tuple(notes), seed=seed,
        seconds=problem.seconds)

"""Who is wrong, in words: what a method says, who says otherwise, at which entries, and the pattern of its error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffkit.comparison.finding import Finding, Verdict, join, number, places
from diffkit.comparison.judgement import KINK, NOISY, STAIRCASE, Judgement
from diffkit.comparison.methods import MISSHAPEN, NUMERIC, RAISED, SILENT, USER, Witness
from diffkit.comparison.patterns import name_pattern, name_shape
from diffkit.comparison.problem import Array, Problem


def unusable(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> list[Finding]:
    """Candidates of the caller's that gave nothing to compare."""
    findings = []
    for w in witnesses:
        if w.family == USER and w.unsteady:
            findings.append(Finding("raised", w.method, (), 0, pattern="not deterministic",
                                    text=f"{w.method} gave another answer when it was asked again"))
        if w.family != USER or w.ran:
            continue
        if w.state == MISSHAPEN:
            known = "" if np.isnan(judged.reference).all() else name_shape(problem, w.answer, judged.reference)
            text = f"{w.method} {w.note}" + (f": {known}" if known else "")
            findings.append(Finding("shape", w.method, (), 0, text, pattern=known or "shape"))
        elif w.state == RAISED:
            findings.append(Finding("raised", w.method, (), 0, f"{w.method} raised {w.note}", pattern="raised"))
    return findings


def silent(witnesses: Sequence[Witness]) -> list[Finding]:
    """Candidates that say themselves that they have no derivative: nobody is wrong by that."""
    return [Finding("unanswered", w.method, (), 0, f"{w.method} has no answer ({w.note})") for w in witnesses
            if w.state == SILENT]


def errors_named(problem: Problem, w: Witness, reference: Array, wrong: Array, authority: str) -> Finding | None:
    """The finding for one method whose wrong entries and right values are known from another's."""
    if not wrong.any():
        return None
    nothing = np.zeros(wrong.shape, bool)
    words = np.full(wrong.shape, "ok", "<U9")
    judged = Judgement(reference, authority, {w.method: wrong}, nothing, nothing, nothing, words, reference,
                       reference, nothing, nothing)
    return wrong_values(problem, [w], judged)[0]


def wrong_values(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> list[Finding]:
    """A finding for each method that misses the reference: what it says, what is right, and the pattern."""
    findings = []
    for w in witnesses:
        mask = judged.wrong.get(w.method)
        if mask is None or not mask.any() or w.value is None:
            continue
        pattern = name_pattern(problem, w.value, judged.reference, mask)
        blurred = np.zeros(mask.shape, bool) if judged.noise is None else mask & np.isfinite(judged.noise)
        with np.errstate(all="ignore"):
            size = np.where(judged.reference != 0, np.abs(judged.reference), 1)
            relative = np.nan_to_num(np.abs(w.value - judged.reference) / size, nan=np.inf, posinf=np.inf)
        worst = np.unravel_index(int(np.argmax(np.where(mask, relative, -1))), mask.shape)
        kept = max(0.0, -float(np.log10(max(relative[worst], 1e-300)))) if np.isfinite(relative[worst]) else 0.0
        if blurred.any():  # through noise no pattern is exact
            ratio = w.value[worst] / judged.reference[worst]
            pattern = f"about {number(ratio, 2)} times the right value" if np.isfinite(ratio) and ratio else ""
        entries, count = places(problem, mask)
        says = f"{w.method} says {_shown(w.value[worst], relative[worst])} where " \
               f"{_authority(judged, worst)} {_shown(judged.reference[worst], relative[worst])}"
        if problem.columns * problem.rows > 1:
            says += f", at {problem.entry(int(worst[0]), int(worst[1]))}"
        text = says + (f": {pattern}" if pattern else "")
        if judged.tied[worst]:
            text = f"{w.method} says {number(w.value[worst])} at a kink of f, and no mean of f's gradients beside " \
                f"the point is what it says of the tied inputs, at {problem.entry(int(worst[0]), int(worst[1]))}"
        elif judged.words[worst] == KINK:
            text = f"{w.method} says {number(w.value[worst])} at a kink of f, where the slopes are " \
                f"{slopes_said(judged, worst)}" + (f", at {problem.entry(int(worst[0]), int(worst[1]))}"
                                               if mask.size > 1 else "")
        findings.append(Finding("wrong", w.method, entries, count, text, round(kept, 1), pattern))
    return findings


def _shown(value: object, relative: float) -> str:
    """Enough digits to see the difference."""
    places = 6 if not 0 < relative < 1e-4 else min(17, int(np.ceil(-np.log10(relative))) + 3)
    return number(value, places)


def _authority(judged: Judgement, where: tuple[np.intp, ...]) -> str:
    if judged.source == "referee" and not judged.doubted[where]:
        return "the referee says"
    if judged.noise is not None and np.isfinite(judged.noise[where]):
        return "evaluations of f say"
    if judged.source not in ("", "referee"):
        return f"{judged.source} says"
    return "another method says" if judged.undecided[where] else "the majority says"


def slopes_said(judged: Judgement, where: tuple[np.intp, ...]) -> str:
    """The slopes on both sides of a kink."""
    left, right = judged.left[where], judged.right[where]
    # A slope that is rounding beside the other is 0.
    tiny = 1e-9 * max(abs(left), abs(right))
    return " and ".join(number(0.0 if abs(slope) < tiny else slope) for slope in (left, right))


def disagreement(problem: Problem, findings: list[Finding], judged: Judgement,
              witnesses: Sequence[Witness]) -> Verdict:
    """Some method is wrong; which, and is it that method or the reading of the program?"""
    accused = [f for f in findings if f.kind in ("wrong", "shape", "raised")]
    if judged.doubted.any():
        entries, count = places(problem, judged.doubted)
        findings.append(Finding("doubt", "referee", entries, count,
                                "the referee contradicts evaluations of f and another method; it was left aside"))
    families = {w.method: w.family for w in witnesses}
    wrong = [f for f in accused if f.kind == "wrong"]
    if wrong and bool((judged.undecided & np.any([judged.wrong[f.method] for f in wrong], axis=0)).any()):
        staircase = np.isin(judged.words, (STAIRCASE, NOISY)) & judged.undecided
        said = "; ".join(f.text for f in wrong)
        if staircase.any():
            return Verdict("INCONCLUSIVE", None, f"f is rough here and no referee decides: {said}", tuple(findings))
        return Verdict("DISAGREE", False, f"the methods contradict each other and no third family decides: {said}",
                       tuple(findings))
    numeric = [f for f in wrong if families[f.method] == NUMERIC]
    if any(f.method != "complex-step" for f in numeric) and len(numeric) == len(accused):
        why = "the trace may not see all that f does"
        if problem.equalities:
            why = f"an equality holds at {join(problem.equalities)}, and the branch taken has another derivative"
        return Verdict("DISAGREE", False, f"evaluations of f contradict the recorded program ({why}): "
                       + "; ".join(f.text for f in wrong), tuple(findings))
    names = join([f.method for f in accused])
    right = [w.method for w in witnesses if w.ran and w.method not in {f.method for f in accused}]
    behind = f" ({join(right)} agree{'s' * (len(right) == 1)} with the referee)" \
        if right and judged.source == "referee" else f" ({join(right)} stand{'s' * (len(right) == 1)} against it)" \
        if right else ""
    verb = "is" if len(accused) == 1 else "are"
    hidden = ""
    if judged.noise is not None and np.isfinite(judged.noise).any():
        hidden = f"; f is noisy, and noise of its level, {number(np.nanmax(judged.noise), 1)}, can't explain that"
    return Verdict("DISAGREE", False, f"{names} {verb} wrong{behind}: {'; '.join(f.text for f in accused)}{hidden}",
                   tuple(findings))

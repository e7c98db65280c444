"""From masks to words: one kind, one sentence, and a finding for everything worth saying.

The kinds, the gravest first.  ``agree`` is True where no method is wrong, False where one
is, None where nothing can be said.

===================== ====== ===================================================================
REFUSED               None   f's result or the point is nothing that has a derivative
NONDETERMINISTIC      None   f answers differently to the same arguments
DISAGREE              False  some method is wrong, or raised, or returned another shape
INCONCLUSIVE          None   fewer than two independent families have anything to say, or who was asked has no answer
JUMP                  None   f is discontinuous here
VERTICAL              (1)    f's slope is infinite here
PIECEWISE-CONSTANT    None   the code's derivative is 0, f moves in steps
KINK                  True   one-sided slopes differ, by one input or by several at once; every method is within them
CHAOTIC               None   tangents grow from step to step: no two runs in floating point can agree
ILL-CONDITIONED       None   nobody is wrong, and rounding has eaten the digits
NOISY                 None   f's own noise, or its grain, explains what methods say; and hides whether they are right
AGREE-BUT-UNRESOLVED  True   no contradiction, but some entries are below what can be resolved
AGREE                 True   every entry is confirmed by two independent families
===================== ====== ===================================================================

(1) True when every exact method says the same infinity, else None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.accusing import disagreement, silent, unusable, wrong_values
from diffkit.comparison.character import Growth
from diffkit.comparison.finding import Finding, Verdict, join
from diffkit.comparison.judgement import JUMP, KINK, NOISY, STAIRCASE, VERTICAL, Judgement
from diffkit.comparison.methods import NUMERIC, REFEREE, USER, Witness
from diffkit.comparison.points import points
from diffkit.comparison.problem import Array, Problem

KINDS = ("AGREE", "AGREE-BUT-UNRESOLVED", "NOISY", "ILL-CONDITIONED", "CHAOTIC", "KINK", "PIECEWISE-CONSTANT",
         "VERTICAL", "JUMP", "INCONCLUSIVE", "DISAGREE", "NONDETERMINISTIC", "REFUSED")


def blamed(verdict: Verdict, finding: Finding | None) -> Verdict:
    """The verdict with the operation that it comes from."""
    if finding is None:
        return verdict
    return dataclasses.replace(verdict, sentence=f"{verdict.sentence}; {finding.text}",
                               findings=(*verdict.findings, finding))


def with_character(verdict: Verdict, rough: Callable[[], float], grown: Callable[[], Growth | None],
                   steep: bool = False) -> Verdict:
    """The reason behind a verdict that can't be given: f's noise in numbers, or tangents that grow.

    Where methods agree on a derivative so ``steep`` that it may belong to chaos, that is a finding of its own.
    """
    if any(finding.kind == NOISY for finding in verdict.findings):
        level = rough()
        words = f"f itself has noise at level {level:.0e}" if np.isfinite(level) else "f itself is rough here"
        findings = tuple(dataclasses.replace(finding, text=f"{words}, far above its rounding")
                         if finding.kind == NOISY else finding for finding in verdict.findings)
        sentence = f"{words}, and its derivative is not resolved: {verdict.sentence}" if verdict.kind == "NOISY" \
            else verdict.sentence
        verdict = dataclasses.replace(verdict, sentence=sentence, findings=findings)
    found = grown() if verdict.kind == "ILL-CONDITIONED" or steep else None
    if found is None:
        return verdict
    if verdict.kind != "ILL-CONDITIONED":
        text = (f"tangents grow along the {found.operations} operations of f, by {found.factor:.0e} in all: the "
                "derivative is that of this one run, and tells nothing of inputs further away than "
                f"{1 / found.factor:.0e} of their size")
        return dataclasses.replace(verdict, findings=(*verdict.findings, Finding("chaotic", "", (), 1, text)))
    sentence = (f"tangents grow along the {found.operations} operations of f, by {found.factor:.0e} in all: an error "
                f"in the last digit reaches the result that much larger, and no agreement can be expected; "
                f"{verdict.sentence}")
    return dataclasses.replace(verdict, kind="CHAOTIC", sentence=sentence)


def pronounce(problem: Problem, witnesses: Sequence[Witness], judged: Judgement,
              digits: dict[str, Array | None], places: int) -> Verdict:
    """The verdict of a comparison that was made, with the candidates that have no answer named in it."""
    unanswered = silent(witnesses)
    verdict = _pronounced(problem, witnesses, judged, digits, places)
    if not unanswered:
        return verdict
    said, findings = "; ".join(finding.text for finding in unanswered), (*verdict.findings, *unanswered)
    if verdict.agree is not False and all(w.family in (NUMERIC, REFEREE) for w in witnesses if w.ran):
        return Verdict("INCONCLUSIVE", None, f"{said}, and no other method was to be judged", findings)
    return dataclasses.replace(verdict, sentence=f"{verdict.sentence}; {said}", findings=findings)


def _pronounced(problem: Problem, witnesses: Sequence[Witness], judged: Judgement,
                digits: dict[str, Array | None], places: int) -> Verdict:
    findings: list[Finding] = []
    findings += unusable(problem, witnesses, judged)
    findings += wrong_values(problem, witnesses, judged)
    accused = bool(findings)
    special = points(problem, witnesses, judged)
    findings += special
    ran = [w for w in witnesses if w.ran]
    count = len({w.family if w.family != USER else w.method for w in ran if _says_something(w)})
    count += judged.source == "referee"
    kinds = {finding.kind for finding in special}
    if accused:
        return disagreement(problem, findings, judged, witnesses)
    if count < 2:
        names = join([w.method for w in ran] + ["the referee"] * (judged.source == "referee"))
        one = f"only {names} ran, one family: " if count else "no method ran: "
        hung = f" ({problem.hung[0]} away from the point)" if problem.hung else ""
        return Verdict("INCONCLUSIVE", None, f"{one}two methods that share no code are needed{hung}", tuple(findings))
    for kind in (JUMP, VERTICAL, STAIRCASE, KINK, "ill-conditioned"):
        for finding in special:
            if finding.kind == kind:
                agree = True if kind == KINK or (kind == VERTICAL and finding.digits == 1) else None
                label = "PIECEWISE-CONSTANT" if kind == STAIRCASE else kind.upper()
                return Verdict(label, agree, finding.text, tuple(findings))
    speaking = [w.method for w in ran if w.claim is None or np.isfinite(w.claim).any()]
    if len(speaking) == 1 and judged.source == "referee":
        speaking.append("the referee")
    named = join(speaking)
    size = problem.rows * problem.columns
    entries = f"in all {size} {problem.unit}" if size > 1 else "here"
    if "unresolved" in kinds:
        finding = next(f for f in special if f.kind == "unresolved")
        if NOISY in kinds and judged.source != "referee":
            return Verdict("NOISY", None, finding.text, tuple(findings))
        return Verdict("AGREE-BUT-UNRESOLVED", True, f"{named} do not contradict each other, but {finding.text}",
                       tuple(findings))
    if not np.any(judged.reference):
        why = "" if problem.depends else f": f does not depend on {join(problem.input_leaves)}"
        return Verdict("AGREE", True, f"{named} agree {entries}, the derivative is zero{why}", tuple(findings))
    by_referee = judged.source == "referee" and speaking[-1] != "the referee"
    with_referee = f"with the {places}-digit referee" if by_referee else "with each other"
    tail = _worst_digits(digits, ran)
    return Verdict("AGREE", True, f"{named} agree {with_referee} {entries}{tail}", tuple(findings))


def _says_something(w: Witness) -> bool:
    """Whether differences claim anything, if only what kind of point it is."""
    if w.claim is None or w.words is None or w.exact:
        return True
    return bool((np.isfinite(w.claim) | np.isin(w.words, (JUMP, VERTICAL, NOISY))).any())


def _worst_digits(digits: dict[str, Array | None], ran: Sequence[Witness]) -> str:
    """How many digits the exact methods and the differences kept at their worst entries."""
    parts = []
    for group, claims in (("exact methods", False), ("differences", True)):
        worst = []
        for w in ran:
            found = digits.get(w.method)
            if found is None or (w.claim is not None) is not claims:
                continue
            # A claim that covers the value itself promises no digits.
            told = found if w.claim is None else np.where(w.claim <= 0.1 * np.abs(np.asarray(w.value)), found, np.nan)
            if not np.isnan(told).all():
                worst.append(abs(float(np.nanmin(told))))
        if worst:
            parts.append(f"{group} to {min(worst):.1f} digits")
    return f": {', '.join(parts)}" if parts else ""

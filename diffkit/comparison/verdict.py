"""From masks to words: one kind, one sentence, and a finding for everything worth saying.

The kinds, the gravest first.  ``agree`` is True where no method is wrong, False where one
is, None where nothing can be said.

===================== ====== ===================================================================
REFUSED               None   f's result or the point is nothing that has a derivative
NONDETERMINISTIC      None   f answers differently to the same arguments
DISAGREE              False  some method is wrong, or raised, or returned another shape
INCONCLUSIVE          None   fewer than two independent families have anything to say
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

from diffkit.comparison.character import Growth
from diffkit.comparison.judge import JUMP, KINK, NOISY, STAIRCASE, VERTICAL, Judgement
from diffkit.comparison.methods import MISSHAPEN, NUMERIC, RAISED, USER, Witness
from diffkit.comparison.patterns import name_pattern, name_shape
from diffkit.comparison.problem import Array, Problem

KINDS = ("AGREE", "AGREE-BUT-UNRESOLVED", "NOISY", "ILL-CONDITIONED", "CHAOTIC", "KINK", "PIECEWISE-CONSTANT",
         "VERTICAL", "JUMP", "INCONCLUSIVE", "DISAGREE", "NONDETERMINISTIC", "REFUSED")
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing seen: what, by which method ("" for all), at which entries, in a sentence.

    ``operation`` and ``line`` (``file:number``) name the recorded operation that it is blamed on; reports
    mark it in the graph.
    """

    kind: str
    method: str
    entries: tuple[str, ...]
    count: int
    text: str
    digits: float | None = None
    pattern: str = ""
    operation: str = ""
    line: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What ``compare`` says."""

    kind: str
    agree: bool | None
    sentence: str
    findings: tuple[Finding, ...] = ()


def blamed(verdict: Verdict, finding: Finding | None) -> Verdict:
    """The verdict with the operation that it comes from."""
    if finding is None:
        return verdict
    return dataclasses.replace(verdict, sentence=f"{verdict.sentence}; {finding.text}",
                               findings=(*verdict.findings, finding))


def with_character(verdict: Verdict, rough: Callable[[], float], grown: Callable[[], Growth | None]) -> Verdict:
    """The reason behind a verdict that can't be given: f's noise in numbers, or tangents that grow."""
    if any(finding.kind == NOISY for finding in verdict.findings):
        level = rough()
        words = f"f itself has noise at level {level:.0e}" if np.isfinite(level) else "f itself is rough here"
        findings = tuple(dataclasses.replace(finding, text=f"{words}, far above its rounding")
                         if finding.kind == NOISY else finding for finding in verdict.findings)
        sentence = f"{words}, and its derivative is not resolved: {verdict.sentence}" if verdict.kind == "NOISY" \
            else verdict.sentence
        verdict = dataclasses.replace(verdict, sentence=sentence, findings=findings)
    found = grown() if verdict.kind == "ILL-CONDITIONED" else None
    if found is None:
        return verdict
    sentence = (f"tangents grow along the {found.operations} operations of f, by {found.factor:.0e} in all: an error "
                f"in the last digit reaches the result that much larger, and no agreement can be expected; "
                f"{verdict.sentence}")
    return dataclasses.replace(verdict, kind="CHAOTIC", sentence=sentence)


def number(value: object, places: int = 6) -> str:
    """A number as verdicts write it."""
    return f"{value:.{places}g}"


def pronounce(problem: Problem, witnesses: Sequence[Witness], judged: Judgement,
              digits: dict[str, Array | None], places: int) -> Verdict:
    """The verdict of a comparison that was made."""
    findings: list[Finding] = []
    findings += _unusable(problem, witnesses, judged)
    findings += _wrong(problem, witnesses, judged)
    accused = bool(findings)
    special = _special(problem, witnesses, judged)
    findings += special
    ran = [w for w in witnesses if w.ran]
    count = len({w.family if w.family != USER else w.method for w in ran if _says_something(w)})
    count += judged.source == "referee"
    kinds = {finding.kind for finding in special}
    if accused:
        return _disagree(problem, findings, judged, witnesses)
    if count < 2:
        names = _join([w.method for w in ran] + ["the referee"] * (judged.source == "referee"))
        one = f"only {names} ran, one family: " if count else "no method ran: "
        hung = f" ({problem.hung[0]} away from the point)" if problem.hung else ""
        return Verdict("INCONCLUSIVE", None, f"{one}two methods that share no code are needed{hung}", tuple(findings))
    for kind in (JUMP, VERTICAL, STAIRCASE, KINK, "ill-conditioned"):
        for finding in special:
            if finding.kind == kind:
                agree = True if kind == KINK or (kind == VERTICAL and finding.digits == 1) else None
                label = "PIECEWISE-CONSTANT" if kind == STAIRCASE else kind.upper()
                return Verdict(label, agree, finding.text, tuple(findings))
    named = _join([w.method for w in ran if w.claim is None or np.isfinite(w.claim).any()])
    size = problem.rows * problem.columns
    entries = f"in all {size} {problem.unit}" if size > 1 else "here"
    if "unresolved" in kinds:
        finding = next(f for f in special if f.kind == "unresolved")
        if NOISY in kinds and judged.source != "referee":
            return Verdict("NOISY", None, finding.text, tuple(findings))
        return Verdict("AGREE-BUT-UNRESOLVED", True, f"{named} do not contradict each other, but {finding.text}",
                       tuple(findings))
    if not np.any(judged.reference):
        why = "" if problem.depends else f": f does not depend on {_join(problem.input_leaves)}"
        return Verdict("AGREE", True, f"{named} agree {entries}, the derivative is zero{why}", tuple(findings))
    with_referee = f"with the {places}-digit referee" if judged.source == "referee" else "with each other"
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


def _join(names: Sequence[str]) -> str:
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _places(problem: Problem, mask: Array) -> tuple[tuple[str, ...], int]:
    found = np.argwhere(mask)
    return tuple(problem.entry(int(r), int(c)) for r, c in found[:_SHOWN]), len(found)


def _list(entries: tuple[str, ...], count: int) -> str:
    more = f" and {count - len(entries)} more" if count > len(entries) else ""
    return ", ".join(entries) + more


def _unusable(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> list[Finding]:
    """Candidates of the caller's that gave nothing to compare."""
    findings = []
    for w in witnesses:
        if w.family != USER or w.ran:
            continue
        if w.state == MISSHAPEN:
            known = "" if np.isnan(judged.reference).all() else name_shape(problem, w.answer, judged.reference)
            text = f"{w.method} {w.note}" + (f": {known}" if known else "")
            findings.append(Finding("shape", w.method, (), 0, text, pattern=known or "shape"))
        elif w.state == RAISED:
            findings.append(Finding("raised", w.method, (), 0, f"{w.method} raised {w.note}", pattern="raised"))
    return findings


def errors_named(problem: Problem, w: Witness, reference: Array, wrong: Array, authority: str) -> Finding | None:
    """The finding for one method whose wrong entries and right values are known from another's."""
    if not wrong.any():
        return None
    nothing = np.zeros(wrong.shape, bool)
    words = np.full(wrong.shape, "ok", "<U9")
    judged = Judgement(reference, authority, {w.method: wrong}, nothing, nothing, nothing, words, reference,
                       reference, nothing, nothing)
    return _wrong(problem, [w], judged)[0]


def _wrong(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> list[Finding]:
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
        entries, count = _places(problem, mask)
        says = f"{w.method} says {_shown(w.value[worst], relative[worst])} where " \
               f"{_authority(judged, worst)} says {_shown(judged.reference[worst], relative[worst])}"
        if problem.columns * problem.rows > 1:
            says += f", at {problem.entry(int(worst[0]), int(worst[1]))}"
        text = says + (f": {pattern}" if pattern else "")
        if judged.tied[worst]:
            text = f"{w.method} says {number(w.value[worst])} at a kink of f, and no mean of f's gradients beside " \
                f"the point is what it says of the tied inputs, at {problem.entry(int(worst[0]), int(worst[1]))}"
        elif judged.words[worst] == KINK:
            text = f"{w.method} says {number(w.value[worst])} at a kink of f, where the slopes are " \
                f"{_slopes(judged, worst)}" + (f", at {problem.entry(int(worst[0]), int(worst[1]))}"
                                               if mask.size > 1 else "")
        findings.append(Finding("wrong", w.method, entries, count, text, round(kept, 1), pattern))
    return findings


def _shown(value: object, relative: float) -> str:
    """Enough digits to see the difference."""
    places = 6 if not 0 < relative < 1e-4 else min(17, int(np.ceil(-np.log10(relative))) + 3)
    return number(value, places)


def _authority(judged: Judgement, where: tuple[np.intp, ...]) -> str:
    if judged.source == "referee" and not judged.doubted[where]:
        return "the referee"
    if judged.noise is not None and np.isfinite(judged.noise[where]):
        return "evaluations of f"
    if judged.source not in ("", "referee"):
        return judged.source
    return "another method" if judged.undecided[where] else "the majority"


def _slopes(judged: Judgement, where: tuple[np.intp, ...]) -> str:
    left, right = judged.left[where], judged.right[where]
    # A slope that is rounding beside the other is 0.
    tiny = 1e-9 * max(abs(left), abs(right))
    return " and ".join(number(0.0 if abs(slope) < tiny else slope) for slope in (left, right))


def _disagree(problem: Problem, findings: list[Finding], judged: Judgement,
              witnesses: Sequence[Witness]) -> Verdict:
    """Some method is wrong; which, and is it that method or the reading of the program?"""
    accused = [f for f in findings if f.kind in ("wrong", "shape", "raised")]
    if judged.doubted.any():
        entries, count = _places(problem, judged.doubted)
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
            why = f"an equality holds at {_join(problem.equalities)}, and the branch taken has another derivative"
        return Verdict("DISAGREE", False, f"evaluations of f contradict the recorded program ({why}): "
                       + "; ".join(f.text for f in wrong), tuple(findings))
    names = _join([f.method for f in accused])
    right = [w.method for w in witnesses if w.ran and w.method not in {f.method for f in accused}]
    behind = f" ({_join(right)} agree{'s' * (len(right) == 1)} with the referee)" \
        if right and judged.source == "referee" else f" ({_join(right)} stand{'s' * (len(right) == 1)} against it)" \
        if right else ""
    verb = "is" if len(accused) == 1 else "are"
    hidden = ""
    if judged.noise is not None and np.isfinite(judged.noise).any():
        hidden = f"; f is noisy, and noise of its level, {number(np.nanmax(judged.noise), 1)}, can't explain that"
    return Verdict("DISAGREE", False, f"{names} {verb} wrong{behind}: {'; '.join(f.text for f in accused)}{hidden}",
                   tuple(findings))


def _special(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> list[Finding]:
    """Kinks, jumps, vertical tangents, stairs, lost digits, unresolved entries."""
    findings = []
    words = judged.words
    witness = next((w for w in witnesses if w.family == NUMERIC and not w.exact and w.ran), None)

    def add(kind: str, mask: Array, text: str, flag: float | None = None) -> None:
        entries, count = _places(problem, mask)
        place = f" at {_list(entries, count)}" if mask.size > 1 else ""
        findings.append(Finding(kind, "", entries, count, text.replace("{place}", place), flag))

    if (words == JUMP).any():
        add(JUMP, words == JUMP, "f is discontinuous here{place}: there is no derivative, and what the exact methods "
                                 "give is that of the branch taken")
    if (words == VERTICAL).any():
        mask = words == VERTICAL
        exact = {w.method: w.value[mask] for w in witnesses if w.exact and w.value is not None and w.claim is None}
        said = judged.reference[mask]
        alike = bool(exact) and all(np.array_equal(values, said) for values in exact.values())
        kind = "infinite" if not np.isnan(said).any() else "infinite with different signs on the two sides"
        add(VERTICAL, mask, f"f's slope is {kind} here{{place}}" + (", and every exact method says so" if alike else
            "".join(f"; {name} says {number(values[0])}" for name, values in exact.items())), float(alike))
    if (words == KINK).any():
        mask = words == KINK
        first = np.argwhere(mask)[0]
        where = tuple(first)
        values = sorted({number(w.value[where]) for w in witnesses if w.exact and w.value is not None})
        slopes = f"the slopes are {_slopes(judged, where)}"
        if judged.tied[where]:
            slopes = "when these inputs move together, the slopes beside the point go from " \
                     f"{' to '.join(_slopes(judged, where).split(' and '))}"
        add(KINK, mask, f"f has a kink here{{place}}: {slopes}"
            + (f" (at {problem.entry(int(first[0]), int(first[1]))})" if mask.sum() > 1 else "")
            + f", and {_join(values) or 'no exact method'} is accepted between them")
    if (words == STAIRCASE).any():
        mask = words == STAIRCASE
        flat = [w for w in witnesses if w.exact and w.value is not None and not w.value[mask].any()]
        if flat and not judged.ill[mask].any():
            slope = ""
            if witness is not None and witness.value is not None and witness.value[mask].any():
                slope = f"; further out it rises by {number(witness.value[mask][0])} a unit"
            add(STAIRCASE, mask, "f is piecewise constant here{place}: its derivative is 0 wherever it has one, "
                                 f"and f moves in steps{slope}")
    if (words == NOISY).any():
        add(NOISY, words == NOISY, "f itself is rough here{place}, far above its rounding")
    if judged.ill.any():
        findings.append(_ill(problem, witnesses, judged))
    if judged.unresolved.any():
        count = int(judged.unresolved.sum())
        size = judged.unresolved.size
        add("unresolved", judged.unresolved, f"{count} of {size} {problem.unit} are not confirmed by "
            "two independent families to three digits{place}")
    for leaf, name in _constant_leaves(problem, judged):
        del leaf
        findings.append(Finding("constant", "", (name,), 1, f"the derivative by {name} is zero here"))
    return findings


def _ill(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> Finding:
    entries, count = _places(problem, judged.ill)
    where = tuple(np.argwhere(judged.ill)[0])
    said = _join(sorted({f"{w.method} says {number(w.value[where])}" for w in witnesses
                         if w.value is not None and w.exact}))
    truth = f"the referee {number(judged.reference[where])}" if judged.source == "referee" else "no referee decides"
    place = f" at {_list(entries, count)}" if judged.ill.size > 1 else ""
    return Finding("ill-conditioned", "", entries, count,
                   f"ordinary precision loses the digits of this derivative{place}: {said}, {truth}; the code "
                   "cancels, and no method is to blame")


def _constant_leaves(problem: Problem, judged: Judgement) -> list[tuple[int, str]]:
    """Moving leaves on which nothing depends, where others matter."""
    if not np.any(judged.reference):
        return []
    found, start = [], 0
    for index, (leaf, name) in enumerate(zip(problem.moving.leaves, problem.input_leaves)):
        stop = start + int(np.size(leaf))
        if stop > start and not np.any(judged.reference[:, start:stop]):
            found.append((index, name))
        start = stop
    return found

"""What kind of point it is, in words: kinks, jumps, vertical tangents, stairs, lost digits, unresolved entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffkit.comparison.accusing import slopes_said
from diffkit.comparison.finding import Finding, join, listed, number, places
from diffkit.comparison.judgement import JUMP, KINK, NOISY, STAIRCASE, VERTICAL, Judgement
from diffkit.comparison.methods import NUMERIC, Witness
from diffkit.comparison.problem import Array, Problem


def points(problem: Problem, witnesses: Sequence[Witness], judged: Judgement) -> list[Finding]:
    """Kinks, jumps, vertical tangents, stairs, lost digits, unresolved entries."""
    findings = []
    words = judged.words
    witness = next((w for w in witnesses if w.family == NUMERIC and not w.exact and w.ran), None)

    def add(kind: str, mask: Array, text: str, flag: float | None = None) -> None:
        entries, count = places(problem, mask)
        place = f" at {listed(entries, count)}" if mask.size > 1 else ""
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
        values = sorted({number(w.value[where]) for w in witnesses if w.exact and w.value is not None
                         and not np.isnan(w.value[where])})
        slopes = f"the slopes are {slopes_said(judged, where)}"
        if judged.tied[where]:
            slopes = "when these inputs move together, the slopes beside the point go from " \
                     f"{' to '.join(slopes_said(judged, where).split(' and '))}"
        add(KINK, mask, f"f has a kink here{{place}}: {slopes}"
            + (f" (at {problem.entry(int(first[0]), int(first[1]))})" if mask.sum() > 1 else "")
            + f", and {join(values) or 'no exact method'} {'are' if len(values) > 1 else 'is'} accepted between them")
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
    entries, count = places(problem, judged.ill)
    where = tuple(np.argwhere(judged.ill)[0])
    said = join(sorted({f"{w.method} says {number(w.value[where])}" for w in witnesses
                         if w.value is not None and w.exact}))
    truth = f"the referee {number(judged.reference[where])}" if judged.source == "referee" else "no referee decides"
    place = f" at {listed(entries, count)}" if judged.ill.size > 1 else ""
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

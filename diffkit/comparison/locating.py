"""Which entries of a large gradient are wrong, and which are open: whole gradients, bisection, what f resolves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffkit.comparison.accusing import errors_named
from diffkit.comparison.bundles import sizes
from diffkit.comparison.finding import Finding, Verdict
from diffkit.comparison.halving import locate
from diffkit.comparison.judgement import Judgement
from diffkit.comparison.methods import NUMERIC, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.projected import Projection
from diffkit.comparison.tolerance import KIN, STRANGERS, own_error

#: Inputs at which whole gradients differ that get a direction of their own.
_SUSPECTS = 5
#: The small question, its judgement, and the witnesses along the directions.
Look = tuple[Problem, Judgement, list[Witness]]


def located(projection: Projection, ran: Sequence[Witness], found: Look, verdict: Verdict, budget: float) -> Verdict:
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
            located = errors_named(problem, own, np.asarray(trusted.value), apart(problem, own, trusted, STRANGERS),
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


def apart(problem: Problem, one: Witness, other: Witness, share: float) -> Array:
    """Where two whole gradients differ by more than both their roundings."""
    with np.errstate(all="ignore"):
        gap = np.nan_to_num(np.abs(np.asarray(one.value) - other.value), nan=np.inf)
    return np.asarray(gap > own_error(problem, one, share) + own_error(problem, other, share))


def suspects_among(problem: Problem, ran: Sequence[Witness]) -> list[int]:
    """The inputs at which whole gradients contradict each other: the few whose difference moves f most."""
    excess = np.zeros(problem.columns)
    for other in ran[1:]:
        with np.errstate(all="ignore"):
            gap = np.nan_to_num(np.abs(np.asarray(ran[0].value) - other.value), nan=np.inf)
        gap = np.where(apart(problem, ran[0], other, KIN), gap, 0.0)
        excess = np.maximum(excess, np.max(gap, axis=0) * sizes(problem.moving.leaves))
    columns = np.flatnonzero(excess > 0)
    order = columns[np.argsort(-excess[columns], kind="stable")]
    return [int(i) for i in order[:_SUSPECTS]]


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


def still_open(problem: Problem, ran: Sequence[Witness], suspects: Sequence[int], projection: Projection, found: Look,
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

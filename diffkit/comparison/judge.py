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

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.guard import within
from diffkit.comparison.methods import NUMERIC, RULES, USER, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.roughness import Rough, roughness, supported
from diffkit.comparison.second_look import confirmed_by_f
from diffkit.comparison.stairs import stairs
from diffkit.comparison.ties import Ties, ties
from diffkit.comparison.tolerance import (
    KIN,
    STRANGERS,
    agree_closely,
    at_most_seen,
    loss_share,
    own_error,
    pair_share,
    reach,
    resolution,
    spread_along_row,
    underflow,
)

KINK, JUMP, VERTICAL, STAIRCASE, NOISY = "kink", "jump", "vertical", "staircase", "noisy"
_PRIORITY = {"symbolic": 5, "reverse": 4, "forward": 3, "complex-step": 2}
_FULL_DIGITS = 15.95
#: Seconds that a look at f's kinks or steps may take.
_PATIENCE = 10.0


@dataclasses.dataclass
class Judgement:
    """Masks and matrices of shape (rows, columns), by method where they differ."""

    reference: Array
    source: str
    wrong: dict[str, Array]
    undecided: Array
    unresolved: Array
    ill: Array
    words: Array
    #: One-sided slopes where ``words`` say kink.
    left: Array
    right: Array
    #: Entries where evaluations of f contradict the recorded program as the referee ran it.
    doubted: Array
    #: Kinks that show only where several inputs move together (``ties``); the slopes beside x are ``left`` to
    #: ``right``.
    tied: Array
    #: Where a method was refuted through the noise of a rough f: that noise, else NaN.
    noise: Array | None = None

    def any_wrong(self) -> bool:
        """Whether some method is wrong at some entry."""
        return any(bool(mask.any()) for mask in self.wrong.values())


def judge(problem: Problem, witnesses: Sequence[Witness], referee: Witness | None,
          rounding: Callable[[], Array | None]) -> Judgement:
    """Judge the witnesses that ran, with or without a referee.

    ``rounding()`` is what shaken operands do to the derivative; it is asked only if something
    is to be excused.
    """
    ran = [w for w in witnesses if w.ran]
    shape = (problem.rows, problem.columns)
    none = np.zeros(shape, bool)
    differences = next((w for w in ran if w.family == NUMERIC and not w.exact), None)
    words, left, right = _kinds_of_points(shape, differences, referee)
    words = _without_saturated(problem, ran, differences, referee, words)
    finite = np.broadcast_to(np.isfinite(np.concatenate([np.reshape(o, -1) for o in problem.outs]))[:, None], shape)
    live = finite & (words != JUMP) & (words != VERTICAL)
    seen = functools.cache(lambda: _loss(problem, rounding))
    reference, wrong, undecided = _by_majority(problem, ran, live)
    source, doubted, noise = "", none, None
    exact = None if referee is None else referee.value
    if exact is not None:
        held = live & np.isfinite(exact) & (words != KINK)
        by_referee = _by_referee(problem, ran, exact, held, seen)
        doubted = _doubted(ran, by_referee, held)
        held &= ~doubted
        source = "referee" if held.any() or (words == KINK).any() else ""
        reference = np.where(held, exact, reference)
        undecided = undecided & ~held
        wrong = {name: np.where(held, by_referee[name], mask) for name, mask in wrong.items()}
    if exact is None and any(mask.any() for mask in wrong.values()):
        excused = _excused(problem, ran, reference, seen())
        wrong = {name: mask & ~excused[name] for name, mask in wrong.items()}
        undecided = undecided & np.any(list(wrong.values()), axis=0)
    if differences is not None and wrong.get(differences.method, none).any():
        alone = wrong[differences.method]
        wrong[differences.method] = alone & ~within(
            problem, lambda at: confirmed_by_f(at, alone, reference, differences, words == NOISY), lambda _: none,
            _PATIENCE)
        undecided = undecided & np.any(list(wrong.values()), axis=0)
    found = _tied(problem, ran, live & (words == "ok"), wrong)
    tied = none if found is None else found.found
    if found is not None and tied.any():
        wrong = {name: mask & ~found.excused.get(name, none) for name, mask in wrong.items()}
        undecided = undecided & ~tied
        doubted = doubted & ~tied
    kinked = live & (words == KINK)
    if kinked.any():
        reference = np.where(kinked, (left + right) / 2, reference)
        undecided = undecided & ~kinked
        slack = _slack(differences, referee, shape)
        wrong = {w.method: np.where(kinked, _outside(problem, w, left, right, slack), wrong[w.method]) for w in ran}
    if differences is not None and (words == STAIRCASE).any():
        flat = (words == STAIRCASE) & _flat(ran, shape)
        reference = np.where(flat, 0.0, reference)
        wrong = _on_stairs(ran, differences, wrong, flat)
        undecided = undecided & ~flat
    sharp = {name: mask & undecided & (words == "ok") for name, mask in wrong.items()}
    if any(mask.any() for mask in sharp.values()):
        grain = within(problem, lambda at: supported(at, ran, sharp), lambda _: {}, _PATIENCE)
        heard = np.any([none, *grain.values()], axis=0)
        wrong = {name: mask & ~heard for name, mask in wrong.items()}
        undecided, words = undecided & ~heard, np.where(heard, NOISY, words)
    accused = np.any(list(wrong.values()), axis=0) if wrong else none
    open_to_f = live & np.isin(words, (STAIRCASE, NOISY)) & ((accused & undecided) | _alone(ran, differences, shape))
    rough = _rough(problem, ran, open_to_f)
    if rough is not None:
        wrong = {name: np.where(open_to_f, rough.refuted.get(name, none), mask) for name, mask in wrong.items()}
        undecided = undecided & ~open_to_f
        refuted = open_to_f & np.any(list(wrong.values()), axis=0)
        reference = np.where(refuted, rough.slope, reference)
        noise = np.where(refuted, rough.noise, np.nan)
        words = np.where(open_to_f & (refuted | ~_all_zero(ran, shape)), NOISY, words)
    for steep in (referee, differences):
        if steep is not None and steep.value is not None:
            reference = np.where(words == VERTICAL, steep.value, reference)
    if found is not None and tied.any():
        words, left, right = (np.where(tied, new, old) for new, old in (
            (KINK, words), (found.low, left), (found.high, right)))
    words = np.where(finite, words, "nonfinite")
    verdict = Judgement(reference, source, wrong, undecided, none, none, words, left, right, doubted, tied, noise)
    plain = live & (words != KINK) & ~((words == STAIRCASE) & _flat(ran, shape))
    verdict.unresolved = plain & _unresolved(problem, ran, verdict, exact)
    verdict.ill = plain & _ill_conditioned(problem, ran, verdict, exact)
    if source != "referee":  # what f's own noise hides from a caller's gradient is not the code's cancellation
        readers = [w for w in ran if w.family != USER]
        verdict.ill &= (words != NOISY) | _ill_conditioned(problem, readers, verdict, exact)
    _untie(problem, ran, verdict)
    return verdict


def _untie(problem: Problem, ran: Sequence[Witness], verdict: Judgement) -> None:
    """Shaken operands break a tie, and its derivative seems to cancel: it is a kink, with right and wrong answers."""
    seen = {w.method: verdict.ill & (verdict.words == "ok") for w in ran}
    found = _tied(problem, ran, verdict.ill & (verdict.words == "ok"), seen)
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
    verdict.words, verdict.left, verdict.right = (np.where(tied, new, old) for new, old in (
        (KINK, verdict.words), (found.low, verdict.left), (found.high, verdict.right)))
    verdict.tied = verdict.tied | tied
    verdict.ill, verdict.unresolved = verdict.ill & ~tied, verdict.unresolved & ~tied


def _kinds_of_points(shape: tuple[int, int], differences: Witness | None,
                     referee: Witness | None) -> tuple[Array, Array, Array]:
    """A word for each entry, and its slopes: by the differences, and where they saw nothing by the referee."""
    words = np.full(shape, "ok", "<U9")
    left, right = np.full(shape, np.nan), np.full(shape, np.nan)
    for witness in (referee, differences):
        if witness is None or witness.words is None:
            continue
        assert witness.left is not None and witness.right is not None
        if np.iscomplexobj(witness.left):
            left, right = left.astype(complex), right.astype(complex)
        said = witness.words
        if witness is differences and referee is not None and referee.ran and not referee.branches:
            # In 50 digits no kink, and no branch that could hide one: rounding looked like it.
            smooth = (words == "ok") & np.isfinite(np.asarray(referee.value))
            said = np.where((said == KINK) & smooth, "ok", said)
        seen = said != "ok"
        if witness is differences:  # what it took for smooth may be a kink to the referee
            seen |= (words != KINK) & (words != VERTICAL)
        # A slope in 50 digits is better than one with a claim.
        better = seen & ~((words == KINK) & (said == KINK))
        left, right = np.where(better, witness.left, left), np.where(better, witness.right, right)
        words = np.where(seen, said, words)
    return words, left, right


def _without_saturated(problem: Problem, ran: Sequence[Witness], differences: Witness | None,
                       referee: Witness | None, words: Array) -> Array:
    """Flat here and a slope further out (a dead unit that wakes up) is no staircase: its derivative is 0.

    A referee that saw f move beside x knows: what rounding shows as steps is the flat point of a curve.  Without
    one, only beside inputs that do move f: where nothing moves it, stairs too fine to be told from a slope are
    likelier.  Where it was not seen the word stays.
    """
    if differences is None or not (words == STAIRCASE).any():
        return words
    still = (words == STAIRCASE) & (np.asarray(differences.value) == 0) & _flat(ran, words.shape)
    if referee is not None and referee.moves is not None and not referee.branches:
        curved = still & referee.moves & (np.asarray(referee.value) == 0)
        words, still = np.where(curved, "ok", words), still & ~curved
    if not still.any() or _flat(ran, words.shape).all():
        return words
    nowhere = np.zeros(still.shape, bool)
    _, smooth = within(problem, lambda at: stairs(at, still), lambda _: (nowhere, nowhere), _PATIENCE)
    return np.where(still & smooth, "ok", words)


def _tied(problem: Problem, ran: Sequence[Witness], live: Array, wrong: dict[str, Array]) -> Ties | None:
    """Before anybody is accused: f where all the disputed inputs move together."""
    disputed = live & np.any(list(wrong.values()), axis=0) if wrong else np.zeros(live.shape, bool)
    if not disputed.any():
        return None
    return within(problem, lambda at: ties(at, ran, disputed, wrong), lambda _: None, _PATIENCE)


def _rough(problem: Problem, ran: Sequence[Witness], disputed: Array) -> Rough | None:
    """Whether f's own noise explains what nobody else decides."""
    if not disputed.any():
        return None
    return within(problem, lambda at: roughness(at, ran, disputed), lambda _: None, _PATIENCE)


def _alone(ran: Sequence[Witness], differences: Witness | None, shape: tuple[int, int]) -> Array:
    """Where differences abstain, or claim next to nothing, and one family is left."""
    others = {w.family if w.family != USER else w.method for w in ran if w.family != NUMERIC}
    if differences is None or len(others) != 1:
        return np.zeros(shape, bool)
    return np.asarray(~(np.asarray(differences.claim) <= 0.1 * np.abs(np.asarray(differences.value))))


def _all_zero(ran: Sequence[Witness], shape: tuple[int, int]) -> Array:
    """Where everybody but differences says zero."""
    said = [np.asarray(w.value) == 0 for w in ran if w.family != NUMERIC]
    return np.asarray(np.all(said, axis=0)) if said else np.zeros(shape, bool)


def _slack(differences: Witness | None, referee: Witness | None, shape: tuple[int, int]) -> Array:
    """How far off the slopes beside a kink may be: what differences claim beyond the gap between them."""
    exact = referee is not None and referee.ran
    if exact or differences is None or differences.left is None or differences.right is None:
        return np.zeros(shape)
    value = np.asarray(differences.value)
    with np.errstate(all="ignore"):
        half = np.fmax(np.abs(differences.left - value), np.abs(differences.right - value))
        return np.asarray(np.nan_to_num(np.maximum(differences.claim - half, 0.0), nan=0.0, posinf=0.0))


def _outside(problem: Problem, witness: Witness, left: Array, right: Array, slack: Array) -> Array:
    """Where a value at a kink lies on neither side nor between."""
    assert witness.value is not None
    value = witness.value
    if witness.claim is not None and not witness.exact:
        return np.zeros(value.shape, bool)
    # Its spread is the jump of the slope between the two sides, and not rounding.
    still = dataclasses.replace(witness, spread=None)
    allowed = own_error(problem, still, STRANGERS) + 1e-9 * np.maximum(np.abs(left), np.abs(right)) + slack
    with np.errstate(all="ignore"):
        if np.iscomplexobj(value) or np.iscomplexobj(left):
            return np.asarray(~(np.abs(value - left) + np.abs(value - right) <= np.abs(left - right) + 2 * allowed))
        inside = (value >= np.minimum(left, right) - allowed) & (value <= np.maximum(left, right) + allowed)
    return np.asarray(~inside)


def _by_majority(problem: Problem, ran: Sequence[Witness], live: Array) -> tuple[Array, dict[str, Array], Array]:
    """The value with the most families behind it, who misses it, and where that settles nothing."""
    shape = live.shape
    if not ran:
        return np.full(shape, np.nan), {}, np.zeros(shape, bool)
    values = np.stack([np.asarray(w.value) for w in ran])
    errors = {share: [own_error(problem, w, share) + resolution(problem, w) for w in ran]
              for share in (KIN, STRANGERS)}
    count = len(ran)
    consistent = np.zeros((count, count, *shape), bool)
    certified = np.zeros((count, count, *shape), bool)
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.where(np.isfinite(values), np.abs(values), 0.0), axis=(0, 2))[:, None]
        for a in range(count):
            for b in range(a, count):
                share = pair_share(ran[a], ran[b])
                allowed = errors[share][a] + errors[share][b]
                apart = np.abs(values[a] - values[b])
                near = (apart <= allowed) | ((values[a] == values[b]) & ~np.isnan(values[a]))
                near |= _abstains(ran[a]) | _abstains(ran[b])
                sharp = agree_closely(values[a], values[b], underflow(problem)) | (allowed <= 1e-9 * largest)
                consistent[a, b] = consistent[b, a] = near
                certified[a, b] = certified[b, a] = near & sharp
    groups = [w.family if w.family != USER else w.method for w in ran]
    families = sorted(set(groups))
    support = np.stack([sum((np.any(certified[a, [g == family for g in groups]], axis=0)).astype(int)
                            for family in families if family != groups[a]) + np.isfinite(values[a])
                        for a in range(count)])
    # Ties: a method of diffkit's before a stranger, and an exact one before a difference.
    rank = np.array([_PRIORITY.get(w.method, 1 if w.family == NUMERIC else 0) for w in ran])
    best = np.argmax(support * 10 + rank.reshape(-1, *[1] * len(shape)), axis=0)
    reference = np.take_along_axis(values, best[None], axis=0)[0]
    wrong, undecided = {}, np.zeros(shape, bool)
    chosen = np.take_along_axis(support, best[None], axis=0)[0]
    for a, w in enumerate(ran):
        wrong[w.method] = live & ~np.take_along_axis(consistent[a], best[None], axis=0)[0]
        undecided |= wrong[w.method] & (support[a] >= chosen)
    return reference, wrong, undecided


def _abstains(w: Witness) -> Array | bool:
    """Where differences give no number: that contradicts nobody."""
    return False if w.claim is None or w.exact else np.isnan(np.asarray(w.value)) & ~np.isfinite(w.claim)


def _by_referee(problem: Problem, ran: Sequence[Witness], referee: Array, held: Array,
                seen: Callable[[], Array | None]) -> dict[str, Array]:
    """Who misses 50 digits by more than rounding can explain."""
    wrong = {}
    for w in ran:
        assert w.value is not None
        with np.errstate(all="ignore"):
            apart = np.nan_to_num(np.abs(w.value - referee), nan=np.inf, posinf=np.inf)
        allowed = own_error(problem, w, KIN) + 2.3e-16 * np.abs(referee) + resolution(problem, w)
        missed = held & (apart > allowed)
        if missed.any():  # differences see f as rounding leaves it: they need the excuse as well
            loss = seen()
            if loss is not None:
                missed &= apart > allowed + at_most_seen(w, loss_share(problem, w) * loss)
            elif w.family == USER:  # a stranger's algorithm may lose a little more; not a tenth of the entry
                grey = own_error(problem, w, STRANGERS)
                missed &= (apart > grey) | (apart > 0.1 * np.abs(referee))
        wrong[w.method] = missed
    return wrong


def _loss(problem: Problem, rounding: Callable[[], Array | None]) -> Array | None:
    seen = rounding()
    return None if seen is None else spread_along_row(problem, seen)


def _excused(problem: Problem, ran: Sequence[Witness], reference: Array,
             loss: Array | None) -> dict[str, Array]:
    """Without a referee: what shaken operands explain is nobody's error."""
    with np.errstate(all="ignore"):
        return {w.method: np.zeros(reference.shape, bool) if loss is None else
                np.abs(w.value - reference) <= at_most_seen(w, loss_share(problem, w) * loss) for w in ran}


def _flat(ran: Sequence[Witness], shape: tuple[int, int]) -> Array:
    """Where the rules say zero."""
    said = [np.asarray(w.value) == 0 for w in ran if w.family == RULES]
    return np.asarray(np.all(said, axis=0)) if said else np.zeros(shape, bool)


def _on_stairs(ran: Sequence[Witness], differences: Witness, wrong: dict[str, Array],
               flat: Array) -> dict[str, Array]:
    """Where f moves in steps, 0 is the code's derivative and the slope of the stairs what it stands for."""
    slope, claim = np.asarray(differences.value), np.nan_to_num(np.asarray(differences.claim), nan=0.0, posinf=0.0)
    with np.errstate(all="ignore"):
        return {w.method: wrong[w.method] & ~(flat & (
            (np.asarray(w.value) == 0) | (np.abs(w.value - slope) <= 2 * claim + 1e-3 * np.abs(slope)))) for w in ran}


def _doubted(ran: Sequence[Witness], wrong: dict[str, Array], held: Array) -> Array:
    """Where evaluations of f contradict the referee, and so does a method that reads the program."""
    doubted = np.zeros(held.shape, bool)
    readers = [w for w in ran if w.family not in (NUMERIC, USER) and w.value is not None]
    for w in ran:
        if w.family != NUMERIC or w.value is None or w.claim is None:
            continue
        for reader in readers:
            with np.errstate(all="ignore"):
                near = np.abs(w.value - reader.value) <= np.nan_to_num(w.claim, nan=0.0, posinf=0.0) * 2 + \
                    1e-12 * np.abs(w.value)
            doubted |= held & wrong[w.method] & wrong[reader.method] & near
    return doubted


def _unresolved(problem: Problem, ran: Sequence[Witness], verdict: Judgement, referee: Array | None) -> Array:
    """Entries where agreement is only an excuse: no two families (or not the caller's) share three digits."""
    certified_by: dict[str, Array] = {}
    reference = verdict.reference
    with np.errstate(all="ignore"):
        largest = np.max(np.where(np.isfinite(reference), np.abs(reference), 0.0), axis=1, keepdims=True, initial=0.0)
        for w in ran:
            allowed = own_error(problem, w, STRANGERS)
            near = np.abs(w.value - reference) <= allowed
            sharp = agree_closely(np.asarray(w.value), reference, underflow(problem))
            sharp |= near & (allowed <= 1e-9 * largest)
            group = w.family if w.family != USER else w.method
            certified_by[group] = certified_by.get(group, np.zeros(reference.shape, bool)) | sharp
    families = sum((mask.astype(int) for mask in certified_by.values()), np.zeros(reference.shape, int))
    if verdict.source == "referee" and referee is not None:
        families = families + np.isfinite(referee)
    unresolved = families < 2
    for w in ran:
        if w.family == USER:
            unresolved |= ~certified_by[w.method] & ~verdict.wrong[w.method]
    return np.asarray(unresolved)


def _ill_conditioned(problem: Problem, ran: Sequence[Witness], verdict: Judgement, referee: Array | None) -> Array:
    """Entries where no method is wrong and yet fewer than six digits are right (two in float32)."""
    ill = np.zeros(verdict.reference.shape, bool)
    lost = 1e-6 if not problem.low_precision else 1e-2
    claimed = sum((np.where(verdict.reference == w.value, np.nan_to_num(w.claim, nan=np.inf), 0.0) for w in ran
                   if w.claim is not None and not w.exact), np.zeros(ill.shape))
    with np.errstate(all="ignore"):
        for w in ran:
            if not w.exact or w.value is None or w.claim is not None:
                continue  # a claim already says what was lost
            if referee is not None and verdict.source == "referee":
                apart = np.nan_to_num(np.abs(w.value - referee), nan=0.0)
                scale = np.abs(referee)
            else:
                apart = np.zeros(ill.shape) if w.spread is None else 2 * np.nan_to_num(w.spread)
                scale = np.minimum(np.abs(w.value), np.abs(verdict.reference))
                # What a claim of differences covers was not lost by this method.
                gap = np.abs(w.value - verdict.reference) - (w.value != verdict.reference) * claimed
                apart = np.maximum(apart, np.nan_to_num(gap, nan=0.0, neginf=0.0))
            seen = apart > np.maximum(resolution(problem, w), underflow(problem))
            seen &= apart > 1e-4 * lost * reach(problem, scale)
            ill |= (apart > lost * scale) & seen & ~verdict.wrong[w.method]
    return ill


def digits(problem: Problem, witness: Witness, verdict: Judgement, referee: Array | None) -> Array | None:
    """Digits of agreement with the referee, entry by entry; NaN where it has no say."""
    if referee is None or witness.value is None:
        return None
    with np.errstate(all="ignore"):
        row = np.max(np.where(np.isfinite(referee), np.abs(referee), 0.0), axis=1, keepdims=True, initial=0.0)
        scale = np.where(np.abs(referee) > 0, np.abs(referee), np.where(row > 0, row, 1.0))
        gap = np.abs(witness.value - referee)
        relative = np.where(gap <= underflow(problem), 0.0, gap / scale)
        found = np.clip(-np.log10(relative), 0.0, _FULL_DIGITS) + 0.0
    found = np.where(np.isnan(relative), 0.0, found)
    silent = np.zeros(found.shape, bool) if witness.claim is None else ~np.isfinite(witness.claim)
    # A formula of its own that is excused by what f resolves has no digits to count.
    silent |= (gap <= resolution(problem, witness)) & (found < 3)
    judged = np.isfinite(referee) & ~silent & np.isin(verdict.words, ("ok", "one-sided", NOISY, STAIRCASE))
    return np.where(judged, found, np.nan)

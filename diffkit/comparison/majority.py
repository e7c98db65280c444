"""Who contradicts whom, entry by entry: by the value that most families support, and by the referee.

Rounding excuses: what shaken operands do to the derivative (``shaking``) is nobody's error.  If evaluations of f and
a reader of the program stand together against the referee, it is the referee that is doubted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.methods import NUMERIC, USER, Witness
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.tolerance import (
    KIN,
    STRANGERS,
    agree_closely,
    at_most_seen,
    loss_share,
    own_error,
    pair_share,
    resolution,
    spread_along_row,
    underflow,
)

_PRIORITY = {"symbolic": 5, "reverse": 4, "forward": 3, "complex-step": 2}


def by_majority(problem: Problem, ran: Sequence[Witness], live: Array) -> tuple[Array, dict[str, Array], Array]:
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


def by_referee(problem: Problem, ran: Sequence[Witness], referee: Array, held: Array,
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


def loss(problem: Problem, rounding: Callable[[], Array | None]) -> Array | None:
    seen = rounding()
    return None if seen is None else spread_along_row(problem, seen)


def excused(problem: Problem, ran: Sequence[Witness], reference: Array,
             loss: Array | None) -> dict[str, Array]:
    """Without a referee: what shaken operands explain is nobody's error."""
    with np.errstate(all="ignore"):
        return {w.method: np.zeros(reference.shape, bool) if loss is None else
                np.abs(w.value - reference) <= at_most_seen(w, loss_share(problem, w) * loss) for w in ran}


def doubted_by_f(ran: Sequence[Witness], wrong: dict[str, Array], held: Array) -> Array:
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

"""How far apart two right derivatives may be: sums of measured errors, never a fixed rtol.

E of an exact method or a caller's function is its rounding: twice what it moves under
x(1 + k eps), a few units of the last place, and a share of the row's largest
contribution, ``reach``.  That last part exists because a gradient through an
ill-conditioned constant (a solve with a fixed matrix) shows no spread: it is 1e-10
between strangers, 1e-13 among methods that walk the same recorded program, and with a
50-digit referee at hand it is replaced by what rounding was *seen* to do (``shaking``).
E of a numeric method is its claim.

An additive tolerance may excuse a difference, it may never certify agreement: an entry
counts as resolved only when two families agree on three of its digits or better.
"""

from __future__ import annotations

import numpy as np

from diffkit.comparison.methods import RULES, SYMBOLIC, USER, Witness
from diffkit.comparison.problem import Array, Problem

#: Shares of the row's reach, in units of 2.2e-16: about 1e-10 and 1e-13.
STRANGERS, KIN = 450_000.0, 450.0
_UNITS = 16.0
#: The relative error that partials without a closed form are trusted with.
MEASURED = 1e-9
#: A coordinate near 0 must not excuse everything: reach is at most this much of the row's largest entry.
_FURTHEST = 1e3
#: Rounding in double precision, in units of that in single.
_FINER = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
#: The smallest number of a floating type, by its rounding unit.
_SMALLEST = {float(np.finfo(kind).eps): float(np.finfo(kind).smallest_subnormal)
             for kind in (np.float16, np.float32, np.float64)}


def reach(problem: Problem, value: Array) -> Array:
    """max_j |g_j x_j| / |x_i| along each row: the entry that would move f as much as the largest does."""
    size = np.abs(np.asarray(problem.point))
    largest = float(np.max(size, initial=0.0))
    size = np.where(size > 0, size, largest if largest > 0 else 1.0)
    magnitude = np.where(np.isfinite(value), np.abs(value), 0.0)
    with np.errstate(all="ignore"):
        furthest = np.max(magnitude * size, axis=1, keepdims=True, initial=0.0) / size
        most = _FURTHEST * np.max(magnitude, axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.minimum(np.nan_to_num(furthest, nan=np.inf), most))


def underflow(problem: Problem) -> float:
    """What the coarsest floating type at hand may have lost to zero: a few of its smallest numbers, times an x."""
    smallest = _SMALLEST.get(problem.epsilon, _SMALLEST[float(np.finfo(np.float64).eps)])
    return _UNITS * smallest * max(1.0, float(np.max(np.abs(problem.point), initial=0.0)))


def own_error(problem: Problem, witness: Witness, share: float) -> Array:
    """E of one witness, entry by entry."""
    assert witness.value is not None
    value = witness.value
    magnitude = np.where(np.isfinite(value), np.abs(value), 0.0)
    if witness.claim is not None and not witness.exact:
        claim = np.nan_to_num(witness.claim, nan=np.inf, posinf=np.inf)
        return np.asarray(claim + 8 * 2.3e-16 * magnitude)
    moved = 0.0 if witness.spread is None else 2 * np.nan_to_num(witness.spread, nan=0.0, posinf=0.0)
    if witness.claim is not None:
        moved = np.nan_to_num(witness.claim, nan=np.inf, posinf=np.inf)
    if problem.low_precision and witness.claim is None:
        largest = np.max(magnitude, axis=1, keepdims=True, initial=0.0)
        # A projection sums many terms, and their roundings.
        units = _UNITS * float(np.sqrt(problem.terms))
        return np.asarray(np.broadcast_to(moved + units * problem.epsilon * largest + underflow(problem),
                                          value.shape))
    epsilon = min(problem.epsilon, 2.3e-16)
    if witness.measured:  # a claim of differences is used up to 1e-6 of the value
        moved = moved + MEASURED * magnitude
    return np.asarray(moved + _UNITS * epsilon * magnitude + share * epsilon * reach(problem, value)
                      + underflow(problem))


def resolution(problem: Problem, witness: Witness) -> Array | float:
    """What a formula of its own may miss because f itself resolves no more: a few eps |f| / |x|.

    ``1 - tanh(x)**2``, a stranger's or SymPy's, is right to that, and to no digit of its own, where tanh
    saturates.  It excuses, it never certifies; |x| is the largest at hand and at least 1, so that an
    input near 0 excuses nothing.
    """
    if witness.family not in (USER, SYMBOLIC):
        return 0.0
    size = np.concatenate([np.abs(np.reshape(out, -1)) for out in problem.outs])[:, None]
    largest = max(1.0, float(np.max(np.abs(problem.point), initial=0.0)))
    return at_most_seen(witness, _UNITS * problem.epsilon * np.where(np.isfinite(size), size, 0.0) / largest)


def at_most_seen(witness: Witness, excuse: Array) -> Array:
    """An excuse, where a caller's answer in double precision shows its rounding, no larger than twice that.

    A gradient of the wrong sign is as wrong in float64: that f is too coarse to see it excuses nothing.  What is left
    is the same excuse in double precision.
    """
    if witness.raised is None:
        return np.asarray(excuse)
    with np.errstate(all="ignore"):
        return np.fmin(excuse, 2 * np.abs(np.asarray(witness.value) - witness.raised) + _FINER * excuse)


def pair_share(one: Witness, other: Witness) -> float:
    """KIN for two methods that walk the recorded program, STRANGERS else."""
    kin = {RULES, SYMBOLIC}
    return KIN if one.family in kin and other.family in kin else STRANGERS


def spread_along_row(problem: Problem, loss: Array) -> Array:
    """A loss seen at one entry may fall on any other that moves f as much; in single precision, a share of it."""
    return np.asarray(loss + (0.02 if problem.low_precision else 1.0) * reach(problem, loss))


def loss_share(problem: Problem, witness: Witness) -> float:
    """How many times the loss seen another order of the same operations may lose.

    A stranger's algorithm (an inverse for a solve) may lose more.  In single precision a hundred
    times the loss would excuse errors of a per cent; what right gradients lose there is 1.3 times at most
    of what was seen, over a battery of 48 models.
    """
    return 100.0 if witness.family == USER and not problem.low_precision else 10.0


def agree_closely(a: Array, b: Array, lost: float = 0.0) -> Array:
    """The same to three digits (two zeros are, and two numbers that are ``lost`` in underflow)."""
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(a - b) <= np.maximum(1e-3 * np.maximum(np.abs(a), np.abs(b)), lost))

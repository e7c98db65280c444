"""How much rounding can do to a derivative: compute it again with every result off by its last digit.

A derivative through an ill-conditioned constant, through a cancellation that yields an exact 0, or whose sweep
adds up large numbers to a small one, shows no spread when x moves by a few units of its last place.  It does when
every operation's result moves by one, at random (stochastic arithmetic: Vignes, *Mathematics and Computers in
Simulation* 35, 1993).  So the whole derivative, f and the sweep through it alike, runs on an interpreter of its own,
in reverse and in forward mode (for a large question in the cheaper one): a wrong rule, being wrong in all runs
alike, shows nothing; a cancellation shows its full size.

Three things make the runs what other roundings of the same program would be:

- A result that holds nothing but its operands' numbers (a maximum, a slice, a sign turned) was not rounded, and
  stays.  An operation with sums inside (a mean, a product of matrices, a solve) has its operands moved:
  it is then exact for slightly other ones, which is all that rounding ever grants.
- Which way a result goes is a hash of its digits, its operands' and the run's number.  What is computed alike is
  rounded alike: ties are broken only where rounding made them, and a program that runs again finds what it found.
- What Python asks (``if``, an index) is answered by the numbers as they are; masks inside (``where``, the largest
  entry) go by the moved ones.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.comparison.problem import Array, Problem
from diffkit.levels import Level
from diffkit.rules.arithmetic import ADD, MULTIPLY, SUBTRACT
from diffkit.rules.kinds import Elementwise, Rule
from diffkit.traced import Traced

_RUNS = 6
#: Both modes are run where neither has more sweeps than this; else the one that has fewer.
_SMALL = 64
#: Unsigned integers by size in bytes, for the digits of floating types.
_DIGITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


class RoundingLevel(Level):
    """An interpreter whose results are rounded another way; a value's mark is what it is then."""

    def __init__(self, run: int) -> None:
        super().__init__()
        self.run = run

    def lift(self, value: Any, moved: Any) -> Traced:
        """A value of the run, and what it is with other roundings."""
        return Traced(self, value, moved)

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        own = [type(arg) is Traced and arg.level is self for arg in args]
        plain = rule.call(*(arg.value if mine else arg for arg, mine in zip(args, own)), **params)
        moved = self._rounded(rule, tuple(arg.mark if mine else arg for arg, mine in zip(args, own)), params)
        if type(plain) is not tuple:
            return self._lifted(plain, moved)
        return tuple(map(self._lifted, plain, moved))

    def _lifted(self, plain: Any, moved: Any) -> Any:
        # How many entries pass a test is Python's business too.
        return self.lift(plain, moved if np.shape(moved) == np.shape(plain) else plain)

    def _rounded(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        found = rule.call(*args, **params)
        if rule.is_flat:
            return found
        if _only_moves(rule, args, params):
            return found
        if not isinstance(rule, Elementwise):
            return rule.call(*(_turned(arg, self.run) for arg in args), **params)
        moved = _turned(found, self.run, [arg for arg in args if _is_real(arg)])
        return np.where(_exact(rule, args, found), found, moved)[()] if rule in (ADD, SUBTRACT, MULTIPLY) else moved


def _only_moves(rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> bool:
    """Whether a result holds nothing but its operands' numbers: whether it does where these are random.

    (That it does here may be chance: 1 + 1e-20 is 1.)
    """
    rng = np.random.default_rng(0)
    given = [rng.uniform(1, 2, np.shape(arg)).astype(arg.dtype)[()] if _is_real(arg) else arg for arg in args]
    try:
        found = rule.call(*given, **params)
        numbers = np.concatenate([np.zeros(1), *(np.ravel(np.abs(one)) for one in given)])
        return all(np.isin(np.abs(out), numbers).all() for out in (found if type(found) is tuple else (found,)))
    except Exception:  # random numbers are nothing to it: it computes
        return False


def _exact(rule: Rule, args: tuple[Any, ...], found: Any) -> Any:
    """Where a sum (by Knuth's two-sum) or a product (with 0, 1 or -1) is not rounded."""
    if not all(isinstance(arg, (int, float)) or _is_real(arg) for arg in args):
        return False
    a, b = args
    if rule is MULTIPLY:
        return (np.abs(found) == np.abs(a)) | (np.abs(found) == np.abs(b))
    b = b if rule is ADD else -b
    share = found - a
    return (a - (found - share)) + (b - share) == 0


def _turned(value: Any, run: int, operands: Sequence[Any] = ()) -> Any:
    """A value with the last digit of every number off by one or two, up or down, by these digits and the operands'.

    A result below the smallest normal number, where digits are fewer, is off by the smallest number there is.
    """
    if not _is_real(value):
        return value
    with np.errstate(over="ignore"):  # a hash is arithmetic modulo 2^64
        mixed = _mixed(np.abs(value), run)
        for operand in operands:
            mixed = _mixing(mixed ^ _mixed(np.abs(operand), run))  # the square of -x is that of x
    # Four ways, not two: what two numbers have in common is nothing to a softmax.
    signs = np.array([-2.0, -1.0, 1.0, 2.0])[(mixed >> np.uint64(62)).astype(int)]
    limits = np.finfo(value.dtype)
    moved = value * (1 + limits.eps * signs).astype(value.dtype)
    if operands:
        moved = np.where(np.abs(value) < limits.tiny, value + (limits.smallest_subnormal * signs).astype(value.dtype),
                         moved)
    return moved[()]


def _mixed(value: Any, run: int) -> Array:
    """A hash of each number's digits."""
    array = np.array(value, ndmin=1, order="C")
    digits = array.view(_DIGITS[array.dtype.itemsize]).astype(np.uint64).reshape(np.shape(value))
    return _mixing(digits + np.uint64((run * 0x9E3779B97F4A7C15) % 2**64))


def _mixing(digits: Array) -> Array:
    """Splitmix64's last step: every bit depends on all."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        digits = (digits ^ (digits >> np.uint64(shift))) * np.uint64(factor)
    return digits ^ (digits >> np.uint64(31))


def _is_real(value: Any) -> bool:
    """Whether a value is floating numbers of a type whose digits are known."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.kind == "f" and dtype.itemsize in _DIGITS


def loss_by_rounding(problem: Problem, seed: int) -> Array | None:
    """The largest change of the Jacobian over a few runs with other roundings; None where f can't be run so."""
    small = max(problem.rows, problem.columns) <= _SMALL
    methods = ("reverse", "forward") if small else ("reverse",) if problem.rows <= problem.columns else ("forward",)
    found = []
    for method in methods:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found += [_apart(problem, method, _RUNS * seed + run + 1) for run in range(_RUNS)]
        except Exception:  # an operation that won't bear it: by this mode nothing was seen
            continue
    if not found:
        return None
    # Where a run has no number (a root of less than 0) the others tell.
    return np.max(np.nan_to_num(found, nan=0.0, posinf=0.0), axis=0)


def noise_by_rounding(problem: Problem, seed: int) -> Array:
    """The largest change of each of f's results over a few runs with other roundings; 0 where f can't be run so."""
    found = [np.zeros(problem.rows)]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for run in range(_RUNS):
                level = RoundingLevel(_RUNS * seed + run + 1)
                try:
                    out = problem.isolated().flat_call([level.lift(leaf, leaf) for leaf in problem.moving.leaves])
                finally:
                    level.close()
                if type(out) is Traced and out.level is level:
                    found.append(np.reshape(np.abs(out.mark - out.value), -1))
    except Exception:  # an operation that won't bear it: nothing was seen
        pass
    return np.nan_to_num(np.max(found, axis=0), nan=0.0, posinf=0.0)


def _apart(problem: Problem, method: str, run: int) -> Array:
    """How far one Jacobian moves in a run with other roundings."""
    from diffkit.transforms import jacobian

    args, kwargs = problem.fresh()
    at, level = dataclasses.replace(problem.with_leaves(problem.moving.leaves).moving, args=args), RoundingLevel(run)

    def seen(leaf: Any) -> Any:
        """A number times 1: so that the level sees its tangent or cotangent too, where f is linear."""
        if getattr(getattr(leaf, "dtype", None), "kind", "") != "f":
            return leaf
        one = np.ones((), leaf.dtype)[()]
        return leaf * level.lift(one, one)

    def f(*args: Any, **kwargs: Any) -> Any:
        own = [tree.map(seen, arg) if i in at.positions else arg for i, arg in enumerate(args)]
        return tree.map(seen, problem.f(*own, **kwargs))

    try:
        answer = jacobian(f, problem.argnums, method=method)(
            *at.merge([level.lift(leaf, leaf) for leaf in at.leaves]), **kwargs)
        leaves, structure = tree.flatten(answer)
        pairs = [(leaf.value, leaf.mark) if type(leaf) is Traced and leaf.level is level else (leaf, leaf)
                 for leaf in leaves]
    finally:
        level.close()
    plain, moved = (problem.matrix(tree.unflatten(structure, part)) for part in map(list, zip(*pairs)))
    return np.abs(moved - plain)

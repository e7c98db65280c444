"""Asking f once, plainly: what it returns, how long that takes, and whether there is anything to compare.

f's own exception reaches the caller; a call that does not come back is a refusal.  f is called again to see
whether it answers the same, what it writes to its arguments is noted (everybody gets copies), and the time of a call
is that of the best of a few.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, split
from diffkit.comparison.allowance import Allowance, of
from diffkit.comparison.copies import copied, same
from diffkit.comparison.guard import Overtime, Watch, patience
from diffkit.comparison.problem import Function, Problem
from diffkit.comparison.progress import waiting
from diffkit.errors import InputError

#: A problem that can't be compared is refused by one of these words.
NOT_NUMERIC, NOT_FLOATING, NOT_FINITE, EMPTY = "not numeric", "not floating", "not finite", "empty"
ENDLESS = "endless"
#: A call of so many seconds is not timed again.
_LONG = 0.1


def pose(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums,
         allowance: Allowance | None = None) -> Problem:
    """Ask f once, plainly, and once more if the allowance is enough; f's own exception is the caller's.

    Raises InputError or ArgnumsError when nothing can move.
    """
    if not callable(f):
        raise TypeError(f"f is {f!r}, which can't be called")
    moving = split(args, argnums, f)
    allowance = Allowance() if allowance is None else allowance
    given, options = copied(args), copied(kwargs)
    start = time.perf_counter()
    try:
        with waiting(f"the first call of f takes its time; it is waited for {of(allowance.seconds)}"), \
                Watch(math.inf, allowance.left()):
            value = f(*given, **options)
    except Overtime:
        why = (f"f did not return within {of(allowance.seconds)}: does a loop of it never end? If it takes that "
               "long, a larger budget waits for it")
        return Problem(f, args, kwargs, argnums, moving, None, [], tree.LEAF, (ENDLESS, why),
                       time.perf_counter() - start, allowance=allowance)
    seconds = time.perf_counter() - start
    notes = [] if same((given, options), (args, kwargs)) else [
        "f changes its arguments in place; every method was given copies"]
    again, seconds, hung = _again(f, args, kwargs, value, seconds, bool(notes), allowance)
    try:
        leaves, structure = tree.flatten(value)
    except RecursionError:
        raise InputError("f returned a container that holds itself",
                         "numbers and arrays, in nested containers") from None
    problem = Problem(f, args, kwargs, argnums, moving, value, [], structure, hung or _refusal(leaves), seconds,
                      again, same(value, again), notes, allowance=allowance)
    if problem.refusal is None:
        problem.outs = [np.asarray(leaf) for leaf in leaves]
        if problem.rows == 0 or problem.columns == 0:
            problem.refusal = EMPTY, "there is nothing to compare: f's argument or result has no entries"
        elif not any(np.isfinite(out).any() for out in problem.outs):
            problem.refusal = NOT_FINITE, f"f is {_plain(value)} at this point: it has no derivative to compare"
        elif not np.all(np.isfinite(problem.point)):
            problem.refusal = NOT_FINITE, "the point holds NaN or infinity: there is no derivative to compare"
    return problem


def _again(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any, seconds: float, writes: bool,
           allowance: Allowance) -> tuple[Any, float, tuple[str, str] | None]:
    """f's second answer, the seconds of a call, and a refusal if it does not come back this time."""
    if allowance.refusal(2 * seconds):
        return value, seconds, None
    try:
        with Watch(math.inf, min(patience(seconds), allowance.left())), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            again = f(*copied(args), **copied(kwargs))
            seconds = min(seconds, time.perf_counter() - start)
            if seconds < min(_LONG, allowance.left() / 50):
                seconds = _time(lambda: f(*copied(args), **kwargs)) if writes else _time(lambda: f(*args, **kwargs))
    except Overtime as alarm:
        return value, seconds, (ENDLESS, f"f returned {_plain(value)} after {of(seconds)}, and asked again it did "
                                         f"not return ({alarm.what})")
    return again, seconds, None


def _time(call: Callable[[], Any]) -> float:
    """Seconds of one call: the best of a few."""
    best, spent = float("inf"), 0.0
    for _ in range(7):
        start = time.perf_counter()
        call()
        taken = time.perf_counter() - start
        best, spent = min(best, taken), spent + taken
        if spent > 0.2:
            break
    return best


def _refusal(leaves: Sequence[Any]) -> tuple[str, str] | None:
    if not leaves:
        return NOT_NUMERIC, "f returned None or an empty container: a return statement may be missing"
    for leaf in leaves:
        try:
            kind = np.asarray(leaf).dtype.kind
        except ValueError:
            kind = "O"
        if kind in "biu" and not isinstance(leaf, int):
            return NOT_FLOATING, (f"f returned {'truth values' if kind == 'b' else 'integers'} "
                                  f"({np.asarray(leaf).dtype}), which have no derivative")
        if isinstance(leaf, bool):
            return NOT_FLOATING, "f returned a truth value, which has no derivative"
        if kind not in "fciu":
            return NOT_NUMERIC, f"f returned {_short(leaf)} ({type(leaf).__name__}), which is not a number"
    return None


def _plain(value: Any) -> str:
    """A number without its type."""
    return str(value) if np.ndim(value) == 0 and isinstance(value, (float, complex)) else _short(value)


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."

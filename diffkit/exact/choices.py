"""Rules that choose among their operands: where, the extremes, sorting.

With numbers the choice is made anew at each evaluation.  With expressions it is SymPy's Max, Min
or Piecewise where these say it, and otherwise the recorded run's choice, stated as an assumption.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.exact.arrays import each, wrap
from diffkit.exact.registry import exact
from diffkit.exact.structure import along


@exact("where")
def _where(algebra: Any, node: Any, condition: Any, a: Any, b: Any) -> Any:
    return each(algebra.choose, each(algebra.truth, condition), each(algebra.number, a), each(algebra.number, b))


@exact("max")
def _max(algebra: Any, node: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return along(algebra, algebra.largest, a, axis, keepdims)


@exact("min")
def _min(algebra: Any, node: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return along(algebra, algebra.smallest, a, axis, keepdims)


@exact("maximum", "fmax")
def _maximum(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    return each(lambda p, q: algebra.largest([p, q]), each(algebra.number, a), each(algebra.number, b))


@exact("minimum", "fmin")
def _minimum(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    return each(lambda p, q: algebra.smallest([p, q]), each(algebra.number, a), each(algebra.number, b))


@exact("clip")
def _clip(algebra: Any, node: Any, a: Any, low: Any = None, high: Any = None) -> Any:
    if low is not None:
        a = each(lambda p, q: algebra.largest([p, q]), a, wrap(low))
    return a if high is None else each(lambda p, q: algebra.smallest([p, q]), a, wrap(high))


@exact("copysign")
def _copysign(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    less = algebra.compare("less")
    return each(lambda p, q: algebra.choose(less(q, algebra.zero), -algebra.absolute(p), algebra.absolute(p)),
                each(algebra.number, a), each(algebra.number, b))


@exact("fmod")
def _fmod(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    from diffkit.exact.structure import truncated
    return each(lambda p, q: p - q * truncated(algebra, p / q), each(algebra.number, a), each(algebra.number, b))


@exact("ldexp")
def _ldexp(algebra: Any, node: Any, a: Any, n: Any) -> Any:
    two = algebra.one + algebra.one
    return each(lambda p, q: p * two ** q, a, n)


@exact("extremum_shares")
def _shares(algebra: Any, node: Any, a: Any, y: Any, axis: Any = None) -> Any:
    """One over the number of entries that tie, for these; appears in a recorded gradient of max."""
    equal = algebra.compare("equal")
    hits = each(lambda p, q: algebra.choose(equal(p, q), algebra.one, algebra.zero), a, y)
    return each(lambda p, q: p / q, hits, along(algebra, algebra.total, hits, axis, True))


@exact("running_shares")
def _running_shares(algebra: Any, node: Any, a: Any, y: Any, axis: int = 0) -> Any:
    """Of a running extremum: whether it goes on, who ties it, and one over how many do."""
    equal = algebra.compare("equal")

    def mark(p: Any, q: Any) -> Any:
        return algebra.choose(equal(p, q), algebra.one, algebra.zero)

    a, y = np.moveaxis(a, axis, 0), np.moveaxis(y, axis, 0)
    ties, goes_on = each(mark, a, y), each(lambda p: algebra.zero, a)
    for k in range(1, len(y)):
        goes_on[k, ...] = each(mark, wrap(y[k]), wrap(y[k - 1]))
    count = ties.copy()
    for k in range(1, len(y)):
        count[k, ...] = ties[k] + goes_on[k] * count[k - 1]
    share = each(lambda c: algebra.one / c if c != 0 else algebra.zero, count)
    return tuple(np.moveaxis(part, 0, axis) for part in (goes_on, ties, share))


@exact("logaddexp_reduce")
def _logaddexp_reduce(algebra: Any, node: Any, a: Any) -> Any:
    return along(algebra, lambda row: _log_sum(algebra, row, algebra.function("exp"), algebra.function("log")), a, -1)


@exact("logaddexp2_reduce")
def _logaddexp2_reduce(algebra: Any, node: Any, a: Any) -> Any:
    two = algebra.one + algebra.one
    log = algebra.function("log")
    return along(algebra, lambda row: _log_sum(algebra, row, lambda x: two ** x, lambda x: log(x) / log(two)), a, -1)


def _log_sum(algebra: Any, row: list[Any], exp: Any, log: Any) -> Any:
    """log sum exp, with numbers from the largest entry on so that the others may vanish beside it."""
    if algebra.symbolic or not row:
        return log(algebra.total([exp(x) for x in row]))
    top = algebra.largest(row)
    if not algebra.context.isfinite(top):
        return top
    return top + log(algebra.total([exp(x - top) for x in row]))


@exact("accumulate")
def _accumulate(algebra: Any, node: Any, a: Any, ufunc: str = "", axis: int = 0) -> Any:
    """``ufunc.accumulate`` for the ufuncs with a meaning of their own here."""
    from diffkit.exact.structure import running
    from diffkit.rules.kinds import TABLE
    two_operand = {"maximum": lambda p, q: algebra.largest([p, q]), "minimum": lambda p, q: algebra.smallest([p, q]),
                   "multiply": lambda p, q: p * q, "add": lambda p, q: p + q, "subtract": lambda p, q: p - q,
                   "divide": lambda p, q: p / q}
    step = two_operand.get(ufunc)
    if step is None:
        def step(p: Any, q: Any) -> Any:
            return algebra.elementwise(TABLE[ufunc], node, (wrap(p), wrap(q)))[()]
    return running(step, a, axis)

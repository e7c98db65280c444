"""Taylor mode: numbers that carry the truncated power series of a path, an interpreter of its own.

A value of a ``SeriesLevel`` is c_0 + c_1 t + c_2 t^2 + … along a path x(t): the value one
level below is c_0, the mark holds the other coefficients.  The table states first
derivatives, and that is enough: with y = f(x),

    y'(t) = partial(y(t), x(t)) x'(t)     gives     k y_k = sum_j  j x_j p_(k-j),

and the partial p, being plain NumPy, is itself run on series.  Coefficient k of y needs p only
up to k - 1, so p may lean on y (exp, tanh, inv), on a function that leans back on f (sin and
cos), or on a chain of others: coefficients are computed on demand, each once, and an
operation that a partial asks for twice is the same series.  So n derivatives cost O(n^2)
for a function whose derivatives close, O(n^3) for one whose do not, where nested dual
numbers cost 2^n.

The recurrences for products and quotients: Griewank and Walther, Evaluating Derivatives
(2nd ed., 2008), table 13.1.  Series that are defined by themselves: McIlroy, Power series,
power serious (J. Functional Programming 9, 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from diffkit.levels import Level
from diffkit.quiet import restore, silence
from diffkit.rules.arithmetic import DIVIDE, MULTIPLY
from diffkit.rules.kinds import Elementwise, Linear, Multilinear, Rule, conform, over
from diffkit.traced import Traced


class Series:
    """Coefficients 1, 2, …; None is a structural zero.

    ``later(k)`` computes coefficient k, after those before it; it may ask this very series for them.
    """

    __slots__ = ("known", "later")

    def __init__(self, later: Callable[[int], Any], known: Sequence[Any] = ()) -> None:
        self.known = list(known)
        self.later: Callable[[int], Any] | None = later

    def at(self, k: int) -> Any:
        while len(self.known) < k:
            assert self.later is not None
            self.known.append(self.later(len(self.known) + 1))
        return self.known[k - 1]


class SeriesLevel(Level):
    """The interpreter of one run on series up to ``order``; a value's mark is its ``Series``."""

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order
        self.depth_of_work = 0  # of an operation inside a partial of a partial …; f's own have depth 0
        self._made: dict[Any, tuple[Any, Any]] = {}  # operations on behalf of one operation of f
        self._by_depth: list[list[Series]] = []

    def lift(self, value: Any, direction: Any) -> Traced:
        """The straight path ``value + t direction``."""
        return Traced(self, value, Series(lambda k: None, [direction]))

    def coefficients(self, traced: Traced) -> list[Any]:
        """Coefficients 0 to ``order`` of a value of this level."""
        zero = np.zeros_like(traced.value)
        rest = (traced.mark.at(k) for k in range(1, self.order + 1))
        return [traced.value, *(zero if c is None else c for c in rest)]

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        depth = self.depth_of_work
        if not depth:
            self._made.clear()
            self._by_depth.clear()
        key = None if params else (rule.name, *map(self._identity, args))
        if key in self._made:
            return self._made[key][1]
        y = rule.call(*(arg.value if self._owns(arg) else arg for arg in args), **params)
        if rule.is_flat:
            return y
        outs = tuple(Traced(self, out, None) for out in (y if rule.outputs else (y,)))
        result = outs if rule.outputs else outs[0]
        if key is not None:
            self._made[key] = args, result  # the arguments too: an identity is a number only while they live
        _define(self, rule, result, args, params)
        series = [out.mark for out in outs]
        if depth:
            while len(self._by_depth) < depth:
                self._by_depth.append([])
            self._by_depth[depth - 1] += series
        else:
            self._compute(series)
        return result

    def evaluate(self, owner: int, function: Callable[..., Any], *args: Any, **params: Any) -> Any:
        """A partial or a push of an operation of depth ``owner``, on series."""
        before, self.depth_of_work = self.depth_of_work, owner + 1
        try:
            return function(*args, **params)
        finally:
            self.depth_of_work = before

    def _compute(self, outs: Sequence[Series]) -> None:
        """All coefficients, order by order, deepest operations first: so that none asks through a long chain."""
        quiet = silence()  # f's own warnings are enough; what is not finite shows in the coefficients
        try:
            for k in range(1, self.order + 1):
                for depth in range(min(k - 1, len(self._by_depth)), 0, -1):
                    for series in self._by_depth[depth - 1]:
                        series.at(k - depth)
                for out in outs:
                    out.at(k)
        finally:
            restore(quiet)
        for out in outs:
            out.later = None  # what led here is no longer needed

    def _owns(self, arg: Any) -> bool:
        return type(arg) is Traced and arg.level is self

    def _identity(self, arg: Any) -> Any:
        if self._owns(arg):
            return id(arg.mark)
        return (type(arg), arg) if type(arg) in (int, float, complex, bool) else id(arg)


def _define(level: SeriesLevel, rule: Rule, y: Any, args: Sequence[Any], params: dict[str, Any]) -> None:
    """Give the result (or each of several) its series."""
    series = [arg.mark if type(arg) is Traced and arg.level is level else None for arg in args]
    values = [arg if s is None else arg.value for arg, s in zip(args, series)]
    if rule.outputs:
        if isinstance(rule, Linear):
            several = _linear(rule, tuple(out.value for out in y), values, series, params)
        else:
            several = _by_derivative(level, rule, y, args, series, params)
        whole = Series(several)
        for place, out in enumerate(y):
            out.mark = Series(_conformed(_part(whole, place), out.value))
        return
    if rule is MULTIPLY or isinstance(rule, Multilinear):
        later = _product(rule, values, series, params)
    elif rule is DIVIDE:
        later = _quotient(y, values, series)
    elif isinstance(rule, Linear) or (isinstance(rule, Elementwise) and not any(map(callable, rule.partials))):
        later = _linear(rule, y.value, values, series, params)
    elif isinstance(rule, Elementwise):
        later = _elementwise(level, rule, y, args, series)
    else:
        later = _by_derivative(level, rule, y, args, series, params)
    y.mark = Series(_conformed(later, y.value))


def _part(whole: Series, place: int) -> Callable[[int], Any]:
    """One of the results of an operation with several."""
    return lambda k: None if whole.at(k) is None else whole.at(k)[place]


def _conformed(later: Callable[[int], Any], value: Any) -> Callable[[int], Any]:
    """Coefficients in the value's shape and dtype."""
    def fitting(k: int) -> Any:
        c = later(k)
        return c if c is None or (c.shape == value.shape and c.dtype is value.dtype) else conform(
            c, value.shape, value.dtype)
    return fitting


def _at(value: Any, series: Series | None, k: int) -> Any:
    """Coefficient k of an operand, the constant ones included."""
    return value if k == 0 else None if series is None else series.at(k)


def _sum(terms: Any) -> Any:
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total


def _linear(rule: Rule, y: Any, values: Sequence[Any], series: Sequence[Any], params: dict[str, Any]) -> Any:
    def later(k: int) -> Any:
        moving = [None if s is None else s.at(k) for s in series]
        return None if all(c is None for c in moving) else rule.push(y, values, moving, params)
    return later


def _product(rule: Rule, values: Sequence[Any], series: Sequence[Any], params: dict[str, Any]) -> Any:
    """Coefficient k of a product is the sum of the products whose orders add up to k."""
    active = [i for i, s in enumerate(series) if s is not None]

    def later(k: int) -> Any:
        terms = []
        for first in product(range(k + 1), repeat=len(active) - 1):
            orders = dict(zip(active, (*first, k - sum(first))))
            if orders[active[-1]] < 0:
                continue
            factors = [_at(value, s, orders.get(i, 0)) for i, (value, s) in enumerate(zip(values, series))]
            if all(c is not None for c in factors):
                terms.append(rule.call(*factors, **params))
        return _sum(terms)
    return later


def _quotient(y: Traced, values: Sequence[Any], series: Sequence[Any]) -> Any:
    """y b = a, solved for the newest coefficient of y."""
    above, below = series

    def later(k: int) -> Any:
        top = None if above is None else above.at(k)
        if below is not None:
            for j in range(1, k + 1):
                b, rest = below.at(j), _at(y.value, y.mark, k - j)
                if b is not None and rest is not None:
                    top = -(b * rest) if top is None else top - b * rest
        return None if top is None else top / values[1]
    return later


def _elementwise(level: SeriesLevel, rule: Elementwise, y: Traced, args: Sequence[Any], series: Sequence[Any]) -> Any:
    """k y_k from the partials' series (see the head of this file)."""
    slopes: list[Any] = []
    depth = level.depth_of_work

    def later(k: int) -> Any:
        if not slopes:
            for partial, s in zip(rule.partials, series):
                if s is not None and partial is not None:
                    slopes.append(_slope(level, depth, partial, y, args, s))
        total = _sum(term for term in (slope(k) for slope in slopes) if term is not None)
        return total if total is None or k == 1 else total / k
    return later


def _slope(level: SeriesLevel, depth: int, partial: Any, y: Traced, args: Sequence[Any], moving: Series) -> Any:
    """Coefficient k - 1 of partial(y, x) x'."""
    if isinstance(partial, int):
        return lambda k: None if moving.at(k) is None else partial * k * moving.at(k)
    divides = isinstance(partial, over)
    found = level.evaluate(depth, partial.denominator if divides else partial, y, *args)
    own = type(found) is Traced and found.level is level
    p, p_series = (found.value, found.mark) if own else (found, None)
    done: list[Any] = []  # the coefficients of x'/p so far

    def times(k: int) -> Any:
        terms = ((_at(p, p_series, k - j), moving.at(j), j) for j in range(1, k + 1))
        return _sum(j * (c * x) if j > 1 else c * x for c, x, j in terms if c is not None and x is not None)

    def divided(k: int) -> Any:
        top = None if moving.at(k) is None else k * moving.at(k)
        for j in range(1, k):
            c, z = _at(p, p_series, j), done[k - 1 - j]
            if c is not None and z is not None:
                top = -(c * z) if top is None else top - c * z
        done.append(None if top is None else top / p)
        return done[-1]

    return divided if divides else times


def _by_derivative(level: SeriesLevel, rule: Rule, y: Any, args: Sequence[Any], series: Sequence[Any],
                   params: dict[str, Any]) -> Any:
    """y' is the rule's own push of x', run on series."""
    slopes: list[Any] = []
    depth = level.depth_of_work

    def derivative_of(s: Series, value: Any) -> Traced:
        first = s.at(1)
        return Traced(level, np.zeros_like(value) if first is None else first,
                      Series(lambda k: None if s.at(k + 1) is None else (k + 1) * s.at(k + 1)))

    def coefficient(slope: Any, k: int) -> Any:
        if type(slope) is Traced and slope.level is level:
            c = slope.value if k == 1 else slope.mark.at(k - 1)
        else:
            c = slope if k == 1 else None
        return c if c is None or k == 1 else c / k

    def later(k: int) -> Any:
        if not slopes:
            moving = [None if s is None else derivative_of(s, arg.value) for s, arg in zip(series, args)]
            slopes.append(level.evaluate(depth, rule.push, y, args, moving, params))
        slope = slopes[0]
        if rule.outputs:
            return None if slope is None else tuple(coefficient(part, k) for part in slope)
        return coefficient(slope, k)
    return later

"""Whether two expressions are equal for all inputs: True, False, or None where SymPy can't say.

Cheap before dear.  First the difference is evaluated at random points near the recorded one where
the path conditions hold: one clear difference is a refutation.  Then SymPy tries to bring the
difference to zero, by steps that each have a limit on the size they are given, so that the answer
None comes soon rather than never.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy

from diffkit import tree
from diffkit.errors import SymbolicError
from diffkit.exact.arrays import wrap
from diffkit.symbolic.evaluation import Evaluator
from diffkit.symbolic.expression import Expression

_POINTS = 10
_TRIES = 60
_DIGITS = 60
#: Symbols whose sign is split into cases.
_SPLIT = 3
#: Steps are not tried on what would multiply out to more terms.
_TERMS, _MANY = 20_000, 10 ** 9
#: What all steps of a proof may take together, in nodes times dearness.
_WORK = 60_000
#: Differences larger than this are not even expanded.
_LARGEST = 4000


def prove_equal(a: Any, b: Any, generic: bool = False) -> bool | None:
    """Whether ``a`` and ``b`` are equal wherever their path conditions hold.

    Parameters
    ----------
    a, b : Expression, SymPy expression, object ndarray, or container
        Of the same form.
    generic : bool
        Leave out the inputs at which two quantities happen to be equal (``Eq(u, v)`` in a
        Piecewise counts as false): a gradient's special cases at ties, zeros and poles.

    Returns
    -------
    bool or None
        True: SymPy reduced every difference to zero.  False: they differ at a point.  None: equal
        at all points tried, but not proved.

    Raises
    ------
    SymbolicError
        The two have different forms.

    >>> x = sympy.Symbol("x", real=True)
    >>> prove_equal(1 - sympy.tanh(x)**2, 1 / sympy.cosh(x)**2)
    True
    >>> prove_equal(sympy.sin(x), x)
    False
    """
    left, right = _entries(a), _entries(b)
    if [np.shape(entry) for entry in left] != [np.shape(entry) for entry in right]:
        raise SymbolicError("expressions of different shapes can't be compared")
    pairs = [(p, q) for one, other in zip(left, right) for p, q in zip(wrap(one).ravel(), wrap(other).ravel())]
    relations = [condition.relation for e in (a, b) if isinstance(e, Expression) for condition in e.conditions]
    known = _known(relations)
    pairs = [(sympy.sympify(p).xreplace(known), sympy.sympify(q).xreplace(known)) for p, q in pairs]
    if generic:
        pairs = [(_without_ties(p), _without_ties(q)) for p, q in pairs]
    open_pairs = [(p, q) for p, q in pairs if p != q]
    if not open_pairs:
        return True
    center = next((dict(e.point) for e in (a, b) if isinstance(e, Expression)), {})
    for point in _points(open_pairs, relations, center):
        if _differ(open_pairs, point):
            return False
    attempt = _Attempt(generic)
    return True if all(attempt.equal(p, q) for p, q in open_pairs) else None


def _entries(value: Any) -> list[Any]:
    return tree.flatten(value.expressions if isinstance(value, Expression) else value)[0]


def _known(relations: Sequence[Any]) -> dict[Any, Any]:
    """What the path conditions decide: a relation is true, its negation false."""
    known: dict[Any, Any] = {}
    for relation in relations:
        if relation in (sympy.true, sympy.false):
            continue
        known[relation] = sympy.true
        known[sympy.Not(relation)] = sympy.false
        if isinstance(relation, sympy.core.relational.Relational):
            known[relation.reversed] = sympy.true
            known[sympy.Not(relation).reversed] = sympy.false
    return known


def _without_ties(e: Any) -> Any:
    """Choices as relations ``u > 0`` off their borders, so that every spelling of one is the same."""
    e = e.replace(lambda node: node.func in (sympy.Eq, sympy.Ne), _off_the_border)
    e = e.replace(lambda node: node.func in (sympy.Gt, sympy.Ge, sympy.Lt, sympy.Le),
                  lambda node: _positive(node.gts - node.lts))
    e = e.replace(sympy.Heaviside, lambda u, *_: sympy.Piecewise((1, _positive(u)), (0, True)))
    return e.replace(lambda node: node.func in (sympy.Max, sympy.Min) and len(node.args) == 2, _chosen)


def _off_the_border(node: Any) -> Any:
    """Two different quantities are not equal; one is equal to the extreme if it is the extreme."""
    for own, other in (node.args, node.args[::-1]):
        if other.func in (sympy.Max, sympy.Min) and own in other.args:
            sign = 1 if other.func is sympy.Max else -1
            holds = sympy.And(*(_positive(sign * (own - rest)) for rest in other.args if rest != own))
            return holds if node.func is sympy.Eq else sympy.Not(holds)
    if any(side.has(sympy.Max, sympy.Min) for side in node.args):
        return node
    return sympy.false if node.func is sympy.Eq else sympy.true


def _positive(u: Any) -> Any:
    """``u > 0`` in one spelling for u and -u."""
    u = sympy.expand(u)
    if u.is_number:
        return u > 0
    return sympy.Le(-u, 0) if u.could_extract_minus_sign() else sympy.Gt(u, 0)


def _chosen(node: Any) -> Any:
    a, b = node.args if node.func is sympy.Max else node.args[::-1]
    return sympy.Piecewise((a, _positive(a - b)), (b, True))


# --- refutation --------------------------------------------------------------------------------------

def _points(pairs: Any, relations: Sequence[Any], center: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """The recorded point and random ones around it, where the relations hold."""
    symbols = sorted(set().union(*(p.free_symbols | q.free_symbols for p, q in pairs),
                                 *(relation.free_symbols for relation in relations)), key=str)
    symbols = [symbol for symbol in symbols if symbol.is_real]
    generator = random.Random(0)
    found = 0
    for attempt in range(_TRIES):
        width = 0.0 if attempt == 0 else 0.5 * 0.9 ** attempt
        point = {}
        for symbol in symbols:
            value = float(center.get(symbol, 0.7))
            point[symbol] = value * (1 + width * generator.uniform(-1, 1)) + width * generator.uniform(-0.3, 0.3)
            if attempt % 2:  # anywhere, if the conditions allow it
                point[symbol] = generator.uniform(-3, 3) if attempt > 1 else -abs(value) - 0.1
        evaluate = Evaluator(point, _DIGITS)
        if all(evaluate(relation) is not False for relation in relations if relation.free_symbols <= set(symbols)):
            found += 1
            yield point
        if found == _POINTS:
            return


def _differ(pairs: Any, point: dict[Any, Any]) -> bool:
    evaluate, closer = Evaluator(point, _DIGITS), Evaluator(point, 2 * _DIGITS)
    for p, q in pairs:
        difference = evaluate(p) - evaluate(q)
        if difference != difference or not difference:
            continue
        # A constant that is no short decimal is rounded to float64 in both.
        tolerance = mpmath.mpf("1e-12") if p.has(sympy.Float) or q.has(sympy.Float) else mpmath.mpf("1e-45")
        if abs(difference) <= tolerance * (_magnitude(p, evaluate) + _magnitude(q, evaluate)):
            continue
        again = closer(p) - closer(q)
        if abs(difference - again) <= 0.01 * abs(again):  # else it was rounding
            return True
    return False


def _magnitude(e: Any, evaluate: Evaluator) -> Any:
    """The size of what cancels in a sum: its terms, not its value."""
    if e.is_Add:
        return sum(_magnitude(arg, evaluate) for arg in e.args)
    if e.is_Mul:
        product = mpmath.mpf(1)
        for arg in e.args:
            product *= _magnitude(arg, evaluate)
        return product
    return abs(evaluate(e))


# --- proof ----------------------------------------------------------------------------------------------

class _Attempt:
    """One attempt at a proof, with the work that it may take."""

    def __init__(self, generic: bool) -> None:
        self.signs = (1, -1) if generic else (1, 0, -1)
        self.work = _WORK

    def equal(self, p: Any, q: Any) -> bool:
        """Whether p - q comes out as zero; by cases, where a choice hangs on relations or signs."""
        if p == q or self.zero(p - q, _STEPS[:1]) or self._by_relations(p, q):
            return True
        return self.zero(p - q, _STEPS[1:]) or self._by_signs(p, q)

    def _by_relations(self, p: Any, q: Any) -> bool:
        relations = sorted((p - q).atoms(sympy.core.relational.Relational), key=str)
        if not relations:
            return self.zero(p - q, _STEPS[:3])
        for case in (relations[0], sympy.Not(relations[0])):
            known = _known([case])
            left, right = p.xreplace(known), q.xreplace(known)
            if left != right and (self.work < 0 or not self._by_relations(left, right)):
                return False
        return True

    def _by_signs(self, p: Any, q: Any) -> bool:
        choices = (p - q).atoms(sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min)
        deciding = sorted({arg for choice in choices for arg in choice.args if arg.is_Symbol}, key=str)
        if not deciding or len(deciding) > _SPLIT:
            return False
        for signs in itertools.product(self.signs, repeat=len(deciding)):
            case = {symbol: sign * sympy.Dummy(symbol.name, positive=True) for symbol, sign in zip(deciding, signs)}
            left, right = p.subs(case), q.subs(case)
            undefined = [side.has(sympy.nan, sympy.zoo) for side in (left, right)]
            if any(undefined) and not all(undefined):
                return False
            if not any(undefined) and not self.zero(left - right, _STEPS):
                return False
        return True

    def zero(self, difference: Any, steps: Any) -> bool:
        """Whether one of the steps brings the difference to zero."""
        size, terms = _size(difference), _terms(difference)
        for largest, dearness, step in steps:
            if size > largest or terms > _TERMS:
                return False
            self.work -= 20 + size * dearness
            if self.work < 0:
                return False
            if step(difference) == 0:
                return True
        return False


def _terms(e: Any) -> int:
    """A bound on the terms of the numerator when everything is over one denominator and multiplied out."""
    return _fraction(e)[0]


def _fraction(e: Any) -> tuple[int, dict[Any, int]]:
    """The numerator's terms, and the denominator's factors with their powers."""
    bottom: dict[Any, int] = {}
    if e.is_Add:
        parts = [_fraction(arg) for arg in e.args]
        for _, factors in parts:
            for factor, power in factors.items():
                bottom[factor] = max(bottom.get(factor, 0), power)
        return sum(_product([top, *(_power(factor, power - factors.get(factor, 0))
                                    for factor, power in bottom.items())]) for top, factors in parts), bottom
    if e.is_Mul:
        parts = [_fraction(arg) for arg in e.args]
        for _, factors in parts:
            for factor, power in factors.items():
                bottom[factor] = bottom.get(factor, 0) + power
        return _product([top for top, _ in parts]), bottom
    if e.is_Pow and e.exp.is_Integer and abs(int(e.exp)) < 1000:
        n = abs(int(e.exp))
        _, factors = _fraction(e.base)
        if e.exp > 0:
            return _power(e.base, n), {factor: power * n for factor, power in factors.items()}
        return _product([_power(factor, power * n) for factor, power in factors.items()]), {e.base: n}
    return 1, bottom


def _power(e: Any, n: int) -> int:
    """Terms of the n-th power of an expression's numerator."""
    return min(math.comb(_fraction(e)[0] + n - 1, n), _MANY) if n else 1


def _product(counts: list[int]) -> int:
    total = 1
    for count in counts:
        total = min(total * count, _MANY)
    return total


def _exponentials(e: Any) -> Any:
    """Everything by exp, then one fraction."""
    flat = e.rewrite(sympy.exp)
    return sympy.expand(sympy.powsimp(sympy.expand(sympy.fraction(sympy.together(flat))[0])))


def _over_one_denominator(e: Any) -> Any:
    return sympy.expand(sympy.fraction(sympy.together(e))[0])


def _unfolded(e: Any) -> Any:
    """Zero when each branch of a Piecewise is."""
    folded = sympy.piecewise_fold(e)
    if not isinstance(folded, sympy.Piecewise):
        return _over_one_denominator(folded)
    rest = [_exponentials(branch) for branch, _ in folded.args]
    return sympy.Integer(0) if all(branch == 0 for branch in rest) else e


def _size(e: Any) -> int:
    count = 0
    for _ in sympy.preorder_traversal(e):
        count += 1
        if count > _LARGEST:
            break
    return count


#: (largest size, work by node, step), the dearer the smaller.
_STEPS: list[tuple[int, int, Callable[[Any], Any]]] = [
    (_LARGEST, 1, sympy.expand),
    (600, 5, _over_one_denominator),
    (300, 10, _exponentials),
    (200, 10, lambda e: _unfolded(e) if e.has(sympy.Piecewise) else e),
    (150, 60, sympy.trigsimp),
    (80, 150, sympy.simplify),
]

"""Whether two expressions are equal for all inputs: True, False, or None where SymPy can't say.

Cheap before dear.  First the difference is evaluated at random points near the recorded one where
the path conditions hold: one clear difference is a refutation.  Then SymPy tries to bring the
difference to zero, by steps that each have a limit on the size they are given, so that the answer
None comes soon rather than never.
"""

from __future__ import annotations

import itertools
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
    return True if all(_equal(p, q, generic) for p, q in open_pairs) else None


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
    return e.replace(sympy.Eq, lambda *_: sympy.false).replace(sympy.Ne, lambda *_: sympy.true)


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

def _equal(p: Any, q: Any, generic: bool) -> bool:
    """By SymPy's steps; if they fail, once more for each sign of the symbols that a choice hangs on."""
    if _is_zero(p - q):
        return True
    choices = (p - q).atoms(sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min,
                            sympy.core.relational.Relational)
    deciding = sorted({arg for choice in choices for arg in choice.args if arg.is_Symbol}, key=str)
    if not deciding or len(deciding) > _SPLIT or _size(p - q) > _LARGEST // 10:
        return False
    for signs in itertools.product((1, -1) if generic else (1, 0, -1), repeat=len(deciding)):
        case = {symbol: sign * sympy.Dummy(symbol.name, positive=True) for symbol, sign in zip(deciding, signs)}
        left, right = p.subs(case), q.subs(case)
        undefined = [side.has(sympy.nan, sympy.zoo) for side in (left, right)]
        if any(undefined) and not all(undefined):
            return False
        if not any(undefined) and not _is_zero(left - right):
            return False
    return True


def _is_zero(difference: Any) -> bool:
    size = _size(difference)
    for largest, step in _STEPS:
        if size > largest:
            return False
        if step(difference) == 0:
            return True
    return False


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


#: (largest size, step), the dearer the smaller.
_STEPS: list[tuple[int, Callable[[Any], Any]]] = [
    (_LARGEST, sympy.expand),
    (600, _over_one_denominator),
    (300, _exponentials),
    (200, lambda e: _unfolded(e) if e.has(sympy.Piecewise) else e),
    (150, sympy.trigsimp),
    (80, sympy.simplify),
]

"""Flat functions: comparisons, logic, rounding, tests, and the indices that a run chose.

What has a formula is computed.  An index (argmax, argsort, searchsorted …) is the recorded one: the
numeric reader's perturbations are far smaller than any tie can resolve, and the symbolic
reader states it as part of the path condition (``algebra.assume``).
"""

from __future__ import annotations

from typing import Any

from diffkit.exact.arrays import each, wrap
from diffkit.exact.registry import EXACT, NotExact, exact
from diffkit.exact.structure import along, truncated


def _comparison(name: str) -> Any:
    def compare(algebra: Any, node: Any, a: Any, b: Any) -> Any:
        return each(algebra.compare(name), each(algebra.number, a), each(algebra.number, b))
    return compare


for _name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
    EXACT[_name] = _comparison(_name)


def _truth(algebra: Any, a: Any) -> Any:
    """Entries as truth values (a number is true when it is not zero)."""
    return each(algebra.truth, a)


@exact("logical_and", "bitwise_and")
def _and(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    _logical(node)
    return each(algebra.both, _truth(algebra, a), _truth(algebra, b))


@exact("logical_or", "bitwise_or")
def _or(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    _logical(node)
    return each(algebra.either, _truth(algebra, a), _truth(algebra, b))


@exact("logical_xor", "bitwise_xor")
def _xor(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    _logical(node)
    a, b = _truth(algebra, a), _truth(algebra, b)
    negation, both, either = algebra.negation, algebra.both, algebra.either
    return each(lambda p, q: either(both(p, negation(q)), both(negation(p), q)), a, b)


@exact("logical_not", "invert")
def _not(algebra: Any, node: Any, a: Any) -> Any:
    _logical(node)
    return each(algebra.negation, _truth(algebra, a))


def _logical(node: Any) -> None:
    if node.dtype.kind != "b":
        raise NotExact(f"np.{node.rule.name} of whole numbers has no exact form")


@exact("all")
def _all(algebra: Any, node: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    def every(entries: list[Any]) -> Any:
        result = algebra.true
        for entry in entries:
            result = algebra.both(result, entry)
        return result
    return along(algebra, every, _truth(algebra, a), axis, keepdims)


@exact("any")
def _any(algebra: Any, node: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    def some(entries: list[Any]) -> Any:
        result = algebra.false
        for entry in entries:
            result = algebra.either(result, entry)
        return result
    return along(algebra, some, _truth(algebra, a), axis, keepdims)


@exact("sign")
def _sign(algebra: Any, node: Any, a: Any) -> Any:
    return each(algebra.function("sign"), a)


@exact("floor")
def _floor(algebra: Any, node: Any, a: Any) -> Any:
    return each(algebra.function("floor"), a)


@exact("ceil")
def _ceil(algebra: Any, node: Any, a: Any) -> Any:
    return each(algebra.function("ceil"), a)


@exact("trunc", "fix")
def _trunc(algebra: Any, node: Any, a: Any) -> Any:
    return each(lambda x: truncated(algebra, x), a)


@exact("floor_divide")
def _floor_divide(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    floor = algebra.function("floor")
    return each(lambda x, y: floor(x / y), each(algebra.number, a), each(algebra.number, b))


@exact("heaviside")
def _heaviside(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    less, equal = algebra.compare("less"), algebra.compare("equal")
    return each(lambda x, at_zero: algebra.choose(less(x, algebra.zero), algebra.zero, algebra.choose(
        equal(x, algebra.zero), at_zero, algebra.one)), a, b)


@exact("signbit")
def _signbit(algebra: Any, node: Any, a: Any) -> Any:
    return each(lambda x: algebra.compare("less")(x, algebra.zero), a)


@exact("stop_gradient")
def _stop_gradient(algebra: Any, node: Any, a: Any) -> Any:
    return each(algebra.frozen, a)


def as_recorded(algebra: Any, node: Any, *operands: Any, **params: Any) -> Any:
    """The recorded run's own answer, stated as an assumption (whole numbers and truth values only)."""
    if node.shape is not None and node.dtype.kind not in "biu" and node.rule.name not in _FLOATING:
        raise NotExact(f"{node.rule.name} has no exact form")
    algebra.assume(node, operands, params)
    if node.shape is None:
        return tuple(algebra.array(part) for part in node.value)
    return wrap(algebra.array(node.value))


for _name in ("rint", "round", "spacing", "nextafter", "argmax", "argmin", "nanargmax", "nanargmin", "argsort",
              "argpartition", "stable_order", "lexsort", "argwhere", "flatnonzero", "nonzero", "count_nonzero",
              "searchsorted", "digitize", "histogram", "unique", "isfinite", "isinf", "isnan", "isposinf", "isneginf",
              "isreal", "iscomplex", "isclose", "allclose", "array_equal", "is_constant"):
    EXACT[_name] = as_recorded


_FLOATING = {"rint", "round", "spacing", "nextafter"}

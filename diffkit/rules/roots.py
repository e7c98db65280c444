"""The square of a root: sqrt(x)**2, abs(x)**2, norm(x)**2, hypot(a, b)**2, std(x)**2 where the root is 0.

A root has no derivative at 0, or only one by convention, and its square has all of them: x,
x*x, sum(x*x).  The chain rule goes through the root and finds 0 * inf, or the product of two
conventions, which is no derivative of anything: the Hessian of norm(x)**2 at 0 is 2 I, not 0.

So a traced result of such a function notes of what it is the root, and a square (``y**2``, ``y*y``,
``np.square(y)``, ``y @ y``, ``norm(y)``) takes, where y is 0, the noted value in place of y*y: it is 0
too, and has the right derivatives.  Elsewhere nothing changes, to the last bit.  A multiple of a root is
one too: (c y)**2 is c*c times the noted value.  So is an array whose entries are entries of roots, moved
or joined with others (``np.stack``, ``np.where``, ``z[i] = y``): its square is the noted ones, moved alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from diffkit.rules.arithmetic import ABSOLUTE, DIVIDE, MULTIPLY, NEGATIVE, POWER
from diffkit.rules.calls import is_traced
from diffkit.rules.kinds import FUNCTIONS, Rule

#: Rows of which each entry of the result is an entry of an operand (or 0), and how many conditions come first.
MOVING = {"where": 1} | dict.fromkeys([
    "getitem", "setitem", "scatter", "take_along_axis", "put_along_axis", "concatenate", "pack", "reshape",
    "transpose", "broadcast_to", "flip", "roll", "repeat", "tile", "resize", "delete", "diag", "diagonal", "pad",
    "astype", "conjugate"], 0)
#: Rows that sum the products of two vectors.
SUMMING = frozenset(["matmul", "dot", "inner", "vdot", "vecdot"])


class Multiple(NamedTuple):
    """The name of ``root`` times or divided by the last of the note's arguments."""

    root: Any
    divides: bool


def note(y: Any, name: Any, square: Callable[..., Any], *args: Any, dead: Any = None) -> Any:
    """``y``, with the note that its square is ``square(*args)``; ``dead`` says where it is 0 but for rounding."""
    if is_traced(y) and not y.level.is_buffers:
        y.root = name, square, dead, *map(_parts, args)
    return y


def _parts(x: Any) -> Any:
    """A value as it is now, whatever is written to it later."""
    if is_traced(x):
        return x.level, x.value, x.mark, x.root
    return np.array(x) if isinstance(x, np.ndarray) else x


def _value(kind: Any, parts: Any) -> Any:
    """The value of these parts; ``kind`` is Traced."""
    if type(parts) is not tuple:
        return parts
    value = kind(*parts[:3])
    value.root = parts[3]
    return value


def _values(kind: Any, args: Any) -> list[Any]:
    return [_value(kind, parts) for parts in args]


class Noted:
    """A value as it is now, for later."""

    __slots__ = ("_parts",)

    def __init__(self, x: Any) -> None:
        self._parts = _parts(x)

    def value(self, kind: Any) -> Any:
        """It; ``kind`` is Traced."""
        return _value(kind, self._parts)


def square_of(y: Any) -> Any:
    """y*y by the note that y has, else as a product."""
    if is_traced(y) and y.root:
        return y.root[1](*_values(type(y), y.root[3:]))
    return y * y


def carry(part: Any, y: Any, choose: Callable[[Any], Any]) -> None:
    """Note that ``part`` is ``choose(y)``: some of y's entries, or all in another shape."""
    _, square, dead, *args = y.root
    if is_traced(part) and part.root is None and not part.level.is_buffers:
        part.root = object(), lambda *args: choose(square(*args)), None if dead is None else choose(dead), *args


def through(rule: Rule, args: tuple[Any, ...], params: dict[str, Any], y: Any) -> Any:
    """``y = rule(*args)``, of whose operands one is a root, with a note of its own or with the right derivatives."""
    first = MOVING.get(rule.name)
    if first is None:
        return _sum_of_products(rule, args, y) if rule.name in SUMMING else y
    conditions, moved = args[:first], args[first:]
    if any(getattr(x, "dtype", np.dtype(float)).kind not in "fbiu" for x in moved):
        return y
    masks = [_dead(x) for x in moved]
    dead = None
    if any(mask is not None for mask in masks):
        dead = rule(*conditions, *(np.zeros(np.shape(x), bool) if mask is None else mask
                                   for x, mask in zip(moved, masks)), **params)
    how = repr(params)
    name = object() if "array" in how else f"{rule.name} {how}"
    return note(y, name, lambda *own: rule(*own[:first], *map(square_of, own[first:]), **params), *args, dead=dead)


def _dead(x: Any) -> Any:
    return x.root[2] if is_traced(x) and x.root else None


def _sum_of_products(rule: Rule, args: tuple[Any, ...], y: Any) -> Any:
    """``v @ v`` of a vector of roots: where they are 0 the noted squares stand for the products."""
    a, b = args
    if not (is_traced(a) and is_traced(b) and len(a.shape) == len(b.shape) == 1):
        return y
    found = _product(a, b)
    if found is None or not anywhere(zero := _zero(a, b)):
        return y
    return rule(np.where(zero, 0, a), np.where(zero, 0, b)) + np.sum(np.where(zero, found(), 0))


def scaled(product: Any, y: Any, factor: Any, divides: bool = False) -> Any:
    """``product``, which is ``y * factor`` (or ``y / factor``), noting that its square is a multiple of y's."""
    if not is_traced(product) or product.level.is_buffers:
        return product
    _, square, dead, *args = y.root

    def multiple(*args: Any) -> Any:
        times = args[-1] * args[-1]
        return square(*args[:-1]) / times if divides else square(*args[:-1]) * times

    product.root = Multiple(y.root, divides), multiple, dead, *args, _parts(factor)
    return product


def squared(y: Any, other: Any, multiply: Callable[[], Any], half: int = 1) -> Any:
    """(y * other)**half for two traced values with notes; ``multiply`` gives it without them."""
    found = _product(y, other)
    if found is None or not anywhere(zero := _zero(y, other)):
        return multiply()
    square = found() if half == 1 else found() ** half
    return np.where(zero, square, multiply()) if y.shape or other.shape else square


def _zero(y: Any, other: Any) -> Any:
    """Where one of the two is 0, or is but for rounding."""
    zero = np.equal(y, 0)
    for mask in (*((np.equal(other, 0), _dead(other)) if other is not y else ()), _dead(y)):
        zero = zero if mask is None else np.logical_or(zero, mask)
    return zero


def _product(y: Any, other: Any) -> Callable[[], Any] | None:
    """What gives y * other by their notes, where both are multiples of the same root."""
    if other is y:
        return lambda: square_of(y)
    if y.root is None or other.root is None:
        return None
    (base, factors), (own, others) = _taken_apart(y.root), _taken_apart(other.root)
    if not _is_same(base, own):
        return None

    def product() -> Any:
        found = base[1](*_values(type(y), base[3:]))
        for parts, divides in factors + others:
            factor = _value(type(y), parts)
            found = found / factor if divides else found * factor
        return found
    return product


def _taken_apart(root: Any) -> tuple[Any, list[tuple[Any, bool]]]:
    """What is no multiple, and what it is multiplied or divided by."""
    factors = []
    while type(root[0]) is Multiple:
        factors.append((root[-1], root[0].divides))
        root = root[0].root
    return root, factors


def _is_same(a: Any, b: Any) -> bool:
    """Whether two notes are of the same function of the same traced values."""
    return bool(a[0] == b[0] and all(one is other or (type(one) is type(other) is tuple and one[2] is other[2])
                                     for one, other in zip(a[3:], b[3:])))


def anywhere(mask: Any) -> bool:
    if is_traced(mask):  # diffkit's own question, no condition of the program's
        return bool(mask.level.peek(mask, anywhere))
    return bool(np.any(mask))


def real_square(x: Any) -> Any:
    """|x|^2."""
    return np.real(x) * np.real(x) + np.imag(x) * np.imag(x) if x.dtype.kind == "c" else x * x


# --- ufuncs as they are called on traced values (``Rule.special``) ----------------------------

def _root(rule: Rule, name: str, square: Callable[..., Any]) -> None:
    def call(x: Any) -> Any:
        y = x.level.unary(rule, x)
        if type(y) is type(x) and not x.level.is_buffers:  # written out: a square root is on the hot path
            y.root = name, square, None, (x.level, x.value, x.mark, x.root)
        return y
    rule.special = call


def _operator(rule: Rule, spelled: Callable[..., Any]) -> None:
    """np.multiply(y, y) and np.power(y, 2) are the operators, which look for notes themselves."""
    def call(a: Any, b: Any) -> Any:
        if is_traced(a):
            return spelled(a, b)
        return scaled(rule(a, b), b, a) if rule is MULTIPLY and b.root else rule(a, b)
    rule.special = call


def _negative(y: Any) -> Any:
    found = y.level.unary(NEGATIVE, y)
    return scaled(found, y, -1) if y.root else found


def _hypot(a: Any, b: Any) -> Any:
    legs = [x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b)]
    return note(HYPOT(a, b), "hypot", lambda a, b: a * a + b * b, *legs)


def _square(x: Any) -> Any:
    if x.root is None:
        return x.level.unary(SQUARE, x)
    return squared(x, x, lambda: x.level.unary(SQUARE, x))


SQUARE: Any = FUNCTIONS[np.square]
HYPOT: Any = FUNCTIONS[np.hypot]
_root(FUNCTIONS[np.sqrt], "sqrt", lambda x: x)  # type: ignore[arg-type]
_root(FUNCTIONS[np.fabs], "abs", real_square)  # type: ignore[arg-type]
_root(ABSOLUTE, "abs", real_square)
SQUARE.special, HYPOT.special = _square, _hypot
_operator(MULTIPLY, operator.mul)
_operator(DIVIDE, operator.truediv)
_operator(POWER, operator.pow)
NEGATIVE.special = _negative

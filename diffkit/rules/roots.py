"""The square of a root: sqrt(x)**2, abs(x)**2, norm(x)**2, hypot(a, b)**2, std(x)**2 where the root is 0.

A root has no derivative at 0, or only one by convention, and its square has all of them: x,
x*x, sum(x*x).  The chain rule goes through the root and finds 0 * inf, or the product of two
conventions, which is no derivative of anything: the Hessian of norm(x)**2 at 0 is 2 I, not 0.

So a traced result of such a function notes of what it is the root, and a square (``y**2``, ``y*y``,
``np.square(y)``) takes, where y is 0, the noted value in place of y*y: it is 0 too, and has the right
derivatives.  Elsewhere nothing changes, to the last bit.  A multiple of a root is one too: (c y)**2 is
c*c times the noted value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules.arithmetic import ABSOLUTE, DIVIDE, MULTIPLY, NEGATIVE, POWER
from diffkit.rules.calls import is_traced
from diffkit.rules.kinds import FUNCTIONS, Rule


def note(y: Any, name: str, square: Callable[..., Any], *args: Any, dead: Any = None) -> Any:
    """``y``, with the note that its square is ``square(*args)``; ``dead`` says where it is 0 but for rounding."""
    if is_traced(y) and not y.level.is_buffers:
        y.root = name, square, dead, *map(_parts, args)
    return y


def _parts(x: Any) -> Any:
    """A value as it is now, whatever is written to it later."""
    if is_traced(x):
        return x.level, x.value, x.mark, x.root
    return np.array(x) if isinstance(x, np.ndarray) else x


def carry(part: Any, y: Any, choose: Callable[[Any], Any]) -> None:
    """Note that ``part`` is ``choose(y)``: some of y's entries, or all in another shape."""
    _, square, dead, *args = y.root
    if is_traced(part) and not part.level.is_buffers:
        part.root = object(), lambda *args: choose(square(*args)), None if dead is None else choose(dead), *args


def scaled(product: Any, y: Any, factor: Any, divides: bool = False) -> Any:
    """``product``, which is ``y * factor`` (or ``y / factor``), noting that its square is a multiple of y's."""
    if not is_traced(product) or product.level.is_buffers:
        return product
    name, square, dead, *args = y.root

    def multiple(*args: Any) -> Any:
        times = args[-1] * args[-1]
        return square(*args[:-1]) / times if divides else square(*args[:-1]) * times

    same = factor if type(factor) in (int, float) else object()
    product.root = (divides, name, same), multiple, dead, *args, _parts(factor)
    return product


def squared(y: Any, other: Any, multiply: Callable[[], Any], half: int = 1) -> Any:
    """(y * other)**half for two traced values with notes; ``multiply`` gives it without them."""
    _, square, dead, *args = y.root
    if other is not y and not _is_same(y.root, other.root):
        return multiply()
    zero = np.equal(y, 0) if dead is None else np.logical_or(np.equal(y, 0), dead)
    if not _any(zero):
        return multiply()
    values = []
    for parts in args:
        value = parts
        if type(parts) is tuple:
            value = type(y)(*parts[:3])
            value.root = parts[3]
        values.append(value)
    found = square(*values) if half == 1 else square(*values) ** half
    return np.where(zero, found, multiply()) if y.shape else found


def _is_same(a: Any, b: Any) -> bool:
    """Whether two notes are of the same function of the same traced values."""
    return bool(a[0] == b[0] and all(one is other or (type(one) is type(other) is tuple and one[2] is other[2])
                                     for one, other in zip(a[3:], b[3:])))


def _any(mask: Any) -> bool:
    if is_traced(mask):  # diffkit's own question, no condition of the program's
        return bool(mask.level.peek(mask, _any))
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

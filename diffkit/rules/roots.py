"""The square of a root: sqrt(x)**2, abs(x)**2, norm(x)**2, hypot(a, b)**2, std(x)**2 where the root is 0.

A root has no derivative at 0, or only one by convention, and its square has all of them: x,
x*x, sum(x*x).  The chain rule goes through the root and finds 0 * inf, or the product of two
conventions, which is no derivative of anything: the Hessian of norm(x)**2 at 0 is 2 I, not 0.

So a traced result of such a function notes of what it is the root, and a square (``y**2``, ``y*y``,
``np.square(y)``) takes, where y is 0, the noted value in place of y*y: it is 0 too, and has the right
derivatives.  Elsewhere nothing changes, to the last bit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules.arithmetic import ABSOLUTE, MULTIPLY, POWER
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


def squared(y: Any, other: Any, multiply: Callable[[], Any]) -> Any:
    """y * other for two traced values with notes; ``multiply`` gives the plain product."""
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
    return np.where(zero, square(*values), multiply()) if y.shape else square(*values)


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
        return spelled(a, b) if is_traced(a) else rule(a, b)
    rule.special = call


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
_operator(POWER, operator.pow)

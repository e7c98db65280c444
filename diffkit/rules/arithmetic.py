"""Arithmetic: the operators, powers, absolute values, and the choice of a larger one.

At a kink the row gives the minimum-norm subgradient: 0 for abs at 0, one half to each
of two equal arguments of maximum.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffkit.rules.domains import ANY, NONZERO, REAL
from diffkit.rules.domains import POSITIVE as ABOVE_ZERO
from diffkit.rules.kinds import FUNCTIONS, Flat, elementwise, linear

ADD = elementwise(np.add, (1, 1), "x + y", REAL, REAL, call=operator.add)
SUBTRACT = elementwise(np.subtract, (1, -1), "x - y", REAL, REAL, call=operator.sub)
MULTIPLY = elementwise(np.multiply, (lambda y, a, b: b, lambda y, a, b: a), "x*y", REAL, REAL,
                       call=operator.mul)
DIVIDE = elementwise(np.divide, (lambda y, a, b: 1 / b, lambda y, a, b: -y / b), "x/y", REAL, NONZERO,
                     call=operator.truediv)
NEGATIVE = elementwise(np.negative, -1, "-x", REAL, call=operator.neg)
POSITIVE = elementwise(np.positive, 1, "x", REAL, call=operator.pos)
ABSOLUTE = elementwise(np.absolute, lambda y, x: np.conjugate(np.sign(x)), "Abs(x)", NONZERO,
                       pinned={0.0: 0.0}, call=abs)
elementwise(np.fabs, lambda y, x: np.sign(x), "Abs(x)", NONZERO, pinned={0.0: 0.0})


def _power_base(y: Any, a: Any, b: Any) -> Any:
    # b a^(b-1); where b = 0 the function is constant, also at a = 0.
    return np.where(b == 0, 0, b * a ** np.where(b == 0, 1, b - 1))


def _power_exponent(y: Any, a: Any, b: Any) -> Any:
    # y log a; at a = 0 the limit for b > 0 is 0, and 0^b is constant there.
    return y * np.log(np.where((a == 0) & (b >= 0), 1, a))


POWER = elementwise(np.power, (_power_base, _power_exponent), "x**y", ABOVE_ZERO, REAL,
                    pinned={(0.0, 0.0): (0.0, 0.0), (0.0, 1.0): (1.0, 0.0), (0.0, 2.0): (0.0, 0.0)},
                    call=operator.pow)
FUNCTIONS[np.float_power] = POWER

elementwise(np.square, lambda y, x: 2 * x, "x**2", REAL)
elementwise(np.reciprocal, lambda y, x: -y * y, "1/x", NONZERO)
elementwise(np.sqrt, lambda y, x: 0.5 / y, "sqrt(x)", ABOVE_ZERO, pinned={0.0: np.inf})
elementwise(np.cbrt, lambda y, x: 1 / (3 * y * y), "sign(x)*Abs(x)**Rational(1, 3)", NONZERO)
elementwise(np.hypot, (lambda y, a, b: a / y, lambda y, a, b: b / y), "sqrt(x**2 + y**2)", NONZERO, NONZERO)

# The rest is x - y * floor(x / y), of which the floor is flat.
FLOOR_DIVIDE = Flat(np.floor_divide, call=operator.floordiv)
FUNCTIONS[np.floor_divide] = FLOOR_DIVIDE
REMAINDER = elementwise(np.remainder, (1, lambda y, a, b: -np.floor_divide(a, b)), "x - y*floor(x/y)",
                        NONZERO, ABOVE_ZERO, call=operator.mod)
elementwise(np.fmod, (1, lambda y, a, b: -np.trunc(a / b)), None, NONZERO, ABOVE_ZERO)


def _share(y: Any, own: Any, other: Any) -> Any:
    """1 where own is the result, one half at a tie."""
    return np.where(own == other, 0.5, np.where(y == own, 1.0, 0.0)).astype(y.dtype)


for _fun, _symbol in ((np.maximum, "Max(x, y)"), (np.minimum, "Min(x, y)"),
                      (np.fmax, "Max(x, y)"), (np.fmin, "Min(x, y)")):
    elementwise(_fun, (lambda y, a, b: _share(y, a, b), lambda y, a, b: _share(y, b, a)), _symbol, REAL, REAL,
                pinned={(1.0, 1.0): (0.5, 0.5)})

elementwise(np.copysign, (lambda y, a, b: np.sign(a) * np.sign(y), None), None, NONZERO, ANY)
elementwise(np.ldexp, (lambda y, a, n: np.exp2(n), None), None, REAL, ANY)

# Real-linear maps of complex numbers.  A real result pairs with the real part of
# partial * tangent, so the partial of imag is -i: Re(-i (dx + i dy)) = dy.
FUNCTIONS[np.conjugate] = linear(np.conjugate, lambda g, shapes, i: np.conjugate(g), call=np.conjugate)
elementwise(np.real, 1, "re(x)", REAL)
elementwise(np.imag, lambda y, x: -1j, "im(x)", REAL)

"""Arithmetic: the operators, powers, absolute values, and the choice of a larger one.

At a kink the row gives the minimum-norm subgradient: 0 for abs at 0 (and for hypot at
the origin), one half to each of two equal arguments of maximum.  Quotients are ordered
so that no intermediate square over- or underflows where the partial itself does not.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffkit.rules.domains import NONZERO, REAL
from diffkit.rules.domains import POSITIVE as ABOVE_ZERO
from diffkit.rules.kinds import FUNCTIONS, Flat, answers, elementwise, over

ADD = elementwise(np.add, (1, 1), "x + y", REAL, REAL, call=operator.add)
SUBTRACT = elementwise(np.subtract, (1, -1), "x - y", REAL, REAL, call=operator.sub)
MULTIPLY = elementwise(np.multiply, (lambda y, a, b: b, lambda y, a, b: a), "x*y", REAL, REAL,
                       call=operator.mul)
DIVIDE = elementwise(np.divide, (over(lambda y, a, b: b), lambda y, a, b: -y / b), "x/y", REAL, NONZERO,
                     call=operator.truediv)
NEGATIVE = elementwise(np.negative, -1, "-x", REAL, call=operator.neg)
POSITIVE = elementwise(np.positive, 1, "x", REAL, call=operator.pos)
# For complex z the row needs conj(z/|z|): d|z| = Re(conj(z/|z|) dz).
ABSOLUTE = elementwise(np.absolute, lambda y, x: np.sign(x) if x.dtype.kind != "c" else np.conjugate(np.sign(x)),
                       "Abs(x)", NONZERO, pinned={0.0: 0.0}, call=abs)
elementwise(np.fabs, lambda y, x: np.sign(x), "Abs(x)", NONZERO, pinned={0.0: 0.0})

_NUMBERS = (int, float, bool)


def _power_base(y: Any, a: Any, b: Any) -> Any:
    # b a^(b-1); where b = 0 the function is constant, also at a = 0.
    if b.__class__ in _NUMBERS:
        if b == 2:
            return b * a
        return 0 if b == 0 else 1 if b == 1 else b * a ** (b - 1)
    return np.where(b == 0, 0, b * a ** np.where(b == 0, 1, b - 1))


def _power_exponent(y: Any, a: Any, b: Any) -> Any:
    # y log a; at a = 0 the limit for b > 0 is 0, and 0^b is constant there.
    if not hasattr(a, "dtype"):
        a = y.dtype.type(a)
    return y * np.log(np.where((a == 0) & (b >= 0), 1, a))


POWER = elementwise(np.power, (_power_base, _power_exponent), "x**y", ABOVE_ZERO, REAL,
                    pinned={(0.0, 0.0): (0.0, 0.0), (0.0, 1.0): (1.0, 0.0), (0.0, 2.0): (0.0, 0.0)},
                    call=operator.pow)


@answers(np.float_power)
def float_power(a: Any, b: Any) -> Any:
    """power in at least double precision."""
    dtype = np.result_type(*(x.dtype if hasattr(x, "dtype") else x for x in (a, b)), np.float64)
    # A whole exponent becomes a float: NumPy multiplies out x**3, but not float_power(x, 3).
    a, b = (float(x) if type(x) is int else x for x in (a, b))
    power: Any = POWER.special or POWER  # which knows squares of roots
    return power(*(FUNCTIONS["astype"](x, dtype) if hasattr(x, "dtype") and x.dtype != dtype else x
                   for x in (a, b)))


# y + y has the bits of 2 * y at half the price: NumPy looks at a Python number longer than at ten entries.
elementwise(np.square, lambda y, x: x + x, "x**2", REAL)
elementwise(np.reciprocal, lambda y, x: -y * y, "1/x", NONZERO)
elementwise(np.sqrt, over(lambda y, x: y + y), "sqrt(x)", ABOVE_ZERO, pinned={0.0: np.inf})
elementwise(np.cbrt, over(lambda y, x: 3 * y * y), "sign(x)*Abs(x)**Rational(1, 3)", NONZERO,
            pinned={0.0: np.inf})


def _cosine(y: Any, own: Any) -> Any:
    """own / hypot, 0 at the origin and 1 for an infinite leg."""
    zero = y == 0
    return np.where(zero, 0, own / np.where(zero, 1, y))


elementwise(np.hypot, (lambda y, a, b: _cosine(y, a), lambda y, a, b: _cosine(y, b)), "sqrt(x**2 + y**2)",
            NONZERO, NONZERO, pinned={(0.0, 0.0): (0.0, 0.0), (0.0, 2.0): (0.0, 1.0), (3e300, 4e300): (0.6, 0.8)})

# x mod y is x - y * floor(x / y), of which the floor is flat.
FLOOR_DIVIDE = Flat(np.floor_divide, call=operator.floordiv)
FUNCTIONS[np.floor_divide] = FLOOR_DIVIDE
REMAINDER = elementwise(np.remainder, (1, lambda y, a, b: -np.floor_divide(a, b)), "x - y*floor(x/y)",
                        NONZERO, ABOVE_ZERO, call=operator.mod)
# (x - fmod) / y is a whole number up to rounding; trunc(x / y) may already be the next one.
elementwise(np.fmod, (1, lambda y, a, b: -np.rint((a - y) / b)), "x - y*sign(x/y)*floor(Abs(x/y))",
            NONZERO, ABOVE_ZERO)
FRACTION = elementwise(lambda x: np.modf(x)[0], 1, "x - sign(x)*floor(Abs(x))", NONZERO, name="fraction")


def _power_of_two(n: Any, y: Any) -> Any:
    """2**n in y's dtype, by way of double: exp2 of a small integer type would be half precision."""
    return np.ldexp(np.float64(1), n).astype(y.dtype)


# x = mantissa * 2**exponent; the exponent is a step function.
EXPONENT = Flat(lambda x: np.frexp(x)[1], name="binary_exponent")
MANTISSA = elementwise(lambda x: np.frexp(x)[0], lambda y, x: _power_of_two(-EXPONENT(x), y), None, NONZERO,
                       name="mantissa", pinned={3.0: 0.25, 0.75: 1.0, -5.0: 0.125})


@answers(np.divmod)
def divmod(a: Any, b: Any) -> Any:
    """Quotient (flat) and remainder."""
    return FLOOR_DIVIDE(a, b), REMAINDER(a, b)


@answers(np.modf)
def modf(x: Any) -> Any:
    """Fraction and whole part (flat)."""
    return FRACTION(x), np.trunc(x)


@answers(np.frexp)
def frexp(x: Any) -> Any:
    """Mantissa and binary exponent (flat)."""
    return MANTISSA(x), EXPONENT(x)


def _share(y: Any, own: Any, other: Any) -> Any:
    """1 where own is the result, one half at a tie."""
    return np.where(own == other, 0.5, np.where(y == own, 1.0, 0.0)).astype(y.dtype)


for _fun, _symbol in ((np.maximum, "Max(x, y)"), (np.minimum, "Min(x, y)"),
                      (np.fmax, "Max(x, y)"), (np.fmin, "Min(x, y)")):
    elementwise(_fun, (lambda y, a, b: _share(y, a, b), lambda y, a, b: _share(y, b, a)), _symbol, REAL, REAL,
                pinned={(1.0, 1.0): (0.5, 0.5)})

elementwise(np.copysign, (lambda y, a, b: np.sign(a) * np.sign(y), None), "Abs(x)*sign(y)", NONZERO, NONZERO,
            pinned={(0.0, -1.0): (0.0, 0.0)})
elementwise(np.ldexp, (lambda y, a, n: _power_of_two(n, y), None), "x*2**y", REAL,
            pinned={(1.0, 3): (8.0, 0.0), (0.5, -2): (0.25, 0.0)})
# A step in x, but at x = 0 the value is the second argument itself.
elementwise(np.heaviside, (None, lambda y, x, h: np.equal(x, 0) * np.ones_like(y)), "Heaviside(x, y)", NONZERO, REAL,
            pinned={(0.0, 0.3): (0.0, 1.0), (1.0, 0.3): (0.0, 0.0)})

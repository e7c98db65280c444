"""erf, erfc, erfcx and the normal distribution for all lanes at once.

    erfc(x)      = exp(-x^2) erfcx(x), for x < 0  2 - erfc(-x)
    ndtr(x)      = exp(-x^2/2) m(-x), for x > 0  1 - ndtr(-x), with m(z) = erfcx(z/sqrt 2)/2
    log_ndtr(x)  = log m(-x) - x^2/2, for x > 0  log1p(-ndtr(-x))
    erf(x)       a polynomial below 1, 1 - erfc(x) above

so that a tail keeps its digits as far as it is a number.  Two things would lose them:

- the rounding of x^2, which exp magnifies by x^2: what it lost goes into exp's reduced argument (``_bell``);
- the rounding of z + k and of its reciprocal.  erfcx(z) (z + k) is a polynomial in q = 1 - 2k/(z + k), which takes
  all z > 0 to (-1, 1) (the substitution of Shepherd and Laframboise, Mathematics of Computation 36, 1981).  What
  the reciprocal lost is known exactly, and erfcx is corrected by the first term of its series (``_scaled_tail``);
  k has so few bits that z + k - k is exact.

The coefficients are weighted least squares at 60 digits, rounded to doubles from the lowest power on, the others
fitted anew each time.  exp(-x^2) is written in the same way for a function and for its derivative, so that LLVM
computes it once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.kernels import exp_parts, log_of, log_parts, power_of_two, scaled
from diffkit.compiling.native.rounding import product, product_added

#: erf(x)/x - 1.
_ERF = (0.12837916709551257, -0.37612638903183754, 0.1128379167095512, -0.02686617064512984, 0.0052239776254232985,
        -0.000854832702193483, 0.00012055332902888736, -1.4925647567519332e-05, 1.6462045441468418e-06,
        -1.6364642158167616e-07, 1.4792401209404813e-08, -1.216456005728345e-09, 8.709045129053106e-11,
        -4.230945824295338e-12)
#: erfcx(x) in t = (x - 2)/(x + 2), for x from 1 to 6.
_ERFCX_TO_6 = (
    0.25539567631050575, -0.4271858474139585, 0.24165819424246585, -0.07897858101570611, 0.0037328924043978336,
    0.006997461736971578, -0.00084714325299195, -0.0009819769411038642, 4.355558686575482e-05,
    0.00017435947400205157, 2.7527175557227246e-05, -2.7562209161129353e-05, -1.3998283772784976e-05,
    1.3058577122278017e-06, 4.011749647325067e-06, 1.272567661840228e-06, -1.1352571477273627e-06)


class _Tail(NamedTuple):
    """f(z) (z + middle) as a polynomial in q = (z - middle)/(z + middle), and -f'(z)/f(z) (z + middle) roughly."""

    middle: float
    values: tuple[float, ...]
    slopes: tuple[float, float]


#: erfcx, for all z > 0.
_ERFCX = _Tail(2.125, (
    1.0313490496037818, -0.721257447590605, 0.32665083589651045, -0.06779659496403471, -0.014533201287594005,
    0.009940298150357239, 0.0013939826078308432, -0.0014914227152628271, -0.0003511468511898839,
    0.0002222792398474205, 0.0001094583897800144, -2.010638064729517e-05, -2.913171138560375e-05,
    -4.5858567811344125e-06, 5.2384911911317465e-06, 3.12268071151899e-06, -1.9866932648027278e-08,
    -8.368328626109516e-07, -4.0456261584060627e-07, 5.499494015555049e-08, 1.6032800833671045e-07,
    4.702779618377991e-08, -3.213050515433589e-08, -1.843174660293394e-08, 2.8669986738522444e-09,
    2.4521657764298943e-09), (1.7016, -0.7319))
#: erfcx(z/sqrt 2)/2, for z below 39.
_MILLS = _Tail(2.875, (
    0.7242799060488403, -0.4924970428536367, 0.2065562368417404, -0.031433390391624384, -0.014194582244730925,
    0.005323802600241147, 0.001921059244614078, -0.0007444010363563944, -0.00042544514801351425,
    6.594310909171545e-05, 0.00010097561183726773, 1.3480009494414637e-05, -1.844891725291371e-05,
    -9.685601109942141e-06, 7.402347122596306e-07, 2.7699056371934915e-06, 1.066151656750056e-06,
    -2.4713470690708524e-07, -4.360134488375779e-07, -1.4574451723112933e-07, 6.393460544831849e-08,
    6.782832571583575e-08, 7.863211951844313e-09, -1.0491107060971985e-08, -3.4080407186298875e-09),
    (1.6720, -0.6640))


class _Bell(NamedTuple):
    """exp(s x^2) as 2^n (1 + r + p), and |x|, both for |x| no larger than where that is 0 or infinite."""

    size: Value
    r: Value
    p: Value
    n: Value
    shifted: Value


def _bell(c: Code, x: Value, s: float, most: float = 710.0) -> _Bell:
    """For s a power of two, of any sign."""
    size = _at_most(c, c.intrinsic("fabs", x), math.sqrt((most if s > 0 else 746.0) / abs(s)))
    square, lost = product(c, size, size)
    return _Bell(size, *exp_parts(c, c.mul(c.number(s), square), c.mul(c.number(s), lost)))


def _at_most(c: Code, x: Value, limit: float) -> Value:
    return c.select(c.compare(">", x, c.number(limit)), c.number(limit), x)


def exp_square(c: Code, x: Value, s: float) -> Value:
    """exp(s x^2)."""
    bell = _bell(c, x, s)
    return scaled(c, c.add(c.add(bell.r, bell.p), c.number(1.0)), bell.n, bell.shifted)


def _scaled_tail(c: Code, z: Value, tail: _Tail) -> tuple[Value, Value]:
    """f(z), and a small correction that is to be added last."""
    one, middle = c.number(1.0), c.number(tail.middle)
    whole = c.add(z, middle)
    part = c.div(one, whole)
    high, rest = product(c, whole, part)
    rest = c.add(c.sub(high, one), rest)
    rest = c.fma(c.sub(z, c.sub(whole, middle)), part, rest)  # (z + middle) part - 1, of which the true one is 0
    q = c.fma(c.number(-2 * tail.middle), part, one)
    total, low = _careful(c, q, tail.values)
    value, lost = product(c, total, part)
    lost = c.fma(low, part, lost)
    return value, c.sub(lost, c.mul(c.mul(value, rest), c.polynomial(q, tail.slopes)))


def _careful(c: Code, q: Value, values: tuple[float, ...]) -> tuple[Value, Value]:
    """The polynomial and what its last two steps have lost."""
    total = c.fma(c.polynomial(q, values[3:]), q, c.number(values[2]))
    total, lost = product_added(c, total, q, c.number(values[1]))
    total, low = product_added(c, total, q, c.number(values[0]))
    return total, c.fma(lost, q, low)


def _tail(c: Code, x: Value, s: float, tail: _Tail) -> Value:
    """exp(s x^2) f(|x|)."""
    bell, high, low = _unscaled_tail(c, x, s, tail)
    return scaled(c, c.add(high, low), bell.n, bell.shifted)


def _unscaled_tail(c: Code, x: Value, s: float, tail: _Tail) -> tuple[_Bell, Value, Value]:
    """2^-n exp(s x^2) f(|x|) as a sum."""
    bell = _bell(c, x, s)
    value, rest = _scaled_tail(c, bell.size, tail)
    rest = c.fma(rest, bell.r, rest)  # p is as small as rest's own error
    return bell, value, c.fma(value, bell.r, c.fma(value, bell.p, rest))


def ndtr(c: Code, x: Value) -> Value:
    tail = _tail(c, x, -0.5, _MILLS)
    return c.select(c.compare(">", x, c.number(0.0)), c.sub(c.number(1.0), tail), tail)


def erfc(c: Code, x: Value) -> Value:
    tail = _tail(c, x, -1.0, _ERFCX)
    return c.select(c.compare("<", x, c.number(0.0)), c.sub(c.number(2.0), tail), tail)


def erf(c: Code, x: Value) -> Value:
    small = c.fma(x, c.polynomial(c.mul(x, x), _ERF), x)
    bell = _bell(c, x, -1.0)
    a = _at_most(c, bell.size, 6.0)
    t = c.div(c.sub(a, c.number(2.0)), c.add(a, c.number(2.0)))
    scale = c.polynomial(t, _ERFCX_TO_6)
    rest = scaled(c, c.fma(scale, c.add(bell.r, bell.p), scale), bell.n, bell.shifted)
    large = c.intrinsic("copysign", c.sub(c.number(1.0), rest), x)
    return c.select(c.compare("<", bell.size, c.number(1.0)), small, large)


def erfcx(c: Code, x: Value) -> Value:
    """From the tail; for x < 0 2 exp(x^2) - erfcx(-x), with 2 exp(x^2) last since it is the larger."""
    bell = _bell(c, x, 1.0, 709.3)
    size = c.intrinsic("fabs", x)
    large = c.compare(">", size, c.number(2.0 ** 900))  # whose reciprocal might be denormal
    factor = c.select(large, c.number(2.0 ** -200), c.number(1.0))
    value, rest = _scaled_tail(c, _at_most(c, c.mul(size, factor), 2.0 ** 900), _ERFCX)
    value = c.add(value, rest)
    power = power_of_two(c, bell.shifted)
    grown = c.fma(power, c.add(bell.r, bell.p), c.fma(value, c.number(-0.5), power))
    return c.select(c.compare("<", x, c.number(0.0)), c.add(grown, grown), c.mul(value, factor))


def log_ndtr(c: Code, x: Value) -> Value:
    """One logarithm for both sides: of erfcx(|x|/sqrt 2) below 0, of 1 - ndtr(-x) above."""
    zero, one = c.number(0.0), c.number(1.0)
    is_tail = c.compare("<=", x, zero)
    size = c.intrinsic("fabs", x)
    square, lost = product(c, size, c.mul(size, c.number(0.5)))
    lost = c.select(c.compare("<", square, c.number(math.inf)), lost, zero)
    value, rest = _scaled_tail(c, _at_most(c, c.mul(size, c.number(math.sqrt(0.5))), 1e100), _ERFCX)
    bell, high, low = _unscaled_tail(c, x, -0.5, _MILLS)
    upper = c.add(high, low)
    low = scaled(c, c.sub(low, c.sub(upper, high)), bell.n, bell.shifted)
    upper = scaled(c, upper, bell.n, bell.shifted)
    most = c.sub(one, upper)
    lost_of_most = c.sub(c.sub(c.sub(one, most), upper), low)
    a = c.select(is_tail, value, most)
    k, m = log_parts(c, a)
    is_small = c.integer("and", c.compare(">", x, zero), c.compare("==", k, zero))
    f = c.select(is_small, c.neg(upper), c.sub(m, one))
    lost_of_a = c.select(is_tail, rest, c.select(is_small, c.neg(low), lost_of_most))
    correction = c.sub(c.div(lost_of_a, a), c.select(is_tail, lost, zero))
    k = c.sub(k, c.select(is_tail, one, zero))
    y = log_of(c, f, k, correction, c.select(is_tail, square, zero))
    return c.neg(c.intrinsic("fabs", y))  # -0 where nothing is left of the tail

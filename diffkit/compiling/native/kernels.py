"""exp, log, sin, … for all lanes at once: short polynomials without branches.

Each kernel writes the instructions of one function of doubles: reduce the argument to a short interval,
evaluate a polynomial there (coefficients fitted to 60 digits at Chebyshev points), undo the reduction,
and put the special values in.  Written for vectors, so a function costs about a nanosecond a lane.

    exp, expm1     x = n log 2 + r, |r| <= 0.347
    log, log1p     x = 2^k m with m in (0.70, 1.42); log m from s = (m - 1)/(m + 1)
    sin, cos       x = n pi/2 + r + its rounding; arguments beyond 1e5 go to the C library lane by lane
    tanh           a polynomial below 0.65, 1 - 2/(exp(2x) + 1) above; its derivative sech^2 from the same quotient
    expit          exp(-|x|)/(1 + exp(-|x|)) or 1/(1 + exp(-|x|)); log_expit from log1p

erf and the normal distribution stand in ``normal``.  None is off by more than 2 units in the last place, which the
tests hold against mpmath on all scales, denormal and infinite arguments included.  What has no kernel here calls
the C library for each number.
"""

from __future__ import annotations

import math

from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.rounding import difference, product

#: Added and taken off again, it rounds a double to an integer, which stands in the low bits of the sum.
_MAGIC = 6755399441055744.0  # 1.5 * 2^52
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.693147180559663, 2.8235290563031577e-13
_EXP = (0.5000000000000001, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039, 0.0013888888917367081,
        0.00019841269863171557, 2.4801521057868204e-05, 2.7557268276905696e-06, 2.7620201591031547e-07,
        2.5100472505694996e-08)
_LOG = (0.6666666666666666, 0.4000000000000088, 0.28571428570802404, 0.22222222391987728, 0.18181795610879042,
        0.15386241293734357, 0.13268730539100895, 0.1308707158006738)
_TANH = (-0.3333333333333333, 0.13333333333332686, -0.05396825396752176, 0.021869488503634085, -0.008863234781480872,
         0.003592117836402027, -0.0014557458089347844, 0.0005895172760580522, -0.00023714557250566011,
         9.171503378087656e-05, -3.0272143615547715e-05, 6.050579150683708e-06)
_SIN = (-0.16666666666666666, 0.008333333333330925, -0.00019841269836722418, 2.755731608381636e-06,
        -2.5051127944014188e-08, 1.5917848524808262e-10)
_COS = (0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05, -2.7557317260008837e-07,
        2.0876143827993133e-09, -1.1382456778061306e-11)
_HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32)


def _rounded(c: Code, x: Value, per: float) -> tuple[Value, Value]:
    """x times ``per``, rounded to an integer: as a double, and with the integer in the bits."""
    shifted = c.fma(x, c.number(per), c.number(_MAGIC))
    return c.sub(shifted, c.number(_MAGIC)), c.bits(shifted)


def _clamped(c: Code, x: Value, low: float, high: float) -> Value:
    x = c.select(c.compare("<", x, c.number(low)), c.number(low), x)
    return c.select(c.compare(">", x, c.number(high)), c.number(high), x)


def power_of_two(c: Code, n: Value) -> Value:
    """2^n for an integer n whose low bits are right."""
    return c.bits(c.integer("shl", c.integer("add", n, 1023), 52))


def exp_parts(c: Code, x: Value, low: Value | None = None) -> tuple[Value, Value, Value, Value]:
    """r, exp(r) - 1 - r, n (as a double) and n in the low bits of an integer, for x + low = n log 2 + r."""
    n, shifted = _rounded(c, x, _LOG2_E)
    minus = c.neg(n)
    r = c.fma(minus, c.number(_LN2_HIGH), x)
    r = c.fma(minus, c.number(_LN2_LOW), r) if low is None else c.add(r, c.fma(minus, c.number(_LN2_LOW), low))
    return r, c.mul(c.mul(r, r), c.polynomial(r, _EXP)), n, shifted


def scaled(c: Code, y: Value, n: Value, shifted: Value) -> Value:
    """2^n y, rounded once: by the processor, or in two factors so that neither is denormal or infinite."""
    found = c.scaled(y, shifted)
    if found is not None:
        return found
    half, _ = _rounded(c, n, 0.5)
    first = c.add(half, c.number(_MAGIC))
    rest = c.add(c.sub(n, half), c.number(_MAGIC))
    return c.mul(c.mul(y, power_of_two(c, c.bits(first))), power_of_two(c, c.bits(rest)))


def exp(c: Code, x: Value) -> Value:
    """2^n exp(r)."""
    r, p, n, shifted = exp_parts(c, _clamped(c, x, -746.0, 710.0))
    return scaled(c, c.add(c.add(r, p), c.number(1.0)), n, shifted)


def expm1(c: Code, x: Value) -> Value:
    """2^n (exp(r) - 1) + (2^n - 1); beyond 38 the 1 is lost anyway."""
    r, p, _, shifted = exp_parts(c, _clamped(c, x, -50.0, 38.0))
    power = power_of_two(c, shifted)
    small = c.fma(power, p, c.fma(power, r, c.sub(power, c.number(1.0))))
    small = c.select(c.compare("==", x, c.number(0.0)), x, small)
    return c.select(c.compare(">", x, c.number(37.5)), exp(c, x), small)


def log_parts(c: Code, x: Value) -> tuple[Value, Value]:
    """k (as a double) and m with x = 2^k m, for positive normal x."""
    bits = c.bits(x)
    moved = c.integer("sub", bits, 0x3FE6A09E00000000)  # the bits of about sqrt(1/2)
    exponent = c.integer("lshr", c.integer("add", moved, 1023 << 52), 52)
    k = c.sub(c.bits(c.integer("or", exponent, 0x4330000000000000)), c.number(4503599627370496.0 + 1023.0))
    whole = c.integer("and", moved, -(1 << 52))
    return k, c.bits(c.integer("sub", bits, whole))


def log_of(c: Code, f: Value, k: Value, correction: Value | None, taken: Value | None = None) -> Value:
    """k log 2 + log(1 + f), with a last correction to the low part, less what is taken off."""
    s = c.div(f, c.add(f, c.number(2.0)))
    z = c.mul(s, s)
    half = c.mul(c.mul(f, f), c.number(0.5))
    tail = c.mul(s, c.fma(z, c.polynomial(z, _LOG), half))
    low = c.mul(k, c.number(_LN2_LOW))
    tail = c.add(tail, low if correction is None else c.add(low, correction))
    whole = c.sub(f, c.sub(half, tail))
    return c.fma(k, c.number(_LN2_HIGH), whole if taken is None else c.sub(whole, taken))


def log(c: Code, x: Value) -> Value:
    small = c.compare("<", x, c.number(2.2250738585072014e-308))
    grown = c.select(small, c.mul(x, c.number(2.0 ** 54)), x)
    k, m = log_parts(c, grown)
    k = c.sub(k, c.select(small, c.number(54.0), c.number(0.0)))
    y = log_of(c, c.sub(m, c.number(1.0)), k, None)
    return _log_edges(c, x, y, c.number(0.0))


def log1p(c: Code, x: Value) -> Value:
    """log(u) with u = 1 + x rounded, and what the rounding lost, over u."""
    one = c.number(1.0)
    u = c.add(x, one)
    k, m = log_parts(c, u)
    near = c.compare("==", k, c.number(0.0))
    # (1 + x) - u exactly: the larger of 1 and x is taken off u first.
    big = c.compare(">", c.intrinsic("fabs", x), one)
    lost = c.sub(c.select(big, one, x), c.sub(u, c.select(big, x, one)))
    correction = c.select(near, c.number(0.0), c.div(lost, u))
    f = c.select(near, x, c.sub(m, one))
    y = _log_edges(c, x, log_of(c, f, k, correction), c.number(-1.0))
    return c.select(c.compare("==", x, c.number(0.0)), x, y)


def _log_edges(c: Code, x: Value, y: Value, zero: Value) -> Value:
    y = c.select(c.compare("==", x, c.number(math.inf)), x, y)
    y = c.select(c.compare("==", x, zero), c.number(-math.inf), y)
    y = c.select(c.compare("<", x, zero), c.number(math.nan), y)
    return c.select(c.is_nan(x), x, y)


def _quarter(c: Code, x: Value) -> tuple[Value, Value, Value]:
    """r + e = x - n pi/2 and the bits of n; each n times a part of pi/2 is exact for |x| below 1e5."""
    n, shifted = _rounded(c, x, 2 / math.pi)
    first, second, third, last = (c.mul(n, c.number(part)) for part in _HALF_PI)
    r, e = difference(c, c.sub(x, first), second)
    r, lost = difference(c, r, third)
    e = c.sub(c.add(e, lost), last)
    sum_ = c.add(r, e)
    return sum_, c.add(c.sub(r, sum_), e), shifted


def _circle(c: Code, x: Value, turn: int) -> Value:
    """sin(x + turn pi/2)."""
    r, e, n = _quarter(c, x)
    z = c.mul(r, r)
    half = c.number(0.5)
    one = c.number(1.0)
    cube = c.mul(z, r)
    rest = c.polynomial(z, _SIN[1:])
    sine = c.sub(c.mul(half, e), c.mul(cube, rest))
    sine = c.sub(c.sub(c.mul(z, sine), e), c.mul(cube, c.number(_SIN[0])))
    sine = c.sub(r, sine)
    hz = c.mul(half, z)
    w = c.sub(one, hz)
    cosine = c.sub(c.mul(c.mul(z, z), c.polynomial(z, _COS)), c.mul(r, e))
    cosine = c.add(w, c.add(c.sub(c.sub(one, w), hz), cosine))
    n = c.integer("add", n, turn)
    odd = c.compare_integers("ne", c.integer("and", n, 1), c.number(0, "l"))
    y = c.select(odd, cosine, sine)
    sign = c.integer("shl", c.integer("and", n, 2), 62)
    return c.bits(c.integer("xor", c.bits(y), sign))


def sin(c: Code, x: Value) -> Value:
    return c.select(c.compare("==", x, c.number(0.0)), x, _circle(c, x, 0))


def cos(c: Code, x: Value) -> Value:
    return _circle(c, x, 1)


def _over_one_and(c: Code, top: Value, e: Value) -> tuple[Value, Value]:
    """top/(1 + e) for e from 0 to 1, and what its roundings lost, to a sixteenth."""
    one = c.number(1.0)
    whole = c.add(one, e)
    y = c.div(top, whole)
    high, low = product(c, y, whole)
    rest = c.sub(c.sub(c.sub(top, high), low), c.mul(y, c.sub(e, c.sub(whole, one))))
    return y, c.mul(rest, c.fma(whole, c.number(-8 / 17), c.number(24 / 17)))


def _rest_of_two(c: Code, x: Value) -> tuple[Value, Value]:
    """4 e/(1 + e) with e = exp(-2|x|), which is 2 - 2 tanh|x|; 4 e is a normal number where sech^2 is."""
    y = c.mul(c.intrinsic("fabs", x), c.number(-2.0))
    y = c.select(c.compare("<", y, c.number(-748.0)), c.number(-748.0), y)
    r, p, n, shifted = exp_parts(c, y)
    four = c.number(4.0)
    e = scaled(c, c.fma(c.add(r, p), four, four), n, shifted)
    return _over_one_and(c, e, c.mul(e, c.number(0.25)))


def tanh(c: Code, x: Value) -> Value:
    z = c.mul(x, x)
    small = c.fma(c.mul(z, x), c.polynomial(z, _TANH), x)
    rest, _ = _rest_of_two(c, x)
    large = c.intrinsic("copysign", c.fma(rest, c.number(-0.5), c.number(1.0)), x)
    y = c.select(c.compare("<", c.intrinsic("fabs", x), c.number(0.65)), small, large)
    return c.select(c.compare("==", x, c.number(0.0)), x, y)


def sech2(c: Code, x: Value) -> Value:
    """1 - tanh^2 = 2 a - a^2 with a = 1 - tanh|x|."""
    rest, lost = _rest_of_two(c, x)
    a = c.mul(rest, c.number(0.5))
    return c.add(rest, c.fma(c.neg(a), a, c.mul(lost, c.sub(c.number(1.0), a))))


def expit(c: Code, x: Value) -> Value:
    """e/(1 + e) or 1/(1 + e) with e = exp(-|x|)."""
    e = exp(c, c.neg(c.intrinsic("fabs", x)))
    return c.add(*_over_one_and(c, c.select(c.compare(">=", x, c.number(0.0)), c.number(1.0), e), e))


def log_expit(c: Code, x: Value) -> Value:
    """min(x, -0) - log1p(exp(-|x|))."""
    low = c.select(c.compare(">", x, c.number(0.0)), c.number(-0.0), x)
    return c.sub(low, log1p(c, exp(c, c.neg(c.intrinsic("fabs", x)))))

"""Sums and products with what their rounding lost: two numbers that are exactly, or nearly, the true one.

With fused multiply-add the rest of a product is one instruction; without, the operands are cut into halves whose
products are exact (Dekker, Numerische Mathematik 18, 1971).
"""

from __future__ import annotations

from diffkit.compiling.native.code import Code, Value


def product(c: Code, a: Value, b: Value) -> tuple[Value, Value]:
    """a b."""
    high = c.mul(a, b)
    if c.has_fma:
        return high, c.fma(a, b, c.neg(high))
    (a, a_low), (b, b_low) = _halves(c, a), _halves(c, b)
    rest = c.sub(c.mul(a, b), high)
    rest = c.add(rest, c.add(c.mul(a, b_low), c.mul(a_low, b)))
    return high, c.add(rest, c.mul(a_low, b_low))


def product_added(c: Code, a: Value, b: Value, first: Value) -> tuple[Value, Value]:
    """first + a b, unless a b is much larger than ``first``."""
    if c.has_fma:
        total = c.fma(a, b, first)
        return total, c.fma(a, b, c.sub(first, total))
    high, low = product(c, a, b)
    total = c.add(first, high)
    return total, c.add(low, c.sub(high, c.sub(total, first)))


def difference(c: Code, a: Value, b: Value) -> tuple[Value, Value]:
    """a - b."""
    d = c.sub(a, b)
    back = c.sub(a, d)
    return d, c.add(c.sub(a, c.add(d, back)), c.sub(back, b))


def _halves(c: Code, a: Value) -> tuple[Value, Value]:
    """The upper 26 bits of a number, and the others."""
    high = c.bits(c.integer("and", c.bits(a), -(1 << 27)))
    return high, c.sub(a, high)

"""Chains of plain numbers whose products are not rounded before they are added (fused multiply-add).

A loop of a thousand steps over a few numbers takes as long as its longest chain: an addition waits for the
product, the next product for the sum.  ``a * b + c`` in one instruction takes 4 cycles instead of 6, and rounds
once.  So does ``c - a * b - a * b``, which is what the derivative of a square leaves behind.

The sum then has other last bits than NumPy's: closer to the true ones, but ``a * b - c`` is not 0 any more where c is
the rounded product.  So nothing is fused that could reach what jumps, or is infinite, at such a place: a
comparison, a branch, abs, sign, maximum, floor; a root, a logarithm, a quotient, a factor of what may be infinite.
What remains are polynomials and functions that are smooth everywhere (``_SMOOTH``).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.operations import Write, kind_of
from diffkit.compiling.plan import WRITES, Step
from diffkit.compiling.program import Item, plain
from diffkit.rules.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT
from diffkit.rules.kinds import TABLE

#: Rows without jumps and poles, in all operands.
_SMOOTH = frozenset([
    "add", "subtract", "multiply", "negative", "positive", "square", "sum", "exp", "expm1", "sin", "cos", "tanh",
    "sech2", "arctan", "sinh", "cosh", "arcsinh", "special.erf", "special.exp_square", "logistic", "where",
    "getitem", "reshape", "transpose", "broadcast_to", "concatenate", "pack", "stop_gradient", "float64", "matmul",
    "dot", "inner", "vdot", "tensordot"])
#: Cycles until a result is there, on processors of these years: what a chain's length is estimated with.
_SUM, _PRODUCT, _FUSED, _NEGATIVE, _OTHER = 3, 3, 4, 1, 20
_CYCLES = {"add": _SUM, "subtract": _SUM, "multiply": _PRODUCT, "negative": _NEGATIVE, "positive": 0, "getitem": 4}


@dataclasses.dataclass(frozen=True, eq=False)
class Fusible:
    """Additions of plain numbers that may round once.

    ``products`` gives for an addition which of its operands are products that nobody else uses; ``twice``, for
    c + a b + a b and c - a b - a b, what c and the product are.
    """

    products: dict[int, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    twice: dict[int, tuple[Item, Item]] = dataclasses.field(default_factory=dict)

    def key(self, number: int) -> Any:
        """What is known of an addition."""
        return self.products.get(number), number in self.twice


def fusible(steps: list[Step], outs: Iterable[Item]) -> Fusible:
    """The additions of a program's steps that may round once (``outs``: all that is used besides)."""
    uses: dict[int, int] = {}
    for item in (*(arg for step in steps for arg in ((step.item,) if step.question else step.item.args)), *outs):
        uses[item.number] = uses.get(item.number, 0) + 1
    guarded = _guarded(steps)
    found = Fusible()
    for step in steps:
        item = step.item
        if step.question or item.rule not in (ADD, SUBTRACT) or item.number in guarded or not _is_plain(item):
            continue
        a, b = item.args
        positions = tuple(i for i, arg in enumerate((a, b)) if uses[arg.number] == 1 and _is_product(arg, item))
        if positions:
            found.products[item.number] = positions
        for before, product in ((a, b), (b, a)) if item.rule is ADD else ((a, b),):
            if before.rule is item.rule and uses[before.number] == 1 and uses[product.number] == 2 \
                    and _is_plain(before) and kind_of(before) == kind_of(item) and _is_product(product, item):
                first, second = before.args
                if second is product or (first is product and item.rule is ADD):
                    found.twice[item.number] = (first if second is product else second), product
    return found


def _is_plain(item: Item) -> bool:
    return item.kind in ("number", "weak") and kind_of(item) in ("d", "f") and not item.boxed


def _is_product(item: Item, total: Item) -> bool:
    return item.source == "call" and item.rule is MULTIPLY and _is_plain(item) and kind_of(item) == kind_of(total)


def _guarded(steps: list[Step]) -> set[int]:
    """Items whose last bits decide more than last bits: they reach a jump or a pole."""
    infinite: set[int] = set()  # may be so, though all inputs are finite
    for step in steps:
        item = step.item
        if not step.question and (not _is_smooth(item) or any(_is_infinite(arg, infinite) for arg in item.args)):
            infinite.add(item.number)
    guarded: set[int] = set()
    for step in reversed(steps):
        item = step.item
        if step.question:
            guarded.add(item.number)
        elif item.number in guarded or not _is_smooth(item):
            guarded |= {arg.number for arg in item.args}
        elif item.rule is MULTIPLY:
            guarded |= {a.number for a, b in (item.args, item.args[::-1]) if _is_infinite(b, infinite)}
    return guarded


def _is_infinite(item: Item, infinite: set[int]) -> bool:
    if item.source == "constant":
        return not np.all(np.isfinite(item.value)) if kind_of(item) else True
    return item.number in infinite


def _is_smooth(item: Item) -> bool:
    """Whether an operation has neither jumps nor poles."""
    rule = item.rule
    if rule in WRITES:
        return True
    name = rule.name
    if rule is DIVIDE:
        below = item.args[1]
        return bool(below.source == "constant" and kind_of(below) in ("d", "f") and np.all(below.value))
    if name == "power":
        below = item.args[1]
        return below.source == "constant" and below.kind != "array" and plain(below.value) in (1, 2, 3, 4, 5)
    if name == "astype":
        return bool(item.value.dtype.kind == "f")
    return name in _SMOOTH and bool(TABLE.get(name, rule) is rule)


class Chain:
    """Writes operations on plain numbers in one place of the code, and knows when each result is there."""

    def __init__(self, fusible: Fusible) -> None:
        self.fusible = fusible
        self._ready: dict[int, int] = {}
        self._factors: dict[int, list[tuple[int, Value]]] = {}  # of a product, the later one first

    def value(self, c: Code, item: Item, write: Write, args: list[Value], look: Callable[[Item], Value]) -> Value:
        """The result, rounded once where that is allowed and no later there (``look`` gives an item's value)."""
        times = [self._ready.get(arg.number, 0) for arg in item.args]
        plainly = max(times, default=0) + _CYCLES.get(item.rule.name, _OTHER)
        if item.rule is MULTIPLY:
            kind = kind_of(item)
            self._factors[item.number] = sorted(
                ((time, c.convert(arg, kind)) for time, arg in zip(times, args)), key=lambda pair: -pair[0])
        ways = [way for way in self._ways(c, item, args, times, look) if way[0] <= plainly] if c.has_fma else []
        if not ways:
            self._ready[item.number] = plainly
            return write(c, args)
        self._ready[item.number], fused = min(ways, key=lambda way: way[0])
        return fused()

    def _ways(self, c: Code, item: Item, args: list[Value], times: list[int],
              look: Callable[[Item], Value]) -> Iterator[tuple[int, Callable[[], Value]]]:
        """How an addition can be one instruction, and when its result is there then."""
        kind, adds = kind_of(item), item.rule is ADD
        for i in self.fusible.products.get(item.number, ()):
            factors = self._factors.get(item.args[i].number)
            if factors is not None:
                (late, a), (_, b) = factors
                yield max(late, times[1 - i]) + _FUSED, functools.partial(
                    _fused, c, a, b, c.convert(args[1 - i], kind), not adds and i == 1, not adds and i == 0)
        found = self.fusible.twice.get(item.number)
        if found is not None and found[1].number in self._factors and any(
                before.rule is item.rule and before.number in self._ready for before in item.args):
            first, product = found
            (late, a), (early, b) = self._factors[product.number]
            yield max(late, early + _PRODUCT, self._ready.get(first.number, 0)) + _FUSED, lambda: c.fma(
                a, c.mul(b, c.number(2.0 if adds else -2.0, kind)), c.convert(look(first), kind))


def _fused(c: Code, a: Value, b: Value, other: Value, negates: bool, takes: bool) -> Value:
    """a b + other; -a b + other; a b - other."""
    return c.fma(c.neg(a) if negates else a, b, c.neg(other) if takes else other)

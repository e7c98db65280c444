"""Sums of products as products of matrices.

    np.sum(shares[:, :, None] * (x[:, None, :] - means) * scales, axis=0)

multiplies arrays of n k d entries twice and adds them up in a third pass.  What does not change along the axes
of the sum leaves it (``scales``), and what is left are two arrays whose product is summed: for each k a
matrix (d, n) times a vector (n).  A product that is computed for such sums alone is taken apart into its factors,
so that several sums share theirs: of a Gaussian's density and its derivatives these are x - m and its square.

Only the order of multiplications and additions changes, so results differ by roundings; but factors that were
small and large in turn may now under- or overflow.  So the program asks for the size of what the factors are
made of (``bounded``), and where an entry is larger than 1e15 the program without this pass runs.  At most 8
factors of that size are multiplied, and a number of at most 1e6: nothing overflows, and what underflows is below
1e-180.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.compiling import strides
from diffkit.compiling.emit import BOUND
from diffkit.compiling.plan import VIEWS
from diffkit.compiling.program import Item, Program, freeze, is_ufunc_call
from diffkit.rules.arithmetic import ADD, MULTIPLY, NEGATIVE, POWER, SUBTRACT
from diffkit.rules.contractions import MATMUL
from diffkit.rules.kinds import TABLE
from diffkit.rules.reductions import SUM
from diffkit.rules.shapes import RESHAPE, TRANSPOSE

#: Entries that are worth the trouble, the most factors, and the largest number among them.
LARGE, MOST_FACTORS, LARGEST = 4096, 8, 1e6
_FLOAT = np.dtype(np.float64)

Make = Callable[[Item, Any, list[Item], dict[str, Any]], Item]


@dataclasses.dataclass(slots=True)
class Sum:
    """A sum of a product: what leaves it, and the two arrays whose product is summed, each a list of factors."""

    item: Item
    coefficient: float
    outside: list[Item]
    first: list[Item]
    second: list[Item]
    bases: list[Item]


def sums_of(program: Program, needed: list[Item]) -> dict[int, Sum]:
    """The sums to rewrite: their products are computed for such sums alone."""
    sums = {item.number: item for item in needed if _is_sum(item)}
    if not sums:
        return {}
    uses: dict[int, list[int]] = {}
    for item in needed:
        for arg in item.args:
            uses.setdefault(arg.number, []).append(item.number)
    for item in (*(out for out in program.outs if isinstance(out, Item)), *(item for item, _ in program.questions)):
        uses.setdefault(item.number, []).append(-1)
    products = {item.number for item in needed if _factors(item) is not None and item.value.size >= LARGE}
    while True:
        inner = {number for number in products if all(user in products or user in sums for user in uses[number])}
        found = {number: _parts(item, inner) for number, item in sums.items()}
        kept = {number for number, parts in found.items() if parts is not None}
        if inner == products and len(kept) == len(sums):
            return {number: parts for number, parts in found.items() if parts is not None}
        products, sums = inner, {number: sums[number] for number in kept}


def _is_sum(item: Item) -> bool:
    if item.rule is not SUM or item.boxed or item.params.get("dtype") is not None or item.kind != "array":
        return False
    a = item.args[0]
    return bool(a.kind == "array" and a.value.size >= LARGE and item.value.size * 2 <= a.value.size)


def _factors(item: Item) -> tuple[float, tuple[Item, ...]] | None:
    """A product's coefficient and factors."""
    if item.kind != "array" or item.dtype != _FLOAT or not is_ufunc_call(item):
        return None
    if item.rule is MULTIPLY:
        numbers = [float(arg.value) for arg in item.args if _is_number(arg)]
        return math.prod(numbers), tuple(arg for arg in item.args if not _is_number(arg))
    if item.rule is NEGATIVE:
        return -1.0, item.args
    if item.rule is ADD and item.args[0] is item.args[1]:
        return 2.0, item.args[:1]
    if item.rule is TABLE["square"] or (item.rule is POWER and _is_number(item.args[1]) and item.args[1].value == 2):
        return 1.0, (item.args[0], item.args[0])
    return None


def _is_number(item: Item) -> bool:
    return (item.source == "constant" and isinstance(item.value, (float, int, np.floating))
            and not isinstance(item.value, bool))


def _parts(item: Item, inner: set[int]) -> Sum | None:
    """A sum taken apart, or None where no product of matrices comes of it."""
    a = item.args[0]
    if a.number not in inner:
        return None
    coefficient, factors, waiting = 1.0, [], [a]
    while waiting:
        one = waiting.pop()
        taken = _factors(one) if one.number in inner else None
        if taken is None:
            factors.append(one)
        else:
            coefficient *= taken[0]
            waiting += taken[1]
        if len(factors) > MOST_FACTORS:
            return None
    bases: list[Item] = []
    if not 0 < abs(coefficient) <= LARGEST or not all(_bounded(one, a.value.size, bases) for one in factors):
        return None
    ndim = len(a.shape)
    gone = strides.axes_of(item.params.get("axis"), ndim)
    groups: dict[frozenset[int], list[Item]] = {}
    for one in sorted(factors, key=lambda factor: factor.number):
        groups.setdefault(_support(one, ndim), []).append(one)
    outside = [one for support, ones in groups.items() if not support & gone for one in ones]
    rest = [(support, ones) for support, ones in groups.items() if support & gone]
    if len(rest) != 2:
        return None
    (wide, first), (other, second) = sorted(rest, key=lambda pair: -len(pair[0]))
    if (wide ^ other) & gone or len(wide & gone) != 1 or len(wide - other) > 1 or len(other - wide) > 1:
        return None
    return Sum(item, coefficient, outside, first, second, bases)


def _support(item: Item, ndim: int) -> frozenset[int]:
    """The axes of the product along which a factor changes."""
    shape = item.shape
    return frozenset(i + ndim - len(shape) for i, size in enumerate(shape) if size > 1)


def _bounded(item: Item, size: int, bases: list[Item]) -> bool:
    """Whether numbers of float64 bound a factor's entries, which are noted: smaller arrays where it is their sum."""
    if item.source == "constant":
        return item.kind == "array" and item.dtype == _FLOAT and bool(np.all(np.abs(item.value) <= BOUND))
    if item.kind not in ("array", "number") or item.dtype != _FLOAT:
        return False
    if item.rule in VIEWS or item.rule is NEGATIVE:
        return _bounded(item.args[0], size, bases)
    if item.kind == "array" and item.value.size * 2 > size and item.rule in (ADD, SUBTRACT):
        return all(_bounded(arg, size, bases) for arg in item.args)
    if item not in bases:
        bases.append(item)
    return True


class Products:
    """Writes sums as products of matrices, each distinct operation once.

    ``make`` makes an operation from a rule, operands and parameters; ``found`` has the new items by the numbers of
    the old ones.
    """

    def __init__(self, make: Make, constant: Callable[[float], Item], found: dict[int, Item]) -> None:
        self._make_new = make
        self._constant = constant
        self._found = found
        self._known: dict[Any, Item] = {}
        self._like: Item

    def sum(self, found: Sum) -> Item:
        """sum(a b) as a matrix product, times what left the sum."""
        item, a = found.item, found.item.args[0]
        self._like = item
        ndim, shape = len(a.shape), a.shape
        first, second = self._product(found.first), self._product(found.second)
        one, other = _support(first, ndim), _support(second, ndim)
        summed, = one & other & strides.axes_of(item.params.get("axis"), ndim)
        batch = sorted((one & other) - {summed})
        rows, columns = sorted(one - other), sorted(other - one)
        x = self._matrix(first, ndim, [*batch], rows, [summed])
        y = self._matrix(second, ndim, [*batch], [summed], columns)
        product = self._make(MATMUL, [x, y])
        # Axes (batch, rows, columns), those of no length included, in the order of the result.
        present = [*batch, *rows, *columns]
        product = self._reshaped(product, tuple(shape[i] for i in present))
        order = sorted(range(len(present)), key=lambda i: present[i])
        if order != list(range(len(present))):
            product = self._make(TRANSPOSE, [product], {"axes": tuple(order)})
        whole = self._reshaped(product, tuple(shape[i] if i in present else 1 for i in range(ndim)))
        for factor in found.outside:
            whole = self._make(MULTIPLY, [whole, self._found[factor.number]])
        if found.coefficient != 1:
            whole = self._make(MULTIPLY, [whole, self._constant(found.coefficient)])
        return self._reshaped(whole, item.shape)

    def _product(self, factors: list[Item]) -> Item:
        product = self._found[factors[0].number]
        for factor in factors[1:]:
            product = self._make(MULTIPLY, [product, self._found[factor.number]])
        return product

    def _matrix(self, item: Item, ndim: int, batch: list[int], rows: list[int], columns: list[int]) -> Item:
        """An item as matrices: axes of batches, then one of rows and one of columns."""
        missing = ndim - len(item.shape)
        axes = [i - missing for i in (*batch, *rows, *columns)]
        rest = [i for i in range(len(item.shape)) if i not in axes]
        shape = [item.shape[i] for i in axes]
        shape[len(batch):] = [math.prod(item.shape[i - missing] for i in rows),
                              math.prod(item.shape[i - missing] for i in columns)]
        if [*axes, *rest] != list(range(len(item.shape))):
            item = self._make(TRANSPOSE, [item], {"axes": (*axes, *rest)})
        return self._reshaped(item, tuple(shape))

    def _reshaped(self, item: Item, shape: tuple[int, ...]) -> Item:
        if item.rule is RESHAPE and item.args[0].kind == "array" and item.params.get("order", "C") == "C":
            item = item.args[0]
        return item if item.shape == shape else self._make(RESHAPE, [item], {"shape": shape})

    def _make(self, rule: Any, args: list[Item], params: dict[str, Any] | None = None) -> Item:
        params = params or {}
        numbers = [arg.number for arg in args]
        key = rule.name, tuple(sorted(numbers) if rule is MULTIPLY else numbers), freeze(params)
        if key not in self._known:
            self._known[key] = self._make_new(self._like, rule, args, params)
        return self._known[key]


def live(program: Program, needed: list[Item], sums: dict[int, Sum]) -> list[Item]:
    """What is still needed once the sums read their factors."""
    known = {item.number for item in needed}
    waiting = [*program.inputs, *(out for out in program.outs if isinstance(out, Item)),
               *(item for item, _ in program.questions if item.number in known)]
    live: set[int] = set()
    while waiting:
        item = waiting.pop()
        if item.number not in live:
            live.add(item.number)
            found = sums.get(item.number)
            waiting += item.args if found is None else (*found.outside, *found.first, *found.second, *found.bases)
    return [item for item in needed if item.number in live]

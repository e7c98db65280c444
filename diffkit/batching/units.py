"""Batches of unit vectors, kept as what they are until an operation mixes their entries.

The directions of a Jacobian start as rows of the identity.  Multiplied by a partial they are
rows of a diagonal matrix: k numbers, not k times n.  A ``Unit`` is such a batch: example b is
zero but for the entry number ``start + b`` (in C order), which is ``values[b]``.  A product
with a matrix takes rows of the matrix instead of a sum over n, so the Jacobian of a layer costs
what writing it down costs.  Whatever else is done makes an ordinary batch of it first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.batching.level import BatchLevel
from diffkit.rules.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATIVE, SUBTRACT
from diffkit.rules.contractions import MATMUL
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import Elementwise, Rule
from diffkit.rules.shapes import RESHAPE, TRANSPOSE
from diffkit.rules.writing import ADD_AT, SETITEM
from diffkit.traced import Traced


class Unit:
    """A batch whose example b has one entry that is not zero: ``values[b]`` at ``start + b``."""

    __slots__ = ("shape", "start", "values")

    def __init__(self, values: Any, start: int, shape: tuple[int, ...]) -> None:
        self.values = values
        self.start = start
        self.shape = shape

    @property
    def entries(self) -> slice:
        """The entries, among all entries of one example."""
        return slice(self.start, self.start + self.values.shape[0])

    @property
    def diagonal(self) -> slice:
        """The entries, among those of the whole batch laid end to end."""
        size = math.prod(self.shape)
        return slice(self.start, self.start + (self.values.shape[0] - 1) * (size + 1) + 1, size + 1)

    def times(self, values: Any) -> Unit:
        """Other values at the same entries."""
        return Unit(values, self.start, self.shape)

    def full(self) -> Any:
        """The batch as an array."""
        count = self.values.shape[0]
        zeros = np.zeros(count * math.prod(self.shape), self.values.dtype)
        return RESHAPE(SETITEM(zeros, self.values, index=self.diagonal), shape=(count, *self.shape))

    def of(self, other: Any) -> Any:
        """The entries of a plain operand that stand where these do, or None where shapes differ."""
        shape = getattr(other, "shape", ())
        if shape == ():
            return other
        if tuple(shape) != self.shape:
            return None
        flat = other if len(shape) == 1 else RESHAPE(other, shape=(-1,))
        return flat if self.values.shape[0] == flat.shape[0] else GETITEM(flat, index=self.entries)


class UnitLevel(BatchLevel):
    """A batched run whose inputs are unit vectors."""

    def unit(self, values: Any, start: int, shape: tuple[int, ...]) -> Traced:
        """The directions number ``start`` and on, times ``values``."""
        return self._keep(Unit(values, start, shape))

    def _keep(self, unit: Unit) -> Traced:
        return Traced(self, np.empty(unit.shape, unit.values.dtype)[()], unit)

    def _own(self, value: Any) -> bool:
        return type(value) is Traced and value.level is self

    def _unit(self, value: Any) -> Unit | None:
        return value.mark if self._own(value) and type(value.mark) is Unit else None

    def _fill(self, value: Any) -> None:
        """An ordinary batch from now on."""
        if self._own(value) and type(value.mark) is Unit:
            value.mark = value.mark.full()

    # --- operations ------------------------------------------------------------------------------
    def unary(self, rule: Elementwise, x: Traced) -> Any:
        unit = self._unit(x)
        if unit is not None and rule is NEGATIVE:
            return self._keep(unit.times(-unit.values))
        self._fill(x)
        return super().unary(rule, x)

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        left, right = self._unit(a), self._unit(b)
        if left is not None or right is not None:
            found = self._structured(rule, a, b, left, right)
            if found is not None:
                return found
            self._fill(a)
            self._fill(b)
        return super().binary(rule, a, b)

    def _structured(self, rule: Rule, a: Any, b: Any, left: Unit | None, right: Unit | None) -> Any:
        if left is not None and not self._own(b) and rule in (MULTIPLY, DIVIDE):
            other = left.of(b)
            return None if other is None else self._keep(left.times(rule.call(left.values, other)))
        if right is not None and not self._own(a) and rule is MULTIPLY:
            other = right.of(a)
            return None if other is None else self._keep(right.times(rule.call(other, right.values)))
        if rule is not ADD and rule is not SUBTRACT:
            return None
        if left is not None and right is not None:
            if (left.start, left.shape) != (right.start, right.shape):
                return None
            return self._keep(left.times(rule.call(left.values, right.values)))
        unit, other = (left, b) if left is not None else (right, a)
        assert unit is not None
        if rule is not ADD or not self._own(other) or tuple(other.shape) != unit.shape or a.dtype != b.dtype:
            return None
        flat = ADD_AT(RESHAPE(other.mark, shape=(-1,)), unit.values, index=unit.diagonal)
        return self.lift(RESHAPE(flat, shape=other.mark.shape))

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        units = [self._unit(arg) for arg in args]
        if any(unit is not None for unit in units):
            if type(rule) is Elementwise and len(args) == 2:  # np.multiply and not an operator
                found = self._structured(rule, *args, *units)
            else:
                found = self._moved(rule, args, params, units)
            if found is not None:
                return found
            for arg in args:
                self._fill(arg)
        return super().process(rule, args, params)

    def _moved(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any], units: list[Unit | None]) -> Any:
        """Other shapes of the same entries, and products with a plain matrix."""
        unit = units[0]
        if unit is not None and (rule is RESHAPE or (rule is GETITEM and _is_whole(params["index"]))):
            if params.get("order", "C") != "C":
                return None
            shape = rule.call(np.broadcast_to(0, unit.shape), **params).shape
            return self._keep(Unit(unit.values, unit.start, shape))
        if rule is not MATMUL:
            return None
        if unit is not None and not self._own(args[1]) and len(unit.shape) == 1 and len(args[1].shape) == 2:
            return self.lift(_rows(unit, args[1]))
        unit = units[1]
        if unit is None or self._own(args[0]) or len(args[0].shape) != 2 or unit.shape[1:] not in ((), (1,)):
            return None
        rows = _rows(unit, TRANSPOSE(args[0], axes=(1, 0)))
        return self.lift(RESHAPE(rows, shape=(*rows.shape, 1)) if len(unit.shape) == 2 else rows)

    # --- everything else sees an ordinary batch -----------------------------------------------------
    def lower(self, value: Any) -> Any:
        self._fill(value)
        return super().lower(value)

    def below(self, traced: Traced) -> Any:
        self._fill(traced)
        return super().below(traced)

    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        self._fill(traced)
        return super().concrete(traced, ask)

    def peek(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        self._fill(traced)
        return super().peek(traced, ask)

    def write(self, rule: Rule, a: Any, index: Any, value: Any, write: Callable[..., Any]) -> Any:
        self._fill(a)
        self._fill(value)
        return super().write(rule, a, index, value, write)

    def apart(self, a: Any, apart: Callable[[Any], Any]) -> Any:
        self._fill(a)
        return super().apart(a, apart)


def _is_whole(index: Any) -> bool:
    """Whether an index only adds axes of length one."""
    items = index if type(index) is tuple else (index,)
    return all(item is None or item is Ellipsis or (type(item) is slice and item == slice(None)) for item in items)


def _rows(unit: Unit, matrix: Any) -> Any:
    """Each example times the matrix: one of its rows."""
    rows = matrix if unit.values.shape[0] == matrix.shape[0] else GETITEM(matrix, index=unit.entries)
    return RESHAPE(unit.values, shape=(-1, 1)) * rows

"""How large the expressions of a recording would be, counted without making them.

SymPy can spend minutes on what would then be refused.  So the tape is first run on *sizes*: a
``Size`` behaves as an expression in sums and products, but only counts the nodes of its tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.exact import columns
from diffkit.exact.arrays import each, filled
from diffkit.exact.machine import Machine
from diffkit.exact.recording import Recording
from diffkit.rules.kinds import Rule
from diffkit.tape import Node


class Size:
    """The number of nodes of an expression's tree; 0 for the number zero."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def __add__(self, other: Any) -> Size:
        if isinstance(other, int):  # the zeros with which NumPy fills gaps
            return self
        if not self.count or not other.count:
            return Size(self.count + other.count)
        return Size(self.count + other.count + 1)

    def __mul__(self, other: Any) -> Size:
        return Size(self.count + other.count + 1 if self.count and other.count else 0)

    def __truediv__(self, other: Any) -> Size:
        return Size(self.count + other.count + 2 if self.count else 0)

    def __pow__(self, other: Any) -> Size:
        return Size(self.count + (other.count if isinstance(other, Size) else 1) + 1)

    def __neg__(self) -> Size:
        return Size(self.count + 2 if self.count else 0)

    __sub__ = __radd__ = __add__


class Sizes:
    """The algebra of sizes (see ``numbers`` and ``expressions``)."""

    symbolic = True
    counting = True

    def __init__(self) -> None:
        self.zero, self.one = Size(0), Size(1)
        self.true, self.false = Size(1), Size(1)

    @staticmethod
    def scalar(value: Any) -> Any:
        if isinstance(value, Size):
            return value
        return Size(1 if value else 0)

    @staticmethod
    def number(value: Any) -> Any:
        return value

    @staticmethod
    def is_truth(value: Any) -> bool:
        return True

    def array(self, constant: Any) -> Any:
        return each(self.scalar, np.asarray(constant))

    def elementwise(self, rule: Rule, node: Any, operands: tuple[Any, ...]) -> Any:
        direct = _ARITHMETIC.get(rule.name)
        if direct is not None:
            return each(direct, *operands)
        assert rule.symbol is not None
        own, occurs = columns.weight(rule.symbol, len(operands))
        return each(lambda *args: Size(own + sum(n * max(1, a.count) for n, a in zip(occurs, args))), *operands)

    @staticmethod
    def function(name: str) -> Callable[..., Any]:
        return lambda *args: Size(1 + sum(arg.count for arg in args))

    @staticmethod
    def compare(name: str) -> Callable[[Any, Any], Any]:
        return lambda a, b: Size(1 + a.count + b.count)

    @staticmethod
    def negation(a: Any) -> Any:
        return a

    @staticmethod
    def both(a: Any, b: Any) -> Any:
        return Size(1 + a.count + b.count)

    either = both

    @staticmethod
    def choose(condition: Any, a: Any, b: Any) -> Any:
        return Size(3 + condition.count + a.count + b.count)

    @staticmethod
    def total(entries: list[Any]) -> Any:
        return Size(1 + sum(entry.count for entry in entries))

    largest = smallest = total

    @staticmethod
    def absolute(a: Any) -> Any:
        return Size(1 + a.count)

    @staticmethod
    def matrix(a: Any) -> Any:
        """The size of a determinant or of an inverse's entry: a product for each permutation."""
        n = len(a)
        return Size(int(sum(entry.count for entry in a.ravel()) * np.prod(range(1, n + 1))))

    @staticmethod
    def frozen(a: Any) -> Any:
        return a

    def require(self, *_: Any) -> None:
        """Nothing: conditions are counted where they are expressions."""

    assume = require


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a + b, "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b, "negative": lambda a: -a, "positive": lambda a: a}


def expected_size(found: Recording) -> tuple[int, int]:
    """``(largest expression, sum over all that are made on the way)`` for a recording.

    Raises NotExact when a rule has no meaning on expressions.
    """
    machine = Machine(found.tape, Sizes())
    values = machine.run([filled(node.shape, Size(1)) for node in found.tape.inputs])
    largest = total = 0
    for node in machine.order:
        value = values[node.index]
        for part in value if type(value) is tuple else (value,):
            counts = [entry.count for entry in part.ravel()]
            moved = isinstance(node, Node) and node.rule is not None and node.rule.kind == "linear"
            largest = max([largest, *counts])
            total += 0 if moved and node.rule is not None and node.rule.name != "sum" else sum(counts)
    return largest, total

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
    """The number of nodes of an expression's tree, and how deep they are nested; 0 for the number zero."""

    __slots__ = ("count", "depth")

    def __init__(self, count: int, depth: int = 1) -> None:
        self.count = count
        self.depth = depth

    def __add__(self, other: Any) -> Size:
        if isinstance(other, int):  # the zeros with which NumPy fills gaps
            return self
        if not self.count or not other.count:
            return self if self.count else other
        return _joined(1, self, other)

    def __mul__(self, other: Any) -> Size:
        return _joined(1, self, other) if self.count and other.count else Size(0)

    def __truediv__(self, other: Any) -> Size:
        return _joined(2, self, other) if self.count else self

    def __pow__(self, other: Any) -> Size:
        return _joined(1, self, other if isinstance(other, Size) else Size(1))

    def __neg__(self) -> Size:
        return _joined(2, self) if self.count else self

    __sub__ = __radd__ = __add__


def _joined(own: int, *parts: Size) -> Size:
    """An operation of ``own`` nodes on parts."""
    return Size(own + sum(part.count for part in parts), 1 + max((part.depth for part in parts), default=0))


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

    def truth(self, value: Any) -> Any:
        """An entry as a truth value: a number is true when it is not zero."""
        return value if self.is_truth(value) else self.compare("not_equal")(value, self.zero)

    def array(self, constant: Any) -> Any:
        return each(self.scalar, np.asarray(constant))

    def elementwise(self, rule: Rule, node: Any, operands: tuple[Any, ...]) -> Any:
        direct = _ARITHMETIC.get(rule.name)
        if direct is not None:
            return each(direct, *operands)
        assert rule.symbol is not None
        own, occurs = columns.weight(rule.symbol, len(operands))
        return each(lambda *args: Size(own + sum(n * max(1, a.count) for n, a in zip(occurs, args)),
                                       1 + max(a.depth for a in args)), *operands)

    @staticmethod
    def function(name: str) -> Callable[..., Any]:
        return lambda *args: _joined(1, *args)

    @staticmethod
    def compare(name: str) -> Callable[[Any, Any], Any]:
        return lambda a, b: _joined(1, a, b)

    @staticmethod
    def negation(a: Any) -> Any:
        return a

    @staticmethod
    def both(a: Any, b: Any) -> Any:
        return _joined(1, a, b)

    either = both

    @staticmethod
    def choose(condition: Any, a: Any, b: Any) -> Any:
        return _joined(3, condition, a, b)

    @staticmethod
    def total(entries: list[Any]) -> Any:
        return _joined(1, *entries)

    def dot(self, left: Any, right: Any) -> Any:
        return self.total([p * q for p, q in zip(left, right)])

    largest = smallest = total

    @staticmethod
    def absolute(a: Any) -> Any:
        return _joined(1, a)

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


def expected_size(found: Recording) -> tuple[int, int, int]:
    """``(largest expression, sum over all that are made on the way, deepest nesting)`` for a recording.

    Raises NotExact when a rule has no meaning on expressions.
    """
    machine = Machine(found.tape, Sizes())
    values = machine.run([filled(node.shape, Size(1)) for node in found.tape.inputs])
    largest = total = deepest = 0
    for node in machine.order:
        value = values[node.index]
        for part in value if type(value) is tuple else (value,):
            counts = [entry.count for entry in part.ravel()]
            moved = isinstance(node, Node) and node.rule is not None and node.rule.kind == "linear"
            largest = max([largest, *counts])
            deepest = max([deepest, *(entry.depth for entry in part.ravel())])
            total += 0 if moved and node.rule is not None and node.rule.name != "sum" else sum(counts)
    return largest, total, deepest

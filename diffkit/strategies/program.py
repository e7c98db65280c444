"""A drawn program: steps on arrays of one length and a reduction, with the point to differentiate it at.

This module imports nothing heavy: Hypothesis loads it, through the hook, wherever diffkit is installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Operation:
    """A function of one or two arrays of one length, and how it is written."""

    name: str
    arity: int
    function: Callable[..., Any]
    template: str


@dataclasses.dataclass(frozen=True)
class Program:
    """A function of one array: ``program(x)`` runs it; ``point`` is where it is to be differentiated.

    ``source`` is the expression, in NumPy and of ``x``, that the program computes, digit for
    digit.
    """

    steps: tuple[tuple[Operation, tuple[int, ...]], ...]
    reduction: Operation
    point: Any = dataclasses.field(compare=False)

    def __call__(self, x: Any) -> Any:
        values = [x]
        for operation, operands in self.steps:
            values.append(operation.function(*(values[i] for i in operands)))
        return self.reduction.function(values[-1])

    @property
    def __name__(self) -> str:
        return "program"

    @property
    def source(self) -> str:
        """The program as one expression."""
        written = ["x"]
        for operation, operands in self.steps:
            written.append(operation.template.format(*(written[i] for i in operands)))
        return self.reduction.template.format(written[-1])

    def __repr__(self) -> str:
        return f"Program(lambda x: {self.source}, point={self.point!r})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # Hypothesis would list the fields
        printer.text(repr(self))

"""Reductions in a loop nest: where partial results are, how a turn adds to them, how lanes are joined.

Along the inner dimension each lane has a partial result of its own; along another one the result's row
is in memory, and each turn adds to it there.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from diffkit.compiling.native.code import Value
from diffkit.compiling.native.layout import along
from diffkit.compiling.native.operations import kind_of, maximum, minimum
from diffkit.compiling.native.stages import REDUCTIONS, Job, reduced
from diffkit.compiling.native.walks import LOADED, Walk
from diffkit.compiling.program import Item

if TYPE_CHECKING:
    from diffkit.compiling.native.nest import Nest

START = {"add": 0.0, "maximum": float("-inf"), "minimum": float("inf")}
JOIN = {"add": lambda c, a, b: c.add(a, b), "maximum": maximum, "minimum": minimum}


@dataclasses.dataclass(eq=False, slots=True)
class Total:
    """A reduction under way: where its result goes, and the lanes' partial results (an inner one)."""

    walk: Walk
    kind: str
    name: str
    cell: str = ""
    lanes: str = ""


class Totals:
    """The reductions of one stage, by the number of their result."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        self.of: dict[int, Total] = {}

    @property
    def inner(self) -> list[Total]:
        """Those along the inner dimension."""
        return [total for total in self.of.values() if not total.walk.strides[-1]]

    def begin_tile(self) -> None:
        c = self.nest.code
        for total in self.inner:
            total.lanes = self.nest.routine.cell(c.type(total.kind))
            start = c.number(START[total.name], total.kind)
            c.put(f"store {c.type(total.kind)} {start.text}, ptr {total.lanes}")

    def end_tile(self, pointers: dict[Walk, str]) -> None:
        for total in self.inner:
            self._join_lanes(total, pointers)

    def begin(self, item: Item, job: Job) -> None:
        """Fill the result with what a reduction starts at."""
        name, kind = REDUCTIONS[item.rule], kind_of(item)
        gone = reduced(item)
        if item.kind == "array":
            self.nest.routine.fill(item, START[name])
            own = iter(item.value.strides if len(item.shape) < len(gone) else
                       [s for s, is_gone in zip(item.value.strides, gone) if not is_gone])
            strides = along(tuple(0 if is_gone else next(own) for is_gone in gone), job.shape)
            walk = Walk(self.nest.routine.at(item.number, 0), strides, kind)
            self.of[item.number] = Total(walk, kind, name)
        else:
            cell = self.nest.routine.cell(LOADED[kind])
            self.nest.code.width = 0
            self.nest.code.put(f"store {LOADED[kind]} {self.nest.code.number(START[name], kind).text}, ptr {cell}")
            walk = Walk(cell, (0,) * len(self.nest.sizes), kind)
            self.of[item.number] = Total(walk, kind, name, cell)
        self.nest.walks[-item.number - 1, 0, strides if item.kind == "array" else ()] = walk

    def add(self, item: Item, value: Value) -> None:
        """What a turn adds."""
        total = self.of[item.number]
        c = self.nest.code
        value = c.convert(value, total.kind)
        join = JOIN[total.name]
        if total.walk.strides[-1]:
            self.nest.store(join(c, self.nest.load(total.walk), value), total.walk)
            return
        if self.nest.lanes < c.width:
            mask = ", ".join(f"i1 {str(i < self.nest.lanes).lower()}" for i in range(c.width))
            value = c.select(Value(f"<{mask}>", "b", c.width), value, c.number(START[total.name], total.kind))
        kind = c.type(total.kind)
        before = c.give(total.kind, f"load {kind}, ptr {total.lanes}")
        c.put(f"store {kind} {join(c, before, value).text}, ptr {total.lanes}")

    def _join_lanes(self, total: Total, pointers: dict[Walk, str]) -> None:
        """The lanes' partial results into one, and that to what was there."""
        c = self.nest.code
        join = JOIN[total.name]
        value = c.give(total.kind, f"load {c.type(total.kind)}, ptr {total.lanes}")
        by = c.width // 2
        while by:
            value = join(c, value, c.turned(value, by))
            by //= 2
        value = c.lane(value, 0)
        width, c.width = c.width, 0
        pointer = pointers[total.walk]
        self.nest.routine.store(join(c, self.nest.routine._load(pointer, total.kind), value), pointer)
        c.width = width

    def finish(self) -> None:
        """Numbers that were reduced."""
        c = self.nest.code
        c.width = 0
        for number, total in self.of.items():
            if total.cell:
                self.nest.routine.numbers[number] = self.nest.routine._load(total.cell, total.kind)

"""What a program does around the call of a loop: the arrays that the loop is given, and their rows.

    b7[:1022, 0] = v38                                # known before the loop: a lane of a pack
    b9 or b9.extend(b8)                               # the rows of b8, listed once and for all
    v21, = loop0(v3, b9, b7, b11)                     # model.py:12
    v22 = b10                                         # the values of all turns
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.compiling.plan import WRITES
from diffkit.compiling.program import Item
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.storage import escaping
from diffkit.compiling.steps import Steps
from diffkit.rules.arithmetic import POWER
from diffkit.rules.indexing import GETITEM

if TYPE_CHECKING:
    from diffkit.compiling.rolling.source import LoopEmitter


class Calling:
    """The arguments and tables of one call; ``lines`` are what comes before it."""

    def __init__(self, outer: Steps, made: LoopEmitter, item: Item) -> None:
        self.outer = outer
        self.made = made
        self.loop: Loop = item.rule
        self.args = {inner.number: arg for inner, arg in zip(self.loop.inputs, item.args)}
        self.results = {inner.number: result for inner, result in self.loop.tables}
        self.lines: list[str] = []
        self._arrays: dict[tuple[str, int], str] = {}

    def given(self, kind: str, number: int, lane: int = 0) -> str:
        """One argument of the loop's function."""
        outer = self.outer
        if kind == "v":
            return outer.name(self.args[number])
        if kind == "r":
            return _rows(outer, self.args[number], self.lines)
        if kind == "s" and not self.made.is_moving(self.made.layout.stacks[number]):
            return self._array(kind, number)
        array = self._array(kind, number)
        if kind == "t" and array == outer.name(self.results[number]):
            return array
        rows = _listed(outer, f"{array}[:, {lane}]" if kind == "l" else array, self.lines)
        if kind == "t":
            outer.rows[self.results[number].number] = rows
        return rows

    def arrays(self) -> list[tuple[Item, str]]:
        """The tables that are results, and what they are."""
        found = []
        for inner, result in self.loop.tables:
            home = self.made.layout.homes.get(inner.number)
            if home is not None:
                pack, lane, row = home
                found.append((result, f"{self._array('p', pack)}[{row}:{row + self.loop.turns}, {lane}]"))
            elif (array := self._array("t", inner.number)) != self.outer.name(result):
                found.append((result, array))
        return found

    def _array(self, kind: str, number: int) -> str:
        key = "p" if kind == "l" else kind, number
        if key not in self._arrays:
            self._arrays[key] = {"t": self._table, "p": self._pack, "s": self._stack}[key[0]](number)
        return self._arrays[key]

    def _table(self, number: int) -> str:
        """An array for all turns' values."""
        outer, result = self.outer, self.results[number]
        if result.number in escaping(outer.program):
            name, shape, dtype = outer.name(result), outer.literal(result.shape), outer.constant(result.value.dtype)
            self.lines.append(f"{name} = {outer.function('empty', np.empty)}({shape}, {dtype})")
            return name
        return self._new(result.value)

    def _new(self, example: Any) -> str:
        self.outer.plan.slots.append(example)
        return f"b{len(self.outer.plan.slots) - 1}"

    def _pack(self, number: int) -> str:
        pack, turns = self.made.layout.packs[number], self.loop.turns
        array = self._new(np.empty((self.made.layout.heights[number], 2, *pack.like.shape), pack.like.value.dtype))
        for lane, (item, row) in pack.fills.items():
            self.lines.append(f"{array}[{row}:{row + turns}, {lane}] = {self._known(item)}")
        return array

    def _stack(self, number: int) -> str:
        stack = self.made.layout.stacks[number]
        like, is_moving = stack.items[0].value, self.made.is_moving(stack)
        array = self._new(np.empty((*[self.loop.turns] * is_moving, 2, *like.shape), like.dtype))
        for lane, item in enumerate(stack.items):
            self.lines.append(f"{array}[{':, ' * is_moving}{lane}] = {self._known(item)}")
        return array

    def _known(self, item: Item) -> str:
        """What is known before the loop: an array, or the rows of one."""
        found = self.made.streams.get(item.number)
        if found is not None:
            return found.text(self.outer.name(self.args[found.of.number]))
        return self.outer.constant(item.value) if item.source == "constant" else \
            self.outer.name(self.args[item.number])


def _rows(outer: Steps, item: Item, lines: list[str]) -> str:
    """The rows of an array: a list that lives from call to call where the array does."""
    known = outer.rows.get(item.number)
    if known is None and item.rule is GETITEM and type(item.params["index"]) is slice:
        return f"{_rows(outer, item.args[0], lines)}[{outer.index(item.params['index'])}]"
    slot = next((step.slot for step in outer.plan.steps if step.item is item), None)
    if known is None and slot is not None and item.rule not in WRITES and item.rule is not POWER:  # may not be there
        known = outer.rows.get(~slot)
        if known is None:
            known = outer.rows[~slot] = _listed(outer, f"b{slot}", lines)
    return known or outer.name(item)


def _listed(outer: Steps, array: str, lines: list[str]) -> str:
    """A temporary that lists the rows of another, once and for all."""
    outer.plan.slots.append([])
    rows = f"b{len(outer.plan.slots) - 1}"
    lines.append(f"{rows} or {rows}.extend({array})")
    return rows

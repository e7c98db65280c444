"""A loop as a function of Python source.

    def loop0(v5, v6, r0, v9, v12):
        b0, b1, b2 = slots = take0()
        for v7, v9, v12 in zip(r0[1:1023], v9, cycle((b1, b2))):
            v8 = multiply(v7, v5, b0)                                         # model.py:12
            add(v8, v6, v9)                                                   # model.py:12
            …
            v5, v6 = v9, v12
        v9 = array(v9, order='K')
        give0(slots)
        return v9,

Its text is written by the same emitter as the rest.  What a turn reads of the turn before are names
that the turn ends with setting; an array that is written into in every turn is copied once, before the loop.
Where values stand is ``storage``'s.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from diffkit.compiling.branches import slot_pool
from diffkit.compiling.numbers import floats_of
from diffkit.compiling.plan import WRITES, Step, order, plan
from diffkit.compiling.program import STILL, Item, Program
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.storage import buffers, escaping, stream
from diffkit.compiling.steps import Steps
from diffkit.rules.indexing import GETITEM

#: The number of the turn, in a line of source.
INDEX = re.compile(r"\bi\b")


def source_of(outer: Steps, item: Item) -> list[str]:
    """Write the loop's function beside the program, and return the lines that call it."""
    loop = item.rule
    assert type(loop) is Loop
    name = f"loop{sum(line.startswith('def ') for line in outer.loops)}"
    made = LoopEmitter(outer, loop, name)
    outer.loops += made.lines
    lines: list[str] = []
    given = []
    for inner, arg in zip(loop.inputs, item.args):
        if inner.number in made.by_rows:
            given.append(_rows(outer, arg, lines))
        if inner.number not in made.only_by_rows:
            given.append(outer.name(arg))
    arrays = []
    for _, result in loop.tables:
        array, rows = _table(outer, result, lines)
        given.append(rows)
        if array != outer.name(result):
            arrays.append(f"{outer.name(result)} = {array}")
    results = [outer.name(result) for pairs in (loop.lasts, loop.lists) for _, result in pairs]
    called = f"{', '.join(results)}{',' * (len(results) == 1)} = " if results else ""
    return [*lines, outer.commented(f"{called}{name}({', '.join(given)})", item.line), *arrays]


def _table(outer: Steps, result: Item, lines: list[str]) -> tuple[str, str]:
    """An array for all turns' values, and its rows."""
    slots = outer.plan.slots
    if result.number in escaping(outer.program):
        name, shape, dtype = outer.name(result), outer.literal(result.shape), outer.constant(result.value.dtype)
        lines.append(f"{name} = {outer.function('empty', np.empty)}({shape}, {dtype})")
        return name, name
    slots.append(result.value)
    array = f"b{len(slots) - 1}"
    outer.rows[result.number] = _listed(outer, array, lines)
    return array, outer.rows[result.number]


def _rows(outer: Steps, item: Item, lines: list[str]) -> str:
    """The rows of an array: a list that lives from call to call where the array does."""
    known = outer.rows.get(item.number)
    if known is None and item.rule is GETITEM and type(item.params["index"]) is slice:
        return f"{_rows(outer, item.args[0], lines)}[{outer.index(item.params['index'])}]"
    slot = next((step.slot for step in outer.plan.steps if step.item is item and item.rule not in WRITES), None)
    if known is None and slot is not None:
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


class LoopEmitter(Steps):
    """Writes one loop, into the namespace of the program.

    Attributes
    ----------
    by_rows, only_by_rows : set of int
        The inputs of which the turns read rows, and those of which they read nothing else.
    """

    def __init__(self, outer: Steps, loop: Loop, name: str) -> None:
        self.loop = loop
        self.title = name
        program = loop.program
        self.owned = owned(loop, program)
        arranged = plan(program, frozenset(item.number for item in self.owned))
        floats = floats_of(arranged, [], loop.carried) if outer.may_be_floats else frozenset()
        super().__init__(program, arranged, outer.namespace, outer._objects,
                         {item.number: f"v{item.number}" for item in loop.inputs}, floats, outer.may_be_floats)
        self.lines: list[str] = []
        self._before: list[str] = []
        self._changing = {before.number for before, _ in loop.carried}
        self._streams = {step.item.number: found for step in arranged.steps
                         if (found := stream(step.item, loop, floats, self._changing)) is not None}
        self._buffers = buffers(loop, arranged)
        self._given = {inner.number for inner, _ in loop.tables} | self._buffers.keys()  # what to write into
        self.by_rows = {found.of.number for found in self._streams.values() if found.of.kind == "array"}
        others = {arg.number for step in arranged.steps if step.item.number not in self._streams
                  for arg in step.item.args} | {item.number for item in program.outs}
        self.only_by_rows = self.by_rows - others
        self._write_loop()

    def raw(self, item: Item) -> str:
        known = super().raw(item)
        if item.source == "input" and item.number not in self._changing:  # converted before the first turn
            self._before += self._conversions
            self._conversions = []
        return known

    def _bare(self, item: Item) -> str:
        """A value as it is passed from turn to turn."""
        return self.raw(item) if item.number in self.floats else self.name(item)

    def _step(self, step: Step) -> list[str]:
        item = step.item
        if item.number in self._streams:
            return []
        if item.number not in self._given:
            return super()._step(step)
        name = self.name(item)
        text = self.expression(item, name)
        if not text.endswith((f", {name})", f", out={name})")):
            text = f"{name}[...] = {text}"
        return [*self._mode(item.quiet), self.commented(text, item.line)]

    def _write_loop(self) -> None:
        loop = self.loop
        body: list[str] = []
        computed = [step.item for step in self.plan.steps
                    if step.item.number not in self.floats and step.item.rule not in STILL]
        starts_quiet = bool(computed) and computed[0].quiet
        start = self._mode(starts_quiet)
        for step in self.plan.steps:
            body += self._step(step)
        body += self._mode(starts_quiet)
        lists = []
        for inner, _ in loop.lists:
            lists.append(f"h{inner.number}")
            body.append(f"h{inner.number}.append({self._left(inner)})")
        body += self._carry()
        begin = [f"{h} = []" for h in lists]
        begin += [f"{self.name(item)} = {self.function('array', np.array)}({self.name(item)}, order='K')"
                  for item in self.owned]
        begin += [f"{self.raw(before)} = float(v{before.number})" for before, _ in loop.carried
                  if before.number in self.floats]
        turns = self._turns(body)
        results = [*(self.name(inner) for inner, _ in loop.lasts), *lists]
        lines = [*begin, *self._before, *start, turns, *("    " + line for line in body)]
        if any("token" in line for line in lines):
            lines = ["token = None", "try:", *("    " + line for line in lines), "finally:",
                     "    if token is not None:", "        restore(token)"]
        for inner, _ in loop.lasts:
            if inner.number not in self.floats and (text := self._left(inner)) != self.name(inner):
                lines.append(f"{self.name(inner)} = {text}")
        slots = [f"b{i}" for i in range(len(self.plan.slots))]
        if slots:
            take, give = self.title.replace("loop", "take"), self.title.replace("loop", "give")
            self.namespace[take], self.namespace[give] = slot_pool(self.plan.slots)
            lines = [f"{', '.join(slots)}{',' * (len(slots) == 1)} = slots = {take}()", *lines, f"{give}(slots)"]
        lines.append(f"return {', '.join(results)}{',' * (len(results) == 1)}" if results else "return")
        given = [name for item in loop.inputs for name in (f"r{item.number}", f"v{item.number}")
                 if (item.number in self.by_rows if name[0] == "r" else item.number not in self.only_by_rows)]
        given += [f"t{inner.number}" for inner, _ in loop.tables]
        self.lines = [f"def {self.title}({', '.join(given)}):", *("    " + line for line in lines), ""]

    def _left(self, item: Item) -> str:
        """A value as it is left behind: a copy of what is written into again."""
        if item.kind == "array" and self._given & self.plan.roots[item.number]:
            return f"{self.function('array', np.array)}({self.name(item)}, order='K')"
        return self._bare(item)

    def _turns(self, body: list[str]) -> str:
        """The line that steps through the turns, and what they read and write one after the other."""
        names, sources = [], []
        for number, found in self._streams.items():
            names.append(f"v{number}")
            sources.append(found.text(f"r{found.of.number}" if found.of.kind == "array" else self.name(found.of)))
        for inner, _ in self.loop.tables:
            names.append(self.name(inner))
            sources.append(f"t{inner.number}")
        if not names or any(INDEX.search(line) for line in body):
            names.insert(0, "i")
            sources.insert(0, f"range({self.loop.turns})")
        for item, count in self._buffers.values():
            these = [f"b{len(self.plan.slots) + k}" for k in range(count)]
            self.plan.slots += [item.value] * count
            names.append(self.name(item))
            sources.append(f"{self.function('cycle', itertools.cycle)}(({', '.join(these)}))")
        text = sources[0] if len(sources) == 1 else f"{self.function('zip', zip)}({', '.join(sources)})"
        return self.commented(f"for {', '.join(names)} in {text}:", f"{self.loop.turns} turns")

    def _carry(self) -> list[str]:
        pairs = [(self.raw(before), self.raw(after)) if before.number in self.floats else
                 (self.name(before), self.name(after)) for before, after in self.loop.carried]
        pairs = [(before, after) for before, after in pairs if before != after]
        if not pairs:
            return []
        return [f"{', '.join(before for before, _ in pairs)} = {', '.join(after for _, after in pairs)}"]


def owned(loop: Loop, program: Program) -> list[Item]:
    """The carried arrays that turns may write into, because nothing else holds on to what they were."""
    roots = order(program).roots
    found = []
    for before, after in loop.carried:
        chain = {before.number}
        item = after
        while item.rule in WRITES:
            chain.add(item.number)
            item = item.args[0]
        held: list[Any] = [inner for inner, _ in loop.lists]
        held += [inner for inner, _ in loop.lasts if inner is not after]
        held += [other for start, other in loop.carried if start is not before]
        if item is before and after is not before and not any(chain & roots[other.number] for other in held):
            found.append(before)
    return found

"""A loop as a function of Python source.

    def loop0(v5, v6, x0, v40):
        b0, b1 = slots = take0()
        h9 = []
        for i in range(1022):
            v7 = x0[i + 1]                                                    # model.py:12
            v8 = multiply(v7, v5, b0)                                         # model.py:12
            …
            h9.append(v9)
            v5, v6 = v9, v12
        give0(slots)
        return v9, h9

Its text is written by the same emitter as the rest.  What a turn reads of the turn before are names
that the turn ends with setting; an array that is written into in every turn is copied once, before the loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.compiling.branches import slot_pool
from diffkit.compiling.numbers import floats_of
from diffkit.compiling.plan import WRITES, order, plan
from diffkit.compiling.program import STILL, Item, Program
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.steps import Steps


def source_of(outer: Steps, item: Item) -> list[str]:
    """Write the loop's function beside the program, and return the lines that call it."""
    loop = item.rule
    assert type(loop) is Loop
    name = f"loop{sum(line.startswith('def ') for line in outer.loops)}"
    outer.loops += LoopEmitter(outer, loop, name).lines
    results = [outer.name(result) for pairs in (loop.lasts, loop.lists) for _, result in pairs]
    given = ", ".join(map(outer.name, item.args))
    return [outer.commented(f"{', '.join(results)}{',' * (len(results) == 1)} = {name}({given})", item.line)]


class LoopEmitter(Steps):
    """Writes one loop, into the namespace of the program."""

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

    def _write_loop(self) -> None:
        loop, slots = self.loop, [f"b{i}" for i in range(len(self.plan.slots))]
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
            body.append(f"h{inner.number}.append({self._bare(inner)})")
        body += self._carry()
        begin = [f"{h} = []" for h in lists]
        begin += [f"{self.name(item)} = {self.function('array', np.array)}({self.name(item)}, order='K')"
                  for item in self.owned]
        begin += [f"{self.raw(before)} = float(v{before.number})" for before, _ in loop.carried
                  if before.number in self.floats]
        lines = [*begin, *self._before, *start, f"for i in range({loop.turns}):", *("    " + line for line in body)]
        if any("token" in line for line in lines):
            lines = ["token = None", "try:", *("    " + line for line in lines), "finally:",
                     "    if token is not None:", "        restore(token)"]
        if slots:
            take, give = self.title.replace("loop", "take"), self.title.replace("loop", "give")
            self.namespace[take], self.namespace[give] = slot_pool(self.plan.slots)
            lines = [f"{', '.join(slots)}{',' * (len(slots) == 1)} = slots = {take}()", *lines, f"{give}(slots)"]
        results = [*(self.name(inner) for inner, _ in loop.lasts), *lists]
        lines.append(f"return {', '.join(results)}{',' * (len(results) == 1)}")
        given = ", ".join(f"v{item.number}" for item in loop.inputs)
        self.lines = [f"def {self.title}({given}):", *("    " + line for line in lines), ""]

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

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
from diffkit.compiling.rolling.calling import Calling
from diffkit.compiling.rolling.layout import layout
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.packs import Call, Stack
from diffkit.compiling.rolling.storage import Stream, buffers, escaping, stream
from diffkit.compiling.steps import Steps

WORD = re.compile(r"[A-Za-z_]\w*")


def source_of(outer: Steps, item: Item) -> list[str]:
    """Write the loop's function beside the program, and return the lines that call it."""
    loop = item.rule
    assert type(loop) is Loop
    name = f"loop{sum(line.startswith('def ') for line in outer.loops)}"
    made = LoopEmitter(outer, loop, name)
    outer.loops += made.lines
    call = Calling(outer, made, item)
    given = [call.given(*key) for key in made.given]
    arrays = [f"{outer.name(result)} = {array}" for result, array in call.arrays()]
    results = [outer.name(result) for pairs in (loop.lasts, loop.lists) for _, result in pairs]
    called = f"{', '.join(results)}{',' * (len(results) == 1)} = " if results else ""
    return [*call.lines, outer.commented(f"{called}{name}({', '.join(given)})", item.line), *arrays]


class LoopEmitter(Steps):
    """Writes one loop, into the namespace of the program.

    Attributes
    ----------
    given : list of tuple
        What the function is given: ("v", number) an input, ("r", number) its rows, ("t", number) the rows of an
        item's table, ("p", pack) the rows of a pack, ("l", pack, lane) those of a lane, ("s", number) a stack.
    """

    def __init__(self, outer: Steps, loop: Loop, name: str) -> None:
        self.loop = loop
        self.title = name
        self._changing = {before.number for before, _ in loop.carried}
        kept = escaping(outer.program)
        self.layout = layout(loop, [step.item for step in order(loop.program).steps], self._read(frozenset()),
                             {inner.number for inner, result in loop.tables if result.number in kept})
        program = loop.program
        self._changing = {before.number for before, _ in loop.carried}
        self.owned = owned(loop, program)
        arranged = plan(program, frozenset(item.number for item in self.owned))
        floats = floats_of(arranged, [], loop.carried) if outer.may_be_floats else frozenset()
        super().__init__(program, arranged, outer.namespace, outer._objects,
                         {item.number: f"v{item.number}" for item in loop.inputs}, floats, outer.may_be_floats)
        self.lines: list[str] = []
        self.given: list[Any] = []
        self._before: list[str] = []
        self.streams = self._read(floats)
        homes = self.layout.homes
        self._buffers = {number: those for number, those in buffers(loop, arranged).items() if number not in homes}
        self._tables = [inner for inner, _ in loop.tables if inner.number not in homes]
        self._still = self._standing()
        self._given = {inner.number for inner in self._tables} | self._buffers.keys() | homes.keys()  # to write into
        self._write_loop()

    def _read(self, floats: frozenset[int]) -> dict[int, Stream]:
        """What the turns read one after the other."""
        return {item.number: found for item in self.loop.body.items
                if (found := stream(item, self.loop, floats, self._changing)) is not None}

    def _standing(self) -> dict[int, str]:
        """The packs of which one row does for all turns, and their buffers: nobody reads them later or elsewhere."""
        made, found = self.layout, {}
        outs = {inner.number for inner, _ in self.loop.tables}
        outs |= {root for _, after in self.loop.carried for root in self.plan.roots[after.number]}
        for number, pack in enumerate(made.packs):
            here = {item for item, (its, _, _) in made.homes.items() if its == number}
            if made.heights[number] == self.loop.turns and not here & outs and not any(
                    item.number in self.streams for item, _ in pack.fills.values()):
                self.plan.slots.append(np.empty((2, *pack.like.shape), pack.like.value.dtype))
                found[number] = f"b{len(self.plan.slots) - 1}"
        return found

    def _stand(self, used: set[str]) -> list[str]:
        """What packs of one row hold, and what parts of them are called."""
        lines = []
        for number, buffer in self._still.items():
            lines += [f"{buffer}[{lane}] = {self.name(item)}" for lane, (item, _) in
                      self.layout.packs[number].fills.items()]
            names = [(f"p{number}_0", buffer)] + [(f"v{item}", f"{buffer}[{lane}]") for item, (its, lane, _) in
                                                  self.layout.homes.items() if its == number]
            lines += [f"{name} = {text}" for name, text in names if name in used]
        return lines

    def is_moving(self, stack: Stack) -> bool:
        """Whether a stack has a row for each turn."""
        return any(item.number in self.streams for item in stack.items)

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
        if item.number in self.streams or item.number in self.layout.firsts:
            return []
        if item.number in self.layout.calls:
            return [*self._mode(item.quiet), self._together(self.layout.calls[item.number])]
        if item.number not in self._given:
            return super()._step(step)
        name = self.name(item)
        text = self.expression(item, name)
        if not text.endswith((f", {name})", f", out={name})")):
            text = f"{name}[...] = {text}"
        return [*self._mode(item.quiet), self.commented(text, item.line)]

    def _together(self, call: Call) -> str:
        """Two operations as one."""
        names = []
        for key, arg in zip(call.operands, self._zero_dimensional(call.first, list(map(self.name, call.first.args)))):
            names.append(f"p{key[0]}_{key[1]}" if type(key) is tuple else
                         f"s{self.layout.stacks.index(key)}" if type(key) is Stack else arg)
        pack, _, row = self.layout.homes[call.first.number]
        return self.commented(self.called(call.first, names, f"p{pack}_{row}"), call.first.line, call.second.line)

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
        body += self._carry(body)
        begin = [f"{h} = []" for h in lists]
        begin += [f"{self.name(item)} = {self.function('array', np.array)}({self.name(item)}, order='K')"
                  for item in self.owned]
        begin += [f"{self.raw(before)} = float(v{before.number})" for before, _ in loop.carried
                  if before.number in self.floats]
        begin += [f"l{pack}_{lane}[{row}][...] = {self.name(item)}" for pack, lane, row, item in self.layout.starts]
        results = [*(self.name(inner) for inner, _ in loop.lasts), *lists]
        end = [f"{self.name(inner)} = {text}" for inner, _ in loop.lasts if inner.number not in self.floats
               and (text := self._left(inner)) != self.name(inner)]
        end.append(f"return {', '.join(results)}{',' * (len(results) == 1)}" if results else "return")
        begin += self._stand(_words([*body, *end]))
        turns = self._turns(body, end)
        lines = [*begin, *self._before, *start, turns, *("    " + line for line in body)]
        if any("token" in line for line in lines):
            lines = ["token = None", "try:", *("    " + line for line in lines), "finally:",
                     "    if token is not None:", "        restore(token)"]
        slots = [f"b{i}" for i in range(len(self.plan.slots))]
        if slots:
            take, give = self.title.replace("loop", "take"), self.title.replace("loop", "give")
            self.namespace[take], self.namespace[give] = slot_pool(self.plan.slots)
            lines = [f"{', '.join(slots)}{',' * (len(slots) == 1)} = slots = {take}()", *lines]
            end.insert(-1, f"{give}(slots)")
        given = self._parameters(_words([*lines, *end]))
        self.lines = [f"def {self.title}({', '.join(given)}):", *("    " + line for line in [*lines, *end]), ""]

    def _parameters(self, used: set[str]) -> list[str]:
        """The names of what the function is given, of which ``given`` says what it is."""
        keys: list[Any] = [(kind, item.number) for item in self.loop.inputs for kind in "rv"]
        keys += [("t", item.number) for item in self._tables]
        for number in range(len(self.layout.packs)):
            keys += [("p", number), ("l", number, 0), ("l", number, 1)]
        keys += [("s", number) for number in range(len(self.layout.stacks))]
        names = {}
        for key in keys:
            name = key[0] + "_".join(map(str, key[1:]))
            moving = key[0] == "s" and self.is_moving(self.layout.stacks[key[1]])
            if f"{name}_all" in used if moving else name in used:
                names[key] = f"{name}_all" if moving else name
        self.given = list(names)
        return list(names.values())

    def _left(self, item: Item) -> str:
        """A value as it is left behind: a copy of what is written into again."""
        if item.kind == "array" and self._given & self.plan.roots[item.number]:
            return f"{self.function('array', np.array)}({self.name(item)}, order='K')"
        return self._bare(item)

    def _turns(self, body: list[str], end: list[str]) -> str:
        """The line that steps through the turns, and what they read and write one after the other."""
        turns, used = self.loop.turns, _words([*body, *end])
        found = [(f"v{number}", its.text(f"r{its.of.number}" if its.of.kind == "array" else self.name(its.of)))
                 for number, its in self.streams.items()]
        found += [(self.name(inner), f"t{inner.number}") for inner in self._tables]
        for number, (pack, lane, row) in self.layout.homes.items():
            if pack not in self._still:
                found.append((f"v{number}", f"l{pack}_{lane}{self._rows(pack, row)}"))
        for pack, height in enumerate(self.layout.heights):
            if pack not in self._still:
                found += [(f"p{pack}_{row}", f"p{pack}{self._rows(pack, row)}") for row in range(height - turns + 1)]
        found += [(f"s{k}", f"s{k}_all") for k, stack in enumerate(self.layout.stacks) if self.is_moving(stack)]
        found = [pair for pair in found if pair[0] in used]
        if not found or "i" in used:
            found.insert(0, ("i", f"range({turns})"))
        for item, count in self._buffers.values():
            these = [f"b{len(self.plan.slots) + k}" for k in range(count)]
            self.plan.slots += [item.value] * count
            found.append((self.name(item), f"{self.function('cycle', itertools.cycle)}(({', '.join(these)}))"))
        sources = [text for _, text in found]
        text = sources[0] if len(sources) == 1 else f"{self.function('zip', zip)}({', '.join(sources)})"
        return self.commented(f"for {', '.join(name for name, _ in found)} in {text}:", f"{turns} turns")

    def _rows(self, pack: int, row: int) -> str:
        """Which rows of a pack the turns step through, as an index."""
        turns = self.loop.turns
        return "" if self.layout.heights[pack] == turns else f"[{row}:{row + turns}]"

    def _carry(self, body: list[str]) -> list[str]:
        pairs = [(self.raw(before), self.raw(after)) if before.number in self.floats else
                 (self.name(before), self.name(after)) for before, after in self.loop.carried]
        pairs = [(before, after) for before, after in pairs if before != after]
        used, count = _words(body) | {self.name(inner) for inner, _ in self.loop.lasts}, -1
        while count < len(used):  # what is carried on by what is used
            count = len(used)
            used |= {after for before, after in pairs if before in used}
        pairs = [(before, after) for before, after in pairs if before in used]
        if not pairs:
            return []
        return [f"{', '.join(before for before, _ in pairs)} = {', '.join(after for _, after in pairs)}"]


def _words(lines: list[str]) -> set[str]:
    """The names in lines of source."""
    return {word for line in lines for word in WORD.findall(line.split("  #")[0])}


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

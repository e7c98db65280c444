"""What a loop need not do turn by turn is done for all turns at once, before the loop or after it.

    for i in range(1000):                       v20 = tanh(multiply(x1[:1000], v3))
        v7 = tanh(x1[i] * v3)        becomes    for i in range(1000):
        v9 = v9 * v4 + v7                           v9 = v9 * v4 + v20[i]
        v10[2] += sin(v9)                           h9.append(v9)
                                                v21 = sin(stacked(h9))
                                                v10[2] = added_up(v10[2], v21)

A call costs more than its arithmetic on a small array, and one call does for all turns.  Sums are added up in the
order of the turns: all bits are as they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.compiling.program import ENTRY, STACKED, Item, Program
from diffkit.compiling.rolling import periods
from diffkit.compiling.rolling.loops import RESULT, Items, Loop, roll
from diffkit.compiling.rolling.signs import fold_signs
from diffkit.compiling.rolling.split import Split, split
from diffkit.compiling.rolling.storage import fits_table
from diffkit.compiling.rolling.turns import Turns
from diffkit.rules.indexing import GETITEM

#: The share of the operations of its loops that leave them, from which a short program is better off with loops.
LEAVING = 0.2
#: Bytes of all tables of a program: what more is listed stands in lists of arrays.
MOST_TABLES = 1 << 24


def with_loops(program: Program) -> Program:
    """The program with loops for what repeats, which do as little as can be, or the program itself."""
    rolled = roll(program, periods.FEWEST_OPERATIONS)
    if rolled is not program:
        return Distributor(rolled).run()
    made = Distributor(roll(program, periods.FEWEST_LEAVING))
    return made.run() if made.share >= LEAVING else program


class Distributor:
    """Writes the new program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.live = program.needed()
        self.made = Items()
        self.known: dict[int, Item] = {}
        self.loops: dict[int, Turns] = {}
        self._room = MOST_TABLES
        self._results: dict[Any, Item] = {}
        self._stacks: dict[int, Item] = {}
        wanted: dict[int, list[Item]] = {}
        for item in program.items:
            if item.number in self.live and item.rule is RESULT:
                wanted.setdefault(item.args[0].number, []).append(_inner(item))
        self.splits: dict[int, Split] = {}
        for number, inner in wanted.items():
            loop = program.items[number].rule
            fold_signs(loop, inner)
            self.splits[number] = split(loop, {item.number for item in inner})

    @property
    def share(self) -> float:
        """Of the operations in loops, how many leave them."""
        loops = [item for item in self.program.items if item.number in self.splits]
        all_of = sum(item.rule.turns * len(item.rule.slots) for item in loops)
        leaving = sum(item.rule.turns * self.splits[item.number].leaving for item in loops)
        return float(leaving / max(all_of, 1))

    def run(self) -> Program:
        program = self.program
        for item in program.inputs:
            self.known[item.number] = self.made.make("input", item.value)
        for item in program.items:
            if item.number not in self.live or item.source != "call" or item.rule is RESULT:
                continue
            if type(item.rule) is Loop:
                self.loops[item.number] = Turns(self, item, self.splits[item.number])
            else:
                self.known[item.number] = self._copy(item)
        questions = [(self.get(item), question) for item, question in program.questions
                     if item.source != "call" or item.number in self.live]
        outs = [self.get(out) if isinstance(out, Item) else out for out in program.outs]
        return Program(self.made.items, [self.known[item.number] for item in program.inputs], questions, outs,
                       program.simplified)

    def _copy(self, item: Item) -> Item:
        args = [self.get(arg) for arg in item.args]
        if item.rule is ENTRY and args[0].kind == "array":  # of a list that is an array now
            return self.part(args[0], item.params["position"], item)
        return self.made.call(item, args, item.params)

    def get(self, item: Item) -> Item:
        """The new program's item for one of the old."""
        if item.source == "constant":
            return self.made.constant(item)
        known = self.known.get(item.number)
        if known is None:
            kind, loop = item.params["position"][0], self.loops[item.args[0].number]
            known = self.known[item.number] = loop.result(kind, _inner(item))
        return known

    def result(self, loop: Item, kind: str, inner: Item) -> Item:
        """The last value of an item of a loop, or the list of all (as an array, where that can be)."""
        key = loop.number, kind, id(inner)
        known = self._results.get(key)
        if known is None:
            value, turns = inner.value if kind == "last" else (), loop.rule.turns
            if kind == "list" and fits_table(inner, turns) and turns * inner.value.nbytes <= self._room:
                kind, value = "table", np.empty((turns, *inner.shape), inner.value.dtype)
                self._room -= value.nbytes
            pairs = {"last": loop.rule.lasts, "list": loop.rule.lists, "table": loop.rule.tables}[kind]
            known = self._results[key] = self.made.make(
                "call", value, RESULT, [loop], {"position": (kind, len(pairs))}, inner.line)
            pairs.append((inner, known))
        return known

    def part(self, rows: Item, index: Any, like: Item) -> Item:
        """Some rows of an array, or one."""
        return self.made.make("call", rows.value[index], GETITEM, [rows], {"index": index}, like.line, like.quiet)

    def stack(self, values: Item, like: Item) -> Item:
        """A list of arrays (like one) as one array."""
        if values.kind == "array":
            return values
        known = self._stacks.get(values.number)
        if known is None:
            length = len(values.value) if values.source == "constant" else \
                values.args[0].rule.turns if values.rule is RESULT else len(values.args)
            known = self._stacks[values.number] = self.call(STACKED, [values], like, length)
        return known

    def call(self, rule: Any, args: list[Item], like: Item, *length: int) -> Item:
        """An operation whose result is like an item, or rows of that."""
        value = np.empty((*length, *like.shape), like.value.dtype)
        return self.made.make("call", value, rule, args, {}, like.line, like.quiet)


def _inner(result: Item) -> Item:
    """The item in the loop that a result is of."""
    kind, position = result.params["position"]
    loop: Loop = result.args[0].rule
    inner: Item = (loop.lasts if kind == "last" else loop.lists)[position][0]
    return inner

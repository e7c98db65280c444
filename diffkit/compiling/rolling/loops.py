"""The program with loops in place of its repeated parts.

A loop is one item, whose rule is the ``Loop``: its operands are what it begins with and what it reads, its
results are items that take from it what others need: the last value of a slot, or the list of
its values in all turns.  The computation is the same, value by value and in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.compiling.program import ENTRY, STILL, Function, Item, Program
from diffkit.compiling.recording import is_nan_question
from diffkit.compiling.rolling.periods import Runs, signatures, with_ints
from diffkit.compiling.rolling.regions import Affine, Carried, Fixed, Listed, Places, Region, Same, Table, analyse

#: Places from which the same run is tried, where the first are refused.
MOST_TRIES = 4
#: Lists of larger arrays would be memory that a straight line has for once and all.
MOST_BYTES = 1 << 16


def _several(*values: Any) -> Any:
    return values


#: One of a loop's results; a list of values.
RESULT, TABLE_OF = Function("result", ENTRY.call), Function("table", _several)


class Items:
    """Items of one program, numbered as they are made."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._constants: dict[int, Item] = {}

    def make(self, source: str, value: Any, *more: Any) -> Item:
        item = Item(len(self.items), source, value, *more)
        self.items.append(item)
        return item

    def call(self, like: Item, args: Sequence[Item], params: dict[str, Any]) -> Item:
        return self.make("call", like.value, like.rule, args, params, like.line, like.quiet, like.boxed)

    def constant(self, item: Item) -> Item:
        """The item for a constant of any other program."""
        known = self._constants.get(id(item.value))
        if known is None:
            known = self._constants[id(item.value)] = self.make("constant", item.value)  # which keeps the value
            known.original = item.original
        return known


class Loop:
    """A region as a program of one turn, with what it is given, carries over and gives.

    Attributes
    ----------
    turns : int
    inputs : list of Item
        Items of the turn's program, one for each operand of the loop's item.
    carried : list of (Item, Item)
        What a turn reads, and what it leaves for the next: items of the turn's program.
    negated : list of (Item, Item)
        More inputs, and those of which they are the negatives.
    lasts, lists, tables : list of (Item, Item)
        An item of the turn's program, and the item outside that is its last value, the list of all, or the array
        of all, a row each.
    """

    name = "loop"
    kind = "loop"

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.body = Items()
        self.inputs: list[Item] = []
        self.carried: list[tuple[Item, Item]] = []
        self.negated: list[tuple[Item, Item]] = []
        self.lasts: list[tuple[Item, Item]] = []
        self.lists: list[tuple[Item, Item]] = []
        self.tables: list[tuple[Item, Item]] = []
        self.slots: list[Item] = []
        self.item: Item | None = None

    @property
    def program(self) -> Program:
        """One turn, with all that must be kept as its results."""
        outs = {id(item): item for pairs in (self.lasts, self.lists, self.tables) for item, _ in pairs}
        outs |= {id(after): after for _, after in self.carried}
        return Program(self.body.items, self.inputs, [], list(outs.values()), 0)


class Roller:
    """Writes the new program."""

    def __init__(self, program: Program, places: Places) -> None:
        self.program = program
        self.places = places
        self.made = Items()
        self.known: dict[int, Item] = {}
        self.loops: dict[int, Loop] = {}
        self._results: dict[tuple[int, int, str], Item] = {}
        self._entries: dict[int, Item] = {}

    def roll(self) -> Program:
        program = self.program
        for item in program.inputs:
            self.known[item.number] = self.made.make("input", item.value)
        starts = {region.run.start: region for region in self.places.regions}
        position = 0
        steps = self.places.steps
        while position < len(steps):
            region = starts.get(position)
            if region is not None:
                self._loop(region)
                position = region.run.stop
            else:
                item = steps[position]
                self.known[item.number] = self.made.call(item, [self.get(arg) for arg in item.args], item.params)
                position += 1
        questions = [(self.get(item), question) for item, question in program.questions
                     if not is_nan_question(question) or self.is_live(item)]
        outs = [self.get(out) if isinstance(out, Item) else out for out in program.outs]
        return Program(self.made.items, [self.known[item.number] for item in program.inputs], questions, outs,
                       program.simplified)

    def is_live(self, item: Item) -> bool:
        return item.source != "call" or item.number in self.places.position

    def get(self, item: Item) -> Item:
        """The new program's item for one of the old."""
        if item.source == "constant":
            return self.made.constant(item)
        known = self.known.get(item.number)
        if known is not None:
            return known
        found = self.places.region_of(item)
        assert found is not None
        region, turn, slot = found
        if turn == region.run.turns - 1:
            return self.result(region, slot, "last")
        entry = self._entries.get(item.number)
        if entry is None:
            values = self.result(region, slot, "list")
            entry = self._entries[item.number] = self.made.make(
                "call", item.value, ENTRY, [values], {"position": turn}, item.line, item.quiet)
        return entry

    def result(self, region: Region, slot: int, kind: str) -> Item:
        """A loop's result: the last value of a slot, or the list of all."""
        key = id(region), slot, kind
        known = self._results.get(key)
        if known is None:
            loop = self.loops[id(region)]
            assert loop.item is not None
            inner = loop.slots[slot]
            value = region.item(region.run.turns - 1, slot).value if kind == "last" else ()
            pairs = loop.lasts if kind == "last" else loop.lists
            known = self._results[key] = self.made.make("call", value, RESULT, [loop.item],
                                                        {"position": (kind, len(pairs))}, inner.line)
            pairs.append((inner, known))
        return known

    # --- a turn ------------------------------------------------------------------------------------
    def _loop(self, region: Region) -> None:
        turn = Turn(self, region)
        loop = turn.loop
        loop.item = self.made.make("call", (), loop, turn.given, {}, region.item(0, 0).line)
        self.loops[id(region)] = loop


class Turn:
    """Writes the program of one turn."""

    def __init__(self, roller: Roller, region: Region) -> None:
        self.roller = roller
        self.region = region
        self.which = min(MOST_TURN, region.run.turns - 1)
        self.loop = Loop(region.run.turns)
        self.given: list[Item] = []
        self._inputs: dict[Any, Item] = {}
        self._waiting: list[tuple[Item, int | Item]] = []
        for slot in range(region.run.period):
            self._slot(slot)
        self.loop.carried = [(before, after if isinstance(after, Item) else self.loop.slots[after])
                             for before, after in self._waiting]
        by_error_state(self.loop.body.items)

    def _slot(self, slot: int) -> None:
        region, body = self.region, self.loop.body
        item = region.item(self.which, slot)
        params = item.params
        if region.ints[slot]:
            numbers = [start if not step else Affine(start, step, self.which) for start, step in region.ints[slot]]
            params = params | {"index": with_ints(params["index"], iter(numbers))}
        args = [self._argument(operand, arg) for operand, arg in zip(region.operands[slot], item.args)]
        self.loop.slots.append(body.call(item, args, params))

    def _argument(self, operand: Any, arg: Item) -> Item:
        """An operand in the turn's program; ``arg`` is what it was in the turn that stands for all."""
        loop = self.loop
        if type(operand) is Same:
            return loop.slots[operand.slot]
        if type(operand) is Fixed:
            if operand.item.source == "constant":
                return loop.body.constant(operand.item)
            return self._input(("fixed", operand.item.number), operand.item.value, self.roller.get(operand.item))
        if type(operand) is Carried:
            return self._carried(operand.slot, operand.initial)
        if type(operand) is Listed:
            values = self.roller.result(operand.region, operand.slot, "list")
            return self._entry(("list", values.number), values, operand.start, operand.step, arg)
        assert type(operand) is Table
        numbers = tuple(item.number for item in operand.items)
        if operand.items[0].source == "constant":
            key = "constants", numbers
            if key not in self._inputs:
                value = tuple(item.value for item in operand.items)
                self._inputs[key] = loop.body.make("constant", value)
            return self._entry(key, None, 0, 1, arg)
        key = "table", numbers
        if key not in self._inputs:
            items = [self.roller.get(item) for item in operand.items]
            self._input(key, (), self.roller.made.make("call", (), TABLE_OF, items))
        return self._entry(key, None, 0, 1, arg)

    def _input(self, key: Any, value: Any, outside: Item) -> Item:
        known = self._inputs.get(key)
        if known is None:
            known = self._inputs[key] = self.loop.body.make("input", value)
            self.loop.inputs.append(known)
            self.given.append(outside)
        return known

    def _entry(self, key: Any, outside: Item | None, start: int, step: int, arg: Item) -> Item:
        values = self._inputs[key] if outside is None else self._input(key, (), outside)
        own = "entry", key, start, step
        known = self._inputs.get(own)
        if known is None:
            position = {"position": Affine(start, step, self.which)}
            known = self._inputs[own] = self.loop.body.make(
                "call", arg.value, ENTRY, [values], position, arg.line, arg.quiet)
        return known

    def _carried(self, slot: int, initial: list[Item]) -> Item:
        """What was computed ``len(initial)`` turns before."""
        key = "carried", slot, tuple(item.number for item in initial)
        known = self._inputs.get(key)
        if known is None:
            after: int | Item = self._carried(slot, initial[1:]) if len(initial) > 1 else slot
            value = self.region.item(self.which - len(initial), slot).value
            known = self._input(key, value, self.roller.get(initial[0]))
            self._waiting.append((known, after))
        return known


def by_error_state(items: list[Item]) -> None:
    """Order a turn's operations so that the error state changes as seldom as can be."""
    order: list[Item] = []
    left = items[:]
    is_quiet = False
    while left:
        behind: list[Item] = []
        late = set()
        for item in left:
            is_free = item.source != "call" or item.rule in STILL or item.quiet == is_quiet
            if is_free and not any(id(arg) in late for arg in item.args):
                order.append(item)
            else:
                late.add(id(item))
                behind.append(item)
        is_quiet = not is_quiet
        left = behind
    items[:] = order
    for number, item in enumerate(items):
        item.number = number


#: The turn whose values stand for all: late enough that what it carries was computed by turns.
MOST_TURN = 5


def roll(program: Program, fewest: int) -> Program:
    """The program with its repeated parts of so many operations and more as loops, or the program itself."""
    needed = program.needed()
    steps = [item for item in program.items if item.number in needed and item.source == "call"]
    if len(steps) < fewest:
        return program
    asked = {item.number for item, _ in program.questions}
    places = Places(steps)
    runs = Runs(signatures(steps, asked), fewest)
    refused: dict[tuple[int, int], int] = {}
    position = 0
    while (found := runs.following(position)) is not None:
        position = found[0].start + 1
        for run in found:
            ending = run.period, run.stop // run.period
            if refused.get(ending, 0) < MOST_TRIES:
                region = analyse(run, places)
                if region is not None and _is_small(region):
                    places.regions.append(region)
                    position = region.run.stop
                    break
                refused[ending] = refused.get(ending, 0) + 1
    return Roller(program, places).roll() if places.regions else program


def _is_small(region: Region) -> bool:
    return all(not isinstance(item.value, np.ndarray) or item.value.nbytes <= MOST_BYTES
               for item in region.steps[region.run.start:region.run.start + region.run.period])

"""Which operations of a turn can be done for all turns at once, before the loop or after it.

Elementwise ones on small arrays, if their operands can stand in one array, a row a turn.  What needs nothing of the
turns before moves before the loop, what nothing in the loop needs behind it.  So do sums that only grow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.compiling.plan import is_basic
from diffkit.compiling.program import ENTRY, SUBTRACT_AT, Item, ufunc_of
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.regions import Affine
from diffkit.rules.arithmetic import ADD, SUBTRACT
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import TABLE, Elementwise
from diffkit.rules.writing import ADD_AT, SETITEM

#: Bytes of an array whose rows of all turns may stand in one, and of that one.
MOST_ROW, MOST_ROWS = 1 << 12, 1 << 21


@dataclasses.dataclass(slots=True)
class Addition:
    """What an item of a turn adds to an array (or takes off), to one row, or to its turn's row (or writes there)."""

    item: Item
    value: Item
    index: int | None

    @property
    def kind(self) -> Any:
        """Alike for additions whose order does not change where each is done for all turns."""
        return (self.index.start, self.index.step) if type(self.index) is Affine else self.index is None


@dataclasses.dataclass(slots=True)
class Split:
    """The items of a turn, by number: those that move, and the sums, by the input that they add to."""

    live: set[int]
    before: set[int]
    after: set[int]
    moved: set[int]
    sums: dict[int, list[Addition]]
    leaving: int  # how many operations


class Turn:
    """One turn's items, and who uses them."""

    def __init__(self, loop: Loop, wanted: set[int]) -> None:
        self.loop = loop
        self.items = loop.body.items
        self.carried = {before.number: after for before, after in loop.carried}
        self.wanted = wanted
        self.listed = {inner.number for inner, _ in loop.lists}
        self.live = self._live()
        self.users: dict[int, list[int]] = {number: [] for number in self.live}
        for item in self.items:
            if item.number in self.live:
                for arg in self.operands(item):
                    self.users[arg.number].append(item.number)

    def operands(self, item: Item) -> tuple[Item, ...]:
        """What an item is made of; what is carried over, of what the turn before left."""
        return (self.carried[item.number],) if item.number in self.carried else item.args

    def _live(self) -> set[int]:
        live: set[int] = set()
        waiting = [item for item in self.items if item.number in self.wanted]
        while waiting:
            item = waiting.pop()
            if item.number not in live:
                live.add(item.number)
                waiting += self.operands(item)
        return live

    def is_fixed(self, item: Item) -> bool:
        """Whether an item is the same in all turns (and no list)."""
        return item.source != "call" and item.number not in self.carried and item.kind not in ("several", "other")

    def is_row(self, item: Item) -> bool:
        """Whether an item's values of all turns may stand in one array."""
        value = item.value
        return item.kind == "array" and value.ndim > 0 and value.size > 1 and value.flags.c_contiguous \
            and not value.dtype.hasobject and value.nbytes <= MOST_ROW and value.nbytes * self.loop.turns <= MOST_ROWS

    def is_read(self, item: Item) -> bool:
        """Whether an item is read, at its turn's place, from a list or an array that was there before."""
        if not self.is_row(item) or item.source != "call":
            return False
        if item.rule is ENTRY:
            return item.args[0].kind != "array"
        return item.rule is GETITEM and self.is_fixed(item.args[0]) and rows_of(
            item.params["index"], self.loop.turns) is not None

    def is_together(self, item: Item) -> bool:
        """Whether an item can be computed for all turns at once: elementwise, or the same part of each row."""
        if item.number in self.carried:
            return self.is_row(item)
        if item.rule is GETITEM:
            return self.is_row(item) and not self.is_fixed(item.args[0]) and self.is_row(item.args[0]) \
                and is_still(item.params["index"])
        if item.source != "call" or item.boxed or item.params or not self.is_row(item) or not (
                ufunc_of(item.rule) or type(item.rule) is Elementwise or item.rule.name == "where") \
                or TABLE.get(item.rule.name) is not item.rule:
            return False
        ndim = item.value.ndim
        return all(np.ndim(arg.value) <= ndim if self.is_fixed(arg) else self.is_row(arg) and arg.value.ndim == ndim
                   for arg in item.args)

    def sums(self) -> dict[int, list[Addition]]:
        """The carried arrays to which each turn only adds: for each the additions, in order."""
        found = {}
        for before, after in self.loop.carried:
            chain = self._additions(before, after) if before.number in self.live else []
            if chain:
                found[before.number] = chain
        return found

    def _additions(self, before: Item, after: Item) -> list[Addition]:
        chain: list[Addition] = []
        item = before
        while item is not after or not chain:
            if len(self.users[item.number]) != 1:
                return []
            target, item = item, self.items[self.users[item.number][0]]
            addition = self._addition(target, item)
            if addition is None or (item.number in self.wanted and item is not after):
                return []
            chain.append(addition)
        is_alike = len({addition.kind for addition in chain}) == 1
        return chain if is_alike and self.users[after.number] == [before.number] and after.number not in self.listed \
            else []

    def _addition(self, target: Item, item: Item) -> Addition | None:
        """What an item adds to a target, or to a part of it."""
        if item.rule in (ADD_AT, SUBTRACT_AT, SETITEM) and item.args[0] is target:
            index, value, shape = item.params["index"], item.args[1], target.shape[1:]
            if type(index) is int and item.rule is not SETITEM:
                index %= len(target.value)
            elif type(index) is not Affine or slice_of(index, self.loop.turns) is None:
                return None
        elif item.rule is ADD or (item.rule is SUBTRACT and item.args[0] is target):
            value = item.args[1] if item.args[0] is target else item.args[0]
            index, shape = None, target.shape
        else:
            return None
        if item.boxed or not self.is_row(value) or self.is_fixed(value) or value.shape != shape \
                or value.dtype != target.dtype or value.dtype.kind not in "fc" or not target.value.flags.c_contiguous:
            return None
        return Addition(item, value, index)


def split(loop: Loop, wanted: set[int]) -> Split:
    """What of a loop's turn moves where; ``wanted`` are the items that are results."""
    turn = Turn(loop, wanted)
    sums = turn.sums()
    chained = {addition.item.number for chain in sums.values() for addition in chain} | set(sums)
    before = _before(turn, chained)
    after = _after(turn, before, chained)
    moved = before | after
    leaving = sum(item.number in moved and item.source == "call" and item.rule not in (GETITEM, ENTRY)
                  for item in turn.items) + sum(map(len, sums.values()))
    return Split(turn.live, before, after, moved, sums, leaving)


def _before(turn: Turn, chained: set[int]) -> set[int]:
    """What needs nothing but what is known before the loop."""
    found: set[int] = set()

    def is_early(item: Item) -> bool:
        return turn.is_read(item) or (turn.is_together(item) and all(
            arg.number in found or (turn.is_fixed(arg) and item.source == "call") for arg in turn.operands(item)))

    candidates = turn.live - chained
    _grow(found, [item for item in turn.items if item.number in candidates], is_early)
    return found


def _after(turn: Turn, before: set[int], chained: set[int]) -> set[int]:
    """What nothing in the loop needs."""
    late = set(chained)
    candidates = turn.live - before - chained
    _grow(late, [item for item in reversed(turn.items) if item.number in candidates and turn.is_together(item)],
          lambda item: late.issuperset(turn.users[item.number]))
    return late - chained


def _grow(found: set[int], items: list[Item], belongs: Callable[[Item], bool]) -> None:
    """Put items into a set for as long as more belong to it."""
    size = -1
    while size < len(found):
        size = len(found)
        for item in items:
            if item.number not in found and belongs(item):
                found.add(item.number)


def is_still(index: Any) -> bool:
    """Whether an index gives a view, of the same entries in all turns."""
    parts = index if type(index) is tuple else (index,)
    ints = [number for part in parts for number in ((part.start, part.stop) if type(part) is slice else (part,))]
    return is_basic(index) and Affine not in map(type, ints)


def rows_of(index: Any, turns: int) -> Any:
    """The index of all turns' rows for the index of one, or None."""
    first, *others = index if type(index) is tuple else (index,)
    if type(first) is not Affine or not is_basic(index) or not is_still(tuple(others)):
        return None
    rows = slice_of(first, turns)
    return None if rows is None else (rows, *others) if type(index) is tuple else rows


def slice_of(place: Affine, turns: int) -> slice | None:
    """The places of all turns."""
    start, step = place.start, place.step
    last, stop = start + step * (turns - 1), start + step * turns
    if (start < 0) != (last < 0):
        return None
    return slice(start, None if (stop < 0) != (start < 0) else stop, step)

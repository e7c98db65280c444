"""Which two operations of a turn are one call on twice the numbers.

A call on 14 numbers costs what one on 28 does.  Two operations of one function on operands of one shape are one call
where their operands stand next to each other:

    multiply(v1, v2, v7)                  multiply(p1, s1, p2)        # p1 = [v1, v4], s1 = [v2, v5], p2 = [v7, v8]
    multiply(v4, v5, v8)       becomes
    add(v7, v8, v9)                       add(v7, v8, v9)             # v7 and v8 are the rows of p2

They do at no cost: what computes an operand writes it there, what is the same in all turns or is known before the
loop is copied there for all turns at once.  A *pack* is a table of two lanes.  A value has one place, so it can stand
next to one other value only: the one in the same turn, or (v33 of this turn and v31 of the next) one row further on.
A value that takes another's place, which nobody needs any more, stands next to what that stood next to.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from diffkit.compiling.program import Item, is_ufunc_call

if TYPE_CHECKING:
    from diffkit.compiling.rolling.search import Search

#: In units of a call: a copy of a row into a pack for all turns at once, and of a value before the first turn.
COPIED_ROW, COPIED = 0.1, 1.5


@dataclasses.dataclass(slots=True)
class Pack:
    """Two lanes, by rows; ``fills`` are what lanes hold from before the loop, and from which row on."""

    like: Item
    fills: dict[int, tuple[Item, int]]

    def copy(self) -> Pack:
        return Pack(self.like, dict(self.fills))


@dataclasses.dataclass(frozen=True, slots=True)
class Stack:
    """Two values that are known before the loop, as one."""

    items: tuple[Item, Item]


@dataclasses.dataclass(slots=True)
class Call:
    """Two operations as one: for each operand (pack, row), two items that are stacked, or the one that both take."""

    first: Item
    second: Item
    operands: list[Any]


class Packing:
    """What stands in which pack, and which operations are done together.

    ``homes`` has, by an operation's number, its pack, lane, and row in turn 0.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.packs: list[Pack] = []
        self.homes: dict[int, tuple[int, int, int]] = {}
        self.calls: list[Call] = []

    def copy(self) -> Packing:
        other = Packing(self.search)
        other.packs = [pack.copy() for pack in self.packs]
        other.homes, other.calls = dict(self.homes), list(self.calls)
        return other

    @property
    def saved(self) -> float:
        """Calls that are saved in all turns, less what is copied for it."""
        turns = self.search.loop.turns
        copies = COPIED * sum(after.number in self.homes for after in self.search.carried.values())
        stacks = {key for call in self.calls for key in call.operands if type(key) is Stack}
        filled = [item for pack in self.packs for item, _ in pack.fills.values()]
        filled += [item for stack in stacks for item in stack.items if any(map(self.search.is_row, stack.items))]
        copies += sum(COPIED + COPIED_ROW * turns for _ in filled) + COPIED * len(stacks)
        return turns * len(self.calls) - copies

    # --- adding ------------------------------------------------------------------------------------
    def add(self, first: Item, second: Item, swapped: bool) -> bool:
        """Do two operations together; False (and undefined) where that can't be."""
        if not self.couple(first, second):
            return False
        operands = []
        others = second.args[::-1] if swapped else second.args
        for a, b in zip(first.args, others):
            operand = self._operand(a, b, first)
            if operand is None:
                return False
            operands.append(operand)
        self.calls.append(Call(first, second, operands))
        return self.search.ordered(self) is not None

    def _operand(self, a: Item, b: Item, first: Item) -> Any:
        search = self.search
        if a is b:
            return a if search.is_scalar(a) else None
        if not (search.fits(a, first) and search.fits(b, first) and a.value.dtype == b.value.dtype):
            return None
        if search.is_known(a) and search.is_known(b):
            return Stack((a, b))
        if not self.couple(a, b):
            return None
        return self.place(a) or self.place(b)

    def couple(self, a: Item, b: Item) -> bool:
        """Put two values next to each other."""
        place, other = self.place(a), self.place(b)
        if place is not None and other is not None:
            return place == other and self._lane(a) == 0 and self._lane(b) == 1
        if place is None and other is None:
            self.packs.append(Pack(a if not self.search.is_known(a) else b, {}))
            place = len(self.packs) - 1, 0
            return self._put(a, 0, place) and self._put(b, 1, place)
        if place is not None:
            return self._lane(a) == 0 and self._put(b, 1, place)
        assert other is not None
        return self._lane(b) == 1 and self._put(a, 0, other)

    def _put(self, item: Item, lane: int, place: tuple[int, int]) -> bool:
        """Put a value into a lane of a pack, to be read at a row."""
        pack, row = place
        filled = self.packs[pack].fills.get(lane)
        there = [number for number, (other, its, _) in self.homes.items() if (other, its) == (pack, lane)]
        if self.search.is_known(item):
            if there or (filled is not None and (filled[0] is not item or filled[1] != row)):
                return False
            self.packs[pack].fills[lane] = item, row
            return True
        made, back = self.search.made(item)
        if filled is not None or (there and not self._takes_place(made, there, row + back)):
            return False
        self.homes[made.number] = pack, lane, row + back
        return True

    def _takes_place(self, item: Item, there: list[int], row: int) -> bool:
        """Whether an item may be written over what stands there, which it alone reads."""
        last = self.search.operations[there[-1]]
        return self.homes[last.number][2] == row and self.search.only_user(last) is item and is_ufunc_call(item)

    def place(self, item: Item) -> tuple[int, int] | None:
        """The pack and the row at which a value is read in turn 0."""
        if self.search.is_known(item):
            return None
        made, back = self.search.made(item)
        home = self.homes.get(made.number)
        return None if home is None else (home[0], home[2] - back)

    def _lane(self, item: Item) -> int:
        return self.homes[self.search.made(item)[0].number][1]

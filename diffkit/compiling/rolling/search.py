"""The search for operations of a turn that are done together.

It is greedy: to each pair in turn all pairs are added that save more, and the set that saves most is taken, again and
again.  There must be an order in which those done together follow each other, each behind its operands.
"""

from __future__ import annotations

from typing import Any

from diffkit.compiling.program import Item, is_ufunc_call
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.packs import Packing
from diffkit.compiling.rolling.split import MOST_ROWS
from diffkit.compiling.rolling.storage import Stream, can_be_written
from diffkit.rules.arithmetic import ADD, MULTIPLY, POWER

#: Bytes of a value; pairs to begin with times pairs that are added; calls that a packing saves at least.
MOST_BYTES, MOST_TRIED, LEAST = 1 << 10, 400, 30.0


class Search:
    """Looks for operations of a turn (in order) to be done together."""

    def __init__(self, loop: Loop, operations: list[Item], streams: dict[int, Stream], apart: set[int]) -> None:
        self.loop = loop
        self.order = operations
        self.operations = {item.number: item for item in operations}
        self.streams = streams
        self.carried = {before.number: after for before, after in loop.carried}
        self.users: dict[int, list[Any]] = {}
        for item in operations:
            for arg in item.args:
                self.users.setdefault(arg.number, []).append(item)
        outs = [after for _, after in loop.carried] + [inner for pairs in (loop.lasts, loop.lists, loop.tables)
                                                       for inner, _ in pairs]
        for item in outs:
            self.users.setdefault(item.number, []).append(None)
        self.free = {item.number for item in operations if can_be_written(item) and item.number not in apart
                     and item.value.nbytes <= MOST_BYTES and item.value.nbytes * loop.turns <= MOST_ROWS}

    # --- what items are ----------------------------------------------------------------------------
    def made(self, item: Item) -> tuple[Item, int]:
        """The operation that makes a value, and how many turns before."""
        return (self.carried[item.number], 1) if item.number in self.carried else (item, 0)

    def is_row(self, item: Item) -> bool:
        return item.number in self.streams

    def is_known(self, item: Item) -> bool:
        """Whether a value is known before the loop: the same in all turns, or a row of an array."""
        if item.number in self.streams:
            return self.streams[item.number].of.kind == "array"
        return item.kind == "array" and item.source != "call" and item.number not in self.carried

    def is_scalar(self, item: Item) -> bool:
        return item.kind in ("number", "weak") and item.source == "constant"

    def fits(self, item: Item, like: Item) -> bool:
        """Whether a value can stand in a lane, as an operand of an operation."""
        if item.kind != "array" or item.shape != like.shape or not item.value.flags.c_contiguous:
            return False
        return self.is_known(item) or self.made(item)[0].number in self.free

    def only_user(self, item: Item) -> Any:
        users = self.users.get(item.number, [])
        return users[0] if len(users) == 1 else None

    # --- the search --------------------------------------------------------------------------------
    def run(self) -> Packing | None:
        """The best packing, or None where none is worth its copies."""
        candidates = [item for item in self.order if item.number in self.free and is_ufunc_call(item)
                      and item.rule is not POWER]
        pairs = [(a, b) for a in candidates for b in candidates if a is not b and a.rule is b.rule
                 and a.shape == b.shape and a.value.dtype == b.value.dtype]
        best = Packing(self)
        pairs = [pair for pair in pairs if self._with(best, pair) is not None]
        while True:
            grown = [self._grown(best, seed, pairs) for seed in pairs[:max(1, MOST_TRIED // max(len(pairs), 1))]]
            found = max((packing for packing in grown if packing is not None),
                        key=lambda packing: packing.saved, default=None)
            if found is None or found.saved <= best.saved:
                return best if best.saved >= LEAST else None
            best = found

    def _grown(self, start: Packing, seed: tuple[Item, Item], pairs: list[tuple[Item, Item]]) -> Packing | None:
        found = self._with(start, seed)
        if found is None:
            return None
        is_growing = True
        while is_growing:
            is_growing = False
            for pair in pairs:
                more = self._with(found, pair)
                if more is not None and more.saved > found.saved:
                    found, is_growing = more, True
        return found

    def _with(self, start: Packing, pair: tuple[Item, Item]) -> Packing | None:
        first, second = pair
        if any(item in (call.first, call.second) for call in start.calls for item in pair):
            return None
        for swapped in (False, True) if first.rule in (ADD, MULTIPLY) else (False,):
            found = start.copy()
            if found.add(first, second, swapped):
                return found
        return None

    def ordered(self, packing: Packing) -> list[Item] | None:
        """The operations in an order in which those done together follow each other, if there is one."""
        partner = {}
        for call in packing.calls:
            partner[call.first.number], partner[call.second.number] = call.second, call.first
        done: set[int] = set()
        found: list[Item] = []
        left = self.order
        while left:
            later = []
            for item in left:
                group = [item, partner[item.number]] if item.number in partner else [item]
                if item.number in done:
                    continue
                if all(arg.number in done or arg.number not in self.operations for one in group for arg in one.args):
                    for one in sorted(group, key=lambda one: packing.homes.get(one.number, (0, 0, 0))[1]):
                        done.add(one.number)
                        found.append(one)
                else:
                    later.append(item)
            if len(later) == len(left):
                return None
            left = later
        return found

"""One loop taken apart: the operations of all turns at once, and the loop of what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.compiling.program import ENTRY, SHIFTED, SUBTRACT_AT, Function, Item
from diffkit.compiling.rolling.loops import MOST_TURN, Loop, by_error_state
from diffkit.compiling.rolling.regions import Affine
from diffkit.compiling.rolling.split import Addition, Split, rows_of, slice_of
from diffkit.rules.arithmetic import NEGATIVE, SUBTRACT
from diffkit.rules.indexing import GETITEM
from diffkit.rules.writing import SETITEM

if TYPE_CHECKING:
    from diffkit.compiling.rolling.distribution import Distributor


def _added_up(first: Any, *terms: Any) -> Any:
    rows = terms[0] if len(terms) == 1 else np.stack(terms, 1).reshape(-1, *first.shape)
    return np.add.reduce(np.concatenate((first[None], rows)))


#: An array and rows that are added to it, one after the other (of each of several terms in turn).
ADDED_UP = Function("added_up", _added_up)


class Turns:
    """One loop, whose parts are written into the new program of a distributor.

    Attributes
    ----------
    rows : dict
        For each item of the old turn that moved its item outside: its values in all turns, a row each.
    ends : dict
        For each sum that moved what it is in the end.
    inside : dict
        For each item of the old turn that stays (or is needed there) its item of the new turn.
    """

    def __init__(self, outer: Distributor, item: Item, parts: Split) -> None:
        self.outer = outer
        self.old: Loop = item.rule
        self.parts = parts
        self.count = self.old.turns
        self.which = min(MOST_TURN, self.count - 1)
        self.given = {inner.number: outer.get(arg) for inner, arg in zip(self.old.inputs, item.args)}
        for negative, inner in self.old.negated:
            self.given[negative.number] = outer.made.make(
                "call", negative.value, NEGATIVE, [self.given[inner.number]], {}, item.line, negative.quiet)
        self.carried = {before.number: after for before, after in self.old.carried}
        self.rows: dict[int, Item] = {}
        self.ends: dict[int, Item] = {}
        self.new = Loop(self.count)
        self.inside: dict[int, Item] = {}
        self._arguments: list[Item] = []
        self._make(parts.before)
        self.item = self._loop(item.line)
        self._make(parts.after)
        for number, chain in parts.sums.items():
            self.ends[chain[-1].item.number] = self._sum(self.given[number], chain)

    def result(self, kind: str, inner: Item) -> Item:
        """The outer item for the last value of an old item, or for all its values."""
        if inner.number in self.ends:
            return self.ends[inner.number]
        if inner.number in self.parts.moved:
            rows = self.together(inner)
            return rows if kind == "list" else self.outer.part(rows, self.count - 1, inner)
        assert self.item is not None
        return self.outer.result(self.item, kind, self.inside[inner.number])

    # --- all turns at once -------------------------------------------------------------------------
    def _make(self, numbers: set[int]) -> None:
        """Write the operations that move, each when its operands are there."""
        waiting = [item for item in self.old.body.items if item.number in numbers]
        while waiting:
            waiting = [item for item in waiting if not self._is_made(item, numbers)]

    def _is_made(self, item: Item, numbers: set[int]) -> bool:
        operands = (self.carried[item.number],) if item.number in self.carried else item.args
        if any(arg.number in numbers and arg.number not in self.rows for arg in operands):
            return False
        self.together(item)
        return True

    def together(self, item: Item) -> Item:
        """An item's values in all turns, a row each; the value itself where it is the same in all."""
        if item.source == "constant":
            return self.outer.made.constant(item)
        known = self.rows.get(item.number)
        if known is None:
            known = self.rows[item.number] = self._together(item)
        return known

    def _together(self, item: Item) -> Item:
        outer = self.outer
        if item.number in self.carried:
            return outer.call(SHIFTED, [self.given[item.number], self.together(self.carried[item.number])],
                              item, self.count)
        if item.source == "input":
            return self.given[item.number]
        if item.number not in self.parts.moved:
            return outer.stack(self.result("list", item), item)
        if item.rule is ENTRY:
            rows = outer.stack(self.together(item.args[0]), item)
            return outer.part(rows, slice_of(item.params["position"], self.count), item)
        if item.rule is GETITEM:
            index = item.params["index"]
            moving = rows_of(index, self.count)  # what moves along, else a part of each row
            still = (slice(None), *(index if type(index) is tuple else (index,)))
            return outer.part(self.together(item.args[0]), moving or still, item)
        return outer.call(item.rule, [self.together(arg) for arg in item.args], item, self.count)

    def _sum(self, start: Item, chain: list[Addition]) -> Item:
        """What an array is in the end to which (or to rows of which) all turns add."""
        outer, last = self.outer, chain[-1].item
        terms: dict[int | None, list[Item]] = {}
        for addition in chain:
            rows, index, rule = self.together(addition.value), addition.index, addition.item.rule
            if type(index) is Affine:  # a row for each turn
                start = self._write(start, rows, slice_of(index, self.count), rule, last)
                continue
            if rule in (SUBTRACT, SUBTRACT_AT):
                rows = outer.call(NEGATIVE, [rows], addition.value, self.count)
            terms.setdefault(index, []).append(rows)
        sums = {}
        for index, those in terms.items():
            first = start if index is None else outer.part(start, index, last)
            sums[index] = outer.made.make("call", np.empty(first.shape, first.value.dtype), ADDED_UP,
                                          [first, *those], {}, last.line, last.quiet)
        for index, whole in sums.items():
            start = whole if index is None else self._write(start, whole, index, SETITEM, last)
        return start

    def _write(self, array: Item, value: Item, index: Any, rule: Any, like: Item) -> Item:
        return self.outer.made.make("call", like.value, rule, [array, value], {"index": index}, like.line, like.quiet)

    # --- what stays --------------------------------------------------------------------------------
    def _loop(self, line: str) -> Item | None:
        parts, body = self.parts, self.new.body
        staying = parts.live - parts.moved - {one.item.number for chain in parts.sums.values() for one in chain}
        for item in self.old.body.items:
            if item.source == "call" and item.number in staying:
                self._stay(item)
        if not any(item.source == "call" for item in body.items):
            return None
        done: set[int] = set()
        while done != (changing := self.carried.keys() & self.inside.keys() - parts.before):
            for number in changing - done:  # which may need what another input carries
                self.new.carried.append((self.inside[number], self._inside(self.carried[number])))
            done = set(changing)
        by_error_state(body.items)
        return self.outer.made.make("call", (), self.new, self._arguments, {}, line)

    def _stay(self, item: Item) -> Item:
        args = [self._inside(arg) for arg in item.args]
        found = self.new.body.call(item, args, item.params) if item.rule is not ENTRY or args[0].kind != "array" \
            else self._row(args[0], item.params["position"], item)
        self.inside[item.number] = found
        return found

    def _inside(self, item: Item) -> Item:
        """An old item in the new turn."""
        if item.source == "constant":
            return self.new.body.constant(item)
        known = self.inside.get(item.number)
        if known is not None:
            return known
        if item.number not in self.parts.before:
            outside = self.given[item.number]
            known = self._input(outside, item.value if item.number in self.carried else outside.value)
        elif item.rule is ENTRY or (item.rule is GETITEM and rows_of(item.params["index"], self.count)):
            return self._stay(item)
        else:
            rows = self.together(item)
            known = self._row(self._input(rows, rows.value), Affine(0, 1, self.which), item)
        self.inside[item.number] = known
        return known

    def _input(self, outside: Item, value: Any) -> Item:
        made = self.new.body.make("input", value)
        self.new.inputs.append(made)
        self._arguments.append(outside)
        return made

    def _row(self, rows: Item, place: Any, like: Item) -> Item:
        return self.new.body.make("call", rows.value[place], GETITEM, [rows], {"index": place}, like.line, like.quiet)

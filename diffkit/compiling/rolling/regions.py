"""What each operand of a repeated part is, from turn to turn.

    Same      what this turn has computed
    Carried   what the turn before has computed (or the one before that: ``lag``), and values to begin with
    Fixed     the same value in all turns
    Listed    what a loop before computed in its turns, in this order or the reverse
    Table     other values that are known before the loop, constants for the most part

Anything else is no loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from diffkit.compiling.program import Item
from diffkit.compiling.rolling.periods import Run, ints_in

#: Turns back that a value may be carried, and other values than constants that may be listed one by one.
MOST_LAG, MOST_LISTED = 4, 2


@dataclasses.dataclass(slots=True)
class Same:
    slot: int


@dataclasses.dataclass(slots=True)
class Carried:
    slot: int
    initial: list[Item]  # for the first ``lag`` turns, in order


@dataclasses.dataclass(slots=True)
class Fixed:
    item: Item


@dataclasses.dataclass(slots=True)
class Listed:
    region: Region
    slot: int
    start: int
    step: int


@dataclasses.dataclass(slots=True)
class Table:
    items: list[Item]


Operand = Same | Carried | Fixed | Listed | Table


class Affine(int):
    """start + step * i in turn i, as source; its value is that of one turn."""

    text: str
    start: int
    step: int

    def __new__(cls, start: int, step: int, turn: int) -> Affine:
        self = super().__new__(cls, start + step * turn)
        self.start, self.step = start, step
        moving = {1: "i", -1: "-i"}.get(step, f"{step} * i")
        self.text = moving if not start else f"{start} - i" if step == -1 else \
            f"{moving} {'+' if start > 0 else '-'} {abs(start)}"
        return self

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


@dataclasses.dataclass(slots=True, eq=False)
class Region:
    """A run with its operands (for each slot) and, for each slot, (start, step) of its parameters' ints."""

    run: Run
    steps: Sequence[Item]  # of the whole program
    operands: list[list[Operand]] = dataclasses.field(default_factory=list)
    ints: list[list[tuple[int, int]]] = dataclasses.field(default_factory=list)

    def item(self, turn: int, slot: int) -> Item:
        return self.steps[self.run.start + turn * self.run.period + slot]

    def turns_of(self, slot: int) -> Sequence[Item]:
        run = self.run
        return self.steps[run.start + slot:run.stop:run.period]

    @property
    def tables(self) -> int:
        return sum(type(operand) is Table and operand.items[0].source != "constant"
                   for operands in self.operands for operand in operands)


class Places:
    """Where each operation of a program stands, and in which region."""

    def __init__(self, steps: Sequence[Item]) -> None:
        self.steps = steps
        self.position = {item.number: i for i, item in enumerate(steps)}
        self.regions: list[Region] = []

    def region_of(self, item: Item) -> tuple[Region, int, int] | None:
        """The region of an operation, its turn and its slot."""
        position = self.position.get(item.number, -1)
        for region in self.regions:
            run = region.run
            if run.start <= position < run.stop:
                return region, (position - run.start) // run.period, (position - run.start) % run.period
        return None


def analyse(run: Run, places: Places) -> Region | None:
    """The region of a run, at its ends shortened where that makes a better loop; None if it is none."""
    best: Region | None = None
    for dropped in ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1), (2, 2)):
        if run.turns - sum(dropped) <= MOST_LAG + 1:
            break
        shorter = Run(run.start + dropped[0] * run.period, run.period, run.turns - sum(dropped))
        region = _classified(shorter, places)
        if region is not None and (best is None or region.tables < best.tables):
            best = region
            if not region.tables:
                break
    return best if best is not None and best.tables <= MOST_LISTED else None


def _classified(run: Run, places: Places) -> Region | None:
    region = Region(run, places.steps)
    for slot in range(run.period):
        items = region.turns_of(slot)
        ints = _affine_ints(items)
        if ints is None:
            return None
        region.ints.append(ints)
        operands = []
        for which in range(len(items[0].args)):
            operand = _operand([item.args[which] for item in items], run, slot, places)
            if operand is None:
                return None
            operands.append(operand)
        region.operands.append(operands)
    return region


def _affine_ints(items: Sequence[Item]) -> list[tuple[int, int]] | None:
    """(start, step) for each int of a slot's parameters, or None where one is not start + step * turn."""
    if "index" not in items[0].params:
        return []
    found = []
    for numbers in zip(*(ints_in(item.params["index"]) for item in items)):
        affine = _affine(numbers)
        if affine is None:
            return None
        found.append(affine)
    return found


def _affine(numbers: Sequence[int]) -> tuple[int, int] | None:
    start, step = numbers[0], numbers[1] - numbers[0]
    return (start, step) if all(n == start + step * i for i, n in enumerate(numbers)) else None


def _operand(args: list[Item], run: Run, slot: int, places: Places) -> Operand | None:
    first = args[0]
    if all(arg is first for arg in args):
        return Fixed(first)
    position = places.position
    last = position.get(args[-1].number, -1)
    if last >= run.start:  # of this region, at a fixed distance
        turn, other = divmod(last - run.start, run.period)
        lag = run.turns - 1 - turn
        if lag > MOST_LAG:
            return None
        for i, arg in enumerate(args[lag:]):
            if position.get(arg.number, -1) != run.start + i * run.period + other:
                return None
        if any(position.get(arg.number, -1) >= run.start for arg in args[:lag]):
            return None
        return Carried(other, args[:lag]) if lag else Same(other)
    if any(position.get(arg.number, -1) >= run.start for arg in args):
        return None
    return _listed(args, places) or (Table(args) if _is_table(args) else None)


def _is_table(args: list[Item]) -> bool:
    """Constants, or operations: not both, so that the table is one or the other."""
    return len({arg.source == "constant" for arg in args}) == 1


def _listed(args: list[Item], places: Places) -> Listed | None:
    found: list[Any] = [places.region_of(arg) for arg in args]
    if None in found or len({(id(region), slot) for region, _, slot in found}) != 1:
        return None
    affine = _affine([turn for _, turn, _ in found])
    return Listed(found[0][0], found[0][2], *affine) if affine is not None else None

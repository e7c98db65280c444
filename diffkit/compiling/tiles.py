"""Entrywise operations on large arrays, in pieces that fit the cache.

    for start in range(0, 1000000, 20000):
        stop = start + 20000
        x0_, o3_ = x0[start:stop], v9[start:stop]
        v3 = sin(x0_, b0)                       # b0 has 20 000 entries
        v9_ = multiply(v3, x0_, o3_)

Each operation on its own passes all of its arrays through memory; a piece stays where the processor finds it.
What only the operations of one loop need has the memory of a piece.  Each entry is computed as before, so bits stay.

A *tile* is a run of steps: entrywise ones with results of one shape and memory order, cut along the outermost axis.
Steps in between are done before it where they need nothing of it, and after it otherwise; a question ends it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.compiling.program import Item, is_ufunc_call, plain
from diffkit.rules.arithmetic import POWER
from diffkit.rules.kinds import Elementwise

if TYPE_CHECKING:
    from diffkit.compiling.plan import Plan, Step

#: Bytes of an array, of the passes through memory that a tile spares, and of its pieces together; how many passes.
LARGE, WORTH, CACHE, PASSES = 1 << 20, 1 << 24, 3 << 18, 4
#: Entries of a piece, at least and at most; pieces.
FEWEST, MOST, PIECES = 1 << 14, 1 << 16, 4


@dataclasses.dataclass(slots=True)
class Tile:
    """Steps ``first`` to ``last`` (included), in pieces of ``size`` along an axis of length ``count``.

    ``local`` are the numbers of the items that nothing else needs.
    """

    first: int
    last: int
    axis: int
    count: int
    size: int
    local: frozenset[int]

    def cut(self, item: Item, ndim: int) -> int | None:
        """The axis along which an operand is cut, where the results have ``ndim`` axes; None if it is used whole."""
        if item.kind != "array":
            return None
        axis = self.axis - ndim + len(item.shape)
        return axis if axis >= 0 and item.shape[axis] == self.count else None


def order_of(value: Any) -> tuple[int, ...]:
    """An array's axes from the outermost in memory to the innermost; () where it has gaps."""
    axes = sorted((i for i in range(value.ndim) if value.shape[i] > 1), key=lambda i: -abs(value.strides[i]))
    step = value.itemsize
    for i in reversed(axes):
        if value.strides[i] != step:
            return ()
        step *= value.shape[i]
    return tuple(axes)


def gather(plan: Plan, outs: list[Item]) -> None:
    """Bring together what makes a tile, and note the tiles."""
    if not any(_is_member(step) for step in plan.steps):
        return
    steps: list[Step] = []
    waiting = plan.steps
    ranges: list[tuple[int, int]] = []
    while waiting:
        before, members, waiting = _next(waiting)
        steps += before
        if members:
            ranges.append((len(steps), len(steps) + len(members) - 1))
            steps += members
    plan.steps[:] = steps
    forever = {item.number for item in (*plan.watched, *plan.bounded, *outs)}
    for first, last in ranges:
        tile = _tile(plan.steps, first, last, forever)
        if tile is not None:
            plan.tiles.append(tile)


def _is_member(step: Step) -> bool:
    """Whether a step may be part of a tile."""
    item = step.item
    if step.question or item.kind != "array" or item.value.nbytes < LARGE or item.boxed or item.params:
        return False
    if not is_ufunc_call(item) and type(item.rule) is not Elementwise:
        return False
    if item.rule is POWER:  # an operator has no place to write to
        base, exponent = item.args
        number = plain(exponent.value) if exponent.source == "constant" else None
        if type(number) not in (int, float) or number in (-1, 0, 0.5, 1) or base.kind != "array" \
                or base.value.dtype.kind != "f":
            return False
    return not item.value.dtype.hasobject and bool(order_of(item.value))


def _next(waiting: list[Step]) -> tuple[list[Step], list[Step], list[Step]]:
    """The steps before the next tile, the tile, and what is left."""
    start = next((i for i, step in enumerate(waiting) if _is_member(step)), len(waiting))
    before = waiting[:start]
    members: list[Step] = []
    after: list[Step] = []
    made: set[int] = set()  # by members, or by what needs them
    late: set[int] = set()
    for position in range(start, len(waiting)):
        step = waiting[position]
        item = step.item
        if step.question:
            return before, members, [*after, *waiting[position:]]
        needs = {arg.number for arg in item.args}
        if _is_member(step) and not needs & late and (not members or _alike(item, members[0].item)):
            members.append(step)
            made.add(item.number)
        elif needs & made or _is_member(step):
            after.append(step)
            made.add(item.number)
            late.add(item.number)
        else:
            before.append(step)
    return before, members, after


def _alike(item: Item, other: Item) -> bool:
    return item.shape == other.shape and order_of(item.value) == order_of(other.value)


def _tile(steps: list[Step], first: int, last: int, forever: set[int]) -> Tile | None:
    """The tile that these steps make, if it spares passes through memory."""
    members = {steps[i].item.number: steps[i].item for i in range(first, last + 1)}
    used = {arg.number for step in steps[last + 1:] for arg in (step.item, *step.item.args)}
    local = frozenset(number for number in members if number not in used and number not in forever)
    item = steps[first].item
    reads = [number for member in members.values() for number in
             {arg.number for arg in member.args if arg.kind == "array" and arg.value.nbytes * 2 >= item.value.nbytes}]
    outside = set(reads) - members.keys()
    spared = sum(members[number].value.nbytes for number in local) + item.value.nbytes * (
        sum(number not in local for number in reads) - len(outside))
    if spared < WORTH or spared < PASSES * item.value.nbytes:
        return None
    axis = order_of(item.value)[0]
    count = item.shape[axis]
    entries = min(MOST, max(FEWEST, CACHE // (item.value.itemsize * min(len(outside) + len(members), 12))))
    size = max(1, entries * count // item.value.size)
    size = next((some for some in range(size, size // 2, -1) if count % some == 0), size)
    if count < PIECES * size or item.value.size // count > MOST:
        return None
    return Tile(first, last, axis, count, size, local)


def piece(tile: Tile, item: Item) -> Any:
    """An example of the memory of one piece of a local result."""
    shape = tuple(tile.size if axis == tile.axis else size for axis, size in enumerate(item.shape))
    axes = [*(i for i in range(len(shape)) if shape[i] == 1), *(i for i in order_of(item.value) if shape[i] > 1)]
    return np.empty([shape[i] for i in axes], item.value.dtype).transpose(np.argsort(axes))

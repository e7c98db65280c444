"""Entrywise operations on large arrays, in pieces that fit the cache.

    for start in range(0, 1000000, 20000):
        stop = start + 20000
        x0_, o3_ = x0[start:stop], v9[start:stop]
        v3 = sin(x0_, b0)                       # b0 has 20 000 entries
        v9_ = multiply(v3, x0_, o3_)

Each operation on its own passes all of its arrays through memory; a piece stays where the processor finds it.
What only the operations of one loop need has the memory of a piece.  Each entry is computed as before, so bits stay.

A *tile* is a run of steps: entrywise ones with results of one shape and memory order, cut along the outermost axis,
and several products of matrices at once, along the axis that counts these, with the transposes that they read.  Steps
in between are done before it where they need nothing of it, and after it otherwise; a question ends it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.compiling.program import Item, is_ufunc_call, plain
from diffkit.rules.arithmetic import POWER
from diffkit.rules.contractions import MATMUL
from diffkit.rules.kinds import Elementwise
from diffkit.rules.shapes import TRANSPOSE

if TYPE_CHECKING:
    from diffkit.compiling.plan import Plan, Step

#: Bytes of an array, of the passes through memory that a tile spares, and of its pieces together; how many passes.
LARGE, WORTH, CACHE, PASSES = 1 << 20, 1 << 24, 3 << 18, 2
#: Steps between two of a tile.
REACH = 200

Orders = dict[int, tuple[int, ...]]
#: Entries of a piece, at least and at most; pieces.
FEWEST, MOST, PIECES = 1 << 14, 1 << 16, 4


@dataclasses.dataclass(slots=True)
class Tile:
    """Steps ``first`` to ``last`` (included), in pieces of ``size`` along an axis of length ``count``.

    ``axes`` has this axis of each step's result, by the item's number; ``local`` are the numbers of the items
    that nothing else needs.
    """

    first: int
    last: int
    axes: dict[int, int]
    count: int
    size: int
    local: frozenset[int]

    def cut(self, operand: Item, item: Item) -> int | None:
        """The axis along which an operand of an item is cut; None if it is used whole."""
        if operand.kind != "array":
            return None
        axis = _aligned(self.axes[item.number], item, operand)
        return axis if axis >= 0 and operand.shape[axis] == self.count else None


def _aligned(axis: int, item: Item, operand: Item) -> int:
    """The axis of an operand that stands where this axis of an item does."""
    return axis - len(item.shape) + len(operand.shape)


@dataclasses.dataclass(slots=True)
class Run:
    """Steps that might be a tile, with the axes of their results; those to do before, and those that are left.

    ``reached`` is the position of the last one.
    """

    before: list[Step]
    members: list[Step]
    rest: list[Step]
    axes: dict[int, int]
    reached: int


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
    able = {step.item.number: order_of(step.item.value) for step in plan.steps if _is_member(step)}
    if not able:
        return
    users: dict[int, list[int]] = {item.number: [-1] for item in (*plan.watched, *plan.bounded, *outs)}
    for step in plan.steps:
        for arg in (step.item,) if step.question else step.item.args:
            users.setdefault(arg.number, []).append(-1 if step.question else step.item.number)
    steps: list[Step] = []
    waiting = plan.steps
    while waiting:
        run = _next(waiting, able)
        tile = _tile(len(steps) + len(run.before), run, users, plan.roots)
        if tile is None:
            steps += waiting[:run.reached + 1]
            waiting = waiting[run.reached + 1:]
        else:
            plan.tiles.append(tile)
            steps += run.before + run.members
            waiting = run.rest
    plan.steps[:] = steps


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


def _axis(step: Step, first: Item, axes: dict[int, int], able: Orders) -> int | None:
    """The axis along which a step is cut as part of a tile, which begins with ``first``; None if it is no part."""
    item = step.item
    if item.number in able and item.shape == first.shape and able[item.number] == able[first.number]:
        axis = able[item.number][0]
    elif step.question or item.kind != "array" or item.boxed or not any(arg.number in axes for arg in item.args):
        return None
    elif item.rule is TRANSPOSE:
        ndim, moved = len(item.shape), item.params["axes"]
        order = tuple(reversed(range(ndim))) if moved is None else tuple(int(i) % ndim for i in moved)
        return order.index(axes[item.args[0].number])
    elif item.rule is MATMUL and item.value.dtype.kind in "fc":
        axis = next(axes[arg.number] - len(arg.shape) + len(item.shape) for arg in item.args if arg.number in axes)
        if not 0 <= axis < len(item.shape) - 2 or any(len(arg.shape) < 2 for arg in item.args):
            return None
    else:
        return None
    return axis if all(axes.get(arg.number, aligned) == aligned for arg in item.args
                       for aligned in (_aligned(axis, item, arg),)) else None


def _next(waiting: list[Step], able: Orders) -> Run:
    """The next run."""
    start = next((i for i, step in enumerate(waiting) if step.question is None and step.item.number in able),
                 len(waiting))
    run = Run(waiting[:start], [], [], {}, start)
    made: set[int] = set()  # by members, or by what needs them
    late: set[int] = set()
    for position in range(start, len(waiting)):
        step = waiting[position]
        item = step.item
        if step.question or position - run.reached > REACH:
            run.rest += waiting[position:]
            break
        needs = {arg.number for arg in item.args}
        axis = None if needs & late else _axis(step, waiting[start].item, run.axes, able)
        if axis is not None:
            run.members.append(step)
            run.axes[item.number] = axis
            run.reached = position
            made.add(item.number)
        elif needs & made or item.number in able:
            run.rest.append(step)
            made.add(item.number)
            late.add(item.number)
        else:
            run.before.append(step)
    _leave_strangers(run, waiting)
    return run


def _leave_strangers(run: Run, waiting: list[Step]) -> None:
    """Leave steps in their places (those of ``waiting``) that share no array with the others of a run.

    They would spare no pass through memory; and the slopes that a sweep needs at its end, all computed at the first
    tile of the forward program, would be held together with all that they are computed from.
    """
    readers: dict[int, int] = {}
    for step in run.members:
        for number in {arg.number for arg in step.item.args if arg.kind == "array"}:
            readers[number] = readers.get(number, 0) + 1
    strangers = [step for step in run.members[1:] if step.item.number not in readers and not any(
        arg.number in run.axes or readers.get(arg.number, 0) > 1 for arg in step.item.args)]
    for step in strangers:
        run.members.remove(step)
        del run.axes[step.item.number]
    if strangers:
        places = {id(step): position for position, step in enumerate(waiting)}
        run.rest = sorted([*run.rest, *strangers], key=lambda step: places[id(step)])


def _tile(first: int, run: Run, users: dict[int, list[int]], roots: dict[int, frozenset[int]]) -> Tile | None:
    """The tile that a run makes from this position on, if it spares passes through memory."""
    members = {step.item.number: step.item for step in run.members}
    if not members:
        return None
    used = {number for number, item in members.items() if item.rule is MATMUL
            or any(user not in members for user in users.get(number, ()))}
    for item in reversed(members.values()):
        if item.rule is TRANSPOSE and item.number in used:
            used.add(item.args[0].number)
    local = frozenset(members.keys() - used)
    item, axes = run.members[0].item, run.axes
    reads = [root for member in members.values() if member.rule is not TRANSPOSE for root in
             {root for arg in member.args if arg.kind == "array" and arg.value.nbytes * 2 >= item.value.nbytes
              for root in roots[arg.number]}]
    outside = set(reads) - members.keys()
    written = sum(members[number].rule is not TRANSPOSE for number in local)
    spared = item.value.nbytes * (written + sum(number not in local for number in reads) - len(outside))
    if spared < WORTH or spared < PASSES * item.value.nbytes:
        return None
    count = item.shape[axes[item.number]]
    entries = min(MOST, max(FEWEST, CACHE // (item.value.itemsize * min(len(outside) + len(members), 12))))
    size = max(1, entries * count // item.value.size)
    size = next((some for some in range(size, size // 2, -1) if count % some == 0), size)
    if count < PIECES * size or item.value.size // count > MOST:
        return None
    return Tile(first, first + len(members) - 1, axes, count, size, local)


def piece(tile: Tile, item: Item) -> Any:
    """An example of the memory of one piece of a local result."""
    cut = tile.axes[item.number]
    shape = tuple(tile.size if axis == cut else size for axis, size in enumerate(item.shape))
    axes = [*(i for i in range(len(shape)) if shape[i] == 1), *(i for i in order_of(item.value) if shape[i] > 1)]
    return np.empty([shape[i] for i in axes], item.value.dtype).transpose(np.argsort(axes))

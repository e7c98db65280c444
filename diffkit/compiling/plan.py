"""The order of a program's operations, and where each result is stored.

Order: what the first question needs, the question, what the second needs, …, then all that the
result needs.  A call on another path is thus found out early, and what nobody needs is dropped.

Storage: an operation that can write into a given array (``out=``) gets a *slot*, a temporary that
lives from call to call, unless its result leaves the program.  A slot is free again after the
last use of its contents and of all views of them, and an operation may take the slot of an
operand that dies with it (in place).  Writes with an index (``a[index] += v``) go into a itself
where nobody needs the old a.

What a value shares memory with (its *roots*) is read off the recorded run, in which views
had the same memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from diffkit.compiling.program import REORDERED, SUBTRACT_AT, Item, Program, is_ufunc_call
from diffkit.compiling.recording import Question, is_nan_question
from diffkit.compiling.standins import is_whole
from diffkit.compiling.tiles import Tile, gather, piece
from diffkit.rules.contractions import MATMUL
from diffkit.rules.indexing import GETITEM, _is_basic
from diffkit.rules.kinds import TABLE
from diffkit.rules.reductions import SUM
from diffkit.rules.shapes import BROADCAST_TO, RESHAPE, TRANSPOSE
from diffkit.rules.writing import ADD_AT, SETITEM

#: Rules whose result may be a view of their operand.
VIEWS = frozenset([RESHAPE, TRANSPOSE, BROADCAST_TO, GETITEM])
#: Rules that hand all entries of their operands on.
GATHER = frozenset(["reshape", "transpose", "concatenate", "pack"])
WRITES = frozenset([SETITEM, ADD_AT, SUBTRACT_AT])


@dataclasses.dataclass(slots=True)
class Step:
    """An operation or a question, with its storage: a slot's number, or the operand written into."""

    item: Item
    question: Question | None = None
    slot: int | None = None
    in_place: bool = False


@dataclasses.dataclass(slots=True)
class Plan:
    """The steps in order; an example of each slot's array; the items that are watched for NaN."""

    steps: list[Step]
    slots: list[Any]
    watched: list[Item]
    roots: dict[int, frozenset[int]]
    bounded: tuple[Item, ...] = ()
    tiles: list[Tile] = dataclasses.field(default_factory=list)


def plan(program: Program, owned: frozenset[int] = frozenset(), has_tiles: bool = False) -> Plan:
    """Order and storage of a program; ``owned`` are inputs that it may write into, ``has_tiles`` allows these."""
    result = order(program)
    outs = [out for out in program.outs if isinstance(out, Item)]
    if has_tiles:
        gather(result, outs)
    _write_in_place(result, outs, owned)
    _assign_slots(result, outs)
    return result


def order(program: Program) -> Plan:
    """The order alone."""
    watched: dict[int, Item] = {}
    steps: list[Step] = []
    done: set[int] = set()
    asked: set[Any] = set()
    for item, question in program.questions:
        if is_nan_question(question):
            if item.source == "call" and item.value.dtype.kind in "fc":
                watched[item.number] = item
            continue
        if item.source != "constant" and (item.number, question.ask) not in asked:
            asked.add((item.number, question.ask))
            _need([item], done, steps)
            steps.append(Step(item, question))
    outs = [out for out in program.outs if isinstance(out, Item)]
    _need([*outs, *program.bounded], done, steps)
    return Plan(steps, [], _watched(watched.values(), steps, done), _roots(program.items, done), program.bounded)


def _watched(derivatives: Iterable[Item], steps: list[Step], done: set[int]) -> list[Item]:
    """The items in which to look for the NaN that make f look for structural zeros.

    These replace contributions that are NaN, and change nothing else.  So a derivative that no
    result depends on need not be watched, and of rows that are only stacked the stack is enough.
    """
    users: dict[int, list[Item | None]] = {}
    for step in steps:
        for arg in (step.item,) if step.question else step.item.args:
            users.setdefault(arg.number, []).append(None if step.question else step.item)
    found: dict[int, Item] = {}
    for item in derivatives:
        if item.number in done:
            while len(using := users.get(item.number, [])) == 1 and using[0] and using[0].rule.name in GATHER:
                item = using[0]
            found[item.number] = item
    return list(found.values())


def _need(items: Iterable[Item], done: set[int], steps: list[Step]) -> None:
    """Append the operations that lead to ``items``, in the order in which they were recorded.

    Sums over the steps of a loop are thus added to as the terms come, for all results at once.
    """
    missing: dict[int, Item] = {}
    waiting = list(items)
    while waiting:
        one = waiting.pop()
        if one.number in done or one.number in missing:
            continue
        missing[one.number] = one
        waiting += one.args
    for number in sorted(missing):
        done.add(number)
        if missing[number].source == "call":
            steps.append(Step(missing[number]))


def is_fresh(item: Item) -> bool:
    """Whether the result is surely memory of its own."""
    return item.source == "call" and (
        is_ufunc_call(item) or item.rule is MATMUL or item.rule is REORDERED or item.rule in WRITES)


def _roots(items: list[Item], done: set[int]) -> dict[int, frozenset[int]]:
    """For each item the items whose memory it may share (itself, if it has its own)."""
    roots: dict[int, frozenset[int]] = {}
    for item in items:
        if item.number not in done:
            continue
        shared: set[int] = set()
        if item.source == "call" and not is_fresh(item) and item.kind != "number":
            for arg in item.args:
                if arg.kind in ("number", "weak"):
                    continue
                if item.kind != "array" or item.rule in VIEWS or arg.source == "constant" or arg.kind != "array" \
                        or np.may_share_memory(item.value, arg.value):
                    shared |= roots[arg.number]
        roots[item.number] = frozenset(shared) or frozenset([item.number])
    return roots


def _last_uses(steps: list[Step], roots: dict[int, frozenset[int]], forever: list[Item]) -> dict[int, int]:
    """The position of the last step that uses each root's memory."""
    last: dict[int, int] = {}
    for position, step in enumerate(steps):
        for item in (step.item, *(() if step.question else step.item.args)):
            for root in roots[item.number]:
                last[root] = position
    for item in forever:
        for root in roots[item.number]:
            last[root] = len(steps)
    return last


def _write_in_place(plan: Plan, outs: list[Item], owned: frozenset[int] = frozenset()) -> None:
    """Let ``a[index] += v`` change a where it is fresh and not needed any more."""
    roots, steps = plan.roots, plan.steps
    last = _last_uses(steps, roots, [*plan.watched, *plan.bounded, *outs])
    made = {step.item.number: step.item for step in steps if not step.question}
    sharing: dict[int, list[int]] = {}
    for number, found in roots.items():
        for root in found:
            sharing.setdefault(root, []).append(number)
    for position, step in enumerate(steps):
        item = step.item
        if step.question or item.rule not in WRITES:
            continue
        a, v = item.args
        root, = roots[a.number] if len(roots[a.number]) == 1 else (-1,)
        whole = a.number if a.number in owned else _own(a, made, roots)
        is_ours = root == whole and (root in made or root in owned)
        if is_ours and last[root] == position and root not in roots[v.number]:
            step.in_place = True
            previous = last[item.number]
            for number in sharing[item.number]:
                roots[number] = (roots[number] - {item.number}) | {root}
            sharing[root] += sharing[item.number]
            last[root] = previous


def _own(a: Item, made: dict[int, Item], roots: dict[int, frozenset[int]]) -> int:
    """The root of a, if a is all of a fresh array; else -2."""
    if a.number not in made or a.kind != "array":
        return -2
    if not is_fresh(a) and (roots[a.number] != frozenset([a.number]) or not is_whole(a.value)
                            or TABLE.get(a.rule.name) is not a.rule):
        return -2
    return next(iter(roots[a.number]))


def takes_out(item: Item) -> bool:
    """Whether the operation can write its result into a given array."""
    if item.kind != "array" or not item.shape or item.source != "call":
        return False
    if is_ufunc_call(item) or item.rule in WRITES or item.rule is REORDERED:
        return not item.value.dtype.hasobject
    return item.rule in (MATMUL, SUM) and item.value.dtype.kind in "fc"


def _assign_slots(plan: Plan, outs: list[Item]) -> None:
    """Give temporaries to operations; those of dead values are used again."""
    roots = plan.roots
    steps = plan.steps
    last = _last_uses(steps, roots, [*plan.watched, *plan.bounded])
    local = _assign_pieces(plan)
    for tile in plan.tiles:  # each of its turns reads what the ones before have read
        for root, position in last.items():
            if tile.first <= position <= tile.last:
                last[root] = tile.last
    kept = {root for out in outs for root in roots[out.number]}
    dying: dict[int, list[int]] = {}
    for root, position in last.items():
        dying.setdefault(position, []).append(root)
    free: dict[Any, list[int]] = {}
    taken: dict[int, int] = {}
    for position, step in enumerate(steps):
        item = step.item
        if not step.question and not step.in_place and takes_out(item) and not kept & roots[item.number] \
                and item.number not in local:
            key = (item.shape, item.value.dtype, item.value.strides)
            slot = None
            if is_ufunc_call(item):
                slot = _operand_slot(item, key, position, last, roots, taken)
            if slot is None:
                slot = free[key].pop() if free.get(key) else len(plan.slots)
                if slot == len(plan.slots):
                    plan.slots.append(item.value)
            step.slot = slot
            taken[item.number] = slot
        for root in dying.get(position, ()):
            slot = taken.pop(root, None)
            if slot is not None:
                example = plan.slots[slot]
                free.setdefault((example.shape, example.dtype, example.strides), []).append(slot)


def _assign_pieces(plan: Plan) -> frozenset[int]:
    """Give temporaries of a piece's size to what only one tile needs; the numbers of these items."""
    for tile in plan.tiles:
        within = plan.steps[tile.first:tile.last + 1]
        last = {root: i for i, step in enumerate(within) for arg in (step.item, *step.item.args)
                for root in plan.roots[arg.number]}
        taken: dict[int, int] = {}
        free: dict[Any, list[int]] = {}
        for i, step in enumerate(within):
            for number in {root for arg in step.item.args for root in plan.roots[arg.number]}:
                if number in taken and last[number] == i:  # its entries are read before they are written over
                    slot = taken.pop(number)
                    free.setdefault(plan.slots[slot].dtype, []).append(slot)
            if step.item.number in tile.local and takes_out(step.item):
                dtype = step.item.value.dtype
                step.slot = free[dtype].pop() if free.get(dtype) else len(plan.slots)
                if step.slot == len(plan.slots):
                    plan.slots.append(piece(tile, step.item))
                taken[step.item.number] = step.slot
    return frozenset(number for tile in plan.tiles for number in tile.local)


def _operand_slot(item: Item, key: Any, position: int, last: dict[int, int], roots: dict[int, frozenset[int]],
                  taken: dict[int, int]) -> int | None:
    """The slot of an operand that dies here and has the result's layout."""
    for arg in item.args:
        number = arg.number
        if (number in taken and last[number] == position and arg.kind == "array"
                and (arg.shape, arg.value.dtype, arg.value.strides) == key
                and not any(number in roots[other.number] for other in item.args if other is not arg)):
            return taken.pop(number)
    return None


def is_basic(index: Any) -> bool:
    """Whether an index gives a view."""
    return bool(_is_basic(index))

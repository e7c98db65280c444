"""A turn in the order in which operations done together follow each other, and where its values stand."""

from __future__ import annotations

import dataclasses

from diffkit.compiling.program import STILL, Item
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.packs import Call, Pack, Packing, Stack
from diffkit.compiling.rolling.search import Search
from diffkit.compiling.rolling.storage import Stream, can_be_written

#: Operations of a turn that is not too long for the search; bytes of all packs of a loop.
MOST_OPERATIONS, MOST_PACKED = 80, 1 << 24


@dataclasses.dataclass(slots=True)
class Layout:
    """A packing of a turn whose items are in order.

    Attributes
    ----------
    homes : dict
        For an operation's number its pack, lane and row in turn 0.
    heights : list of int
        How many rows each pack has.
    calls : dict
        By the number of the second of two operations what is called for both; ``firsts`` are the others' numbers.
    starts : list of (int, int, int, Item)
        Pack, lane, row and input: what stands there before the first turn.
    """

    packs: list[Pack] = dataclasses.field(default_factory=list)
    heights: list[int] = dataclasses.field(default_factory=list)
    homes: dict[int, tuple[int, int, int]] = dataclasses.field(default_factory=dict)
    calls: dict[int, Call] = dataclasses.field(default_factory=dict)
    firsts: set[int] = dataclasses.field(default_factory=set)
    stacks: list[Stack] = dataclasses.field(default_factory=list)
    starts: list[tuple[int, int, int, Item]] = dataclasses.field(default_factory=list)


def layout(loop: Loop, operations: list[Item], streams: dict[int, Stream], apart: set[int]) -> Layout:
    """Where the values of a turn stand next to each other; puts its items into another order where any do."""
    made = Layout()
    is_small = sum(map(can_be_written, operations)) <= MOST_OPERATIONS
    if not is_small or len({item.quiet for item in operations if item.rule not in STILL}) > 1:
        return made
    found = Search(loop, operations, streams, apart).run()
    if found is None or _bytes(found) > MOST_PACKED:
        return made
    order = found.search.ordered(found)
    assert order is not None
    homes = {id(found.search.operations[number]): home for number, home in found.homes.items()}
    before = [item for item in loop.body.items if item.source != "call"]
    there = {id(item) for item in order}
    behind = [item for item in loop.body.items if item.source == "call" and id(item) not in there]
    shifts = _shifts(found)
    loop.body.items[:] = [*before, *order, *behind]
    for number, item in enumerate(loop.body.items):
        item.number = number
        if id(item) in homes:
            which, lane, row = homes[id(item)]
            made.homes[number] = which, lane, row + shifts[which]
    made.packs = found.packs
    for which, pack in enumerate(found.packs):
        pack.fills = {lane: (item, row + shifts[which]) for lane, (item, row) in pack.fills.items()}
        rows = [row for its, _, row in made.homes.values() if its == which]
        made.heights.append(loop.turns + max(rows + [row for _, row in pack.fills.values()]))
    for call in found.calls:
        call.operands = [(key[0], key[1] + shifts[key[0]]) if type(key) is tuple else key for key in call.operands]
        made.calls[call.second.number] = call
        made.firsts.add(call.first.number)
        made.stacks += [key for key in call.operands if type(key) is Stack and key not in made.stacks]
    for item, after in loop.carried:
        if after.number in made.homes:
            which, lane, row = made.homes[after.number]
            if row:
                made.starts.append((which, lane, row - 1, item))
    return made


def _bytes(found: Packing) -> int:
    """The memory of all packs and stacks, or a little more."""
    values = [pack.like.value for pack in found.packs]
    values += [key.items[0].value for call in found.calls for key in call.operands if type(key) is Stack]
    return 2 * found.search.loop.turns * sum(int(value.nbytes) for value in values)


def _shifts(found: Packing) -> list[int]:
    """By how many rows to move what stands in each pack, so that no row is before the first."""
    rows: list[list[int]] = [[row for _, row in pack.fills.values()] for pack in found.packs]
    for pack, _, row in found.homes.values():
        rows[pack].append(row)
    for call in found.calls:
        for key in call.operands:
            if type(key) is tuple:
                rows[key[0]].append(key[1])
    return [-min(its) for its in rows]

"""Where the values of a loop's turns stand.

A value that others read, of all turns, is a row of a *table*: an operation writes it there (``out=``).  A value that
only the next turn reads stands in one of two buffers that take turns.  What a loop reads by rows, it reads one row
after the other:

    for v5, v7, v9 in zip(b3, b5, cycle((b0, b1))):           # rows of an array, of a table, and two buffers
        multiply(v5, v2, v7)
        add(v7, v5, v9)
        v2 = v9

A row costs 40 ns to take out of an array and 5 to step to in a list, so lists of the rows live from call to call, as
temporaries do.  A table that a result of the program shares memory with is the caller's own, and new in each call.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from diffkit.compiling.plan import WRITES, Plan, is_fresh, takes_out
from diffkit.compiling.program import ENTRY, Item, Program
from diffkit.compiling.rolling.loops import RESULT, Loop
from diffkit.compiling.rolling.regions import Affine
from diffkit.compiling.rolling.split import MOST_ROW, MOST_ROWS, slice_of
from diffkit.rules.indexing import GETITEM


def can_be_written(item: Item) -> bool:
    """Whether an operation's result is all its own, and can be written into a given array."""
    return takes_out(item) and is_fresh(item) and item.rule not in WRITES and item.value.flags.c_contiguous \
        and item.value.size > 0


def fits_table(item: Item, turns: int) -> bool:
    """Whether an item's values of all turns are to stand in one array."""
    return item.kind == "array" and can_be_written(item) and item.value.nbytes <= MOST_ROW \
        and item.value.nbytes * turns <= MOST_ROWS


def buffers(loop: Loop, plan: Plan) -> dict[int, tuple[Item, int]]:
    """The items that only later turns read, and in how many buffers they take turns: one for each turn, and one."""
    found: dict[int, tuple[Item, int]] = {}
    tables = {inner.number for inner, _ in loop.tables}
    for _, item in loop.carried:
        if item.number in found or item.number in tables or item.kind != "array" or item.source != "call" \
                or not can_be_written(item):
            continue
        generations = [{item.number}]
        while generations[-1]:
            generations.append({before.number for before, after in loop.carried if after.number in generations[-1]})
            if len(generations) > len(loop.carried) + 2:
                break  # carried round in a ring
        members = set().union(*generations)
        held = [inner for inner, _ in loop.lists]
        held += [after for _, after in loop.carried if after.number not in members]
        if not generations[-1] and not any(plan.roots[other.number] & members for other in held):
            found[item.number] = item, len(generations) - 1
    return found


@dataclasses.dataclass(slots=True)
class Stream:
    """An item of a turn that is read one after the other from what an input (or a constant) holds."""

    item: Item
    of: Item
    places: slice

    @property
    def is_whole(self) -> bool:
        """Whether all that an array holds is read in its order."""
        return self.of.kind == "array" and self.places.start == 0 and self.places.step == 1 \
            and self.places.stop == len(self.of.value)

    def text(self, name: str) -> str:
        """The source of what the turns step through."""
        if self.is_whole:
            return name
        start, stop, step = self.places.start, self.places.stop, self.places.step
        return f"{name}[{start or ''}:{'' if stop is None else stop}{f':{step}' if step != 1 else ''}]"


def stream(item: Item, loop: Loop, floats: frozenset[int], changing: set[int]) -> Stream | None:
    """How an item of a turn is read, if it is read one after the other."""
    if item.rule is ENTRY:
        of, place = item.args[0], item.params["position"]
        is_read = of.source != "call" and (item.kind == "array" or item.number in floats)
    elif item.rule is GETITEM:
        of, place = item.args[0], item.params["index"]
        is_read = of.source == "input" and item.kind == "array" and of.number not in changing
    else:
        return None
    places = slice_of(place, loop.turns) if is_read and type(place) is Affine else None
    return None if places is None else Stream(item, of, places)


def escaping(program: Program) -> set[int]:
    """The items whose memory a result of the program may share."""
    found: set[int] = set()
    waiting = [out for out in program.outs if isinstance(out, Item)]
    while waiting:
        item = waiting.pop()
        if item.number not in found and item.source == "call":
            found.add(item.number)
            if not is_fresh(item) and not (item.rule is RESULT and _is_new(item)):
                waiting += item.args
    return found


def _is_new(result: Item) -> bool:
    """Whether a result of a loop is surely no part of what the loop was given."""
    kind, position = result.params["position"]
    loop: Any = result.args[0].rule
    return kind == "table" or is_fresh((loop.lasts if kind == "last" else loop.lists)[position][0])

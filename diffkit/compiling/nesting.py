"""Numbers that stand inside the expression that uses them.

A local variable keeps its float until the program ends, and each such float is memory that Python has to find;
one that is used at once goes back to Python's short list of free ones.  So what is used once and soon has no name:

    v843 = v825 / v9 * v18 * -2.0 * v18
"""

from __future__ import annotations

from collections.abc import Iterable

from diffkit.compiling.plan import Plan
from diffkit.compiling.program import Item
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import TABLE

#: How many steps later the use may be.
NEAR = 8


def nested(plan: Plan, floats: frozenset[int], outs: Iterable[Item]) -> frozenset[int]:
    """Of the items that are Python's floats, those that are used once, by another or a question, and soon.

    An entry of an array is read where it stands: later the array may hold something else.
    """
    named = {item.number for item in (*plan.watched, *outs)}
    made: dict[int, int] = {}
    used: dict[int, int] = {}
    for position, step in enumerate(plan.steps):
        item = step.item
        if step.question is not None:
            is_text, operands = step.question.ask is bool, [item]
        else:
            is_text, operands = item.number in floats, list(item.args)
            if is_text and item.rule is not GETITEM:
                made[item.number] = position
        for arg in operands:
            is_once = is_text and arg.number not in used and item.rule is not TABLE["square"]
            used[arg.number] = position if is_once else -1
    return frozenset(number for number, position in made.items()
                     if number not in named and 0 < used.get(number, -1) - position <= NEAR)

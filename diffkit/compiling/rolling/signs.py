"""Minus signs leave a loop where they can: exp(-(h * w + b)) is exp(h * (-w) + (-b)) to the bit.

Rounding is symmetric, so a sign may pass a product or a quotient into an operand that is the same in all turns (or is
computed for all turns at once), and there is one call less in each turn.  A sign that passes a sum changes the sign
of a sum that is zero: 1 - 1 is +0 and -1 + 1 too.  It may do so on its way into exp, cos, cosh, abs or a square,
which do not see that.  Signs of NaN are no matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.compiling.program import Item
from diffkit.compiling.rolling.loops import Loop
from diffkit.compiling.rolling.split import split
from diffkit.rules.arithmetic import ABSOLUTE, ADD, DIVIDE, MULTIPLY, NEGATIVE, SUBTRACT
from diffkit.rules.kinds import TABLE

#: Functions of -0 as of 0.
EVEN_AT_ZERO = {ABSOLUTE, *(TABLE[name] for name in ("exp", "exp2", "cos", "cosh", "square"))}


def fold_signs(loop: Loop, wanted: list[Item]) -> None:
    """Take minus signs out of a loop's turn, of which some items are results."""
    negatives = [item for item in loop.body.items if item.rule is NEGATIVE and _is_real(item)]
    if negatives:
        folding = Folding(loop, wanted)
        for item in negatives:
            folding.fold(item)
        folding.renumber()


def _is_real(item: Item) -> bool:
    return item.kind == "array" and item.value.dtype.kind == "f" and not item.boxed


class Folding:
    """Rewrites the items of one turn."""

    def __init__(self, loop: Loop, wanted: list[Item]) -> None:
        self.loop = loop
        self.early = split(loop, {item.number for item in wanted}).before
        self.carried = {before.number for before, _ in loop.carried}
        self.users: dict[int, list[Any]] = {}
        for item in loop.body.items:
            for arg in item.args:
                self.users.setdefault(id(arg), []).append(item)
        for item in (*wanted, *(after for _, after in loop.carried)):
            self.users.setdefault(id(item), []).append(None)
        self.is_quiet = False
        self.negated: dict[int, Item] = {}
        self.new: dict[int, list[Item]] = {}  # items to come behind others
        self.first: list[Item] = []

    def fold(self, item: Item) -> None:
        """Replace -a by what computes it without a call more, if anything does."""
        a, = item.args
        is_even = all(user is not None and user.rule in EVEN_AT_ZERO for user in self.users.get(id(item), ()))
        if a.source == "call" and a.number not in self.early and self._passes(a, is_even):
            self.is_quiet = item.quiet
            self._negative(a, is_even)
            item.rule, item.args = a.rule, a.args

    def _passes(self, a: Item, is_even: bool) -> bool:
        """Whether -a takes no call more than a; where it is zero, its sign may be another if ``is_even``."""
        if a.source == "constant":
            return a.kind in ("array", "number") and a.value.dtype.kind == "f"
        if a.source == "input":
            return _is_real(a) and a.number not in self.carried
        if not _is_real(a) or a.number in self.early or len(self.users[id(a)]) > 1:
            return _is_real(a) and a.number in self.early
        return (a.rule is SUBTRACT and is_even) or bool(self._operands(a, is_even))

    def _operands(self, a: Item, is_even: bool) -> list[tuple[int, bool]]:
        """Which operands to negate for -a, and which of these may be zeros of another sign."""
        if a.rule is ADD:
            return [(0, True), (1, True)] if is_even and all(self._passes(arg, True) for arg in a.args) else []
        order = {MULTIPLY: [(1, is_even), (0, is_even)], DIVIDE: [(1, False), (0, is_even)]}.get(a.rule, [])
        return [(i, even) for i, even in order if self._passes(a.args[i], even)][:1]

    def _negative(self, a: Item, is_even: bool) -> Item:
        """What -a is: another item, or a itself, which is made to compute it."""
        if a.source == "call" and a.number not in self.early:
            args = list(a.args)
            if a.rule is SUBTRACT:
                args.reverse()
            else:
                for i, even in self._operands(a, is_even):
                    args[i] = self._negative(args[i], even)
            a.args = tuple(args)
            return a
        known = self.negated.get(id(a))
        if known is None:
            known = self.negated[id(a)] = self._made(a)
        return known

    def _made(self, a: Item) -> Item:
        value = np.negative(a.value)
        if a.source == "call":
            item = Item(-1, "call", value, NEGATIVE, [a], {}, a.line, self.is_quiet)
            self.new.setdefault(id(a), []).append(item)
            return item
        item = Item(-1, a.source, value, quiet=self.is_quiet)
        if a.source == "input":
            self.loop.inputs.append(item)
            self.loop.negated.append((item, a))
        self.first.append(item)
        return item

    def renumber(self) -> None:
        """Put new items where they belong."""
        items = list(self.first)
        for item in self.loop.body.items:
            items += [item, *self.new.get(id(item), ())]
        self.loop.body.items[:] = items
        for number, item in enumerate(items):
            item.number = number

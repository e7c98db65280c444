"""Copies of some arrays into another memory order, where all that is computed of them then runs faster.

    x[:, None, :] - means          x of shape (1000, 10), means of shape (25, 10)

runs 25 000 inner loops of length 10.  If x is copied once so that its first axis is the innermost in memory,
NumPy lays this difference, and all that is computed of it, with that axis innermost too: 250 inner loops of
length 1000, and sums over the other axes add whole planes.

The candidates are inputs, constants and what comes of other functions than entrywise ones; each may have each
of its axes innermost.  A candidate's price is an estimate over the whole program (``strides``), its copy and those of
results included: a result has the memory order that f gives it.  The program with products of matrices
for sums of products (``contractions``) is priced too.  Taken is what saves a fifth of the estimate, and 20 µs.

A copy has the same bits; sums may run in another order.  An operation that is not known to take any
memory order gets its operands in the order that they had in the recorded run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.compiling import strides
from diffkit.compiling.contractions import Products, Sum, live, sums_of
from diffkit.compiling.plan import VIEWS
from diffkit.compiling.program import REORDERED, Item, Program, freeze
from diffkit.compiling.recording import is_nan_question
from diffkit.compiling.rolling.loops import Items, Loop
from diffkit.compiling.standins import StandIns
from diffkit.rules.contractions import MATMUL
from diffkit.rules.shapes import RESHAPE

#: What has to be saved: nanoseconds, and the part of the estimate that may remain.
WORTH, REMAINING = 20_000.0, 0.8
#: A copy has to make the rest cheaper than this part.
CHEAPER = 0.95
#: Programs and candidates that are looked at, and copies that are made.
MOST_OPERATIONS, MOST_CANDIDATES, MOST_COPIES = 2000, 12, 3

Orders = dict[int, tuple[int, ...]]


def rearranged(program: Program, stand_ins: StandIns) -> Program:
    """The program with faster sums and memory orders, or itself where these promise no clear gain."""
    needed = needed_of(program)
    if len(needed) > MOST_OPERATIONS or any(type(item.rule) is Loop for item in program.items):
        return program
    if any(item.kind == "array" and (item.value.dtype.kind not in "fcbiu" or not item.value.size) for item in needed):
        return program
    sums = sums_of(program, needed)
    if not sums and sum(_entered(item) for item in needed) < WORTH:
        return program
    plain = Arrangement(program, needed, stand_ins)
    best = _with_copies(plain)
    if sums:
        best = min(best, _with_copies(Arrangement(program, needed, stand_ins, sums)), key=lambda found: found.cost)
    if plain.cost - best.cost < WORTH or best.cost > REMAINING * plain.cost:
        return program
    return best.program()


def _with_copies(plain: Arrangement) -> Arrangement:
    """The cheapest of the arrangements with up to three copies."""
    best = plain
    hopeful = plain.entered >= max(WORTH, (1 - CHEAPER) * plain.cost)
    candidates = _candidates(plain.needed) if hopeful else []
    for _ in range(MOST_COPIES):
        tried = [(best.also(number, axes), (number, axes))
                 for number, axes in candidates if number not in best.orders]
        better = [pair for pair in tried if pair[0].cost < CHEAPER * best.cost]
        if not better:
            break
        best = min(better, key=lambda pair: pair[0].cost)[0]
        candidates = [candidate for _, candidate in better]
    return best


def needed_of(program: Program) -> list[Item]:
    """What results and questions need, in the order of the run."""
    found = {item.number: item for item in program.inputs} | program.needed()
    return sorted(found.values(), key=lambda item: (item.source == "call", item.number))


def _entered(item: Item) -> float:
    """No less than the nanoseconds for which an operation enters inner loops, at a glance."""
    if item.source != "call" or item.kind not in ("array", "number"):
        return 0.0
    entries = max((arg.value.size for arg in (item, *item.args) if arg.kind == "array"), default=0)
    if entries < strides.FEW:
        return 0.0
    shortest = min((size for arg in (item, *item.args) for size in arg.shape if size > 1), default=1)
    return strides.REDUCING_LOOP * entries / shortest


def _candidates(needed: list[Item]) -> list[tuple[int, tuple[int, ...]]]:
    """The largest arrays that do not have the memory order of what they are computed of, each axis innermost."""
    origins = [item for item in needed if item.kind == "array"
               and (item.source != "call" or item.rule is MATMUL or not strides.is_indifferent(item))
               and item.value.dtype.kind in "fcbiu" and item.value.size >= strides.FEW
               and sum(size > 1 for size in item.shape) > 1 and 0 not in item.value.strides]
    found = []
    for item in sorted(origins, key=lambda item: -item.value.size):
        axes = strides.order(item.value)
        last = next(axis for axis in reversed(axes) if item.shape[axis] > 1)
        found += [(item.number, (*(i for i in axes if i != axis), axis))
                  for axis in axes if item.shape[axis] > 1 and axis != last]
    return found[:MOST_CANDIDATES]


class Arrangement:
    """The program with copies of some items in other orders, and what one run takes by estimate.

    ``sums`` become products of matrices; ``walks`` are prices that are known already.
    """

    def __init__(self, program: Program, needed: list[Item], stand_ins: StandIns, sums: dict[int, Sum] | None = None,
                 orders: Orders | None = None, walks: dict[Any, strides.Walk] | None = None) -> None:
        self.orders = orders or {}
        self.needed = needed
        self._sums = sums or {}
        self.cost = self.entered = 0.0
        self._program = program
        self._stand_ins = stand_ins
        self._walks: dict[Any, strides.Walk] = {} if walks is None else walks
        self._items = Items()
        self._found: dict[int, Item] = {}
        self._recorded: dict[int, Item] = {}  # in the order of the recorded run
        self._products = Products(self._make, self._number, self._found)
        for item in live(program, needed, self._sums) if self._sums else needed:
            self._add(item)
        bases = {base.number: base for found in self._sums.values() for base in found.bases}
        self.cost += sum(strides.CALL + strides.BESIDE * np.size(base.value) for base in bases.values())
        self._bounded = tuple(self._found[number] for number in bases)
        self._outs = [self._result(out) if isinstance(out, Item) else out for out in program.outs]

    def also(self, number: int, axes: tuple[int, ...]) -> Arrangement:
        """The same with one copy more."""
        return Arrangement(self._program, self.needed, self._stand_ins, self._sums, {**self.orders, number: axes},
                           self._walks)

    def program(self) -> Program:
        """The program itself."""
        program = self._program
        results = {out.number: new for out, new in zip(program.outs, self._outs) if isinstance(out, Item)}
        questions = []
        for item, question in program.questions:
            if not is_nan_question(question):
                questions.append((self._as_recorded(item), question))
            elif item.number in self._found:
                questions.append((results.get(item.number, self._found[item.number]), question))
        inputs = [self._recorded.get(item.number, self._found[item.number]) for item in program.inputs]
        return Program(self._items.items, inputs, questions, self._outs, program.simplified, self._bounded)

    def _add(self, item: Item) -> None:
        if item.source != "call":
            new = self._items.make(item.source, item.value)
            new.original = item.original
        elif item.number in self._sums:
            new = self._products.sum(self._sums[item.number])
        else:
            args = [self._found[arg.number] for arg in item.args]
            is_moved = any(new.value is not arg.value for new, arg in zip(args, item.args))
            if is_moved and not strides.is_indifferent(item):
                args, is_moved = [self._as_recorded(arg) for arg in item.args], False
            new = self._items.call(item, args, item.params)
            self._price(new, is_moved)
        self._found[item.number] = new
        if item.number in self.orders:
            self._recorded[item.number] = new
            self._found[item.number] = self._copy(new, self.orders[item.number])

    def _make(self, like: Item, rule: Any, args: list[Item], params: dict[str, Any]) -> Item:
        """A new operation on arrays, in place of one of the program's."""
        shapes = [arg.shape for arg in args]
        if rule in VIEWS:
            shape = params["shape"] if rule is RESHAPE else tuple(shapes[0][axis] for axis in params["axes"])
        else:
            shape = (*shapes[0][:-1], shapes[1][-1]) if rule is MATMUL else np.broadcast_shapes(*shapes)
        new = self._items.make("call", np.broadcast_to(0.0, shape), rule, args, params, like.line, like.quiet)
        self._price(new, True)
        return new

    def _number(self, value: float) -> Item:
        new = self._items.make("constant", value)
        new.original = value
        return new

    def _price(self, item: Item, is_moved: bool) -> None:
        """Add what an operation costs, and give it its layout where an operand's is not that of the recorded run."""
        values = [arg.value for arg in item.args]
        if item.rule in VIEWS and item.kind == "array":
            if is_moved:
                with np.errstate(all="ignore"):
                    item.value = self._stand_ins.of(item.rule.call(*values, **item.params))
            if not np.may_share_memory(item.value, values[0]):
                self.cost += strides.CALL + strides.APART * item.value.size
            return
        key = (id(item.rule), is_moved, freeze(item.params), item.shape,
               *(getattr(value, "strides", None) for value in values), *(np.shape(value) for value in values))
        walked = self._walks.get(key)
        if walked is None:
            walked = self._walks[key] = strides.walk(item, values, is_moved)
        self.cost += walked.cost
        self.entered += walked.entered
        if is_moved and item.kind == "array":
            item.value = self._blank(item, walked.strides)

    def _blank(self, item: Item, layout: tuple[int, ...]) -> Any:
        return self._stand_ins.of(strides.blank(item.shape, item.value.dtype, layout))

    def _copy(self, item: Item, axes: tuple[int, ...]) -> Item:
        """An item in another memory order; a constant is copied once and for all."""
        if item.source == "constant":
            new = self._items.make("constant", REORDERED.call(item.value, axes))
            new.original = item.original
            return new
        layout = strides.in_order(item.shape, item.value.dtype, axes)
        self.cost += strides.copied(item.value, layout)
        return self._items.make("call", self._blank(item, layout), REORDERED, [item], {"axes": axes}, item.line)

    def _as_recorded(self, item: Item) -> Item:
        """An item in the memory order that it had in the recorded run."""
        known = self._recorded.get(item.number)
        if known is None:
            known = self._found[item.number]
            if known.kind == "array" and known.value.strides != item.value.strides:
                known = self._copy(known, strides.order(item.value))
            self._recorded[item.number] = known
        return known

    def _result(self, item: Item) -> Item:
        """An item as a result, in the order that a copy of the recorded run's would have."""
        new = self._found[item.number]
        if new.kind != "array" or strides.are_alike(new.value, item.value):
            return self._recorded.get(item.number, new) if item.number in self.orders else new
        return self._as_recorded(item)

"""A plan as straight-line NumPy source, which the user can read.

    def program(inputs):
        x0, = inputs
        b0, b1 = slots = take()
        v2 = sin(x0, b0)                                  # model.py:12
        v3 = multiply(v2, c1, b0)                         # model.py:12
        …

``x`` are inputs, ``c`` constants, ``b`` temporaries that live from call to call, ``v`` results.
Nothing of the user's enters the text but file names in comments, of which only printable ASCII is
kept; names of functions come from the table, and constants are names in the namespace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit import quiet, tree
from diffkit.compiling.naming import RESERVED
from diffkit.compiling.plan import VIEWS, WRITES, Plan
from diffkit.compiling.program import Item, Program
from diffkit.compiling.standins import LARGE, is_stand_in, is_whole
from diffkit.compiling.steps import Steps
from diffkit.compiling.strides import order
from diffkit.rules.shapes import BROADCAST_TO

#: How large the entries of what a program's products are made of may be.
BOUND = 1e15
#: What a program returns in place of a result: it met a NaN where none was recorded.
MET_NAN = -1


class Emitter(Steps):
    """Writes the source of one program and collects the namespace that it runs in."""

    def __init__(self, program: Program, plan: Plan, output: tree.Structure,
                 floats: frozenset[int] = frozenset(), may_be_floats: bool = False) -> None:
        super().__init__(program, plan, dict.fromkeys(RESERVED), {},
                         {item.number: f"x{i}" for i, item in enumerate(program.inputs)}, floats, may_be_floats)
        self.lines: list[str] = []
        self._write(output)
        self.namespace.update(abs=abs, int=int, float=float, silence=quiet.silence, restore=quiet.restore)

    @property
    def source(self) -> str:
        return "\n".join(self.lines) + "\n"

    # --- the whole -----------------------------------------------------------------------------
    def _write(self, output: tree.Structure) -> None:
        names = [self._names[item.number] for item in self.program.inputs]
        body: list[str] = []
        steps = self._steps()
        slots = [f"b{i}" for i in range(len(self.plan.slots))]
        body.append(f"{', '.join(names)}{',' * (len(names) == 1)} = inputs" if names else "")
        if slots:
            body.append(f"{', '.join(slots)}{',' * (len(slots) == 1)} = slots = take()")
        steps += self._bound()
        steps += self._watch()
        steps += self._mode(False)
        body += steps
        if any("token" in line for line in steps):
            body = [*body[:1 + bool(slots)], "token = None", "try:", *("    " + line for line in steps),
                    "finally:", "    if token is not None:", "        restore(token)"]
        body += self._result(output)
        self.lines = [*self.loops, "def program(inputs):", *("    " + line for line in body if line)]

    def _steps(self) -> list[str]:
        lines: list[str] = []
        dying = self._dying()
        tiles = {tile.first: tile for tile in self.plan.tiles}
        inside = {i for tile in self.plan.tiles for i in range(tile.first, tile.last + 1)}
        for position, step in enumerate(self.plan.steps):
            if position in tiles:
                lines += self.tiled(tiles[position])
            if position in inside:
                pass
            elif step.question is not None:
                lines += self._question(step.item, step.question)
            else:
                lines += self._step(step)
            if position in dying:
                lines.append(f"del {', '.join(self.name(item) for item in dying[position])}")
        return lines

    def _dying(self) -> dict[int, list[Item]]:
        """After which step to let go of which large arrays (those in temporaries are kept)."""
        made: dict[int, Item] = {}
        last: dict[int, int] = {}
        forever = (*self.plan.watched, *self.plan.bounded, *self.program.outs)
        kept = {item.number for item in forever if isinstance(item, Item)}.union(
            *(tile.local for tile in self.plan.tiles))
        for position, step in enumerate(self.plan.steps):
            item = step.item
            for arg in (item,) if step.question else item.args:
                last[arg.number] = position
            if step.question is None and item.rule in WRITES:
                kept |= {item.number, item.args[0].number}  # which may be two values of one name
            elif step.question is None and step.slot is None and item.kind == "array" and self._holds_much(item):
                made[item.number] = item
        dying: dict[int, list[Item]] = {}
        for number, item in made.items():
            if number in last and number not in kept:
                dying.setdefault(last[number], []).append(item)
        return dying

    def _holds_much(self, item: Item) -> bool:
        return any(self.program.items[root].kind == "array" and self.program.items[root].value.nbytes >= LARGE
                   for root in self.plan.roots[item.number])

    def _bound(self) -> list[str]:
        """One test for all numbers that have to be small, or the program without products of matrices runs."""
        terms = []
        for item in self.plan.bounded:
            name = self.name(item)
            if item.kind == "number":
                terms.append(f"{name} * {name}")
            elif item.value.flags.c_contiguous:
                terms.append(f"{self.function('vdot', np.vdot)}({name}, {name})")
            else:
                axes = self.literal(order(item.value))
                terms.append(f"{self.function('squares', _squares)}({name}, {axes})")
        if not terms:
            return []
        give_back = "give(slots); " if self.plan.slots else ""
        return [*self._mode(True), f"n = {' + '.join(terms)}",
                self.commented(f"if not n <= {BOUND ** 2:g}: {give_back}return otherwise(inputs)",
                               "may products of these overflow?")]

    def _watch(self) -> list[str]:
        """One test for all derivatives in which diffkit looked for NaN."""
        terms = []
        for item in self.plan.watched:
            name = self.raw(item) if item.number in self.floats else self.name(item)
            if item.kind == "number":
                terms.append(f"{name} * {name}")
            elif item.value.flags.c_contiguous and item.value.dtype.char in "fdFD":
                terms.append(f"{self.function('vdot', np.vdot)}({name}, {name})")
            else:
                terms.append(f"{self.function('nan_sum', _nan_sum)}({name})")
        if not terms:
            return []
        give_back = "give(slots); " if self.plan.slots else ""
        is_quiet = any(item.number not in self.floats for item in self.plan.watched)
        return [*self._mode(is_quiet), f"n = {' + '.join(terms)}",
                self.commented(f"if n != n: {give_back}return {MET_NAN}, None", "is there a NaN in a derivative?")]

    # --- the result -------------------------------------------------------------------------------
    def _result(self, output: tree.Structure) -> list[str]:
        """The result's container, of arrays that are the caller's own."""
        given: set[int] = set()
        texts = []
        for out in self.program.outs:
            if isinstance(out, Item):
                texts.append(self._own(out, given))
            elif isinstance(out, np.ndarray):
                texts.append(f"{self.function('array', np.array)}({self.constant(out)}, order='K')")
            else:
                texts.append(self.constant(out))
        lines = []
        leaves = [f"r{i}" for i in range(len(texts))]
        lines += [f"{leaf} = {text}" for leaf, text in zip(leaves, texts) if leaf != text]
        if self.plan.slots:
            lines.append("give(slots)")
        return [*lines, f"return None, {self._container(output, iter(leaves))}"]

    def _own(self, out: Item, given: set[int]) -> str:
        """An expression for a result that shares its memory with nothing else."""
        name = self.name(out)
        if out.kind != "array":
            return name
        roots = self.plan.roots[out.number]
        own = all(root not in given and self.program.items[root].source == "call" for root in roots)
        given |= roots
        if own and (is_whole(out.value) or all(_holds_all(out, self.program.items[root]) for root in roots)):
            return name
        return f"{self.function('array', np.array)}({name}, order='K')"

    def _container(self, structure: tree.Structure, leaves: Any) -> str:
        """Source that builds a container of plain kinds; others are rebuilt by ``tree``."""
        kind = structure.kind
        if kind is None:
            return str(next(leaves))
        if kind is type(None):
            return "None"
        if structure.prototype is not None:
            inner = ", ".join(next(leaves) for _ in range(structure.size))
            return f"{self.constant(tree.unflatten)}({self.constant(structure)}, [{inner}])"
        parts = [self._container(child, leaves) for child in structure.children]
        if kind is dict:
            keys = [self.constant(key) for key in structure.keys]
            return "{" + ", ".join(f"{key}: {part}" for key, part in zip(keys, parts)) + "}"
        if kind is list:
            return f"[{', '.join(parts)}]"
        if hasattr(kind, "_fields"):
            return f"{self.constant(kind)}({', '.join(parts)})"
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def _holds_all(view: Item, owner: Item) -> bool:
    """Whether a view is all of its owner's memory, each entry once, so that a copy would be no different."""
    value = view.value
    ordered = value.transpose(sorted(range(value.ndim), key=lambda axis: -value.strides[axis]))
    return bool(value.nbytes == owner.value.nbytes and ordered.flags.c_contiguous) and _is_writeable(view)


def _is_writeable(view: Item) -> bool:
    """Whether the caller may write into a view: stand-ins for large arrays can't tell, how they were made can."""
    if not is_stand_in(view.value):
        return bool(view.value.flags.writeable)
    return view.rule is not BROADCAST_TO and (view.rule not in VIEWS or _is_writeable(view.args[0]))


def _squares(value: Any, axes: tuple[int, ...]) -> Any:
    """The sum of the squares of an array whose axes lie in this order in memory."""
    value = value.transpose(axes)
    return np.vdot(value, value)


def _nan_sum(value: Any) -> Any:
    return np.add.reduce(value, axis=None)

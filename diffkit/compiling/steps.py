"""The lines of a plan's steps, for a program and for one turn of a loop."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffkit.compiling import numbers
from diffkit.compiling.nesting import nested
from diffkit.compiling.plan import WRITES, Plan, Step, takes_out
from diffkit.compiling.program import STILL, STRONG_FLOAT, Item, Program
from diffkit.compiling.recording import Question, answer_key
from diffkit.compiling.rolling.loops import RESULT, Loop
from diffkit.compiling.strides import order
from diffkit.compiling.tiles import Tile
from diffkit.compiling.wording import Wording
from diffkit.rules.shapes import TRANSPOSE

#: A longer expression gets a name.
WIDEST = 72


class Steps(Wording):
    """Writes steps in order, and changes the error state where NumPy's warnings would differ.

    ``floats`` are the numbers of items that are computed as Python's floats.
    """

    def __init__(self, program: Program, plan: Plan, namespace: dict[str, Any], objects: dict[int, str],
                 names: dict[int, str], floats: frozenset[int], may_be_floats: bool) -> None:
        super().__init__(namespace, objects, floats, names)
        self.program = program
        self.plan = plan
        self.may_be_floats = may_be_floats
        self.loops: list[str] = []
        self.rows: dict[int, str] = {}  # what the rows of items and of slots (~) are called
        self._numbering = {id(question): i for i, (_, question) in enumerate(program.questions)}
        self._is_quiet = False
        self._nested = nested(plan, floats, [out for out in program.outs if isinstance(out, Item)])
        self._inside: dict[int, list[str]] = {}  # the user's lines of what has no name

    def _mode(self, is_quiet: bool) -> list[str]:
        if is_quiet == self._is_quiet:
            return []
        self._is_quiet = is_quiet
        return ["token = silence()"] if is_quiet else ["restore(token)", "token = None"]

    def _step(self, step: Step) -> list[str]:
        item = step.item
        if item.number in self.floats:
            return self._float(item)
        if type(item.rule) is Loop:
            from diffkit.compiling.rolling.source import source_of  # whose emitter is this one
            return source_of(self, item)
        if item.rule is RESULT:
            return []
        lines = self._mode(item.quiet) if item.rule not in STILL else []
        out = None if step.slot is None else f"b{step.slot}"
        name = self.name(item)
        if item.rule in WRITES:
            return lines + self.written(step, name, out)
        return [*lines, self.commented(f"{name} = {self.expression(item, out)}", item.line)]

    def tiled(self, tile: Tile) -> list[str]:
        """A loop over pieces of large arrays."""
        steps = self.plan.steps[tile.first:tile.last + 1]
        views = [step.item for step in steps if step.item.rule is TRANSPOSE and step.item.number not in tile.local]
        lines = [f"{self.name(step.item)} = {self._whole(step)}" for step in steps
                 if step.item.number not in tile.local and step.item not in views]
        pieces: dict[str, str] = {}
        turned: list[str] = []
        whole: dict[int, str] = {}
        body: list[str] = []
        lines += self._mode(steps[0].item.quiet)
        for step in steps:
            item = step.item
            for arg in (*item.args, item):
                axis = tile.cut(arg, item)
                if axis is None or arg.number in tile.local:
                    continue
                name = whole.setdefault(arg.number, self.name(arg))
                self._names[arg.number] = f"{name}_" if arg.number in tile.axes else f"{name}_{axis or ''}"
                if arg not in views:
                    pieces[self._names[arg.number]] = f"{name}[{':, ' * axis}start:stop]"
            turned += [self.name(item)] if item.rule is TRANSPOSE else []
            body += self._mode(item.quiet) + [self._piece(tile, step)]
            self._names.update({arg.number: whole[arg.number] for arg in item.args
                                if arg.number in whole and arg.number not in tile.axes})
        body += self._mode(steps[0].item.quiet)
        body[:0] = [f"stop = start + {tile.size}", *(f"{name} = {text}" for name, text in pieces.items())]
        lines += [f"for start in range(0, {tile.count}, {tile.size}):", *("    " + line for line in body)]
        if pieces:  # views, which hold the arrays
            lines.append(f"del {', '.join([*pieces, *turned])}")
        self._names.update(whole)
        return [*lines, *(self.commented(f"{self.name(item)} = {self.expression(item, None)}", item.line)
                          for item in views)]

    def _piece(self, tile: Tile, step: Step) -> str:
        """The line that computes one piece of a result."""
        item, name = step.item, self.name(step.item)
        if item.number in tile.local or item.rule is TRANSPOSE:
            rest = "" if tile.count % tile.size == 0 else \
                f"[{':, ' * tile.axes[item.number]}:{tile.count} - start]"
            text = f"{name} = {self.expression(item, None if step.slot is None else f'b{step.slot}{rest}')}"
        elif takes_out(item):
            text = self.expression(item, name)
        else:
            text = f"{name}[...] = {self.expression(item, None)}"
        return self.commented(text, item.line)

    def _whole(self, step: Step) -> str:
        """The memory of a result that others need than the tile that computes it."""
        if step.slot is not None:
            return f"b{step.slot}"
        axes = order(step.item.value)
        shape = self.literal(tuple(step.item.shape[axis] for axis in axes))
        back = tuple(int(axis) for axis in np.argsort(axes))
        text = f"{self.function('empty', np.empty)}({shape}, {self.constant(step.item.value.dtype)})"
        return text if back == tuple(range(len(back))) else f"{text}.transpose({self.literal(back)})"

    def _float(self, item: Item) -> list[str]:
        """A number in Python's arithmetic, which knows no error state."""
        text, hold = numbers.expression(self, item)
        lines = [line for arg in item.args for line in self._inside.pop(arg.number, ())]
        is_named = item.rule is not STRONG_FLOAT and (item.number not in self._nested or len(text) > WIDEST)
        if not is_named:
            self._raw[item.number], self._hold[item.number] = text, hold
            self._inside[item.number] = [*lines, item.line]
            return []
        before, self._conversions = self._conversions, []
        return [*before, self.commented(f"{self.raw(item)} = {text}", *lines, item.line)]

    def _question(self, item: Item, question: Question) -> list[str]:
        number = self._numbering[id(question)]
        name = self.raw(item) if question.ask is bool and item.number in self.floats else self.name(item)
        give_back = "give(slots); " if self.plan.slots else ""
        if question.ask is bool:
            test = f"not {name}" if question.answer else name
            leave = f"return {number}, {not question.answer}"
        elif type(question.answer) is int and question.ask in (int, operator.index):
            test, leave = f"(a := int({name})) != {question.answer}", f"return {number}, a"
        else:
            ask = self.constant(question.ask)
            test = f"({self.constant(answer_key)}(a := {ask}({name})) != {self.constant(question.key)})"
            leave = f"return {number}, a"
        before, self._conversions = self._conversions, []
        lines = self._inside.pop(item.number, [])
        return [*before, self.commented(f"if {test}: {give_back}{leave}", *lines, question.line)]

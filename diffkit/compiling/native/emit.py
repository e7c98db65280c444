"""A program as Python source that calls machine code.

    def program(inputs):
        x0, = inputs
        v19 = empty((1000,), c0)
        # native0, over 999:
        #     v4 = square(x0[:-1])                              # valley.py:3
        #     …
        r = native0(x0, v19)
        if r.__class__ is int: return r, None
        return None, v19

What machine code does is listed in comments, loop by loop; all else is the source that the NumPy
backend would write.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.compiling.emit import Emitter
from diffkit.compiling.native.calls import routine_of
from diffkit.compiling.native.chunks import WHOLE, Chunk, connect, cut, split
from diffkit.compiling.native.fusing import Fusible, fusible
from diffkit.compiling.native.layout import Layout
from diffkit.compiling.native.machine import engine
from diffkit.compiling.native.pieces import Assembly
from diffkit.compiling.native.routine import MET_NAN, Routine
from diffkit.compiling.native.scratch import Scratch
from diffkit.compiling.native.stages import Group, Job, Stager, group
from diffkit.compiling.optimise import uniform
from diffkit.compiling.plan import WRITES, Plan, _write_in_place, order, takes_out
from diffkit.compiling.program import Item, Program
from diffkit.compiling.recording import Refused
from diffkit.compiling.wording import INFIX

#: Operations of machine code in a row, beyond which LLVM would take longer than the program is worth.
MOST_OPERATIONS = 20_000


@dataclasses.dataclass(slots=True, eq=False)
class Native:
    """A group of machine code in the plan's list of steps."""

    group: Group
    stager: Stager
    arguments: list[Item] = dataclasses.field(default_factory=list)
    results: list[Item] = dataclasses.field(default_factory=list)
    made: list[Item] = dataclasses.field(default_factory=list)
    homes: dict[int, int] = dataclasses.field(default_factory=dict)
    stored: set[int] = dataclasses.field(default_factory=set)
    placed: dict[int, tuple[int, int]] = dataclasses.field(default_factory=dict)


class NativeEmitter(Emitter):
    """Writes the source of one program, and compiles its groups of machine code."""

    def __init__(self, program: Program, output: tree.Structure, fuses: bool = True) -> None:
        self.layout = Layout()
        self.fuses = fuses
        self.assembled: list[str] = []
        self.were_kept = True
        self.natives: dict[int, Native] = {}
        plan = self._arrange(program)
        self._storage: dict[int, int] = {}
        self._assign(plan, program)
        super().__init__(program, plan, output)

    # --- order -----------------------------------------------------------------------------------
    def _arrange(self, program: Program) -> Plan:
        plan = order(program)
        self.outs = [out for out in program.outs if isinstance(out, Item)]
        groups, jobs = group(plan.steps, self.layout, self.outs, plan.watched)
        if not jobs:
            raise Refused("nothing in it is for machine code")
        groups = [Group(found.is_native, part, is_split=found.is_native and len(found.steps) >= WHOLE)
                  for found in groups for part in (split(found.steps) if found.is_native else [found.steps])]
        plan.steps = [step for found in groups for step in found.steps]
        _write_in_place(plan, self.outs)
        made = {step.item.number: found for found in groups for step in found.steps if step.question is None}
        for item in plan.watched:
            home = made.get(self.layout.root(item).number)
            if home is not None and home.is_native:
                home.checked.append(item)
        checked = {item.number for found in groups for item in found.checked}
        plan.watched = [item for item in plan.watched if item.number not in checked]
        self.groups: list[Group | Native] = []
        assembly = Assembly(plan, groups, jobs, self.outs, self.layout)
        self.pieces = assembly.pieces
        for position, found in enumerate(groups):
            if not found.is_native:
                self.groups.append(found)
                continue
            stager = Stager(self.layout, self.pieces)
            for step in found.steps:
                stager.add(jobs[id(step)])
            for item in found.checked:
                stager.add(Job("check", item, item.shape))
            found.stages = stager.stages
            self.groups.append(Native(found, stager, placed=assembly.placed.get(position, {})))
        self.fusible = fusible(plan.steps, [*self.outs, *plan.watched, *(
            item for found in groups for item in found.checked)]) if self.fuses else Fusible()
        self._find_stored(plan)
        return plan

    def _find_stored(self, plan: Plan) -> None:
        """What must be in memory or returned: all that is used out of step, in another group or by NumPy."""
        made = {number: native for native in self.groups if isinstance(native, Native)
                for number in native.stager.jobs}
        self.made = made
        wanted = [*self.outs, *plan.watched]
        for found in self.groups:
            if isinstance(found, Native):
                self._find_in_group(found, made)
            else:
                wanted += [arg for step in found.steps for arg in ((step.item,) if step.question else step.item.args)]
        for item in wanted:
            self._want(item, None, made)
        for native in self.groups:
            if isinstance(native, Native):
                self._settle(native)

    def _find_in_group(self, native: Native, made: dict[int, Native]) -> None:
        stager = native.stager
        for job in stager.jobs.values():
            if job.is_placed:
                native.stored |= {job.item.number, self.layout.root(job.item.args[1]).number}
        for position, stage in enumerate(stager.stages):
            for job in stage.jobs:
                item = job.item
                if job.role == "write" or (job.role == "reduce" and item.kind == "array"):
                    native.stored.add(item.number)
                for arg in (item,) if job.role in ("ask", "check") else item.args:
                    root = self.layout.root(arg)
                    in_step = root.number in stager.at and (
                        stager.is_in_step(arg, job, position) if root.kind == "array" else True)
                    if arg.source != "constant" and not in_step:
                        self._want(root, native, made)
                        if root.kind == "array" or root.number not in stager.at:
                            native.arguments.append(root)
                    elif root.source == "constant" and root.kind == "array" and uniform(root) is None:
                        native.arguments.append(root)

    def _want(self, item: Item, by: Native | None, made: dict[int, Native]) -> None:
        """Somebody needs an item that machine code may have made."""
        root = self.layout.root(item) if item.kind == "array" else item
        maker = made.get(root.number)
        if maker is None:
            return
        if root.kind == "array":
            maker.stored.add(root.number)
        elif maker is not by and root not in maker.results:
            maker.results.append(root)

    def _settle(self, native: Native) -> None:
        """Homes of what is written in place, and the arguments, each once."""
        stager = native.stager
        own = []
        for job in stager.jobs.values():
            item = job.item
            if item.number not in native.stored:
                continue
            if job.role == "write" and job.in_place:
                before = self.layout.root(item.args[0])
                native.homes[item.number] = native.homes.get(before.number, before.number)
                if before.number not in stager.at:
                    native.arguments.append(before)
            elif item.number not in native.placed:
                own.append(item)
        native.made = own
        mine = {item.number for item in own}
        arguments = {item.number: item for item in native.arguments if item.number not in native.homes
                     and item.number not in mine and item.number not in native.placed}
        native.arguments = [*arguments.values(), *own]

    # --- storage -----------------------------------------------------------------------------------
    def _assign(self, plan: Plan, program: Program) -> None:
        """Temporaries for what does not leave the program, used again after their last use."""
        roots = plan.roots
        kept = {root for out in self.outs for root in roots[out.number]}
        last: dict[int, int] = {}
        for position, found in enumerate(self.groups):
            for step in found.group.steps if isinstance(found, Native) else found.steps:
                for item in (step.item, *(() if step.question else step.item.args)):
                    for root in roots[item.number]:
                        last[root] = position
        for item in plan.watched:
            for root in roots[item.number]:
                last[root] = len(self.groups)
        free: dict[Any, list[int]] = {}
        dying: dict[int, list[int]] = {}
        for position, found in enumerate(self.groups):
            makers = found.made if isinstance(found, Native) else [
                step.item for step in found.steps
                if step.question is None and not step.in_place and takes_out(step.item)]
            for item in makers:
                if kept & roots[item.number]:
                    continue
                key = item.shape, item.value.dtype, item.value.strides
                slot = free[key].pop() if free.get(key) else len(plan.slots)
                if slot == len(plan.slots):
                    plan.slots.append(item.value)
                self._storage[item.number] = slot
                dying.setdefault(max(last[root] for root in roots[item.number]), []).append(slot)
            if not isinstance(found, Native):
                for step in found.steps:
                    step.slot = None if step.question else self._storage.get(step.item.number)
            for slot in dying.get(position, ()):
                example = plan.slots[slot]
                free.setdefault((example.shape, example.dtype, example.strides), []).append(slot)

    # --- source --------------------------------------------------------------------------------------
    def _steps(self) -> list[str]:
        lines: list[str] = []
        count = 0
        for found in self.groups:
            if isinstance(found, Native):
                lines += self._mode(False)
                lines += self._native(found, f"native{count}")
                count += 1
            else:
                for step in found.steps:
                    if step.question is not None:
                        lines += self._question(step.item, step.question)
                    else:
                        lines += self._step(step)
        return lines

    def _native(self, native: Native, name: str) -> list[str]:
        lines = []
        for item in native.made:
            slot = self._storage.get(item.number)
            if slot is not None:
                self._names[item.number] = f"b{slot}"
                continue
            value = item.value
            make = f"{self.function('empty_like', np.empty_like)}({self.constant(value)})"
            if value.flags.c_contiguous:
                make = f"{self.function('empty', np.empty)}({self.literal(item.shape)}, {self.constant(value.dtype)})"
            lines.append(f"{self.name(item)} = {make}")
        for number, home in native.homes.items():
            self._names[number] = self.name(self.program.items[home])
        numbering = {id(question): i for i, (_, question) in enumerate(self.program.questions)}
        scratch = self._cut(native)
        made = Routine(native.group.stages, native.arguments, native.homes, native.stored, native.results,
                       self.layout, numbering, engine().has_fma, scratch, [] if native.group.is_split else None,
                       self.pieces, native.placed, self.fusible)
        if made.written > MOST_OPERATIONS:
            raise Refused(f"machine code would have {made.written} different operations in a row, "
                          f"more than {MOST_OPERATIONS}")
        self.assembled.append(made.assembly)
        self.namespace[name], was_kept = routine_of(made.assembly)
        self.were_kept &= was_kept
        lines += self._listing(native, name)
        given = []
        for item in native.arguments:
            text = self.constant(item.value) if item.source == "constant" else self.name(item)
            if item.source == "call" and item.kind == "array" and item not in native.made \
                    and item.number not in self._storage and not self._is_native(item):
                text = f"{self.function('laid_out', laid_out)}({text}, {self.constant(item.value)})"
            given.append(text)
        if made.offsets is not None:
            given.append(self.constant(np.array(made.offsets, np.int64)))
        if scratch is not None:
            self.plan.slots.append(np.empty(scratch.size))
            given.append(f"b{len(self.plan.slots) - 1}")
        lines.append(f"r = {name}({', '.join(given)})")
        asked = any(job.role in ("ask", "check") or job.is_checked
                    for stage in native.group.stages for job in stage.jobs)
        if asked:
            give_back = "give(slots); " if self.plan.slots else ""
            answers = self.constant({i: not question.answer for i, (_, question) in enumerate(self.program.questions)
                                     if question.ask is bool} | {MET_NAN: None})
            lines.append(f"if r.__class__ is int: {give_back}return r, {answers}[r]")
        if native.results:
            lines.append(f"{', '.join(self.name(item) for item in native.results)} = r")
        return lines

    def _cut(self, native: Native) -> Scratch | None:
        """Long stretches of plain numbers as chunks."""
        scratch = Scratch()
        for stage in native.group.stages:
            if not stage.domain and len(stage.jobs) >= WHOLE:
                scratch.parts[id(stage)] = cut(stage.jobs, self.layout, native.stored)
        chunks = [part for parts in scratch.parts.values() for part in parts if isinstance(part, Chunk)]
        if not chunks:
            return None
        inside = {job.item.number for chunk in chunks for job in chunk.jobs}
        wanted = {item.number for item in native.results}
        for stage in native.group.stages:
            for job in stage.jobs:
                if job.role in ("ask", "check") or job.item.number not in inside:
                    wanted |= {self.layout.root(item).number for item in (job.item, *job.item.args)}
        connect(chunks, wanted, self.fusible)
        return scratch

    def _is_native(self, item: Item) -> bool:
        return item.number in self.made

    def _listing(self, native: Native, name: str) -> list[str]:
        """What machine code does, as comments."""
        lines = []
        for stage in native.group.stages:
            where = " x ".join(map(str, stage.domain)) or "numbers"
            lines.append(f"# {name}, over {where}:")
            for job in stage.jobs:
                lines.append(self.commented("#     " + self._job_text(job), job.item.line))
        placed = [job for job in native.stager.jobs.values() if job.is_placed]
        lines += [f"# {name}, made there already:"] if placed else []
        return lines + [self.commented("#     " + self._job_text(job), job.item.line) for job in placed]

    def _job_text(self, job: Job) -> str:
        item = job.item
        if job.role == "ask":
            assert job.question is not None
            return f"leave if {'not ' if job.question.answer else ''}{self._operand_text(item)}"
        if job.role == "check":
            return f"leave if isnan({self._operand_text(item)})"
        args = [self._operand_text(arg) for arg in item.args]
        if item.rule in WRITES:
            sign = {"setitem": "=", "add_at": "+="}.get(item.rule.name, "-=")
            first = "" if job.in_place else f"{self._label(item)} = {args[0]}; "
            return f"{first}{self._label(item)}[{self.index(item.params['index'])}] {sign} {args[1]}"
        if item.rule in INFIX and item.rule.name not in ("power", "absolute"):
            return f"{self._label(item)} = {INFIX[item.rule].format(*args)}"
        if item.rule.name == "getitem":
            return f"{self._label(item)} = {args[0]}[{self.index(item.params['index'])}]"
        params = [f"{key}={self.literal(value)}" for key, value in item.params.items()]
        return f"{self._label(item)} = {item.rule.name}({', '.join([*args, *params])})"

    def _label(self, item: Item) -> str:
        return self.name(item) if item.source != "call" else f"v{item.number}"

    def _operand_text(self, item: Item) -> str:
        if item.source != "call" or not self.layout.is_view(item):
            return self._label(item)
        inner = self._operand_text(item.args[0])
        if item.rule.name == "getitem":
            return f"{inner}[{self.index(item.params['index'])}]"
        if item.rule.name == "transpose":
            return f"{inner}.T" if item.params["axes"] is None else f"{inner}.transpose({item.params['axes']})"
        return inner if item.rule.name == "broadcast_to" else f"{inner}.reshape({item.shape})"


def laid_out(array: Any, example: Any) -> Any:
    """The array as machine code expects it: in the memory order of the recorded run."""
    if array.strides == example.strides:
        return array
    copy = np.empty_like(example)
    copy[...] = array
    return copy

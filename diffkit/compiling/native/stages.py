"""Which operations become machine code, and which loops they share.

The steps of a program are sorted into *groups*, NumPy's calls and machine code in turns, as few as their
dependences allow.  Within a group of machine code each operation belongs to a *stage*: one loop nest over
a common domain (or none, for plain numbers).  An operation joins the first stage of its domain that
comes late enough: in the stage of its operand where both walk alike, after it where the
operand must first be whole (a slice of it, a sum over it).

    compute   elementwise, on entries at the same place of the domain
    reduce    a sum, maximum or minimum over some dimensions of the domain
    write     into a slice of an array that lives on
    check     is there a NaN?
    ask       a branch of the user's, on a plain number
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from diffkit.compiling.native.layout import Layout, aligned, along, domain_of, has_numbers, is_compact
from diffkit.compiling.native.operations import Write, kind_of, operation
from diffkit.compiling.optimise import uniform
from diffkit.compiling.plan import WRITES, Step
from diffkit.compiling.program import Item
from diffkit.compiling.recording import Question
from diffkit.rules.extrema import MAX, MIN
from diffkit.rules.indexing import GETITEM
from diffkit.rules.reductions import SUM
from diffkit.rules.writing import SETITEM

REDUCTIONS = {SUM: "add", MAX: "maximum", MIN: "minimum"}
#: Operations in one loop's body: more would keep too many values at a time.
MOST_IN_LOOP = 1500


@dataclasses.dataclass(slots=True, eq=False)
class Job:
    """One operation in machine code: its role, and the shape that it walks over."""

    role: str
    item: Item
    shape: tuple[int, ...]
    write: Write | None = None
    question: Question | None = None
    in_place: bool = False
    is_checked: bool = False  # a write whose results are looked at for NaN
    is_placed: bool = False  # a write of what is made there already

    @property
    def domain(self) -> tuple[int, ...]:
        return domain_of(self.shape)


@dataclasses.dataclass(slots=True, eq=False)
class Stage:
    """Jobs over one domain."""

    domain: tuple[int, ...]
    jobs: list[Job]


@dataclasses.dataclass(slots=True, eq=False)
class Group:
    """Steps of one kind in a row: NumPy's, or stages of machine code."""

    is_native: bool
    steps: list[Step]
    stages: list[Stage] = dataclasses.field(default_factory=list)
    checked: list[Item] = dataclasses.field(default_factory=list)
    is_split: bool = False  # one of many that are alike but for places


def job_of(step: Step, layout: Layout) -> Job | None:
    """A step as a job for machine code, or None."""
    item = step.item
    if step.question is not None:
        is_plain = step.question.ask is bool and item.kind in ("number", "weak") and bool(kind_of(item))
        return Job("ask", item, (), question=step.question) if is_plain else None
    if not has_numbers(item) or item.boxed or not all(has_numbers(arg) or arg.kind == "weak" for arg in item.args):
        return None
    if item.rule in WRITES:
        a, v = item.args
        place = layout.written(item)
        is_plain = a.kind == "array" and bool(kind_of(v)) and is_compact(item) and a.dtype == item.dtype
        return Job("write", item, place.shape) if place is not None and is_plain and 0 not in place.shape else None
    if item.rule in REDUCTIONS:
        a = item.args[0]
        is_plain = a.kind == "array" and a.dtype == item.dtype and kind_of(item) in ("d", "f") \
            and item.params.get("dtype") in (None, item.dtype) and (item.kind == "number" or is_compact(item)) \
            and not item.value.ndim == a.value.ndim == 0
        return Job("reduce", item, a.shape) if is_plain else None
    if item.rule is GETITEM and item.kind == "number" and (layout.is_view(item) or layout.entry(item)):
        return Job("compute", item, (), lambda c, args: args[0])
    write = operation(item)
    if write is None or (item.kind == "array" and not is_compact(item)):
        return None
    return Job("compute", item, item.shape, write)


def group(steps: list[Step], layout: Layout, outs: list[Item],
          watched: list[Item]) -> tuple[list[Group], dict[int, Job]]:
    """Groups in order, and the job of each step in machine code (by item, or by question)."""
    jobs: dict[int, Job] = {}
    phases: dict[int, int] = {}  # of an item's memory
    found = [job_of(step, layout) for step in steps]
    made = {step.item.number for step, job in zip(steps, found) if job is not None}
    wanted = _wanted_views(steps, found, layout, [
        *outs, *(item for item in watched if layout.root(item).number not in made)])
    placed: list[tuple[int, Step]] = []
    asked = 0
    for step, job in zip(steps, found):
        item = step.item
        if step.question is None and layout.is_view(item) and item.kind == "array" and item.number not in wanted:
            continue  # walked through where it is used
        after = max((_phase(arg, phases, layout, job is not None)
                     for arg in ((item,) if step.question else item.args)), default=0)
        if step.question is not None:
            after = max(after, asked)
        phase = after if after % 2 == (job is not None) else after + 1
        if step.question is not None:
            asked = phase
        else:
            phases[item.number] = phase
        if job is not None:
            jobs[id(step)] = job
        placed.append((phase, step))
    groups: dict[int, Group] = {}
    for phase, step in placed:
        groups.setdefault(phase, Group(phase % 2 == 1, [])).steps.append(step)
    return [groups[phase] for phase in sorted(groups)], jobs


def _phase(arg: Item, phases: dict[int, int], layout: Layout, is_native: bool) -> int:
    """When an operand is there: machine code looks through views, NumPy needs them made."""
    number = layout.root(arg).number if is_native or arg.number not in phases else arg.number
    return phases.get(number, 0)


def _wanted_views(steps: list[Step], jobs: list[Job | None], layout: Layout, looked_at: list[Item]) -> set[int]:
    """Views that something else than machine code looks at."""
    wanted: set[int] = set()
    waiting = [item for item in looked_at if item.kind == "array"]
    for step, job in zip(steps, jobs):
        item = step.item
        is_looked_through = step.question is None and item.kind == "array" and layout.is_view(item)
        if job is None and not is_looked_through:
            waiting += (item,) if step.question else item.args
    while waiting:
        item = waiting.pop()
        if item.source == "call" and item.kind == "array" and layout.is_view(item) and item.number not in wanted:
            wanted.add(item.number)
            waiting += item.args
    return wanted


class Stager:
    """Sorts the jobs of one group into stages."""

    def __init__(self, layout: Layout, pieces: Mapping[int, Any]) -> None:
        self.layout = layout
        self.pieces = pieces
        self.stages: list[Stage] = []
        self.at: dict[int, int] = {}  # the stage in which an item is computed here
        self.jobs: dict[int, Job] = {}
        self.used: dict[int, int] = {}  # the last stage that reads a root's memory
        self._last_question = 0

    def add(self, job: Job) -> None:
        """Put a job into the earliest stage that is late enough."""
        item = job.item
        if job.is_placed:
            before = self.at.get(item.args[0].number, 0) if job.in_place else 0
            self.at[item.number] = max(before, self.at[self.layout.root(item.args[1]).number])
            self.jobs[item.number] = job
            return
        if job.role == "check" and self._check_writes(item):
            return
        earliest = 0
        operands = (item,) if job.role in ("ask", "check") else \
            item.args[1:] if job.role == "write" else item.args
        for arg in operands:
            earliest = max(earliest, self._after(arg, job))
        if job.role == "ask":
            earliest = max(earliest, self._last_question)
        if job.role == "write":
            earliest = max(earliest, self._after_target(job))
        position = self._stage(job.domain, earliest)
        self.stages[position].jobs.append(job)
        for arg in operands:
            root = self.layout.root(arg).number
            self.used[root] = max(self.used.get(root, 0), position)
        if job.role == "ask":
            self._last_question = position
        elif job.role != "check":
            self.at[item.number] = position
            self.jobs[item.number] = job

    def _stage(self, domain: tuple[int, ...], earliest: int) -> int:
        for position in range(earliest, len(self.stages)):
            stage = self.stages[position]
            if stage.domain == domain and (not domain or len(stage.jobs) < MOST_IN_LOOP):
                return position
        self.stages.append(Stage(domain, []))
        return len(self.stages) - 1

    def _after(self, arg: Item, job: Job) -> int:
        """The first stage in which this operand can be read."""
        root = self.layout.root(arg)
        made = self.at.get(root.number)
        if made is None:
            return 0
        if not job.domain and not self.stages[made].domain:
            return made  # plain numbers are computed one after the other
        return made if self.is_in_step(arg, job, made) else made + 1

    def _check_writes(self, item: Item) -> bool:
        """Look for NaN where an array is written, if all of it is a constant but for what is written here."""
        chain = []
        while (maker := self.jobs.get(item.number)) is not None and maker.role == "write":
            if maker.is_placed:
                return False
            chain.append(maker)
            item = self.layout.root(maker.item.args[0])
            if not maker.in_place:
                number = uniform(item) if item.source == "constant" else None
                if number is None or number != number:
                    return False
                for job in chain:
                    job.is_checked = True
                return True
        return False

    def is_in_step(self, arg: Item, job: Job, stage: int) -> bool:
        """Whether an operand's entry is computed in the same turn of the loop of ``stage`` that uses it."""
        root = self.layout.root(arg)
        maker = self.jobs.get(root.number)
        if maker is None or maker.role != "compute" or self.at[root.number] != stage \
                or maker.domain != job.domain or (job.role == "ask" and job.domain):
            return False
        if root.kind != "array":
            return not job.domain
        place = self.layout.place(arg)
        own = along(root.value.strides, root.shape)
        return place.offset == 0 and along(aligned(place, job.shape), job.shape) == own

    def _after_target(self, job: Job) -> int:
        """After all that reads the array as it was, and what wrote into it before."""
        a = job.item.args[0]
        root = self.layout.root(a).number
        made = self.at.get(root)
        earliest = 0
        if made is not None:
            before = self.jobs[root]
            pieces = self.pieces.get(job.item.number)
            never_meet = pieces is not None and pieces is self.pieces.get(before.item.number)
            joins = before.role == "write" and job.in_place and before.domain == job.domain \
                and (never_meet or (_adds(before) and _adds(job)))
            earliest = made if joins else self._next(made, job)
        if root in self.used:
            earliest = max(earliest, self._next(self.used[root], job))
        return earliest

    def _next(self, stage: int, job: Job) -> int:
        """The first stage that runs after all of this one (which may be itself, for plain numbers)."""
        return stage if not job.domain and not self.stages[stage].domain else stage + 1


def _adds(job: Job) -> bool:
    """Whether a write only adds, so that its order among others does not matter."""
    return job.item.rule is not SETITEM


def reduced(item: Item) -> tuple[bool, ...]:
    """For each dimension of a reduction's operand whether it is reduced."""
    ndim = item.args[0].value.ndim
    axis: Any = item.params.get("axis")
    axes = range(ndim) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    gone = {int(i) % ndim for i in axes}
    return tuple(i in gone for i in range(ndim))

"""Long stretches of operations on plain numbers, cut where they repeat.

A Python loop of a thousand steps is recorded as a thousand times the same operations, on other
numbers.  LLVM would take minutes for so much text.  So a long stretch is cut into *chunks*, at
distances at which it repeats itself; each chunk is a function that takes its numbers from a common
array, at places that a table names, and puts there what others need.  Chunks that do the same with other
places are one function:

    forward steps   chunk1(places of step 0), chunk1(places of step 1), …
    backward steps  chunk2(places of step 999), …
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from diffkit.compiling.native.fusing import Fusible
from diffkit.compiling.native.layout import Layout
from diffkit.compiling.native.operations import kind_of
from diffkit.compiling.native.stages import Job
from diffkit.compiling.plan import Step
from diffkit.compiling.program import Item, freeze

#: Stretches shorter than this stay whole; a chunk has about this many operations; repeats are known by windows.
WHOLE, LENGTH, WINDOW = 3000, 400, 24
Part = TypeVar("Part")


@dataclasses.dataclass(slots=True, eq=False)
class Chunk:
    """Some jobs in a row, the numbers from outside that they use, and those that others use."""

    jobs: list[Job]
    given: list[Item] = dataclasses.field(default_factory=list)
    found: list[Item] = dataclasses.field(default_factory=list)
    key: Any = None


def is_pure(job: Job, layout: Layout, stored: set[int]) -> bool:
    """Whether a job is a number from numbers, without a look at memory."""
    return job.role == "compute" and job.item.kind in ("number", "weak") and job.item.number not in stored and all(
        arg.kind in ("number", "weak") and (arg.source != "call" or not layout.is_view(arg))
        for arg in job.item.args) and not layout.is_view(job.item)


def cut(jobs: list[Job], layout: Layout, stored: set[int]) -> list[Job | Chunk]:
    """The jobs of a stage in order, long pure stretches as chunks."""
    found: list[Job | Chunk] = []
    stretch: list[Job] = []
    for job in [*jobs, None]:
        if job is not None and is_pure(job, layout, stored):
            stretch.append(job)
            continue
        found += [Chunk(part) for part in _parts(stretch)] if len(stretch) >= WHOLE else stretch
        stretch = []
        if job is not None:
            found.append(job)
    return found


def _parts(jobs: list[Job]) -> list[list[Job]]:
    """Cut a stretch so that equal parts are cut alike."""
    names = [hash((job.item.rule.name, freeze(job.item.params), *(
        freeze(arg.value) if arg.source == "constant" else None for arg in job.item.args))) for job in jobs]
    return repeating(jobs, names)


def split(steps: list[Step]) -> list[list[Step]]:
    """A long stretch over small arrays as parts of which many are alike, but for the places of their operands."""
    if len(steps) < WHOLE or sum(step.item.kind == "array" for step in steps) < len(steps) // 4:
        return [steps]
    names = [hash((step.question is None, step.item.rule and step.item.rule.name, step.item.shape,
                   *(arg.shape for arg in step.item.args))) for step in steps]
    return repeating(steps, names)


def repeating(jobs: list[Part], names: list[int]) -> list[list[Part]]:
    """Parts, cut alike where the names repeat."""
    following: dict[int, int] = {}
    distance = [0] * len(jobs)
    for i in range(len(jobs) - WINDOW, -1, -1):
        window = hash(tuple(names[i:i + WINDOW]))
        distance[i] = following.get(window, i) - i
        following[window] = i
    parts = []
    start = end = 0
    while end < len(jobs):
        period = distance[end]
        length = period * max(1, LENGTH // period) if 0 < period <= 4 * LENGTH else 0
        if length and names[end:end + length] == names[end + length:end + 2 * length]:
            if end > start:
                parts.append(jobs[start:end])
            while names[end:end + length] == names[end + length:end + 2 * length] and end + 2 * length <= len(jobs):
                parts.append(jobs[end:end + length])
                end += length
            parts.append(jobs[end:end + length])
            start = end = end + length
        else:
            end += 1
            if end - start >= LENGTH:
                parts.append(jobs[start:end])
                start = end
    if end > start:
        parts.append(jobs[start:end])
    return parts


def connect(chunks: list[Chunk], wanted: set[int], fusible: Fusible) -> None:
    """Find what each chunk takes from outside and what it gives (``wanted``: numbers that others use)."""
    maker = {job.item.number: chunk for chunk in chunks for job in chunk.jobs}
    given: dict[int, dict[int, Item]] = {}
    used = set(wanted)
    for chunk in chunks:
        mine = given[id(chunk)] = {}
        for job in chunk.jobs:
            for arg in job.item.args:
                if arg.source != "constant" and maker.get(arg.number) is not chunk:
                    mine[arg.number] = arg
                    used.add(arg.number)
    for chunk in chunks:
        chunk.given = list(given[id(chunk)].values())
        chunk.found = [job.item for job in chunk.jobs if job.item.number in used]
        chunk.key = _key(chunk, fusible)


def _key(chunk: Chunk, fusible: Fusible) -> Any:
    """Equal for chunks that are one function."""
    names: dict[int, Any] = {item.number: (i, kind_of(item), item.kind) for i, item in enumerate(chunk.given)}
    parts = []
    for i, job in enumerate(chunk.jobs):
        item = job.item
        args = tuple(freeze(arg.value) if arg.source == "constant" else names[arg.number] for arg in item.args)
        parts.append((item.rule.name, freeze(item.params), kind_of(item), item.kind, args, fusible.key(item.number)))
        names[item.number] = -1 - i
    return tuple(parts), tuple(names[item.number] for item in chunk.found)

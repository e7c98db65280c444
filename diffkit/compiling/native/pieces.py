"""Arrays that are put together from pieces, each entry written once.

    v3 = zeros; v3[:, 0] += a; v3[:, 1] += b          the gradient of an array that f has taken apart
    v8 = zeros; v8[0] = v3; v8[1] = v7                results that were stacked

Pieces that never meet need no look at what was there before; where they are the whole, it need not even be
written; and a piece that is made for its place only, in the memory order that it has there, is made there.
So a Jacobian of 48 MB is written once, by the loop that computes it, where it went through memory four times.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.compiling.native.layout import Layout, Place, along, domain_of
from diffkit.compiling.native.stages import Group, Job
from diffkit.compiling.optimise import uniform
from diffkit.compiling.plan import Plan
from diffkit.compiling.program import Item
from diffkit.rules.writing import SETITEM

#: Entries of the array in which pieces are counted.
MOST_COUNTED = 1 << 20
Ranges = tuple[range, ...]


@dataclasses.dataclass(slots=True, eq=False)
class Pieces:
    """Writes that never meet.

    ``start`` is what stood there before; ``firsts`` are the first at their place, ``alone`` the only ones there.
    """

    start: Any
    jobs: list[Job]
    firsts: set[int]
    alone: set[int]
    is_whole: bool


class Assembly:
    """The arrays of a program that are put together from pieces.

    Attributes
    ----------
    pieces : dict
        For each item of a chain of writes whose pieces never meet, the pieces.
    placed : dict
        For each group (its position) the arrays that are made in another one: its number, and an offset in bytes.
    """

    def __init__(self, plan: Plan, groups: Sequence[Group], jobs: dict[int, Job], outs: Sequence[Item],
                 layout: Layout) -> None:
        self.layout = layout
        self.pieces: dict[int, Pieces] = {}
        self.placed: dict[int, dict[int, tuple[int, int]]] = {}
        self.group_of: dict[int, int] = {}
        self.jobs: dict[int, Job] = {}
        self.users: dict[int, list[tuple[int, Item | None]]] = {}  # of a root's memory: in which group, which item
        self.views: dict[int, list[Item]] = {}  # of a root, those that are used
        self.changed: set[int] = set()
        self._find_users(plan, groups, jobs, outs)
        for job in self.jobs.values():
            self._follow(job)
        for pieces in dict.fromkeys(self.pieces.values()):
            if pieces.is_whole:
                for job in pieces.jobs:
                    self._place(pieces, job)

    def _find_users(self, plan: Plan, groups: Sequence[Group], jobs: dict[int, Job], outs: Sequence[Item]) -> None:
        for position, group in enumerate(groups):
            where = position if group.is_native else -1
            for step in group.steps:
                item = step.item
                for arg in (item,) if step.question else item.args:
                    self._use(arg, where, None if step.question else item)
                if step.in_place:
                    self.changed.add(item.args[0].number)
                if group.is_native and step.question is None:
                    job = self.jobs[item.number] = jobs[id(step)]
                    job.in_place = step.in_place
                    self.group_of[item.number] = position
            for item in group.checked:
                self._use(item, where, None)
        for item in (*outs, *plan.watched):
            self._use(item, -1, None)

    def _use(self, item: Item, where: int, by: Item | None) -> None:
        root = self.layout.root(item)
        self.users.setdefault(root.number, []).append((where, by))
        if root is not item:
            self.views.setdefault(root.number, []).append(item)

    # --- pieces that never meet ---------------------------------------------------------------------
    def _follow(self, job: Job) -> None:
        """The writes that begin with this one, if it is the first into an array of equal numbers."""
        if job.role != "write" or job.in_place:
            return
        before = job.item.args[0]
        start = uniform(before) if before.source == "constant" else None
        if start is None:
            return
        chain = [job]
        while (following := self._next(chain[-1].item)) is not None:
            chain.append(following)
        pieces = _pieces(start, chain)
        if pieces is not None:
            for one in chain:
                self.pieces[one.item.number] = pieces

    def _next(self, item: Item) -> Job | None:
        """The write in place that is all that uses an item."""
        using = self.users.get(item.number, [])
        user = using[0][1] if len(using) == 1 else None
        job = self.jobs.get(user.number) if user is not None else None
        return job if job is not None and job.role == "write" and job.in_place and job.item.args[0] is item else None

    # --- pieces that are made at their place ------------------------------------------------------------
    def _place(self, pieces: Pieces, job: Job) -> None:
        """Let what is written be made where it is written, if nobody could tell."""
        item = job.item
        value = self.layout.root(item.args[1])
        group = self.group_of[item.number]
        if item.rule is not SETITEM or item.number not in pieces.alone or value.kind != "array" \
                or value.dtype != item.dtype or domain_of(value.shape) != job.domain \
                or not self._is_all(item.args[1], value) or pieces.jobs[-1].item.number in self.changed \
                or any(self.group_of[one.item.number] != group for one in pieces.jobs):
            return
        family = self._family(value, group)
        place = self.layout.written(item)
        placed = self.placed.setdefault(group, {})
        if not family or place is None or family[0].number in placed \
                or any(where != group for one in family for where, _ in self.users.get(one.number, ())):
            return
        if along(value.value.strides, value.shape) == along(place.strides, place.shape) \
                or self._lay(family, value.shape, place):
            job.is_placed = True
            placed[family[0].number] = pieces.jobs[0].item.number, place.offset

    def _is_all(self, item: Item, root: Item) -> bool:
        """Whether an item is all of its root, entry by entry, but for axes of size 1."""
        place = self.layout.place(item)
        return domain_of(item.shape) == domain_of(root.shape) and place.offset == 0 \
            and along(place.strides, place.shape) == along(root.value.strides, root.shape)

    def _lay(self, family: list[Item], shape: tuple[int, ...], place: Place) -> bool:
        """Give an array the memory order of its place, if it is written entry by entry and has no parts."""
        pieces = self.pieces.get(family[0].number)
        if self.jobs[family[0].number].role != "compute" and (pieces is None or not pieces.is_whole):
            return False
        views = [(view, one) for one in family for view in self.views.get(one.number, ())]
        if not all(self._is_all(view, one) for view, one in views) or any(
                home == family[0].number for placed in self.placed.values() for home, _ in placed.values()):
            return False
        own = iter(along(place.strides, place.shape))
        strides = [family[0].value.itemsize if size == 1 else next(own) for size in shape]
        for one in family:
            self.layout.lay(one, np.lib.stride_tricks.as_strided(place.root.value, shape, strides))
        for view, _ in views:
            self.layout.forget(view)
        return True

    def _family(self, item: Item, group: int) -> list[Item]:
        """An item and what was written into to make it, the owner of the memory first; [] if others made that."""
        found = [item]
        while (job := self.jobs.get(found[0].number)) is not None and self.group_of[found[0].number] == group:
            if not job.in_place:
                return found
            found.insert(0, job.item.args[0])
        return []


def _pieces(start: Any, chain: list[Job]) -> Pieces | None:
    """The pieces that a chain of writes is, or None where some of them meet."""
    shape = chain[0].item.shape
    ranges = [_ranges(job.item.params["index"], shape) for job in chain]
    if any(found is None for found in ranges):
        return None
    by_range: dict[Ranges, list[Job]] = {}
    for found, job in zip(ranges, chain):
        assert found is not None
        by_range.setdefault(found, []).append(job)
    is_whole = _are_whole(list(by_range), shape)
    if is_whole is None:
        return None
    return Pieces(start, chain, {jobs[0].item.number for jobs in by_range.values()},
                  {jobs[0].item.number for jobs in by_range.values() if len(jobs) == 1}, is_whole)


def _ranges(index: Any, shape: tuple[int, ...]) -> Ranges | None:
    """What a basic index takes of each axis."""
    parts = list(index) if type(index) is tuple else [index]
    if any(part is None for part in parts):
        return None
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    parts[at:at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    return tuple(range(size)[part] if type(part) is slice else range(size)[int(part):][:1]
                 for part, size in zip(parts, shape, strict=True))


def _are_whole(ranges: list[Ranges], shape: tuple[int, ...]) -> bool | None:
    """Whether ranges that never meet are all; None where two of them meet (or there is too much to count)."""
    if all(len(one) == 1 for found in ranges for one in found):  # single entries, and no two are the same
        return len(ranges) == math.prod(shape)
    sizes = [1 if all(found[axis] == range(size) for found in ranges) else size for axis, size in enumerate(shape)]
    if math.prod(sizes) > MOST_COUNTED:
        return None
    counts = np.zeros(sizes, int)  # axes of which all take everything count once
    for found in ranges:
        counts[np.ix_(*([0] if size == 1 else one for one, size in zip(found, sizes)))] += 1
    return None if counts.max() > 1 else bool(counts.min())

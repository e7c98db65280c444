"""The programs of one signature: a tree of the answers that their runs gave to Python.

A program is right for the calls in which Python gets the same answers (``if x > 0``, the trip
count of a loop, an index).  It is run in the hope that they are; at the first other answer it
returns which question and what answer, and the tree says which program knows that path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.compiling.recording import answer_key


@dataclasses.dataclass(eq=False)
class Branch:
    """One path: its program, or None where the path is known but can't be a program (``reason``).

    ``answers`` has the keys of all answers on the path, in order.
    """

    answers: tuple[Any, ...]
    run: Callable[[list[Any]], tuple[int | None, Any]] | None
    source: str = ""
    reason: str = ""


class Fork:
    """A question in the tree: answers to subtrees, and the answer that came last."""

    __slots__ = ("children", "recent")

    def __init__(self) -> None:
        self.children: dict[Any, Fork | Branch] = {}
        self.recent: Any = None


class Branches:
    """All known paths; ``first`` is the one that was right last."""

    def __init__(self) -> None:
        self.root: Fork | Branch | None = None
        self.first: Branch | None = None
        self.count = 0

    def add(self, branch: Branch) -> None:
        """Put a path into the tree."""
        self.count += 1
        self.first = branch
        if not branch.answers:
            self.root = branch
            return
        if not isinstance(self.root, Fork):
            self.root = Fork()
        fork = self.root
        for answer in branch.answers[:-1]:
            below = fork.children.get(answer)
            if not isinstance(below, Fork):
                below = fork.children[answer] = Fork()
            fork.recent = answer
            fork = below
        fork.recent = branch.answers[-1]
        fork.children[branch.answers[-1]] = branch

    def other(self, branch: Branch, number: int, answer: Any) -> Branch | None:
        """The likeliest path that answers like ``branch`` up to question ``number``, and there ``answer``."""
        here = self.root
        for key in (*branch.answers[:number], answer_key(answer)):
            if not isinstance(here, Fork):
                return None
            here = here.children.get(key)
        while isinstance(here, Fork):
            if here.recent not in here.children:
                here.recent = next(iter(here.children))
            here = here.children[here.recent]
        return here

    def note(self, branch: Branch) -> None:
        """This path was right: try it first next time."""
        self.first = branch
        here = self.root
        for answer in branch.answers:
            if not isinstance(here, Fork):
                return
            here.recent = answer
            here = here.children.get(answer)


def slot_pool(examples: list[Any]) -> tuple[Callable[[], list[Any]], Callable[[list[Any]], None]]:
    """Temporaries for one run at a time: ``take()`` and ``give(slots)``; arrays like the examples, and empty lists.

    Each run takes a whole set, so threads and recursive calls never share one; sets that
    come back are used again.
    """
    makers = [_maker(example) for example in examples]
    pool: list[list[Any]] = []

    def take() -> list[Any]:
        try:
            return pool.pop()
        except IndexError:
            return [make() for make in makers]

    return take, pool.append


def _maker(example: Any) -> Callable[[], Any]:
    if type(example) is list:
        return list
    shape, dtype, strides = example.shape, example.dtype, example.strides
    if example.flags.c_contiguous:
        return lambda: np.empty(shape, dtype)
    return lambda: np.empty_like(np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides))

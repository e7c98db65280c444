"""A counted loop in assembly: all that is written inside the ``with`` is its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffkit.compiling.native.routine import Routine


class Loop:
    """A counted loop around what is written in it."""

    def __init__(self, routine: Routine, count: int, step: int) -> None:
        self.routine, self.count, self.step = routine, count, step

    def __enter__(self) -> str:
        c = self.routine.code
        self.cell = self.routine.cell("i64")
        self.label = c.fresh("loop")
        c.put(f"store i64 0, ptr {self.cell}")
        c.put(f"br label {self.label}")
        c.start(self.label)
        self.index = c.fresh("i")
        c.put(f"{self.index} = load i64, ptr {self.cell}")
        return self.index

    def __exit__(self, *error: object) -> None:
        c = self.routine.code
        following, more, done = c.fresh(), c.fresh(), c.fresh("done")
        c.put(f"{following} = add nuw nsw i64 {self.index}, {self.step}")
        c.put(f"store i64 {following}, ptr {self.cell}")
        c.put(f"{more} = icmp ult i64 {following}, {self.count}")
        c.put(f"br i1 {more}, label {self.label}, label {done}")
        c.start(done)

"""Chunks as functions, and the array through which they pass numbers.

A chunk that comes again is the same function called again: it is given a table of the places at which
its numbers lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diffkit.compiling.native.chunks import Chunk
from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.fusing import Chain
from diffkit.compiling.native.operations import kind_of
from diffkit.compiling.native.stages import Job
from diffkit.compiling.program import Item

if TYPE_CHECKING:
    from diffkit.compiling.native.routine import Routine


class Scratch:
    """The array through which chunks pass numbers: a place for each."""

    def __init__(self) -> None:
        self.parts: dict[int, list[Job | Chunk]] = {}
        self.filled: set[int] = set()
        self._places: dict[int, int] = {}

    def place(self, item: Item) -> int:
        return self._places.setdefault(item.number, len(self._places))

    @property
    def size(self) -> int:
        return len(self._places)


def call_chunk(routine: Routine, chunk: Chunk, functions: dict[Any, str]) -> None:
    """Put what a chunk needs where it looks for it, call it, and note where its numbers are."""
    c = routine.code
    c.width = 0
    scratch = routine.scratch
    assert scratch is not None
    for item in chunk.given:
        if item.number not in scratch.filled:
            scratch.filled.add(item.number)
            _write(c, routine.plain_value(item), scratch.place(item))
    name = functions.get(chunk.key)
    if name is None:
        name = functions[chunk.key] = f"@chunk{len(routine.functions)}"
        routine.functions.append(_function(routine, chunk, name))
        routine.written += len(chunk.jobs)
    places = [scratch.place(item) for item in (*chunk.given, *chunk.found)]
    table = f"{name}.places{len(routine.functions)}"
    routine.functions.append(f"{table} = internal constant [{len(places)} x i32] "
                             f"[{', '.join(f'i32 {place}' for place in places)}]")
    c.put(f"call void {name}(ptr %scratch, ptr {table}, ptr %table)")
    scratch.filled |= {item.number for item in chunk.found}


def _function(routine: Routine, chunk: Chunk, name: str) -> str:
    """The chunk as a function that gets its places from a table."""
    inner = object.__new__(type(routine))
    inner.__dict__.update(routine.__dict__)
    c = inner.code = Code(routine.code.has_fma, routine.code.entries, routine.code.has_scale)
    inner.numbers, inner.stored, inner.scratch = {}, set(), None
    inner.chain = Chain(routine.chain.fusible)
    for i, item in enumerate(chunk.given):
        value = read(c, c.table_entry("%places", i), kind_of(item))
        inner.numbers[item.number] = value
    for job in chunk.jobs:
        inner.plain_job(job)
    for i, item in enumerate(chunk.found, len(chunk.given)):
        _write(c, inner.numbers[item.number], c.table_entry("%places", i))
    routine.code.declared |= c.declared
    return "\n".join([f"define internal void {name}(ptr %scratch, ptr %places, ptr %table) noinline {{", "entry:",
                      *c.lines, "  ret void", "}"])


def read(c: Code, place: str, kind: str) -> Value:
    """A number from the array."""
    c.put(f"{(where := c.fresh())} = getelementptr double, ptr %scratch, i32 {place}")
    return c.convert(c.give("d", f"load double, ptr {where}, align 8"), kind)


def _write(c: Code, value: Value, place: int | str) -> None:
    c.put(f"{(where := c.fresh())} = getelementptr double, ptr %scratch, i32 {place}")
    c.put(f"store double {c.convert(value, 'd').text}, ptr {where}, align 8")

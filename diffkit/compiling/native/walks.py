"""How a loop walks through an operand, and how it reads and writes a vector of its entries.

Entries side by side are one vector in memory; others are taken one by one.  The last turn of a row
has fewer lanes than a vector: what lies beyond the row is neither read nor written.
"""

from __future__ import annotations

import dataclasses

from diffkit.compiling.native.code import Code, Value

BYTES = {"d": 8, "f": 4, "b": 1}
#: The kinds as they lie in memory.
LOADED = {"d": "double", "f": "float", "b": "i8"}


@dataclasses.dataclass(eq=False, slots=True)
class Walk:
    """How an operand is walked through: its first entry, a stride for each loop, its kind."""

    pointer: str
    strides: tuple[int, ...]
    kind: str


def load(c: Code, pointer: str, walk: Walk, lanes: int) -> Value:
    """The next entries; lanes beyond the last one repeat the first."""
    stride, kind = walk.strides[-1], walk.kind
    if stride == BYTES[kind]:
        part = c.fresh()
        c.put(f"{part} = load <{lanes} x {LOADED[kind]}>, ptr {pointer}, align 1")
    else:
        part = "poison"
        for i in range(lanes):
            place, one, whole = c.fresh(), c.fresh(), c.fresh()
            c.put(f"{place} = getelementptr i8, ptr {pointer}, i64 {i * stride}")
            c.put(f"{one} = load {LOADED[kind]}, ptr {place}, align 1")
            c.put(f"{whole} = insertelement <{lanes} x {LOADED[kind]}> {part}, {LOADED[kind]} {one}, i64 {i}")
            part = whole
    if lanes < c.width:
        order = ", ".join(f"i32 {i if i < lanes else 0}" for i in range(c.width))
        whole = c.fresh()
        old = f"<{lanes} x {LOADED[kind]}>"
        c.put(f"{whole} = shufflevector {old} {part}, {old} poison, <{c.width} x i32> <{order}>")
        part = whole
    if kind == "b":
        return c.give("b", f"icmp ne <{c.width} x i8> {part}, zeroinitializer")
    return Value(part, kind, c.width)


def store(c: Code, value: Value, pointer: str, walk: Walk, lanes: int) -> None:
    """The lanes that are meant, where the walk stands."""
    stride, kind = walk.strides[-1], walk.kind
    text = value.text
    if kind == "b":
        text = c.fresh()
        c.put(f"{text} = zext {c.type('b')} {value.text} to <{c.width} x i8>")
    if lanes < c.width:
        order = ", ".join(f"i32 {i}" for i in range(lanes))
        old = f"<{c.width} x {LOADED[kind]}>"
        part = c.fresh()
        c.put(f"{part} = shufflevector {old} {text}, {old} poison, <{lanes} x i32> <{order}>")
        text = part
    if stride == BYTES[kind]:
        c.put(f"store <{lanes} x {LOADED[kind]}> {text}, ptr {pointer}, align 1")
        return
    for i in range(lanes):
        place, one = c.fresh(), c.fresh()
        c.put(f"{one} = extractelement <{lanes} x {LOADED[kind]}> {text}, i64 {i}")
        c.put(f"{place} = getelementptr i8, ptr {pointer}, i64 {i * stride}")
        c.put(f"store {LOADED[kind]} {one}, ptr {place}, align 1")
